//! `POST /admin/v1/publish`, and what was published.

use std::sync::Arc;

use app::{
    OrganizationName as Organization,
    publish::{Folder, PublishError, ResolvedSecret},
    workspace::Mistake,
};
use axum::{
    Json,
    body::Body,
    extract::{Path, State},
};
use http::{HeaderMap, StatusCode};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{forbidden, principal};
use crate::{Site, problem::Problem};

/// Versions in one answer.
const HISTORY: u32 = 50;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    branch: String,
    files: Vec<File>,
    #[serde(default)]
    secrets: Vec<Secret>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    path: String,
    text: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Secret {
    organization: String,
    connection: String,
    #[serde(rename = "secret")]
    text: SecretString,
}

/// Operator, or the administrators of every organization in the folder.
pub(super) async fn publish(
    State(site): State<Arc<Site>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Value>, Problem> {
    let principal = principal(&site, &headers).await?;
    let bytes = site
        .read_up_to(body, site.options.limits.publish_bytes)
        .await?;
    let asked: Asked = serde_json::from_slice(&bytes).map_err(|error| {
        // The position only: the text of the error may quote a secret.
        let (line, column) = (error.line(), error.column());
        Problem::bad_argument(format!(
            "The body is not what `usher apply` sends (line {line}, column {column})."
        ))
    })?;
    let folder = Folder {
        files: asked
            .files
            .into_iter()
            .map(|file| (file.path, file.text))
            .collect(),
        secrets: asked
            .secrets
            .into_iter()
            .map(|secret| ResolvedSecret {
                organization: secret.organization,
                connection: secret.connection,
                secret: secret.text,
            })
            .collect(),
    };
    let report = site.app.publish(&principal, &asked.branch, &folder).await?;
    let organizations: Vec<Value> = report
        .outcomes
        .iter()
        .map(|outcome| {
            json!({
                "organization": outcome.organization,
                "version": outcome.version,
                "changed": outcome.changed,
            })
        })
        .collect();
    let warnings: Vec<Value> = report.warnings.iter().map(mistake).collect();
    Ok(Json(
        json!({ "organizations": organizations, "warnings": warnings }),
    ))
}

/// What an organization published, the newest first.
pub(super) async fn history(
    State(site): State<Arc<Site>>,
    Path(organization): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    let principal = principal(&site, &headers).await?;
    let organization = Organization::parse(&organization)
        .ok()
        .filter(|organization| principal.may_administer(organization))
        .ok_or_else(|| forbidden("This key may not see that organization."))?;
    let versions: Vec<Value> = site
        .app
        .history(&organization, HISTORY)
        .await?
        .iter()
        .map(|row| {
            json!({
                "version": row.id,
                "branch": row.branch,
                "published_by": row.published_by,
                "at": row.at,
            })
        })
        .collect();
    Ok(Json(json!({ "versions": versions })))
}

fn mistake(mistake: &Mistake) -> Value {
    json!({
        "file": mistake.file,
        "line": mistake.line,
        "column": mistake.column,
        "message": mistake.message,
        "hint": mistake.hint,
    })
}

impl From<PublishError> for Problem {
    fn from(error: PublishError) -> Self {
        let text = error.to_string();
        match error {
            PublishError::Mistakes(mistakes) => {
                let mistakes = mistakes.iter().map(mistake).collect();
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "mistakes", text)
                    .with("mistakes", mistakes)
            }
            PublishError::Forbidden { .. } => forbidden(text),
            PublishError::Branch => Self::bad_argument(text),
            PublishError::Store(error) => error.into(),
            PublishError::Key(_) | PublishError::Json(_) => Self::internal(&error),
        }
    }
}
