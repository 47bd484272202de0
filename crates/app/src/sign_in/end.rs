//! Attempts that come to nothing: telling the flow, and leaving nothing behind.

use flow::{Run, SignInFailure};
use jiff::{SignedDuration, Timestamp};
use store::{Attempt, AttemptState, OutboxId};

use super::{Details, proofs::Verdict};
use crate::{
    App,
    effects::{Effect, revoke::Revoke},
    turn::{Cause, Outcome, TurnError},
};

/// How many rows one round of clearing up looks at.
const BATCH: u32 = 100;

/// How an attempt ended without a grant, other than by the flow's own doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The person said no, on our page or at the provider.
    Refused,
    /// The person says they never asked (PHI-5).
    Reported,
    /// Another browser came back than set out (BND-4).
    OtherBrowser,
    /// The provider's answer breaks the protocol.
    Misbehaved,
    /// The provider did not answer.
    ProviderDown,
    /// The connection does not work as it is set up.
    NoConfiguration,
    /// Less was granted than the connection needs.
    PartialConsent,
    /// The address is not verified (IDN-7).
    EmailNotVerified,
    /// The code was wrong too often (PHI-8).
    WrongCode,
    /// The server stopped in the middle of the exchange.
    Interrupted,
    /// The session had moved on (PHI-15).
    Late,
}

impl Ending {
    /// The stable code that is stored with the attempt.
    pub(crate) const fn code(self) -> &'static str {
        match self.failure() {
            Some(failure) => failure.code(),
            None => "late",
        }
    }

    /// What the flow is told; nothing, where it has moved on.
    const fn failure(self) -> Option<SignInFailure> {
        Some(match self {
            Self::Refused => SignInFailure::Refused,
            Self::Reported => SignInFailure::Reported,
            Self::OtherBrowser => SignInFailure::OtherBrowser,
            Self::Misbehaved => SignInFailure::ProviderMisbehaved,
            Self::ProviderDown => SignInFailure::ProviderDown,
            Self::NoConfiguration => SignInFailure::NoConfiguration,
            Self::PartialConsent => SignInFailure::PartialConsent,
            Self::EmailNotVerified => SignInFailure::EmailNotVerified,
            Self::WrongCode => SignInFailure::WrongCode,
            Self::Interrupted => SignInFailure::Interrupted,
            Self::Late => return None,
        })
    }
}

impl App {
    /// Ends an attempt and tells the flow, in one turn. Only the first ending counts.
    pub(crate) async fn end(&self, attempt: &Attempt, ending: Ending) -> Result<(), TurnError> {
        if ending == Ending::Reported {
            tracing::warn!(attempt = %attempt.id, organization = %attempt.organization, "signin.reported");
        }
        let told = match ending.failure() {
            Some(reason) => {
                let cause = Cause::SignInFailed {
                    run: Run(attempt.run),
                    session: attempt.session,
                    reason,
                };
                self.turn(&attempt.organization, attempt.conversation, cause)
                    .await?
            }
            None => Outcome::Stale,
        };
        if told == Outcome::Stale {
            self.fail(attempt, ending.code()).await?;
        }
        self.clear_quarantine().await
    }

    /// Ends an attempt that no flow waits for.
    async fn fail(&self, attempt: &Attempt, reason: &str) -> Result<(), TurnError> {
        let now = self.ports.clock.now();
        self.store
            .sign_ins
            .fail(
                &attempt.organization,
                attempt.id,
                &AttemptState::UNFINISHED,
                reason,
                now,
            )
            .await?;
        Ok(())
    }

    /// What a start finds of sign-ins that the last stop cut off: an exchange that was under way
    /// is never repeated (BND-2), and one that only lacked its release is released.
    pub async fn recover(&self) -> Result<(), TurnError> {
        // Whatever is being exchanged in the store, nobody is exchanging any more.
        let started = self
            .ports
            .clock
            .now()
            .saturating_add(SignedDuration::from_secs(1));
        let started = started.unwrap_or(Timestamp::MAX);
        for attempt in self
            .store
            .sign_ins
            .unfinished_exchanges(started, BATCH)
            .await?
        {
            self.end(&attempt, Ending::Interrupted).await?;
        }
        for attempt in self.store.sign_ins.overdue(Timestamp::MAX, BATCH).await? {
            if let Some(Verdict::Release(leave)) = self.verdict_so_far(&attempt).await? {
                self.release(&attempt, leave).await?;
            }
        }
        Ok(())
    }

    /// Ends attempts that are past their deadline but that no timer watches any more.
    pub(crate) async fn end_overdue(&self) -> Result<(), TurnError> {
        let now = self.ports.clock.now();
        for attempt in self.store.sign_ins.overdue(now, BATCH).await? {
            self.fail(&attempt, "expired").await?;
        }
        self.clear_quarantine().await
    }

    /// Revokes and deletes what failed attempts left in quarantine (PHI-10).
    pub(crate) async fn clear_quarantine(&self) -> Result<(), TurnError> {
        for held in self.store.sign_ins.discarded(BATCH).await? {
            let attempt = self
                .store
                .sign_ins
                .load(&held.organization, held.attempt)
                .await?;
            if let Some(attempt) = attempt {
                self.revoke_sealed(&attempt, &held.sealed).await?;
            }
            self.store
                .sign_ins
                .discard(&held.organization, held.attempt)
                .await?;
        }
        Ok(())
    }

    /// Has tokens revoked that are sealed for the attempt's row in quarantine, whether they reached
    /// it or came too late (PHI-15).
    pub(super) async fn revoke_sealed(
        &self,
        attempt: &Attempt,
        sealed: &[u8],
    ) -> Result<(), TurnError> {
        let now = self.ports.clock.now();
        let version = Details::of(attempt)?.version;
        let effect = Effect::Revoke(Revoke::of_quarantine(version, attempt, sealed));
        let id = OutboxId::new(now, self.ports.entropy.bytes());
        self.store
            .outbox
            .add(&attempt.organization, effect.into_outbox(id, now)?)
            .await?;
        self.wake.outbox();
        Ok(())
    }
}
