//! Ending tokens at their provider, best effort (XCH-9, PHI-10).

use base64::{Engine as _, engine::general_purpose::STANDARD};
use oauth::{
    revoke::{self, Hint},
    token::Caller,
};
use serde::{Deserialize, Serialize};
use store::{Attempt, Grant, OutboxItem, VersionId};
use vault::grant::Tokens;

use super::{Done, identity::back_off};
use crate::{
    App,
    drive::{DriveError, drive},
    keys::Sealed,
    sign_in::Held,
};

/// With the back-off of failed effects, a day's worth of tries (XCH-9).
const TAKES: u32 = 34;

/// Tokens to revoke, sealed as their row had them: the row itself is gone already.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Revoke {
    version: VersionId,
    connection: String,
    row: Row,
    sealed: String,
}

/// Which row the tokens were sealed for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Row {
    Grant(String),
    Quarantine(String),
}

impl Revoke {
    /// The tokens of a grant that a turn removes.
    pub(crate) fn of_grant(version: VersionId, grant: &Grant) -> Self {
        Self {
            version,
            connection: grant.connection.clone(),
            row: Row::Grant(grant.id.to_string()),
            sealed: STANDARD.encode(&grant.sealed),
        }
    }

    /// The tokens of a failed attempt, sealed for its row in quarantine.
    pub(crate) fn of_quarantine(version: VersionId, attempt: &Attempt, sealed: &[u8]) -> Self {
        Self {
            version,
            connection: attempt.connection.clone(),
            row: Row::Quarantine(attempt.id.to_string()),
            sealed: STANDARD.encode(sealed),
        }
    }
}

impl App {
    pub(super) async fn revoke(&self, item: &OutboxItem, what: &Revoke) -> Done {
        match self.try_revoke(item, what).await {
            Err(error) if error.may_pass() && item.takes < TAKES => {
                Done::Later(back_off(self.ports.clock.now(), item.takes))
            }
            Err(error) => {
                tracing::warn!(connection = what.connection, %error, "tokens were not revoked");
                Done::Quietly
            }
            Ok(()) => Done::Quietly,
        }
    }

    /// Refresh token first, then access token.
    async fn try_revoke(&self, item: &OutboxItem, what: &Revoke) -> Result<(), Unrevoked> {
        let organization = &item.organization;
        let published = self
            .version(organization, what.version)
            .await
            .map_err(|_| Unrevoked::Gone)?;
        let registration = self
            .registration(&published, &what.connection)
            .await
            .map_err(|_| Unrevoked::Unreachable)?;
        let Some(endpoint) = registration.provider.revocation_endpoint.clone() else {
            return Ok(());
        };
        let tokens = self.tokens_of(item, what).await?;
        let refresh = tokens
            .refresh
            .iter()
            .map(|token| (token, Hint::RefreshToken));
        let access = std::iter::once((&tokens.access, Hint::AccessToken));
        for (token, hint) in refresh.chain(access) {
            let caller = Caller {
                provider: &registration.provider,
                client: &registration.client,
                seed: self.ports.entropy.bytes(),
                now: self.ports.clock.now(),
            };
            let progress = revoke::begin(&endpoint, token, hint, &caller)?;
            match drive(&self.ports, progress).await {
                // A provider that revokes one kind only has done what it does.
                Ok(()) | Err(DriveError::Answered(oauth::Error::Unsupported(_))) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    async fn tokens_of(&self, item: &OutboxItem, what: &Revoke) -> Result<Tokens, Unrevoked> {
        let connection = &what.connection;
        let sealed = STANDARD.decode(&what.sealed).map_err(|_| Unrevoked::Gone)?;
        let place = match &what.row {
            Row::Grant(grant) => Sealed::Grant { grant, connection },
            Row::Quarantine(attempt) => Sealed::Quarantine {
                attempt,
                connection,
            },
        };
        let plain = self
            .open(&item.organization, place, &sealed)
            .await
            .map_err(|_| Unrevoked::Gone)?;
        match what.row {
            Row::Grant(_) => Tokens::from_bytes(&plain).map_err(|_| Unrevoked::Gone),
            Row::Quarantine(_) => Held::from_bytes(&plain)
                .map(|held| held.tokens)
                .map_err(|_| Unrevoked::Gone),
        }
    }
}

/// Why tokens are still valid at their provider.
#[derive(Debug, thiserror::Error)]
enum Unrevoked {
    /// The connection, its keys or the sealed tokens are gone.
    #[error("what is needed to revoke them is gone")]
    Gone,
    /// The provider could not be reached.
    #[error("the provider is not reachable")]
    Unreachable,
    /// The provider's answer.
    #[error(transparent)]
    Provider(#[from] DriveError),
}

impl Unrevoked {
    /// Whether trying again later can help.
    fn may_pass(&self) -> bool {
        match self {
            Self::Gone => false,
            Self::Unreachable | Self::Provider(DriveError::NoAnswer(_)) => true,
            Self::Provider(DriveError::Answered(error)) => {
                matches!(error, oauth::Error::Unavailable { .. })
            }
        }
    }
}

impl From<oauth::Error> for Unrevoked {
    fn from(error: oauth::Error) -> Self {
        Self::Provider(error.into())
    }
}
