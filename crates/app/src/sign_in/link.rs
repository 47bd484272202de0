//! Opening a link: what is shown, and how a browser sets out to the provider.

use jiff::Timestamp;
use oauth::authorize::{self, Ask, Seeds};
use secrecy::ExposeSecret as _;
use store::{Attempt, AttemptState, Claim, Conversation};
use url::Url;
use zeroize::Zeroizing;

use super::{Browser, Details, Luggage, short};
use crate::{
    App,
    connections::{Registration, RegistrationError},
    drive::DriveError,
    keys::{Sealed, digest, secret_text},
    sign_in::end::Ending,
    turn::TurnError,
    versions::Published,
    workspace::{
        Connection,
        connection::{Prompt, Provider, Redirect},
    },
};

/// What a link leads to.
#[derive(Debug)]
pub enum LinkPage {
    /// On to the provider.
    Onward(Onward),
    /// A question first: whoever opened it has not shown to be the one who asked (PHI-5).
    Confirm(Box<Confirmation>),
    /// Another browser was first (PHI-7).
    Elsewhere,
    /// Unknown, over, or done: nobody is told which (PAG-7).
    Ended,
    /// Nobody can sign in with this connection as it is, and the attempt has ended.
    Failed {
        /// The stable code of why.
        reason: &'static str,
        /// The agent, as people know it.
        agent_title: String,
    },
    /// The provider cannot be reached at this moment; the link still lives.
    ProviderDown {
        /// The connection, as people know it.
        connection_title: String,
        /// When the link dies.
        expires_at: Timestamp,
    },
}

/// A browser's way to the provider.
pub struct Onward {
    /// The provider's authorization address. Holds the attempt's `state`.
    pub url: Url,
    /// Which cookie to set.
    pub cookie_name: String,
    /// Its value.
    pub cookie: Zeroizing<String>,
    /// For how long, in seconds.
    pub max_age_s: i64,
    /// The connection, as people know it.
    pub connection_title: String,
}

impl std::fmt::Debug for Onward {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Onward")
            .field("cookie_name", &self.cookie_name)
            .finish_non_exhaustive()
    }
}

/// What the confirmation page names (PHI-5).
#[derive(Debug, Clone)]
pub struct Confirmation {
    /// The agent, as people know it.
    pub agent_title: String,
    /// Its organization.
    pub organization_title: String,
    /// The connection.
    pub connection_title: String,
    /// The host that people will sign in at.
    pub provider_host: Option<String>,
    /// The scopes that will be asked for.
    pub scopes: Vec<String>,
    /// The channel that the prompt was shown on.
    pub channel: String,
    /// What whoever asked is called in the chat.
    pub asked_by: Option<String>,
    /// When they asked.
    pub asked_at: Timestamp,
    /// When the link dies.
    pub expires_at: Timestamp,
}

/// What was answered on the confirmation page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Go on.
    Continue,
    /// Rather not.
    Cancel,
    /// They never asked for this (PHI-5).
    Report,
}

impl App {
    /// A GET of a link. Changes nothing unless P2a holds for this very browser (PHI-4); a
    /// `prefetch` never does.
    pub async fn open_link(
        &self,
        link: &str,
        browser: &Browser,
        prefetch: bool,
    ) -> Result<LinkPage, TurnError> {
        let Some((attempt, conversation)) = self.live_attempt(link).await? else {
            return Ok(LinkPage::Ended);
        };
        if attempt.state != AttemptState::Open && !browser.set_out_on(&attempt) {
            return Ok(LinkPage::Elsewhere);
        }
        if !prefetch && browser.holds(conversation.browser) {
            return self.set_out(&attempt, browser).await;
        }
        self.confirmation(&attempt, &conversation).await
    }

    /// The answer to the confirmation page. The caller has checked that it comes from that page.
    pub async fn answer_link(
        &self,
        link: &str,
        browser: &Browser,
        answer: Answer,
    ) -> Result<LinkPage, TurnError> {
        let Some((attempt, _)) = self.live_attempt(link).await? else {
            return Ok(LinkPage::Ended);
        };
        if attempt.state != AttemptState::Open && !browser.set_out_on(&attempt) {
            return Ok(LinkPage::Elsewhere);
        }
        let ending = match answer {
            Answer::Continue => return self.set_out(&attempt, browser).await,
            Answer::Cancel => Ending::Refused,
            Answer::Report => Ending::Reported,
        };
        self.end(&attempt, ending).await?;
        Ok(LinkPage::Ended)
    }

    /// The attempt of a link on which somebody can still set out.
    async fn live_attempt(&self, link: &str) -> Result<Option<(Attempt, Conversation)>, TurnError> {
        let Some(attempt) = self.store.sign_ins.by_link(digest(link)).await? else {
            return Ok(None);
        };
        let live = matches!(attempt.state, AttemptState::Open | AttemptState::Claimed);
        if !live || attempt.deadline <= self.ports.clock.now() {
            return Ok(None);
        }
        let snapshot = self
            .store
            .conversations
            .load(&attempt.organization, attempt.conversation)
            .await?;
        // A link of a session that is over leads nowhere (BND-3).
        Ok(snapshot
            .filter(|snapshot| {
                snapshot
                    .session
                    .as_ref()
                    .is_some_and(|running| running.id == attempt.session)
            })
            .map(|snapshot| (attempt, snapshot.conversation)))
    }

    async fn confirmation(
        &self,
        attempt: &Attempt,
        conversation: &Conversation,
    ) -> Result<LinkPage, TurnError> {
        let details = Details::of(attempt)?;
        let published = self.version(&attempt.organization, details.version).await?;
        let connection = published.connection(&attempt.connection)?;
        Ok(LinkPage::Confirm(Box::new(Confirmation {
            agent_title: published.agent(&details.agent)?.settings.title.clone(),
            organization_title: published.organization.settings.title.clone(),
            connection_title: connection.title.clone(),
            provider_host: host(connection),
            scopes: connection.scopes.clone(),
            channel: details.channel,
            asked_by: conversation.user.clone(),
            asked_at: attempt.at,
            expires_at: attempt.deadline,
        })))
    }

    /// Binds the attempt to this browser and sends it on its way.
    async fn set_out(&self, attempt: &Attempt, browser: &Browser) -> Result<LinkPage, TurnError> {
        let details = Details::of(attempt)?;
        let published = self.version(&attempt.organization, details.version).await?;
        let registration = match self
            .live_registration(&published, &attempt.connection)
            .await
        {
            Ok(registration) => registration,
            Err(error) => return self.no_way_out(attempt, &published, error).await,
        };
        let (claim, mut onward) = match self.prepare(attempt, browser, &registration).await {
            Ok(prepared) => prepared,
            Err(error) => return self.no_way_out(attempt, &published, error).await,
        };
        let now = claim.at;
        let claimed = self
            .store
            .sign_ins
            .claim(&attempt.organization, attempt.id, claim)
            .await?;
        if !claimed {
            return Ok(LinkPage::Elsewhere);
        }
        onward.max_age_s = attempt.deadline.duration_since(now).as_secs().max(1);
        Ok(LinkPage::Onward(onward))
    }

    async fn prepare(
        &self,
        attempt: &Attempt,
        browser: &Browser,
        registration: &Registration,
    ) -> Result<(Claim, Onward), RegistrationError> {
        let settings = registration.settings();
        let redirect_uri = self.redirect_uri(registration);
        let entropy = &self.ports.entropy;
        let ask = Ask {
            provider: &registration.provider,
            client_id: &registration.client.id,
            redirect_uri: &redirect_uri,
            scopes: &settings.scopes,
            prompt: settings.prompt.map(Prompt::as_str),
            extras: &[],
            hints: &[],
        };
        let seeds = Seeds {
            state: entropy.bytes(),
            nonce: entropy.bytes(),
            verifier: entropy.bytes(),
        };
        let authorization = authorize::begin(&ask, &seeds).map_err(DriveError::from)?;
        let luggage = Luggage {
            verifier: Zeroizing::new(authorization.verifier.expose_secret().to_owned()),
            nonce: authorization
                .nonce
                .as_ref()
                .map(|nonce| Zeroizing::new(nonce.expose_secret().to_owned())),
        };
        // The browser that set out before keeps its cookie: it may set out once more.
        let cookie = Zeroizing::new(match browser.cookie_of(attempt) {
            Some(cookie) => cookie.to_owned(),
            None => secret_text(entropy.bytes()),
        });
        let claim = Claim {
            cookie: digest(&cookie),
            state: digest(authorization.state.expose_secret()),
            sealed: self.seal_luggage(attempt, &luggage).await?,
            redirect_uri,
            issuer: registration.provider.issuer.clone(),
            at: self.ports.clock.now(),
        };
        let onward = Onward {
            url: authorization.url,
            cookie_name: short(attempt),
            cookie,
            max_age_s: 0,
            connection_title: settings.title.clone(),
        };
        Ok((claim, onward))
    }

    async fn seal_luggage(
        &self,
        attempt: &Attempt,
        luggage: &Luggage,
    ) -> Result<Vec<u8>, RegistrationError> {
        let place = Sealed::Claim {
            attempt: &attempt.id.to_string(),
            connection: &attempt.connection,
        };
        let plain = Zeroizing::new(
            serde_json::to_vec(luggage).map_err(|_| RegistrationError::NoConfiguration)?,
        );
        Ok(self.seal(&attempt.organization, place, &plain).await?)
    }

    /// Where the provider sends the browser back to: fixed for a connection, whatever else is
    /// configured (architecture 11.2; CFG-8).
    fn redirect_uri(&self, registration: &Registration) -> String {
        let settings = registration.settings();
        let base = self.settings.oauth_redirect_uri();
        match settings.redirect {
            Redirect::Own => format!("{base}/{}/{}", registration.organization(), settings.code),
            Redirect::Shared => base,
        }
    }

    /// A provider that is down may be back before the link dies; settings that do not work, and a
    /// provider that breaks the protocol, will not mend by waiting.
    async fn no_way_out(
        &self,
        attempt: &Attempt,
        published: &Published,
        error: RegistrationError,
    ) -> Result<LinkPage, TurnError> {
        tracing::warn!(
            organization = %attempt.organization,
            connection = attempt.connection,
            attempt = %attempt.id,
            %error,
            "nobody can set out to the provider"
        );
        let ending = match error {
            RegistrationError::Store(error) => return Err(error.into()),
            RegistrationError::Key(error) => return Err(error.into()),
            RegistrationError::Provider(
                DriveError::NoAnswer(_) | DriveError::Answered(oauth::Error::Unavailable { .. }),
            ) => {
                return Ok(LinkPage::ProviderDown {
                    connection_title: published.connection(&attempt.connection)?.title.clone(),
                    expires_at: attempt.deadline,
                });
            }
            RegistrationError::Provider(DriveError::Answered(oauth::Error::Misbehaved(_))) => {
                Ending::Misbehaved
            }
            RegistrationError::Provider(_) | RegistrationError::NoConfiguration => {
                Ending::NoConfiguration
            }
        };
        self.end(attempt, ending).await?;
        let agent = published.agent(&Details::of(attempt)?.agent)?;
        Ok(LinkPage::Failed {
            reason: ending.code(),
            agent_title: agent.settings.title.clone(),
        })
    }
}

/// The host that people will sign in at, as far as it is written down.
fn host(connection: &Connection) -> Option<String> {
    let address = match &connection.provider {
        Provider::Discovery(address) => address,
        Provider::Endpoints(typed) => typed.authorization.as_ref()?,
    };
    let url = Url::parse(address).ok()?;
    Some(url.host_str()?.to_owned())
}
