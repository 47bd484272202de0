//! The authorization endpoint: checks, the sign-in page, and the way back to the client.

use jiff::Timestamp;
use url::form_urlencoded;

use crate::fault::Callback;
use crate::grants::{Code, Grant, after};
use crate::{Behaviour, Client, Person, Provider, Request, Response, page};

/// A request that passed every check.
pub(crate) struct Ask {
    pub(crate) client: Client,
    redirect_uri: String,
    state: Option<String>,
    nonce: Option<String>,
    challenge: String,
    /// In the order asked for, each once.
    pub(crate) scopes: Vec<String>,
    /// `prompt=none`: no page may be shown.
    silent: bool,
    pub(crate) hint: Option<String>,
}

/// Why a request is not carried out.
enum Refusal {
    /// Said on a page: the address to go back to cannot be trusted (RFC 6749 §4.1.2.1).
    Here(&'static str),
    /// Said to the client.
    ToClient {
        redirect_uri: String,
        state: Option<String>,
        error: &'static str,
        description: &'static str,
    },
}

impl Provider {
    /// `GET` shows the page, `POST` is its form. The request stays in the query both times, so the
    /// provider keeps nothing until someone agrees.
    pub(crate) fn authorize(&mut self, request: &Request, now: Timestamp) -> Response {
        let ask = match self.check(&request.query_pairs()) {
            Ok(ask) => ask,
            Err(refusal) => return self.refuse(refusal),
        };
        if request.method == "POST" {
            return self.decide(&ask, &request.form_pairs(), now);
        }
        match self.chosen_beforehand(&ask) {
            Some(person) => self.act(&ask, &person, ask.scopes.clone(), now),
            None if ask.silent => self.send_error(&ask, "login_required", "nobody is signed in"),
            None => page::sign_in(&ask, &self.config.people, &request.query),
        }
    }

    fn check(&self, query: &[(String, String)]) -> Result<Ask, Refusal> {
        let one = |name: &str| {
            let mut values = query
                .iter()
                .filter(|(n, _)| n == name)
                .map(|(_, value)| value.clone());
            (values.next(), values.next().is_some())
        };
        let (Some(id), false) = one("client_id") else {
            return Err(Refusal::Here("client_id"));
        };
        let client = self.client(&id).ok_or(Refusal::Here("client_id"))?.clone();
        let (Some(redirect_uri), false) = one("redirect_uri") else {
            return Err(Refusal::Here("redirect_uri"));
        };
        if !client.redirect_uris.contains(&redirect_uri) {
            return Err(Refusal::Here("redirect_uri"));
        }
        let (state, _) = one("state");
        let refuse = |(error, description)| Refusal::ToClient {
            redirect_uri: redirect_uri.clone(),
            state: state.clone(),
            error,
            description,
        };
        let repeated = query.iter().any(|(name, _)| one(name).1);
        check_parameters(repeated, |name| one(name).0).map_err(refuse)?;
        Ok(Ask {
            client,
            redirect_uri,
            state,
            nonce: one("nonce").0,
            challenge: one("code_challenge").0.unwrap_or_default(),
            scopes: scopes(&one("scope").0.unwrap_or_default()),
            silent: one("prompt").0.as_deref() == Some("none"),
            hint: one("login_hint").0,
        })
    }

    /// Who signs in without a page, if anybody does.
    fn chosen_beforehand(&self, ask: &Ask) -> Option<Person> {
        if let Some(key) = &self.signs_in {
            return self.person(key).cloned();
        }
        let hint = ask.hint.as_deref().filter(|_| self.config.hint_signs_in)?;
        self.config
            .people
            .iter()
            .find(|person| person.is(hint))
            .cloned()
    }

    /// Takes the form of the page. Without `shown`, which the page always sends, everything that
    /// was asked for counts as ticked.
    fn decide(&mut self, ask: &Ask, form: &[(String, String)], now: Timestamp) -> Response {
        let field = |name: &str| {
            form.iter()
                .find(|(n, _)| n == name)
                .map(|(_, value)| value.as_str())
        };
        if field("deny").is_some() {
            return self.send_error(ask, "access_denied", "the person said no");
        }
        let Some(person) = field("person").and_then(|key| self.person(key)).cloned() else {
            return page::error(400, "There is nobody of that name here.");
        };
        let ticked = |scope: &String| {
            form.iter()
                .any(|(name, value)| name == "scope" && value == scope)
        };
        let mut granted = ask.scopes.clone();
        if field("shown").is_some() {
            granted.retain(|scope| scope == "openid" || ticked(scope));
        }
        self.act(ask, &person, granted, now)
    }

    /// Does what this person always does.
    fn act(
        &mut self,
        ask: &Ask,
        person: &Person,
        mut scopes: Vec<String>,
        now: Timestamp,
    ) -> Response {
        match &person.behaviour {
            Behaviour::Leaves => return page::left(person.name()),
            Behaviour::Denies => {
                return self.send_error(ask, "access_denied", "the person said no");
            }
            Behaviour::Unticks(scope) => untick(&mut scopes, scope),
            Behaviour::Agrees => {}
        }
        let code = self.mint.make("code");
        let grant = Grant {
            client: ask.client.id.clone(),
            person: person.key.clone(),
            scopes,
            nonce: ask.nonce.clone(),
            auth_time: now,
        };
        let record = Code {
            grant,
            redirect_uri: ask.redirect_uri.clone(),
            challenge: ask.challenge.clone(),
            expires: after(now, self.config.lives.code),
            used: None,
        };
        self.ledger.add_code(code.clone(), record);
        self.send(&ask.redirect_uri, vec![("code", code)], ask.state.clone())
    }

    fn refuse(&mut self, refusal: Refusal) -> Response {
        match refusal {
            Refusal::Here(name) => page::error(
                400,
                &format!("The {name} of this request is not registered here."),
            ),
            Refusal::ToClient {
                redirect_uri,
                state,
                error,
                description,
            } => {
                let answer = vec![
                    ("error", error.to_owned()),
                    ("error_description", description.to_owned()),
                ];
                self.send(&redirect_uri, answer, state)
            }
        }
    }

    fn send_error(
        &mut self,
        ask: &Ask,
        error: &'static str,
        description: &'static str,
    ) -> Response {
        let (redirect_uri, state) = (ask.redirect_uri.clone(), ask.state.clone());
        self.refuse(Refusal::ToClient {
            redirect_uri,
            state,
            error,
            description,
        })
    }

    /// Sends the browser back to the client: the answer, `state`, `iss`, and what faults make of them.
    fn send(
        &mut self,
        redirect_uri: &str,
        answer: Vec<(&str, String)>,
        state: Option<String>,
    ) -> Response {
        let mut pairs: Vec<(String, String)> =
            answer.into_iter().map(|(n, v)| (n.to_owned(), v)).collect();
        pairs.extend(state.map(|state| ("state".to_owned(), state)));
        if self.config.sends_iss {
            pairs.push(("iss".to_owned(), self.config.issuer.clone()));
        }
        for fault in self.faults.callback() {
            spoil(&mut pairs, fault);
        }
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(pairs)
            .finish();
        let joint = if redirect_uri.contains('?') { '&' } else { '?' };
        Response::redirect(format!("{redirect_uri}{joint}{query}"))
    }
}

type Complaint = (&'static str, &'static str);

/// What may be said to the client, since its redirect address is known to be its own.
fn check_parameters(
    repeated: bool,
    value: impl Fn(&str) -> Option<String>,
) -> Result<(), Complaint> {
    let is = |name: &str, expected: &str| value(name).as_deref() == Some(expected);
    let absent_or = |name: &str, expected: &str| value(name).is_none_or(|given| given == expected);
    if repeated {
        return Err(("invalid_request", "a parameter stands there twice"));
    }
    if value("request").is_some() {
        return Err(("request_not_supported", "request objects are not taken"));
    }
    if value("request_uri").is_some() {
        return Err(("request_uri_not_supported", "request objects are not taken"));
    }
    if !is("response_type", "code") {
        return Err(("unsupported_response_type", "only code"));
    }
    if !absent_or("response_mode", "query") {
        return Err(("invalid_request", "only response_mode query"));
    }
    if !is("code_challenge_method", "S256")
        || !value("code_challenge").is_some_and(|text| is_digest(&text))
    {
        return Err(("invalid_request", "PKCE with S256 is required"));
    }
    Ok(())
}

/// 32 bytes in base64url (RFC 7636 §4.2).
fn is_digest(text: &str) -> bool {
    text.len() == 43
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

fn scopes(text: &str) -> Vec<String> {
    let mut scopes: Vec<String> = Vec::new();
    for scope in text.split(' ').filter(|scope| !scope.is_empty()) {
        if !scopes.iter().any(|known| known == scope) {
            scopes.push(scope.to_owned());
        }
    }
    scopes
}

fn untick(scopes: &mut Vec<String>, wanted: &str) {
    let named = scopes.iter().position(|scope| scope == wanted);
    let last = || scopes.iter().rposition(|scope| scope != "openid");
    if let Some(at) = named.or_else(last) {
        scopes.remove(at);
    }
}

fn spoil(pairs: &mut Vec<(String, String)>, fault: Callback) {
    match fault {
        Callback::Set(name, value) => set(pairs, &name, value),
        Callback::Unset(name) => pairs.retain(|(n, _)| *n != name),
        Callback::Twice(name) => {
            let again = pairs.iter().find(|(n, _)| *n == name).cloned();
            pairs.extend(again);
        }
        Callback::StateMutated => {
            let state = pairs.iter_mut().find(|(n, _)| n == "state");
            if let Some((_, value)) = state {
                *value = mutated(value);
            }
        }
        Callback::Refusal { error, description } => {
            pairs.retain(|(name, _)| name != "code");
            set(pairs, "error", error);
            set(pairs, "error_description", description);
        }
    }
}

fn set(pairs: &mut Vec<(String, String)>, name: &str, value: String) {
    match pairs.iter_mut().find(|(n, _)| n == name) {
        Some((_, old)) => *old = value,
        None => pairs.push((name.to_owned(), value)),
    }
}

/// The same text with its first character changed, of the same alphabet.
pub(crate) fn mutated(text: &str) -> String {
    let mut rest = text.chars();
    let first = if rest.next() == Some('A') { 'B' } else { 'A' };
    std::iter::once(first).chain(rest).collect()
}
