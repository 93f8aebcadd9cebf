//! Who the client is: the peer of the connection, or whom a trusted proxy names.

use std::net::{IpAddr, SocketAddr};

use budget::network_of;
use hyper::HeaderMap;
use ipnet::IpNet;
use stream::Client;

use super::Who;
use super::socket::Remote;
use crate::settings::Proxy;

/// Who may say who the client is: nobody, by default.
///
/// Of the headers that proxies use, `X-Forwarded-For` and `X-Forwarded-Proto` count. `Forwarded` (RFC 7239) does not:
/// most proxies append to the former and pass the latter through untouched, so that a client could forge it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Proxies {
    networks: Vec<IpNet>,
    unix: bool,
}

impl Proxies {
    /// From the key `server.trusted_proxies`.
    pub(crate) fn new(trusted: &[Proxy]) -> Self {
        let network = |proxy: &Proxy| match proxy {
            Proxy::Network(network) => Some(*network),
            Proxy::Unix => None,
        };
        Proxies {
            networks: trusted.iter().filter_map(network).collect(),
            unix: trusted.contains(&Proxy::Unix),
        }
    }

    fn trusts_address(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(&address))
    }

    /// Whether the peer may say who the client is.
    pub(crate) fn trusts(&self, remote: Remote) -> bool {
        match remote {
            Remote::Tcp(address) => self.trusts_address(address.to_canonical()),
            Remote::Unix => self.unix,
        }
    }

    /// Whose the connection is, for the ceiling per address; `serial` tells exempt ones apart.
    pub(crate) fn who(&self, remote: Remote, serial: u64) -> Who {
        match remote {
            Remote::Tcp(address) if !self.trusts(remote) => Who::Address(network_of(address)),
            _ => Who::Exempt(serial),
        }
    }

    /// The client of a request.
    ///
    /// The list is read from its end, since each proxy appends whom it saw: the first address that is no proxy of ours
    /// is the client. An entry that is no address ends the search, and the proxy that wrote it is taken.
    pub(crate) fn resolve(&self, remote: Remote, tls: bool, headers: &HeaderMap) -> Client {
        let mut client = Client { address: peer_address(remote), secure: tls };
        if !self.trusts(remote) {
            return client;
        }
        if let Some(scheme) = last_entry(headers, "x-forwarded-proto") {
            client.secure = scheme.eq_ignore_ascii_case("https");
        }
        let lists = headers.get_all("x-forwarded-for");
        let lists: Vec<&str> = lists.iter().map(|list| list.to_str().unwrap_or("")).collect();
        for entry in lists.iter().rev().flat_map(|list| list.rsplit(',')) {
            let Some(address) = address_of(entry.trim()) else { break };
            client.address = address;
            if !self.trusts_address(address) {
                break;
            }
        }
        client
    }
}

fn peer_address(remote: Remote) -> IpAddr {
    match remote {
        Remote::Tcp(address) => address.to_canonical(),
        Remote::Unix => IpAddr::from([127, 0, 0, 1]),
    }
}

fn last_entry<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let last = headers.get_all(name).iter().next_back()?;
    last.to_str().ok()?.rsplit(',').next().map(str::trim)
}

/// `192.0.2.1`, `192.0.2.1:5000`, `2001:db8::1`, `[2001:db8::1]` and `[2001:db8::1]:5000`.
fn address_of(entry: &str) -> Option<IpAddr> {
    let bare = entry.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(entry);
    let address = bare.parse::<IpAddr>().or_else(|_| entry.parse::<SocketAddr>().map(|socket| socket.ip()));
    address.ok().map(|address| address.to_canonical())
}
