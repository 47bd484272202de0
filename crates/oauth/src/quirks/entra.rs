//! Microsoft Entra ID. From public documentation only: unverified.

use super::{AssertionAudience, Offline, Quirk};

/// Its metadata for several tenants name the issuer by a template; assertions are documented with
/// the token endpoint as audience; answers leave `offline_access` out of `scope`.
pub(super) const QUIRK: Quirk = Quirk {
    name: "entra",
    hosts: &[
        "login.microsoftonline.com",
        "login.microsoftonline.us",
        "login.partner.microsoftonline.cn",
    ],
    verified: false,
    assertion_audience: AssertionAudience::TokenEndpoint,
    offline: Offline::Scope,
    scope_names: &[],
    silent_scopes: &["offline_access"],
    issuer_template: true,
};
