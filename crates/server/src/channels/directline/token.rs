//! Who a Direct Line request comes from: a token of one conversation, or an agent's secret.

use app::{ConversationId, OrganizationName as Organization, TurnError, conversation::MAIN_BRANCH};
use http::{HeaderMap, StatusCode, header};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use crate::{Site, problem::Problem};

/// How long a token lives. The client renews it every 15 minutes.
pub(crate) const LIFE: SignedDuration = SignedDuration::from_mins(30);
/// A refresh that was under way when the token ended still counts.
const GRACE: SignedDuration = SignedDuration::from_mins(2);

/// What a token says: one conversation, and who may talk in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) organization: Organization,
    pub(crate) agent: String,
    pub(crate) conversation: ConversationId,
    /// The person's id in this channel.
    pub(crate) user: String,
    /// The page that began the conversation: no other one may use the token (protocol 1.3).
    pub(crate) origin: Option<String>,
}

/// Who is calling.
#[derive(Debug)]
pub(crate) enum Caller {
    /// A client of one conversation.
    Client(Token),
    /// A customer's own server, for this agent.
    Server {
        organization: Organization,
        agent: String,
    },
}

impl Token {
    /// The token's text, good for [`LIFE`] from `now`. Web Chat reads `user` out of it.
    pub(crate) async fn issue(&self, site: &Site) -> Result<String, TurnError> {
        let now = site.app.ports.clock.now();
        let claims = json!({
            "aud": AUDIENCE,
            "agent": self.agent,
            "conv": self.conversation,
            "user": self.user,
            "origin": self.origin,
            "iat": now.as_second(),
            "exp": now.as_second().saturating_add(LIFE.as_secs()),
        });
        site.app.channel_token(&self.organization, &claims).await
    }

    fn read(organization: Organization, claims: &Map<String, Value>) -> Option<Self> {
        let text = |name: &str| claims.get(name)?.as_str().map(str::to_owned);
        (text("aud")? == AUDIENCE).then_some(())?;
        Some(Self {
            organization,
            agent: text("agent")?,
            conversation: text("conv")?.parse().ok()?,
            user: text("user")?,
            origin: text("origin"),
        })
    }
}

/// What tells a token of this channel from those of others.
const AUDIENCE: &str = "directline";

/// The caller of a request, by its `Authorization` header.
pub(crate) async fn caller(site: &Site, headers: &HeaderMap) -> Result<Caller, Problem> {
    let bearer = bearer(headers).ok_or_else(Problem::unauthorized)?;
    if let Some((organization, claims)) = site.app.channel_claims(bearer).await? {
        let token = Token::read(organization, &claims).ok_or_else(Problem::unauthorized)?;
        check_life(&claims, site.app.ports.clock.now())?;
        check_origin(&token, headers)?;
        return Ok(Caller::Client(token));
    }
    match site
        .app
        .directline_agent(bearer)
        .await
        .map_err(TurnError::from)?
    {
        Some((organization, agent)) => Ok(Caller::Server {
            organization,
            agent,
        }),
        None => Err(Problem::unauthorized()),
    }
}

/// Like [`caller`], where only a client of this very conversation will do.
pub(crate) async fn client(
    site: &Site,
    headers: &HeaderMap,
    conversation: &str,
) -> Result<Token, Problem> {
    match caller(site, headers).await? {
        Caller::Client(token) if token.conversation.to_string() == conversation => Ok(token),
        Caller::Client(_) => Err(Problem::unknown_conversation()),
        Caller::Server {
            organization,
            agent,
        } => of_server(site, organization, agent, conversation).await,
    }
}

/// A server may act in every conversation of its agent.
async fn of_server(
    site: &Site,
    organization: Organization,
    agent: String,
    conversation: &str,
) -> Result<Token, Problem> {
    let id = conversation
        .parse()
        .map_err(|_| Problem::unknown_conversation())?;
    let found = site.app.conversation(&organization, id).await?;
    let found = found
        .filter(|found| found.conversation.agent == agent)
        .ok_or_else(Problem::unknown_conversation)?;
    Ok(Token {
        user: found.conversation.user.unwrap_or_default(),
        organization,
        agent,
        conversation: id,
        origin: None,
    })
}

/// An expired token is told so by name: the client then asks its page for another one.
fn check_life(claims: &Map<String, Value>, now: Timestamp) -> Result<(), Problem> {
    let expires = claims.get("exp").and_then(Value::as_i64).unwrap_or(0);
    if now.as_second() < expires.saturating_add(GRACE.as_secs()) {
        return Ok(());
    }
    Err(Problem::new(
        StatusCode::FORBIDDEN,
        "TokenExpired",
        "The token has expired.",
    ))
}

fn check_origin(token: &Token, headers: &HeaderMap) -> Result<(), Problem> {
    let came = headers
        .get(header::ORIGIN)
        .and_then(|value| value.to_str().ok());
    match (&token.origin, came) {
        (Some(bound), Some(came)) if bound != came => Err(Problem::unauthorized()),
        _ => Ok(()),
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, rest) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(rest.trim())
}

/// The branch of an agent that is meant when a request names none.
pub(crate) fn branch(named: Option<&str>) -> String {
    named.unwrap_or(MAIN_BRANCH).to_owned()
}
