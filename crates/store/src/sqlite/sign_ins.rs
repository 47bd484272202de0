use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::{Connection, Row, params};

use super::Sqlite;
use super::rows::{Table, hit, must_hit};
use super::values::{At, Bits};
use crate::{
    Attempt, AttemptId, AttemptState, Claim, ConversationId, Digest, NewAttempt, Options,
    Organization, Quarantine, Quarantined, SignIns, StoreError,
};

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, organization, conversation, session, run, connection, link, at, deadline, ",
            "state, details, tries, reason, cookie, param, sealed, redirect_uri, issuer, claimed ",
            "FROM attempts ",
            $rest
        )
    };
}

macro_rules! select_quarantined {
    ($rest:literal) => {
        concat!(
            "SELECT q.attempt, q.organization, a.connection, q.sealed, q.identity, q.code, q.at ",
            "FROM quarantine q JOIN attempts a ",
            "ON a.organization = q.organization AND a.id = q.attempt ",
            $rest
        )
    };
}

#[async_trait]
impl SignIns for Sqlite {
    async fn by_link(&self, link: Digest) -> Result<Option<Attempt>, StoreError> {
        let sql = select!("WHERE link = ?1");
        self.read(move |db| ATTEMPTS.first(db, sql, params![link]))
            .await
    }

    async fn by_state(
        &self,
        organization: &Organization,
        connection: &str,
        state: Digest,
    ) -> Result<Option<Attempt>, StoreError> {
        let (organization, connection) = (organization.clone(), connection.to_owned());
        let sql = select!("WHERE param = ?3 AND organization = ?1 AND connection = ?2");
        self.read(move |db| ATTEMPTS.first(db, sql, params![organization, connection, state]))
            .await
    }

    async fn load(
        &self,
        organization: &Organization,
        id: AttemptId,
    ) -> Result<Option<Attempt>, StoreError> {
        let organization = organization.clone();
        let sql = select!("WHERE organization = ?1 AND id = ?2");
        self.read(move |db| ATTEMPTS.first(db, sql, params![organization, id]))
            .await
    }

    async fn claim(
        &self,
        organization: &Organization,
        id: AttemptId,
        claim: Claim,
    ) -> Result<bool, StoreError> {
        let organization = organization.clone();
        self.write_one(move |db| bind(db, &organization, id, &claim))
            .await
    }

    async fn consume(
        &self,
        organization: &Organization,
        id: AttemptId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let organization = organization.clone();
        let sql = "UPDATE attempts SET state = 'exchanging', changed = ?3 \
                   WHERE organization = ?1 AND id = ?2 AND state = 'claimed' AND deadline > ?3";
        self.write_one(move |db| hit(db, sql, params![organization, id, At(now)]))
            .await
    }

    async fn quarantine(
        &self,
        organization: &Organization,
        id: AttemptId,
        quarantine: Quarantine,
    ) -> Result<bool, StoreError> {
        let organization = organization.clone();
        self.write(move |db| put_away(db, &organization, id, &quarantine))
            .await
    }

    async fn quarantined(
        &self,
        organization: &Organization,
        id: AttemptId,
    ) -> Result<Option<Quarantined>, StoreError> {
        let organization = organization.clone();
        let sql = select_quarantined!("WHERE q.organization = ?1 AND q.attempt = ?2");
        self.read(move |db| QUARANTINE.first(db, sql, params![organization, id]))
            .await
    }

    async fn count_try(
        &self,
        organization: &Organization,
        id: AttemptId,
        limit: u32,
        now: Timestamp,
    ) -> Result<Option<u32>, StoreError> {
        let organization = organization.clone();
        let sql = "UPDATE attempts SET tries = tries + 1 \
                   WHERE organization = ?1 AND id = ?2 AND state = 'quarantined' \
                   AND deadline > ?3 AND tries < ?4 RETURNING id, tries";
        self.write_one(move |db| TRIES.first(db, sql, params![organization, id, At(now), limit]))
            .await
    }

    async fn fail(
        &self,
        organization: &Organization,
        id: AttemptId,
        from: &[AttemptState],
        reason: &str,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let (organization, from, reason) = (organization.clone(), from.to_vec(), reason.to_owned());
        self.write(move |db| fail(db, &organization, id, &from, &reason, at))
            .await
    }

    async fn unfinished_exchanges(
        &self,
        before: Timestamp,
        limit: u32,
    ) -> Result<Vec<Attempt>, StoreError> {
        let sql = select!(
            "WHERE finished IS NULL AND state = 'exchanging' AND changed < ?1 \
             ORDER BY deadline LIMIT ?2"
        );
        self.read(move |db| ATTEMPTS.all(db, sql, params![At(before), limit]))
            .await
    }

    async fn overdue(&self, now: Timestamp, limit: u32) -> Result<Vec<Attempt>, StoreError> {
        let sql = select!("WHERE finished IS NULL AND deadline <= ?1 ORDER BY deadline LIMIT ?2");
        self.read(move |db| ATTEMPTS.all(db, sql, params![At(now), limit]))
            .await
    }

    async fn discarded(&self, limit: u32) -> Result<Vec<Quarantined>, StoreError> {
        let sql = select_quarantined!("WHERE q.discarded = 1 ORDER BY q.at LIMIT ?1");
        self.read(move |db| QUARANTINE.all(db, sql, params![limit]))
            .await
    }

    async fn discard(
        &self,
        organization: &Organization,
        id: AttemptId,
    ) -> Result<bool, StoreError> {
        let organization = organization.clone();
        let sql = "DELETE FROM quarantine \
                   WHERE organization = ?1 AND attempt = ?2 AND discarded = 1";
        self.write_one(move |db| hit(db, sql, params![organization, id]))
            .await
    }
}

/// Where and when a turn changes its attempts.
pub(super) struct Opening<'a> {
    pub(super) organization: &'a Organization,
    pub(super) conversation: ConversationId,
    pub(super) at: Timestamp,
}

/// The attempts of a conversation that can still come to something, oldest first.
pub(super) fn unfinished(
    db: &Connection,
    organization: &Organization,
    conversation: ConversationId,
) -> Result<Vec<Attempt>, StoreError> {
    let sql =
        select!("WHERE organization = ?1 AND conversation = ?2 AND finished IS NULL ORDER BY id");
    ATTEMPTS.all(db, sql, params![organization, conversation])
}

/// Adds an attempt, in the place of the conversation's oldest where it has too many.
pub(super) fn open(
    db: &Connection,
    limits: &Options,
    place: &Opening<'_>,
    new: &NewAttempt,
) -> Result<(), StoreError> {
    let stay = limits.attempts_per_conversation.saturating_sub(1);
    for old in beyond(db, place, stay)? {
        fail(
            db,
            place.organization,
            old,
            &AttemptState::UNFINISHED,
            "replaced",
            place.at,
        )?;
    }
    count_in(db, place.organization, limits.attempts_per_organization)?;
    let sql = "INSERT INTO attempts (organization, id, conversation, session, run, connection, \
               link, at, deadline, state, changed, details) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 'open', ?8, ?10)";
    let NewAttempt {
        id,
        session,
        run,
        connection,
        link,
        deadline,
        details,
    } = new;
    must_hit(
        db,
        sql,
        params![
            place.organization,
            id,
            place.conversation,
            session,
            Bits(*run),
            connection,
            link,
            At(place.at),
            At(*deadline),
            details
        ],
    )
}

/// The unfinished attempts of the conversation but for the newest `stay`.
fn beyond(db: &Connection, place: &Opening<'_>, stay: u32) -> Result<Vec<AttemptId>, StoreError> {
    let sql = "SELECT id FROM attempts \
               WHERE organization = ?1 AND conversation = ?2 AND finished IS NULL \
               ORDER BY id DESC LIMIT -1 OFFSET ?3";
    IDS.all(
        db,
        sql,
        params![place.organization, place.conversation, stay],
    )
}

fn count_in(db: &Connection, organization: &Organization, limit: u32) -> Result<(), StoreError> {
    let sql = "INSERT INTO attempt_counts (organization, unfinished) SELECT ?1, 1 WHERE ?2 > 0 \
               ON CONFLICT DO UPDATE SET unfinished = unfinished + 1 WHERE unfinished < ?2";
    hit(db, sql, params![organization, limit])?
        .then_some(())
        .ok_or(StoreError::Busy)
}

fn count_out(db: &Connection, organization: &Organization) -> Result<(), StoreError> {
    let sql = "UPDATE attempt_counts SET unfinished = unfinished - 1 WHERE organization = ?1";
    must_hit(db, sql, params![organization])
}

fn bind(
    db: &Connection,
    organization: &Organization,
    id: AttemptId,
    claim: &Claim,
) -> Result<bool, StoreError> {
    let sql = "UPDATE attempts SET state = 'claimed', changed = ?8, claimed = ?8, cookie = ?3, \
               param = ?4, sealed = ?5, redirect_uri = ?6, issuer = ?7 \
               WHERE organization = ?1 AND id = ?2 AND deadline > ?8 \
               AND (state = 'open' OR (state = 'claimed' AND cookie = ?3))";
    let Claim {
        cookie,
        state,
        sealed,
        redirect_uri,
        issuer,
        at,
    } = claim;
    hit(
        db,
        sql,
        params![
            organization,
            id,
            cookie,
            state,
            sealed,
            redirect_uri,
            issuer,
            At(*at)
        ],
    )
}

fn put_away(
    db: &Connection,
    organization: &Organization,
    id: AttemptId,
    quarantine: &Quarantine,
) -> Result<bool, StoreError> {
    let sql = "UPDATE attempts SET state = 'quarantined', changed = ?3 \
               WHERE organization = ?1 AND id = ?2 AND state = 'exchanging'";
    let Quarantine {
        sealed,
        identity,
        code,
        at,
    } = quarantine;
    if !hit(db, sql, params![organization, id, At(*at)])? {
        return Ok(false);
    }
    let sql = "INSERT INTO quarantine (organization, attempt, sealed, identity, code, at) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    hit(
        db,
        sql,
        params![organization, id, sealed, identity, code, At(*at)],
    )
}

/// Ends an attempt without a grant, if it is in one of the states `from`.
pub(super) fn fail(
    db: &Connection,
    organization: &Organization,
    id: AttemptId,
    from: &[AttemptState],
    reason: &str,
    at: Timestamp,
) -> Result<bool, StoreError> {
    let [open, claimed, exchanging, quarantined] =
        AttemptState::UNFINISHED.map(|state| from.contains(&state).then_some(state));
    let sql = "UPDATE attempts SET state = 'failed', reason = ?3, changed = ?4, finished = ?4 \
               WHERE organization = ?1 AND id = ?2 AND state IN (?5, ?6, ?7, ?8)";
    let states = params![
        organization,
        id,
        reason,
        At(at),
        open,
        claimed,
        exchanging,
        quarantined
    ];
    if !hit(db, sql, states)? {
        return Ok(false);
    }
    let sql = "UPDATE quarantine SET discarded = 1 WHERE organization = ?1 AND attempt = ?2";
    hit(db, sql, params![organization, id])?;
    count_out(db, organization)?;
    Ok(true)
}

/// Ends a quarantined attempt before its deadline, and empties its quarantine.
pub(super) fn finish_by_release(
    db: &Connection,
    place: &Opening<'_>,
    id: AttemptId,
) -> Result<(), StoreError> {
    let sql = "UPDATE attempts SET state = 'released', changed = ?4, finished = ?4 \
               WHERE organization = ?1 AND id = ?2 AND conversation = ?3 \
               AND state = 'quarantined' AND deadline > ?4";
    must_hit(
        db,
        sql,
        params![place.organization, id, place.conversation, At(place.at)],
    )?;
    let sql = "DELETE FROM quarantine WHERE organization = ?1 AND attempt = ?2";
    must_hit(db, sql, params![place.organization, id])?;
    count_out(db, place.organization)
}

const ATTEMPTS: Table<Attempt> = Table {
    name: "attempts",
    read: attempt,
};
const IDS: Table<AttemptId> = Table {
    name: "attempts",
    read: |row| row.get(0),
};
const TRIES: Table<u32> = Table {
    name: "attempts",
    read: |row| row.get(1),
};
const QUARANTINE: Table<Quarantined> = Table {
    name: "quarantine",
    read: quarantined,
};

fn attempt(row: &Row<'_>) -> rusqlite::Result<Attempt> {
    Ok(Attempt {
        id: row.get(0)?,
        organization: row.get(1)?,
        conversation: row.get(2)?,
        session: row.get(3)?,
        run: row.get::<_, Bits>(4)?.0,
        connection: row.get(5)?,
        link: row.get(6)?,
        at: row.get::<_, At>(7)?.0,
        deadline: row.get::<_, At>(8)?.0,
        state: row.get(9)?,
        details: row.get(10)?,
        tries: row.get(11)?,
        reason: row.get(12)?,
        claim: claim(row)?,
    })
}

fn claim(row: &Row<'_>) -> rusqlite::Result<Option<Claim>> {
    let Some(cookie) = row.get(13)? else {
        return Ok(None);
    };
    Ok(Some(Claim {
        cookie,
        state: row.get(14)?,
        sealed: row.get(15)?,
        redirect_uri: row.get(16)?,
        issuer: row.get(17)?,
        at: row.get::<_, At>(18)?.0,
    }))
}

fn quarantined(row: &Row<'_>) -> rusqlite::Result<Quarantined> {
    Ok(Quarantined {
        attempt: row.get(0)?,
        organization: row.get(1)?,
        connection: row.get(2)?,
        sealed: row.get(3)?,
        identity: row.get(4)?,
        code: row.get(5)?,
        at: row.get::<_, At>(6)?.0,
    })
}
