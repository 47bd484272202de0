//! Reading and setting our cookies.
//!
//! All of them are `__Host-`: bound to this very host, `Secure`, path `/`. Values are 256 random
//! bits in base64url and name nothing; the store knows their digests.

use http::{HeaderMap, HeaderValue, header};

/// The browser a conversation belongs to (P2a).
pub(crate) const CHAT: &str = "__Host-chat";
/// Pairs a confirmation page with its form.
pub(crate) const FORM: &str = "__Host-form";
/// Followed by eight characters of the attempt: the browser that set out to the provider (P1).
pub(crate) const ATTEMPT: &str = "__Host-att-";

/// More attempts than this at once and the oldest is forgotten (BND-4).
const ATTEMPTS: usize = 10;
/// Cookies of one request that are looked at; an honest browser sends a handful.
const LOOKED_AT: usize = 200;
/// The longest value of ours, with room to spare.
const VALUE_BYTES: usize = 64;

/// Our cookies among those of a request. Of a name sent twice, neither counts: one of the two was
/// planted by somebody.
#[derive(Default)]
pub(crate) struct Cookies {
    ours: Vec<(String, String)>,
}

impl Cookies {
    /// Picks ours out of the request's headers; anything malformed is passed over.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let ours: Vec<(&str, &str)> = headers
            .get_all(header::COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(';'))
            .take(LOOKED_AT)
            .filter_map(|pair| pair.trim().split_once('='))
            .filter(|(name, value)| is_ours(name) && is_value(value))
            .collect();
        Self {
            ours: single(&ours),
        }
    }

    /// The value of the cookie called `name`.
    pub(crate) fn named(&self, name: &str) -> Option<&str> {
        self.ours
            .iter()
            .find(|(candidate, _)| candidate == name)
            .map(|(_, value)| value.as_str())
    }

    /// The browser's cookies of attempts, by the attempt's short name.
    pub(crate) fn attempts(&self) -> Vec<(String, String)> {
        let short = |name: &str| name.strip_prefix(ATTEMPT).map(str::to_owned);
        self.ours
            .iter()
            .filter_map(|(name, value)| Some((short(name)?, value.clone())))
            .collect()
    }

    /// Attempt cookies beyond what a browser may hold, to be removed when one more is set: the
    /// oldest, since browsers send cookies of one path in the order they were made
    /// (RFC 6265 §5.4).
    pub(crate) fn surplus_attempts(&self) -> impl Iterator<Item = &str> {
        let attempts = || {
            self.ours
                .iter()
                .filter(|(name, _)| name.starts_with(ATTEMPT))
        };
        let surplus = (attempts().count() + 1).saturating_sub(ATTEMPTS);
        attempts().take(surplus).map(|(name, _)| name.as_str())
    }
}

/// `Set-Cookie` for a cookie that lives for `max_age_s` seconds; none: as long as the browser runs.
pub(crate) fn set(name: &str, value: &str, max_age_s: Option<i64>) -> Option<HeaderValue> {
    let life = max_age_s.map_or_else(String::new, |s| format!("; Max-Age={s}"));
    let cookie = format!("{name}={value}; Path=/; Secure; HttpOnly; SameSite=Lax{life}");
    HeaderValue::try_from(cookie).ok()
}

/// `Set-Cookie` that removes one of our cookies.
pub(crate) fn remove(name: &str) -> Option<HeaderValue> {
    set(name, "", Some(0))
}

fn is_ours(name: &str) -> bool {
    name == CHAT || name == FORM || (name.starts_with(ATTEMPT) && name.len() == ATTEMPT.len() + 8)
}

fn is_value(value: &str) -> bool {
    (1..=VALUE_BYTES).contains(&value.len())
        && value
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

fn single(ours: &[(&str, &str)]) -> Vec<(String, String)> {
    let once = |name| ours.iter().filter(|(other, _)| *other == name).count() == 1;
    ours.iter()
        .filter(|(name, _)| once(*name))
        .map(|&(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(header: &str) -> Cookies {
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, HeaderValue::from_str(header).unwrap());
        Cookies::of(&headers)
    }

    #[test]
    fn ours_are_found_among_others() {
        let cookies = read("a=b; __Host-chat=abc-_1; x; =; __Host-att-12345678=z");
        assert_eq!(cookies.named(CHAT), Some("abc-_1"));
        assert_eq!(
            cookies.attempts(),
            [("12345678".to_owned(), "z".to_owned())]
        );
    }

    #[test]
    fn a_cookie_sent_twice_counts_for_nothing() {
        assert_eq!(read("__Host-chat=a; __Host-chat=b").named(CHAT), None);
        assert_eq!(read("__Host-chat=a; __Host-chat=a").named(CHAT), None);
    }

    #[test]
    fn hostile_headers_are_read_in_bounded_time_and_without_panic() {
        let many = "__Host-att-aaaaaaaa=1; ".repeat(1_000);
        let wide = format!("__Host-chat={}", "x".repeat(16_000));
        for header in [
            many.as_str(),
            wide.as_str(),
            ";;;;",
            "=",
            "__Host-chat",
            "__Host-chat=a b",
        ] {
            assert_eq!(
                read(header).named(CHAT),
                None,
                "{}",
                &header[..header.len().min(40)]
            );
        }
    }

    #[test]
    fn the_eleventh_attempt_pushes_out_one_of_the_ten_before() {
        let ten: Vec<String> = (0..10).map(|n| format!("__Host-att-{n:08}=v")).collect();
        assert_eq!(
            read(&ten.join("; ")).surplus_attempts().collect::<Vec<_>>(),
            ["__Host-att-00000000"]
        );
    }
}
