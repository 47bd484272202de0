//! Okta. From public documentation only: unverified.

use super::{AssertionAudience, Offline, Quirk};

/// Assertions are documented with the token endpoint as audience.
pub(super) const QUIRK: Quirk = Quirk {
    name: "okta",
    hosts: &[".okta.com", ".oktapreview.com", ".okta-emea.com"],
    verified: false,
    assertion_audience: AssertionAudience::TokenEndpoint,
    offline: Offline::Scope,
    scope_names: &[],
    silent_scopes: &[],
    issuer_template: false,
};
