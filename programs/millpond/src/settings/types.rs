//! Values that exist only parsed: addresses and trusted proxies. URLs and origins are the web face's own types.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

use ipnet::IpNet;
use serde::Deserialize;

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) enum Address {
    /// A TCP address; port 0 is any free one.
    Tcp(SocketAddr),
    /// A Unix socket, by its path.
    Unix(PathBuf),
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            let absolute = path.starts_with('/');
            return if absolute { Ok(Address::Unix(path.into())) } else { Err(ADDRESS.to_owned()) };
        }
        let numeric = text.replacen("localhost:", "127.0.0.1:", 1);
        let everywhere = if numeric.starts_with(':') { format!("[::]{numeric}") } else { numeric };
        everywhere.parse().map(Address::Tcp).map_err(|_| ADDRESS.to_owned())
    }
}

const ADDRESS: &str =
    "it must be ADDRESS:PORT, for example 127.0.0.1:4040 or [::]:4040, or unix:/absolute/path";

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tcp(address) => write!(f, "{address}"),
            Address::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// A peer that may say who the client is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) enum Proxy {
    /// Everything in this network.
    Network(IpNet),
    /// Whoever connects to a Unix socket.
    Unix,
}

impl FromStr for Proxy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "unix" {
            return Ok(Proxy::Unix);
        }
        text.parse::<Network>()
            .map(|Network(network)| Proxy::Network(network))
            .map_err(|_| "it must be an address, a network such as 10.0.0.0/8, or unix".to_owned())
    }
}

/// A network, or one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Network(pub(crate) IpNet);

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let network = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        network
            .map(|network| Network(network.trunc()))
            .map_err(|_| "it must be an address or a network such as 10.0.0.0/8".to_owned())
    }
}

/// How to log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object per line.
    Json,
}

macro_rules! from_string {
    ($($name:ident),*) => {$(
        impl TryFrom<String> for $name {
            type Error = String;

            fn try_from(text: String) -> Result<Self, String> {
                text.parse()
            }
        }
    )*};
}

from_string!(Address, Proxy, Network);
