//! What only `SQLite` has: a file, its mode, its schema, and one writer.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails"
)]
#![expect(
    unreachable_pub,
    dead_code,
    reason = "the cases are the suite's; this file borrows their scenes"
)]

mod cases;

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;
use store::{
    AttemptChange, AttemptState, Changes, OpenError, Options, Revision, Store, StoreError,
    TimerChange,
};
use tempfile::TempDir;

use cases::{Scene, activity, at, at_once, json, new_outbox, release};

/// A folder with a database, which is closed and opened again.
struct Disk {
    dir: TempDir,
}

impl Disk {
    fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
        }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("usher.db")
    }

    fn open(&self) -> Store {
        Store::sqlite(&self.path(), Options::default()).unwrap()
    }

    /// Past the store, as an operator with a shell has it.
    fn shell(&self) -> Connection {
        let db = Connection::open_with_flags(self.path(), rusqlite::OpenFlags::default()).unwrap();
        db.pragma_update(None, "foreign_keys", false).unwrap();
        db
    }

    fn run(&self, sql: &str) {
        self.shell().execute_batch(sql).unwrap();
    }
}

fn mode_of(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn the_files_are_their_owners_only() {
    let disk = Disk::new();
    let store = disk.open();
    Scene::begin(&store, "acme").await;
    let mut names: Vec<_> = std::fs::read_dir(disk.dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["usher.db", "usher.db-shm", "usher.db-wal"]);
    for name in names {
        assert_eq!(mode_of(&disk.dir.path().join(&name)), 0o600, "{name}");
    }
}

/// Proves in part: TMO-2 (that a node fires what is due is the app's)
#[tokio::test]
async fn everything_is_there_after_a_restart() {
    let disk = Disk::new();
    let mut scene = Scene::begin(&disk.open(), "acme").await;
    let grant = scene.granted().await;
    let attempt = scene.quarantined().await;
    let effect = new_outbox(at(5));
    let changes = Changes {
        session: Some(scene.session_change(r#"{"step":"ask"}"#)),
        activities: vec![activity(r#"{"text":"hello"}"#)],
        timer: Some(TimerChange::Set {
            run: 4,
            due: at(60),
        }),
        outbox: vec![effect.clone()],
        steps: vec![json("1")],
        ..scene.changes()
    };
    scene.commit(changes).await.unwrap();
    let before = scene.snapshot().await;

    scene.store = disk.open();
    assert_eq!(scene.snapshot().await, before);
    let Scene {
        store,
        organization,
        conversation,
        ..
    } = &scene;
    let said = store
        .conversations
        .activities(organization, *conversation, 0, 9)
        .await
        .unwrap();
    assert_eq!(said[0].body, json(r#"{"text":"hello"}"#));
    assert_eq!(store.timers.next().await.unwrap(), Some(at(60)));
    assert_eq!(
        store.outbox.take(at(5), at(9), 9).await.unwrap()[0].id,
        effect.id
    );
    assert!(
        store
            .grants
            .load(organization, grant)
            .await
            .unwrap()
            .is_some()
    );
    assert!(
        store
            .sign_ins
            .quarantined(organization, attempt)
            .await
            .unwrap()
            .is_some()
    );
    let steps = store
        .monitor
        .steps(organization, *conversation, Revision(0), 9)
        .await
        .unwrap();
    assert_eq!(steps.len(), 1);

    scene
        .change_attempt(AttemptChange::Release(release(attempt)))
        .await
        .unwrap();
    assert_eq!(scene.snapshot().await.grants.len(), 2);
}

/// Proves in part: OPS-2 (there is one schema so far, so nothing to upgrade)
#[tokio::test]
async fn a_newer_schema_is_refused_and_left_alone() {
    let disk = Disk::new();
    let scene = Scene::begin(&disk.open(), "acme").await;
    disk.run(
        "INSERT INTO refinery_schema_history (version, name, applied_on, checksum) \
         VALUES (9999, 'later', '2030-01-01T00:00:00Z', '1')",
    );
    let refused = Store::sqlite(&disk.path(), Options::default()).unwrap_err();
    assert!(matches!(
        refused,
        OpenError::NewerSchema { found: 9999, .. }
    ));
    let told = refused.to_string();
    assert!(told.contains("has schema 9999"), "{told}");
    assert!(told.contains("written by a newer version"), "{told}");

    disk.run("DELETE FROM refinery_schema_history WHERE version = 9999");
    let again = Scene {
        store: disk.open(),
        ..scene
    };
    assert_eq!(again.snapshot().await.revision, Revision(1));
}

#[test]
fn a_file_that_is_no_database_is_refused() {
    let disk = Disk::new();
    std::fs::write(disk.path(), vec![b'x'; 8192]).unwrap();
    let refused = Store::sqlite(&disk.path(), Options::default());
    assert!(matches!(refused, Err(OpenError::Unusable { .. })));
    let nowhere = disk.dir.path().join("no/such/folder.db");
    let refused = Store::sqlite(&nowhere, Options::default());
    assert!(matches!(refused, Err(OpenError::Unusable { .. })));
}

#[tokio::test]
async fn a_corrupt_row_is_named() {
    let damages = [
        (
            "conversations",
            "UPDATE conversations SET session_state = '{'",
        ),
        ("conversations", "UPDATE conversations SET session = x'00'"),
        ("attempts", "UPDATE attempts SET state = 'lost'"),
        (
            "attempts",
            "UPDATE attempts SET link = x'00' WHERE state = 'open'",
        ),
        ("grants", "UPDATE grants SET id = x'00'"),
    ];
    for (table, damage) in damages {
        let disk = Disk::new();
        let mut scene = Scene::begin(&disk.open(), "acme").await;
        scene.granted().await;
        let attempt = scene.open().await;
        disk.run(damage);
        let named = match table {
            "attempts" => attempt.to_string(),
            "grants" => "with a name of 1 bytes".to_owned(),
            _ => scene.conversation.to_string(),
        };
        let load = scene
            .store
            .conversations
            .load(&scene.organization, scene.conversation)
            .await;
        check_corrupt(load.map(drop), table, &named);
    }
}

#[tokio::test]
async fn a_corrupt_payload_is_named() {
    let disk = Disk::new();
    let mut scene = Scene::begin(&disk.open(), "acme").await;
    let said = activity("1");
    let changes = Changes {
        activities: vec![said.clone()],
        steps: vec![json("1")],
        outbox: vec![new_outbox(at(0))],
        ..scene.changes()
    };
    let effect = changes.outbox[0].id;
    scene.commit(changes).await.unwrap();
    disk.run("UPDATE activities SET body = ''; UPDATE turns SET steps = '[1'; UPDATE outbox SET payload = '1 2'");

    let Scene {
        store,
        organization,
        conversation,
        ..
    } = &scene;
    let read = store
        .conversations
        .activities(organization, *conversation, 0, 9)
        .await;
    check_corrupt(read.map(drop), "activities", &said.id.to_string());
    let read = store
        .monitor
        .steps(organization, *conversation, Revision(0), 9)
        .await;
    check_corrupt(read.map(drop), "turns", "1");
    let read = store.outbox.take(at(0), at(1), 9).await;
    check_corrupt(read.map(drop), "outbox", &effect.to_string());
}

fn check_corrupt(found: Result<(), StoreError>, table: &str, row: &str) {
    let error = found.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("table `{table}`, row `{row}` is corrupt")
    );
    assert!(std::error::Error::source(&error).is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn writes_at_once_share_their_commits() {
    let disk = Disk::new();
    let store = disk.open();
    let mut scenes = Vec::new();
    for _ in 0..200 {
        scenes.push(Scene::begin(&store, "acme").await);
    }
    let before = store.maintenance.counters();
    let commits = at_once(200, |n| {
        let mut scene = scenes[n as usize].clone();
        async move {
            scene
                .commit(Changes {
                    activities: vec![activity("1")],
                    ..scene.changes()
                })
                .await
        }
    });
    assert!(commits.await.iter().all(Result::is_ok));
    let after = store.maintenance.counters();
    assert_eq!(after.writes - before.writes, 200);
    let transactions = after.transactions - before.transactions;
    assert!(transactions < 200, "{transactions} transactions");
    for scene in scenes {
        assert_eq!(scene.snapshot().await.last_seq, 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_queue_of_one_lets_everybody_in_by_turns() {
    let disk = Disk::new();
    let options = Options {
        queue: 1,
        group: 2,
        readers: 1,
        ..Options::default()
    };
    let store = Store::sqlite(&disk.path(), options).unwrap();
    let answers = at_once(100, |_| {
        let store = store.clone();
        async move { Scene::begin(&store, "acme").await.snapshot().await.revision }
    });
    assert_eq!(answers.await, [Revision(1); 100]);
}

#[tokio::test]
async fn a_store_that_another_process_holds_says_so_and_goes_on() {
    let disk = Disk::new();
    let options = Options {
        patience: Duration::from_millis(20),
        ..Options::default()
    };
    let store = Store::sqlite(&disk.path(), options).unwrap();
    let mut scene = Scene::begin(&store, "acme").await;
    let id = scene.open().await;
    let holder = disk.shell();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    let cancel = AttemptChange::Fail {
        id,
        from: AttemptState::Open,
        reason: "x".to_owned(),
    };
    let refused = scene.change_attempt(cancel.clone()).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))));
    holder.execute_batch("ROLLBACK").unwrap();
    scene.change_attempt(cancel).await.unwrap();
}

/// Proves in part: TEN-1 (the routes are the server's; row-level security comes with `PostgreSQL`)
#[test]
fn every_table_has_its_organization_in_a_key() {
    let disk = Disk::new();
    drop(disk.open());
    let db = disk.shell();
    let sql = "SELECT m.name FROM sqlite_schema m WHERE m.type = 'table' AND NOT EXISTS (\
               SELECT 1 FROM pragma_index_list(m.name) l, pragma_index_info(l.name) i \
               WHERE l.\"unique\" AND i.name = 'organization') ORDER BY m.name";
    let mut statement = db.prepare(sql).unwrap();
    let without: Vec<String> = statement
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    // Keys of the interface are found by their digest, and an operator's has no organization.
    assert_eq!(without, ["api_keys", "refinery_schema_history"]);
}

#[test]
fn the_schema_is_as_published() {
    let disk = Disk::new();
    drop(disk.open());
    let db = disk.shell();
    let sql = "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'refinery%' \
               ORDER BY type DESC, name";
    let mut statement = db.prepare(sql).unwrap();
    let all: Vec<String> = statement
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    insta::assert_snapshot!(all.join(";\n\n"));
}
