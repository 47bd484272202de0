//! What the browser that signed in is shown in the end.

use jiff::Timestamp;
use store::{AttemptId, AttemptState, Organization};
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
            AttemptState::Released => FinishedPage::Connected { agent_title },
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
}
