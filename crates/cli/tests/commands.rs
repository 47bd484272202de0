//! The program itself, as a shell sees it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use serde_json::Value;
use tempfile::TempDir;

const KEY: &str = "8f1b5c0ad9e2473660bb7c1f04ae93d57712c8e69a3f40bd5e21f7a80c6d94b3";

/// `usher` with these arguments, in `folder`, with nothing in its environment.
fn usher(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_usher"));
    command.args(arguments).current_dir(folder).env_clear();
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    usher(folder, arguments).output().unwrap()
}

#[track_caller]
fn ends(output: &Output, code: i32) {
    assert_eq!(
        output.status.code(),
        Some(code),
        "{}{}",
        out(output),
        err(output)
    );
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn json(output: &Output) -> Value {
    let text = out(output);
    assert_eq!(text.lines().count(), 1, "{text}");
    serde_json::from_str(&text).unwrap()
}

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

const ORGANIZATION: (&str, &str) = (
    "organizations/acme/organization.yaml",
    "organization: acme\ntitle: Acme\n",
);
const AGENT: (&str, &str) = (
    "organizations/acme/agents/hello/agent.yaml",
    "agent: hello\ntitle: Hello\nstart: main\n",
);
const FLOW: (&str, &str) = (
    "organizations/acme/agents/hello/flows/main.yaml",
    "flow: main\nstarts: chat\nsteps:\n  - id: hello\n    message: Hello!\n",
);

/// A workspace that needs no provider.
fn workspace() -> TempDir {
    folder(&[ORGANIZATION, AGENT, FLOW])
}

/// A folder with settings in which a server starts.
fn home(more: &str) -> TempDir {
    let settings = format!(
        "listen = \"127.0.0.1:0\"\ndevelopment = true\n{more}\n[keys]\nk1 = {{ file = \"sealing.key\" }}\n"
    );
    folder(&[("usher.toml", &settings), ("sealing.key", KEY)])
}

/// A server that runs until it is dropped.
struct Running {
    child: Child,
    /// What it printed before it was ready.
    printed: String,
    port: u16,
}

impl Running {
    /// Starts `usher serve` and waits until it listens.
    fn serve(home: &Path) -> Self {
        let mut child = usher(home, &["serve"]).spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
        let listening = log
            .by_ref()
            .map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap())
            .find(|line| line["message"] == "listening")
            .unwrap();
        let bound = listening["bound"].as_str().unwrap();
        let port = bound.rsplit(':').next().unwrap().parse().unwrap();
        // Or it would wait for somebody to read its log.
        std::thread::spawn(move || log.for_each(drop));
        Self {
            child,
            printed: String::new(),
            port,
        }
    }

    /// Starts `usher demo --json` and waits for its announcement.
    fn demo(mut command: Command) -> (Self, Value) {
        let mut child = command.stderr(Stdio::inherit()).spawn().unwrap();
        let mut line = String::new();
        let mut printed = BufReader::new(child.stdout.take().unwrap());
        printed.read_line(&mut line).unwrap();
        let announced: Value = serde_json::from_str(&line).unwrap();
        let port = port_of(announced["url"].as_str().unwrap());
        let running = Self {
            child,
            printed: line,
            port,
        };
        (running, announced)
    }

    fn url(&self) -> String {
        format!("http://localhost:{}", self.port)
    }

    /// Asks it to end, and gives its exit code and what it printed.
    fn stop(mut self) -> (Option<i32>, String) {
        let id = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-TERM", &id])
                .status()
                .unwrap()
                .success()
        );
        let status = self.child.wait().unwrap();
        let mut printed = std::mem::take(&mut self.printed);
        if let Some(mut rest) = self.child.stdout.take() {
            rest.read_to_string(&mut printed).unwrap();
        }
        (status.code(), printed)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn port_of(url: &str) -> u16 {
    url.rsplit(':').next().unwrap().parse().unwrap()
}

fn get(port: u16, path: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let request =
        format!("GET {path} HTTP/1.1\r\nhost: localhost:{port}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn check_shows_all_mistakes_at_once_and_how_many_there_are() {
    let wrong = folder(&[
        (
            "organizations/acme/organization.yaml",
            "organization: acme\ntitel: Acme\n",
        ),
        (
            "organizations/acme/agents/hello/agent.yaml",
            "agent: hello\ntitle: 7\nstart: main\n",
        ),
        FLOW,
    ]);
    let path = wrong.path().to_str().unwrap();
    let output = run(wrong.path(), &["check", path]);
    ends(&output, 1);
    let shown = err(&output);
    assert!(
        shown.contains("organization.yaml:2:1: unknown key `titel`; did you mean `title`?"),
        "{shown}"
    );
    assert!(
        shown.contains("organizations/acme/agents/hello/agent.yaml:2:"),
        "{shown}"
    );
    let (lines, count) = shown.trim_end().rsplit_once('\n').unwrap();
    assert_eq!(count, format!("{} mistakes", lines.lines().count()));
    assert!(
        !shown.contains('\u{1b}'),
        "colours are for terminals: {shown}"
    );

    let output = run(wrong.path(), &["check", path, "--json"]);
    ends(&output, 1);
    let mistakes = json(&output)["mistakes"].as_array().unwrap().clone();
    assert_eq!(mistakes.len(), lines.lines().count());
    let titel = mistakes
        .iter()
        .find(|mistake| mistake["message"] == "unknown key `titel`");
    assert_eq!(titel.unwrap()["hint"], "did you mean `title`?");
}

#[test]
fn the_examples_pass_the_check() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let output = run(&examples, &["check", "."]);
    ends(&output, 0);
    assert!(
        out(&output).starts_with("No mistakes: 1 organization"),
        "{}",
        out(&output)
    );
}

#[test]
fn a_provider_on_this_machine_is_for_development_only() {
    let connection = "connection: corp\ntitle: Corp\ndiscovery: http://127.0.0.1:4000\nclient_id: usher\nclient_auth: none\n";
    let local = folder(&[
        ORGANIZATION,
        ("organizations/acme/connections/corp.yaml", connection),
    ]);
    ends(&run(local.path(), &["check", "."]), 1);
    ends(&run(local.path(), &["check", ".", "--development"]), 0);
}

#[test]
fn a_command_line_that_means_nothing_ends_with_2() {
    let empty = tempfile::tempdir().unwrap();
    for arguments in [
        &["check"][..],
        &["chekc", "."],
        &["check", "."],
        &["check", "nowhere"],
        &["schema", "organisation"],
        &["serve", "--config", "nowhere.toml"],
        &["demo", "--listen", "0.0.0.0:0"],
        &["key", "new", "acme", "--label", "CI"],
    ] {
        let output = run(empty.path(), arguments);
        ends(&output, 2);
        assert!(!err(&output).is_empty(), "{arguments:?}");
    }
}

#[test]
fn every_kind_of_file_has_a_schema() {
    let here = tempfile::tempdir().unwrap();
    for kind in ["organization", "connection", "agent", "flow"] {
        let output = run(here.path(), &["schema", kind]);
        ends(&output, 0);
        let schema: Value = serde_json::from_str(&out(&output)).unwrap();
        assert!(schema["properties"][kind].is_object(), "{kind}");
        assert_eq!(schema["additionalProperties"], false, "{kind}");
    }
}

#[test]
fn shells_complete_the_commands() {
    let here = tempfile::tempdir().unwrap();
    for shell in ["bash", "fish", "zsh"] {
        let output = run(here.path(), &["completions", shell]);
        ends(&output, 0);
        assert!(
            out(&output).contains("usher") && out(&output).contains("apply"),
            "{shell}"
        );
    }
}

#[test]
fn without_a_key_the_server_does_not_start_and_says_how_to_make_one() {
    let here = tempfile::tempdir().unwrap();
    let mut serve = usher(here.path(), &["serve"]);
    serve.env("USHER_DEVELOPMENT", "true");
    let why = refusal(serve);
    assert!(
        why.contains("head -c 32 /dev/urandom | base64 > sealing.key"),
        "{why}"
    );
    assert!(!here.path().join("usher.db").exists());
}

/// Proves: ADM-10
#[test]
fn dangerous_settings_do_not_start() {
    for (settings, said) in [
        (
            "developement = true\n",
            "usher.toml:1: unknown field `developement`",
        ),
        ("[operator]\nkye = { env = \"K\" }\n", "did you mean `key`?"),
        ("[limits]\nconections = 5\n", "did you mean `connections`?"),
        (
            "development = true\npublic_url = \"https://usher.example\"\n[keys]\nk1 = { file = \"k\" }\n",
            "`development = true` is for this machine only",
        ),
        (
            "development = true\npublic_url = \"http://192.168.1.7:3978\"\n[keys]\nk1 = { file = \"k\" }\n",
            "`development = true` is for this machine only",
        ),
    ] {
        let home = folder(&[("usher.toml", settings), ("k", KEY)]);
        let why = refusal(usher(home.path(), &["serve"]));
        assert!(why.contains(said), "{settings}: {why}");
    }
    let home = home("");
    let mut public = usher(home.path(), &["serve"]);
    public.env("USHER_PUBLIC_URL", "https://usher.example");
    let why = refusal(public);
    assert!(why.contains("for this machine only"), "{why}");
}

/// Why a server does not start. One that does is ended, and the test has failed.
fn refusal(mut serve: Command) -> String {
    let mut child = serve.env("USHER_LISTEN", "127.0.0.1:0").spawn().unwrap();
    let mut why = String::new();
    for line in BufReader::new(child.stderr.take().unwrap()).lines() {
        why += &line.unwrap();
        if why.contains("\"listening\"") {
            child.kill().unwrap();
        }
    }
    assert_eq!(child.wait().unwrap().code(), Some(1), "{why}");
    why
}

#[test]
fn a_workspace_is_published_with_the_key_that_the_first_start_prints() {
    let (home, workspace) = (home(""), workspace());
    let server = Running::serve(home.path());
    assert!(get(server.port, "/readyz").starts_with("HTTP/1.1 200"));
    let url = server.url();
    let refused = apply(workspace.path(), &url, "usher_guessed");
    ends(&refused, 1);
    let refused = json(&refused)["error"].clone();
    assert_eq!(
        (&refused["status"], &refused["code"]),
        (&401.into(), &"Unauthorized".into())
    );
    let (code, printed) = server.stop();
    assert_eq!(code, Some(0));
    let key = printed.trim().rsplit(' ').next().unwrap().to_owned();
    assert!(key.starts_with("usher_"), "{printed}");

    let server = Running::serve(home.path());
    let url = server.url();
    let first = json(&apply(workspace.path(), &url, &key))["organizations"][0].clone();
    assert_eq!(
        (&first["organization"], &first["changed"]),
        (&"acme".into(), &true.into())
    );
    let again = json(&apply(workspace.path(), &url, &key))["organizations"][0].clone();
    assert_eq!(
        (&again["version"], &again["changed"]),
        (&first["version"], &false.into())
    );
    assert!(get(server.port, "/").contains("Hello"));

    let other = folder(&[(
        "organizations/other/organization.yaml",
        "organization: other\ntitle: Other\n",
    )]);
    let made = run_with_key(
        other.path(),
        &["key", "new", "acme", "--label", "CI", "--server", &url],
        &key,
    );
    ends(&made, 0);
    let own = out(&made).trim().to_owned();
    ends(&apply(workspace.path(), &url, &own), 0);
    let foreign = apply(other.path(), &url, &own);
    ends(&foreign, 1);
    assert_eq!(json(&foreign)["error"]["status"], 403);
    let (code, printed) = server.stop();
    assert_eq!(
        (code, printed.as_str()),
        (Some(0), ""),
        "the key is shown once"
    );
}

fn apply(workspace: &Path, url: &str, key: &str) -> Output {
    run_with_key(workspace, &["apply", ".", "--server", url, "--json"], key)
}

fn run_with_key(folder: &Path, arguments: &[&str], key: &str) -> Output {
    usher(folder, arguments)
        .env("USHER_KEY", key)
        .output()
        .unwrap()
}

#[test]
fn the_servers_mistakes_are_shown_like_those_of_this_machine() {
    let provider = Listener::start();
    let connection = format!(
        "connection: corp\ntitle: Corp\ndiscovery: http://127.0.0.1:{}\nclient_id: usher\nclient_auth: none\n",
        provider.port
    );
    let workspace = folder(&[
        ORGANIZATION,
        ("organizations/acme/connections/corp.yaml", &connection),
    ]);
    let key = "k".repeat(32);
    let home = home("[operator]\nkey = { file = \"operator\" }\n");
    fs::write(home.path().join("operator"), &key).unwrap();
    let server = Running::serve(home.path());
    let url = server.url();
    let arguments = ["apply", ".", "--server", url.as_str()];
    let output = run_with_key(workspace.path(), &arguments, &key);
    ends(&output, 1);
    let shown = err(&output);
    assert!(
        shown.starts_with("organizations/acme/connections/corp.yaml:1:1: `discovery`"),
        "{shown}"
    );
    assert!(shown.ends_with("\n1 mistake\n"), "{shown}");
    assert!(provider.connected() > 0);
}

/// Proves: EGR-6
#[test]
fn proxies_that_the_environment_names_are_ignored() {
    let (provider, proxy) = (Listener::start(), Listener::start());
    let connection = format!(
        "connection: corp\ntitle: Corp\ndiscovery: http://127.0.0.1:{}\nclient_id: usher\nclient_auth: none\n",
        provider.port
    );
    let home = home("apply_at_start = \".\"");
    for (path, text) in [
        ORGANIZATION,
        ("organizations/acme/connections/corp.yaml", &connection),
    ] {
        let path = home.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let mut serve = usher(home.path(), &["serve"]);
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
        let address = format!("http://127.0.0.1:{}", proxy.port);
        serve.env(name, &address).env(name.to_lowercase(), &address);
    }
    let output = serve.output().unwrap();
    // Nothing sensible answers at either, so the workspace is refused.
    ends(&output, 1);
    assert!(
        err(&output).contains("`discovery` does not lead"),
        "{}",
        err(&output)
    );
    assert!(provider.connected() > 0);
    assert_eq!(proxy.connected(), 0);
}

/// Answers 404 to everybody, and counts them.
struct Listener {
    port: u16,
    connected: Arc<AtomicUsize>,
}

impl Listener {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let connected = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&connected);
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                count.fetch_add(1, Ordering::SeqCst);
                let _ = stream.read(&mut [0; 4096]);
                let _ = stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n");
            }
        });
        Self { port, connected }
    }

    fn connected(&self) -> usize {
        self.connected.load(Ordering::SeqCst)
    }
}

#[test]
fn a_workspace_named_in_the_settings_is_live_when_the_server_is() {
    let home = home("apply_at_start = \".\"");
    for (path, text) in [ORGANIZATION, AGENT, FLOW] {
        let path = home.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let server = Running::serve(home.path());
    assert!(get(server.port, "/").contains("Hello"));
}

#[test]
fn the_demo_announces_itself_in_one_line_and_comes_back_where_it_was() {
    let outer = tempfile::tempdir().unwrap();
    let arguments = [
        "demo",
        "--json",
        "--listen",
        "127.0.0.1:0",
        "--data",
        "kept",
    ];
    let (demo, first) = Running::demo(usher(outer.path(), &arguments));
    let agents: Vec<&str> = first["chat"]
        .as_array()
        .unwrap()
        .iter()
        .map(|chat| chat["agent"].as_str().unwrap())
        .collect();
    assert!(agents.contains(&"travel"), "{agents:?}");
    assert_eq!(first["directline"].as_array().unwrap().len(), agents.len());
    assert_eq!(first["rehearsal"]["people"][0]["name"], "Ann Archer");
    assert!(get(demo.port, "/readyz").starts_with("HTTP/1.1 200"));
    let provider = first["rehearsal"]["url"].as_str().unwrap();
    assert!(provider.starts_with("http://127.0.0.1:"), "{provider}");
    let metadata = get(port_of(provider), "/.well-known/openid-configuration");
    assert!(
        metadata.contains(&format!("\"issuer\":\"{provider}\"")),
        "{metadata}"
    );
    let (code, printed) = demo.stop();
    assert_eq!((code, printed.lines().count()), (Some(0), 1), "{printed}");

    let (demo, second) = Running::demo(usher(outer.path(), &arguments));
    assert_eq!(second, first);
    assert_eq!(demo.stop().0, Some(0));
}

#[test]
fn a_demo_without_a_folder_leaves_nothing_behind() {
    let outer = tempfile::tempdir().unwrap();
    let inside = |outer: &Path| {
        fs::read_dir(outer)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect::<Vec<PathBuf>>()
    };
    let mut command = usher(outer.path(), &["demo", "--json", "--listen", "127.0.0.1:0"]);
    command.env("TMPDIR", outer.path());
    let (demo, _) = Running::demo(command);
    assert_eq!(inside(outer.path()).len(), 1);
    assert_eq!(demo.stop().0, Some(0));
    assert_eq!(inside(outer.path()), [""; 0].map(PathBuf::from));
}
