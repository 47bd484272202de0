//! One turn, written: an update that is conditional on the revision, then what else there is.

use rusqlite::{Connection, OptionalExtension, ToSql, params};

use super::outbox;
use super::rows::{hit, must_hit};
use super::sign_ins;
use super::values::{At, Bits, Documents};
use crate::{
    AttemptChange, Changes, Committed, ConversationId, GrantId, NewActivity, Options, Organization,
    Release, Revision, StoreError, TimerChange,
};

pub(super) fn commit(
    db: &Connection,
    limits: &Options,
    changes: Changes,
) -> Result<Committed, StoreError> {
    let last_seq = advance(db, &changes)?;
    let first_seq = last_seq + 1 - count(&changes.activities);
    for (activity, seq) in changes.activities.iter().zip(first_seq..) {
        say(db, &changes, activity, seq)?;
    }
    if let Some(done) = changes.outbox_done
        && !outbox::delete(db, &changes.organization, done)?
    {
        return Err(StoreError::AnsweredBefore);
    }
    for change in &changes.attempts {
        change_attempt(db, limits, &changes, change)?;
    }
    for grant in &changes.grants_removed {
        remove_grant(db, &changes, *grant)?;
    }
    for new in &changes.outbox {
        outbox::insert(db, &changes.organization, Some(changes.conversation), new)?;
    }
    let revision = Revision(changes.base.0 + 1);
    record(db, changes, revision)?;
    Ok(Committed {
        revision,
        seqs: first_seq..last_seq + 1,
    })
}

/// Sets all that the conversation's own row holds.
macro_rules! advance {
    ($timer:literal) => {
        concat!(
            "UPDATE conversations SET revision = revision + 1, changed = ?4, ",
            "last_seq = last_seq + ?5, ",
            "session = CASE WHEN ?6 THEN ?7 ELSE session END, ",
            "session_version = CASE WHEN ?6 THEN ?8 ELSE session_version END, ",
            "session_state = CASE WHEN ?6 THEN ?9 ELSE session_state END",
            $timer,
            " WHERE organization = ?1 AND id = ?2 AND revision = ?3 RETURNING last_seq"
        )
    };
}

/// The number of the last thing said, with what this turn says.
fn advance(db: &Connection, changes: &Changes) -> Result<i64, StoreError> {
    let said = count(&changes.activities);
    let at = At(changes.at);
    let session = changes.session.as_ref();
    let state = session.filter(|s| !s.ended).map(|s| &s.state);
    let (run, due) = changes.timer.as_ref().and_then(timer_columns).unzip();
    let columns: [&dyn ToSql; 11] = [
        &changes.organization,
        &changes.conversation,
        &changes.base.0,
        &at,
        &said,
        &session.is_some(),
        &session.map(|s| s.id),
        &session.map(|s| s.version),
        &state,
        &run,
        &due,
    ];
    // Two statements, since naming the timer rewrites its index, and most turns leave it alone.
    let (sql, columns) = match changes.timer {
        None => (advance!(""), &columns[..9]),
        Some(_) => (advance!(", timer_run = ?10, timer_due = ?11"), &columns[..]),
    };
    let last_seq = db.prepare_cached(sql)?.query_row(columns, |row| row.get(0));
    last_seq.optional()?.ok_or(StoreError::Conflict)
}

fn timer_columns(timer: &TimerChange) -> Option<(Bits, At)> {
    match timer {
        TimerChange::Set { run, due } => Some((Bits(*run), At(*due))),
        TimerChange::Clear => None,
    }
}

fn count(activities: &[NewActivity]) -> i64 {
    i64::try_from(activities.len()).unwrap_or(i64::MAX)
}

fn say(
    db: &Connection,
    changes: &Changes,
    activity: &NewActivity,
    seq: i64,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO activities (organization, conversation, seq, id, at, body) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let Changes {
        organization,
        conversation,
        at,
        ..
    } = changes;
    let NewActivity { id, body } = activity;
    must_hit(
        db,
        sql,
        params![organization, conversation, seq, id, At(*at), body],
    )
}

fn change_attempt(
    db: &Connection,
    limits: &Options,
    changes: &Changes,
    change: &AttemptChange,
) -> Result<(), StoreError> {
    let Changes {
        organization,
        conversation,
        at,
        ..
    } = changes;
    match change {
        AttemptChange::Open(new) => {
            let place = sign_ins::Opening {
                organization,
                conversation: *conversation,
                at: *at,
            };
            sign_ins::open(db, limits, &place, new)
        }
        AttemptChange::Fail { id, from, reason } => {
            let failed = sign_ins::fail(db, organization, *id, &[*from], reason, *at)?;
            failed.then_some(()).ok_or(StoreError::Conflict)
        }
        AttemptChange::Release(release) => {
            let place = sign_ins::Opening {
                organization,
                conversation: *conversation,
                at: *at,
            };
            sign_ins::finish_by_release(db, &place, release.id)?;
            grant(db, organization, *conversation, release, At(*at))
        }
    }
}

/// Makes the grant of what the attempt was for, if the session that asked is still the conversation's.
fn grant(
    db: &Connection,
    organization: &Organization,
    conversation: ConversationId,
    release: &Release,
    at: At,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO grants (organization, id, conversation, session, connection, version, \
               sealed, expires_at, proofs, at) \
               SELECT a.organization, ?4, a.conversation, a.session, a.connection, 1, \
               ?5, ?6, ?7, ?8 \
               FROM attempts a JOIN conversations c \
               ON c.organization = a.organization AND c.id = a.conversation \
               AND c.session = a.session \
               WHERE a.organization = ?1 AND a.id = ?2 AND a.conversation = ?3";
    let Release {
        id,
        grant,
        sealed,
        expires_at,
        proofs,
    } = release;
    must_hit(
        db,
        sql,
        params![
            organization,
            id,
            conversation,
            grant,
            sealed,
            At(*expires_at),
            proofs,
            at
        ],
    )
}

fn remove_grant(db: &Connection, changes: &Changes, grant: GrantId) -> Result<bool, StoreError> {
    let sql = "DELETE FROM grants WHERE organization = ?1 AND id = ?2 AND conversation = ?3";
    hit(
        db,
        sql,
        params![changes.organization, grant, changes.conversation],
    )
}

/// Keeps the steps for the monitor, all in one row.
fn record(db: &Connection, changes: Changes, revision: Revision) -> Result<(), StoreError> {
    if changes.steps.is_empty() {
        return Ok(());
    }
    let sql = "INSERT INTO turns (organization, conversation, revision, session, at, steps) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let session = changes.session.map(|s| s.id);
    let (at, steps) = (At(changes.at), Documents(changes.steps));
    must_hit(
        db,
        sql,
        params![
            changes.organization,
            changes.conversation,
            revision.0,
            session,
            at,
            steps
        ],
    )
}
