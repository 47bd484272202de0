//! A server inside this process: what `serve` and `demo` share.

use std::{net::SocketAddr, path::Path, sync::Arc, time::Duration};

use app::{
    App, Settings,
    ports::{Ports, egress::Rules},
};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use server::ConnectionLimits;
use store::Store;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};
use tokio_util::sync::CancellationToken;
use vault::KeyRing;

use super::Failure;
use crate::host::{SystemClock, SystemEntropy, http::Outgoing};

/// How long after a bug the background work begins anew.
const BREATH: Duration = Duration::from_secs(1);
/// How often measurements are put together, so that they do not pile up unread.
const UPKEEP: Duration = Duration::from_secs(5);

/// What an [`App`] is made of.
pub(super) struct Parts<'a> {
    pub(super) settings: Settings,
    pub(super) rules: Rules,
    pub(super) roots: Vec<reqwest::Certificate>,
    pub(super) database: &'a Path,
    pub(super) store: store::Options,
    pub(super) ring: KeyRing,
}

/// Puts the parts together, with the real world behind the ports.
pub(super) fn assemble(made_of: Parts<'_>) -> Result<Arc<App>, Failure> {
    let http = Outgoing::new(made_of.rules, &made_of.roots).map_err(Failure::Tls)?;
    let ports = Ports {
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
        http: Arc::new(http),
    };
    let store = Store::sqlite(made_of.database, made_of.store)?;
    Ok(App::new(made_of.settings, ports, store, made_of.ring))
}

/// Opens the socket, so that the port is known before anything is told where we are.
pub(super) async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), Failure> {
    let failed = |source| Failure::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

/// Serves until `options.stop`: first no new requests are taken, then those under way end, then
/// the background work.
pub(super) async fn serve(
    app: Arc<App>,
    listener: TcpListener,
    options: server::Options,
    limits: ConnectionLimits,
) {
    let stop = options.stop.clone();
    let workers = CancellationToken::new();
    let working = tokio::spawn(work(Arc::clone(&app), workers.clone()));
    server::serve(listener, server::router(app, options), limits, stop).await;
    workers.cancel();
    if working.await.is_err() {
        tracing::error!("the background work did not end in order");
    }
}

/// Works until `stop`. A bug ends one round of work, not the work.
async fn work(app: Arc<App>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let round = {
            let (app, stop) = (Arc::clone(&app), stop.clone());
            tokio::spawn(async move { app.run(&stop).await })
        };
        if round.await.is_err() {
            tracing::error!("the background work broke off; it begins anew");
            tokio::time::sleep(BREATH).await;
        }
    }
}

/// Is cancelled when this process is asked to end, by SIGTERM or Ctrl-C.
pub(super) fn stop_signal() -> Result<CancellationToken, Failure> {
    let mut terminate = signal(SignalKind::terminate()).map_err(Failure::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Failure::Signals)?;
    let stop = CancellationToken::new();
    let asked = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping");
        asked.cancel();
    });
    Ok(stop)
}

/// Records what is measured, and gives what writes it down.
pub(super) fn metrics() -> Result<Arc<dyn Fn() -> String + Send + Sync>, Failure> {
    let recorded: PrometheusHandle = PrometheusBuilder::new().install_recorder()?;
    let kept = recorded.clone();
    tokio::spawn(async move {
        let mut due = tokio::time::interval(UPKEEP);
        loop {
            due.tick().await;
            kept.run_upkeep();
        }
    });
    Ok(Arc::new(move || recorded.render()))
}
