use async_trait::async_trait;
use rusqlite::{Connection, Row, params};

use super::Sqlite;
use super::rows::{Table, must_hit};
use super::values::At;
use crate::versions::VersionRow;
use crate::{
    ActiveVersion, NewVersion, Organization, SealedSecret, StoreError, Version, VersionId, Versions,
};

#[async_trait]
impl Versions for Sqlite {
    async fn publish(&self, new: NewVersion) -> Result<(), StoreError> {
        self.write(move |db| publish(db, &new)).await
    }

    async fn active(
        &self,
        organization: &Organization,
        branch: &str,
    ) -> Result<Option<Version>, StoreError> {
        let (organization, branch) = (organization.clone(), branch.to_owned());
        let sql = "SELECT v.id, v.organization, v.branch, v.digest, v.published_by, v.at, v.files \
                   FROM branches b JOIN versions v \
                   ON v.organization = b.organization AND v.id = b.version \
                   WHERE b.organization = ?1 AND b.branch = ?2";
        self.read(move |db| VERSIONS.first(db, sql, params![organization, branch]))
            .await
    }

    async fn version(
        &self,
        organization: &Organization,
        id: VersionId,
    ) -> Result<Option<Version>, StoreError> {
        let organization = organization.clone();
        let sql = "SELECT id, organization, branch, digest, published_by, at, files \
                   FROM versions WHERE organization = ?1 AND id = ?2";
        self.read(move |db| VERSIONS.first(db, sql, params![organization, id]))
            .await
    }

    async fn secret(
        &self,
        organization: &Organization,
        version: VersionId,
        connection: &str,
        name: &str,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let organization = organization.clone();
        let (connection, name) = (connection.to_owned(), name.to_owned());
        let sql = "SELECT name, sealed FROM secrets WHERE organization = ?1 AND version = ?2 \
                   AND connection = ?3 AND name = ?4";
        self.read(move |db| {
            SECRETS.first(db, sql, params![organization, version, connection, name])
        })
        .await
    }

    async fn organizations(&self) -> Result<Vec<ActiveVersion>, StoreError> {
        let sql =
            "SELECT branch, organization, version FROM branches ORDER BY organization, branch";
        self.read(move |db| BRANCHES.all(db, sql, [])).await
    }

    async fn history(
        &self,
        organization: &Organization,
        limit: u32,
    ) -> Result<Vec<VersionRow>, StoreError> {
        let organization = organization.clone();
        let sql = "SELECT id, organization, branch, digest, published_by, at FROM versions \
                   WHERE organization = ?1 ORDER BY id DESC LIMIT ?2";
        self.read(move |db| ROWS.all(db, sql, params![organization, limit]))
            .await
    }
}

fn publish(db: &Connection, new: &NewVersion) -> Result<(), StoreError> {
    let NewVersion {
        id,
        organization,
        branch,
        files,
        digest,
        published_by,
        at,
        secrets,
    } = new;
    let sql = "INSERT INTO versions (organization, id, branch, digest, published_by, at, files) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let row = params![
        organization,
        id,
        branch,
        digest,
        published_by,
        At(*at),
        files
    ];
    must_hit(db, sql, row)?;
    for SealedSecret {
        connection,
        name,
        sealed,
    } in secrets
    {
        let sql = "INSERT INTO secrets (organization, version, connection, name, sealed) \
                   VALUES (?1, ?2, ?3, ?4, ?5)";
        must_hit(db, sql, params![organization, id, connection, name, sealed])?;
    }
    let sql = "INSERT INTO branches (organization, branch, version) VALUES (?1, ?2, ?3) \
               ON CONFLICT DO UPDATE SET version = excluded.version";
    must_hit(db, sql, params![organization, branch, id])
}

const VERSIONS: Table<Version> = Table {
    name: "versions",
    read: |row| {
        Ok(Version {
            row: version(row)?,
            files: row.get(6)?,
        })
    },
};
const ROWS: Table<VersionRow> = Table {
    name: "versions",
    read: version,
};
const SECRETS: Table<Vec<u8>> = Table {
    name: "secrets",
    read: |row| row.get(1),
};
const BRANCHES: Table<ActiveVersion> = Table {
    name: "branches",
    read: branch,
};

fn version(row: &Row<'_>) -> rusqlite::Result<VersionRow> {
    Ok(VersionRow {
        id: row.get(0)?,
        organization: row.get(1)?,
        branch: row.get(2)?,
        digest: row.get(3)?,
        published_by: row.get(4)?,
        at: row.get::<_, At>(5)?.0,
    })
}

fn branch(row: &Row<'_>) -> rusqlite::Result<ActiveVersion> {
    Ok(ActiveVersion {
        branch: row.get(0)?,
        organization: row.get(1)?,
        version: row.get(2)?,
    })
}
