//! What a turn changes, as a pure function.

use std::collections::BTreeMap;

use flow::{Channel, Env, Event, Program, Said, Session, TokenHandle, Turn, engine};
use jiff::{SignedDuration, Timestamp};
use store::{
    ActivityId, AttemptChange, AttemptId, AttemptState, Changes, GrantId, GrantMeta, Json,
    NewActivity, NewAttempt, OutboxId, Release, SessionChange, SessionId, Snapshot, TimerChange,
    VersionId,
};

use super::{Cause, Decision, Outcome, Posted, Released, TurnError};
use crate::{
    activity::{Activity, Pending, Status, Typing},
    effects::Effect,
    keys::digest,
    seed::Seed,
    sign_in::Details,
    workspace,
};

/// All that a decision depends on, besides its cause and seed.
pub(super) struct Scene<'a> {
    pub(super) snapshot: &'a Snapshot,
    /// Grants of the person's other conversations that this session may use too (TOK-1).
    pub(super) shared: &'a [GrantMeta],
    pub(super) program: &'a Program,
    pub(super) version: VersionId,
    pub(super) organization: &'a workspace::Organization,
    pub(super) public_url: &'a str,
    /// How long a session outlives its last turn.
    pub(super) idle: SignedDuration,
    pub(super) now: Timestamp,
}

/// Decides the turn.
pub(super) fn decide(scene: &Scene<'_>, cause: &Cause, seed: Seed) -> Result<Decision, TurnError> {
    Draft::begin(scene, seed)?.decide(cause)
}

/// A decision under way.
struct Draft<'a> {
    scene: &'a Scene<'a>,
    seed: Seed,
    changes: Changes,
    doomed: Vec<GrantId>,
    session: Option<(SessionId, Session)>,
    /// How the conversation stood before.
    before: Status,
    tokens: BTreeMap<String, TokenHandle>,
    awaits_code: bool,
    /// Why the sign-in of this turn failed, for the attempt's own record.
    failure: &'static str,
}

impl<'a> Draft<'a> {
    fn begin(scene: &'a Scene<'a>, seed: Seed) -> Result<Self, TurnError> {
        let Snapshot {
            conversation,
            revision,
            session,
            grants,
            ..
        } = scene.snapshot;
        let session = session
            .as_ref()
            .map(|held| Ok::<_, TurnError>((held.id, held.state.read::<Session>()?)))
            .transpose()?;
        let mut draft = Self {
            scene,
            seed,
            changes: Changes::new(
                &conversation.organization,
                conversation.id,
                *revision,
                scene.now,
            ),
            doomed: Vec::new(),
            session,
            before: Status::default(),
            // The newest shared one, unless the session has its own.
            tokens: scene
                .shared
                .iter()
                .rev()
                .chain(grants)
                .map(|grant| handle(&grant.connection, grant.id))
                .collect(),
            awaits_code: scene
                .snapshot
                .attempts
                .iter()
                .any(|attempt| attempt.state == AttemptState::Quarantined),
            failure: "failed",
        };
        draft.before = draft.status();
        Ok(draft)
    }

    fn decide(mut self, cause: &Cause) -> Result<Decision, TurnError> {
        let outcome = match cause {
            Cause::Opened => self.opened()?,
            Cause::Posted(posted) => self.posted(posted)?,
            Cause::Released(released) => self.released(released)?,
            Cause::SignInFailed { run, session, .. } if !self.waits_for(*session, *run) => {
                Outcome::Stale
            }
            Cause::SignInFailed { run, reason, .. } => {
                self.failure = reason.code();
                self.advance(Event::SignInFailed {
                    run: *run,
                    reason: *reason,
                })?
            }
            Cause::Answered {
                effect,
                session,
                event,
                spent,
            } => self.answered(*effect, *session, event, *spent)?,
            Cause::TimerDue => self.timer_due()?,
            Cause::CodeAwaited => self.say_status()?,
            Cause::Told(text) => self.told(text)?,
        };
        self.finish(outcome)
    }

    fn opened(&mut self) -> Result<Outcome, TurnError> {
        if self.session.is_some() {
            return Ok(Outcome::Stale);
        }
        self.advance(Event::Started)
    }

    fn posted(&mut self, posted: &Posted) -> Result<Outcome, TurnError> {
        // Logged first, so that it stands before what the flow answers.
        self.log(posted.id, &Activity::Person(posted.body.clone()))?;
        match &posted.words {
            Some(text) => self.advance(Event::Said(text.clone())),
            None => Ok(Outcome::Committed),
        }
    }

    fn told(&mut self, text: &str) -> Result<Outcome, TurnError> {
        let text = text.to_owned();
        self.log_new(&Activity::Agent(Said::Message { text }))?;
        Ok(Outcome::Committed)
    }

    fn released(&mut self, released: &Released) -> Result<Outcome, TurnError> {
        let Released { attempt, .. } = released;
        let run = flow::Run(attempt.run);
        if !self.waits_for(attempt.session, run) || attempt.deadline <= self.scene.now {
            return Ok(Outcome::Stale);
        }
        self.changes.attempts.push(AttemptChange::Release(Release {
            id: attempt.id,
            grant: released.grant,
            sealed: released.sealed.clone(),
            expires_at: released.expires_at,
            proofs: Json::of(&released.leave.proofs())?,
        }));
        self.replace_grant(&attempt.connection, released.grant);
        self.awaits_code = false;
        self.advance(Event::SignedIn {
            run,
            connection: attempt.connection.clone(),
            claims: released.claims.clone(),
            account: released.account.clone(),
        })
    }

    /// A second sign-in at the same connection takes the place of the first.
    fn replace_grant(&mut self, connection: &str, grant: GrantId) {
        let replaced: Vec<GrantId> = self
            .scene
            .snapshot
            .grants
            .iter()
            .filter(|held| held.connection == connection)
            .map(|held| held.id)
            .collect();
        for held in replaced {
            self.remove_grant(held);
        }
        self.tokens.extend([handle(connection, grant)]);
    }

    fn remove_grant(&mut self, grant: GrantId) {
        let text = grant.to_string();
        self.tokens.retain(|_, held| held.grant != text);
        self.changes.grants_removed.push(grant);
        self.doomed.push(grant);
    }

    fn answered(
        &mut self,
        effect: OutboxId,
        session: SessionId,
        event: &Event,
        spent: Option<GrantId>,
    ) -> Result<Outcome, TurnError> {
        self.changes.outbox_done = Some(effect);
        if let Some(grant) = spent {
            self.remove_grant(grant);
        }
        match &self.session {
            Some((held, _)) if *held == session => self.advance(event.clone()),
            // The session is over; the effect is finished all the same.
            Some(_) | None => Ok(Outcome::Committed),
        }
    }

    fn timer_due(&mut self) -> Result<Outcome, TurnError> {
        let timer = self.scene.snapshot.timer;
        if timer.is_none_or(|due| due > self.scene.now) {
            // Since it was found due, another turn has set it anew.
            return Ok(Outcome::Stale);
        }
        let Some((_, session)) = &self.session else {
            self.changes.timer = Some(TimerChange::Clear);
            return Ok(Outcome::Committed);
        };
        match session.waiting() {
            Some(waiting) if waiting.until.is_some_and(|until| until <= self.scene.now) => {
                let run = waiting.run;
                self.advance(Event::TimedOut { run })
            }
            // Not yet: the clock was set back. Asked for again, or it would be due for ever.
            Some(waiting) if waiting.until.is_some() => {
                self.changes.timer = Some(self.timer(session));
                Ok(Outcome::Committed)
            }
            Some(_) | None => self.end_session(),
        }
    }

    /// The person has been away for too long: what they signed in to ends with the session.
    fn end_session(&mut self) -> Result<Outcome, TurnError> {
        let grants: Vec<GrantId> = self.scene.snapshot.grants.iter().map(|g| g.id).collect();
        for grant in grants {
            self.remove_grant(grant);
        }
        if let Some((id, session)) = self.session.take() {
            self.changes.session = Some(self.session_change(id, &session, true)?);
        }
        self.changes.timer = Some(TimerChange::Clear);
        Ok(Outcome::Committed)
    }

    /// Lets the engine take `event`, and turns what it answers into changes.
    fn advance(&mut self, event: Event) -> Result<Outcome, TurnError> {
        let (id, session) = self.session_for(&event);
        let turn = engine::advance(self.scene.program, session, event, &self.env_seeded());
        if let Some(refusal) = turn.refused {
            return Ok(Outcome::Refused(refusal));
        }
        self.take(id, turn)?;
        Ok(Outcome::Committed)
    }

    /// The session that runs; a new one where none does, and another pass where one has come to
    /// its end.
    fn session_for(&mut self, event: &Event) -> (SessionId, Session) {
        let program = self.scene.program;
        match self.session.take() {
            Some((id, session)) if session.ended() && matches!(event, Event::Said(_)) => {
                (id, session.again(program))
            }
            Some(held) => held,
            None => {
                let id = SessionId::new(self.scene.now, self.seed.bytes());
                (id, Session::new(&id.to_string(), program))
            }
        }
    }

    fn env_seeded(&mut self) -> Env<'_> {
        let seed = self.seed.secret();
        Env {
            now: self.scene.now,
            seed,
            public_url: self.scene.public_url,
            channel: Channel {
                name: &self.scene.snapshot.conversation.channel,
                buttons: true,
                proves_browser: self.scene.snapshot.conversation.browser.is_some(),
            },
            tokens: &self.tokens,
        }
    }

    fn take(&mut self, id: SessionId, turn: Turn) -> Result<(), TurnError> {
        for said in turn.said {
            self.log_new(&Activity::Agent(said))?;
        }
        for effect in turn.effects {
            self.ask(id, effect)?;
        }
        for step in &turn.steps {
            self.changes.steps.push(Json::of(step)?);
        }
        self.changes.timer = Some(self.timer(&turn.session));
        self.changes.session = Some(self.session_change(id, &turn.session, false)?);
        self.session = Some((id, turn.session));
        Ok(())
    }

    fn ask(&mut self, session: SessionId, effect: flow::Effect) -> Result<(), TurnError> {
        match effect {
            flow::Effect::OpenPrompt {
                run,
                connection,
                link_id,
                expires,
            } => self.open_attempt(session, run, connection, link_id.as_str(), expires),
            flow::Effect::ClosePrompt { run, why } => {
                self.close_attempt(session, run, why);
                Ok(())
            }
            flow::Effect::CallHttp(call) => self.post(Effect::Http {
                session,
                grant: call.connection.as_deref().and_then(|code| self.grant(code)),
                call,
            }),
            flow::Effect::FetchIdentity { run, connection } => self.post(Effect::Identity {
                session,
                grant: self.grant(&connection),
                run,
                connection,
            }),
        }
    }

    /// The session's grant of a connection (XCH-2).
    fn grant(&self, connection: &str) -> Option<GrantId> {
        let handle = self.tokens.get(connection)?;
        GrantId::parse(&handle.grant).ok()
    }

    fn post(&mut self, effect: Effect) -> Result<(), TurnError> {
        let id = OutboxId::new(self.scene.now, self.seed.bytes());
        self.changes
            .outbox
            .push(effect.into_outbox(id, self.scene.now)?);
        Ok(())
    }

    fn open_attempt(
        &mut self,
        session: SessionId,
        run: flow::Run,
        connection: String,
        link_id: &str,
        deadline: Timestamp,
    ) -> Result<(), TurnError> {
        let conversation = &self.scene.snapshot.conversation;
        let details = Details {
            version: self.scene.version,
            agent: conversation.agent.clone(),
            channel: conversation.channel.clone(),
        };
        let attempt = NewAttempt {
            id: AttemptId::new(self.scene.now, self.seed.bytes()),
            session,
            run: run.0,
            connection,
            link: digest(link_id),
            deadline,
            details: Json::of(&details)?,
        };
        self.changes.attempts.push(AttemptChange::Open(attempt));
        Ok(())
    }

    /// Ends the attempt of `run`, unless this very turn released it.
    fn close_attempt(&mut self, session: SessionId, run: flow::Run, why: flow::Closed) {
        let reason = match why {
            flow::Closed::Done => return,
            flow::Closed::Cancelled => "cancelled",
            flow::Closed::Expired => "expired",
            flow::Closed::Failed => self.failure,
        };
        self.awaits_code = false;
        let open = self.scene.snapshot.attempts.iter();
        self.changes.attempts.extend(
            open.filter(|attempt| attempt.session == session && attempt.run == run.0)
                .map(|attempt| AttemptChange::Fail {
                    id: attempt.id,
                    from: attempt.state,
                    reason: reason.to_owned(),
                }),
        );
    }

    fn timer(&self, session: &Session) -> TimerChange {
        let waiting = session.waiting();
        let until = waiting.and_then(|waiting| waiting.until);
        TimerChange::Set {
            run: waiting.map_or(0, |waiting| waiting.run.0),
            due: until.unwrap_or_else(|| {
                self.scene
                    .now
                    .saturating_add(self.scene.idle)
                    .unwrap_or(Timestamp::MAX)
            }),
        }
    }

    fn session_change(
        &self,
        id: SessionId,
        session: &Session,
        ended: bool,
    ) -> Result<SessionChange, TurnError> {
        let running = self.scene.snapshot.session.as_ref();
        Ok(SessionChange {
            id,
            version: running.map_or(self.scene.version, |held| held.version),
            state: Json::of(session)?,
            ended,
        })
    }

    fn waits_for(&self, session: SessionId, run: flow::Run) -> bool {
        self.session.as_ref().is_some_and(|(id, held)| {
            *id == session && held.waiting().is_some_and(|waiting| waiting.run == run)
        })
    }

    fn log_new(&mut self, activity: &Activity) -> Result<(), TurnError> {
        let id = ActivityId::new(self.scene.now, self.seed.bytes());
        self.log(id, activity)
    }

    fn log(&mut self, id: ActivityId, activity: &Activity) -> Result<(), TurnError> {
        self.changes.activities.push(NewActivity {
            id,
            body: Json::of(activity)?,
        });
        Ok(())
    }

    /// How the conversation stands now.
    fn status(&self) -> Status {
        let Some((_, session)) = &self.session else {
            return Status::default();
        };
        let prompt = session.waiting().and_then(|waiting| match &waiting.for_ {
            flow::WaitsFor::SignIn { connection, .. } => Some(Pending {
                expires_at: waiting.until?,
                title: self.title(connection),
            }),
            flow::WaitsFor::Answer | flow::WaitsFor::Http { .. } | flow::WaitsFor::Identity => None,
        });
        let typing = match (&prompt, self.awaits_code) {
            (Some(_), true) => Typing::Code,
            _ if session.typing_blocked() => Typing::Blocked,
            _ => Typing::Open,
        };
        let who = session
            .signed_in()
            .filter(|who| self.tokens.contains_key(&who.connection));
        Status {
            typing,
            signed_in: who.is_some(),
            account: who.and_then(|who| who.account.clone()),
            prompt,
        }
    }

    fn title(&self, connection: &str) -> String {
        self.scene
            .organization
            .connections
            .get(connection)
            .map_or_else(|| connection.to_owned(), |found| found.title.clone())
    }

    fn say_status(&mut self) -> Result<Outcome, TurnError> {
        self.log_new(&Activity::Status(self.status()))?;
        Ok(Outcome::Committed)
    }

    fn finish(mut self, outcome: Outcome) -> Result<Decision, TurnError> {
        if outcome == Outcome::Committed && self.status() != self.before {
            self.say_status()?;
        }
        Ok(Decision {
            changes: self.changes,
            outcome,
            doomed: self.doomed,
        })
    }
}

fn handle(connection: &str, grant: GrantId) -> (String, TokenHandle) {
    let handle = TokenHandle {
        connection: connection.to_owned(),
        grant: grant.to_string(),
    };
    (connection.to_owned(), handle)
}
