//! Which addresses a request may go to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::trouble::{Trouble, TroubleKind};

/// Which addresses that are not the public internet's may be asked.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Private {
    /// None.
    #[default]
    Refused,
    /// Those within these networks, each in the form in which it is connected to: a network of IPv4 does not let through
    /// the same addresses in a form of IPv6.
    Listed(Vec<IpNet>),
    /// All machines of one's own networks: loopback, private, shared and unique-local addresses. Link-local ones, where
    /// clouds keep their secrets, and all that lead nowhere must be listed all the same.
    Allowed,
}

impl Private {
    /// Says by name why an address may not be asked.
    ///
    /// # Errors
    /// [`TroubleKind::Address`].
    pub(crate) fn judge(&self, address: IpAddr) -> Result<(), Trouble> {
        let Some((what, is_own)) = special(address) else { return Ok(()) };
        let is_let_through = match self {
            Private::Refused => false,
            Private::Listed(networks) => networks.iter().any(|network| network.contains(&address)),
            Private::Allowed => is_own,
        };
        if is_let_through {
            return Ok(());
        }
        let said = format!("{address} is {what}, which no request may go to");
        Err(Trouble::new(TroubleKind::Address, said))
    }
}

const fn v4(a: u8, b: u8, c: u8, bits: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, 0), bits)
}

const fn v6(a: u16, b: u16, c: u16, bits: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0), bits)
}

/// What is not the public internet of IPv4 (the registry of RFC 6890), and whether it is one's own network.
const SPECIAL_V4: [(Ipv4Net, &str, bool); 16] = [
    (v4(0, 0, 0, 8), "an unspecified address", false),
    (v4(10, 0, 0, 8), "a private address", true),
    (v4(100, 64, 0, 10), "a shared address of a provider", true),
    (v4(127, 0, 0, 8), "a loopback address", true),
    (v4(169, 254, 0, 16), "a link-local address", false),
    (v4(172, 16, 0, 12), "a private address", true),
    (v4(192, 0, 0, 24), "an address of a protocol", false),
    (v4(192, 0, 2, 24), "an address for examples", false),
    (v4(192, 31, 196, 24), "an address of a protocol", false),
    (v4(192, 88, 99, 24), "a 6to4 relay", false),
    (v4(192, 168, 0, 16), "a private address", true),
    (v4(198, 18, 0, 15), "an address for measurements", false),
    (v4(198, 51, 100, 24), "an address for examples", false),
    (v4(203, 0, 113, 24), "an address for examples", false),
    (v4(224, 0, 0, 4), "a multicast address", false),
    (v4(240, 0, 0, 4), "a reserved address", false),
];

/// The same of IPv6. What is in none of them and not in 2000::/3 is reserved.
const SPECIAL_V6: [(Ipv6Net, &str, bool); 12] = [
    (v6(0x64, 0xff9b, 1, 48), "an IPv4 address in a form of NAT64", false),
    (v6(0x64, 0xff9b, 0, 96), "an IPv4 address in a form of NAT64", false),
    (v6(0x100, 0, 0, 64), "an address that leads nowhere", false),
    (v6(0x2001, 0, 0, 32), "an IPv4 address in a form of Teredo", false),
    (v6(0x2001, 0, 0, 23), "an address of a protocol", false),
    (v6(0x2001, 0xdb8, 0, 32), "an address for examples", false),
    (v6(0x2002, 0, 0, 16), "an IPv4 address in a form of 6to4", false),
    (v6(0x3fff, 0, 0, 20), "an address for examples", false),
    (v6(0xfc00, 0, 0, 7), "a unique-local address", true),
    (v6(0xfe80, 0, 0, 10), "a link-local address", false),
    (v6(0xfec0, 0, 0, 10), "a site-local address", false),
    (v6(0xff00, 0, 0, 8), "a multicast address", false),
];

const PUBLIC_V6: Ipv6Net = v6(0x2000, 0, 0, 3);

/// What an address is if it is none of the public internet, and whether it is one of one's own networks.
fn special(address: IpAddr) -> Option<(&'static str, bool)> {
    match address {
        IpAddr::V4(address) => SPECIAL_V4
            .iter()
            .find(|(network, _, _)| network.contains(&address))
            .map(|(_, what, is_own)| (*what, *is_own)),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Some(("an unspecified address", false)),
        IpAddr::V6(Ipv6Addr::LOCALHOST) => Some(("a loopback address", true)),
        IpAddr::V6(address) if address.to_ipv4_mapped().is_some() => {
            Some(("an IPv4 address in a form of IPv6", false))
        }
        IpAddr::V6(address) => {
            let found = SPECIAL_V6.iter().find(|(network, _, _)| network.contains(&address));
            match found {
                Some((_, what, is_own)) => Some((what, *is_own)),
                None if PUBLIC_V6.contains(&address) => None,
                None => Some(("a reserved address", false)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(private: &Private, address: &str) -> Result<(), String> {
        private.judge(address.parse().unwrap()).map_err(|trouble| trouble.to_string())
    }

    #[test]
    fn p07_only_the_public_internet_is_asked_unless_somebody_lists_more() {
        let refused = [
            ("0.0.0.0", "unspecified"),
            ("0.1.2.3", "unspecified"),
            ("10.1.2.3", "private"),
            ("100.64.0.1", "shared"),
            ("100.127.255.255", "shared"),
            ("127.0.0.1", "loopback"),
            ("127.255.0.1", "loopback"),
            ("169.254.169.254", "link-local"),
            ("172.16.0.1", "private"),
            ("172.31.255.255", "private"),
            ("192.0.0.1", "protocol"),
            ("192.0.2.1", "examples"),
            ("192.88.99.1", "6to4"),
            ("192.168.0.1", "private"),
            ("198.19.255.255", "measurements"),
            ("198.51.100.7", "examples"),
            ("203.0.113.7", "examples"),
            ("224.0.0.1", "multicast"),
            ("239.255.255.250", "multicast"),
            ("240.0.0.1", "reserved"),
            ("255.255.255.255", "reserved"),
            ("::", "unspecified"),
            ("::1", "loopback"),
            ("::7f00:1", "reserved"),
            ("::ffff:127.0.0.1", "form of IPv6"),
            ("::ffff:8.8.8.8", "form of IPv6"),
            ("64:ff9b::7f00:1", "NAT64"),
            ("64:ff9b:1::a00:1", "NAT64"),
            ("100::1", "nowhere"),
            ("2001::1", "Teredo"),
            ("2001:2::1", "protocol"),
            ("2001:db8::1", "examples"),
            ("2002:7f00:1::", "6to4"),
            ("3fff::1", "examples"),
            ("4000::1", "reserved"),
            ("fc00::1", "unique-local"),
            ("fdff::1", "unique-local"),
            ("fe80::1", "link-local"),
            ("febf::1", "link-local"),
            ("fec0::1", "site-local"),
            ("ff02::1", "multicast"),
        ];
        for (address, what) in refused {
            let said = judged(&Private::Refused, address).unwrap_err();
            assert!(said.contains(what), "{said}");
            let itself = Private::Listed(vec![IpNet::from(address.parse::<IpAddr>().unwrap())]);
            judged(&itself, address).unwrap();
        }
        let public = ["1.1.1.1", "9.255.255.255", "11.0.0.1", "100.63.255.255", "100.128.0.1", "172.15.0.1"];
        for address in public.into_iter().chain(["172.32.0.1", "223.255.255.255", "2600::1", "2a00:1::1"]) {
            judged(&Private::Refused, address).unwrap();
        }
    }

    #[test]
    fn a_list_lets_through_what_it_names_in_the_form_it_names() {
        let listed = Private::Listed(vec!["127.0.0.2/32".parse().unwrap(), "fd00::/8".parse().unwrap()]);
        for (address, may) in [
            ("127.0.0.2", true),
            ("127.0.0.1", false),
            ("::ffff:127.0.0.2", false),
            ("64:ff9b::7f00:2", false),
            ("fd12::1", true),
            ("fc00::1", false),
            ("8.8.8.8", true),
        ] {
            assert_eq!(judged(&listed, address).is_ok(), may, "{address}");
        }
        for (address, may) in [
            ("127.0.0.1", true),
            ("::1", true),
            ("192.168.1.1", true),
            ("fd12::1", true),
            ("100.64.0.1", true),
            ("169.254.169.254", false),
            ("fe80::1", false),
            ("::ffff:10.0.0.1", false),
            ("0.0.0.0", false),
            ("224.0.0.1", false),
        ] {
            assert_eq!(judged(&Private::Allowed, address).is_ok(), may, "{address}");
        }
    }
}
