//! A browser's cookies, as RFC 6265bis keeps them for one https host.

use jiff::{SignedDuration, Timestamp};

/// The cookies of one browser, oldest first.
#[derive(Default)]
pub(crate) struct Jar {
    cookies: Vec<Cookie>,
}

struct Cookie {
    name: String,
    value: String,
    path: String,
    /// None: until the browser is closed.
    ends: Option<Timestamp>,
}

impl Jar {
    /// Takes one `Set-Cookie`. A `__Host-` cookie that breaks the rules of its name is not kept.
    pub(crate) fn take(&mut self, header: &str, now: Timestamp) {
        let mut parts = header.split(';').map(str::trim);
        let Some((name, value)) = parts.next().and_then(|pair| pair.split_once('=')) else {
            return;
        };
        let attributes: Vec<(String, &str)> = parts
            .map(|part| part.split_once('=').unwrap_or((part, "")))
            .map(|(name, value)| (name.to_ascii_lowercase(), value))
            .collect();
        let attribute = |wanted: &str| {
            let found = attributes.iter().find(|(name, _)| name == wanted);
            found.map(|(_, value)| *value)
        };
        let path = attribute("path").unwrap_or("/").to_owned();
        let is_host = attribute("secure").is_some() && attribute("domain").is_none() && path == "/";
        if name.starts_with("__Host-") && !is_host {
            return;
        }
        let max_age = attribute("max-age").and_then(|text| text.parse::<i64>().ok());
        if max_age.is_some_and(|seconds| seconds <= 0) {
            self.cookies.retain(|held| held.name != name);
            return;
        }
        let ends = max_age.map(|seconds| {
            now.saturating_add(SignedDuration::from_secs(seconds))
                .unwrap_or(Timestamp::MAX)
        });
        self.put(name, value, path, ends);
    }

    /// A cookie that is set anew keeps its age (RFC 6265bis §5.7).
    fn put(&mut self, name: &str, value: &str, path: String, ends: Option<Timestamp>) {
        let cookie = Cookie {
            name: name.to_owned(),
            value: value.to_owned(),
            path,
            ends,
        };
        match self.cookies.iter_mut().find(|held| held.name == name) {
            Some(held) => *held = cookie,
            None => self.cookies.push(cookie),
        }
    }

    /// Plants a cookie.
    pub(crate) fn plant(&mut self, name: &str, value: &str) {
        self.put(name, value, "/".to_owned(), None);
    }

    /// Throws one away.
    pub(crate) fn lose(&mut self, name: &str) {
        self.cookies.retain(|held| held.name != name);
    }

    /// What is sent with a request for `path`, oldest first.
    pub(crate) fn sent(&mut self, path: &str, now: Timestamp) -> Vec<(String, String)> {
        self.cookies
            .retain(|held| held.ends.is_none_or(|ends| now < ends));
        self.cookies
            .iter()
            .filter(|held| path.starts_with(&held.path))
            .map(|held| (held.name.clone(), held.value.clone()))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::BEGIN;

    fn held(headers: &[&str], seconds: i64) -> Vec<String> {
        let mut jar = Jar::default();
        for header in headers {
            jar.take(header, BEGIN);
        }
        let sent = jar.sent("/sign-in/x", BEGIN + SignedDuration::from_secs(seconds));
        sent.into_iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect()
    }

    #[test]
    fn cookies_live_as_long_as_they_say_and_only_if_they_keep_the_rules_of_their_name() {
        for (headers, seconds, expected) in [
            (
                &["__Host-a=1; Path=/; Secure; HttpOnly"][..],
                0,
                &["__Host-a=1"][..],
            ),
            (&["__Host-a=1; Path=/"], 0, &[]),
            (&["__Host-a=1; Path=/x; Secure"], 0, &[]),
            (&["__Host-a=1; Path=/; Secure; Domain=example"], 0, &[]),
            (&["a=1; Max-Age=60"], 59, &["a=1"]),
            (&["a=1; Max-Age=60"], 60, &[]),
            (&["a=1", "b=2", "a=3"], 0, &["a=3", "b=2"]),
            (&["a=1", "a=; Max-Age=0"], 0, &[]),
            (&["a=1; Path=/other"], 0, &[]),
        ] {
            assert_eq!(
                held(headers, seconds),
                expected,
                "{headers:?} after {seconds} s"
            );
        }
    }
}
