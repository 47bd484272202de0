//! The one way from a session's grant to a token that may be sent (XCH-2, SEC).
//!
//! A token is opened when a call is made and dropped after it. It is renewed when it has expired
//! or an API says so; whatever a renewal brings is stored before anyone uses it (RTR-2).

use std::sync::Arc;

use flow::HttpFailure;
use oauth::{id_token, token};
use secrecy::{ExposeSecret as _, SecretString};
use store::{
    ConversationId, Grant, GrantId, GrantMeta, NewSeal, Organization, SessionId, Snapshot,
    StoreError,
};
use vault::grant::Tokens;

use crate::{
    App,
    connections::{Registration, RegistrationError},
    drive::{DriveError, drive},
    keys::{KeyError, Sealed},
    versions::Published,
    workspace::Connection,
};

/// A person's access token, on its way into one request.
#[derive(Clone)]
pub(crate) struct Bearer {
    published: Arc<Published>,
    organization: Organization,
    connection: String,
    /// The grant it belongs to.
    pub(crate) grant: GrantId,
    version: i64,
    tokens: Arc<Tokens>,
    /// The token.
    pub(crate) token: SecretString,
    /// Who signed in, where an ID token said it (UIN-1).
    pub(crate) subject: Option<String>,
}

/// Who wants to send a token.
pub(crate) struct Asker<'a> {
    /// Whose session.
    pub(crate) organization: &'a Organization,
    /// Its conversation.
    pub(crate) conversation: Option<ConversationId>,
    /// The session.
    pub(crate) session: SessionId,
}

/// Why there is no token to send.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TokenError {
    /// The session has no such grant.
    #[error("not signed in")]
    NotSignedIn,
    /// The grant is over: the person has to sign in again.
    #[error("the grant is over")]
    Over(GrantId),
    /// The connection is gone from the session's version, or its settings do not work.
    #[error("the connection is not usable")]
    NoConfiguration,
    /// The provider did not answer; the grant is kept.
    #[error("the provider could not be reached")]
    ProviderDown,
    /// The grant could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The grant could not be opened.
    #[error(transparent)]
    Key(#[from] KeyError),
}

impl TokenError {
    /// What the step sees.
    pub(crate) const fn as_http_failure(&self) -> HttpFailure {
        match self {
            Self::NotSignedIn | Self::Over(_) => HttpFailure::NotSignedIn,
            Self::NoConfiguration => HttpFailure::NoConfiguration,
            Self::ProviderDown | Self::Store(_) | Self::Key(_) => HttpFailure::Unreachable,
        }
    }

    /// The grant that is over, to be removed.
    pub(crate) const fn over(&self) -> Option<GrantId> {
        match self {
            Self::Over(grant) => Some(*grant),
            Self::NotSignedIn
            | Self::NoConfiguration
            | Self::ProviderDown
            | Self::Store(_)
            | Self::Key(_) => None,
        }
    }
}

impl Bearer {
    /// The version of the session that it serves.
    pub(crate) fn published(&self) -> &Arc<Published> {
        &self.published
    }

    /// The connection whose token it is.
    pub(crate) fn connection(&self) -> &Connection {
        &self.published.organization.connections[self.connection.as_str()]
    }
}

impl App {
    /// The token of a grant that the session may use, renewed if it has expired.
    pub(crate) async fn bearer(
        &self,
        asker: &Asker<'_>,
        grant: Option<GrantId>,
    ) -> Result<Bearer, TokenError> {
        let grant = grant.ok_or(TokenError::NotSignedIn)?;
        let bearer = self.load(asker, grant).await?;
        if bearer.tokens.expires_at > self.ports.clock.now() {
            return Ok(bearer);
        }
        self.renew(bearer).await
    }

    /// A new access token for the same grant. One renewal of a grant at a time on this node; who
    /// waited gets what the first one brought.
    pub(crate) async fn renew(&self, bearer: Bearer) -> Result<Bearer, TokenError> {
        let grant = bearer.grant;
        let _one = self.renewals.enter(&grant.to_string()).await;
        let held = self
            .store
            .grants
            .load(&bearer.organization, grant)
            .await?
            .ok_or(TokenError::Over(grant))?;
        if held.version != bearer.version {
            return self.open_grant(bearer.published, held).await;
        }
        let registration = self
            .live_registration(&bearer.published, &bearer.connection)
            .await?;
        let renewed = self.refresh(&registration, &bearer).await?;
        self.replace(bearer, renewed).await
    }

    /// Opens the grant if it is the session's own, or one that the connection shares (XCH-2).
    async fn load(&self, asker: &Asker<'_>, grant: GrantId) -> Result<Bearer, TokenError> {
        let not_signed_in = || TokenError::NotSignedIn;
        let conversation = asker.conversation.ok_or_else(not_signed_in)?;
        let conversations = &self.store.conversations;
        let snapshot = conversations.load(asker.organization, conversation).await?;
        let snapshot = snapshot.ok_or_else(not_signed_in)?;
        let running = snapshot.session.as_ref();
        let version = running
            .filter(|running| running.id == asker.session)
            .ok_or_else(not_signed_in)?
            .version;
        let published = self
            .version(asker.organization, version)
            .await
            .map_err(|_| TokenError::NoConfiguration)?;
        let shared = self.shared_grants(&snapshot, &published).await?;
        let usable = snapshot.grants.iter().chain(&shared);
        if !usable.into_iter().any(|usable| usable.id == grant) {
            return Err(TokenError::NotSignedIn);
        }
        let held = self.store.grants.load(asker.organization, grant).await?;
        self.open_grant(published, held.ok_or_else(not_signed_in)?)
            .await
    }

    /// Grants of this browser's other conversations, of connections that share them (TOK-1).
    pub(crate) async fn shared_grants(
        &self,
        snapshot: &Snapshot,
        published: &Published,
    ) -> Result<Vec<GrantMeta>, StoreError> {
        let Snapshot { conversation, .. } = snapshot;
        let shares = |code: &str| {
            published
                .connection(code)
                .is_ok_and(|connection| connection.share_between_conversations)
        };
        let connections = &published.organization.connections;
        let (Some(browser), true) = (
            conversation.browser,
            connections.keys().any(|code| shares(code)),
        ) else {
            return Ok(Vec::new());
        };
        let grants = &self.store.grants;
        let mut held = grants
            .of_browser(&conversation.organization, browser)
            .await?;
        held.retain(|grant| shares(&grant.connection) && !snapshot.grants.contains(grant));
        Ok(held)
    }

    async fn open_grant(
        &self,
        published: Arc<Published>,
        held: Grant,
    ) -> Result<Bearer, TokenError> {
        if !published
            .organization
            .connections
            .contains_key(&held.connection)
        {
            return Err(TokenError::NoConfiguration);
        }
        let place = Sealed::Grant {
            grant: &held.id.to_string(),
            connection: &held.connection,
        };
        let plain = self.open(&held.organization, place, &held.sealed).await?;
        let tokens = Tokens::from_bytes(&plain).map_err(|_| TokenError::NoConfiguration)?;
        Ok(Bearer {
            published,
            organization: held.organization,
            connection: held.connection,
            grant: held.id,
            version: held.version,
            token: tokens.access.clone(),
            subject: subject(&tokens),
            tokens: Arc::new(tokens),
        })
    }

    async fn refresh(
        &self,
        registration: &Registration,
        bearer: &Bearer,
    ) -> Result<Tokens, TokenError> {
        let over = || TokenError::Over(bearer.grant);
        let refresh_token = bearer.tokens.refresh.as_ref().ok_or_else(over)?;
        let caller = registration.caller(&self.ports);
        let progress = token::refresh(&caller, refresh_token, &bearer.tokens.scopes)
            .map_err(|error| after(&error, bearer.grant))?;
        let answer = match drive(&self.ports, progress).await {
            Ok(answer) => answer,
            Err(DriveError::NoAnswer(_)) => return Err(TokenError::ProviderDown),
            Err(DriveError::Answered(error)) => return Err(after(&error, bearer.grant)),
        };
        // Nothing of an answer about somebody else is used, the access token included (IDT-10).
        if let Some(id_token) = &answer.id_token {
            self.same_person(registration, bearer, id_token, &answer.access_token)
                .await?;
        }
        Ok(Tokens {
            access: answer.access_token,
            refresh: answer
                .refresh_token
                .or_else(|| bearer.tokens.refresh.clone()),
            id: answer.id_token.or_else(|| bearer.tokens.id.clone()),
            expires_at: answer.expires_at,
            expires_known: answer.expires_known,
            scopes: answer.scopes,
            token_type: bearer.tokens.token_type.clone(),
            first: bearer.tokens.first.clone(),
        })
    }

    async fn same_person(
        &self,
        registration: &Registration,
        bearer: &Bearer,
        id_token: &SecretString,
        access_token: &SecretString,
    ) -> Result<(), TokenError> {
        let over = || TokenError::Over(bearer.grant);
        let first: id_token::FirstLogin =
            serde_json::from_value(bearer.tokens.first.clone()).map_err(|_| over())?;
        let expected = registration
            .expected(Some(access_token.expose_secret()))
            .ok_or_else(over)?;
        let now = self.ports.clock.now();
        let ports = &self.ports;
        self.connections
            .with_keys(ports, registration, id_token.expose_secret(), |keys| {
                id_token::verify_refreshed(id_token.expose_secret(), &expected, &first, keys, now)
                    .map(drop)
            })
            .await
            .map_err(|error| {
                tracing::warn!(grant = %bearer.grant, %error, "refresh.identity_changed");
                over()
            })
    }

    async fn replace(&self, bearer: Bearer, renewed: Tokens) -> Result<Bearer, TokenError> {
        let place = Sealed::Grant {
            grant: &bearer.grant.to_string(),
            connection: &bearer.connection,
        };
        let plain = renewed.to_bytes().map_err(|_| KeyError::Seal)?;
        let seal = NewSeal {
            sealed: self.seal(&bearer.organization, place, &plain).await?,
            expires_at: renewed.expires_at,
        };
        self.store
            .grants
            .replace(&bearer.organization, bearer.grant, bearer.version, seal)
            .await?;
        Ok(Bearer {
            version: bearer.version + 1,
            token: renewed.access.clone(),
            tokens: Arc::new(renewed),
            ..bearer
        })
    }
}

fn subject(tokens: &Tokens) -> Option<String> {
    let subject = tokens.first.get("sub")?.as_str()?;
    Some(subject.to_owned())
}

/// What a failed renewal means for the grant: only the provider's own word ends it (RTR-4).
fn after(error: &oauth::Error, grant: GrantId) -> TokenError {
    match error {
        oauth::Error::Refused(_) => TokenError::Over(grant),
        oauth::Error::Rejected(_) | oauth::Error::Unsupported(_) => TokenError::NoConfiguration,
        oauth::Error::Misbehaved(_) | oauth::Error::Unavailable { .. } => TokenError::ProviderDown,
    }
}

impl From<RegistrationError> for TokenError {
    fn from(error: RegistrationError) -> Self {
        match error {
            RegistrationError::NoConfiguration => Self::NoConfiguration,
            RegistrationError::Provider(_) => Self::ProviderDown,
            RegistrationError::Key(error) => Self::Key(error),
            RegistrationError::Store(error) => Self::Store(error),
        }
    }
}
