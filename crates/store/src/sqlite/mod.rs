//! The store in one file, by `SQLite`: for one process.
//!
//! One thread writes ([`writer`]), a few read ([`readers`]), each on its own connection, so that the
//! callers never wait for the disk on a thread that others need. Readers see the last commit; nobody
//! waits for anybody else's lock.

mod access;
mod commit;
mod conversations;
mod grants;
mod keys;
mod maintenance;
mod monitor;
mod open;
mod outbox;
mod readers;
mod rows;
mod sign_ins;
mod timers;
mod values;
mod versions;
mod writer;

use std::path::Path;
use std::sync::Arc;

use rusqlite::Connection;

use crate::{OpenError, Options, Store, StoreError};

use readers::Readers;
use writer::{Atomic, Writer};

impl Store {
    /// The store in the file `path`, made if there is none, its schema brought up to date.
    ///
    /// A new file can be read by its owner only; beside it `SQLite` keeps two more, of the same name and
    /// with the ends `-wal` and `-shm`. The threads end when the last clone of the store is gone.
    ///
    /// # Errors
    /// [`OpenError::NewerSchema`] if a newer program has written to it (OPS-2).
    pub fn sqlite(path: &Path, options: Options) -> Result<Self, OpenError> {
        let writer = open::for_writing(path, &options)?;
        let readers = open::for_reading(path, &options)?;
        Ok(Sqlite::start(writer, readers, options))
    }

    /// A store in memory, gone with its last clone. Its reads take turns with its writes.
    pub fn in_memory(options: Options) -> Result<Self, OpenError> {
        let writer = open::in_memory(&options)?;
        Ok(Sqlite::start(writer, Vec::new(), options))
    }
}

/// All areas on one database.
struct Sqlite {
    writer: Writer,
    readers: Readers,
    options: Options,
}

impl Sqlite {
    fn start(writer: Connection, readers: Vec<Connection>, options: Options) -> Store {
        let sqlite = Arc::new(Self {
            writer: Writer::start(writer, options.queue, options.group),
            readers: Readers::start(readers, options.queue),
            options,
        });
        Store {
            conversations: sqlite.clone(),
            sign_ins: sqlite.clone(),
            grants: sqlite.clone(),
            versions: sqlite.clone(),
            timers: sqlite.clone(),
            outbox: sqlite.clone(),
            monitor: sqlite.clone(),
            keys: sqlite.clone(),
            access: sqlite.clone(),
            maintenance: sqlite,
        }
    }

    /// Runs `work`, several statements that hold together.
    async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.writer.write(Atomic::ByUs, work).await
    }

    /// Runs `work`, one statement, which either happens or does not by itself.
    async fn write_one<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.writer.write(Atomic::ByItself, work).await
    }

    /// Runs `work`, one query.
    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        if self.readers.is_empty() {
            return self.write_one(work).await;
        }
        self.readers.read(work).await
    }
}
