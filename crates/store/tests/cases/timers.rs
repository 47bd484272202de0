use store::{Changes, Store, TimerChange};

use super::{Scene, at};

/// Proves in part: TMO-2 (that a node fires what is due is the app's)
pub async fn timers_are_due_in_order(store: &Store) {
    let mut expected = Vec::new();
    for (name, seconds) in [("acme", 30), ("other", 10), ("acme", 20)] {
        let mut scene = Scene::begin(store, name).await;
        let set = TimerChange::Set {
            run: 7,
            due: at(seconds),
        };
        scene
            .commit(Changes {
                timer: Some(set),
                ..scene.changes()
            })
            .await
            .unwrap();
        expected.push((seconds, scene.organization.clone(), scene.conversation));
    }
    expected.sort();
    let due = async |seconds, limit| {
        let found = store.timers.due(at(seconds), limit).await.unwrap();
        found
            .into_iter()
            .map(|t| (t.organization, t.conversation))
            .collect::<Vec<_>>()
    };
    let all: Vec<_> = expected
        .into_iter()
        .map(|(_, name, id)| (name, id))
        .collect();
    assert_eq!(store.timers.next().await.unwrap(), Some(at(10)));
    assert_eq!(due(9, 9).await, []);
    assert_eq!(due(10, 9).await, all[..1]);
    assert_eq!(due(99, 2).await, all[..2]);
    assert_eq!(due(99, 9).await, all);
}

pub async fn a_timer_that_is_cleared_is_never_due(store: &Store) {
    let mut scene = Scene::begin(store, "acme").await;
    let set = TimerChange::Set {
        run: 7,
        due: at(10),
    };
    scene
        .commit(Changes {
            timer: Some(set),
            ..scene.changes()
        })
        .await
        .unwrap();
    assert_eq!(scene.snapshot().await.timer, Some(at(10)));
    let clear = Some(TimerChange::Clear);
    scene
        .commit(Changes {
            timer: clear,
            ..scene.changes()
        })
        .await
        .unwrap();
    assert_eq!(store.timers.due(at(99), 9).await.unwrap(), []);
    assert_eq!(store.timers.next().await.unwrap(), None);
}
