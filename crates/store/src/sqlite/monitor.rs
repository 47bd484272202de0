use async_trait::async_trait;
use rusqlite::{Row, params};

use super::Sqlite;
use super::rows::Table;
use super::values::{At, Documents};
use crate::{
    ConversationId, ConversationRow, Monitor, Organization, Revision, StoreError, TurnSteps,
};

#[async_trait]
impl Monitor for Sqlite {
    async fn steps(
        &self,
        organization: &Organization,
        conversation: ConversationId,
        after: Revision,
        limit: u32,
    ) -> Result<Vec<TurnSteps>, StoreError> {
        let organization = organization.clone();
        let sql = "SELECT number, revision, session, at, steps FROM turns \
                   WHERE organization = ?1 AND conversation = ?2 AND revision > ?3 \
                   ORDER BY revision LIMIT ?4";
        self.read(move |db| TURNS.all(db, sql, params![organization, conversation, after.0, limit]))
            .await
    }

    async fn conversations(
        &self,
        organization: &Organization,
        before: Option<ConversationId>,
        limit: u32,
    ) -> Result<Vec<ConversationRow>, StoreError> {
        let organization = organization.clone();
        // No id is as great as 22 bytes of ones.
        let before = before.unwrap_or(ConversationId::from_bytes([0xff; _]));
        let sql = "SELECT id, agent, branch, channel, person, session, \
                   session_state IS NOT NULL, at, changed FROM conversations \
                   WHERE organization = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3";
        self.read(move |db| ROWS.all(db, sql, params![organization, before, limit]))
            .await
    }
}

const TURNS: Table<TurnSteps> = Table {
    name: "turns",
    read: turn,
};
const ROWS: Table<ConversationRow> = Table {
    name: "conversations",
    read: conversation,
};

fn turn(row: &Row<'_>) -> rusqlite::Result<TurnSteps> {
    Ok(TurnSteps {
        revision: Revision(row.get(1)?),
        session: row.get(2)?,
        at: row.get::<_, At>(3)?.0,
        steps: row.get::<_, Documents>(4)?.0,
    })
}

fn conversation(row: &Row<'_>) -> rusqlite::Result<ConversationRow> {
    Ok(ConversationRow {
        id: row.get(0)?,
        agent: row.get(1)?,
        branch: row.get(2)?,
        channel: row.get(3)?,
        user: row.get(4)?,
        session: row.get(5)?,
        running: row.get(6)?,
        at: row.get::<_, At>(7)?.0,
        changed: row.get::<_, At>(8)?.0,
    })
}
