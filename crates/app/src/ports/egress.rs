//! Where an outgoing request may go (`security.md` section 9): a pure judgement on addresses.
//!
//! It is asked twice: about the URL before anything is resolved ([`Rules::admits`], which also
//! covers addresses written in the URL, EGR-2), and about every address a name resolves to
//! ([`Rules::reaches`]). Only the operator's process configuration makes exceptions (EGR-4).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use url::{Host, Url};

/// Cloud metadata services: no exception may name them (EGR-4).
const METADATA: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
];

/// The operator's rules for this process.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// Networks that may be reached although private, over `http` too, on any port.
    pub allow: Vec<IpNet>,
    /// Permits `http` and loopback addresses (architecture 11.10).
    pub development: bool,
}

/// Why a request was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Neither `https` nor `http`.
    #[error("the scheme is not https")]
    Scheme,
    /// Not `https` on port 443, and the address is not one of the operator's exceptions.
    #[error("only https on port 443 may leave this network")]
    Unusual,
    /// User information in the URL.
    #[error("the URL carries user information")]
    UserInfo,
    /// A name with an empty label, a trailing dot, or none at all.
    #[error("the host name is not usable")]
    Name,
    /// A private, local, reserved or otherwise special address.
    #[error("the address is not public")]
    Address,
}

impl Rules {
    /// Judges a URL before its name is resolved. A literal address is judged like a resolved one.
    pub fn admits(&self, url: &Url) -> Result<(), Refusal> {
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Refusal::UserInfo);
        }
        match (url.scheme(), url.host()) {
            ("https" | "http", None) => Err(Refusal::Name),
            ("https" | "http", Some(Host::Domain(name))) => self.admits_name(url, name),
            ("https" | "http", Some(Host::Ipv4(ip))) => self.reaches(ip.into(), is_ordinary(url)),
            ("https" | "http", Some(Host::Ipv6(ip))) => self.reaches(ip.into(), is_ordinary(url)),
            _ => Err(Refusal::Scheme),
        }
    }

    /// Whether a connection to `address` may be made. Every address a name resolves to is asked
    /// about, with [`is_ordinary`] of the URL.
    pub fn reaches(&self, address: IpAddr, ordinary: bool) -> Result<(), Refusal> {
        match (self.excepts(address), is_public(address)) {
            (true, _) => Ok(()),
            (false, false) => Err(Refusal::Address),
            (false, true) if ordinary => Ok(()),
            (false, true) => Err(Refusal::Unusual),
        }
    }

    fn admits_name(&self, url: &Url, name: &str) -> Result<(), Refusal> {
        if name.ends_with('.') || name.split('.').any(str::is_empty) {
            return Err(Refusal::Name);
        }
        let local = name == "localhost" || name.ends_with(".localhost");
        if local && !self.development {
            return Err(Refusal::Address);
        }
        // Only an excepted address can be meant; `reaches` decides once it is known.
        let exceptions = self.development || !self.allow.is_empty();
        if is_ordinary(url) || exceptions {
            Ok(())
        } else {
            Err(Refusal::Unusual)
        }
    }

    fn excepts(&self, address: IpAddr) -> bool {
        let address = plain(address);
        if METADATA.contains(&address) {
            return false;
        }
        (self.development && address.is_loopback())
            || self.allow.iter().any(|net| net.contains(&address))
    }
}

/// Whether the URL is one for the open internet: `https` on port 443 (EGR-7).
pub fn is_ordinary(url: &Url) -> bool {
    url.scheme() == "https" && url.port_or_known_default() == Some(443)
}

/// An IPv4 address in IPv6 clothing is judged as what it is (EGR-3).
fn plain(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(address, IpAddr::V4),
        IpAddr::V4(_) => address,
    }
}

/// Whether the address belongs to the public internet (EGR-3).
pub fn is_public(address: IpAddr) -> bool {
    match plain(address) {
        IpAddr::V4(v4) => !within_v4(v4),
        IpAddr::V6(v6) => match embedded_v4(v6) {
            Some(v4) => !within_v4(v4),
            None => !within_v6(v6),
        },
    }
}

/// Networks no request of ours has business in: (first address, prefix length).
const REFUSED_V4: [([u8; 4], u32); 16] = [
    ([0, 0, 0, 0], 8),
    ([10, 0, 0, 0], 8),
    ([100, 64, 0, 0], 10),
    ([127, 0, 0, 0], 8),
    ([169, 254, 0, 0], 16),
    ([172, 16, 0, 0], 12),
    ([192, 0, 0, 0], 24),
    ([192, 0, 2, 0], 24),
    ([192, 88, 99, 0], 24),
    ([192, 168, 0, 0], 16),
    ([198, 18, 0, 0], 15),
    ([198, 51, 100, 0], 24),
    ([203, 0, 113, 0], 24),
    ([224, 0, 0, 0], 4),
    ([240, 0, 0, 0], 4),
    ([255, 255, 255, 255], 32),
];

fn within_v4(address: Ipv4Addr) -> bool {
    let address = u32::from(address);
    REFUSED_V4.iter().any(|&(first, bits)| {
        let mask = u32::MAX << (32 - bits);
        address & mask == u32::from_be_bytes(first) & mask
    })
}

const REFUSED_V6: [([u16; 8], u32); 13] = [
    ([0; 8], 96), // `::`, `::1` and the rest of the deprecated compatible block
    ([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48),
    ([0x100, 0, 0, 0, 0, 0, 0, 0], 64),
    ([0x2001, 0, 0, 0, 0, 0, 0, 0], 32),
    ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32),
    ([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20),
    ([0x5f00, 0, 0, 0, 0, 0, 0, 0], 16),
    ([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7),
    ([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10),
    ([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10),
    ([0xff00, 0, 0, 0, 0, 0, 0, 0], 8),
    ([0, 0, 0, 0, 0xffff, 0, 0, 0], 96),
    ([0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254], 128),
];

fn within_v6(address: Ipv6Addr) -> bool {
    let address = u128::from(address);
    REFUSED_V6.iter().any(|&(first, bits)| {
        let mask = u128::MAX << (128 - bits);
        address & mask == u128::from(Ipv6Addr::from(first)) & mask
    })
}

/// The IPv4 address inside a NAT64 (`64:ff9b::/96`) or 6to4 (`2002::/16`) address.
fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let join = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match address.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => Some(join(high, low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(allow: &[&str], development: bool) -> Rules {
        Rules {
            allow: allow.iter().map(|net| net.parse().unwrap()).collect(),
            development,
        }
    }

    fn check(rules: &Rules, url: &str, expected: Result<(), Refusal>) {
        assert_eq!(rules.admits(&Url::parse(url).unwrap()), expected, "{url}");
    }

    /// Proves: EGR-2
    #[test]
    fn an_address_in_disguise_is_judged_as_what_it_is() {
        let rules = rules(&[], false);
        for host in [
            "2130706433",
            "0x7f.1",
            "0177.0.0.1",
            "127.1",
            "①②⑦.0.0.1",
            "１２７.0.0.1",
            "[::ffff:169.254.169.254]",
            "[::ffff:7f00:1]",
            "[::1]",
            "[64:ff9b::7f00:1]",
            "[2002:7f00:1::]",
        ] {
            check(&rules, &format!("https://{host}/"), Err(Refusal::Address));
        }
    }

    /// First, last, the neighbour below if public, the neighbour above if public.
    const NETWORKS: &[(&str, &str, Option<&str>, Option<&str>)] = &[
        ("0.0.0.0", "0.255.255.255", None, Some("1.0.0.0")),
        (
            "10.0.0.0",
            "10.255.255.255",
            Some("9.255.255.255"),
            Some("11.0.0.0"),
        ),
        (
            "100.64.0.0",
            "100.127.255.255",
            Some("100.63.255.255"),
            Some("100.128.0.0"),
        ),
        (
            "127.0.0.0",
            "127.255.255.255",
            Some("126.255.255.255"),
            Some("128.0.0.0"),
        ),
        (
            "169.254.0.0",
            "169.254.255.255",
            Some("169.253.255.255"),
            Some("169.255.0.0"),
        ),
        (
            "172.16.0.0",
            "172.31.255.255",
            Some("172.15.255.255"),
            Some("172.32.0.0"),
        ),
        (
            "192.0.0.0",
            "192.0.0.255",
            Some("191.255.255.255"),
            Some("192.0.1.0"),
        ),
        (
            "192.0.2.0",
            "192.0.2.255",
            Some("192.0.1.255"),
            Some("192.0.3.0"),
        ),
        (
            "192.88.99.0",
            "192.88.99.255",
            Some("192.88.98.255"),
            Some("192.88.100.0"),
        ),
        (
            "192.168.0.0",
            "192.168.255.255",
            Some("192.167.255.255"),
            Some("192.169.0.0"),
        ),
        (
            "198.18.0.0",
            "198.19.255.255",
            Some("198.17.255.255"),
            Some("198.20.0.0"),
        ),
        (
            "198.51.100.0",
            "198.51.100.255",
            Some("198.51.99.255"),
            Some("198.51.101.0"),
        ),
        (
            "203.0.113.0",
            "203.0.113.255",
            Some("203.0.112.255"),
            Some("203.0.114.0"),
        ),
        (
            "224.0.0.0",
            "239.255.255.255",
            Some("223.255.255.255"),
            None,
        ),
        ("240.0.0.0", "255.255.255.255", None, None),
        ("::", "::ffff", None, None),
        ("::1", "::1", None, None),
        (
            "64:ff9b:1::",
            "64:ff9b:1:ffff:ffff:ffff:ffff:ffff",
            None,
            Some("64:ff9b:2::"),
        ),
        (
            "64:ff9b::a00:0",
            "64:ff9b::aff:ffff",
            Some("64:ff9b::9ff:ffff"),
            Some("64:ff9b::b00:0"),
        ),
        (
            "100::",
            "100::ffff:ffff:ffff:ffff",
            None,
            Some("100:0:0:1::"),
        ),
        (
            "2001::",
            "2001:0:ffff:ffff:ffff:ffff:ffff:ffff",
            None,
            Some("2001:1::"),
        ),
        (
            "2001:db8::",
            "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
            Some("2001:db7:ffff::"),
            Some("2001:db9::"),
        ),
        (
            "2002:a00::",
            "2002:aff:ffff::",
            Some("2002:9ff:ffff::"),
            Some("2002:b00::"),
        ),
        (
            "3fff::",
            "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff",
            Some("3ffe:ffff::"),
            Some("3fff:1000::"),
        ),
        (
            "5f00::",
            "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
            Some("5eff:ffff::"),
            Some("5f01::"),
        ),
        (
            "fc00::",
            "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
            Some("fbff:ffff::"),
            Some("fe00::"),
        ),
        (
            "fe80::",
            "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
            Some("fe7f:ffff::"),
            None,
        ),
        (
            "fec0::",
            "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
            None,
            None,
        ),
        (
            "ff00::",
            "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
            None,
            None,
        ),
        (
            "::ffff:10.0.0.0",
            "::ffff:10.255.255.255",
            Some("::ffff:9.255.255.255"),
            Some("::ffff:11.0.0.0"),
        ),
    ];

    /// Proves: EGR-3
    #[test]
    fn every_special_network_is_refused_from_its_first_to_its_last_address() {
        for &(first, last, below, above) in NETWORKS {
            for inside in [first, last] {
                assert!(!is_public(inside.parse().unwrap()), "{inside} is inside");
            }
            for outside in [below, above].into_iter().flatten() {
                assert!(is_public(outside.parse().unwrap()), "{outside} is outside");
            }
        }
    }

    /// Proves in part: EGR-7 (punycode shown to administrators comes with the console)
    #[test]
    fn only_https_on_443_with_a_plain_name_is_admitted() {
        let strict = rules(&[], false);
        check(&strict, "https://api.example/x?y", Ok(()));
        check(&strict, "http://api.example/", Err(Refusal::Unusual));
        check(&strict, "https://api.example:8443/", Err(Refusal::Unusual));
        check(&strict, "ftp://api.example/", Err(Refusal::Scheme));
        check(&strict, "file:///etc/passwd", Err(Refusal::Scheme));
        check(&strict, "https://u:p@api.example/", Err(Refusal::UserInfo));
        check(&strict, "https://api..example/", Err(Refusal::Name));
        check(&strict, "https://localhost./", Err(Refusal::Name));
        check(&strict, "https://localhost/", Err(Refusal::Address));
        check(&strict, "https://8.8.8.8:8443/", Err(Refusal::Unusual));
        check(&strict, "https://8.8.8.8/", Ok(()));
    }

    /// Proves in part: EGR-4 (the port of an exception is not narrowed yet)
    #[test]
    fn only_the_operators_list_opens_a_private_network_and_never_the_metadata_address() {
        let listed = rules(&["10.1.0.0/16", "169.254.0.0/16", "fd00::/8"], false);
        check(&listed, "http://10.1.2.3:8080/", Ok(()));
        check(&listed, "https://10.2.0.1/", Err(Refusal::Address));
        check(&listed, "http://169.254.169.254/", Err(Refusal::Address));
        check(&listed, "http://[fd00:ec2::254]/", Err(Refusal::Address));
        check(&rules(&[], true), "http://127.0.0.1:9/", Ok(()));
        check(&rules(&[], true), "http://10.1.2.3/", Err(Refusal::Address));
    }

    #[test]
    fn a_name_that_resolves_to_a_private_address_is_not_reached() {
        let rules = rules(&["10.1.0.0/16"], false);
        let reaches = |address: &str, ordinary| rules.reaches(address.parse().unwrap(), ordinary);
        assert_eq!(reaches("127.0.0.1", true), Err(Refusal::Address));
        assert_eq!(reaches("1.1.1.1", true), Ok(()));
        assert_eq!(reaches("1.1.1.1", false), Err(Refusal::Unusual));
        assert_eq!(reaches("10.1.0.9", false), Ok(()));
    }
}
