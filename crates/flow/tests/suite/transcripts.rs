//! Plays the transcripts in `tests/transcripts/`: one file a kind of step, and some for what no single kind shows.
//!
//! A file is prose with fenced blocks. `yaml` blocks are flows, the first of which is started; `transcript` blocks are
//! played on the flows that stand before them. `Flow file: NAME` takes the flow from `tests/NAME`. In a transcript:
//!
//! - `> text`: the person says it.
//! - `< text`: we say it; all that is said must be listed, in order.
//! - `* event`: something happens, see [`Play::happen`].
//! - `= claim`: holds now, see [`Play::assert`].

use std::collections::{BTreeSet, VecDeque};
use std::path::Path;

use flow::{
    Effect, Event, HeaderValue, HttpAnswer, HttpCall, IdentityFailure, Refusal, Run, Said,
    SignInFailure, Turn,
};
use serde_json::Value as Json;

use crate::world::{self, World};

#[test]
fn every_transcript_plays_as_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    assert!(files.len() >= 12, "a transcript is missing");
    for file in files {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        play_file(&name, &std::fs::read_to_string(&file).unwrap());
    }
}

fn play_file(name: &str, text: &str) {
    let mut flows: Vec<String> = Vec::new();
    let mut played = 0;
    let mut lines = text.lines().enumerate();
    while let Some((_, line)) = lines.next() {
        if let Some(file) = line.strip_prefix("Flow file: ") {
            let path = Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("tests")
                .join(file);
            flows = vec![std::fs::read_to_string(path).unwrap()];
        }
        let Some(kind @ ("yaml" | "transcript")) = line.strip_prefix("```") else {
            continue;
        };
        let block: Vec<(usize, &str)> = lines
            .by_ref()
            .take_while(|(_, line)| *line != "```")
            .collect();
        if kind == "transcript" {
            play(name, &flows, &block);
            played += 1;
        } else {
            if std::mem::take(&mut played) > 0 {
                flows.clear();
            }
            flows.push(block.iter().flat_map(|(_, line)| [line, "\n"]).collect());
        }
    }
    assert!(played > 0, "{name}: no transcript");
}

fn play(name: &str, flows: &[String], block: &[(usize, &str)]) {
    let sources: Vec<&str> = flows.iter().map(String::as_str).collect();
    let program = world::check(&sources).unwrap_or_else(|mistakes| panic!("{name}: {mistakes:#?}"));
    let mut play = Play {
        world: World::new(program),
        place: String::new(),
        pending: VecDeque::new(),
        turn: None,
        earlier: Run(0),
        links: BTreeSet::new(),
    };
    for (number, line) in block {
        play.place = format!("{name}:{}: {line}", number + 1);
        play.line(line);
    }
    play.nothing_more();
}

struct Play {
    world: World,
    place: String,
    /// Said and not yet listed.
    pending: VecDeque<String>,
    turn: Option<Turn>,
    /// The run that was waited for before the last turn.
    earlier: Run,
    links: BTreeSet<String>,
}

impl Play {
    fn line(&mut self, line: &str) {
        match line.split_once(' ').unwrap_or((line, "")) {
            ("", _) => {}
            (">", text) => self.give(Event::Said(text.to_owned())),
            ("<", text) => {
                let said = self.pending.pop_front();
                assert_eq!(said.as_deref(), Some(text), "{}", self.place);
            }
            ("*", event) => self.happen(event),
            ("=", claim) => self.assert(claim),
            _ => panic!("{}: not understood", self.place),
        }
    }

    fn nothing_more(&self) {
        assert!(
            self.pending.is_empty(),
            "{}: before this was said {:#?}",
            self.place,
            self.pending
        );
    }

    fn give(&mut self, event: Event) {
        self.nothing_more();
        let before = self.world.run();
        let turn = self.world.give(event);
        if self.world.run() != before {
            self.earlier = before;
        }
        let link = self.read("ChatUser.OauthAccessURL");
        self.pending = turn
            .said
            .iter()
            .flat_map(|said| shown(said, link.as_str()))
            .collect();
        self.turn = Some(turn);
    }

    /// - `start`, `time is over`, `30 s pass`, `no buttons`, `no proof`, `the grant of corp is gone`
    /// - `signed in {claims}`, `sign-in fails: refused`, `answer 200 {body}`, `no answer: unreachable`,
    ///   `identity {fields}`, `identity fails: 403`; with `late` before it, for the wait before this one
    fn happen(&mut self, event: &str) {
        let (late, event) = match event.strip_prefix("late ") {
            Some(event) => (true, event),
            None => (false, event),
        };
        let run = if late { self.earlier } else { self.world.run() };
        if let Some(seconds) = event.strip_suffix(" s pass") {
            return self.world.pass(seconds.parse().unwrap());
        }
        if let Some(connection) = event
            .strip_prefix("the grant of ")
            .and_then(|rest| rest.strip_suffix(" is gone"))
        {
            self.world.tokens.remove(connection);
            return;
        }
        match event {
            "no buttons" => self.world.buttons = false,
            "no proof" => self.world.proves_browser = false,
            "start" => self.give(Event::Started),
            "time is over" => {
                let until = self
                    .world
                    .session
                    .waiting()
                    .and_then(|waiting| waiting.until)
                    .expect("a deadline");
                self.world.now = until;
                self.give(Event::TimedOut { run });
            }
            "timer" => self.give(Event::TimedOut { run }),
            event => {
                let event = self.answer(event, run);
                self.give(event);
            }
        }
    }

    fn answer(&mut self, event: &str, run: Run) -> Event {
        let json = |text: &str| {
            serde_json::from_str::<Json>(text).unwrap_or_else(|_| panic!("{}", self.place))
        };
        if let Some(claims) = event.strip_prefix("signed in ") {
            let claims = json(claims).as_object().unwrap().clone();
            let connection = self.world.prompted();
            self.world.grant(&connection);
            return Event::SignedIn {
                run,
                connection,
                claims,
                account: Some("ada@acme.example".to_owned()),
            };
        }
        if let Some(reason) = event.strip_prefix("sign-in fails: ") {
            let reason: SignInFailure = serde_json::from_value(Json::from(reason)).unwrap();
            return Event::SignInFailed { run, reason };
        }
        if let Some((status, body)) = event
            .strip_prefix("answer ")
            .map(|rest| rest.split_once(' ').unwrap_or((rest, "null")))
        {
            let answer = HttpAnswer::Answered {
                status: status.parse().unwrap(),
                body: json(body),
            };
            return Event::HttpAnswered { run, answer };
        }
        if let Some(reason) = event.strip_prefix("no answer: ") {
            let answer = HttpAnswer::Failed(serde_json::from_value(Json::from(reason)).unwrap());
            return Event::HttpAnswered { run, answer };
        }
        if let Some(fields) = event.strip_prefix("identity {") {
            let fields = json(&format!("{{{fields}")).as_object().unwrap().clone();
            return Event::IdentityFetched {
                run,
                answer: Ok(fields.into_iter().collect()),
            };
        }
        match event.strip_prefix("identity fails: ") {
            Some(code) => Event::IdentityFetched {
                run,
                answer: Err(IdentityFailure {
                    code: code.to_owned(),
                }),
            },
            None => panic!("{}: no such event", self.place),
        }
    }

    /// - `PATH is JSON`, `at STEP`, `ended`, `not started`
    /// - `waits for sign_in|answer|http|identity|nothing`, `120 s are left`, `typing is blocked`, `typing is refused`
    /// - `a new link`, `steps: NAME STATUS, …` (the last turn's; a post-action as `STEP/ACTION`)
    /// - `effects: open_prompt, …` (the last turn's), `closed: expired`
    /// - `call: GET URL`, `body: JSON`, `header: NAME: TEXT`, `once: true`
    fn assert(&mut self, claim: &str) {
        let place = self.place.clone();
        if let Some((path, json)) = claim
            .split_once(" is ")
            .filter(|(path, _)| *path != "typing")
        {
            let expected: Json = serde_json::from_str(json).unwrap_or_else(|_| panic!("{place}"));
            return assert_eq!(self.read(path), expected, "{place}");
        }
        match claim.split_once(": ") {
            Some(("steps", list)) => assert_eq!(self.steps(), list, "{place}"),
            Some(("effects", list)) => assert_eq!(self.effects(), list, "{place}"),
            Some(("closed", why)) => assert_eq!(self.closed(), Some(why.to_owned()), "{place}"),
            Some(("call", line)) => {
                let call = self.call();
                assert_eq!(
                    format!("{} {}", call.method.as_str(), call.url),
                    line,
                    "{place}"
                );
            }
            Some(("body", json)) => assert_eq!(
                self.call().body,
                serde_json::from_str(json).unwrap(),
                "{place}"
            ),
            Some(("once", flag)) => assert_eq!(self.call().once.to_string(), flag, "{place}"),
            Some(("header", header)) => {
                let headers = self.call().headers;
                let shown: Vec<_> = headers
                    .iter()
                    .map(|(name, value)| format!("{name}: {}", header_text(value)))
                    .collect();
                assert!(
                    shown.iter().any(|shown| shown == header),
                    "{place}: {shown:?}"
                );
            }
            Some(_) | None => self.assert_state(claim),
        }
    }

    fn assert_state(&mut self, claim: &str) {
        let place = self.place.clone();
        let session = &self.world.session;
        if let Some(step) = claim.strip_prefix("at ") {
            return assert_eq!(
                session.current_step().map(|(_, step)| step),
                Some(step),
                "{place}"
            );
        }
        if let Some(seconds) = claim.strip_suffix(" s are left") {
            let until = session
                .waiting()
                .and_then(|waiting| waiting.until)
                .expect("a deadline");
            return assert_eq!(
                until.duration_since(self.world.now).as_secs().to_string(),
                seconds,
                "{place}"
            );
        }
        if let Some(what) = claim.strip_prefix("waits for ") {
            return assert_eq!(self.waits_for(), what, "{place}");
        }
        match claim {
            "ended" => assert!(session.ended() && session.waiting().is_none(), "{place}"),
            "typing is blocked" => assert!(session.typing_blocked(), "{place}"),
            "typing is free" => assert!(!session.typing_blocked(), "{place}"),
            "typing is refused" => {
                let turn = self.turn.as_ref().unwrap();
                assert_eq!(turn.refused, Some(Refusal::TypingBlocked), "{place}");
            }
            "a new link" => {
                let link = self.read("ChatUser.OauthAccessURL");
                let id = link
                    .as_str()
                    .unwrap()
                    .strip_prefix("https://usher.example/sign-in/")
                    .expect("ours")
                    .to_owned();
                assert_eq!(id.len(), 43, "{place}: not 256 bits");
                assert!(self.links.insert(id), "{place}: seen before");
            }
            _ => panic!("{place}: no such claim"),
        }
    }

    fn read(&self, path: &str) -> Json {
        self.world.session.read(path, &self.world.env()).to_json()
    }

    fn waits_for(&self) -> String {
        let waiting = self.world.session.waiting();
        waiting.map_or_else(
            || "nothing".to_owned(),
            |waiting| word(&serde_json::to_value(&waiting.for_).unwrap()),
        )
    }

    fn steps(&self) -> String {
        let name = |record: &flow::StepRecord| {
            let kind = record.kind.as_str();
            let action = [
                "get_user_identity",
                "save_identified_user",
                "save_authenticated_user",
            ]
            .contains(&kind);
            let name = if action {
                format!("{}/{kind}", record.step)
            } else {
                record.step.clone()
            };
            match &record.status {
                flow::Status::Raised(code) => format!("{name} raised {code}"),
                status => format!("{name} {}", status.as_str()),
            }
        };
        self.turn
            .as_ref()
            .unwrap()
            .steps
            .iter()
            .map(name)
            .collect::<Vec<_>>()
            .join(", ")
    }

    fn effects(&self) -> String {
        let effects = &self.turn.as_ref().unwrap().effects;
        let names: Vec<_> = effects
            .iter()
            .map(|effect| word(&serde_json::to_value(effect).unwrap()))
            .collect();
        if names.is_empty() {
            "none".to_owned()
        } else {
            names.join(", ")
        }
    }

    fn closed(&self) -> Option<String> {
        self.turn
            .as_ref()
            .unwrap()
            .effects
            .iter()
            .find_map(|effect| match effect {
                Effect::ClosePrompt { why, .. } => Some(word(&serde_json::to_value(why).unwrap())),
                Effect::OpenPrompt { .. } | Effect::CallHttp(_) | Effect::FetchIdentity { .. } => {
                    None
                }
            })
    }

    fn call(&self) -> HttpCall {
        let effects = &self.turn.as_ref().unwrap().effects;
        let call = effects.iter().find_map(|effect| match effect {
            Effect::CallHttp(call) => Some(call.clone()),
            Effect::OpenPrompt { .. }
            | Effect::ClosePrompt { .. }
            | Effect::FetchIdentity { .. } => None,
        });
        call.unwrap_or_else(|| panic!("{}: no call", self.place))
    }
}

/// Name of a serialised variant.
fn word(json: &Json) -> String {
    let name = json
        .as_str()
        .or_else(|| json.as_object()?.keys().next().map(String::as_str));
    name.expect("a variant").to_owned()
}

fn header_text(value: &HeaderValue) -> String {
    match value {
        HeaderValue::Text(text) => text.clone(),
        HeaderValue::Token(handle) => format!("the token of {}", handle.connection),
    }
}

fn shown(said: &Said, link: Option<&str>) -> Vec<String> {
    match said {
        Said::Message { text } => text.lines().map(str::to_owned).collect(),
        Said::Choices { text, choices } => {
            let choices = choices
                .iter()
                .map(|choice| format!("[{choice}]"))
                .collect::<Vec<_>>()
                .join(" ");
            text.lines().map(str::to_owned).chain([choices]).collect()
        }
        Said::Prompt { text, buttons, .. } => {
            let button = |button: &flow::Button| {
                let does = if button.opens { "opens" } else { "says" };
                let value = if Some(button.value.as_str()) == link {
                    "the link"
                } else {
                    &button.value
                };
                format!("[{}] {does} {value}", button.title)
            };
            text.lines()
                .map(str::to_owned)
                .chain(buttons.iter().map(button))
                .collect()
        }
    }
}
