use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::{Connection, Row, params};

use super::Sqlite;
use super::rows::{Table, hit, must_hit};
use super::values::At;
use crate::{ConversationId, NewOutbox, Organization, Outbox, OutboxId, OutboxItem, StoreError};

#[async_trait]
impl Outbox for Sqlite {
    async fn add(&self, organization: &Organization, new: NewOutbox) -> Result<(), StoreError> {
        let organization = organization.clone();
        self.write_one(move |db| insert(db, &organization, None, &new))
            .await
    }

    async fn take(
        &self,
        now: Timestamp,
        lease_until: Timestamp,
        limit: u32,
    ) -> Result<Vec<OutboxItem>, StoreError> {
        self.write_one(move |db| take(db, At(now), At(lease_until), limit))
            .await
    }

    async fn start(&self, organization: &Organization, id: OutboxId) -> Result<bool, StoreError> {
        let organization = organization.clone();
        let sql = "UPDATE outbox SET started = 1 \
                   WHERE organization = ?1 AND id = ?2 AND started = 0";
        self.write_one(move |db| hit(db, sql, params![organization, id]))
            .await
    }

    async fn put_off(
        &self,
        organization: &Organization,
        id: OutboxId,
        due: Timestamp,
    ) -> Result<bool, StoreError> {
        let organization = organization.clone();
        let sql = "UPDATE outbox SET due = ?3, started = 0 WHERE organization = ?1 AND id = ?2";
        self.write_one(move |db| hit(db, sql, params![organization, id, At(due)]))
            .await
    }

    async fn done(&self, organization: &Organization, id: OutboxId) -> Result<bool, StoreError> {
        let organization = organization.clone();
        self.write_one(move |db| delete(db, &organization, id))
            .await
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        let sql = "SELECT id, due FROM outbox ORDER BY due LIMIT 1";
        let first = self.read(move |db| INSTANTS.first(db, sql, [])).await?;
        Ok(first.map(|at| at.0))
    }
}

pub(super) fn insert(
    db: &Connection,
    organization: &Organization,
    conversation: Option<ConversationId>,
    new: &NewOutbox,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO outbox (organization, id, conversation, kind, once, due, payload) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let NewOutbox {
        id,
        kind,
        once,
        payload,
        due,
    } = new;
    must_hit(
        db,
        sql,
        params![
            organization,
            id,
            conversation,
            kind,
            once,
            At(*due),
            payload
        ],
    )
}

pub(super) fn delete(
    db: &Connection,
    organization: &Organization,
    id: OutboxId,
) -> Result<bool, StoreError> {
    let sql = "DELETE FROM outbox WHERE organization = ?1 AND id = ?2";
    hit(db, sql, params![organization, id])
}

/// The earliest first. Their new `due` tells nothing, so the order is that of their making.
fn take(
    db: &Connection,
    now: At,
    lease_until: At,
    limit: u32,
) -> Result<Vec<OutboxItem>, StoreError> {
    let sql = "UPDATE outbox SET due = ?2, takes = takes + 1 \
               WHERE (organization, id) IN \
               (SELECT organization, id FROM outbox WHERE due <= ?1 ORDER BY due LIMIT ?3) \
               RETURNING id, organization, conversation, kind, once, started, takes, payload";
    let mut taken = OUTBOX.all(db, sql, params![now, lease_until, limit])?;
    taken.sort_by_key(|item| item.id);
    Ok(taken)
}

const OUTBOX: Table<OutboxItem> = Table {
    name: "outbox",
    read: item,
};
const INSTANTS: Table<At> = Table {
    name: "outbox",
    read: |row| row.get(1),
};

fn item(row: &Row<'_>) -> rusqlite::Result<OutboxItem> {
    Ok(OutboxItem {
        id: row.get(0)?,
        organization: row.get(1)?,
        conversation: row.get(2)?,
        kind: row.get(3)?,
        once: row.get(4)?,
        started: row.get(5)?,
        takes: row.get(6)?,
        payload: row.get(7)?,
    })
}
