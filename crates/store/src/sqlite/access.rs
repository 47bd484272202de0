use async_trait::async_trait;
use rusqlite::{Row, params};

use super::Sqlite;
use super::rows::{Table, hit, must_hit};
use super::values::At;
use crate::{Access, ApiKey, Digest, Organization, Role, StoreError};

#[async_trait]
impl Access for Sqlite {
    async fn has_operator(&self) -> Result<bool, StoreError> {
        let sql = "SELECT number, digest, organization, label, at FROM api_keys \
                   WHERE organization IS NULL LIMIT 1";
        Ok(self
            .read(move |db| KEYS.first(db, sql, []))
            .await?
            .is_some())
    }

    async fn add_first_operator(&self, key: ApiKey) -> Result<bool, StoreError> {
        let sql = "INSERT INTO api_keys (digest, label, at) SELECT ?1, ?2, ?3 \
                   WHERE NOT EXISTS (SELECT 1 FROM api_keys WHERE organization IS NULL)";
        self.write_one(move |db| hit(db, sql, params![key.digest, key.label, At(key.at)]))
            .await
    }

    async fn add_key(&self, key: ApiKey) -> Result<(), StoreError> {
        let sql = "INSERT INTO api_keys (digest, organization, label, at) VALUES (?1, ?2, ?3, ?4)";
        self.write_one(move |db| {
            let row = params![
                key.digest,
                organization_of(&key.role),
                key.label,
                At(key.at)
            ];
            must_hit(db, sql, row)
        })
        .await
    }

    async fn key(&self, digest: Digest) -> Result<Option<ApiKey>, StoreError> {
        let sql = "SELECT number, digest, organization, label, at FROM api_keys WHERE digest = ?1";
        self.read(move |db| KEYS.first(db, sql, params![digest]))
            .await
    }

    async fn keys(&self, organization: Option<&Organization>) -> Result<Vec<ApiKey>, StoreError> {
        let organization = organization.cloned();
        let sql = "SELECT number, digest, organization, label, at FROM api_keys \
                   WHERE organization IS ?1 ORDER BY number";
        self.read(move |db| KEYS.all(db, sql, params![organization]))
            .await
    }

    async fn remove_key(&self, role: &Role, digest: Digest) -> Result<bool, StoreError> {
        let role = role.clone();
        let sql = "DELETE FROM api_keys WHERE digest = ?1 AND organization IS ?2";
        self.write_one(move |db| hit(db, sql, params![digest, organization_of(&role)]))
            .await
    }
}

fn organization_of(role: &Role) -> Option<&Organization> {
    match role {
        Role::Operator => None,
        Role::Administrator(organization) => Some(organization),
    }
}

const KEYS: Table<ApiKey> = Table {
    name: "api_keys",
    read: key,
};

fn key(row: &Row<'_>) -> rusqlite::Result<ApiKey> {
    let organization: Option<Organization> = row.get(2)?;
    Ok(ApiKey {
        digest: row.get(1)?,
        role: organization.map_or(Role::Operator, Role::Administrator),
        label: row.get(3)?,
        at: row.get::<_, At>(4)?.0,
    })
}
