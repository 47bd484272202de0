//! Opening a database: file mode, durability, schema.

use std::error::Error;
use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::{OpenError, Options};

/// Prepared statements that a connection keeps: more than there are in this crate.
const STATEMENTS: usize = 128;

mod schema {
    refinery::embed_migrations!("migrations/sqlite");
}

pub(super) fn for_writing(path: &Path, options: &Options) -> Result<Connection, OpenError> {
    make_private(path).map_err(|source| unusable(path, source))?;
    let mut db = Connection::open_with_flags(path, flags(OpenFlags::SQLITE_OPEN_READ_WRITE))
        .map_err(|source| unusable(path, source))?;
    settle_durability(&db, options).map_err(|source| unusable(path, source))?;
    bring_up_to_date(&mut db, path)?;
    Ok(db)
}

pub(super) fn for_reading(path: &Path, options: &Options) -> Result<Vec<Connection>, OpenError> {
    (0..options.readers.max(1))
        .map(|_| reader(path, options).map_err(|source| unusable(path, source)))
        .collect()
}

pub(super) fn in_memory(options: &Options) -> Result<Connection, OpenError> {
    let path = PathBuf::from(":memory:");
    let mut db = Connection::open_in_memory().map_err(|source| unusable(&path, source))?;
    settle(&db, options).map_err(|source| unusable(&path, source))?;
    bring_up_to_date(&mut db, &path)?;
    Ok(db)
}

/// Makes the file, so that it never exists with a wider mode. `SQLite` gives its other files the same one.
fn make_private(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made.map(drop),
    }
}

fn flags(access: OpenFlags) -> OpenFlags {
    // Each connection stays on one thread, so `SQLite` needs no locks of its own.
    access | OpenFlags::SQLITE_OPEN_NO_MUTEX
}

fn reader(path: &Path, options: &Options) -> rusqlite::Result<Connection> {
    let db = Connection::open_with_flags(path, flags(OpenFlags::SQLITE_OPEN_READ_ONLY))?;
    settle(&db, options)?;
    Ok(db)
}

fn settle_durability(db: &Connection, options: &Options) -> rusqlite::Result<()> {
    settle(db, options)?;
    // FULL: one fdatasync of the log at each commit. What was answered survives the loss of power.
    db.execute_batch(
        "PRAGMA journal_mode = WAL;
         PRAGMA synchronous = FULL;
         PRAGMA wal_autocheckpoint = 4000;
         PRAGMA journal_size_limit = 67108864;",
    )
}

fn settle(db: &Connection, options: &Options) -> rusqlite::Result<()> {
    db.busy_timeout(options.patience)?;
    db.set_prepared_statement_cache_capacity(STATEMENTS);
    // Or else some statements are compiled anew for each new value of a parameter.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    db.execute_batch(
        "PRAGMA foreign_keys = ON;
         PRAGMA temp_store = MEMORY;
         PRAGMA cache_size = -8000;",
    )
}

fn bring_up_to_date(db: &mut Connection, path: &Path) -> Result<(), OpenError> {
    let runner = schema::migrations::runner();
    let known = runner
        .get_migrations()
        .iter()
        .map(refinery::Migration::version)
        .max();
    let known = known.unwrap_or(0);
    let found = schema_of(db).map_err(|source| unusable(path, source))?;
    if found > known {
        return Err(OpenError::NewerSchema {
            path: path.to_owned(),
            found,
            known,
        });
    }
    if found < known {
        runner.run(db).map_err(|source| OpenError::Schema {
            path: path.to_owned(),
            source: Box::new(source),
        })?;
    }
    Ok(())
}

/// The schema that the database has; 0 for a new one.
fn schema_of(db: &Connection) -> rusqlite::Result<i32> {
    if !db.table_exists(None, "refinery_schema_history")? {
        return Ok(0);
    }
    let sql = "SELECT coalesce(max(version), 0) FROM refinery_schema_history";
    db.query_row(sql, [], |row| row.get(0))
}

fn unusable(path: &Path, source: impl Error + Send + Sync + 'static) -> OpenError {
    OpenError::Unusable {
        path: path.to_owned(),
        source: Box::new(source),
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::StatementStatus;

    use super::*;

    #[test]
    fn a_statement_is_compiled_once_whatever_is_bound() {
        let db = in_memory(&Options::default()).unwrap();
        let sql = "SELECT id FROM grants \
                   WHERE organization = ?1 AND conversation = ?2 AND session = ?3 ORDER BY id";
        for n in 0..3_u8 {
            let mut statement = db.prepare_cached(sql).unwrap();
            assert!(!statement.exists((n.to_string(), [n; 22], [n; 22])).unwrap());
            assert_eq!(statement.get_status(StatementStatus::RePrepare), 0);
        }
    }
}
