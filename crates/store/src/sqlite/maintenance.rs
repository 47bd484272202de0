use async_trait::async_trait;
use rusqlite::{Connection, params};

use super::Sqlite;
use super::values::At;
use crate::{Counters, Maintenance, StoreError, Sweep, Swept};

#[async_trait]
impl Maintenance for Sqlite {
    async fn sweep(&self, sweep: Sweep) -> Result<Swept, StoreError> {
        self.write_one(move |db| sweep_attempts(db, &sweep)).await
    }

    async fn check(&self) -> Result<(), StoreError> {
        let look = |db: &Connection| {
            let sql = "SELECT count(*) FROM refinery_schema_history";
            Ok(db
                .prepare_cached(sql)?
                .query_row([], |row| row.get::<_, i64>(0))
                .map(drop)?)
        };
        self.read(look).await?;
        // A change that changes nothing: it takes the lock, and does not wait for the disk.
        self.write_one(|db| {
            let sql = "UPDATE attempt_counts SET unfinished = 0 WHERE organization = ''";
            Ok(db.prepare_cached(sql)?.execute([]).map(drop)?)
        })
        .await
    }

    fn counters(&self) -> Counters {
        self.writer.counters()
    }
}

fn sweep_attempts(db: &Connection, sweep: &Sweep) -> Result<Swept, StoreError> {
    let sql = "DELETE FROM attempts WHERE (organization, id) IN (\
               SELECT organization, id FROM attempts a WHERE finished < ?1 AND NOT EXISTS (\
               SELECT 1 FROM quarantine q \
               WHERE q.organization = a.organization AND q.attempt = a.id) \
               ORDER BY finished LIMIT ?2)";
    let params = params![At(sweep.finished_before), sweep.limit];
    let attempts = db.prepare_cached(sql)?.execute(params)?;
    Ok(Swept {
        attempts: attempts as u64,
        more: attempts >= sweep.limit as usize,
    })
}
