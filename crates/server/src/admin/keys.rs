//! `POST /admin/v1/organizations/{organization}/keys`: a key for an organization's own people.

use std::sync::Arc;

use app::OrganizationName as Organization;
use axum::{
    Json,
    body::Body,
    extract::{Path, State},
};
use http::{HeaderMap, StatusCode};
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{forbidden, principal};
use crate::{Site, problem::Problem};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    label: String,
}

/// Operator only. The answer is the one time that the key is shown.
pub(super) async fn create(
    State(site): State<Arc<Site>>,
    Path(organization): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let principal = principal(&site, &headers).await?;
    if !principal.is_operator() {
        return Err(forbidden("Only an operator may make keys."));
    }
    let organization = Organization::parse(&organization)
        .map_err(|error| Problem::bad_argument(error.to_string()))?;
    let bytes = site.read(body).await?;
    let asked: Asked = serde_json::from_slice(&bytes)
        .map_err(|_| Problem::bad_argument("The body must be `{\"label\": \"…\"}`."))?;
    if !(1..=100).contains(&asked.label.chars().count()) {
        return Err(Problem::bad_argument("A label has 1 to 100 characters."));
    }
    let key = site
        .app
        .organization_key(&organization, &asked.label)
        .await?;
    let shown = json!({ "key": key.expose_secret(), "organization": organization });
    Ok((StatusCode::CREATED, Json(shown)))
}
