//! Runs a session on: one event in, one turn out.

use std::collections::BTreeSet;

use serde_json::{Map, Value as Json};

use crate::definition::{Program, Route, Target};
use crate::effect::{Effect, Said};
use crate::env::Env;
use crate::event::Event;
use crate::exception::Exception;
use crate::expr::Scope;
use crate::session::{Frame, Run, Session, SystemError, Waiting};
use crate::steps::{Context, Next, is_cancel};
use crate::texts;
use crate::turn::{Refusal, Status, StepRecord, Turn};

/// Steps that one turn may take before `too_many_steps` is raised.
pub const MAX_STEPS: u32 = 100;
/// Steps that the route of that exception may take on top.
const GRACE_STEPS: u32 = 20;
/// Exceptions in a row, without the person doing anything, that are still routed.
const MAX_FAULTS: u32 = 10;
/// How deep flows may call each other.
const MAX_CALLS: usize = 16;

/// Gives `event` to `session` and runs it until it waits or ends. Total: no event in any state fails or panics.
///
/// A session that has ended, and a wait for another run than the event's, stay as they are (PHI-15). A wait whose deadline
/// has passed is timed out before anything else happens to it, so no late answer counts (TMO-7).
pub fn advance(program: &Program, session: Session, event: Event, env: &Env<'_>) -> Turn {
    let mut engine = Engine::new(program, session, env);
    engine.take(event);
    engine.into_turn()
}

struct Engine<'a> {
    program: &'a Program,
    env: &'a Env<'a>,
    session: Session,
    said: Vec<Said>,
    effects: Vec<Effect>,
    records: Vec<StepRecord>,
    refused: Option<Refusal>,
    steps_left: u32,
    /// Whether this turn has raised `too_many_steps`.
    overran: bool,
    /// Steps that have raised in this turn. One that raises again, without having waited, would do so forever.
    raised: BTreeSet<(String, String)>,
}

impl<'a> Engine<'a> {
    fn new(program: &'a Program, session: Session, env: &'a Env<'a>) -> Self {
        Self {
            program,
            env,
            session,
            said: Vec::new(),
            effects: Vec::new(),
            records: Vec::new(),
            refused: None,
            steps_left: MAX_STEPS,
            overran: false,
            raised: BTreeSet::new(),
        }
    }

    fn into_turn(self) -> Turn {
        Turn {
            session: self.session,
            said: self.said,
            effects: self.effects,
            steps: self.records,
            refused: self.refused,
        }
    }

    fn take(&mut self, event: Event) {
        if self.session.ended {
            return;
        }
        self.expire(&event);
        match event {
            Event::Started => self.begin(),
            Event::Said(text) => self.hear(text),
            Event::SignedIn { run, .. } => {
                if self.awaits(run) {
                    self.session.faults = 0;
                    self.deliver(&event);
                }
            }
            Event::SignInFailed { run, .. }
            | Event::TimedOut { run }
            | Event::HttpAnswered { run, .. }
            | Event::IdentityFetched { run, .. } => {
                if self.awaits(run) {
                    self.deliver(&event);
                }
            }
        }
    }

    fn awaits(&self, run: Run) -> bool {
        self.session
            .waiting()
            .is_some_and(|waiting| waiting.run == run)
    }

    /// Times out a wait that is overdue, unless `event` is about to.
    fn expire(&mut self, event: &Event) {
        let overdue = self.session.is_overdue(self.env.now);
        let Some(run) = self
            .session
            .waiting()
            .map(|waiting| waiting.run)
            .filter(|_| overdue)
        else {
            return;
        };
        if *event != (Event::TimedOut { run }) {
            self.deliver(&Event::TimedOut { run });
        }
    }

    /// Begins, unless it has: a session that runs stands somewhere.
    fn begin(&mut self) {
        if !self.session.stack.is_empty() {
            return;
        }
        self.call(self.program.start());
        self.run();
    }

    fn hear(&mut self, text: String) {
        if self.session.typing_blocked() && !is_cancel(&text) {
            self.refuse();
            return;
        }
        if self.session.ended {
            return;
        }
        self.session.faults = 0;
        self.session.last_message.clone_from(&text);
        match self.session.waiting() {
            Some(_) => self.deliver(&Event::Said(text)),
            None => self.begin(),
        }
    }

    /// Refuses, unless the same event has just timed out an earlier wait: then its words are lost in the new prompt.
    fn refuse(&mut self) {
        if self.records.is_empty() {
            self.refused = Some(Refusal::TypingBlocked);
        }
    }

    /// Gives `event` to the step that waits, and runs on if the wait is over.
    fn deliver(&mut self, event: &Event) {
        let Some(waiting) = self.session.waiting.take() else {
            return;
        };
        let program = self.program;
        let place = self.session.stack.last();
        let step =
            place.and_then(|frame| program.node(&frame.flow, &frame.step)?.action(frame.action));
        let mut detail = Map::new();
        let result = match step {
            Some(step) => step
                .resume(event, &mut self.context(waiting.run, &mut detail))
                .transpose(),
            None => Some(Err(Exception::new("no_step", "the step is gone"))),
        };
        match result {
            None => self.session.waiting = Some(waiting),
            Some(result) => {
                self.settle(waiting.run, result, detail);
                self.run();
            }
        }
    }

    fn context<'c>(&'c mut self, run: Run, detail: &'c mut Map<String, Json>) -> Context<'c> {
        Context {
            program: self.program,
            env: self.env,
            session: &mut self.session,
            run,
            said: &mut self.said,
            effects: &mut self.effects,
            detail,
        }
    }

    /// Takes steps until the session waits or ends.
    fn run(&mut self) {
        while self.session.waiting.is_none() && !self.session.ended {
            self.step();
        }
    }

    fn step(&mut self) {
        let program = self.program;
        let Some(frame) = self.session.stack.last().cloned() else {
            self.session.ended = true;
            return;
        };
        let run = self.session.next_run();
        let mut detail = Map::new();
        let Some(node) = program.node(&frame.flow, &frame.step) else {
            let exception = Exception::new("no_step", "the step is gone");
            return self.settle(run, Err(exception), detail);
        };
        let Some(step) = node.action(frame.action) else {
            return self.go(&node.next);
        };
        if !self.may_step() {
            let exception = Exception::new(
                "too_many_steps",
                "the turn took too many steps without waiting",
            );
            return self.settle(run, Err(exception), detail);
        }
        match self.is_wanted(&frame) {
            Err(exception) => self.settle(run, Err(exception), detail),
            Ok(false) => {
                self.record(run, Status::Skipped, detail);
                self.go(&node.next);
            }
            Ok(true) => {
                let result = step.enter(&mut self.context(run, &mut detail));
                self.settle(run, result, detail);
            }
        }
    }

    fn may_step(&mut self) -> bool {
        match self.steps_left.checked_sub(1) {
            Some(left) => {
                self.steps_left = left;
                true
            }
            None => false,
        }
    }

    /// Whether the run condition holds (SGN-8). Post-actions have none.
    fn is_wanted(&self, frame: &Frame) -> Result<bool, Exception> {
        let node = self.program.node(&frame.flow, &frame.step);
        match node
            .and_then(|node| node.when.as_ref())
            .filter(|_| frame.action == 0)
        {
            Some(when) => self.program.library().holds(when, &self.scope()),
            None => Ok(true),
        }
    }

    fn scope(&self) -> Scope {
        Scope::new(&self.session, self.env)
    }

    /// Goes where a step's result leads.
    fn settle(&mut self, run: Run, result: Result<Next, Exception>, detail: Map<String, Json>) {
        let next = match result {
            Ok(next) => next,
            Err(exception) => {
                self.record(run, Status::Raised(exception.code.to_string()), detail);
                return self.raise(exception);
            }
        };
        if let Next::Wait {
            until,
            typing,
            for_,
        } = next
        {
            let step = self
                .session
                .current_step()
                .map(|(_, step)| step.to_owned())
                .unwrap_or_default();
            self.record(run, Status::Waiting, detail);
            self.session.waiting = Some(Waiting {
                run,
                step,
                until,
                typing,
                for_,
            });
            return;
        }
        self.record(run, Status::Done, detail);
        match next {
            Next::Goto(target) => self.go(&target),
            Next::Call(flow) => self.call(&flow),
            Next::Continue | Next::Wait { .. } => self.succeed(),
        }
    }

    /// The step at the top did what it should: on to its next post-action.
    fn succeed(&mut self) {
        let program = self.program;
        let Some(frame) = self.session.stack.last_mut() else {
            return;
        };
        let node = program.node(&frame.flow, &frame.step);
        if node
            .and_then(|node| node.action(frame.action))
            .is_some_and(crate::steps::Step::reaches_out)
        {
            self.session.system_error = SystemError::default();
        }
        frame.action += 1;
        if let Some(node) = node.filter(|node| node.action(frame.action).is_none()) {
            self.go(&node.next);
        }
    }

    fn go(&mut self, target: &Target) {
        match target {
            Target::Step(step) => {
                if let Some(frame) = self.session.stack.last_mut() {
                    frame.step.clone_from(step);
                    frame.action = 0;
                }
            }
            Target::End => self.leave(),
        }
    }

    /// Ends the flow at the top: back to the step that called it, or out.
    fn leave(&mut self) {
        self.session.stack.pop();
        if self.session.stack.is_empty() {
            self.session.ended = true;
        } else {
            self.succeed();
        }
    }

    fn call(&mut self, name: &str) {
        let first = self.program.flow(name).and_then(|flow| flow.first());
        match first {
            Some(_) if self.session.stack.len() >= MAX_CALLS => {
                self.raise(Exception::new("too_deep", "flows call each other too deep"));
            }
            Some(step) => {
                self.session.stack.push(Frame {
                    flow: name.to_owned(),
                    step: step.to_owned(),
                    action: 0,
                });
            }
            None => self.raise(Exception::new("no_flow", "the flow is gone")),
        }
    }

    /// Routes `exception`: the step's routes, the flow's, then those of the step that called the flow, and so on.
    fn raise(&mut self, exception: Exception) {
        self.session.faults = self.session.faults.saturating_add(1);
        let again = self.remember(&exception);
        let step = self
            .session
            .current_step()
            .map(|(_, step)| step.to_owned())
            .unwrap_or_default();
        self.session.system_error = SystemError {
            code: exception.code.into_owned(),
            detail: exception.detail,
            step,
        };
        if again || self.session.faults > MAX_FAULTS {
            return self.give_up();
        }
        let program = self.program;
        while let Some(frame) = self.session.stack.last() {
            let node = program.node(&frame.flow, &frame.step);
            let own = node
                .map(|node| node.on_exception.as_slice())
                .unwrap_or_default();
            let general = program
                .flow(&frame.flow)
                .map(|flow| flow.on_exception.as_slice())
                .unwrap_or_default();
            if let Some(target) = self.first_match(own).or_else(|| self.first_match(general)) {
                return self.go(target);
            }
            self.session.stack.pop();
        }
        self.give_up();
    }

    /// Whether this exception comes round for the second time in this turn.
    fn remember(&mut self, exception: &Exception) -> bool {
        if exception.code == "too_many_steps" {
            self.steps_left = GRACE_STEPS;
            return std::mem::replace(&mut self.overran, true);
        }
        let place = self
            .session
            .current_step()
            .map(|(flow, step)| (flow.to_owned(), step.to_owned()));
        !self.raised.insert(place.unwrap_or_default())
    }

    /// The first route that matches. A condition that cannot be evaluated does not match.
    fn first_match<'r>(&self, routes: &'r [Route]) -> Option<&'r Target> {
        let scope = self.scope();
        let matches = |route: &&Route| match &route.when {
            Some(when) => self.program.library().holds(when, &scope).unwrap_or(false),
            None => true,
        };
        routes.iter().find(matches).map(|route| &route.target)
    }

    /// Nothing handles what went wrong: says so and ends, so that the session never sticks (TMO-5).
    fn give_up(&mut self) {
        self.said.push(Said::Message {
            text: texts::UNHANDLED.to_owned(),
        });
        self.session.stack.clear();
        self.session.waiting = None;
        self.session.ended = true;
    }

    fn record(&mut self, run: Run, status: Status, detail: Map<String, Json>) {
        let frame = self.session.stack.last();
        let action = frame.and_then(|frame| {
            self.program
                .node(&frame.flow, &frame.step)?
                .action(frame.action)
        });
        self.records.push(StepRecord {
            run,
            flow: frame.map(|frame| frame.flow.clone()).unwrap_or_default(),
            step: frame.map(|frame| frame.step.clone()).unwrap_or_default(),
            kind: action
                .map(|step| step.kind().to_owned())
                .unwrap_or_default(),
            status,
            at: self.env.now,
            detail,
        });
    }
}
