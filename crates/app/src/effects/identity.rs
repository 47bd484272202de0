//! A connection's identity request: one GET as the person, and a mapping of its answer (IDN-2).

use flow::{Event, IdentityFailure, Run};
use jiff::Timestamp;
use oauth::{
    Error, Misbehavior, Refusal,
    userinfo::{self, Fault},
};
use serde_json::{Map, Value};
use store::GrantId;
use url::Url;

use super::{Done, http::failure};
use crate::{
    App,
    drive::{DriveError, drive},
    tokens::{Asker, Bearer},
    workspace::connection::IdentitySource,
};

/// The fields of `ChatUser` to set.
type Fields = Vec<(String, Value)>;

/// Why there are none.
struct Failed {
    code: String,
    spent: Option<GrantId>,
}

impl App {
    pub(super) async fn fetch_identity(
        &self,
        asker: &Asker<'_>,
        grant: Option<GrantId>,
        run: Run,
    ) -> Done {
        let (answer, spent) = match self.identity(asker, grant).await {
            Ok(fields) => (Ok(fields), None),
            Err(Failed { code, spent }) => (Err(IdentityFailure { code }), spent),
        };
        Done::Answer {
            session: asker.session,
            event: Event::IdentityFetched { run, answer },
            spent,
        }
    }

    async fn identity(&self, asker: &Asker<'_>, grant: Option<GrantId>) -> Result<Fields, Failed> {
        let bearer = self.bearer(asker, grant).await.map_err(|error| Failed {
            code: error.as_http_failure().code().to_owned(),
            spent: error.over(),
        })?;
        let Some(identity) = &bearer.connection().identity else {
            return Ok(Vec::new());
        };
        let endpoint = self.identity_endpoint(&bearer, &identity.source).await?;
        let answer = match self.ask(&bearer, &endpoint).await {
            Err(DriveError::Answered(error)) if error.wants_new_access_token() => {
                self.ask_again(&bearer, &endpoint).await
            }
            answer => answer.map_err(|error| Failed::of(&error, bearer.grant)),
        }?;
        Ok(identity.mapping.apply(&Value::Object(answer)))
    }

    /// One refresh and one retry, on 401 only (UIN-4).
    async fn ask_again(
        &self,
        bearer: &Bearer,
        endpoint: &Url,
    ) -> Result<Map<String, Value>, Failed> {
        let spent = Some(bearer.grant);
        let renewed = self.renew(bearer.clone()).await.map_err(|error| Failed {
            code: "401".to_owned(),
            spent: error.over(),
        })?;
        self.ask(&renewed, endpoint)
            .await
            .map_err(|error| match error {
                DriveError::Answered(error) if error.wants_new_access_token() => Failed {
                    code: "401".to_owned(),
                    spent,
                },
                error => Failed::of(&error, bearer.grant),
            })
    }

    async fn ask(&self, bearer: &Bearer, endpoint: &Url) -> Result<Map<String, Value>, DriveError> {
        let progress = userinfo::begin(endpoint, &bearer.token, bearer.subject.as_deref())?;
        drive(&self.ports, progress).await
    }

    /// The connection's own address, or the provider's user-information endpoint.
    async fn identity_endpoint(
        &self,
        bearer: &Bearer,
        source: &IdentitySource,
    ) -> Result<Url, Failed> {
        let unusable = |code: &str| Failed {
            code: code.to_owned(),
            spent: None,
        };
        match source {
            IdentitySource::Url(url) => Ok(url.clone()),
            IdentitySource::UserInfo => self
                .registration(bearer.published(), &bearer.connection().code)
                .await
                .map_err(|_| unusable("unreachable"))?
                .provider
                .userinfo_endpoint
                .clone()
                .ok_or_else(|| unusable("no_configuration")),
        }
    }
}

impl Failed {
    /// A token that stands for somebody else than who signed in is of no use (UIN-1).
    fn of(error: &DriveError, grant: GrantId) -> Self {
        let (code, spent) = match error {
            DriveError::NoAnswer(error) => (failure(error).code().to_owned(), None),
            DriveError::Answered(Error::Unavailable { status, .. }) => (status.to_string(), None),
            DriveError::Answered(Error::Refused(Refusal::Forbidden)) => ("403".to_owned(), None),
            DriveError::Answered(Error::Misbehaved(Misbehavior::UserInfo(
                Fault::OtherPerson | Fault::NobodyNamed,
            ))) => (REFUSED.to_owned(), Some(grant)),
            DriveError::Answered(_) => (REFUSED.to_owned(), None),
        };
        Self { code, spent }
    }
}

/// The answer cannot be believed, or is no answer to the question.
const REFUSED: &str = "identity_refused";

/// How long an effect that nobody waits for is put off after its `takes`th failure.
pub(super) fn back_off(now: Timestamp, takes: u32) -> Timestamp {
    let seconds = 2_i64.saturating_pow(takes.min(12)).min(3600);
    now.saturating_add(jiff::SignedDuration::from_secs(seconds))
        .unwrap_or(Timestamp::MAX)
}
