//! `organizations/<organization>/connections/<code>.yaml`.

use identity::claims::Wanted;
use identity::mapping::Mapping;
use indexmap::IndexMap;
use jose::Alg;
use oauth::Rules;
use oauth::discovery::{self, Endpoints};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

use super::address::{Origin, address};
use super::agent::origins;
use super::mistake::{Flaw, below, did_you_mean, flaw, hinted};
use super::secret::{SecretFile, SecretRef};

/// What stands for the provider's own address of user information.
const USERINFO: &str = "{userinfo}";

/// A connection: our registration at one provider, and what its sign-in gives.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectionFile {
    /// Code of the connection, the same as the file's name. Steps refer to it, and it stands in addresses.
    pub connection: String,
    /// What people see.
    #[schemars(length(min = 1, max = 100))]
    pub title: String,
    /// The issuer of an OIDC provider, or the address of its metadata. Either this or `endpoints`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discovery: Option<String>,
    /// The addresses of a bare OAuth server. Either these or `discovery`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoints: Option<EndpointsFile>,
    /// Our id at the provider.
    #[schemars(length(min = 1, max = 1000))]
    pub client_id: String,
    /// Our secret there, or our private key (PKCS #8) for `private_key_jwt`: by reference, never literally.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<SecretFile>,
    /// How we prove who we are to the provider. Absent: `basic`.
    #[serde(default)]
    pub client_auth: ClientAuth,
    /// What is asked for. Absent: `openid profile email` with `discovery`, nothing with `endpoints`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Vec<String>>,
    /// What the provider is to ask of the person. Absent: not sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<Prompt>,
    /// Claims that flows may read beyond the usual ones, separated by commas: `preferred_username, tid, groups`.
    #[serde(default)]
    pub additional_claims: String,
    /// Whether only people with a verified e-mail address may sign in.
    #[serde(default)]
    pub require_verified_email: bool,
    /// The only origins that its tokens are sent to, such as `https://api.acme.example`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allowed_origins: Vec<String>,
    /// Which callback address is registered at the provider. Absent: the connection's own. `shared` is not available yet.
    #[serde(default)]
    pub redirect: Redirect,
    /// How the identity of a person is fetched, and what becomes of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<IdentityFile>,
    /// Silent sign-on. Absent: none is offered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exchange: Option<ExchangeFile>,
    /// Whether a person's other conversations may use the tokens.
    #[serde(default)]
    pub share_between_conversations: bool,
    /// The signature algorithms an ID token may have. Absent: RS256, PS256, ES256, `EdDSA`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub algorithms: Option<Vec<String>>,
    /// Audiences that an ID token may have beside our client id.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trusted_audiences: Vec<String>,
}

/// The addresses of a bare OAuth server.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EndpointsFile {
    /// Where people sign in.
    pub authorization: String,
    /// Where codes become tokens.
    pub token: String,
    /// Where user information is fetched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub userinfo: Option<String>,
}

/// How we prove who we are to a provider.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuth {
    /// The secret in a header.
    #[default]
    Basic,
    /// The secret in the body.
    Post,
    /// A signature with our private key.
    PrivateKeyJwt,
    /// Not at all: a public client.
    None,
}

/// What the provider is to ask of the person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Prompt {
    /// To sign in, even if they are signed in there.
    Login,
    /// To consent.
    Consent,
    /// Which account.
    SelectAccount,
}

impl Prompt {
    /// The value of the parameter `prompt`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Consent => "consent",
            Self::SelectAccount => "select_account",
        }
    }
}

/// Which callback address is registered at the provider.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Redirect {
    /// `/oauth-callback/<organization>/<connection>`.
    #[default]
    Own,
    /// `/oauth-callback`, only where the provider sends `iss`.
    Shared,
}

/// One request, and a mapping of its answer.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IdentityFile {
    /// `{userinfo}` for the provider's own address, or another one, whose origin must be allowed.
    pub get: String,
    /// Fields of `ChatUser`, and the attributes of the answer that fill them: `ChatUser.Email: email`.
    pub map: IndexMap<String, String>,
}

/// Silent sign-on: a token of the host page is exchanged for one of ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExchangeFile {
    /// How.
    pub kind: ExchangeKind,
    /// The audience that the page's token must have.
    #[schemars(length(min = 1, max = 1000))]
    pub audience: String,
}

/// How tokens are exchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExchangeKind {
    /// By the on-behalf-of flow of Entra ID.
    EntraOnBehalfOf,
    /// By RFC 8693.
    TokenExchange,
}

/// A connection that has been checked.
#[derive(Clone, Debug)]
pub struct Connection {
    /// Steps refer to it by this.
    pub code: String,
    /// What people see.
    pub title: String,
    /// Where the provider is.
    pub provider: Provider,
    /// Our id there.
    pub client_id: String,
    /// Our secret, or our private key for `private_key_jwt`; `None` for a public client only.
    pub client_secret: Option<SecretRef>,
    /// How we prove who we are.
    pub client_auth: ClientAuth,
    /// What is asked for, in this order.
    pub scopes: Vec<String>,
    /// What the provider is to ask of the person; `None` is not sent.
    pub prompt: Option<Prompt>,
    /// Claims that flows may read beyond the usual ones (IDN-6).
    pub additional_claims: Wanted,
    /// Whether only people with a verified address may sign in (IDN-7).
    pub require_verified_email: bool,
    /// The only places that its tokens are sent to (XCH-1).
    pub allowed_origins: Vec<Origin>,
    /// Which callback address is registered.
    pub redirect: Redirect,
    /// How a person's identity is fetched, if at all (IDN-2).
    pub identity: Option<Identity>,
    /// Silent sign-on, if offered.
    pub exchange: Option<ExchangeFile>,
    /// Whether a person's other conversations may use the tokens (TOK-1).
    pub share_between_conversations: bool,
    /// Algorithms of ID tokens; `None` are the usual ones.
    pub algorithms: Option<Vec<Alg>>,
    /// Audiences that an ID token may have beside our client id.
    pub trusted_audiences: Vec<String>,
}

/// Where a provider is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Provider {
    /// It says itself, here. As it was written, since an issuer is compared letter by letter (MIX-4).
    Discovery(String),
    /// An administrator typed its addresses.
    Endpoints(Endpoints),
}

/// How a person's identity is fetched, and what becomes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Where from.
    pub source: IdentitySource,
    /// Which fields of the profile receive what.
    pub mapping: Mapping,
}

/// Where a person's identity is fetched from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdentitySource {
    /// The provider's own address of user information.
    UserInfo,
    /// Another address, of an allowed origin.
    Url(Url),
}

impl ConnectionFile {
    pub(super) fn check(self, rules: Rules) -> Result<Connection, Vec<Flaw>> {
        let mut flaws = Vec::new();
        let provider = take(self.provider(rules), &mut flaws);
        let client_secret = take(self.secret().map_err(|flaw| vec![flaw]), &mut flaws);
        let allowed_origins = origins(&self.allowed_origins, "/allowed_origins", rules, &mut flaws);
        let identity = take(self.identity(&allowed_origins, rules), &mut flaws);
        let additional_claims = take(self.claims().map_err(|flaw| vec![flaw]), &mut flaws);
        let scopes = take(self.scopes(), &mut flaws);
        let algorithms = take(self.algorithms(), &mut flaws);
        flaws.extend(self.shared_redirect());
        let (Some(provider), Some(client_secret), Some(identity)) =
            (provider, client_secret, identity)
        else {
            return Err(flaws);
        };
        let (Some(additional_claims), Some(scopes), Some(algorithms)) =
            (additional_claims, scopes, algorithms)
        else {
            return Err(flaws);
        };
        if !flaws.is_empty() {
            return Err(flaws);
        }
        Ok(Connection {
            code: self.connection,
            title: self.title,
            provider,
            client_id: self.client_id,
            client_secret,
            client_auth: self.client_auth,
            scopes,
            prompt: self.prompt,
            additional_claims,
            require_verified_email: self.require_verified_email,
            allowed_origins,
            redirect: self.redirect,
            identity,
            exchange: self.exchange,
            share_between_conversations: self.share_between_conversations,
            algorithms,
            trusted_audiences: self.trusted_audiences,
        })
    }

    fn provider(&self, rules: Rules) -> Result<Provider, Vec<Flaw>> {
        match (&self.discovery, &self.endpoints) {
            (Some(_), Some(_)) => Err(vec![flaw(
                "/endpoints",
                "either `discovery` or `endpoints`, not both",
            )]),
            (None, None) => Err(vec![hinted(
                "",
                "where is the provider?",
                "write `discovery: https://…`, or `endpoints` for a bare OAuth server",
            )]),
            (Some(discovery), None) => discovered(discovery, rules).map_err(|flaw| vec![flaw]),
            (None, Some(endpoints)) => typed(endpoints, rules),
        }
    }

    fn secret(&self) -> Result<Option<SecretRef>, Flaw> {
        const AT: &str = "/client_secret";
        match (self.client_auth, &self.client_secret) {
            (ClientAuth::None, None) => Ok(None),
            (ClientAuth::None, Some(_)) => Err(flaw(
                AT,
                "a public client (`client_auth: none`) has no secret",
            )),
            (ClientAuth::Basic | ClientAuth::Post | ClientAuth::PrivateKeyJwt, Some(secret)) => {
                secret.resolve(AT).map(Some)
            }
            (ClientAuth::PrivateKeyJwt, None) => Err(hinted(
                "",
                "`client_secret` is missing",
                "`private_key_jwt` needs a private key: write `{ file: PATH }`",
            )),
            (ClientAuth::Basic | ClientAuth::Post, None) => Err(hinted(
                "",
                "`client_secret` is missing",
                "write `${NAME}`, or `client_auth: none` for a public client",
            )),
        }
    }

    fn identity(&self, allowed: &[Origin], rules: Rules) -> Result<Option<Identity>, Vec<Flaw>> {
        let Some(file) = &self.identity else {
            return Ok(None);
        };
        let source = self.identity_source(&file.get, allowed, rules);
        let mapping = Mapping::parse(&file.map).map_err(|faults| {
            faults
                .into_iter()
                .map(|fault| flaw(below("/identity/map", &fault.key), fault.to_string()))
                .collect::<Vec<_>>()
        });
        match (source, mapping) {
            (Ok(source), Ok(mapping)) => Ok(Some(Identity { source, mapping })),
            (source, mapping) => Err(source
                .err()
                .into_iter()
                .chain(mapping.err().into_iter().flatten())
                .collect()),
        }
    }

    fn identity_source(
        &self,
        get: &str,
        allowed: &[Origin],
        rules: Rules,
    ) -> Result<IdentitySource, Flaw> {
        const AT: &str = "/identity/get";
        if get == USERINFO {
            return match &self.endpoints {
                Some(EndpointsFile { userinfo: None, .. }) => Err(hinted(
                    AT,
                    "the provider has no address of user information",
                    "add `userinfo` to `endpoints`",
                )),
                Some(_) | None => Ok(IdentitySource::UserInfo),
            };
        }
        let url = address(get, rules).map_err(|fault| {
            hinted(
                AT,
                fault.to_string(),
                format!("write `\"{USERINFO}\"` for the provider's own address"),
            )
        })?;
        if allowed.iter().any(|origin| origin.covers(&url)) {
            Ok(IdentitySource::Url(url))
        } else {
            let origin = url.origin().ascii_serialization();
            Err(hinted(
                AT,
                format!("`{origin}` may not receive the token"),
                "add it to `allowed_origins`",
            ))
        }
    }

    fn claims(&self) -> Result<Wanted, Flaw> {
        Wanted::parse(&self.additional_claims)
            .map_err(|fault| flaw("/additional_claims", fault.to_string()))
    }

    fn scopes(&self) -> Result<Vec<String>, Vec<Flaw>> {
        let usual: &[&str] = if self.discovery.is_some() {
            &["openid", "profile", "email"]
        } else {
            &[]
        };
        let Some(scopes) = &self.scopes else {
            return Ok(usual.iter().map(|&scope| scope.to_owned()).collect());
        };
        let flaws: Vec<Flaw> = scopes
            .iter()
            .enumerate()
            .filter_map(|(index, scope)| {
                let at = below("/scopes", index);
                if !is_scope(scope) {
                    Some(hinted(
                        at,
                        format!("`{}` is not a scope", scope.escape_debug()),
                        "write one scope for each place of the list",
                    ))
                } else if scopes[..index].contains(scope) {
                    Some(flaw(at, format!("`{scope}` is asked for twice")))
                } else {
                    None
                }
            })
            .collect();
        if flaws.is_empty() {
            Ok(scopes.clone())
        } else {
            Err(flaws)
        }
    }

    fn algorithms(&self) -> Result<Option<Vec<Alg>>, Vec<Flaw>> {
        let Some(names) = &self.algorithms else {
            return Ok(None);
        };
        let mut algs = Vec::new();
        let mut flaws = Vec::new();
        for (index, name) in names.iter().enumerate() {
            match name.parse::<Alg>() {
                Ok(alg) => algs.push(alg),
                Err(_) => flaws.push(Flaw {
                    hint: did_you_mean(name, Alg::ALL.iter().map(|alg| alg.as_str())),
                    ..flaw(
                        below("/algorithms", index),
                        format!("`{name}` is not an algorithm of signatures"),
                    )
                }),
            }
        }
        if flaws.is_empty() {
            Ok(Some(algs))
        } else {
            Err(flaws)
        }
    }

    /// One callback address for all connections is safe only where every provider's `iss` is held
    /// against the attempt (MIX-3); until that is built, each connection keeps its own.
    fn shared_redirect(&self) -> Option<Flaw> {
        (self.redirect == Redirect::Shared).then(|| {
            hinted(
                "/redirect",
                "a shared callback is not available yet",
                "leave `redirect` out: the connection then has a callback of its own",
            )
        })
    }
}

fn discovered(text: &str, rules: Rules) -> Result<Provider, Flaw> {
    const AT: &str = "/discovery";
    address(text, rules).map_err(|fault| flaw(AT, fault.to_string()))?;
    match discovery::begin(text, &rules) {
        Ok(_) => Ok(Provider::Discovery(text.to_owned())),
        Err(_) => Err(flaw(AT, "no provider can live at this address")),
    }
}

fn typed(file: &EndpointsFile, rules: Rules) -> Result<Provider, Vec<Flaw>> {
    let members = [
        ("authorization", Some(&file.authorization)),
        ("token", Some(&file.token)),
        ("userinfo", file.userinfo.as_ref()),
    ];
    let faulty = |(member, text): (&str, Option<&String>)| {
        let fault = address(text?, rules).err()?;
        Some(flaw(below("/endpoints", member), fault.to_string()))
    };
    let flaws: Vec<Flaw> = members.into_iter().filter_map(faulty).collect();
    if !flaws.is_empty() {
        return Err(flaws);
    }
    Ok(Provider::Endpoints(Endpoints {
        authorization: Some(file.authorization.clone()),
        token: Some(file.token.clone()),
        userinfo: file.userinfo.clone(),
        ..Endpoints::default()
    }))
}

/// RFC 6749 §3.3: `scope-token`.
fn is_scope(text: &str) -> bool {
    let fits = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
    !text.is_empty() && text.bytes().all(fits)
}

fn take<T>(checked: Result<T, Vec<Flaw>>, flaws: &mut Vec<Flaw>) -> Option<T> {
    checked.map_err(|found| flaws.extend(found)).ok()
}
