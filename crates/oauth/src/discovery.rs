//! Where a provider's endpoints are: its metadata (OpenID Connect Discovery 1.0, RFC 8414), or what
//! an administrator typed.

use std::collections::VecDeque;

use jiff::Timestamp;
use jose::Alg;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use url::{Host, Url};

use crate::answer;
use crate::error::{Error, MemberFault, Misbehavior, Rejection, Unsupported};
use crate::exchange::{Exchange, Progress};
use crate::http::{Purpose, Request, Response};
use crate::quirks::{self, Quirk};

/// What is permitted beyond the standards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// Providers on this machine may be spoken to without https. The pages show it.
    pub development: bool,
}

/// All that is known of one provider. Every address in it has passed [`Rules`]; store it as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provider {
    /// Byte for byte as the provider writes it. `None`: a bare OAuth server, which yields no ID
    /// tokens. May hold [`quirks::TENANT`]; then `tenants` says who is let in.
    pub issuer: Option<String>,
    /// The tenants behind a template issuer (MIX-4); empty for everyone else.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tenants: Vec<String>,
    /// Where people are sent.
    pub authorization_endpoint: Url,
    /// Where codes and refresh tokens go.
    pub token_endpoint: Url,
    /// Where an access token is answered by who it belongs to.
    pub userinfo_endpoint: Option<Url>,
    /// RFC 7009.
    pub revocation_endpoint: Option<Url>,
    /// RFC 7662.
    pub introspection_endpoint: Option<Url>,
    /// OpenID Connect RP-Initiated Logout 1.0.
    pub end_session_endpoint: Option<Url>,
    /// The key set. Without it no ID token can be believed.
    pub jwks_uri: Option<Url>,
    /// Whether the provider announces `iss` in its authorization responses (RFC 9207).
    pub sends_iss: bool,
    /// PKCE methods, if it lists any.
    pub pkce_methods: Option<Vec<String>>,
    /// What ID tokens may be signed by, unless the connection names others: the default list, less
    /// what the provider does not announce. Never `HS*`, whatever the provider announces (JWT-6).
    pub id_token_algs: Vec<Alg>,
    /// `token_endpoint_auth_methods_supported`, if it lists any.
    pub client_auth_methods: Option<Vec<String>>,
    /// `scopes_supported`, if it lists any.
    pub scopes: Option<Vec<String>>,
}

/// Addresses that an administrator typed. They win over discovered ones (MIX-5).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of `Provider`")]
pub struct Endpoints {
    pub issuer: Option<String>,
    pub authorization: Option<String>,
    pub token: Option<String>,
    pub userinfo: Option<String>,
    pub revocation: Option<String>,
    pub end_session: Option<String>,
    pub jwks: Option<String>,
}

/// Begins to look for the metadata of `address`: an issuer as the provider writes it, to the last
/// slash, or the address of a document below `/.well-known/`, which says of itself whose it is.
///
/// # Errors
/// [`Rejection::Address`] if no provider can live at `address`.
pub fn begin(address: &str, rules: &Rules) -> Result<Progress<Discovery>, Error> {
    begin_for_tenants(address, &[], rules)
}

/// Like [`begin`], for a provider that serves many tenants under one address: its quirk permits an
/// issuer with [`quirks::TENANT`] in it, and `tenants` lists who may sign in (MIX-4).
pub fn begin_for_tenants(
    address: &str,
    tenants: &[String],
    rules: &Rules,
) -> Result<Progress<Discovery>, Error> {
    quirks::check_tenants(tenants)?;
    let typed = address_of(address, *rules).map_err(|fault| rejected("discovery", fault))?;
    let wanted = Wanted::by(address);
    let mut places = places(&wanted.url(*rules)?);
    if wanted.is_by_document() {
        places.retain(|place| *place != typed);
        places.push_front(typed);
    }
    Discovery::at(places, wanted, tenants, *rules).try_next()
}

/// Begins to look for the metadata of `issuer` at `document`, wherever that is (MIX-4: the issuer
/// in it must be the configured one, whatever address it was fetched from).
pub fn begin_elsewhere(
    document: &str,
    issuer: &str,
    rules: &Rules,
) -> Result<Progress<Discovery>, Error> {
    let document = address_of(document, *rules).map_err(|fault| rejected("discovery", fault))?;
    let wanted = Wanted::exactly(issuer);
    wanted.url(*rules)?;
    Discovery::at(VecDeque::from([document]), wanted, &[], *rules).try_next()
}

/// The search for one provider's metadata: one place after the other, until one has them.
#[derive(Clone, Debug, PartialEq)]
pub struct Discovery {
    wanted: Wanted,
    tenants: Vec<String>,
    rules: Rules,
    asked: Vec<Url>,
    places: VecDeque<Url>,
    /// Metadata of the OAuth sort, which may lack what the OpenID Connect sort would add.
    partial: Option<Box<Provider>>,
    /// What the first place that was busy or down said.
    busy: Option<Error>,
}

impl Exchange for Discovery {
    type Outcome = Provider;

    fn receive(mut self, answer: Response, now: Timestamp) -> Result<Progress<Discovery>, Error> {
        if matches!(answer.status, 429 | 500..=599) {
            // Some servers answer so wherever they have nothing: the other places come first.
            self.busy.get_or_insert(answer::failure(&answer, now));
            return self.try_next();
        }
        if !holds_json(&answer) {
            return self.try_next();
        }
        let document = answer::object(&answer.body)?;
        let provider = self.read(&document)?;
        if is_complete(&document) || self.places.is_empty() {
            return Ok(Progress::Done(provider));
        }
        self.partial = Some(Box::new(provider));
        self.try_next()
    }
}

impl Discovery {
    fn at(places: VecDeque<Url>, wanted: Wanted, tenants: &[String], rules: Rules) -> Discovery {
        let tenants = tenants.to_vec();
        Discovery {
            wanted,
            tenants,
            rules,
            asked: Vec::new(),
            places,
            partial: None,
            busy: None,
        }
    }

    fn try_next(mut self) -> Result<Progress<Discovery>, Error> {
        if let Some(place) = self.places.pop_front() {
            self.asked.push(place.clone());
            let request = Request::get(Purpose::Discovery, place, "application/json");
            return Ok(Progress::Send(request, self));
        }
        if let Some(busy) = self.busy {
            return Err(busy);
        }
        let tried = self.asked.iter().map(Url::to_string).collect();
        let nowhere = Error::Unsupported(Unsupported::NoMetadata { tried });
        let partial = self.partial.ok_or(nowhere)?;
        Ok(Progress::Done(*partial))
    }

    fn read(&self, document: &Map<String, Value>) -> Result<Provider, Error> {
        let issuer = required(answer::text(document, "issuer")?, "issuer")?;
        self.wanted.check(issuer, &self.tenants)?;
        let endpoint = |name| endpoint(document, name, self.rules);
        let provider = Provider {
            issuer: Some(issuer.to_owned()),
            tenants: if quirks::is_template(issuer) {
                self.tenants.clone()
            } else {
                Vec::new()
            },
            authorization_endpoint: required(
                endpoint("authorization_endpoint")?,
                "authorization_endpoint",
            )?,
            token_endpoint: required(endpoint("token_endpoint")?, "token_endpoint")?,
            userinfo_endpoint: endpoint("userinfo_endpoint")?,
            revocation_endpoint: endpoint("revocation_endpoint")?,
            introspection_endpoint: endpoint("introspection_endpoint")?,
            end_session_endpoint: endpoint("end_session_endpoint")?,
            jwks_uri: endpoint("jwks_uri")?,
            sends_iss: answer::flag(document, "authorization_response_iss_parameter_supported")?,
            pkce_methods: answer::texts(document, "code_challenge_methods_supported")?,
            id_token_algs: permitted_algs(answer::texts(
                document,
                "id_token_signing_alg_values_supported",
            )?),
            client_auth_methods: answer::texts(document, "token_endpoint_auth_methods_supported")?,
            scopes: answer::texts(document, "scopes_supported")?,
        };
        if answer::flag(document, "require_pushed_authorization_requests")? {
            return Err(Error::Unsupported(Unsupported::PushedRequests));
        }
        provider.usable()
    }
}

impl Provider {
    /// A provider of which nothing is known but what an administrator typed.
    pub fn from_endpoints(typed: &Endpoints, rules: &Rules) -> Result<Provider, Error> {
        let needed = |name, text: &Option<String>| {
            let url = typed_address(name, text.as_deref(), *rules)?;
            url.ok_or_else(|| rejected(name, MemberFault::Missing))
        };
        let bare = Provider {
            issuer: None,
            tenants: Vec::new(),
            authorization_endpoint: needed("authorization_endpoint", &typed.authorization)?,
            token_endpoint: needed("token_endpoint", &typed.token)?,
            userinfo_endpoint: None,
            revocation_endpoint: None,
            introspection_endpoint: None,
            end_session_endpoint: None,
            jwks_uri: None,
            sends_iss: false,
            pkce_methods: None,
            id_token_algs: Alg::DEFAULT.to_vec(),
            client_auth_methods: None,
            scopes: None,
        };
        bare.with_endpoints(typed, rules)
    }

    /// The same provider with what an administrator typed in place of what was discovered.
    pub fn with_endpoints(mut self, typed: &Endpoints, rules: &Rules) -> Result<Provider, Error> {
        let read = |member, text: &Option<String>| typed_address(member, text.as_deref(), *rules);
        if let Some(issuer) = &typed.issuer {
            Wanted::exactly(issuer).url(*rules)?;
            self.issuer = Some(issuer.clone());
        }
        if let Some(url) = read("authorization_endpoint", &typed.authorization)? {
            self.authorization_endpoint = url;
        }
        if let Some(url) = read("token_endpoint", &typed.token)? {
            self.token_endpoint = url;
        }
        self.userinfo_endpoint =
            read("userinfo_endpoint", &typed.userinfo)?.or(self.userinfo_endpoint);
        self.revocation_endpoint =
            read("revocation_endpoint", &typed.revocation)?.or(self.revocation_endpoint);
        self.end_session_endpoint =
            read("end_session_endpoint", &typed.end_session)?.or(self.end_session_endpoint);
        self.jwks_uri = read("jwks_uri", &typed.jwks)?.or(self.jwks_uri);
        Ok(self)
    }

    /// Whether S256 may be used: it is listed, or nothing is (BND-5).
    pub fn has_s256(&self) -> bool {
        self.pkce_methods
            .as_ref()
            .is_none_or(|methods| methods.iter().any(|method| method == "S256"))
    }

    /// What this provider does differently.
    pub fn quirk(&self) -> &'static Quirk {
        let issuer = self
            .issuer
            .as_deref()
            .and_then(|issuer| Url::parse(issuer).ok());
        quirk_of(issuer.as_ref().unwrap_or(&self.token_endpoint))
    }

    /// A connection to it can be saved only if every request we are going to make can be made.
    fn usable(self) -> Result<Provider, Error> {
        if self.has_s256() {
            Ok(self)
        } else {
            Err(Error::Unsupported(Unsupported::Pkce))
        }
    }
}

const OPENID: &str = "/.well-known/openid-configuration";
const OAUTH: &str = "/.well-known/oauth-authorization-server";

/// Whose metadata are looked for: one issuer, or the two that one document address may belong to.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Wanted {
    issuer: String,
    /// The same with a terminating slash, which is taken off to form a document address
    /// (OpenID Connect Discovery 1.0 §4), so that the address cannot tell the two apart.
    or: Option<String>,
}

impl Wanted {
    fn exactly(issuer: &str) -> Wanted {
        Wanted {
            issuer: issuer.to_owned(),
            or: None,
        }
    }

    /// A document address belongs to what is left without its well-known part, which stands at the
    /// end or (RFC 8414 §3.1) before the issuer's path. Any other address is an issuer.
    fn by(address: &str) -> Wanted {
        let parts = [OPENID, OAUTH]
            .iter()
            .find_map(|part| address.split_once(part));
        match parts {
            Some((before, after)) if after.is_empty() || after.starts_with('/') => {
                let issuer = format!("{before}{after}");
                Wanted {
                    or: Some(format!("{issuer}/")),
                    issuer,
                }
            }
            _ => Wanted::exactly(address),
        }
    }

    fn is_by_document(&self) -> bool {
        self.or.is_some()
    }

    /// The issuer as an address: https, no query, no fragment, no user info (MIX-4).
    fn url(&self, rules: Rules) -> Result<Url, Error> {
        let url = address_of(&self.issuer, rules).map_err(|fault| rejected("issuer", fault))?;
        if url.query().is_some() {
            Err(rejected("issuer", MemberFault::Query))
        } else {
            Ok(url)
        }
    }

    /// MIX-4: byte for byte.
    fn check(&self, got: &str, tenants: &[String]) -> Result<(), Misbehavior> {
        let is_it = if quirks::is_template(got) {
            !tenants.is_empty() && self.is_tenant_of(got)
        } else {
            self.issuer == got || self.or.as_deref() == Some(got)
        };
        if is_it {
            return Ok(());
        }
        Err(Misbehavior::mismatch(&self.issuer, got))
    }

    /// Whether `template` is that of a provider known to have one, and differs from what was asked
    /// for in the one part of the path that names the tenant.
    fn is_tenant_of(&self, template: &str) -> bool {
        let Some((before, after)) = template.split_once(quirks::TENANT) else {
            return false;
        };
        let rest = self
            .issuer
            .strip_prefix(before)
            .and_then(|rest| rest.strip_suffix(after));
        let known = Url::parse(before).is_ok_and(|url| quirk_of(&url).issuer_template);
        known && rest.is_some_and(|tenant| !tenant.is_empty() && !tenant.contains('/'))
    }
}

/// The places where the metadata of an issuer may stand, in the order of MIX-4.
fn places(issuer: &Url) -> VecDeque<Url> {
    let path = issuer.path().trim_end_matches('/');
    let mut places = VecDeque::new();
    for place in [
        format!("{OAUTH}{path}"),
        format!("{OPENID}{path}"),
        format!("{path}{OPENID}"),
    ] {
        let mut url = issuer.clone();
        url.set_path(&place);
        if !places.contains(&url) {
            places.push_back(url);
        }
    }
    places
}

/// Whether an answer is meant to be metadata. A page for people, or an error page, is not.
fn holds_json(answer: &Response) -> bool {
    let first = answer.body.iter().find(|byte| !byte.is_ascii_whitespace());
    answer.status == 200 && matches!(first, Some(b'{' | b'['))
}

/// Whether a document speaks of identity at all: the OAuth sort may leave that to the other sort.
fn is_complete(document: &Map<String, Value>) -> bool {
    document.contains_key("userinfo_endpoint")
        || document.contains_key("id_token_signing_alg_values_supported")
}

fn quirk_of(url: &Url) -> &'static Quirk {
    url.host_str().map_or(&quirks::NONE, quirks::of_host)
}

/// The default list, less what is not announced; unknown names mean nothing (MIX-5, JWT-5).
fn permitted_algs(announced: Option<Vec<String>>) -> Vec<Alg> {
    let announced = announced.unwrap_or_default();
    let known: Vec<Alg> = announced
        .iter()
        .filter_map(|name| name.parse().ok())
        .collect();
    let both: Vec<Alg> = Alg::DEFAULT
        .into_iter()
        .filter(|alg| known.contains(alg))
        .collect();
    if both.is_empty() {
        Alg::DEFAULT.to_vec()
    } else {
        both
    }
}

/// A discovered endpoint (MIX-5).
fn endpoint(
    document: &Map<String, Value>,
    name: &'static str,
    rules: Rules,
) -> Result<Option<Url>, Misbehavior> {
    let text = answer::text(document, name)?;
    let url = text.map(|text| address_of(text, rules)).transpose();
    url.map_err(|fault| Misbehavior::member(name, fault))
}

fn required<T>(value: Option<T>, name: &'static str) -> Result<T, Misbehavior> {
    value.ok_or(Misbehavior::member(name, MemberFault::Missing))
}

/// An endpoint that an administrator typed.
fn typed_address(
    name: &'static str,
    text: Option<&str>,
    rules: Rules,
) -> Result<Option<Url>, Error> {
    let url = text.map(|text| address_of(text, rules)).transpose();
    url.map_err(|fault| rejected(name, fault))
}

fn rejected(member: &'static str, fault: MemberFault) -> Error {
    Error::Rejected(Rejection::Address { member, fault })
}

/// The longest address of an endpoint, in bytes (MIX-5).
const MAX_ADDRESS_BYTES: usize = 2048;

/// An address that we may be sent to by metadata or settings (MIX-5). What it resolves to is for the
/// network to judge (EGR).
fn address_of(text: &str, rules: Rules) -> Result<Url, MemberFault> {
    if text.is_empty() {
        return Err(MemberFault::Empty);
    }
    if text.len() > MAX_ADDRESS_BYTES {
        return Err(MemberFault::TooLong);
    }
    // The parser would drop some of these and turn others into slashes.
    if text
        .chars()
        .any(|c| c.is_control() || c.is_whitespace() || c == '\\')
    {
        return Err(MemberFault::Character);
    }
    let url = Url::parse(text).map_err(|_| MemberFault::NotAnAddress)?;
    match url.scheme() {
        "https" => {}
        "http" if rules.development && is_loopback(&url) => {}
        _ => return Err(MemberFault::NotHttps),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(MemberFault::UserInfo);
    }
    if url.fragment().is_some() {
        return Err(MemberFault::Fragment);
    }
    Ok(url)
}

/// RFC 6761 §6.3: `localhost` and all below it stay on this machine.
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
