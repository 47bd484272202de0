//! The chat page at `/chat/<organization>/<agent>`: the stock Web Chat on our own Direct Line.

use std::sync::Arc;

use app::{OrganizationName as Organization, conversation::Opening};
use axum::{
    Json, Router,
    body::Body,
    extract::{Path, Query, State},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderMap, StatusCode, header};
use minijinja::context;
use serde::Deserialize;
use serde_json::{Value, json};

use super::directline::{
    routes::new_user,
    stream::socket_origin,
    token::{Token, branch},
};
use crate::{
    Site, assets,
    cookies::{self, Cookies},
    headers::chat_policy,
    problem::Problem,
};

pub(super) fn routes() -> Router<Arc<Site>> {
    Router::new()
        .route("/", get(index))
        .route("/chat/{organization}/{agent}", get(page))
        .route(
            "/chat/{organization}/{agent}/conversation",
            post(conversation),
        )
}

#[derive(Deserialize)]
struct Asked {
    branch: Option<String>,
}

/// The agents there are, for whoever opens the bare address.
async fn index(State(site): State<Arc<Site>>) -> Result<Response, Problem> {
    let agents = site.app.agents().await?;
    let agents: Vec<minijinja::Value> = agents
        .into_iter()
        .map(|agent| {
            context! {
                url => format!("/chat/{}/{}", agent.organization, agent.name),
                title => agent.title,
                organization_title => agent.organization_title,
            }
        })
        .collect();
    let rehearsal_url = site.options.rehearsal_url.clone();
    let values = context! { agents, rehearsal_url };
    Ok(site.page(StatusCode::OK, "index.html", values))
}

async fn page(
    State(site): State<Arc<Site>>,
    Path((organization, agent)): Path<(String, String)>,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    if !assets::are_there() {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        return Ok(site.page(status, "setup.html", context! {}));
    }
    let tenant = parse(&organization)?;
    let branch = branch(asked.branch.as_deref());
    let (title, organization_title) = site.app.agent_titles(&tenant, &branch, &agent).await?;
    let random: [u8; 16] = site.app.ports.entropy.bytes();
    let nonce = URL_SAFE_NO_PAD.encode(random);
    let values =
        context! { title, organization_title, organization, agent, nonce => nonce.clone() };
    let mut page = site.page(StatusCode::OK, "chat.html", values);
    let sockets = socket_origin(&site.app.settings.public_url);
    if let Some(policy) = chat_policy(&nonce, &sockets) {
        page.extensions_mut().insert(policy);
    }
    Ok(page)
}

#[derive(Deserialize)]
struct Wish {
    #[serde(default)]
    fresh: bool,
}

/// This browser's conversation with the agent, or a new one: a token for it, and the cookie that
/// shows this browser to have it (P2a).
async fn conversation(
    State(site): State<Arc<Site>>,
    Path((organization, agent)): Path<(String, String)>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let origin = our_page(&site, &headers)?;
    let bytes = site.read(body).await?;
    let wish: Wish = serde_json::from_slice(&bytes)
        .map_err(|_| Problem::bad_argument("The body is not what the chat page sends."))?;
    let organization = parse(&organization)?;
    let cookies = Cookies::of(&headers);
    let held = cookies.named(cookies::CHAT);
    let running = match held.filter(|_| !wish.fresh) {
        Some(cookie) => {
            site.app
                .conversation_of_browser(&organization, &agent, cookie)
                .await?
        }
        None => None,
    };
    let resumed = match running {
        Some(id) => site.app.conversation(&organization, id).await?,
        None => None,
    };
    if let Some(resumed) = resumed {
        let token = Token {
            user: resumed.conversation.user.unwrap_or_default(),
            organization,
            agent,
            conversation: resumed.conversation.id,
            origin: Some(origin),
        };
        let known = Some(token.conversation.to_string());
        return Ok(answer(&site, &token, known).await?.into_response());
    }
    let cookie = held.map_or_else(|| new_cookie(&site), str::to_owned);
    let user = new_user(&site.app);
    let opening = Opening {
        organization: organization.clone(),
        agent: agent.clone(),
        branch: branch(asked.branch.as_deref()),
        channel: "webchat",
        browser: Some(cookie.clone()),
        user: Some(user.clone()),
    };
    let token = Token {
        conversation: site.app.open_conversation(opening).await?,
        organization,
        agent,
        user,
        origin: Some(origin),
    };
    let mut response = answer(&site, &token, None).await?.into_response();
    if let Some(cookie) = cookies::set(cookies::CHAT, &cookie, None) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

async fn answer(site: &Site, token: &Token, known: Option<String>) -> Result<Json<Value>, Problem> {
    Ok(Json(json!({
        "token": token.issue(site).await?,
        "conversation_id": known,
        "user_id": token.user,
        "watermark": null,
    })))
}

/// Only our own page may ask: the header makes a browser ask first on behalf of any other, and
/// the origin is compared where one is sent.
fn our_page(site: &Site, headers: &HeaderMap) -> Result<String, Problem> {
    let ours = site.app.settings.public_url.clone();
    let marked = headers.contains_key("x-usher");
    let came = headers.get(header::ORIGIN);
    let same = came.is_none_or(|came| came.as_bytes() == ours.as_bytes());
    if marked && same {
        return Ok(ours);
    }
    Err(Problem::new(
        StatusCode::FORBIDDEN,
        "OtherOrigin",
        "Only the chat page itself may ask for this. Is it open at the server's public address?",
    ))
}

fn parse(organization: &str) -> Result<Organization, Problem> {
    Organization::parse(organization).map_err(|_| {
        Problem::new(
            StatusCode::NOT_FOUND,
            "NotFound",
            "There is nothing at this address.",
        )
    })
}

fn new_cookie(site: &Site) -> String {
    let random: [u8; 32] = site.app.ports.entropy.bytes();
    URL_SAFE_NO_PAD.encode(random)
}
