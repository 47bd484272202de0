//! Binding quarantined tokens to the session that asked for them.

use store::{Attempt, GrantId, Quarantined};
use zeroize::Zeroizing;

use super::{
    Held,
    end::Ending,
    proofs::{self, Leave, Proofs, Verdict},
};
use crate::{
    App,
    keys::{KeyError, Sealed},
    turn::{Cause, Outcome, Released, TurnError},
};

impl App {
    /// Moves the tokens from quarantine to a grant, in the turn in which the flow goes on. The
    /// deadline is looked at once more in that turn (BND-3); if the session has moved on, the
    /// tokens are revoked (PHI-15).
    pub(crate) async fn release(&self, attempt: &Attempt, leave: Leave) -> Result<(), TurnError> {
        let Some((_, held)) = self.quarantined(attempt).await? else {
            return Ok(());
        };
        let grant = GrantId::new(self.ports.clock.now(), self.ports.entropy.bytes());
        let place = Sealed::Grant {
            grant: &grant.to_string(),
            connection: &attempt.connection,
        };
        let plain: Zeroizing<Vec<u8>> = held.tokens.to_bytes().map_err(|_| KeyError::Seal)?;
        let released = Released {
            attempt: attempt.clone(),
            leave,
            grant,
            sealed: self.seal(&attempt.organization, place, &plain).await?,
            expires_at: held.tokens.expires_at,
            claims: held.who.claims,
            account: held.who.account,
        };
        let cause = Cause::Released(Box::new(released));
        let outcome = self
            .turn(&attempt.organization, attempt.conversation, cause)
            .await?;
        if outcome == Outcome::Stale {
            self.end(attempt, Ending::Late).await?;
        }
        Ok(())
    }

    /// What waits in quarantine for this attempt.
    pub(crate) async fn quarantined(
        &self,
        attempt: &Attempt,
    ) -> Result<Option<(Quarantined, Held)>, TurnError> {
        let waiting = self
            .store
            .sign_ins
            .quarantined(&attempt.organization, attempt.id)
            .await?;
        let Some(waiting) = waiting else {
            return Ok(None);
        };
        let place = Sealed::Quarantine {
            attempt: &attempt.id.to_string(),
            connection: &attempt.connection,
        };
        let plain = self
            .open(&attempt.organization, place, &waiting.sealed)
            .await?;
        let held = Held::from_bytes(&plain).map_err(|_| KeyError::Seal)?;
        Ok(Some((waiting, held)))
    }

    /// What follows from the proofs that were stored with the quarantine.
    pub(crate) async fn verdict_so_far(
        &self,
        attempt: &Attempt,
    ) -> Result<Option<Verdict>, TurnError> {
        let waiting = self
            .store
            .sign_ins
            .quarantined(&attempt.organization, attempt.id)
            .await?;
        let proofs: Option<Proofs> = waiting.map(|waiting| waiting.identity.read()).transpose()?;
        Ok(proofs.map(proofs::judge))
    }
}
