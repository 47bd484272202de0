//! Typed codes: P3 (PHI-8, PHI-12).

use store::{Attempt, AttemptState, Quarantined, Snapshot};
use vault::{code::Code, same};

use super::{
    end::Ending,
    proofs::{self, Proofs, Verdict},
};
use crate::{App, keys::Sealed, turn::TurnError};

/// How often a code may be typed for one attempt.
const TRIES: u32 = 5;

/// What came of a typed code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tried {
    /// It was right.
    Right,
    /// It was wrong; so many tries are left.
    Wrong {
        /// Tries that are left.
        left: u32,
    },
    /// It was wrong, and that was the last try: the flow goes its other way.
    WrongForTheLastTime,
    /// No further try counts.
    Spent,
}

/// The attempt whose code the conversation waits for.
pub(crate) fn awaited(snapshot: Snapshot) -> Option<Attempt> {
    snapshot
        .attempts
        .into_iter()
        .rev()
        .find(|attempt| attempt.state == AttemptState::Quarantined)
}

impl App {
    /// Counts the try, then compares. With the right code the sign-in is released.
    pub(crate) async fn try_code(
        &self,
        attempt: &Attempt,
        typed: &Code,
    ) -> Result<Tried, TurnError> {
        let now = self.ports.clock.now();
        let counted = self
            .store
            .sign_ins
            .count_try(&attempt.organization, attempt.id, TRIES, now)
            .await?;
        let Some(count) = counted else {
            return Ok(Tried::Spent);
        };
        let sign_ins = &self.store.sign_ins;
        let waiting = sign_ins
            .quarantined(&attempt.organization, attempt.id)
            .await?;
        if let Some(waiting) = waiting
            && self.is_right(attempt, &waiting, typed).await?
        {
            self.release_by_code(attempt, &waiting).await?;
            return Ok(Tried::Right);
        }
        if count >= TRIES {
            self.end(attempt, Ending::WrongCode).await?;
            return Ok(Tried::WrongForTheLastTime);
        }
        Ok(Tried::Wrong {
            left: TRIES - count,
        })
    }

    async fn is_right(
        &self,
        attempt: &Attempt,
        waiting: &Quarantined,
        typed: &Code,
    ) -> Result<bool, TurnError> {
        let Some(expected) = waiting.code else {
            return Ok(false);
        };
        let place = Sealed::Quarantine {
            attempt: &attempt.id.to_string(),
            connection: &attempt.connection,
        };
        let key = self.data_key(&attempt.organization).await?;
        let typed = key.code_digest(&place.place(attempt.organization.as_str()), typed);
        Ok(same(&typed, &expected.0))
    }

    async fn release_by_code(
        &self,
        attempt: &Attempt,
        waiting: &Quarantined,
    ) -> Result<(), TurnError> {
        let proofs = Proofs {
            code: true,
            ..waiting.identity.read()?
        };
        match proofs::judge(proofs) {
            Verdict::Release(leave) => self.release(attempt, leave).await,
            Verdict::AwaitCode | Verdict::Refuse => Ok(()),
        }
    }
}
