//! The stream of a conversation: a WebSocket that replays after the watermark, then goes on live.

use std::{sync::Arc, time::Duration};

use app::{StoredActivity, bus::News};
use axum::{
    extract::{
        Path, Query, State, WebSocketUpgrade,
        ws::{Message, WebSocket},
    },
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderMap, StatusCode, header};
use jiff::Timestamp;
use moka::sync::Cache;
use serde::Deserialize;
use tokio::{
    sync::broadcast::{Receiver, error::RecvError},
    time::{Instant, interval, timeout},
};
use vault::digest;

use super::{routes::BATCH, token::Token, wire};
use crate::{Site, problem::Problem};

/// An empty frame goes out this often.
const KEEP_ALIVE: Duration = Duration::from_secs(25);
/// A client that says nothing for this long is gone; a stock one speaks every 20 seconds.
const SILENCE: Duration = Duration::from_mins(1);
/// A client that does not take a frame within this is cut off.
const SEND: Duration = Duration::from_secs(10);
/// The largest message that is taken.
const MESSAGE_BYTES: usize = 64 * 1024;
/// What waits for a client that reads slowly.
const BUFFER_BYTES: usize = 1024 * 1024;
/// A ticket must be used within this (protocol 1.4).
const TICKET_LIFE: Duration = Duration::from_mins(1);
/// Tickets that wait at one time.
const TICKETS: u64 = 100_000;

/// The one secret that stands in a URL, since browsers cannot set a header on a WebSocket: 256
/// bits, good once, for a minute (architecture 11.5).
pub(crate) struct Tickets {
    open: Cache<[u8; 32], Ticket>,
}

#[derive(Clone)]
struct Ticket {
    token: Token,
    watermark: i64,
    made: Timestamp,
}

impl Tickets {
    pub(crate) fn new() -> Self {
        let open = Cache::builder()
            .max_capacity(TICKETS)
            .time_to_live(TICKET_LIFE)
            .build();
        Self { open }
    }
}

impl Ticket {
    /// By the server's own clock; the cache forgets by the machine's, to free its room.
    fn is_fresh(&self, now: Timestamp) -> bool {
        let age = now.duration_since(self.made);
        age.unsigned_abs() < TICKET_LIFE
    }
}

/// A fresh address for one connection.
pub(super) fn url(site: &Site, token: &Token, watermark: i64) -> String {
    let secret: [u8; 32] = site.app.ports.entropy.bytes();
    let text = URL_SAFE_NO_PAD.encode(secret);
    let ticket = Ticket {
        token: token.clone(),
        watermark,
        made: site.app.ports.clock.now(),
    };
    site.tickets.open.insert(digest(text.as_bytes()), ticket);
    format!(
        "{}/v3/directline/conversations/{}/stream?watermark={watermark}&t={text}",
        socket_origin(&site.app.settings.public_url),
        token.conversation
    )
}

/// Our public address, for a `WebSocket`.
pub(crate) fn socket_origin(public_url: &str) -> String {
    match public_url.strip_prefix("http") {
        Some(rest) => format!("ws{rest}"),
        None => public_url.to_owned(),
    }
}

#[derive(Deserialize)]
pub(super) struct Asked {
    t: Option<String>,
}

/// `GET …/stream`: one use of one ticket.
pub(super) async fn open(
    State(site): State<Arc<Site>>,
    Path(conversation): Path<String>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    let ticket = asked
        .t
        .and_then(|text| site.tickets.open.remove(&digest(text.as_bytes())))
        .filter(|ticket| ticket.token.conversation.to_string() == conversation)
        .filter(|ticket| ticket.is_fresh(site.app.ports.clock.now()))
        .filter(|ticket| is_from(&ticket.token, &headers));
    let Some(ticket) = ticket else {
        return Problem::new(
            StatusCode::UNAUTHORIZED,
            "Unauthorized",
            "This stream address does not count any more.",
        )
        .into_response();
    };
    upgrade
        .max_message_size(MESSAGE_BYTES)
        .max_frame_size(MESSAGE_BYTES)
        .max_write_buffer_size(BUFFER_BYTES)
        .on_upgrade(move |socket| Stream::new(site, ticket).run(socket))
}

/// A cross-site page cannot use a ticket, even one that it got hold of.
fn is_from(token: &Token, headers: &HeaderMap) -> bool {
    let came = headers
        .get(header::ORIGIN)
        .and_then(|value| value.to_str().ok());
    match (&token.origin, came) {
        (Some(bound), Some(came)) => bound == came,
        (Some(_), None) => false,
        (None, _) => true,
    }
}

/// Why a stream ends.
struct Over;

struct Stream {
    site: Arc<Site>,
    token: Token,
    /// The number of the last activity that was sent.
    sent: i64,
}

impl Stream {
    fn new(site: Arc<Site>, ticket: Ticket) -> Self {
        Self {
            site,
            token: ticket.token,
            sent: ticket.watermark,
        }
    }

    async fn run(mut self, mut socket: WebSocket) {
        // Listening first, reading then: nothing falls in between.
        let news = self
            .site
            .app
            .listen(&self.token.organization, self.token.conversation);
        if self.catch_up(&mut socket).await.is_ok() {
            let _ = self.live(&mut socket, news).await;
        }
        let _ = timeout(SEND, socket.send(Message::Close(None))).await;
    }

    async fn live(&mut self, socket: &mut WebSocket, mut news: Receiver<News>) -> Result<(), Over> {
        let mut keep_alive = interval(KEEP_ALIVE);
        let mut heard = Instant::now();
        let stop = self.site.options.stop.clone();
        loop {
            tokio::select! {
                () = stop.cancelled() => return Err(Over),
                said = news.recv() => self.hear(socket, said).await?,
                came = socket.recv() => match came {
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return Err(Over),
                    Some(Ok(_)) => heard = Instant::now(),
                },
                _ = keep_alive.tick() => {
                    if heard.elapsed() > SILENCE {
                        return Err(Over);
                    }
                    self.send(socket, String::new()).await?;
                    // Whatever another node committed, or the bus lost, is not late for ever.
                    self.catch_up(socket).await?;
                }
            }
        }
    }

    async fn hear(
        &mut self,
        socket: &mut WebSocket,
        said: Result<News, RecvError>,
    ) -> Result<(), Over> {
        match said {
            Ok(news) if news.first().is_some_and(|first| first.seq == self.sent + 1) => {
                self.push(socket, &news).await
            }
            // Already sent, or something is missing in between: the store knows.
            Ok(_) | Err(RecvError::Lagged(_)) => self.catch_up(socket).await,
            Err(RecvError::Closed) => Err(Over),
        }
    }

    async fn catch_up(&mut self, socket: &mut WebSocket) -> Result<(), Over> {
        loop {
            let Token {
                organization,
                conversation,
                ..
            } = &self.token;
            let missing = self
                .site
                .app
                .activities(organization, *conversation, self.sent, BATCH)
                .await
                .map_err(|error| {
                    tracing::warn!(%error, "a stream could not be read");
                    Over
                })?;
            if missing.is_empty() {
                return Ok(());
            }
            self.push(socket, &missing).await?;
        }
    }

    async fn push(
        &mut self,
        socket: &mut WebSocket,
        activities: &[StoredActivity],
    ) -> Result<(), Over> {
        let set = wire::set(activities, self.sent, &self.token);
        self.sent = activities.last().map_or(self.sent, |last| last.seq);
        self.send(socket, set.to_string()).await
    }

    async fn send(&self, socket: &mut WebSocket, text: String) -> Result<(), Over> {
        let sending = socket.send(Message::Text(text.into()));
        match timeout(SEND, sending).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Over),
        }
    }
}
