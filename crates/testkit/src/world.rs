//! The World: one server, its store, its clock, and everybody around it.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
};

use app::{
    App, ConversationId, OrganizationName as Organization, Revision, Settings,
    access::Principal,
    conversation::MAIN_BRANCH,
    ports::{Clock as _, Ports},
    publish::{Folder, PublishError, Report, ResolvedSecret},
};
use axum::Router;
use flow::{Session, StepRecord};
use http_body_util::BodyExt as _;
use jiff::{SignedDuration, Timestamp};
use rehearsal::{Client, ClientAuth, Config, Endpoint, NoRedirect, Provider};
use secrecy::{SecretSlice, SecretString};
use server::{ConnectionLimits, Options, RequestLimits};
use store::Store;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;
use vault::KeyRing;

use crate::{
    Answer, Browser, Call, Chat, Files, ManualClock, SeededEntropy, Sent, SharedProvider,
    files::API,
    outside::{Line, Outside, lock},
    trouble::{HeldTimers, Trouble},
};

/// Where people reach the server.
pub const PUBLIC_URL: &str = "https://usher.example";
/// The provider of the examples, which the rehearsal provider plays.
pub const ISSUER: &str = "https://login.acme.example";
/// What every connection has as its secret.
pub const CLIENT_SECRET: &str = "the secret of every connection in a test";
/// What the clock shows at first: a Monday morning, 2026-11-02T09:00:00Z.
pub const BEGIN: Timestamp = Timestamp::constant(1_793_610_000, 0);

/// Turns of the monitor, and steps of the clock, that a test can need.
const MANY: u32 = 10_000;

/// Rounds of work after which what is still due is left to the next request.
const ROUNDS: u32 = 3;

/// How a World begins.
pub struct SetUp {
    /// Where all randomness comes from.
    pub seed: [u8; 32],
    /// The server's settings.
    pub settings: Settings,
    /// The store's.
    pub store: store::Options,
    /// The requests' bounds.
    pub limits: RequestLimits,
    /// What is published at first.
    pub files: Files,
}

impl Default for SetUp {
    fn default() -> Self {
        Self {
            seed: [7; 32],
            settings: Settings::new(PUBLIC_URL),
            store: store::Options::default(),
            limits: RequestLimits::default(),
            files: Files::examples(),
        }
    }
}

/// The whole system, and time in its hands. Cloning is cheap; the clones are one World.
#[derive(Clone)]
pub struct World {
    pub(crate) inside: Arc<Inside>,
}

/// What browsers need of their World.
pub(crate) struct Inside {
    folder: Arc<TempDir>,
    settings: Settings,
    store: store::Options,
    limits: RequestLimits,
    pub(crate) clock: Arc<ManualClock>,
    entropy: Arc<SeededEntropy>,
    pub(crate) outside: Arc<Outside>,
    provider: SharedProvider,
    running: Mutex<Option<Running>>,
    works: AtomicBool,
    answered: Mutex<Vec<String>>,
}

/// One server, from its start to its stop.
#[derive(Clone)]
struct Running {
    app: Arc<App>,
    store: Store,
    router: Router,
    stop: CancellationToken,
}

impl World {
    /// A World with the examples published.
    pub async fn new() -> Self {
        Self::begin(SetUp::default()).await
    }

    /// A World with these files published.
    pub async fn with(files: Files) -> Self {
        let set_up = SetUp {
            files,
            ..SetUp::default()
        };
        Self::begin(set_up).await
    }

    /// A World of one's own.
    pub async fn begin(set_up: SetUp) -> Self {
        let clock = Arc::new(ManualClock::new(BEGIN));
        let outside = Outside::new(Arc::clone(&clock));
        let provider = provider(ISSUER, set_up.seed);
        outside.provider_at(ISSUER, Arc::clone(&provider));
        outside.provider_at(API, Arc::clone(&provider));
        let folder = tempfile::tempdir().expect("there is room for a database");
        let inside = Inside {
            folder: Arc::new(folder),
            settings: set_up.settings,
            store: set_up.store,
            limits: set_up.limits,
            clock,
            entropy: Arc::new(SeededEntropy::new(set_up.seed)),
            outside,
            provider,
            running: Mutex::default(),
            works: AtomicBool::new(true),
            answered: Mutex::default(),
        };
        *lock(&inside.running) = Some(inside.start(inside.outside.line(), Trouble::None));
        let world = Self {
            inside: Arc::new(inside),
        };
        world
            .publish(set_up.files)
            .await
            .expect("the files have no mistake");
        world
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        self.inside.clock.now()
    }

    /// Lets so many seconds go by, and what becomes due in them happen when it is due.
    pub async fn advance(&self, seconds: i64) {
        let end = self
            .now()
            .saturating_add(SignedDuration::from_secs(seconds));
        let end = end.expect("the test is over before the year 10,000");
        for _ in 0..MANY {
            let next = if self.works() {
                self.inside.next_due().await.filter(|due| *due <= end)
            } else {
                None
            };
            // Answers that come late move the clock themselves.
            let now = self.now();
            self.inside.clock.set(next.unwrap_or(end).max(now));
            self.inside.settle().await;
            if next.is_none() {
                return;
            }
        }
        panic!("something is due again and again");
    }

    /// Sets the clock, backwards too, and does nothing else.
    pub fn set_clock(&self, time: Timestamp) {
        self.inside.clock.set(time);
    }

    /// Does all the work that is due now, also after [`World::stop_work`].
    pub async fn settle(&self) {
        self.inside.work().await;
    }

    /// From now on nothing is done unless asked: effects stay in the outbox, timers are not fired.
    pub fn stop_work(&self) {
        self.inside.works.store(false, Ordering::SeqCst);
    }

    /// Work is done by itself again, from the next request or step of the clock on.
    pub fn go_on_working(&self) {
        self.inside.works.store(true, Ordering::SeqCst);
    }

    /// The server stops as if killed and starts again on the same database. Whatever it was waiting for
    /// never comes. Browsers and chats live on.
    pub async fn restart(&self) {
        self.start_again(Trouble::None).await;
    }

    /// The same, and the server that starts stands still for ever where it would commit a release: the tokens are in
    /// quarantine, the proofs held, and nobody knows. Only the next restart goes on.
    pub async fn restart_to_crash_before_release(&self) {
        self.start_again(Trouble::KilledBeforeRelease).await;
    }

    /// The server stops and starts again, and from then on timers that were found due are held until they are let go.
    pub async fn restart_to_hold_timers(&self) -> Arc<HeldTimers> {
        let held = HeldTimers::new();
        self.start_again(Trouble::LateTimers(Arc::clone(&held)))
            .await;
        held
    }

    /// A second node: one more server on the same database, with the same clock and network. A restart of either
    /// cuts the other one off the network.
    #[must_use]
    pub fn beside(&self) -> Self {
        let here = &self.inside;
        let inside = Inside {
            folder: Arc::clone(&here.folder),
            settings: here.settings.clone(),
            store: here.store.clone(),
            limits: here.limits,
            clock: Arc::clone(&here.clock),
            entropy: Arc::clone(&here.entropy),
            outside: Arc::clone(&here.outside),
            provider: Arc::clone(&here.provider),
            running: Mutex::default(),
            works: AtomicBool::new(self.works()),
            answered: Mutex::default(),
        };
        *lock(&inside.running) = Some(inside.start(inside.outside.line_beside(), Trouble::None));
        Self {
            inside: Arc::new(inside),
        }
    }

    async fn start_again(&self, trouble: Trouble) {
        let old = self.inside.running().stop;
        old.cancel();
        let running = self.inside.start(self.inside.outside.line(), trouble);
        let app = Arc::clone(&running.app);
        *lock(&self.inside.running) = Some(running);
        app.recover().await.expect("a start recovers");
        self.inside.settle().await;
    }

    /// Publishes as the operator, to the main branch.
    pub async fn publish(&self, files: Files) -> Result<Report, PublishError> {
        self.publish_to(MAIN_BRANCH, files).await
    }

    /// Publishes as the operator, to any branch.
    pub async fn publish_to(&self, branch: &str, files: Files) -> Result<Report, PublishError> {
        let operator = Principal::operator("test");
        let folder = self.folder(files);
        self.app().publish(&operator, branch, &folder).await
    }

    /// The files with the secrets that they refer to, as a publisher's machine resolves them.
    pub fn folder(&self, files: Files) -> Folder {
        let files = files.into_vec();
        let rules = oauth::Rules {
            development: self.inside.settings.development,
        };
        // A folder with mistakes goes to the server without secrets, and is refused there.
        let read = app::workspace::read(&files, &rules);
        let secrets = read.iter().flat_map(app::workspace::secret_refs);
        let secrets = secrets.map(|(organization, connection, _)| ResolvedSecret {
            organization: organization.to_owned(),
            connection: connection.to_owned(),
            secret: SecretString::from(CLIENT_SECRET),
        });
        Folder {
            secrets: secrets.collect(),
            files,
        }
    }

    /// The application, for what has no route.
    pub fn app(&self) -> Arc<App> {
        self.inside.running().app
    }

    /// The store, for what has no method.
    pub fn store(&self) -> Store {
        self.inside.running().store
    }

    /// The provider: its faults, its settings, what it has seen. Not to be held over an `await`.
    pub fn provider(&self) -> MutexGuard<'_, Provider> {
        lock(&self.inside.provider)
    }

    /// One more provider on the network, with the client of the connection `code` of `acme`.
    pub fn add_provider(&self, issuer: &str, code: &str) -> SharedProvider {
        let added = provider(issuer, [issuer.len().to_le_bytes()[0]; 32]);
        let callback = format!("{PUBLIC_URL}/oauth-callback/acme/{code}");
        lock(&added).register(client(&callback));
        self.inside.outside.provider_at(issuer, Arc::clone(&added));
        added
    }

    /// One more host on the network, or another one in its place; see [`json`](crate::json) and [`status`](crate::status).
    pub fn script(
        &self,
        origin: &str,
        script: impl FnMut(&rehearsal::Request, Timestamp) -> rehearsal::Response + Send + 'static,
    ) {
        self.inside.outside.script_at(origin, Box::new(script));
    }

    /// Takes a host off the network.
    pub fn take_away(&self, origin: &str) {
        self.inside.outside.take_away(origin);
    }

    /// From now until the next restart this endpoint does its work and its answer never comes, not even as an error.
    pub fn silence(&self, endpoint: Endpoint) {
        self.inside.outside.silence(endpoint);
    }

    /// Every request that the server sent, oldest first.
    pub fn sent(&self) -> Vec<Sent> {
        self.inside.outside.sent()
    }

    /// Every token that the server was given by a token endpoint, oldest first.
    pub fn tokens(&self) -> Vec<String> {
        self.inside.outside.tokens()
    }

    /// Every answer that a client got, oldest first: its request's first line, status, headers and body.
    pub fn answered(&self) -> Vec<String> {
        lock(&self.inside.answered).clone()
    }

    /// Lets a person go through the provider's page at `address`; gives where their browser is sent to.
    pub fn at_provider(&self, address: &str, person: &str) -> Result<String, NoRedirect> {
        self.provider().authorize_as(address, person, self.now())
    }

    /// A new browser, with no cookies.
    pub fn browser(&self) -> Browser {
        Browser::new(Arc::clone(&self.inside))
    }

    /// A new conversation of a customer's own server, which no browser of ours has: the code is asked for.
    pub async fn direct_line(&self, organization: &str, agent: &str) -> Chat {
        Chat::by_secret(self, organization, agent).await
    }

    /// The secret of an agent's Direct Line.
    pub async fn direct_line_secret(&self, organization: &str, agent: &str) -> String {
        let made = self
            .app()
            .directline_secret(&name(organization), agent)
            .await;
        let secret = made.expect("an organization has a key");
        secrecy::ExposeSecret::expose_secret(&secret).to_owned()
    }

    /// A request with no browser around it.
    pub async fn send(&self, call: Call) -> Answer {
        self.inside.answer(call).await
    }

    /// The session that runs in a conversation.
    pub async fn session(&self, chat: &Chat) -> Option<Session> {
        let (organization, id) = chat.names();
        let found = self.app().conversation(&organization, id).await;
        let snapshot = found
            .expect("the store reads")
            .expect("the conversation is there");
        let session = snapshot.session?;
        Some(session.state.read().expect("a session reads"))
    }

    /// What the monitor shows of a conversation.
    pub async fn steps(&self, chat: &Chat) -> Vec<StepRecord> {
        let (organization, id) = chat.names();
        let monitor = self.store().monitor;
        let turns = monitor.steps(&organization, id, Revision(0), MANY).await;
        let turns = turns.expect("the monitor reads");
        let steps = turns.iter().flat_map(|turn| &turn.steps);
        steps
            .map(|step| step.read().expect("a step reads"))
            .collect()
    }

    /// Every byte that the store has on disk.
    pub fn database(&self) -> Vec<u8> {
        let entries = fs::read_dir(self.inside.folder.path()).expect("the folder is there");
        let files = entries.map(|entry| entry.expect("it can be listed").path());
        files
            .flat_map(|file| fs::read(file).unwrap_or_default())
            .collect()
    }

    /// Opens a real socket on this machine, for clients that cannot be called in process. Closed by the next
    /// restart, or with its runtime.
    pub async fn listen(&self) -> SocketAddr {
        let socket = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let socket = socket.expect("a port is free");
        let address = socket.local_addr().expect("it has an address");
        let Running { router, stop, .. } = self.inside.running();
        tokio::spawn(server::serve(
            socket,
            router,
            ConnectionLimits::default(),
            stop,
        ));
        address
    }

    /// The working part of a real server, for tests of the loops themselves; they end with `stop`.
    pub fn spawn_workers(&self, stop: &CancellationToken) -> tokio::task::JoinHandle<()> {
        let (app, stop) = (self.app(), stop.clone());
        tokio::spawn(async move { app.run(&stop).await })
    }

    fn works(&self) -> bool {
        self.inside.works.load(Ordering::SeqCst)
    }
}

impl Inside {
    fn running(&self) -> Running {
        lock(&self.running).clone().expect("a World runs")
    }

    fn start(&self, line: Line, trouble: Trouble) -> Running {
        let store = Store::sqlite(&self.folder.path().join("usher.db"), self.store.clone());
        let store = trouble.on(store.expect("the database opens"));
        let ports = Ports {
            clock: Arc::clone(&self.clock) as _,
            entropy: Arc::clone(&self.entropy) as _,
            http: Arc::new(line),
        };
        Running::new(&self.settings, ports, store, self.limits)
    }

    /// Sends a request, and lets the server do what follows from it.
    pub(crate) async fn answer(&self, call: Call) -> Answer {
        let shown = call.shown();
        let router = self.running().router;
        let response = router.oneshot(call.into_request()).await;
        let (parts, body) = response.expect("a router always answers").into_parts();
        let body = body.collect().await.expect("a body ends").to_bytes();
        let answer = Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body,
        };
        let record = format!(
            "{shown}\n{} {:?}\n{}",
            answer.status,
            answer.headers,
            answer.text()
        );
        lock(&self.answered).push(record);
        self.settle().await;
        answer
    }

    async fn settle(&self) {
        if self.works.load(Ordering::SeqCst) {
            self.work().await;
        }
    }

    /// Clearing up asks for effects of its own, so what is due is looked at once more.
    async fn work(&self) {
        let app = self.running().app;
        for _ in 0..ROUNDS {
            app.work_due().await.expect("work can be done");
            if self
                .next_due()
                .await
                .is_none_or(|due| due > self.clock.now())
            {
                return;
            }
        }
    }

    async fn next_due(&self) -> Option<Timestamp> {
        let store = self.running().store;
        let timer = store.timers.next().await.expect("timers read");
        let effect = store.outbox.next_due().await.expect("the outbox reads");
        timer.into_iter().chain(effect).min()
    }
}

impl Running {
    fn new(settings: &Settings, ports: Ports, store: Store, limits: RequestLimits) -> Self {
        let app = App::new(settings.clone(), ports, store.clone(), ring());
        let stop = CancellationToken::new();
        let options = Options {
            limits,
            metrics: None,
            rehearsal_url: None,
            stop: stop.clone(),
        };
        Self {
            router: server::router(Arc::clone(&app), options),
            app,
            store,
            stop,
        }
    }
}

fn ring() -> KeyRing {
    let key: Vec<u8> = (0..32_u8)
        .map(|n| n.wrapping_mul(73).wrapping_add(41))
        .collect();
    let keys = vec![("k1".to_owned(), SecretSlice::from(key))];
    KeyRing::new("k1", keys).expect("the key is strong enough")
}

fn provider(issuer: &str, seed: [u8; 32]) -> SharedProvider {
    let callback = format!("{PUBLIC_URL}/oauth-callback/acme/corp");
    let config = Config::new(issuer, seed).with(client(&callback));
    let provider = Provider::new(config).expect("the provider is set up rightly");
    Arc::new(Mutex::new(provider))
}

fn client(callback: &str) -> Client {
    Client::new(
        "usher",
        ClientAuth::Basic(CLIENT_SECRET.to_owned()),
        callback,
    )
}

pub(crate) fn name(organization: &str) -> Organization {
    Organization::parse(organization).expect("the test names an organization")
}

pub(crate) fn conversation(id: &str) -> ConversationId {
    id.parse().expect("the server gave the id")
}
