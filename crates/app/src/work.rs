//! The work that nobody asks for by a request: due timers, the outbox, clearing up.
//!
//! [`App::run`] does it for as long as the server lives; [`App::work_due`] does what is due now
//! and returns, for tests on a manual clock.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use flow::Event;
use futures_util::{FutureExt as _, StreamExt as _, stream};
use jiff::{SignedDuration, Timestamp};
use store::{DueTimer, OutboxItem, Sweep};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::{
    App,
    effects::{Done, Effect},
    meters,
    turn::{Cause, TurnError},
};

/// How many timers or effects are taken at a time.
const BATCH: u32 = 256;
/// How many of them are worked on at a time.
const AT_ONCE: usize = 64;
/// An effect that is not answered within this is taken again.
const LEASE: SignedDuration = SignedDuration::from_secs(60);
/// The longest sleep: another node may have set a timer that nobody told this one of, and what
/// failed attempts leave behind is cleared up at least this often (PHI-10).
const LONGEST_SLEEP: SignedDuration = SignedDuration::from_secs(2);
/// Finished attempts are kept this long, so that their pages can still say how they ended.
const FINISHED_KEPT: SignedDuration = SignedDuration::from_mins(10);

/// Why a job did not come to its end.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error(transparent)]
    Turn(#[from] TurnError),
    /// The panic hook has logged where.
    #[error("it panicked")]
    Panicked,
}

/// How a batch of jobs went.
#[derive(Clone, Copy, Default)]
struct Batch {
    done: usize,
    failed: usize,
}

impl Batch {
    fn with(self, went_well: bool) -> Self {
        Self {
            done: self.done + usize::from(went_well),
            failed: self.failed + usize::from(!went_well),
        }
    }
}

/// Wakes the workers when a turn gave them something to do.
#[derive(Default)]
pub(crate) struct Wake {
    outbox: Notify,
    timers: Notify,
}

impl Wake {
    pub(crate) fn after_turn(&self, effects: bool, timer: bool) {
        if effects {
            self.outbox.notify_one();
        }
        if timer {
            self.timers.notify_one();
        }
    }

    pub(crate) fn outbox(&self) {
        self.outbox.notify_one();
    }
}

impl App {
    /// Works until `stop`. Whatever is under way then is finished or repeated by the next start.
    pub async fn run(self: &Arc<Self>, stop: &CancellationToken) {
        if let Err(error) = self.recover().await {
            tracing::error!(%error, "could not take up interrupted sign-ins");
        }
        tokio::join!(self.work_outbox(stop), self.work_timers(stop));
    }

    /// Does all that is due at this moment, and whatever becomes due by it.
    pub async fn work_due(self: &Arc<Self>) -> Result<(), TurnError> {
        loop {
            let timers = self.fire_timers().await?;
            let effects = self.run_effects().await?;
            self.end_overdue().await?;
            // What failed stays due; trying it again at once would not mend it.
            if timers.done + effects.done == 0 {
                return Ok(());
            }
        }
    }

    async fn work_timers(self: &Arc<Self>, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            let worked = contained(self.timer_round()).await;
            let pause = self.pause(worked, self.store.timers.next().await.ok().flatten());
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.wake.timers.notified() => {}
                () = self.ports.clock.sleep_until(pause) => {}
            }
        }
    }

    async fn timer_round(self: &Arc<Self>) -> Result<Batch, TurnError> {
        let fired = self.fire_timers().await?;
        self.end_overdue().await?;
        self.sweep().await?;
        Ok(fired)
    }

    async fn work_outbox(self: &Arc<Self>, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            let worked = contained(self.run_effects()).await;
            let pause = self.pause(worked, self.store.outbox.next_due().await.ok().flatten());
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.wake.outbox.notified() => {}
                () = self.ports.clock.sleep_until(pause) => {}
            }
        }
    }

    /// When to look again: at once after a full batch, a little later after a failure, else when
    /// the next row is due.
    fn pause(&self, worked: Result<Batch, Failed>, next: Option<Timestamp>) -> Timestamp {
        let now = self.ports.clock.now();
        let later = |span: SignedDuration| now.saturating_add(span).unwrap_or(Timestamp::MAX);
        match worked {
            Ok(Batch { failed: 1.., .. }) => later(SignedDuration::from_secs(1)),
            Ok(_) => next.unwrap_or(Timestamp::MAX).min(later(LONGEST_SLEEP)),
            Err(error) => {
                tracing::error!(%error, "background work failed; it is tried again");
                later(SignedDuration::from_secs(1))
            }
        }
    }

    /// Fires timers that are due, in batches.
    async fn fire_timers(self: &Arc<Self>) -> Result<Batch, TurnError> {
        let due = self.store.timers.due(self.ports.clock.now(), BATCH).await?;
        let fired = stream::iter(due)
            .map(|timer| self.fire(timer))
            .buffer_unordered(AT_ONCE)
            .fold(
                Batch::default(),
                |batch, fired| async move { batch.with(fired) },
            );
        Ok(fired.await)
    }

    async fn fire(&self, timer: DueTimer) -> bool {
        meters::timer(self.ports.clock.now().duration_since(timer.due));
        let turn = self.turn(&timer.organization, timer.conversation, Cause::TimerDue);
        let fired = contained(turn).await;
        if let Err(error) = &fired {
            tracing::error!(conversation = %timer.conversation, %error, "a timer could not be fired");
        }
        fired.is_ok()
    }

    /// Runs effects that are due.
    async fn run_effects(self: &Arc<Self>) -> Result<Batch, TurnError> {
        let now = self.ports.clock.now();
        let lease = now.saturating_add(LEASE).unwrap_or(Timestamp::MAX);
        let taken = self.store.outbox.take(now, lease, BATCH).await?;
        let run = stream::iter(taken)
            .map(|item| self.run_effect(item))
            .buffer_unordered(AT_ONCE)
            .fold(
                Batch::default(),
                |batch, run| async move { batch.with(run) },
            );
        Ok(run.await)
    }

    async fn run_effect(&self, item: OutboxItem) -> bool {
        let run = contained(self.try_effect(&item)).await;
        if let Err(error) = &run {
            tracing::error!(effect = %item.id, kind = item.kind, %error, "an effect failed; it is tried again");
        }
        run.is_ok()
    }

    async fn try_effect(&self, item: &OutboxItem) -> Result<(), TurnError> {
        meters::effect(&item.kind);
        let effect: Effect = item.payload.read()?;
        let done = if item.once && !self.starts(item).await? {
            effect.cut_off()
        } else {
            self.perform(item, effect).await
        };
        self.finish_effect(item, done).await
    }

    /// Records the start of what must not be repeated; `false` if it was started before.
    async fn starts(&self, item: &OutboxItem) -> Result<bool, TurnError> {
        if item.started {
            return Ok(false);
        }
        let outbox = &self.store.outbox;
        Ok(outbox.start(&item.organization, item.id).await?)
    }

    async fn finish_effect(&self, item: &OutboxItem, done: Done) -> Result<(), TurnError> {
        let organization = &item.organization;
        match done {
            Done::Quietly => {
                self.store.outbox.done(organization, item.id).await?;
            }
            Done::Later(due) => {
                self.store
                    .outbox
                    .put_off(organization, item.id, due)
                    .await?;
            }
            Done::Answer {
                session,
                event,
                spent,
            } => self.answer(item, session, event, spent).await?,
        }
        Ok(())
    }

    async fn answer(
        &self,
        item: &OutboxItem,
        session: store::SessionId,
        event: Event,
        spent: Option<store::GrantId>,
    ) -> Result<(), TurnError> {
        let Some(conversation) = item.conversation else {
            self.store.outbox.done(&item.organization, item.id).await?;
            return Ok(());
        };
        let cause = Cause::Answered {
            effect: item.id,
            session,
            event,
            spent,
        };
        match self.turn(&item.organization, conversation, cause).await {
            Err(TurnError::Store(store::StoreError::AnsweredBefore)) => Ok(()),
            done => done.map(drop),
        }
    }

    async fn sweep(&self) -> Result<(), TurnError> {
        let now = self.ports.clock.now();
        let sweep = Sweep {
            finished_before: now.saturating_sub(FINISHED_KEPT).unwrap_or(Timestamp::MIN),
            limit: BATCH,
        };
        self.store.maintenance.sweep(sweep).await?;
        Ok(())
    }
}

/// A job that panics is one job that failed: the others go on (LIM-7).
async fn contained<T>(job: impl Future<Output = Result<T, TurnError>>) -> Result<T, Failed> {
    match AssertUnwindSafe(job).catch_unwind().await {
        Ok(done) => Ok(done?),
        Err(_) => Err(Failed::Panicked),
    }
}

/// How long a stop waits for the workers.
pub const STOP_WITHIN: Duration = Duration::from_secs(10);
