//! The routes of Direct Line (protocol 1.1).

use std::sync::Arc;

use app::{
    App, OrganizationName as Organization,
    conversation::{Opening, Post},
};
use axum::{
    Json, Router,
    body::Body,
    extract::{Path, Query, Request, State},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    stream,
    token::{self, Caller, LIFE, Token, branch},
    wire::{self, Posted},
};
use crate::{
    Site,
    problem::{self, Problem},
};

/// Activities in one answer.
pub(super) const BATCH: u32 = 200;

const BASE: &str = "/v3/directline";

pub(crate) fn routes(site: &Arc<Site>) -> Router<Arc<Site>> {
    let conversation = "/conversations/{conversation}";
    let routes = Router::new()
        .route("/tokens/generate", post(generate))
        .route("/tokens/refresh", post(refresh))
        .route("/conversations", post(start))
        .route(conversation, get(reconnect))
        .route(
            &format!("{conversation}/activities"),
            get(activities).post(post_activity),
        )
        .route(&format!("{conversation}/upload"), post(upload))
        .route(&format!("{conversation}/stream"), get(stream::open))
        .route("/session/getsessionid", get(session_id))
        .fallback(problem::not_found)
        .layer(middleware::from_fn_with_state(Arc::clone(site), cors));
    Router::new().nest(BASE, routes)
}

/// `POST /tokens/generate`: a customer's server asks for a token, with its secret.
async fn generate(
    State(site): State<Arc<Site>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Value>, Problem> {
    let Caller::Server {
        organization,
        agent,
    } = token::caller(&site, &headers).await?
    else {
        return Err(Problem::unauthorized());
    };
    let bytes = site.read(body).await?;
    let asked = Asked::read(&bytes)?;
    let user = asked.fixed_user()?.unwrap_or_else(|| new_user(&site.app));
    let token = open(&site, organization, agent, user, None).await?;
    Ok(Json(granted(&site, &token).await?))
}

/// `POST /tokens/refresh`.
async fn refresh(
    State(site): State<Arc<Site>>,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    match token::caller(&site, &headers).await? {
        Caller::Client(token) => Ok(Json(granted(&site, &token).await?)),
        Caller::Server { .. } => Err(Problem::bad_argument("A secret is not refreshed.")),
    }
}

/// `POST /conversations`: 201 for a new one, 200 if this token has started it before.
async fn start(
    State(site): State<Arc<Site>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let bytes = site.read(body).await?;
    let token = match token::caller(&site, &headers).await? {
        Caller::Client(token) => token,
        Caller::Server {
            organization,
            agent,
        } => {
            let user = Asked::read(&bytes)?.user_id();
            let user = user.unwrap_or_else(|| new_user(&site.app));
            open(&site, organization, agent, user, None).await?
        }
    };
    let known = site
        .app
        .conversation(&token.organization, token.conversation)
        .await?;
    let known = known.ok_or_else(Problem::unknown_conversation)?;
    let status = match known.session {
        Some(_) => StatusCode::OK,
        None => StatusCode::CREATED,
    };
    site.app
        .start(&token.organization, token.conversation)
        .await?;
    Ok((status, Json(joined(&site, &token, 0).await?)).into_response())
}

/// `GET /conversations/{id}?watermark=`: a new stream for a conversation that runs.
async fn reconnect(
    State(site): State<Arc<Site>>,
    Path(conversation): Path<String>,
    Query(read): Query<Read>,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    let token = token::client(&site, &headers, &conversation).await?;
    let watermark = read.watermark()?;
    let known = site
        .app
        .conversation(&token.organization, token.conversation)
        .await?;
    if known
        .ok_or_else(Problem::unknown_conversation)?
        .session
        .is_none()
    {
        // Opened and never begun: the page was reloaded before its first call.
        site.app
            .start(&token.organization, token.conversation)
            .await?;
    }
    Ok(Json(joined(&site, &token, watermark).await?))
}

/// `GET /conversations/{id}/activities?watermark=`: for clients that poll.
async fn activities(
    State(site): State<Arc<Site>>,
    Path(conversation): Path<String>,
    Query(read): Query<Read>,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    let token = token::client(&site, &headers, &conversation).await?;
    let watermark = read.watermark()?;
    let found = site
        .app
        .activities(&token.organization, token.conversation, watermark, BATCH)
        .await?;
    Ok(Json(wire::set(&found, watermark, &token)))
}

/// `POST /conversations/{id}/activities`: durable when this answers.
async fn post_activity(
    State(site): State<Arc<Site>>,
    Path(conversation): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Value>, Problem> {
    let token = token::client(&site, &headers, &conversation).await?;
    let bytes = site.read(body).await?;
    match wire::read(&bytes)? {
        Posted::Passing => Ok(Json(json!({ "id": "typing" }))),
        Posted::Said { text, body } => {
            let post = Post { text, body };
            let id = site
                .app
                .post(&token.organization, token.conversation, post)
                .await?;
            Ok(Json(json!({ "id": id })))
        }
    }
}

async fn upload(
    State(site): State<Arc<Site>>,
    Path(conversation): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    token::client(&site, &headers, &conversation).await?;
    Err(Problem::bad_argument("This agent takes no files."))
}

/// Sign-in buttons of our own flows are plain links, whose browser shows itself by the chat's
/// cookie. A session id would serve a customer's page only, and none is trusted yet.
async fn session_id() -> Problem {
    Problem::new(
        StatusCode::FORBIDDEN,
        "ServiceError",
        "Trusted Origin list is empty.",
    )
}

/// Opens a conversation for `user`, bound to the page at `origin`.
async fn open(
    site: &Site,
    organization: Organization,
    agent: String,
    user: String,
    origin: Option<String>,
) -> Result<Token, Problem> {
    let opening = Opening {
        organization: organization.clone(),
        agent: agent.clone(),
        branch: branch(None),
        channel: "directline",
        browser: None,
        user: Some(user.clone()),
    };
    let conversation = site.app.open_conversation(opening).await?;
    Ok(Token {
        organization,
        agent,
        conversation,
        user,
        origin,
    })
}

/// A person's id that nobody else has; the prefix marks it as fixed by the server.
pub(crate) fn new_user(app: &App) -> String {
    let random: [u8; 16] = app.ports.entropy.bytes();
    format!("dl_{:032x}", u128::from_be_bytes(random))
}

async fn granted(site: &Site, token: &Token) -> Result<Value, Problem> {
    Ok(json!({
        "conversationId": token.conversation,
        "token": token.issue(site).await?,
        "expires_in": LIFE.as_secs(),
    }))
}

/// What start and reconnect answer: both must have token and stream.
async fn joined(site: &Site, token: &Token, watermark: i64) -> Result<Value, Problem> {
    let mut answer = granted(site, token).await?;
    answer["streamUrl"] = json!(stream::url(site, token, watermark));
    Ok(answer)
}

/// The query of a read.
#[derive(Deserialize)]
struct Read {
    watermark: Option<String>,
}

impl Read {
    /// The number after which to read; 0 if the client has seen nothing.
    fn watermark(&self) -> Result<i64, Problem> {
        match self.watermark.as_deref() {
            None | Some("") => Ok(0),
            Some(text) => text
                .parse()
                .ok()
                .filter(|number| *number >= 0)
                .ok_or_else(|| Problem::bad_argument("That is no watermark of ours.")),
        }
    }
}

/// The body of `tokens/generate` and of start, whose names old clients write in capitals.
struct Asked {
    user: Option<Value>,
}

impl Asked {
    fn read(bytes: &[u8]) -> Result<Self, Problem> {
        if bytes.is_empty() {
            return Ok(Self { user: None });
        }
        let body: Value = serde_json::from_slice(bytes)
            .map_err(|_| Problem::bad_argument("The body is not JSON."))?;
        let Value::Object(body) = body else {
            return Err(Problem::bad_argument("The body is not an object."));
        };
        let user = body
            .into_iter()
            .find(|(name, _)| name.eq_ignore_ascii_case("user"))
            .map(|(_, value)| value);
        Ok(Self { user })
    }

    fn user_id(&self) -> Option<String> {
        let Value::Object(user) = self.user.as_ref()? else {
            return None;
        };
        let (_, id) = user
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case("id"))?;
        let id = id.as_str()?;
        (1..=64).contains(&id.len()).then(|| id.to_owned())
    }

    /// A user that a secret fixes in its token must be marked so (protocol 1.3).
    fn fixed_user(&self) -> Result<Option<String>, Problem> {
        match self.user_id() {
            Some(id) if !id.starts_with("dl_") => Err(Problem::bad_argument(
                "The user's id must begin with `dl_`.",
            )),
            id => Ok(id),
        }
    }
}

/// Answers preflights, and lets pages of any origin read our answers, errors included: a client
/// that cannot read an error takes it for a broken network and tries for a quarter of an hour
/// (protocol 1.2). What a request may do, its token says.
async fn cors(State(_): State<Arc<Site>>, request: Request, next: Next) -> Response {
    let origin = request.headers().get(header::ORIGIN).cloned();
    let asked = request
        .headers()
        .get(header::ACCESS_CONTROL_REQUEST_HEADERS)
        .cloned();
    let mut response = if request.method() == Method::OPTIONS {
        StatusCode::NO_CONTENT.into_response()
    } else {
        next.run(request).await
    };
    let headers = response.headers_mut();
    headers.insert(header::VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = origin {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        for (name, value) in CORS {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
    if let Some(asked) = asked {
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, asked);
    }
    response
}

const CORS: [(header::HeaderName, &str); 4] = [
    (header::ACCESS_CONTROL_ALLOW_CREDENTIALS, "true"),
    (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, OPTIONS"),
    (header::ACCESS_CONTROL_EXPOSE_HEADERS, "Retry-After"),
    (header::ACCESS_CONTROL_MAX_AGE, "600"),
];
