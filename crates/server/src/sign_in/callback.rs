//! `/oauth-callback/…` and the page that follows it.

use std::sync::Arc;

use app::{
    OrganizationName as Organization,
    sign_in::{callback::CallbackPage, finished::FinishedPage},
};
use axum::{
    extract::{Path, RawQuery, State},
    response::{IntoResponse, Redirect, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use minijinja::context;

use super::{browser, link::story, words};
use crate::{Site, problem::Problem};

/// Takes the provider's answer, then sends the browser to a clean address before any page is
/// shown: `code` and `state` are in no page's address (PAG-3).
pub(super) async fn take(
    State(site): State<Arc<Site>>,
    Path((organization, connection)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Redirect, Problem> {
    let Ok(organization) = Organization::parse(&organization) else {
        return Ok(Redirect::to("/signed-in"));
    };
    let query = query.unwrap_or_default();
    let page = site
        .app
        .callback(&organization, &connection, &query, &browser(&headers))
        .await?;
    Ok(match page {
        CallbackPage::Finished(attempt) => {
            Redirect::to(&format!("/signed-in/{organization}/{attempt}"))
        }
        CallbackPage::Ended => Redirect::to("/signed-in"),
    })
}

/// How the sign-in ended, for the browser that set out on it (P1).
pub(super) async fn finished(
    State(site): State<Arc<Site>>,
    Path((organization, attempt)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let names = Organization::parse(&organization)
        .ok()
        .zip(attempt.parse().ok());
    let page = match names {
        Some((organization, attempt)) => {
            let browser = browser(&headers);
            site.app.finished(&organization, attempt, &browser).await?
        }
        None => FinishedPage::Ended,
    };
    Ok(alone(show(&site, page)))
}

/// The same page for every sign-in that is unknown or over (PAG-7).
pub(super) async fn ended(State(site): State<Arc<Site>>) -> Response {
    alone(show(&site, FinishedPage::Ended))
}

fn show(site: &Site, page: FinishedPage) -> Response {
    match page {
        FinishedPage::Connected {
            agent_title,
            account,
        } => {
            let values = context! { agent_title, account };
            site.page(StatusCode::OK, "finished.html", values)
        }
        FinishedPage::Code {
            code,
            agent_title,
            expires_at,
        } => {
            let letters: String = code.chars().filter(char::is_ascii_alphabetic).collect();
            let values = context! {
                code => letters,
                agent_title,
                expires_at => expires_at.to_string(),
            };
            site.page(StatusCode::OK, "code.html", values)
        }
        FinishedPage::Failed {
            reason,
            agent_title,
        } => story(site, StatusCode::OK, &words::failed(&reason, &agent_title)),
        FinishedPage::Working { .. } => {
            let mut page = story(site, StatusCode::ACCEPTED, &words::working());
            let again = HeaderValue::from_static("2");
            page.headers_mut().insert(header::REFRESH, again);
            page
        }
        FinishedPage::Ended => story(site, StatusCode::GONE, &words::ended()),
    }
}

/// Whoever opened this window can neither see nor steer it (PAG-4).
fn alone(mut response: Response) -> Response {
    response.headers_mut().insert(
        "cross-origin-opener-policy",
        HeaderValue::from_static("same-origin"),
    );
    response.into_response()
}
