//! What can go wrong with a store, sorted by what to do about it.

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;

/// Why a read or a write did not happen. None of it happened: there is no half of a write.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Somebody else was first, or what the change builds on is no longer so. Load and decide again.
    #[error("the stored state has moved on")]
    Conflict,
    /// The effect that this answer belongs to has been answered before. Drop the answer.
    #[error("the effect has been answered before")]
    AnsweredBefore,
    /// The organization is at one of its limits (LIM-4). Tell the person to try later.
    #[error("the organization is at its limit")]
    Busy,
    /// The database cannot be reached or written, such as with a full disk. Try later.
    #[error("the store is unavailable")]
    Unavailable(#[source] Arc<dyn Error + Send + Sync>),
    /// A row does not hold what it must. Trying again will not help: page someone.
    #[error("table `{table}`, row `{row}` is corrupt")]
    Corrupt {
        /// The table of the row.
        table: &'static str,
        /// The row's id, or what stands in its place.
        row: String,
        /// What is wrong with it.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
}

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The database was written by a newer program, which may mean by its rows what this one does not
    /// know. Start that program instead, or restore a backup that is older than its start.
    #[error(
        "the database {path} has schema {found}, but this program knows only up to {known}: \
         it was written by a newer version"
    )]
    NewerSchema {
        /// The database.
        path: PathBuf,
        /// The schema it has.
        found: i32,
        /// The newest schema that this program knows.
        known: i32,
    },
    /// The schema could not be brought up to date.
    #[error("the database {path} could not be brought to the current schema")]
    Schema {
        /// The database.
        path: PathBuf,
        /// What went wrong.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The file could not be opened, or is no database.
    #[error("the database {path} could not be opened")]
    Unusable {
        /// The database.
        path: PathBuf,
        /// What went wrong.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
}
