//! The two discovery documents, which are one, and the key set.

use serde_json::{Value, json};

use crate::{Endpoint, Provider, Response};

/// Scopes that the sign-in page knows words for; others are granted too.
pub(crate) const SCOPES: [&str; 5] = ["openid", "profile", "email", "offline_access", "trips"];

impl Provider {
    /// OpenID Connect Discovery 1.0 §3 and RFC 8414 §2.
    pub(crate) fn discovery(&self) -> Response {
        let mut document = json!({
            "issuer": self.config.issuer,
            "authorization_endpoint": self.address(Endpoint::Authorize),
            "token_endpoint": self.address(Endpoint::Token),
            "userinfo_endpoint": self.address(Endpoint::UserInfo),
            "revocation_endpoint": self.address(Endpoint::Revocation),
            "jwks_uri": self.address(Endpoint::Keys),
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": ["authorization_code", "refresh_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": [self.config.id_token_alg.as_str()],
            "token_endpoint_auth_methods_supported":
                ["client_secret_basic", "client_secret_post", "private_key_jwt", "none"],
            "token_endpoint_auth_signing_alg_values_supported": ["RS256", "PS256", "ES256", "EdDSA"],
            "code_challenge_methods_supported": ["S256"],
            "scopes_supported": SCOPES,
            "claims_supported": ["sub", "name", "given_name", "family_name", "preferred_username",
                "locale", "email", "email_verified", "groups"],
        });
        if self.config.sends_iss {
            document["authorization_response_iss_parameter_supported"] = Value::Bool(true);
        }
        Response::of_json(200, &document).cacheable()
    }

    /// RFC 7517 §5.
    pub(crate) fn key_set(&self) -> Response {
        Response::of_json(200, &self.keys.document()).cacheable()
    }
}
