//! The accept loop: connections with time-outs and bounds, and a graceful stop (LIM-1..3).

mod half_sent;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::Router;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use self::half_sent::Shared;

/// Bounds of a connection (`docs/reference/limits.md`).
#[derive(Debug, Clone, Copy)]
pub struct ConnectionLimits {
    /// From the first byte of a request to the end of its header block; also how long an idle
    /// connection is kept.
    pub header: Duration,
    /// The header block, in bytes.
    pub header_bytes: usize,
    /// How many headers one request may have.
    pub headers: usize,
    /// Open connections; further ones wait in the listener's queue.
    pub connections: usize,
    /// How long a stop waits for requests under way.
    pub drain: Duration,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            header: Duration::from_secs(10),
            header_bytes: 16 * 1024,
            headers: 100,
            connections: 10_000,
            drain: Duration::from_secs(10),
        }
    }
}

/// The address of the other end of the connection, as a request extension.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub SocketAddr);

/// Serves `router` on `listener` until `stop`, then lets requests under way finish.
///
/// Sockets upgraded to WebSocket are told by their own handlers, which watch the same `stop`.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: ConnectionLimits,
    stop: CancellationToken,
) {
    let graceful = GracefulShutdown::new();
    let builder = Arc::new(builder(&limits));
    let room = Arc::new(Semaphore::new(limits.connections));
    while let Some((stream, peer, permit)) = next(&listener, &room, &stop).await {
        let service = TowerToHyperService::new(router.clone().map_request(
            move |mut request: http::Request<hyper::body::Incoming>| {
                request.extensions_mut().insert(Peer(peer));
                request.map(axum::body::Body::new)
            },
        ));
        let shared = Shared::new(stream);
        let connection = builder
            .serve_connection_with_upgrades(TokioIo::new(shared.clone()), service)
            .into_owned();
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            tokio::select! {
                served = connection => if let Err(error) = served {
                    shared.apologise(error.as_ref());
                },
                () = shared.undecided(limits.header) => shared.time_out(),
            }
            drop(permit);
        });
    }
    drop(listener);
    if tokio::time::timeout(limits.drain, graceful.shutdown())
        .await
        .is_err()
    {
        tracing::warn!("some requests were still under way when the server stopped");
    }
}

async fn next(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
    stop: &CancellationToken,
) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    tokio::select! {
        biased;
        () = stop.cancelled() => None,
        accepted = accept(listener, room) => accepted,
    }
}

async fn accept(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let permit = Arc::clone(room).acquire_owned().await.ok()?;
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // Small frames of a chat must not wait for each other's acknowledgement.
                let _ = stream.set_nodelay(true);
                return Some((stream, peer, permit));
            }
            // Out of descriptors, or a client that left: neither ends the server.
            Err(error) => {
                tracing::warn!(%error, "could not accept a connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

fn builder(limits: &ConnectionLimits) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header)
        .max_headers(limits.headers)
        .max_buf_size(limits.header_bytes);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(100)
        .max_header_list_size(u32::try_from(limits.header_bytes).unwrap_or(u32::MAX))
        .keep_alive_interval(Duration::from_secs(30));
    builder
}
