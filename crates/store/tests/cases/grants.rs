use store::{AttemptChange, Changes, Digest, NewSeal, SessionId, Store, StoreError};

use super::{Scene, at, at_once, count, json, organization, release, unique};

/// Proves in part: PHI-1 (the decision is the app's)
pub async fn a_grant_has_what_the_attempt_was_for(store: &Store) {
    let mut scene = Scene::begin(store, "acme").await;
    let id = scene.granted().await;
    let grant = store
        .grants
        .load(&scene.organization, id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((grant.id, grant.version), (id, 1));
    assert_eq!(
        (&grant.organization, grant.conversation),
        (&scene.organization, scene.conversation)
    );
    assert_eq!(
        (grant.session, grant.connection.as_str()),
        (scene.session, "corp")
    );
    assert_eq!((grant.sealed, grant.expires_at), (vec![7, 8, 9], at(3600)));
    assert_eq!((grant.proofs, grant.at), (json(r#"["p1","p2"]"#), at(0)));
}

/// Proves in part: RTR-2 (what the provider rotates is the app's)
pub async fn of_many_refreshes_exactly_one_is_kept(store: &Store) {
    let mut scene = Scene::begin(store, "acme").await;
    let id = scene.granted().await;
    let refreshes = at_once(50, |n| {
        let scene = scene.clone();
        async move {
            let seal = NewSeal {
                sealed: n.to_be_bytes().to_vec(),
                expires_at: at(n.into()),
            };
            let kept = scene
                .store
                .grants
                .replace(&scene.organization, id, 1, seal.clone())
                .await;
            kept.map(|()| seal)
        }
    });
    let refreshes = refreshes.await;
    assert_eq!(
        count(&refreshes, |r| matches!(r, Err(StoreError::Conflict))),
        49
    );
    let kept = refreshes.into_iter().find_map(Result::ok).unwrap();
    let grant = store
        .grants
        .load(&scene.organization, id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (grant.version, grant.sealed, grant.expires_at),
        (2, kept.sealed, kept.expires_at)
    );
}

/// Proves in part: TOK-1 (which connections share is the app's)
pub async fn the_grants_of_a_browser_are_found_in_all_its_conversations(store: &Store) {
    let (ours, other) = (Digest([1; 32]), Digest([2; 32]));
    let mut granted = Vec::new();
    for (name, browser) in [
        ("acme", Some(ours)),
        ("acme", Some(ours)),
        ("acme", Some(other)),
        ("acme", None),
        ("other", Some(ours)),
    ] {
        let mut scene = Scene::in_browser(store, name, browser).await;
        granted.push(scene.granted().await);
    }
    let acme = organization("acme");
    let found = store.grants.of_browser(&acme, ours).await.unwrap();
    let mut ids: Vec<_> = found.into_iter().map(|grant| grant.id).collect();
    ids.sort();
    granted.truncate(2);
    granted.sort();
    assert_eq!(ids, granted);
}

/// Proves in part: SEA-6 (which events remove is the app's)
pub async fn a_removed_grant_is_gone(store: &Store) {
    let mut scene = Scene::begin(store, "acme").await;
    let id = scene.granted().await;
    assert!(store.grants.remove(&scene.organization, id).await.unwrap());
    assert!(!store.grants.remove(&scene.organization, id).await.unwrap());
    assert_eq!(
        store.grants.load(&scene.organization, id).await.unwrap(),
        None
    );
    assert_eq!(scene.snapshot().await.grants, []);
    let seal = NewSeal {
        sealed: vec![],
        expires_at: at(0),
    };
    let late = store.grants.replace(&scene.organization, id, 1, seal).await;
    assert!(matches!(late, Err(StoreError::Conflict)));
}

pub async fn a_turn_removes_grants_of_its_conversation_only(store: &Store) {
    let mut scene = Scene::begin(store, "acme").await;
    let (mine, mut other) = (scene.granted().await, Scene::begin(store, "acme").await);
    let theirs = other.granted().await;
    let grants_removed = vec![theirs, mine, mine];
    scene
        .commit(Changes {
            grants_removed,
            ..scene.changes()
        })
        .await
        .unwrap();
    assert_eq!(scene.snapshot().await.grants, []);
    assert_eq!(other.snapshot().await.grants.len(), 1);
}

pub async fn a_turn_sees_the_grants_of_its_session_only(store: &Store) {
    let mut scene = Scene::begin(store, "acme").await;
    let old = scene.granted().await;
    scene.session = SessionId::new(at(9), unique());
    let session = Some(scene.session_change("{}"));
    scene
        .commit(Changes {
            session,
            ..scene.changes()
        })
        .await
        .unwrap();
    let new = scene.granted().await;
    let seen: Vec<_> = scene
        .snapshot()
        .await
        .grants
        .iter()
        .map(|grant| grant.id)
        .collect();
    assert_eq!(seen, [new]);
    assert!(
        store
            .grants
            .load(&scene.organization, old)
            .await
            .unwrap()
            .is_some()
    );
}

/// Proves in part: TEN-1 (the routes are the server's)
pub async fn a_grant_of_another_organization_is_not_there(store: &Store) {
    let mut scene = Scene::begin(store, "acme").await;
    let id = scene.granted().await;
    let other = organization("other");
    assert_eq!(store.grants.load(&other, id).await.unwrap(), None);
    assert!(!store.grants.remove(&other, id).await.unwrap());
    let seal = NewSeal {
        sealed: vec![],
        expires_at: at(0),
    };
    let replaced = store.grants.replace(&other, id, 1, seal).await;
    assert!(matches!(replaced, Err(StoreError::Conflict)));

    // An id may be the same in two organizations; a grant of one is not the other's.
    let mut theirs = Scene::begin(store, "other").await;
    let mut same = release(theirs.quarantined().await);
    same.grant = id;
    theirs
        .change_attempt(AttemptChange::Release(same))
        .await
        .unwrap();
    assert!(store.grants.remove(&other, id).await.unwrap());
    assert!(
        store
            .grants
            .load(&scene.organization, id)
            .await
            .unwrap()
            .is_some()
    );
}
