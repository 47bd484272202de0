//! The provider: its state, and the way of a request through it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use jiff::Timestamp;
use jose::Alg;
use serde_json::Value;
use url::Url;

use crate::grants::{Ledger, Mint};
use crate::keys::Keys;
use crate::seen::Log;
use crate::spoil;
use crate::{Behaviour, Client, Config, Delivery, Error, Faults, Person, Request, Response, Seen};

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Endpoint {
    /// Either discovery document.
    Discovery,
    /// The JWK set.
    Keys,
    /// The sign-in page and its form.
    Authorize,
    /// Codes and refresh tokens.
    Token,
    /// Claims for a bearer token.
    UserInfo,
    /// RFC 7009.
    Revocation,
    /// The protected API.
    Api,
    /// Anything else: 404.
    Nowhere,
}

/// One provider, one issuer. Several can run side by side (mix-up tests need two).
pub struct Provider {
    /// What goes wrong from now on. Empty at first.
    pub faults: Faults,
    pub(crate) config: Config,
    /// Path of the issuer, without a slash at its end.
    base: String,
    /// Scheme, host and port of the issuer.
    origin: String,
    pub(crate) keys: Keys,
    pub(crate) mint: Mint,
    pub(crate) ledger: Ledger,
    /// Client and `jti` of assertions that were used, until they expire.
    pub(crate) assertions: BTreeMap<(String, String), Timestamp>,
    pub(crate) signs_in: Option<String>,
    log: Log,
    answered: u64,
}

/// Why a person's sign-in gave no redirect to the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoRedirect {
    /// They closed the page, and nothing was sent anywhere.
    Left,
    /// The request was answered by a page of the provider: the client or its redirect address is
    /// unknown, or a fault spoiled the endpoint.
    Page(Response),
}

impl Provider {
    /// Makes a provider and its first signing key.
    pub fn new(config: Config) -> Result<Self, Error> {
        let (origin, base) = parts(&config.issuer)?;
        check_people(&config.people)?;
        let mut keys = Keys::default();
        keys.ensure(config.id_token_alg)?;
        Ok(Self {
            faults: Faults::default(),
            base,
            origin,
            keys,
            mint: Mint::new(config.seed),
            ledger: Ledger::default(),
            assertions: BTreeMap::new(),
            signs_in: None,
            log: Log::default(),
            answered: 0,
            config,
        })
    }

    /// Answers one request. Never fails: what is wrong with the request is in the answer.
    pub fn answer(&mut self, request: &Request, now: Timestamp) -> Response {
        self.sweep_sometimes(now);
        let endpoint = self.endpoint_of(&request.path);
        let subject = self.bearer_subject(request, now);
        let response = self.answer_or_fail(endpoint, request, now);
        self.log.record(Seen {
            at: now,
            endpoint,
            method: request.method.clone(),
            path: request.path.clone(),
            query: request.query_pairs(),
            form: request.form_pairs(),
            headers: request.headers.clone(),
            subject,
            status: delivered_status(&response),
        });
        response
    }

    /// Lets a person go through the sign-in page in one go, as their [`Behaviour`] has it, and
    /// gives the address of the client to which the browser is sent: with a code, or an error.
    ///
    /// `address` is the authorization request, absolute or beginning with `/`. It is seen as the
    /// `POST` of the page's form.
    ///
    /// # Errors
    /// [`NoRedirect`] when the browser stays here; also when there is no such person.
    pub fn authorize_as(
        &mut self,
        address: &str,
        person: &str,
        now: Timestamp,
    ) -> Result<String, NoRedirect> {
        let response = self.answer(&Request::post(address, &[("person", person)]), now);
        let leaves = self
            .person(person)
            .is_some_and(|who| who.behaviour == Behaviour::Leaves);
        match response.header("location") {
            Some(location) if response.status == 303 => Ok(location.to_owned()),
            _ if leaves && response.status == 200 => Err(NoRedirect::Left),
            _ => Err(NoRedirect::Page(response)),
        }
    }

    /// From now on this person goes through every sign-in page at once, without seeing it; `None`
    /// brings the page back. For tests whose browser follows redirects.
    pub fn sign_in_as(&mut self, person: Option<&str>) {
        self.signs_in = person.map(str::to_owned);
    }

    /// The requests seen, oldest first; the last 10,000.
    pub fn seen(&self) -> &VecDeque<Seen> {
        &self.log.requests
    }

    /// The requests that an endpoint saw, oldest first.
    pub fn seen_at(&self, endpoint: Endpoint) -> impl DoubleEndedIterator<Item = &Seen> {
        self.log
            .requests
            .iter()
            .filter(move |seen| seen.endpoint == endpoint)
    }

    /// How many requests an endpoint saw since it was made, or since [`Provider::forget_seen`].
    pub fn count(&self, endpoint: Endpoint) -> u64 {
        self.log.counts.get(&endpoint).copied().unwrap_or_default()
    }

    /// Forgets the requests and their counts.
    pub fn forget_seen(&mut self) {
        self.log = Log::default();
    }

    /// Signs with a new key from now on; the old one stays published.
    pub fn rotate_keys(&mut self) -> Result<(), Error> {
        self.keys.rotate(self.config.id_token_alg)
    }

    /// Publishes the newest keys only (JWK-7).
    pub fn retire_old_keys(&mut self) {
        self.keys.retire();
    }

    /// Puts one more JWK into the published set, whatever it is (JWK-1, JWK-2).
    pub fn publish_key(&mut self, jwk: Value) {
        self.keys.publish(jwk);
    }

    /// Signs ID tokens with this algorithm from now on.
    pub fn sign_with(&mut self, alg: Alg) -> Result<(), Error> {
        self.keys.ensure(alg)?;
        self.config.id_token_alg = alg;
        Ok(())
    }

    /// Ends all grants of a person, as they would in their account settings; tells how many.
    pub fn withdraw(&mut self, person: &str) -> usize {
        self.ledger.end_all_of(person)
    }

    /// Makes all access tokens given so far worthless; refresh tokens stay good.
    pub fn expire_access_tokens(&mut self) {
        self.ledger.expire_access();
    }

    /// Registers a client, or changes the one with the same id.
    pub fn register(&mut self, client: Client) {
        self.config.clients.retain(|known| known.id != client.id);
        self.config.clients.push(client);
    }

    /// The settings, to be changed between two requests. Changing `issuer` or `seed` has no effect
    /// on addresses and tokens; use [`Provider::sign_with`] for `id_token_alg`.
    pub fn config_mut(&mut self) -> &mut Config {
        &mut self.config
    }

    /// The issuer, as in the discovery document.
    pub fn issuer(&self) -> &str {
        &self.config.issuer
    }

    /// The absolute address of an endpoint.
    pub fn address(&self, endpoint: Endpoint) -> String {
        format!("{}{}{}", self.origin, self.base, path_of(endpoint))
    }

    /// The person with this key.
    pub fn person(&self, key: &str) -> Option<&Person> {
        self.config.people.iter().find(|person| person.key == key)
    }

    pub(crate) fn client(&self, id: &str) -> Option<&Client> {
        self.config.clients.iter().find(|client| client.id == id)
    }

    fn answer_or_fail(
        &mut self,
        endpoint: Endpoint,
        request: &Request,
        now: Timestamp,
    ) -> Response {
        let faults = self.faults.http(endpoint);
        if let Some(response) = faults.iter().find_map(spoil::instead) {
            return response;
        }
        let mut response = self.work(endpoint, request, now);
        if response.status == 200 {
            let edits = self.faults.json(endpoint);
            response.body = spoil::edited(response.body, &edits);
        }
        faults.into_iter().fold(response, spoil::spoiled)
    }

    fn work(&mut self, endpoint: Endpoint, request: &Request, now: Timestamp) -> Response {
        match (endpoint, request.method.as_str()) {
            (Endpoint::Discovery, "GET") => self.discovery(),
            (Endpoint::Keys, "GET") => self.key_set(),
            (Endpoint::Authorize, "GET" | "POST") => self.authorize(request, now),
            (Endpoint::Token, "POST") => self.token(request, now),
            (Endpoint::UserInfo, "GET" | "POST") => self.user_info(request, now),
            (Endpoint::Revocation, "POST") => self.revoke(request, now),
            (Endpoint::Api, "GET") => self.trips(request, now),
            (Endpoint::Nowhere, _) => Response::empty(404),
            _ => Response::empty(405),
        }
    }

    fn endpoint_of(&self, path: &str) -> Endpoint {
        let well_known = ["openid-configuration", "oauth-authorization-server"];
        if well_known
            .iter()
            .any(|name| path == format!("/.well-known/{name}{}", self.base))
        {
            return Endpoint::Discovery;
        }
        let Some(local) = path.strip_prefix(&self.base) else {
            return Endpoint::Nowhere;
        };
        if well_known
            .iter()
            .any(|name| local == format!("/.well-known/{name}"))
        {
            return Endpoint::Discovery;
        }
        ENDPOINTS
            .into_iter()
            .find(|at| path_of(*at) == local)
            .unwrap_or(Endpoint::Nowhere)
    }

    fn bearer_subject(&self, request: &Request, now: Timestamp) -> Option<String> {
        let token = request.bearer_token()?;
        let grant = self.ledger.bearer(token, now)?;
        self.person(&grant.person)
            .map(|person| person.subject().to_owned())
    }

    fn sweep_sometimes(&mut self, now: Timestamp) {
        self.answered += 1;
        if self.answered.is_multiple_of(1024) {
            self.ledger.sweep(now);
            self.assertions.retain(|_, expires| now < *expires);
        }
    }
}

const ENDPOINTS: [Endpoint; 6] = [
    Endpoint::Keys,
    Endpoint::Authorize,
    Endpoint::Token,
    Endpoint::UserInfo,
    Endpoint::Revocation,
    Endpoint::Api,
];

fn path_of(endpoint: Endpoint) -> &'static str {
    match endpoint {
        Endpoint::Discovery => "/.well-known/openid-configuration",
        Endpoint::Keys => "/jwks",
        Endpoint::Authorize => "/authorize",
        Endpoint::Token => "/token",
        Endpoint::UserInfo => "/userinfo",
        Endpoint::Revocation => "/revoke",
        Endpoint::Api => "/api/trips",
        Endpoint::Nowhere => "/nowhere",
    }
}

/// Origin and path of an issuer, the path without a slash at its end.
fn parts(issuer: &str) -> Result<(String, String), Error> {
    let url = Url::parse(issuer).map_err(|_| Error::Issuer)?;
    let plain = matches!(url.scheme(), "http" | "https")
        && url.query().is_none()
        && url.fragment().is_none();
    if !plain {
        return Err(Error::Issuer);
    }
    Ok((
        url.origin().ascii_serialization(),
        url.path().trim_end_matches('/').to_owned(),
    ))
}

fn check_people(people: &[Person]) -> Result<(), Error> {
    let mut keys = BTreeSet::new();
    let wrong = people
        .iter()
        .find(|person| person.subject().is_empty() || !keys.insert(&person.key));
    wrong.map_or(Ok(()), |person| Err(Error::Person(person.key.clone())))
}

fn delivered_status(response: &Response) -> u16 {
    match response.delivery {
        Delivery::Dropped | Delivery::Unreachable => 0,
        _ => response.status,
    }
}
