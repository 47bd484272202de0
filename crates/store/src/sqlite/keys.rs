use async_trait::async_trait;
use rusqlite::params;

use super::Sqlite;
use super::rows::{Table, hit};
use crate::{KeyStore, Organization, StoreError, WrappedKey};

#[async_trait]
impl KeyStore for Sqlite {
    async fn wrapped_keys(
        &self,
        organization: &Organization,
    ) -> Result<Vec<WrappedKey>, StoreError> {
        let organization = organization.clone();
        let sql = "SELECT id, wrapped FROM data_keys WHERE organization = ?1 ORDER BY number";
        self.read(move |db| KEYS.all(db, sql, params![organization]))
            .await
    }

    async fn add_wrapped_key(
        &self,
        organization: &Organization,
        key: WrappedKey,
    ) -> Result<bool, StoreError> {
        let organization = organization.clone();
        let sql = "INSERT INTO data_keys (organization, id, wrapped) VALUES (?1, ?2, ?3) \
                   ON CONFLICT DO NOTHING";
        self.write_one(move |db| hit(db, sql, params![organization, key.id, key.wrapped]))
            .await
    }

    async fn rewrap_key(
        &self,
        organization: &Organization,
        key: WrappedKey,
    ) -> Result<bool, StoreError> {
        let organization = organization.clone();
        let sql = "UPDATE data_keys SET wrapped = ?3 WHERE organization = ?1 AND id = ?2";
        self.write_one(move |db| hit(db, sql, params![organization, key.id, key.wrapped]))
            .await
    }

    async fn forget_keys(&self, organization: &Organization) -> Result<u64, StoreError> {
        let organization = organization.clone();
        let sql = "DELETE FROM data_keys WHERE organization = ?1";
        let forget = move |db: &rusqlite::Connection| {
            Ok(db.prepare_cached(sql)?.execute(params![organization])? as u64)
        };
        self.write_one(forget).await
    }
}

const KEYS: Table<WrappedKey> = Table {
    name: "data_keys",
    read: |row| {
        Ok(WrappedKey {
            id: row.get(0)?,
            wrapped: row.get(1)?,
        })
    },
};
