//! Google. From public documentation only: unverified.

use super::{AssertionAudience, Offline, Quirk};

/// Lasting access is asked for by `access_type=offline`, the scope `offline_access` is unknown;
/// `email` and `profile` come back as addresses.
pub(super) const QUIRK: Quirk = Quirk {
    name: "google",
    hosts: &["accounts.google.com"],
    verified: false,
    assertion_audience: AssertionAudience::Issuer,
    offline: Offline::Parameter("access_type", "offline"),
    scope_names: &[
        ("email", "https://www.googleapis.com/auth/userinfo.email"),
        (
            "profile",
            "https://www.googleapis.com/auth/userinfo.profile",
        ),
    ],
    silent_scopes: &[],
    issuer_template: false,
};
