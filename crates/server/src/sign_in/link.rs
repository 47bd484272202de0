//! `/sign-in/<link>`: the way from the chat to the provider.

use std::sync::Arc;

use app::sign_in::link::{Answer, Confirmation, LinkPage, Onward};
use axum::{
    body::Body,
    extract::State,
    response::{IntoResponse, Redirect, Response},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderMap, Method, StatusCode, Uri, header};
use minijinja::context;
use sha2::{Digest as _, Sha256};

use super::{browser, words};
use crate::{
    Site,
    cookies::{self, Cookies},
    problem::Problem,
};

/// How long a form may lie open.
const FORM_LIFE_S: i64 = 600;

/// A GET changes nothing, unless this very browser holds the conversation (PHI-4).
pub(super) async fn open(
    State(site): State<Arc<Site>>,
    uri: Uri,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let link = id(&uri);
    let prefetch = method == Method::HEAD || is_prefetch(&headers);
    let page = site
        .app
        .open_link(link, &browser(&headers), prefetch)
        .await?;
    Ok(match page {
        // A GET may answer with a redirect; the page that navigates is for forms only.
        LinkPage::Onward(onward) => {
            let to = Redirect::to(onward.url.as_str()).into_response();
            with_cookie(to, &onward, &headers)
        }
        page => show(&site, page, link, &headers),
    })
}

/// The answer to the confirmation page, from that page and no other.
pub(super) async fn answer(
    State(site): State<Arc<Site>>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let link = id(&uri);
    let bytes = site.read(body).await?;
    let form = Form::read(&bytes);
    if !is_same_origin(&site, &headers) || !form.belongs(link, &headers) {
        return Ok(story(&site, StatusCode::FORBIDDEN, &words::ended()));
    }
    let Some(answer) = form.answer() else {
        return Ok(story(&site, StatusCode::BAD_REQUEST, &words::ended()));
    };
    let page = site
        .app
        .answer_link(link, &browser(&headers), answer)
        .await?;
    Ok(match (page, answer) {
        (LinkPage::Ended, Answer::Cancel) => story(
            &site,
            StatusCode::OK,
            &words::failed("cancelled", "the chat"),
        ),
        (LinkPage::Ended, Answer::Report) => story(
            &site,
            StatusCode::OK,
            &words::failed("reported", "the chat"),
        ),
        (page, _) => show(&site, page, link, &headers),
    })
}

/// What the link holds, as it was sent. Nothing is decoded or cut into segments, so that whatever is
/// no link of ours is met by the same page (PHI-2).
fn id(uri: &Uri) -> &str {
    uri.path().strip_prefix("/sign-in/").unwrap_or_default()
}

fn show(site: &Site, page: LinkPage, link: &str, headers: &HeaderMap) -> Response {
    match page {
        LinkPage::Onward(onward) => go_onward(site, &onward, headers),
        LinkPage::Confirm(confirmation) => confirm(site, &confirmation, link, headers),
        LinkPage::Elsewhere => story(site, StatusCode::CONFLICT, &words::elsewhere()),
        LinkPage::Ended => story(site, StatusCode::GONE, &words::ended()),
        LinkPage::Failed {
            reason,
            agent_title,
        } => story(
            site,
            StatusCode::BAD_GATEWAY,
            &words::failed(reason, &agent_title),
        ),
        LinkPage::ProviderDown {
            connection_title, ..
        } => story(
            site,
            StatusCode::SERVICE_UNAVAILABLE,
            &words::provider_down(&connection_title),
        ),
    }
}

/// Browsers hold `form-action` against the whole chain of redirects, so a form's answer is a page
/// of ours that goes on by script (architecture 11.7).
fn go_onward(site: &Site, onward: &Onward, headers: &HeaderMap) -> Response {
    let values = context! {
        url => onward.url.as_str(),
        connection_title => &onward.connection_title,
    };
    let page = site.page(StatusCode::OK, "onward.html", values);
    with_cookie(page, onward, headers)
}

fn with_cookie(mut response: Response, onward: &Onward, headers: &HeaderMap) -> Response {
    let name = format!("{}{}", cookies::ATTEMPT, onward.cookie_name);
    let held = Cookies::of(headers);
    let surplus = held.surplus_attempts().filter_map(cookies::remove);
    let set = cookies::set(&name, &onward.cookie, Some(onward.max_age_s));
    for cookie in surplus.chain(set) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

fn confirm(site: &Site, confirmation: &Confirmation, link: &str, headers: &HeaderMap) -> Response {
    let held = Cookies::of(headers);
    let secret = match held.named(cookies::FORM) {
        Some(secret) => secret.to_owned(),
        None => URL_SAFE_NO_PAD.encode(site.app.ports.entropy.bytes::<32>()),
    };
    let now = site.app.ports.clock.now();
    let permissions: Vec<String> = confirmation
        .scopes
        .iter()
        .map(|scope| words::permission(scope))
        .collect();
    let asked_by = confirmation
        .asked_by
        .as_deref()
        .and_then(words::display_name);
    let values = context! {
        agent_title => &confirmation.agent_title,
        organization_title => &confirmation.organization_title,
        connection_title => &confirmation.connection_title,
        provider_host => &confirmation.provider_host,
        permissions,
        channel => words::channel(&confirmation.channel),
        asked_by,
        asked_ago => words::ago(confirmation.asked_at, now),
        expires_at => confirmation.expires_at.to_string(),
        csrf => pair(&secret, link),
        action => format!("/sign-in/{link}"),
    };
    let mut page = site.page(StatusCode::OK, "confirm.html", values);
    // Pairs this page with its form. It proves nothing about who opened it.
    if let Some(cookie) = cookies::set(cookies::FORM, &secret, Some(FORM_LIFE_S)) {
        page.headers_mut().append(header::SET_COOKIE, cookie);
    }
    page
}

pub(super) fn story(site: &Site, status: StatusCode, story: &words::Story) -> Response {
    let values = context! {
        title => story.title,
        happened => &story.happened,
        next => story.next,
    };
    site.page(status, "problem.html", values)
}

/// What the form must bring for the cookie that its page set.
fn pair(secret: &str, link: &str) -> String {
    let hash = Sha256::new()
        .chain_update(secret)
        .chain_update([0])
        .chain_update(link)
        .finalize();
    URL_SAFE_NO_PAD.encode(hash)
}

/// Fields that a form may have (LIM-2).
const MAX_FIELDS: usize = 64;

/// The confirmation form, each field at most once.
#[derive(Default)]
struct Form {
    csrf: Option<String>,
    decision: Option<String>,
}

impl Form {
    fn read(bytes: &[u8]) -> Self {
        let mut form = Self::default();
        for (index, (name, value)) in url::form_urlencoded::parse(bytes).enumerate() {
            if index == MAX_FIELDS {
                return Self::default();
            }
            let field = match name.as_ref() {
                "csrf" => &mut form.csrf,
                "decision" => &mut form.decision,
                _ => continue,
            };
            if field.replace(value.into_owned()).is_some() {
                return Self::default();
            }
        }
        form
    }

    fn belongs(&self, link: &str, headers: &HeaderMap) -> bool {
        let held = Cookies::of(headers);
        match (held.named(cookies::FORM), &self.csrf) {
            (Some(secret), Some(csrf)) => vault::same(
                &vault::digest(pair(secret, link).as_bytes()),
                &vault::digest(csrf.as_bytes()),
            ),
            _ => false,
        }
    }

    fn answer(&self) -> Option<Answer> {
        match self.decision.as_deref()? {
            "continue" => Some(Answer::Continue),
            "cancel" => Some(Answer::Cancel),
            "report" => Some(Answer::Report),
            _ => None,
        }
    }
}

/// Whether the form comes from a page of ours. Our pages send no referrer, and browsers then write
/// `Origin: null`; `Sec-Fetch-Site`, which no page can set, says it all the same. A browser that
/// does not send that must name the origin.
fn is_same_origin(site: &Site, headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).map(http::HeaderValue::as_bytes);
    let ours = site.app.settings.public_url.as_bytes();
    let origin = text(header::ORIGIN);
    match text(header::HeaderName::from_static("sec-fetch-site")) {
        Some(relation) => {
            relation == b"same-origin" && origin.is_none_or(|it| it == ours || it == b"null")
        }
        None => origin == Some(ours),
    }
}

fn is_prefetch(headers: &HeaderMap) -> bool {
    ["sec-purpose", "purpose", "x-moz", "x-purpose"]
        .iter()
        .filter_map(|name| headers.get(*name))
        .any(|value| {
            value
                .to_str()
                .is_ok_and(|value| value.contains("prefetch") || value.contains("preview"))
        })
}
