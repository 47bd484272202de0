//! The passes over all files: each by itself, then each against the others.

use std::collections::{BTreeMap, BTreeSet};

use flow::{Facts, FlowFile, Program};
use oauth::Rules;
use serde::de::DeserializeOwned;

use super::agent::{self, AgentFile};
use super::connection::{Connection, ConnectionFile};
use super::layout::{self, Found, Place};
use super::mistake::{Flaw, Mistake, did_you_mean, flaw, hinted};
use super::organization::{self, OrganizationFile};
use super::schema::{self, Kind};
use super::yaml::{self, Node, Position};
use super::{Agent, Organization, Workspace};

/// Reads and checks everything; see [`read`](super::read).
pub(super) fn workspace(
    files: &[(String, String)],
    rules: Rules,
) -> Result<Workspace, Vec<Mistake>> {
    let mut desk = Desk {
        rules,
        mistakes: Vec::new(),
        warnings: Vec::new(),
        told: BTreeSet::new(),
    };
    let folders = desk.sort(files);
    let mut organizations = BTreeMap::new();
    for (name, folder) in &folders {
        if let Some(organization) = desk.organization(name, folder) {
            organizations.insert((*name).to_owned(), organization);
        }
    }
    let Desk {
        mut mistakes,
        mut warnings,
        ..
    } = desk;
    if !mistakes.is_empty() {
        mistakes.sort();
        mistakes.dedup();
        return Err(mistakes);
    }
    warnings.sort();
    Ok(Workspace {
        organizations,
        warnings,
    })
}

/// A file's text and path.
#[derive(Clone, Copy)]
struct Page<'a> {
    path: &'a str,
    text: &'a str,
}

/// The files of one organization.
#[derive(Default)]
struct Folder<'a> {
    settings: Option<Page<'a>>,
    connections: BTreeMap<&'a str, Page<'a>>,
    agents: BTreeMap<&'a str, AgentFolder<'a>>,
}

/// The files of one agent.
#[derive(Default)]
struct AgentFolder<'a> {
    settings: Option<Page<'a>>,
    flows: BTreeMap<&'a str, Page<'a>>,
}

/// A file that fits its schema, and the tree that says where everything stands.
struct Read<'a, T> {
    path: &'a str,
    tree: Node,
    file: T,
}

/// What names an agent may refer to.
struct Known<'a> {
    organization: &'a str,
    agent: &'a str,
    /// Those too whose files have mistakes, so that one faulty file is not reported by all that refer to it.
    connections: &'a BTreeSet<String>,
}

/// Where the mistakes are gathered.
struct Desk {
    rules: Rules,
    mistakes: Vec<Mistake>,
    warnings: Vec<Mistake>,
    /// Files and places in them where a member was refused: what follows from its absence is not a
    /// mistake of its own.
    told: BTreeSet<(String, String)>,
}

impl Desk {
    fn sort<'a>(&mut self, files: &'a [(String, String)]) -> BTreeMap<&'a str, Folder<'a>> {
        let mut folders: BTreeMap<&str, Folder<'_>> = BTreeMap::new();
        let mut seen = BTreeSet::new();
        for (path, text) in files {
            if !seen.insert(path) {
                self.at_start(path, flaw("", "the file is given twice"));
                continue;
            }
            match layout::sort(path) {
                Found::Read(place) => file_away(&mut folders, &place, Page { path, text }),
                Found::Passed => {}
                Found::Astray => self.at_start(path, astray()),
            }
        }
        folders
    }

    fn organization(&mut self, name: &str, folder: &Folder<'_>) -> Option<Organization> {
        self.name_of_folder(name, &format!("organizations/{name}/organization.yaml"));
        let settings = self.settings(name, folder);
        let known: BTreeSet<String> = folder
            .connections
            .keys()
            .map(|&code| code.to_owned())
            .collect();
        let mut connections = BTreeMap::new();
        for (&code, page) in &folder.connections {
            if let Some(connection) = self.connection(code, page) {
                connections.insert(code.to_owned(), connection);
            }
        }
        let mut agents = BTreeMap::new();
        for (&agent, inside) in &folder.agents {
            let known = Known {
                organization: name,
                agent,
                connections: &known,
            };
            if let Some(found) = self.agent(&known, inside) {
                agents.insert(agent.to_owned(), found);
            }
        }
        Some(Organization {
            settings: settings?,
            connections,
            agents,
        })
    }

    fn settings(&mut self, name: &str, folder: &Folder<'_>) -> Option<organization::Settings> {
        let Some(page) = folder.settings else {
            self.at_start(
                &format!("organizations/{name}/organization.yaml"),
                flaw("", "the file is missing"),
            );
            return None;
        };
        let Read { path, tree, file } = self.read::<OrganizationFile>(Kind::Organization, page)?;
        self.same_name(path, &tree, "organization", &file.organization, name);
        self.sound(path, &tree, file.check())
    }

    fn connection(&mut self, code: &str, page: &Page<'_>) -> Option<Connection> {
        self.name_of_folder(code, page.path);
        let Read { path, tree, file } = self.read::<ConnectionFile>(Kind::Connection, *page)?;
        self.same_name(path, &tree, "connection", &file.connection, code);
        let rules = self.rules;
        self.sound(path, &tree, file.check(rules))
    }

    fn agent(&mut self, known: &Known<'_>, folder: &AgentFolder<'_>) -> Option<Agent> {
        let path = agent_path(known);
        self.name_of_folder(known.agent, &path);
        let settings = self.agent_settings(known, folder, &path);
        let start = settings.as_ref().map(|settings| settings.start.as_str());
        let program = self.program(known, folder, start);
        Some(Agent {
            settings: settings?,
            program: program?,
        })
    }

    fn agent_settings(
        &mut self,
        known: &Known<'_>,
        folder: &AgentFolder<'_>,
        path: &str,
    ) -> Option<agent::Settings> {
        let Some(page) = folder.settings else {
            self.at_start(path, flaw("", "the file is missing"));
            return None;
        };
        let Read { path, tree, file } = self.read::<AgentFile>(Kind::Agent, page)?;
        self.same_name(path, &tree, "agent", &file.agent, known.agent);
        let rules = self.rules;
        let references = references(&file, known, folder);
        let settings = self.sound(path, &tree, file.check(rules));
        self.report(path, &tree, references);
        let settings = settings?;
        self.warnings
            .extend(settings.warnings().map(|flaw| locate(path, &tree, flaw)));
        Some(settings)
    }

    /// Compiles the flows. Those that can be read are checked even if others, or `agent.yaml`, cannot.
    fn program(
        &mut self,
        known: &Known<'_>,
        folder: &AgentFolder<'_>,
        start: Option<&str>,
    ) -> Option<Program> {
        let names: BTreeSet<String> = folder.flows.keys().map(|&name| name.to_owned()).collect();
        let mut trees = BTreeMap::new();
        let mut files = Vec::new();
        for (&name, &page) in &folder.flows {
            let Some(Read { path, tree, file }) = self.read::<FlowFile>(Kind::Flow, page) else {
                continue;
            };
            trees.insert(name.to_owned(), (path, tree));
            files.push((name.to_owned(), file));
        }
        // A missing start is told where it is written, in `agent.yaml`; any flow of the agent stands in for it here.
        let start = start
            .filter(|&start| names.contains(start))
            .or_else(|| names.first().map(String::as_str))?;
        let facts = Facts {
            connections: known.connections,
            flows: &names,
        };
        let mistakes = match Program::check(files, start, &facts) {
            Ok(program) => return Some(program),
            Err(mistakes) => mistakes,
        };
        for (name, found) in mistakes {
            match trees.get(&name) {
                Some((path, tree)) => self.report(path, tree, [found]),
                // Never dropped, or an agent would be missing from a workspace that counts as sound.
                None => self.at_start(&agent_path(known), found),
            }
        }
        None
    }

    /// A file that is YAML and fits its schema.
    fn read<'a, T: DeserializeOwned>(&mut self, kind: Kind, page: Page<'a>) -> Option<Read<'a, T>> {
        let Page { path, text } = page;
        let tree = match yaml::parse(text) {
            Ok(tree) => tree,
            Err(faults) => {
                self.mistakes
                    .extend(faults.into_iter().map(|fault| of_yaml(path, fault)));
                return None;
            }
        };
        let mut json = tree.to_json();
        let flaws = schema::mistakes(kind, &json);
        if !flaws.is_empty() {
            self.report(path, &tree, flaws);
            let (sound, places) = schema::sound_part(kind, &json)?;
            let told = places.into_iter().map(|place| (path.to_owned(), place));
            self.told.extend(told);
            json = sound;
        }
        if let Ok(file) = serde_json::from_value(json) {
            return Some(Read { path, tree, file });
        }

        let hint = format!("`usher schema {}` prints it", kind.as_str());
        self.report(
            path,
            &tree,
            [hinted("", "the file does not fit its schema", hint)],
        );
        None
    }

    fn sound<T>(&mut self, path: &str, tree: &Node, checked: Result<T, Vec<Flaw>>) -> Option<T> {
        checked.map_err(|flaws| self.report(path, tree, flaws)).ok()
    }

    fn same_name(&mut self, path: &str, tree: &Node, key: &str, written: &str, expected: &str) {
        if written != expected {
            let message = format!("the name is `{written}`, but the path says `{expected}`");
            self.report(path, tree, [flaw(format!("/{key}"), message)]);
        }
    }

    /// Names of organizations, connections and agents stand in addresses.
    fn name_of_folder(&mut self, name: &str, path: &str) {
        if store::Organization::parse(name).is_err() {
            let message = format!(
                "the name `{}` has other characters than lower-case letters, digits and inner hyphens",
                name.escape_debug()
            );
            self.at_start(
                path,
                hinted(
                    "",
                    message,
                    "rename the file or folder; a name has 1 to 63 characters",
                ),
            );
        }
    }

    fn report(&mut self, path: &str, tree: &Node, flaws: impl IntoIterator<Item = Flaw>) {
        let told = &self.told;
        let new = |flaw: &Flaw| !told.contains(&(path.to_owned(), flaw.pointer.clone()));
        let found = flaws.into_iter().filter(new);
        self.mistakes
            .extend(found.map(|flaw| locate(path, tree, flaw)));
    }

    fn at_start(&mut self, path: &str, flaw: Flaw) {
        self.mistakes.push(placed(path, Position::START, flaw));
    }
}

fn file_away<'a>(folders: &mut BTreeMap<&'a str, Folder<'a>>, place: &Place<'a>, page: Page<'a>) {
    match *place {
        Place::Organization { organization } => {
            folders.entry(organization).or_default().settings = Some(page);
        }
        Place::Connection { organization, code } => {
            folders
                .entry(organization)
                .or_default()
                .connections
                .insert(code, page);
        }
        Place::Agent {
            organization,
            agent,
        } => {
            folders
                .entry(organization)
                .or_default()
                .agents
                .entry(agent)
                .or_default()
                .settings = Some(page);
        }
        Place::Flow {
            organization,
            agent,
            flow,
        } => {
            folders
                .entry(organization)
                .or_default()
                .agents
                .entry(agent)
                .or_default()
                .flows
                .insert(flow, page);
        }
    }
}

fn agent_path(known: &Known<'_>) -> String {
    format!(
        "organizations/{}/agents/{}/agent.yaml",
        known.organization, known.agent
    )
}

fn astray() -> Flaw {
    hinted(
        "",
        "no file is expected here",
        "organizations/NAME/ holds organization.yaml, connections/*.yaml, agents/NAME/agent.yaml and agents/NAME/flows/*.yaml",
    )
}

/// What `agent.yaml` refers to and is not there.
fn references(file: &AgentFile, known: &Known<'_>, folder: &AgentFolder<'_>) -> Vec<Flaw> {
    let mut flaws = Vec::new();
    if let Some(sign_in) = &file.security.sign_in
        && !known.connections.contains(&sign_in.connection)
    {
        let names = known.connections.iter().map(String::as_str);
        let message = format!(
            "there is no connection `{}`",
            sign_in.connection.escape_debug()
        );
        let hint = did_you_mean(&sign_in.connection, names);
        flaws.push(Flaw {
            hint,
            ..flaw("/security/sign_in/connection", message)
        });
    }
    if !folder.flows.contains_key(file.start.as_str()) {
        let message = format!("there is no flow `{}`", file.start.escape_debug());
        let hint = did_you_mean(&file.start, folder.flows.keys().copied());
        flaws.push(Flaw {
            hint,
            ..flaw("/start", message)
        });
    }
    flaws
}

fn locate(path: &str, tree: &Node, flaw: Flaw) -> Mistake {
    placed(path, tree.position(&flaw.pointer), flaw)
}

fn placed(path: &str, at: Position, flaw: Flaw) -> Mistake {
    let Position { line, column } = at;
    Mistake {
        file: path.to_owned(),
        line,
        column,
        message: flaw.message,
        hint: flaw.hint,
    }
}

fn of_yaml(path: &str, fault: yaml::Fault) -> Mistake {
    let Position { line, column } = fault.at;
    Mistake {
        file: path.to_owned(),
        line,
        column,
        message: fault.message,
        hint: fault.hint.map(str::to_owned),
    }
}
