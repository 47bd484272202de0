//! Connections that read, each on a thread of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::writer::{guarded, stopped};
use crate::StoreError;

/// The readers. Idle ones are asked in the same order always, so that the first keeps its pages warm.
pub(super) struct Readers(Vec<Reader>);

type Query = Box<dyn FnOnce(&Connection) + Send>;

struct Reader {
    queries: mpsc::Sender<Query>,
    /// Queries that wait or run.
    busy: Arc<AtomicUsize>,
}

impl Readers {
    /// Lets `queue` queries wait for each connection.
    pub(super) fn start(connections: Vec<Connection>, queue: usize) -> Self {
        Self(
            connections
                .into_iter()
                .map(|db| Reader::start(db, queue))
                .collect(),
        )
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Waits to be let into the shortest queue, then for the answer.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let reader = self.0.iter().min_by_key(|r| r.busy.load(Ordering::Relaxed));
        let reader = reader.ok_or_else(stopped)?;
        let (reply, answer) = oneshot::channel();
        let query = Box::new(move |db: &Connection| drop(reply.send(guarded(work, db))));
        let place = reader.queries.reserve().await.map_err(|_| stopped())?;
        reader.busy.fetch_add(1, Ordering::Relaxed);
        place.send(query);
        answer.await.map_err(|_| stopped())?
    }
}

impl Reader {
    fn start(db: Connection, queue: usize) -> Self {
        let (queries, mut incoming) = mpsc::channel::<Query>(queue.max(1));
        let busy = Arc::new(AtomicUsize::new(0));
        let reader = Self {
            queries,
            busy: Arc::clone(&busy),
        };
        thread::spawn(move || {
            while let Some(query) = incoming.blocking_recv() {
                query(&db);
                busy.fetch_sub(1, Ordering::Relaxed);
            }
        });
        reader
    }
}

/// Runs `work` so that its queries see one and the same commit.
pub(super) fn at_one_instant<T>(
    db: &Connection,
    work: impl FnOnce(&Connection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    if !db.is_autocommit() {
        // In memory, the writer reads: within its transaction.
        return work(db);
    }
    db.prepare_cached("BEGIN")?.execute([])?;
    let done = guarded(work, db);
    db.prepare_cached("ROLLBACK")?.execute([])?;
    done
}
