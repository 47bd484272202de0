//! Queries, and rows that say which they are when they are corrupt.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode, Params, Row, ffi};

use crate::{ActivityId, AttemptId, ConversationId, GrantId, OutboxId, StoreError, VersionId, id};

/// A table, by how its rows are read. The first column of every query is what names the row.
pub(super) struct Table<T> {
    pub(super) name: &'static str,
    pub(super) read: fn(&Row<'_>) -> rusqlite::Result<T>,
}

impl<T> Table<T> {
    /// The first row that `sql` finds.
    pub(super) fn first(
        &self,
        db: &Connection,
        sql: &str,
        params: impl Params,
    ) -> Result<Option<T>, StoreError> {
        let mut statement = db.prepare_cached(sql)?;
        let mut rows = statement.query(params)?;
        rows.next()?.map(|row| self.decode(row)).transpose()
    }

    /// Every row that `sql` finds.
    pub(super) fn all(
        &self,
        db: &Connection,
        sql: &str,
        params: impl Params,
    ) -> Result<Vec<T>, StoreError> {
        let mut statement = db.prepare_cached(sql)?;
        let mut rows = statement.query(params)?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            found.push(self.decode(row)?);
        }
        Ok(found)
    }

    fn decode(&self, row: &Row<'_>) -> Result<T, StoreError> {
        (self.read)(row).map_err(|error| match error {
            outage @ rusqlite::Error::SqliteFailure(..) => outage.into(),
            wrong => StoreError::Corrupt {
                table: self.name,
                row: name(self.name, row),
                source: Box::new(wrong),
            },
        })
    }
}

/// Runs `sql`. Whether it changed a row.
pub(super) fn hit(db: &Connection, sql: &str, params: impl Params) -> Result<bool, StoreError> {
    Ok(db.prepare_cached(sql)?.execute(params)? > 0)
}

/// Runs `sql`, which must change a row.
pub(super) fn must_hit(db: &Connection, sql: &str, params: impl Params) -> Result<(), StoreError> {
    hit(db, sql, params)?
        .then_some(())
        .ok_or(StoreError::Conflict)
}

fn name(table: &str, row: &Row<'_>) -> String {
    match row.get_ref(0) {
        Ok(ValueRef::Integer(number)) => number.to_string(),
        Ok(ValueRef::Text(text)) => String::from_utf8_lossy(text).into_owned(),
        Ok(ValueRef::Blob(bytes)) => id_text(table, bytes),
        Ok(ValueRef::Null | ValueRef::Real(_)) | Err(_) => "unnamed".to_owned(),
    }
}

fn id_text(table: &str, bytes: &[u8]) -> String {
    let Ok(bytes) = <[u8; id::BYTES]>::try_from(bytes) else {
        return format!("with a name of {} bytes", bytes.len());
    };
    match table {
        "activities" => ActivityId::from_bytes(bytes).to_string(),
        "attempts" | "quarantine" => AttemptId::from_bytes(bytes).to_string(),
        "conversations" => ConversationId::from_bytes(bytes).to_string(),
        "grants" => GrantId::from_bytes(bytes).to_string(),
        "outbox" => OutboxId::from_bytes(bytes).to_string(),
        "versions" => VersionId::from_bytes(bytes).to_string(),
        _ => "unnamed".to_owned(),
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error().copied() {
            Some(failure) if taken(failure) => Self::Conflict,
            Some(failure) if damaged(failure.code) => Self::Corrupt {
                table: "sqlite_schema",
                row: "the file".to_owned(),
                source: Box::new(error),
            },
            _ => Self::Unavailable(std::sync::Arc::new(error)),
        }
    }
}

/// A key that is taken already, or one of another table that must be there and is not.
fn taken(failure: ffi::Error) -> bool {
    matches!(
        failure.extended_code,
        ffi::SQLITE_CONSTRAINT_UNIQUE
            | ffi::SQLITE_CONSTRAINT_PRIMARYKEY
            | ffi::SQLITE_CONSTRAINT_FOREIGNKEY
    )
}

fn damaged(code: ErrorCode) -> bool {
    matches!(code, ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
}
