//! The one writer: a thread that commits in groups.
//!
//! A commit costs a wait for the disk, which is worth hundreds of statements. So the thread takes all
//! writes that wait, runs each within a savepoint of its own, and commits once; meanwhile the next ones
//! gather. Alone, a write is committed at once. Nobody is answered before the commit: an answer says
//! what is durable, and a `false` may rest on the write before it in the same group.

use std::error::Error;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use crate::{Counters, StoreError};

pub(super) struct Writer {
    jobs: mpsc::Sender<Box<dyn Job>>,
    counts: Arc<Counts>,
}

/// Who sees to it that a job leaves nothing behind when it fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Atomic {
    /// The job is one statement, which the database undoes.
    ByItself,
    /// The writer, by a savepoint.
    ByUs,
}

impl Writer {
    /// Lets `queue` jobs wait, and commits `group` of them at once.
    pub(super) fn start(db: Connection, queue: usize, group: usize) -> Self {
        let (jobs, incoming) = mpsc::channel(queue.max(1));
        let counts = Arc::new(Counts::default());
        let counted = Arc::clone(&counts);
        thread::spawn(move || run(&db, incoming, group.max(1), &counted));
        Self { jobs, counts }
    }

    /// Waits to be let into the queue, then for the commit.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        atomic: Atomic,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let job = Pending {
            atomic,
            work: Some(work),
            done: None,
            reply,
        };
        self.jobs.send(Box::new(job)).await.map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }

    pub(super) fn counters(&self) -> Counters {
        Counters {
            writes: self.counts.writes.load(Ordering::Relaxed),
            transactions: self.counts.transactions.load(Ordering::Relaxed),
        }
    }
}

#[derive(Default)]
struct Counts {
    writes: AtomicU64,
    transactions: AtomicU64,
}

/// Why a transaction is no more, for all whose work was in it.
type Lost = Arc<dyn Error + Send + Sync>;

/// One write, whatever it answers.
trait Job: Send {
    fn atomic(&self) -> Atomic;
    /// Whether it succeeded.
    fn run(&mut self, db: &Connection) -> bool;
    fn answer(self: Box<Self>, commit: Result<(), Lost>);
}

struct Pending<F, T> {
    atomic: Atomic,
    work: Option<F>,
    done: Option<Result<T, StoreError>>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<F, T> Job for Pending<F, T>
where
    F: FnOnce(&Connection) -> Result<T, StoreError> + Send,
    T: Send,
{
    fn atomic(&self) -> Atomic {
        self.atomic
    }

    fn run(&mut self, db: &Connection) -> bool {
        self.done = self.work.take().map(|work| guarded(work, db));
        matches!(self.done, Some(Ok(_)))
    }

    fn answer(self: Box<Self>, commit: Result<(), Lost>) {
        let answer = match commit {
            Ok(()) => self.done.unwrap_or_else(|| Err(stopped())),
            Err(outage) => Err(StoreError::Unavailable(outage)),
        };
        // Whoever asked may have gone away; what was committed stays.
        drop(self.reply.send(answer));
    }
}

/// Runs `work`; a panic in it must not take the writer along (LIM-7).
pub(super) fn guarded<T>(
    work: impl FnOnce(&Connection) -> Result<T, StoreError>,
    db: &Connection,
) -> Result<T, StoreError> {
    catch_unwind(AssertUnwindSafe(|| work(db))).unwrap_or_else(|_| {
        tracing::error!("a job of the store panicked");
        Err(StoreError::Unavailable(Arc::new(Outage::Panicked)))
    })
}

fn run(db: &Connection, mut incoming: mpsc::Receiver<Box<dyn Job>>, group: usize, counts: &Counts) {
    let mut jobs = Vec::with_capacity(group);
    while incoming.blocking_recv_many(&mut jobs, group) > 0 {
        commit_group(db, jobs.drain(..), counts);
    }
}

fn commit_group(db: &Connection, jobs: impl Iterator<Item = Box<dyn Job>>, counts: &Counts) {
    let mut ran = Vec::new();
    for mut job in jobs {
        counts.writes.fetch_add(1, Ordering::Relaxed);
        match attempt(db, job.as_mut()) {
            Ok(()) => ran.push(job),
            Err(lost) => {
                // A full disk may undo the whole transaction, hence also the jobs before this one.
                ran.push(job);
                answer_all(&mut ran, &Err(undone(db, lost)));
            }
        }
    }
    if ran.is_empty() {
        return;
    }
    let commit = commit(db);
    counts.transactions.fetch_add(1, Ordering::Relaxed);
    answer_all(&mut ran, &commit);
}

fn answer_all(jobs: &mut Vec<Box<dyn Job>>, commit: &Result<(), Lost>) {
    for job in jobs.drain(..) {
        job.answer(commit.clone());
    }
}

/// Runs `job` in the open transaction, which it begins if there is none. An error if the transaction,
/// with all that was done in it, is no more.
fn attempt(db: &Connection, job: &mut dyn Job) -> Result<(), Lost> {
    if db.is_autocommit() {
        step(db, "BEGIN IMMEDIATE")?;
    }
    if job.atomic() == Atomic::ByItself {
        job.run(db);
    } else {
        step(db, "SAVEPOINT job")?;
        let undo = !job.run(db) && !db.is_autocommit();
        if undo {
            step(db, "ROLLBACK TO job")?;
        }
        if !db.is_autocommit() {
            step(db, "RELEASE job")?;
        }
    }
    if db.is_autocommit() {
        return Err(Arc::new(Outage::Undone));
    }
    Ok(())
}

/// Commits, or leaves no transaction open.
fn commit(db: &Connection) -> Result<(), Lost> {
    step(db, "COMMIT").map_err(|outage| undone(db, outage))
}

/// Sees to it that nothing of a failed transaction is left for the next commit.
fn undone(db: &Connection, outage: Lost) -> Lost {
    tracing::error!(error = %outage, "a group of writes is lost");
    if !db.is_autocommit()
        && let Err(error) = step(db, "ROLLBACK")
    {
        tracing::error!(%error, "a lost transaction could not be rolled back");
    }
    outage
}

fn step(db: &Connection, sql: &str) -> Result<(), Lost> {
    let done = db.prepare_cached(sql).and_then(|mut s| s.execute([]));
    done.map(drop).map_err(|error| Arc::new(error) as _)
}

/// Why nothing can be said about a job but that it did not happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outage {
    Stopped,
    Panicked,
    Undone,
}

impl fmt::Display for Outage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stopped => "the store has stopped",
            Self::Panicked => "the job panicked",
            Self::Undone => "the database undid the transaction",
        })
    }
}

impl Error for Outage {}

pub(super) fn stopped() -> StoreError {
    StoreError::Unavailable(Arc::new(Outage::Stopped))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A writer whose jobs all come in one group: it starts when they are in the queue.
    fn group(jobs: Vec<(Atomic, &'static str)>) -> (Vec<Result<(), StoreError>>, Connection) {
        let db = Connection::open_in_memory().unwrap();
        db.execute_batch(
            "PRAGMA foreign_keys = ON;
             PRAGMA max_page_count = 20;
             CREATE TABLE t (n INTEGER PRIMARY KEY);
             CREATE TABLE child (n INTEGER REFERENCES t (n) DEFERRABLE INITIALLY DEFERRED);",
        )
        .unwrap();
        let mut pending: Vec<Box<dyn Job>> = Vec::new();
        let mut answers = Vec::new();
        for (atomic, sql) in jobs {
            let (reply, answer) = oneshot::channel();
            let work = Some(move |db: &Connection| run_job(db, sql));
            pending.push(Box::new(Pending {
                atomic,
                work,
                done: None,
                reply,
            }));
            answers.push(answer);
        }
        commit_group(&db, pending.into_iter(), &Counts::default());
        let answers = answers
            .iter_mut()
            .map(|a| a.try_recv().expect("everybody is answered"));
        (answers.collect(), db)
    }

    fn run_job(db: &Connection, sql: &str) -> Result<(), StoreError> {
        assert_ne!(sql, "panic", "a job may panic");
        if sql == "conflict" {
            db.execute_batch("INSERT INTO t VALUES (99)")?;
            return Err(StoreError::Conflict);
        }
        Ok(db.execute_batch(sql)?)
    }

    /// What happened to each job, and what is stored.
    fn check(jobs: Vec<(Atomic, &'static str)>, expected: &[&str], stored: &[i64]) {
        let (answers, db) = group(jobs);
        let told: Vec<_> = answers.iter().map(name).collect();
        assert_eq!(told, expected);
        assert!(db.is_autocommit(), "no transaction is left open");
        let mut statement = db.prepare("SELECT n FROM t ORDER BY n").unwrap();
        let rows = statement.query_map([], |row| row.get(0)).unwrap();
        assert_eq!(rows.map(Result::unwrap).collect::<Vec<i64>>(), stored);
    }

    fn name(answer: &Result<(), StoreError>) -> &'static str {
        match answer {
            Ok(()) => "ok",
            Err(StoreError::Conflict) => "conflict",
            Err(StoreError::Unavailable(_)) => "unavailable",
            Err(other) => panic!("{other}"),
        }
    }

    const ONE: (Atomic, &str) = (Atomic::ByUs, "INSERT INTO t VALUES (1)");
    const TWO: (Atomic, &str) = (Atomic::ByItself, "INSERT INTO t VALUES (2)");

    #[test]
    fn a_job_that_fails_is_undone_alone() {
        check(
            vec![ONE, (Atomic::ByUs, "conflict"), TWO],
            &["ok", "conflict", "ok"],
            &[1, 2],
        );
    }

    #[test]
    fn a_statement_that_fails_needs_no_savepoint() {
        let again = (Atomic::ByItself, "INSERT INTO t VALUES (1)");
        check(vec![ONE, again, TWO], &["ok", "conflict", "ok"], &[1, 2]);
    }

    /// Proves in part: LIM-7 (requests and sockets are the server's)
    #[test]
    fn a_job_that_panics_harms_nobody_else() {
        check(
            vec![ONE, (Atomic::ByUs, "panic"), TWO],
            &["ok", "unavailable", "ok"],
            &[1, 2],
        );
    }

    #[test]
    fn a_commit_that_fails_fails_every_job() {
        let orphan = (Atomic::ByUs, "INSERT INTO child VALUES (7)");
        let answers = ["unavailable", "unavailable", "unavailable"];
        check(vec![ONE, (Atomic::ByUs, "conflict"), orphan], &answers, &[]);
    }

    /// Proves in part: LIM-8 (alarms are the server's)
    #[test]
    fn a_job_that_fills_the_disk_fails_alone() {
        let fill = "INSERT INTO t WITH RECURSIVE c (n) AS \
                    (SELECT 9 UNION ALL SELECT n + 1 FROM c WHERE n < 99999) SELECT n FROM c";
        let jobs = vec![ONE, (Atomic::ByUs, fill), (Atomic::ByItself, fill), TWO];
        check(jobs, &["ok", "unavailable", "unavailable", "ok"], &[1, 2]);
    }

    /// Proves in part: LIM-8 (alarms are the server's)
    #[test]
    fn a_transaction_that_the_database_undoes_fails_the_jobs_in_it_only() {
        let undo = (Atomic::ByUs, "INSERT INTO t VALUES (3); ROLLBACK");
        check(
            vec![ONE, undo, TWO],
            &["unavailable", "unavailable", "ok"],
            &[2],
        );
    }
}
