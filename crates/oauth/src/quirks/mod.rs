//! What one provider does differently: data, chosen by the host of its issuer.
//!
//! A new quirk is a file beside this one with a [`Quirk`] in it, and its row in [`TABLE`]. Most
//! providers need none: whatever several of them do (an `aud` that is an array, a fraction in
//! `auth_time`, a trailing slash) is accepted from all.

mod entra;
mod google;
mod okta;

use crate::error::{Error, MemberFault, Rejection};

/// What one provider does differently.
#[derive(Debug, PartialEq, Eq)]
pub struct Quirk {
    /// For logs and the console.
    pub name: &'static str,
    /// Hosts of issuers. One that begins with a dot stands for everything below it.
    pub hosts: &'static [&'static str],
    /// Whether it was seen at the real provider. If not, it comes from public documentation.
    pub verified: bool,
    /// Whom a client assertion is addressed to.
    pub assertion_audience: AssertionAudience,
    /// How lasting access is asked for.
    pub offline: Offline,
    /// Scopes that come back under another name than they were asked by.
    pub scope_names: &'static [(&'static str, &'static str)],
    /// Scopes that are granted without being named in the answer.
    pub silent_scopes: &'static [&'static str],
    /// Whether its metadata may name the issuer by a template with [`TENANT`] in it (MIX-4).
    pub issuer_template: bool,
}

/// Whom a client assertion is addressed to (BND-16).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AssertionAudience {
    /// The issuer: what everybody gets unless they are known to refuse it.
    Issuer,
    /// The token endpoint.
    TokenEndpoint,
}

/// How lasting access is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offline {
    /// By the scope `offline_access` (OpenID Connect Core 1.0 §11).
    Scope,
    /// By a parameter, instead of that scope.
    Parameter(&'static str, &'static str),
}

/// The place of a tenant in the issuer of a provider that serves many.
pub const TENANT: &str = "{tenantid}";

/// All quirks. The first whose hosts fit is taken.
pub const TABLE: &[&Quirk] = &[&entra::QUIRK, &google::QUIRK, &okta::QUIRK];

/// No quirk at all: what the standards say.
pub const NONE: Quirk = Quirk {
    name: "none",
    hosts: &[],
    verified: true,
    assertion_audience: AssertionAudience::Issuer,
    offline: Offline::Scope,
    scope_names: &[],
    silent_scopes: &[],
    issuer_template: false,
};

/// The quirk of a host, [`NONE`] for most.
pub fn of_host(host: &str) -> &'static Quirk {
    TABLE
        .iter()
        .find(|quirk| quirk.hosts.iter().any(|held| fits(held, host)))
        .map_or(&NONE, |held| held)
}

/// Whether an issuer stands for many.
pub fn is_template(issuer: &str) -> bool {
    issuer.contains(TENANT)
}

impl Quirk {
    /// Parameters of the authorization request that these scopes call for.
    pub fn parameters(&self, scopes: &[String]) -> Option<(&'static str, &'static str)> {
        let lasting = scopes.iter().any(|scope| scope == OFFLINE);
        match self.offline {
            Offline::Parameter(name, value) if lasting => Some((name, value)),
            Offline::Parameter(..) | Offline::Scope => None,
        }
    }

    /// Whether a scope goes onto the wire.
    pub fn sends(&self, scope: &str) -> bool {
        self.offline == Offline::Scope || scope != OFFLINE
    }

    /// Whether an answer that grants `granted` grants the scope that was asked as `asked`.
    pub fn grants(&self, granted: &[String], asked: &str) -> bool {
        let renamed = self
            .scope_names
            .iter()
            .find(|(name, _)| *name == asked)
            .map(|(_, name)| *name);
        !self.sends(asked)
            || self.silent_scopes.contains(&asked)
            || granted
                .iter()
                .any(|scope| scope == asked || Some(scope.as_str()) == renamed)
    }
}

/// The tenants that a connection to a many-tenant provider lets in. Without a list, none.
pub fn check_tenants(tenants: &[String]) -> Result<(), Error> {
    let good = |tenant: &String| {
        (1..=64).contains(&tenant.len())
            && tenant
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'))
    };
    if tenants.iter().all(good) {
        return Ok(());
    }
    let fault = MemberFault::Character;
    Err(Error::Rejected(Rejection::Address {
        member: "tenants",
        fault,
    }))
}

const OFFLINE: &str = "offline_access";

fn fits(held: &str, host: &str) -> bool {
    match held.strip_prefix('.') {
        Some(_) => host.len() > held.len() && host.ends_with(held),
        None => held == host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quirk_is_chosen_by_the_whole_host() {
        for (host, name) in [
            ("accounts.google.com", "google"),
            ("accounts.google.com.evil.example", "none"),
            ("evil-accounts.google.com", "none"),
            ("acme.okta.com", "okta"),
            ("okta.com", "none"),
            (".okta.com", "none"),
            ("acmeokta.com", "none"),
            ("login.microsoftonline.com", "entra"),
            ("127.0.0.1", "none"),
        ] {
            assert_eq!(of_host(host).name, name, "{host}");
        }
    }

    #[test]
    fn nothing_taken_from_documentation_claims_to_be_verified() {
        assert!(TABLE.iter().all(|quirk| !quirk.verified));
    }

    #[test]
    fn a_renamed_or_silent_scope_counts_as_granted() {
        let granted =
            ["openid", "https://www.googleapis.com/auth/userinfo.email"].map(str::to_owned);
        for (quirk, asked, expected) in [
            (&google::QUIRK, "email", true),
            (&google::QUIRK, "profile", false),
            (&google::QUIRK, "offline_access", true),
            (&entra::QUIRK, "offline_access", true),
            (&entra::QUIRK, "email", false),
            (&NONE, "email", false),
            (&NONE, "offline_access", false),
        ] {
            assert_eq!(
                quirk.grants(&granted, asked),
                expected,
                "{} {asked}",
                quirk.name
            );
        }
    }
}
