use std::fmt;

use oauth::Rules;
use url::{Host, Url};

/// A scheme, host and port that a token may go to, or that may embed a chat: `https://api.acme.example`.
///
/// `https://*.acme.example` stands for every host below that one, at any depth, and not for itself (XCH-1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    scheme: String,
    host: Host<String>,
    port: u16,
    below: bool,
}

/// Why a text is no origin that is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OriginFault {
    /// No address at all.
    #[error("not an address")]
    NotAnAddress,
    /// A path or query beside scheme, host and port.
    #[error("an origin has only a scheme, a host and a port")]
    NotOnlyAnOrigin,
    /// A user name, password or fragment.
    #[error("a user name, password or fragment is not allowed")]
    NotBare,
    /// Something else than `https`.
    #[error("only `https` is allowed")]
    NotHttps,
    /// `http` to loopback, which needs `development = true`.
    #[error("`http` to this machine is allowed only with `development = true`")]
    NeedsDevelopment,
    /// A `*` elsewhere than as the first label, or above less than two labels.
    #[error(
        "`*.` may stand only before a host of two or more names, as in `https://*.acme.example`"
    )]
    Wildcard,
}

impl Origin {
    /// Reads an origin. `http` is for loopback under `development` only.
    pub fn parse(text: &str, rules: &Rules) -> Result<Self, OriginFault> {
        let (plain, below) = match text.split_once("://*.") {
            Some((scheme, host)) => (format!("{scheme}://{host}"), true),
            None => (text.to_owned(), false),
        };
        let url = address(&plain, *rules)?;
        // `Url` writes the path of an origin as `/`, so whatever else was there is still seen in its text.
        let only = matches!(url.path(), "" | "/") && url.query().is_none();
        if !only || text.ends_with(['?', '#']) {
            return Err(OriginFault::NotOnlyAnOrigin);
        }
        let host = url.host().ok_or(OriginFault::NotAnAddress)?.to_owned();
        let port = url
            .port_or_known_default()
            .ok_or(OriginFault::NotAnAddress)?;
        if plain.contains('*') || (below && !has_two_labels(&host)) {
            return Err(OriginFault::Wildcard);
        }
        Ok(Self {
            scheme: url.scheme().to_owned(),
            host,
            port,
            below,
        })
    }

    /// Whether `url` lies there. An address with a user name or password lies nowhere.
    pub fn covers(&self, url: &Url) -> bool {
        let anonymous = url.username().is_empty() && url.password().is_none();
        let same = url.scheme() == self.scheme && url.port_or_known_default() == Some(self.port);
        anonymous && same && url.host().is_some_and(|host| self.covers_host(&host))
    }

    fn covers_host(&self, host: &Host<&str>) -> bool {
        match (&self.host, host) {
            (Host::Domain(ours), Host::Domain(theirs)) if self.below => theirs
                .strip_suffix(ours.as_str())
                .is_some_and(|rest| rest.len() > 1 && rest.ends_with('.')),
            (Host::Domain(ours), Host::Domain(theirs)) => ours == theirs,
            (Host::Ipv4(ours), Host::Ipv4(theirs)) => ours == theirs,
            (Host::Ipv6(ours), Host::Ipv6(theirs)) => ours == theirs,
            (Host::Domain(_) | Host::Ipv4(_) | Host::Ipv6(_), _) => false,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            scheme,
            host,
            port,
            below,
        } = self;
        let star = if *below { "*." } else { "" };
        let known = matches!((scheme.as_str(), *port), ("https", 443) | ("http", 80));
        let port = if known {
            String::new()
        } else {
            format!(":{port}")
        };
        write!(f, "{scheme}://{star}{host}{port}")
    }
}

/// Reads an address that we, or a browser, will call: `https`, or `http` to loopback under `development`; no user
/// name, no fragment.
pub(super) fn address(text: &str, rules: Rules) -> Result<Url, OriginFault> {
    let url = Url::parse(text).map_err(|_| OriginFault::NotAnAddress)?;
    let bare = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    match url.scheme() {
        "https" | "http" if !bare => Err(OriginFault::NotBare),
        "https" => Ok(url),
        "http" if !is_loopback(&url) => Err(OriginFault::NotHttps),
        "http" if rules.development => Ok(url),
        "http" => Err(OriginFault::NeedsDevelopment),
        _ => Err(OriginFault::NotHttps),
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

fn has_two_labels(host: &Host<String>) -> bool {
    match host {
        Host::Domain(name) => name.trim_end_matches('.').contains('.'),
        Host::Ipv4(_) | Host::Ipv6(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STRICT: Rules = Rules { development: false };
    const DEVELOPMENT: Rules = Rules { development: true };

    #[track_caller]
    fn refused(text: &str, rules: Rules, fault: OriginFault) {
        assert_eq!(Origin::parse(text, &rules), Err(fault), "{text}");
    }

    #[test]
    fn an_origin_is_https_and_nothing_but_scheme_host_and_port() {
        for text in [
            "https://api.acme.example",
            "https://api.acme.example:8443",
            "https://[2001:db8::1]",
        ] {
            assert_eq!(Origin::parse(text, &STRICT).unwrap().to_string(), text);
        }
        assert_eq!(
            Origin::parse("https://API.acme.example:443/", &STRICT)
                .unwrap()
                .to_string(),
            "https://api.acme.example"
        );
        refused("api.acme.example", STRICT, OriginFault::NotAnAddress);
        refused("https://", STRICT, OriginFault::NotAnAddress);
        refused(
            "https://api.acme.example/v1",
            STRICT,
            OriginFault::NotOnlyAnOrigin,
        );
        refused(
            "https://api.acme.example?x",
            STRICT,
            OriginFault::NotOnlyAnOrigin,
        );
        refused("https://api.acme.example/#", STRICT, OriginFault::NotBare);
        refused("https://me@api.acme.example", STRICT, OriginFault::NotBare);
        refused("ftp://api.acme.example", STRICT, OriginFault::NotHttps);
        refused(
            "http://api.acme.example",
            DEVELOPMENT,
            OriginFault::NotHttps,
        );
        refused(
            "http://localhost:9000",
            STRICT,
            OriginFault::NeedsDevelopment,
        );
        refused(
            "http://127.0.0.1.acme.example",
            DEVELOPMENT,
            OriginFault::NotHttps,
        );
        for text in [
            "http://localhost:9000",
            "http://api.localhost",
            "http://127.0.0.1",
            "http://[::1]:80",
        ] {
            assert!(Origin::parse(text, &DEVELOPMENT).is_ok(), "{text}");
        }
    }

    #[test]
    fn a_star_stands_only_as_the_whole_first_label() {
        assert_eq!(
            Origin::parse("https://*.acme.example", &STRICT)
                .unwrap()
                .to_string(),
            "https://*.acme.example"
        );
        for text in [
            "https://*",
            "https://*.example",
            "https://api.*.example",
            "https://x*.acme.example",
            "https://*.*.acme.example",
            "https://*.127.0.0.1",
        ] {
            assert!(Origin::parse(text, &STRICT).is_err(), "{text}");
        }
    }

    #[track_caller]
    fn covers(origin: &str, url: &str, expected: bool) {
        let origin = Origin::parse(origin, &STRICT).unwrap();
        assert_eq!(
            origin.covers(&Url::parse(url).unwrap()),
            expected,
            "{origin} {url}"
        );
    }

    /// Proves in part: XCH-1 (which origin is covered; that a call elsewhere fails before connecting is shown with the call)
    #[test]
    fn an_origin_covers_its_own_addresses_only() {
        let api = "https://api.acme.example";
        covers(api, "https://api.acme.example/v1?x=1", true);
        covers(api, "https://api.acme.example:443/", true);
        covers(api, "https://API.ACME.example/", true);
        covers(api, "https://api.acme.example.evil.tld/", false);
        covers(api, "https://evil-api.acme.example/", false);
        covers(api, "https://api.acme.example@evil.tld/", false);
        covers(api, "https://me@api.acme.example/", false);
        covers(api, "https://api.acme.example:8443/", false);
        covers(api, "http://api.acme.example/", false);
        covers(api, "http://api.acme.example:443/", false);
        covers(api, "https://api.acme.example./", false);
        covers(api, "https://acme.example/", false);
        let below = "https://*.acme.example";
        covers(below, "https://api.acme.example/", true);
        covers(below, "https://a.b.acme.example/", true);
        covers(below, "https://acme.example/", false);
        covers(below, "https://evilacme.example/", false);
        covers(below, "https://.acme.example/", false);
        covers(below, "https://api.acme.example.evil.tld/", false);
    }
}
