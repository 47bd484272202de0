use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::{Row, params};

use super::Sqlite;
use super::rows::Table;
use super::values::{At, Bits};
use crate::{DueTimer, StoreError, Timers};

#[async_trait]
impl Timers for Sqlite {
    async fn due(&self, now: Timestamp, limit: u32) -> Result<Vec<DueTimer>, StoreError> {
        let sql = "SELECT id, organization, timer_run, timer_due FROM conversations \
                   WHERE timer_due <= ?1 ORDER BY timer_due LIMIT ?2";
        self.read(move |db| TIMERS.all(db, sql, params![At(now), limit]))
            .await
    }

    async fn next(&self) -> Result<Option<Timestamp>, StoreError> {
        let sql = "SELECT id, timer_due FROM conversations \
                   WHERE timer_due IS NOT NULL ORDER BY timer_due LIMIT 1";
        let first = self.read(move |db| INSTANTS.first(db, sql, [])).await?;
        Ok(first.map(|at| at.0))
    }
}

const TIMERS: Table<DueTimer> = Table {
    name: "conversations",
    read: timer,
};
const INSTANTS: Table<At> = Table {
    name: "conversations",
    read: |row| row.get(1),
};

fn timer(row: &Row<'_>) -> rusqlite::Result<DueTimer> {
    Ok(DueTimer {
        conversation: row.get(0)?,
        organization: row.get(1)?,
        run: row.get::<_, Bits>(2)?.0,
        due: row.get::<_, At>(3)?.0,
    })
}
