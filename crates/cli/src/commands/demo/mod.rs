//! `usher demo`: a server, sample agents and a provider, all on this machine.

mod data;
mod examples;
mod provider;

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use app::{
    App, OrganizationName, Settings, access::Principal, conversation::MAIN_BRANCH, ports::egress,
};
use clap::Args;
use secrecy::ExposeSecret as _;
use serde::Serialize;
use server::{ConnectionLimits, RequestLimits, plain::Answer};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use self::data::Data;
use super::{
    Failure, block_on, say,
    site::{self, Parts},
};
use crate::host::{environment::Environment, log};

/// What `usher demo` takes.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Where to listen, on this machine only; port 0 takes any free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:3978")]
    listen: SocketAddr,
    /// Keep what happens in this folder, and go on with it next time; absent: nothing is kept
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// When ready, print one line of JSON for programs
    #[arg(long)]
    json: bool,
}

/// All that one needs to know to try it out.
#[derive(Debug, Serialize)]
struct Announcement {
    url: String,
    chat: Vec<Chat>,
    directline: Vec<DirectLine>,
    rehearsal: Rehearsal,
    operator_key: String,
}

#[derive(Debug, Serialize)]
struct Chat {
    organization: String,
    agent: String,
    title: String,
    url: String,
}

#[derive(Debug, Serialize)]
struct DirectLine {
    organization: String,
    agent: String,
    secret: String,
}

#[derive(Debug, Serialize)]
struct Rehearsal {
    url: String,
    people: Vec<provider::Who>,
}

pub(super) fn run(arguments: &Arguments, environment: &Environment) -> Result<(), Failure> {
    if !arguments.listen.ip().is_loopback() {
        return Err(Failure::NotLoopback(arguments.listen));
    }
    log::start(environment, "warn")?;
    log::report_panics();
    let data = Data::open(arguments.data.as_deref())?;
    block_on(demo(arguments, data))
}

async fn demo(arguments: &Arguments, mut data: Data) -> Result<(), Failure> {
    let (listener, bound) = listen(arguments.listen, data.kept.port).await?;
    let (second, provider_bound) =
        listen(SocketAddr::new(bound.ip(), 0), data.kept.rehearsal_port).await?;
    data.keep_ports(bound.port(), provider_bound.port())?;
    // Two sites, so that cookies of the one never reach the other.
    let url = format!("http://localhost:{}", bound.port());
    let issuer = format!("http://{provider_bound}");

    let stop = site::stop_signal()?;
    let played = provider::start(&issuer, &url, &data.kept.client_secret)?;
    let serving = tokio::spawn(serve_provider(second, played.answer, stop.clone()));
    let app = assemble(&url, &data)?;
    app.admit_operator(&data.operator_key()).await?;
    let folder = examples::folder(&issuer, &data.kept.client_secret);
    app.publish(&Principal::operator("demo"), MAIN_BRANCH, &folder)
        .await?;

    let (chat, directline) = agents(&app, &url).await?;
    let announcement = Announcement {
        url,
        chat,
        directline,
        rehearsal: Rehearsal {
            url: issuer.clone(),
            people: played.people,
        },
        operator_key: data.kept.operator_key.clone(),
    };
    let options = server::Options {
        limits: RequestLimits::default(),
        metrics: Some(site::metrics()?),
        rehearsal_url: Some(issuer),
        stop,
    };
    // The sockets are open, so whoever reads this may come at once.
    announce(&announcement, arguments);
    site::serve(app, listener, options, ConnectionLimits::default()).await;
    // The folder may go only after the last write.
    let _ = serving.await;
    drop(data);
    Ok(())
}

fn assemble(url: &str, data: &Data) -> Result<Arc<App>, Failure> {
    let mut settings = Settings::new(url);
    settings.development = true;
    site::assemble(Parts {
        settings,
        rules: egress::Rules {
            allow: Vec::new(),
            development: true,
        },
        roots: Vec::new(),
        database: &data.path("usher.db"),
        store: store::Options::default(),
        ring: data.key_ring()?,
    })
}

/// Listens on `address`. Where that leaves the port open, the one of last time is tried first.
async fn listen(
    address: SocketAddr,
    last: Option<u16>,
) -> Result<(TcpListener, SocketAddr), Failure> {
    if let (0, Some(port)) = (address.port(), last)
        && let Ok(again) = site::listen(SocketAddr::new(address.ip(), port)).await
    {
        return Ok(again);
    }
    site::listen(address).await
}

async fn serve_provider(listener: TcpListener, answer: Answer, stop: CancellationToken) {
    let router = server::plain::router(answer);
    server::serve(listener, router, ConnectionLimits::default(), stop).await;
}

async fn agents(app: &App, url: &str) -> Result<(Vec<Chat>, Vec<DirectLine>), Failure> {
    let (mut chats, mut secrets) = (Vec::new(), Vec::new());
    for name in examples::organizations() {
        let Ok(organization) = OrganizationName::parse(&name) else {
            continue;
        };
        let published = app.active(&organization, MAIN_BRANCH).await?;
        for (agent, inside) in &published.organization.agents {
            let secret = app.directline_secret(&organization, agent).await?;
            chats.push(Chat {
                organization: name.clone(),
                agent: agent.clone(),
                title: inside.settings.title.clone(),
                url: format!("{url}/chat/{name}/{agent}"),
            });
            secrets.push(DirectLine {
                organization: name.clone(),
                agent: agent.clone(),
                secret: secret.expose_secret().to_owned(),
            });
        }
    }
    Ok((chats, secrets))
}

fn announce(announcement: &Announcement, arguments: &Arguments) {
    if arguments.json {
        // Plain text and lists: this cannot fail.
        say(&serde_json::to_string(announcement).unwrap_or_default());
    } else {
        say(&friendly(announcement, arguments.data.is_some()));
    }
}

fn friendly(announcement: &Announcement, kept: bool) -> String {
    let Announcement {
        url,
        chat,
        rehearsal,
        operator_key,
        ..
    } = announcement;
    let width = chat.iter().map(|chat| chat.title.chars().count()).max();
    let width = width.unwrap_or_default();
    let chats: Vec<String> = chat
        .iter()
        .map(|chat| format!("  {:width$}  {}\n", chat.title, chat.url))
        .collect();
    let chats = chats.concat();
    let names: Vec<&str> = rehearsal
        .people
        .iter()
        .map(|who| who.name.as_str())
        .collect();
    let kept = if kept {
        "What happens is kept."
    } else {
        "Nothing is kept when it stops; --data DIR keeps it."
    };
    format!(
        "Usher is ready. Talk to one of these, all of them at {url}\n\n{chats}\n\
         Sign in as anybody you like ({}): no password is asked.\n\
         The provider they belong to is played by this program, at {}\n\n\
         Publish a workspace of your own:\n  \
         USHER_KEY={operator_key} usher apply DIR --server {url}\n\n\
         This is for trying out on this machine: plain http, and providers without a password.\n\
         {kept} Ctrl-C stops it.",
        names.join(", "),
        rehearsal.url,
    )
}
