use store::{Changes, NewOutbox, Store, StoreError};

use super::{Scene, at, at_once, new_outbox, organization};

pub async fn what_is_due_is_taken_and_comes_back_after_its_lease(store: &Store) {
    let mut scene = Scene::begin(store, "acme").await;
    let new = new_outbox(at(10));
    scene
        .commit(Changes {
            outbox: vec![new.clone()],
            ..scene.changes()
        })
        .await
        .unwrap();
    let free = NewOutbox {
        once: false,
        ..new_outbox(at(20))
    };
    store
        .outbox
        .add(&organization("other"), free.clone())
        .await
        .unwrap();
    let again = store.outbox.add(&organization("other"), free.clone()).await;
    assert!(matches!(again, Err(StoreError::Conflict)));

    let take = async |now, until| store.outbox.take(at(now), at(until), 9).await.unwrap();
    assert_eq!(store.outbox.next_due().await.unwrap(), Some(at(10)));
    assert_eq!(take(9, 39).await, []);
    let [item] = <[_; 1]>::try_from(take(10, 40).await).unwrap();
    assert_eq!(
        (item.id, &item.kind, &item.payload),
        (new.id, &new.kind, &new.payload)
    );
    assert_eq!(
        (item.organization, item.conversation),
        (scene.organization, Some(scene.conversation))
    );
    assert_eq!((item.once, item.started, item.takes), (true, false, 1));

    assert_eq!(take(11, 41).await, [], "it is held");
    let later = take(40, 70).await;
    assert_eq!(
        later.iter().map(|i| (i.id, i.takes)).collect::<Vec<_>>(),
        [(new.id, 2), (free.id, 1)]
    );
    assert_eq!((later[1].conversation, later[1].once), (None, false));
}

pub async fn of_many_takers_exactly_one_gets_an_effect(store: &Store) {
    for _ in 0..20 {
        store
            .outbox
            .add(&organization("acme"), new_outbox(at(0)))
            .await
            .unwrap();
    }
    let takers = at_once(10, |_| {
        let store = store.clone();
        async move { store.outbox.take(at(0), at(30), 3).await.unwrap() }
    });
    let mut taken: Vec<_> = takers
        .await
        .into_iter()
        .flatten()
        .map(|item| item.id)
        .collect();
    assert_eq!(taken.len(), 20);
    taken.sort_unstable();
    taken.dedup();
    assert_eq!(taken.len(), 20);
}

pub async fn a_start_is_recorded_once(store: &Store) {
    let (acme, new) = (organization("acme"), new_outbox(at(0)));
    store.outbox.add(&acme, new.clone()).await.unwrap();
    assert!(store.outbox.start(&acme, new.id).await.unwrap());
    assert!(!store.outbox.start(&acme, new.id).await.unwrap());
    let taken = store.outbox.take(at(0), at(30), 9).await.unwrap();
    assert!(
        taken[0].started,
        "who takes it after a crash sees that it went out"
    );
}

pub async fn an_effect_put_off_waits_and_may_start_again(store: &Store) {
    let (acme, new) = (organization("acme"), new_outbox(at(0)));
    store.outbox.add(&acme, new.clone()).await.unwrap();
    assert!(store.outbox.start(&acme, new.id).await.unwrap());
    assert!(store.outbox.put_off(&acme, new.id, at(60)).await.unwrap());
    assert_eq!(store.outbox.next_due().await.unwrap(), Some(at(60)));
    assert_eq!(store.outbox.take(at(59), at(99), 9).await.unwrap(), []);
    assert!(!store.outbox.take(at(60), at(99), 9).await.unwrap()[0].started);
    assert!(store.outbox.start(&acme, new.id).await.unwrap());
}

pub async fn an_effect_that_is_done_is_gone(store: &Store) {
    let (acme, new) = (organization("acme"), new_outbox(at(0)));
    store.outbox.add(&acme, new.clone()).await.unwrap();
    assert!(store.outbox.done(&acme, new.id).await.unwrap());
    assert!(!store.outbox.done(&acme, new.id).await.unwrap());
    assert!(!store.outbox.start(&acme, new.id).await.unwrap());
    assert!(!store.outbox.put_off(&acme, new.id, at(1)).await.unwrap());
    assert_eq!(store.outbox.next_due().await.unwrap(), None);
}

/// Proves in part: TEN-1 (the routes are the server's)
pub async fn an_effect_of_another_organization_is_not_touched(store: &Store) {
    let (other, new) = (organization("other"), new_outbox(at(0)));
    let mut scene = Scene::begin(store, "acme").await;
    scene
        .commit(Changes {
            outbox: vec![new.clone()],
            ..scene.changes()
        })
        .await
        .unwrap();
    assert!(!store.outbox.start(&other, new.id).await.unwrap());
    assert!(!store.outbox.put_off(&other, new.id, at(9)).await.unwrap());
    assert!(!store.outbox.done(&other, new.id).await.unwrap());
    let mut theirs = Scene::begin(store, "other").await;
    let answer = Changes {
        outbox_done: Some(new.id),
        ..theirs.changes()
    };
    assert!(matches!(
        theirs.commit(answer).await,
        Err(StoreError::AnsweredBefore)
    ));
    assert!(!store.outbox.take(at(0), at(9), 9).await.unwrap()[0].started);
}
