use async_trait::async_trait;
use rusqlite::{Connection, Row, params};

use super::Sqlite;
use super::grants::METAS;
use super::readers::at_one_instant;
use super::rows::{Table, hit};
use super::sign_ins;
use super::values::At;
use crate::{
    Changes, Committed, Conversation, ConversationId, Conversations, Digest, GrantMeta,
    NewConversation, Organization, Revision, SessionId, SessionSnapshot, Snapshot, StoreError,
    StoredActivity,
};

#[async_trait]
impl Conversations for Sqlite {
    async fn create(&self, new: NewConversation) -> Result<(), StoreError> {
        self.write_one(move |db| create(db, &new)).await
    }

    async fn load(
        &self,
        organization: &Organization,
        id: ConversationId,
    ) -> Result<Option<Snapshot>, StoreError> {
        let organization = organization.clone();
        self.read(move |db| at_one_instant(db, |db| load(db, &organization, id)))
            .await
    }

    async fn commit(&self, changes: Changes) -> Result<Committed, StoreError> {
        let limits = self.options.clone();
        self.write(move |db| super::commit::commit(db, &limits, changes))
            .await
    }

    async fn activities(
        &self,
        organization: &Organization,
        id: ConversationId,
        after: i64,
        limit: u32,
    ) -> Result<Vec<StoredActivity>, StoreError> {
        let organization = organization.clone();
        let sql = "SELECT id, seq, at, body FROM activities \
                   WHERE organization = ?1 AND conversation = ?2 AND seq > ?3 \
                   ORDER BY seq LIMIT ?4";
        self.read(move |db| ACTIVITIES.all(db, sql, params![organization, id, after, limit]))
            .await
    }

    async fn latest_of_browser(
        &self,
        organization: &Organization,
        agent: &str,
        browser: Digest,
    ) -> Result<Option<ConversationId>, StoreError> {
        let (organization, agent) = (organization.clone(), agent.to_owned());
        let sql = "SELECT id FROM conversations \
                   WHERE organization = ?1 AND browser = ?2 AND agent = ?3 \
                   ORDER BY id DESC LIMIT 1";
        self.read(move |db| IDS.first(db, sql, params![organization, browser, agent]))
            .await
    }

    async fn rebind_browser(
        &self,
        organization: &Organization,
        id: ConversationId,
        from: Digest,
        to: Digest,
    ) -> Result<bool, StoreError> {
        let organization = organization.clone();
        let sql = "UPDATE conversations SET browser = ?4 \
                   WHERE organization = ?1 AND id = ?2 AND browser = ?3";
        self.write_one(move |db| hit(db, sql, params![organization, id, from, to]))
            .await
    }
}

fn create(db: &Connection, new: &NewConversation) -> Result<(), StoreError> {
    let sql = "INSERT INTO conversations (organization, id, agent, branch, channel, browser, \
               person, at, revision, changed, last_seq) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 0, ?8, 0)";
    let at = At(new.at);
    db.prepare_cached(sql)?.execute(params![
        new.organization,
        new.id,
        new.agent,
        new.branch,
        new.channel,
        new.browser,
        new.user,
        at
    ])?;
    Ok(())
}

fn load(
    db: &Connection,
    organization: &Organization,
    id: ConversationId,
) -> Result<Option<Snapshot>, StoreError> {
    let sql = "SELECT id, organization, agent, branch, channel, browser, person, at, \
               revision, last_seq, session, session_version, session_state, timer_due \
               FROM conversations WHERE organization = ?1 AND id = ?2";
    let found = CONVERSATIONS.first(db, sql, params![organization, id])?;
    found.map(|snapshot| complete(db, snapshot)).transpose()
}

/// Adds what other tables know about the conversation.
fn complete(db: &Connection, mut snapshot: Snapshot) -> Result<Snapshot, StoreError> {
    let Conversation {
        organization, id, ..
    } = &snapshot.conversation;
    snapshot.attempts = sign_ins::unfinished(db, organization, *id)?;
    if let Some(session) = &snapshot.session {
        snapshot.grants = grants_of(db, organization, *id, session.id)?;
    }
    Ok(snapshot)
}

fn grants_of(
    db: &Connection,
    organization: &Organization,
    id: ConversationId,
    session: SessionId,
) -> Result<Vec<GrantMeta>, StoreError> {
    let sql = "SELECT id, connection, expires_at FROM grants \
               WHERE organization = ?1 AND conversation = ?2 AND session = ?3 ORDER BY id";
    METAS.all(db, sql, params![organization, id, session])
}

const CONVERSATIONS: Table<Snapshot> = Table {
    name: "conversations",
    read: snapshot,
};
const IDS: Table<ConversationId> = Table {
    name: "conversations",
    read: |row| row.get(0),
};
const ACTIVITIES: Table<StoredActivity> = Table {
    name: "activities",
    read: activity,
};

fn snapshot(row: &Row<'_>) -> rusqlite::Result<Snapshot> {
    let conversation = Conversation {
        id: row.get(0)?,
        organization: row.get(1)?,
        agent: row.get(2)?,
        branch: row.get(3)?,
        channel: row.get(4)?,
        browser: row.get(5)?,
        user: row.get(6)?,
        at: row.get::<_, At>(7)?.0,
    };
    Ok(Snapshot {
        conversation,
        revision: Revision(row.get(8)?),
        last_seq: row.get(9)?,
        session: session(row)?,
        attempts: Vec::new(),
        grants: Vec::new(),
        timer: row.get::<_, Option<At>>(13)?.map(|at| at.0),
    })
}

fn session(row: &Row<'_>) -> rusqlite::Result<Option<SessionSnapshot>> {
    let Some(state) = row.get(12)? else {
        return Ok(None);
    };
    Ok(Some(SessionSnapshot {
        id: row.get(10)?,
        version: row.get(11)?,
        state,
    }))
}

fn activity(row: &Row<'_>) -> rusqlite::Result<StoredActivity> {
    Ok(StoredActivity {
        id: row.get(0)?,
        seq: row.get(1)?,
        at: row.get::<_, At>(2)?.0,
        body: row.get(3)?,
    })
}
