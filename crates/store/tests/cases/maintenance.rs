use store::{AttemptChange, AttemptState, Changes, Store, Sweep, Swept};

use super::{Scene, at};

fn cancel(id: store::AttemptId, from: AttemptState) -> AttemptChange {
    AttemptChange::Fail {
        id,
        from,
        reason: "cancelled".to_owned(),
    }
}

/// Proves in part: LIM-4 (when to sweep is the app's)
pub async fn finished_attempts_are_swept_and_unfinished_ones_stay(store: &Store) {
    let mut scene = Scene::begin(store, "acme").await;
    let (failed, open) = (scene.open().await, scene.open().await);
    scene.granted().await;
    let changes = Changes {
        at: at(10),
        attempts: vec![cancel(failed, AttemptState::Open)],
        ..scene.changes()
    };
    scene.commit(changes).await.unwrap();

    let sweep = async |seconds| {
        let sweep = Sweep {
            finished_before: at(seconds),
            limit: 9,
        };
        store.maintenance.sweep(sweep).await.unwrap().attempts
    };
    assert_eq!(sweep(10).await, 1, "the released one");
    assert_eq!(sweep(11).await, 1, "the failed one");
    assert_eq!(sweep(9999).await, 0);
    assert!(
        store
            .sign_ins
            .load(&scene.organization, failed)
            .await
            .unwrap()
            .is_none()
    );
    assert!(
        store
            .sign_ins
            .load(&scene.organization, open)
            .await
            .unwrap()
            .is_some()
    );
    assert_eq!(
        scene.snapshot().await.grants.len(),
        1,
        "a grant outlives its attempt"
    );
}

/// Proves in part: PHI-10 (that the provider is asked to revoke is the app's)
pub async fn tokens_that_wait_for_revocation_are_not_swept(store: &Store) {
    let mut scene = Scene::begin(store, "acme").await;
    let id = scene.quarantined().await;
    scene
        .change_attempt(cancel(id, AttemptState::Quarantined))
        .await
        .unwrap();
    let sweep = Sweep {
        finished_before: at(9999),
        limit: 9,
    };
    assert_eq!(
        store.maintenance.sweep(sweep.clone()).await.unwrap(),
        Swept::default()
    );
    assert!(
        store
            .sign_ins
            .discard(&scene.organization, id)
            .await
            .unwrap()
    );
    assert_eq!(store.maintenance.sweep(sweep).await.unwrap().attempts, 1);
}

pub async fn a_sweep_is_bounded(store: &Store) {
    let mut scene = Scene::begin(store, "acme").await;
    for _ in 0..3 {
        let id = scene.open().await;
        scene
            .change_attempt(cancel(id, AttemptState::Open))
            .await
            .unwrap();
    }
    let sweep = Sweep {
        finished_before: at(9999),
        limit: 2,
    };
    let swept = store.maintenance.sweep(sweep.clone()).await.unwrap();
    assert_eq!(
        swept,
        Swept {
            attempts: 2,
            more: true
        }
    );
    let swept = store.maintenance.sweep(sweep).await.unwrap();
    assert_eq!(
        swept,
        Swept {
            attempts: 1,
            more: false
        }
    );
}

pub async fn a_sound_store_passes_its_check(store: &Store) {
    store.maintenance.check().await.unwrap();
}
