//! From files to a program: finds every mistake of every file in one run.

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;
use serde_json::Value as Json;

use crate::definition::{
    Facts, Flow, FlowFile, Mistake, Node, Program, Route, RouteFile, Routes, Starts, StepFile,
    Target,
};
use crate::expr::{Address, Condition, ENTITIES, Fault, Library, Shape, Text, escape_pointer};
use crate::names;
use crate::steps;
use crate::value::{Fields, Value};

/// Name of the target that ends a flow.
const END: &str = "end";

/// Names that expressions keep for themselves.
const RESERVED: [&str; 14] = [
    "true", "false", "none", "null", "True", "False", "None", "loop", "self", "and", "or", "not",
    "in", "is",
];

/// Checks and compiles all files of an agent.
pub(super) fn program(
    files: &[(String, FlowFile)],
    start: &str,
    facts: &Facts<'_>,
) -> Result<Program, Vec<(String, Mistake)>> {
    let mut checker = Checker::new(files, facts);
    let variables = variables(files, &mut checker);
    if !files.iter().any(|(name, _)| name == start) && !facts.flows.contains(start) {
        checker.enter(start, "");
        checker.mistake(
            "",
            Fault::new(format!("there is no flow `{start}` to start with")),
        );
    }
    let mut flows = BTreeMap::new();
    for (name, file) in files {
        checker.begin(name, file);
        let flow = flow(name, file, &mut checker);
        if flows.insert(name.clone(), flow).is_some() {
            checker.enter(name, "/flow");
            checker.mistake("", Fault::new(format!("there are two flows `{name}`")));
        }
    }
    if checker.mistakes.is_empty() {
        Ok(Program {
            start: start.to_owned(),
            flows,
            variables,
            library: checker.library,
        })
    } else {
        Err(checker.mistakes)
    }
}

/// Collects mistakes while a file is compiled. Every method reports below the pointer last entered, and gives `None`
/// for what is wrong; whatever depends on it is left out, for the whole program is refused in the end.
pub(crate) struct Checker<'a> {
    library: Library,
    facts: &'a Facts<'a>,
    /// Names that `set` and `into` may use.
    variables: BTreeSet<String>,
    steps: BTreeSet<String>,
    flow: String,
    base: String,
    mistakes: Vec<(String, Mistake)>,
}

impl<'a> Checker<'a> {
    fn new(files: &[(String, FlowFile)], facts: &'a Facts<'a>) -> Self {
        let declared = files.iter().flat_map(|(_, file)| file.variables.keys());
        let taken = files
            .iter()
            .flat_map(|(_, file)| &file.steps)
            .filter_map(steps::into_variable);
        let variables: BTreeSet<String> = declared
            .map(String::as_str)
            .chain(taken)
            .map(str::to_owned)
            .collect();
        Self {
            library: Library::new(variables.iter().cloned()),
            facts,
            variables,
            steps: BTreeSet::new(),
            flow: String::new(),
            base: String::new(),
            mistakes: Vec::new(),
        }
    }

    fn begin(&mut self, flow: &str, file: &FlowFile) {
        self.steps = file
            .steps
            .iter()
            .filter_map(|step| step.id.clone())
            .collect();
        self.enter(flow, "");
    }

    fn enter(&mut self, flow: &str, base: &str) {
        flow.clone_into(&mut self.flow);
        base.clone_into(&mut self.base);
    }

    /// Reports `fault` at `below` the pointer last entered.
    pub(crate) fn mistake(&mut self, below: &str, fault: Fault) {
        let pointer = format!("{}{below}", self.base);
        self.mistakes.push((
            self.flow.clone(),
            Mistake {
                pointer,
                message: fault.message,
                hint: fault.hint,
            },
        ));
    }

    /// Runs `check` with `below` added to the pointer.
    pub(crate) fn within<T>(&mut self, below: &str, check: impl FnOnce(&mut Self) -> T) -> T {
        let before = self.base.len();
        self.base.push_str(below);
        let result = check(self);
        self.base.truncate(before);
        result
    }

    pub(crate) fn text(&mut self, below: &str, source: &str) -> Option<Text> {
        let compiled = self.library.compile_text(source);
        self.keep(below, compiled)
    }

    pub(crate) fn condition(&mut self, below: &str, source: &str) -> Option<Condition> {
        let compiled = self.library.compile_condition(source);
        self.keep(below, compiled)
    }

    pub(crate) fn address(&mut self, below: &str, source: &str) -> Option<Address> {
        let compiled = self.library.compile_address(source);
        self.keep(below, compiled)
    }

    pub(crate) fn text_shape(&mut self, below: &str, source: &str) -> Option<Shape> {
        let compiled = self.library.compile_text_shape(source);
        self.keep(below, compiled)
    }

    pub(crate) fn shape(&mut self, below: &str, json: &Json) -> Option<Shape> {
        match self.library.compile_shape(json) {
            Ok(shape) => Some(shape),
            Err(faults) => {
                for (deeper, fault) in faults {
                    self.mistake(&format!("{below}{deeper}"), fault);
                }
                None
            }
        }
    }

    /// A connection that can be used (SGN-3).
    pub(crate) fn connection(&mut self, below: &str, code: &str) -> Option<String> {
        let known = self.facts.connections;
        self.one_of(below, "connection", code, known.iter().map(String::as_str))
    }

    /// A flow of the agent.
    pub(crate) fn flow(&mut self, below: &str, name: &str) -> Option<String> {
        let known = self.facts.flows;
        self.one_of(below, "flow", name, known.iter().map(String::as_str))
    }

    /// A variable that takes a value.
    pub(crate) fn variable(&mut self, below: &str, name: &str) -> Option<String> {
        if let Err(fault) = check_variable(name) {
            return self.keep(below, Err(fault));
        }
        let known = self.variables.clone();
        self.one_of(below, "variable", name, known.iter().map(String::as_str))
    }

    /// A step of this flow, or its end.
    pub(crate) fn target(&mut self, below: &str, name: &str) -> Option<Target> {
        if name == END {
            return Some(Target::End);
        }
        let known = self.steps.clone();
        self.one_of(
            below,
            "step",
            name,
            known.iter().map(String::as_str).chain([END]),
        )
        .map(Target::Step)
    }

    /// A duration of whole seconds within `from` and `to`.
    pub(crate) fn seconds(&mut self, below: &str, text: &str, from: u32, to: u32) -> Option<u32> {
        let seconds = parse_seconds(text).filter(|seconds| (from..=to).contains(seconds));
        let fault = || {
            Fault::new(format!("`{text}` is not a duration from {from}s to {to}s"))
                .hint("write `120s` or `2m`")
        };
        self.keep(below, seconds.ok_or_else(fault))
    }

    pub(crate) fn routes(&mut self, below: &str, routes: Option<&Routes>) -> Vec<Route> {
        match routes {
            None => Vec::new(),
            Some(Routes::Step(name)) => self
                .target(below, name)
                .map(|target| Route { when: None, target })
                .into_iter()
                .collect(),
            Some(Routes::List(list)) => self.cases(below, list),
        }
    }

    pub(crate) fn cases(&mut self, below: &str, list: &[RouteFile]) -> Vec<Route> {
        let mut routes = Vec::new();
        for (index, file) in list.iter().enumerate() {
            let below = format!("{below}/{index}");
            let when = file
                .when
                .as_deref()
                .map(|source| self.condition(&format!("{below}/when"), source));
            let target = self.target(&format!("{below}/goto"), &file.goto);
            if let (Some(when), Some(target)) = (transpose(when), target) {
                routes.push(Route { when, target });
            }
        }
        routes
    }

    fn one_of<'k>(
        &mut self,
        below: &str,
        what: &str,
        name: &str,
        known: impl Iterator<Item = &'k str> + Clone,
    ) -> Option<String> {
        if known.clone().any(|candidate| candidate == name) {
            return Some(name.to_owned());
        }
        let fault = Fault::new(format!("there is no {what} `{name}`"));
        let fault = match names::nearest(name, known) {
            Some(near) => fault.hint(format!("did you mean `{near}`?")),
            None => fault,
        };
        self.keep(below, Err(fault))
    }

    fn keep<T>(&mut self, below: &str, result: Result<T, Fault>) -> Option<T> {
        result.map_err(|fault| self.mistake(below, fault)).ok()
    }
}

/// `None` if there was something and it was wrong.
#[expect(
    clippy::option_option,
    reason = "outer: whether it was written; inner: whether it was right"
)]
pub(crate) fn transpose<T>(written: Option<Option<T>>) -> Option<Option<T>> {
    match written {
        None => Some(None),
        Some(None) => None,
        Some(Some(right)) => Some(Some(right)),
    }
}

/// The variables of all flows, which share one space: the same name means the same variable.
fn variables(files: &[(String, FlowFile)], checker: &mut Checker<'_>) -> Fields {
    let mut all = Fields::default();
    for (flow, file) in files {
        for (name, default) in &file.variables {
            checker.enter(flow, &format!("/variables/{}", escape_pointer(name)));
            if let Err(fault) = check_variable(name) {
                checker.mistake("", fault);
            }
            let value = Value::from(default.clone());
            if all.get(name).is_some_and(|other| *other != value) {
                checker.mistake(
                    "",
                    Fault::new(format!(
                        "another flow gives `{name}` another value to begin with"
                    )),
                );
            }
            all.set(name, value);
        }
    }
    all
}

fn check_variable(name: &str) -> Result<(), Fault> {
    if !names::is_variable(name) {
        return Err(Fault::new(format!("`{name}` is not a name for a variable"))
            .hint("a letter, then letters, digits and `_`"));
    }
    if ENTITIES.contains(&name) || RESERVED.contains(&name) {
        return Err(Fault::new(format!("`{name}` means something else already")));
    }
    Ok(())
}

fn flow(name: &str, file: &FlowFile, checker: &mut Checker<'_>) -> Flow {
    if file.flow != name {
        checker.mistake(
            "/flow",
            Fault::new(format!(
                "the flow is named `{}`, its file `{name}`",
                file.flow
            )),
        );
    }
    if !names::is_step(name) {
        checker.mistake(
            "/flow",
            Fault::new(format!("`{name}` is not a name for a flow")),
        );
    }
    if file.steps.is_empty() {
        checker.mistake("/steps", Fault::new("a flow has at least one step"));
    }
    let on_exception = checker.routes("/on_exception", file.on_exception.as_ref());
    let mut steps = IndexMap::new();
    for (index, step) in file.steps.iter().enumerate() {
        let below = file
            .steps
            .get(index + 1)
            .and_then(|step| step.id.clone())
            .map_or(Target::End, Target::Step);
        let parsed = checker.within(&format!("/steps/{index}"), |checker| {
            check_presence(file.starts, step, checker);
            node(step, below, checker)
        });
        let id = step.id.clone().unwrap_or_default();
        if steps.contains_key(&id) && !id.is_empty() {
            checker.mistake(
                &format!("/steps/{index}/id"),
                Fault::new(format!("there are two steps `{id}`")),
            );
        }
        if let Some(node) = parsed {
            steps.insert(id, node);
        }
    }
    Flow {
        steps,
        on_exception,
    }
}

fn node(file: &StepFile, below: Target, checker: &mut Checker<'_>) -> Option<Node> {
    check_id(file.id.as_deref(), checker);
    let when = file
        .when
        .as_deref()
        .map(|source| checker.condition("/when", source));
    let step = steps::parse(file, checker);
    let post_actions = steps::parse_post_actions(file, checker);
    let on_exception = checker.routes("/on_exception", file.on_exception.as_ref());
    let next = match file.next.as_deref() {
        Some(name) => checker.target("/next", name),
        None => Some(below),
    };
    Some(Node {
        when: transpose(when)?,
        step: step?,
        post_actions,
        on_exception,
        next: next?,
    })
}

/// What needs a person has no place where nobody is there.
fn check_presence(starts: Starts, step: &StepFile, checker: &mut Checker<'_>) {
    let asks = [
        ("/ask", step.ask.is_some()),
        ("/sign_in", step.sign_in.is_some()),
    ];
    for (below, _) in asks
        .into_iter()
        .filter(|(_, written)| *written && starts == Starts::System)
    {
        checker.mistake(
            below,
            Fault::new("nobody is there in a flow that starts by `system`"),
        );
    }
}

/// SGN-2: every step carries a name that its designer gave it.
fn check_id(id: Option<&str>, checker: &mut Checker<'_>) {
    match id {
        None | Some("") => {
            checker.mistake(
                "/id",
                Fault::new("the step has no `id`").hint("give it a name, as in `id: sign_in`"),
            );
        }
        Some(END) => checker.mistake(
            "/id",
            Fault::new("`end` is the end of the flow, no name for a step"),
        ),
        Some(id) if !names::is_step(id) => checker.mistake(
            "/id",
            Fault::new(format!("`{id}` is not a name for a step"))
                .hint("a letter, then letters, digits, `_` and `-`"),
        ),
        Some(_) => {}
    }
}

/// `120s` or `2m`.
fn parse_seconds(text: &str) -> Option<u32> {
    let (digits, factor) = match text.strip_suffix('s') {
        Some(digits) => (digits, 1),
        None => (text.strip_suffix('m')?, 60),
    };
    let plain = digits.len() <= 6 && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits
        .parse::<u32>()
        .ok()
        .filter(|_| plain)?
        .checked_mul(factor)
}
