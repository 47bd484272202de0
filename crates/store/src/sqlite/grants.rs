use async_trait::async_trait;
use rusqlite::{Row, params};

use super::Sqlite;
use super::rows::{Table, hit, must_hit};
use super::values::At;
use crate::{Digest, Grant, GrantId, GrantMeta, Grants, NewSeal, Organization, StoreError};

#[async_trait]
impl Grants for Sqlite {
    async fn load(
        &self,
        organization: &Organization,
        id: GrantId,
    ) -> Result<Option<Grant>, StoreError> {
        let organization = organization.clone();
        let sql = "SELECT id, organization, conversation, session, connection, version, sealed, \
                   expires_at, proofs, at FROM grants WHERE organization = ?1 AND id = ?2";
        self.read(move |db| GRANTS.first(db, sql, params![organization, id]))
            .await
    }

    async fn of_browser(
        &self,
        organization: &Organization,
        browser: Digest,
    ) -> Result<Vec<GrantMeta>, StoreError> {
        let organization = organization.clone();
        let sql = "SELECT g.id, g.connection, g.expires_at FROM conversations c \
                   JOIN grants g ON g.organization = c.organization AND g.conversation = c.id \
                   AND g.session = c.session \
                   WHERE c.organization = ?1 AND c.browser = ?2 ORDER BY g.id DESC";
        self.read(move |db| METAS.all(db, sql, params![organization, browser]))
            .await
    }

    async fn replace(
        &self,
        organization: &Organization,
        id: GrantId,
        expected: i64,
        seal: NewSeal,
    ) -> Result<(), StoreError> {
        let organization = organization.clone();
        let sql = "UPDATE grants SET version = version + 1, sealed = ?4, expires_at = ?5 \
                   WHERE organization = ?1 AND id = ?2 AND version = ?3";
        self.write_one(move |db| {
            let expires_at = At(seal.expires_at);
            must_hit(
                db,
                sql,
                params![organization, id, expected, seal.sealed, expires_at],
            )
        })
        .await
    }

    async fn remove(&self, organization: &Organization, id: GrantId) -> Result<bool, StoreError> {
        let organization = organization.clone();
        let sql = "DELETE FROM grants WHERE organization = ?1 AND id = ?2";
        self.write_one(move |db| hit(db, sql, params![organization, id]))
            .await
    }
}

/// What a turn needs to know of a grant: id, connection, expiry.
pub(super) const METAS: Table<GrantMeta> = Table {
    name: "grants",
    read: |row| {
        Ok(GrantMeta {
            id: row.get(0)?,
            connection: row.get(1)?,
            expires_at: row.get::<_, At>(2)?.0,
        })
    },
};

const GRANTS: Table<Grant> = Table {
    name: "grants",
    read: grant,
};

fn grant(row: &Row<'_>) -> rusqlite::Result<Grant> {
    Ok(Grant {
        id: row.get(0)?,
        organization: row.get(1)?,
        conversation: row.get(2)?,
        session: row.get(3)?,
        connection: row.get(4)?,
        version: row.get(5)?,
        sealed: row.get(6)?,
        expires_at: row.get::<_, At>(7)?.0,
        proofs: row.get(8)?,
        at: row.get::<_, At>(9)?.0,
    })
}
