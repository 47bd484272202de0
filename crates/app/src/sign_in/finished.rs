//! What the browser that signed in is shown in the end.

use flow::Session;
use jiff::Timestamp;
use store::{Attempt, AttemptId, AttemptState, Organization};
use zeroize::Zeroizing;

use super::{Browser, Details};
use crate::{App, turn::TurnError};

/// The last page of a sign-in.
#[derive(Debug, Clone)]
pub enum FinishedPage {
    /// Signed in; the chat goes on by itself.
    Connected {
        /// The agent, as people know it.
        agent_title: String,
        /// The account, as people know it, while its grant lives.
        account: Option<String>,
    },
    /// A code to type into the chat (PHI-8).
    Code {
        /// The code, as it is shown.
        code: Zeroizing<String>,
        /// The agent, as people know it.
        agent_title: String,
        /// When the sign-in ends without it.
        expires_at: Timestamp,
    },
    /// It did not work.
    Failed {
        /// The stable code of why.
        reason: String,
        /// The agent, as people know it.
        agent_title: String,
    },
    /// Still under way.
    Working {
        /// The agent, as people know it.
        agent_title: String,
    },
    /// Unknown, or another browser's (PAG-7).
    Ended,
}

impl App {
    /// How the attempt stands, for the browser that set out on it and no other (P1).
    pub async fn finished(
        &self,
        organization: &Organization,
        id: AttemptId,
        browser: &Browser,
    ) -> Result<FinishedPage, TurnError> {
        let attempt = self.store.sign_ins.load(organization, id).await?;
        let Some(attempt) = attempt.filter(|attempt| browser.set_out_on(attempt)) else {
            return Ok(FinishedPage::Ended);
        };
        let details = Details::of(&attempt)?;
        let published = self.version(organization, details.version).await?;
        let agent_title = published.agent(&details.agent)?.settings.title.clone();
        Ok(match attempt.state {
            AttemptState::Open | AttemptState::Claimed => FinishedPage::Ended,
            AttemptState::Exchanging => FinishedPage::Working { agent_title },
            AttemptState::Released => FinishedPage::Connected {
                account: self.account_of(&attempt).await?,
                agent_title,
            },
            AttemptState::Failed => FinishedPage::Failed {
                reason: attempt.reason.unwrap_or_default(),
                agent_title,
            },
            AttemptState::Quarantined if attempt.deadline <= self.ports.clock.now() => {
                FinishedPage::Ended
            }
            AttemptState::Quarantined => {
                let held = self.quarantined(&attempt).await?;
                match held.and_then(|(_, held)| held.who.code()) {
                    Some(code) => FinishedPage::Code {
                        code: code.shown(),
                        agent_title,
                        expires_at: attempt.deadline,
                    },
                    None => FinishedPage::Working { agent_title },
                }
            }
        })
    }
    /// The account that the attempt's session is signed in with.
    async fn account_of(&self, attempt: &Attempt) -> Result<Option<String>, TurnError> {
        let snapshot = self
            .store
            .conversations
            .load(&attempt.organization, attempt.conversation)
            .await?;
        let session = snapshot
            .and_then(|snapshot| snapshot.session)
            .filter(|running| running.id == attempt.session);
        let Some(session) = session else {
            return Ok(None);
        };
        let session: Session = session.state.read()?;
        let who = session.signed_in();
        Ok(who
            .filter(|who| who.connection == attempt.connection)
            .and_then(|who| who.account.clone()))
    }
}
