use store::{AttemptChange, AttemptState, Changes, NewAttempt, SessionId, Store, StoreError};

use super::{
    ATTEMPTS_PER_ORGANIZATION, LIFE_S, Scene, at, at_once, claim, count, digest, organization,
    quarantine, release, unique,
};

use AttemptState::{Claimed, Exchanging, Failed, Open, Quarantined, Released};

pub async fn an_attempt_is_found_by_its_link_whatever_its_organization(store: &Store) {
    let mut scene = Scene::begin(store, "acme").await;
    let new = scene.new_attempt();
    scene
        .change_attempt(AttemptChange::Open(new.clone()))
        .await
        .unwrap();

    let found = store.sign_ins.by_link(new.link).await.unwrap().unwrap();
    assert_eq!((found.id, found.state, found.tries), (new.id, Open, 0));
    assert_eq!(
        (&found.organization, found.conversation),
        (&scene.organization, scene.conversation)
    );
    assert_eq!((found.session, found.run), (new.session, new.run));
    assert_eq!((found.at, found.deadline), (at(0), at(LIFE_S)));
    assert_eq!(
        (&found.connection, &found.details),
        (&new.connection, &new.details)
    );
    assert_eq!((&found.claim, &found.reason), (&None, &None));
    assert_eq!(scene.snapshot().await.attempts, [found]);
    assert_eq!(store.sign_ins.by_link(digest()).await.unwrap(), None);
}

pub async fn a_link_is_offered_once(store: &Store) {
    let mut scene = Scene::begin(store, "acme").await;
    let mut other = Scene::begin(store, "other").await;
    let new = scene.new_attempt();
    scene
        .change_attempt(AttemptChange::Open(new.clone()))
        .await
        .unwrap();
    let same = NewAttempt {
        link: new.link,
        ..other.new_attempt()
    };
    let again = other.change_attempt(AttemptChange::Open(same)).await;
    assert!(matches!(again, Err(StoreError::Conflict)));
}

/// Proves in part: PHI-7 (what the other browser and the person are told is the server's)
pub async fn of_many_browsers_exactly_one_claims(store: &Store) {
    let mut scene = Scene::begin(store, "acme").await;
    let id = scene.open().await;
    let browsers = at_once(50, |_| {
        let scene = scene.clone();
        async move {
            let claim = claim();
            let won = scene
                .store
                .sign_ins
                .claim(&scene.organization, id, claim.clone())
                .await;
            won.unwrap().then_some(claim)
        }
    });
    let winners: Vec<_> = browsers.await.into_iter().flatten().collect();
    assert_eq!(winners.len(), 1);

    let found = store
        .sign_ins
        .load(&scene.organization, id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (found.state, found.claim.as_ref()),
        (Claimed, winners.first())
    );
}

/// Proves in part: PHI-7 (what the other browser and the person are told is the server's)
pub async fn the_browser_that_claimed_may_set_out_again(store: &Store) {
    let mut scene = Scene::begin(store, "acme").await;
    let id = scene.open().await;
    let (sign_ins, organization) = (&store.sign_ins, &scene.organization);
    let first = claim();
    let again = store::Claim {
        cookie: first.cookie,
        ..claim()
    };
    assert!(
        sign_ins
            .claim(organization, id, first.clone())
            .await
            .unwrap()
    );
    assert!(
        sign_ins
            .claim(organization, id, again.clone())
            .await
            .unwrap()
    );
    assert!(
        !sign_ins.claim(organization, id, claim()).await.unwrap(),
        "another browser"
    );

    let find = async |state| {
        sign_ins
            .by_state(organization, "corp", state)
            .await
            .unwrap()
    };
    assert_eq!(
        find(first.state).await,
        None,
        "only the last way out counts"
    );
    assert_eq!(
        find(again.state).await.unwrap().claim.as_ref(),
        Some(&again)
    );

    assert!(sign_ins.consume(organization, id, at(2)).await.unwrap());
    assert!(
        !sign_ins.claim(organization, id, again).await.unwrap(),
        "it is under way"
    );
}

/// Proves in part: TMO-7 (what the page says is the server's)
pub async fn a_claim_after_the_deadline_is_refused(store: &Store) {
    let mut scene = Scene::begin(store, "acme").await;
    let id = scene.open().await;
    let claim_at = async |seconds| {
        let claim = store::Claim {
            at: at(seconds),
            ..claim()
        };
        store
            .sign_ins
            .claim(&scene.organization, id, claim)
            .await
            .unwrap()
    };
    assert!(!claim_at(LIFE_S + 1).await);
    assert!(!claim_at(LIFE_S).await);
    assert!(claim_at(LIFE_S - 1).await);
}

/// Proves in part: PHI-7 (the two browsers are the server's)
pub async fn a_claim_leaves_the_deadline(store: &Store) {
    let mut scene = Scene::begin(store, "acme").await;
    let id = scene.claimed().await;
    let found = store
        .sign_ins
        .load(&scene.organization, id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(found.deadline, at(LIFE_S));
}

/// Proves in part: TEN-6 (the cookie and the path are the server's)
pub async fn an_attempt_is_found_by_state_at_its_own_connection_only(store: &Store) {
    let mut scene = Scene::begin(store, "acme").await;
    let id = scene.open().await;
    let claim = claim();
    assert!(
        store
            .sign_ins
            .claim(&scene.organization, id, claim.clone())
            .await
            .unwrap()
    );

    let find = async |name: &str, connection: &str, state| {
        let found = store
            .sign_ins
            .by_state(&organization(name), connection, state)
            .await;
        found.unwrap().map(|attempt| attempt.id)
    };
    assert_eq!(find("acme", "corp", claim.state).await, Some(id));
    assert_eq!(find("acme", "shop", claim.state).await, None);
    assert_eq!(find("other", "corp", claim.state).await, None);
    assert_eq!(find("acme", "corp", claim.cookie).await, None);
}

/// Proves in part: BND-2 (one node; that one token request follows is the app's)
pub async fn of_fifty_callbacks_exactly_one_consumes(store: &Store) {
    let mut scene = Scene::begin(store, "acme").await;
    let id = scene.claimed().await;
    let callbacks = at_once(50, |_| {
        let scene = scene.clone();
        async move {
            scene
                .store
                .sign_ins
                .consume(&scene.organization, id, at(2))
                .await
                .unwrap()
        }
    });
    assert_eq!(count(&callbacks.await, |won| *won), 1);
}

/// Proves in part: BND-3 (that an ended session fails its attempts is the app's), TMO-7 (the page is the server's)
pub async fn a_callback_after_the_deadline_is_refused(store: &Store) {
    let mut scene = Scene::begin(store, "acme").await;
    let id = scene.claimed().await;
    let consume = async |seconds| {
        store
            .sign_ins
            .consume(&scene.organization, id, at(seconds))
            .await
            .unwrap()
    };
    assert!(!consume(LIFE_S + 1).await);
    assert!(!consume(LIFE_S).await);
    assert!(consume(LIFE_S - 1).await);
}

/// Proves in part: BND-3 (that an ended session fails its attempts is the app's), TMO-7 (the page is the server's)
pub async fn an_attempt_that_ended_accepts_nothing(store: &Store) {
    let mut scene = Scene::begin(store, "acme").await;
    let organization = scene.organization.clone();
    for state in [Open, Claimed, Exchanging, Quarantined] {
        let id = match state {
            Open => scene.open().await,
            Claimed => scene.claimed().await,
            Exchanging => scene.exchanging().await,
            _ => scene.quarantined().await,
        };
        let cancel = AttemptChange::Fail {
            id,
            from: state,
            reason: "cancelled".to_owned(),
        };
        scene.change_attempt(cancel).await.unwrap();

        let sign_ins = &store.sign_ins;
        assert!(!sign_ins.claim(&organization, id, claim()).await.unwrap());
        assert!(!sign_ins.consume(&organization, id, at(2)).await.unwrap());
        assert!(
            !sign_ins
                .quarantine(&organization, id, quarantine())
                .await
                .unwrap()
        );
        assert_eq!(
            sign_ins
                .count_try(&organization, id, 5, at(3))
                .await
                .unwrap(),
            None
        );
        let released = scene
            .change_attempt(AttemptChange::Release(release(id)))
            .await;
        assert!(matches!(released, Err(StoreError::Conflict)));
        let found = sign_ins.load(&organization, id).await.unwrap().unwrap();
        assert_eq!(
            (found.state, found.reason.as_deref()),
            (Failed, Some("cancelled"))
        );
    }
    assert_eq!(scene.snapshot().await.attempts, []);
    assert_eq!(scene.snapshot().await.grants, []);
}

pub async fn states_follow_each_other_in_one_order_only(store: &Store) {
    let mut scene = Scene::begin(store, "acme").await;
    let (id, organization) = (scene.open().await, scene.organization.clone());
    let sign_ins = &store.sign_ins;
    assert!(
        !sign_ins.consume(&organization, id, at(1)).await.unwrap(),
        "before the claim"
    );
    assert!(
        !sign_ins
            .quarantine(&organization, id, quarantine())
            .await
            .unwrap()
    );
    assert!(sign_ins.claim(&organization, id, claim()).await.unwrap());
    assert!(
        !sign_ins.claim(&organization, id, claim()).await.unwrap(),
        "twice"
    );
    assert!(
        !sign_ins
            .quarantine(&organization, id, quarantine())
            .await
            .unwrap()
    );
    assert!(sign_ins.consume(&organization, id, at(2)).await.unwrap());
    let early = scene
        .change_attempt(AttemptChange::Release(release(id)))
        .await;
    assert!(matches!(early, Err(StoreError::Conflict)), "without tokens");
    assert!(
        sign_ins
            .quarantine(&organization, id, quarantine())
            .await
            .unwrap()
    );
    assert!(
        !sign_ins
            .quarantine(&organization, id, quarantine())
            .await
            .unwrap(),
        "twice"
    );
    scene
        .change_attempt(AttemptChange::Release(release(id)))
        .await
        .unwrap();
    assert!(
        !sign_ins.consume(&organization, id, at(3)).await.unwrap(),
        "after the end"
    );
    let found = sign_ins.load(&organization, id).await.unwrap().unwrap();
    assert_eq!(found.state, Released);
}

/// Proves in part: PHI-10 (that the provider is asked to revoke is the app's)
pub async fn what_is_in_quarantine_is_no_grant(store: &Store) {
    let mut scene = Scene::begin(store, "acme").await;
    let id = scene.exchanging().await;
    let put = quarantine();
    assert!(
        store
            .sign_ins
            .quarantine(&scene.organization, id, put.clone())
            .await
            .unwrap()
    );

    assert_eq!(scene.snapshot().await.grants, []);
    let held = store
        .sign_ins
        .quarantined(&scene.organization, id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (held.sealed, held.identity, held.code),
        (put.sealed, put.identity, put.code)
    );
    assert_eq!(
        (held.attempt, held.connection.as_str(), held.at),
        (id, "corp", put.at)
    );

    let release = release(id);
    scene
        .change_attempt(AttemptChange::Release(release.clone()))
        .await
        .unwrap();
    assert_eq!(
        store
            .sign_ins
            .quarantined(&scene.organization, id)
            .await
            .unwrap(),
        None
    );
    let grants: Vec<_> = scene.snapshot().await.grants.iter().map(|g| g.id).collect();
    assert_eq!(grants, [release.grant]);
}

/// Proves in part: BND-3 (that an ended session fails its attempts is the app's)
pub async fn a_release_after_the_deadline_is_refused(store: &Store) {
    let mut scene = Scene::begin(store, "acme").await;
    let release = release(scene.quarantined().await);
    let change = vec![AttemptChange::Release(release.clone())];
    for late in [LIFE_S + 1, LIFE_S] {
        let changes = Changes {
            at: at(late),
            attempts: change.clone(),
            ..scene.changes()
        };
        assert!(matches!(
            scene.commit(changes).await,
            Err(StoreError::Conflict)
        ));
    }
    assert_eq!(
        store
            .grants
            .load(&scene.organization, release.grant)
            .await
            .unwrap(),
        None
    );
    let changes = Changes {
        at: at(LIFE_S - 1),
        attempts: change,
        ..scene.changes()
    };
    scene.commit(changes).await.unwrap();
}

/// Proves in part: PHI-15 (the order of events is the flow's, the revocation the app's)
pub async fn a_release_for_a_session_that_is_over_is_refused(store: &Store) {
    let mut scene = Scene::begin(store, "acme").await;
    let release = release(scene.quarantined().await);
    scene.session = SessionId::new(at(5), unique());
    let session = Some(scene.session_change("{}"));
    scene
        .commit(Changes {
            session,
            ..scene.changes()
        })
        .await
        .unwrap();

    let late = scene
        .change_attempt(AttemptChange::Release(release.clone()))
        .await;
    assert!(matches!(late, Err(StoreError::Conflict)));
    assert_eq!(
        store
            .grants
            .load(&scene.organization, release.grant)
            .await
            .unwrap(),
        None
    );
}

pub async fn an_attempt_is_released_once(store: &Store) {
    let mut scene = Scene::begin(store, "acme").await;
    let id = scene.quarantined().await;
    scene
        .change_attempt(AttemptChange::Release(release(id)))
        .await
        .unwrap();
    let again = scene
        .change_attempt(AttemptChange::Release(release(id)))
        .await;
    assert!(matches!(again, Err(StoreError::Conflict)));
    assert_eq!(scene.snapshot().await.grants.len(), 1);
}

/// Proves in part: PHI-15 (the order of events is the flow's, the revocation the app's)
pub async fn of_release_and_failure_exactly_one_happens(store: &Store) {
    for _ in 0..8 {
        let mut scene = Scene::begin(store, "acme").await;
        let id = scene.quarantined().await;
        let (organization, mut releasing) = (scene.organization.clone(), scene.clone());
        let release = async move {
            releasing
                .change_attempt(AttemptChange::Release(release(id)))
                .await
                .is_ok()
        };
        let fail = store
            .sign_ins
            .fail(&organization, id, &[Quarantined], "expired", at(4));
        let (released, failed) = tokio::join!(tokio::spawn(release), fail);
        let (released, failed) = (released.unwrap(), failed.unwrap());
        assert_ne!(released, failed);

        let grants = scene.snapshot().await.grants.len();
        assert_eq!(grants, usize::from(released));
        let held = store.sign_ins.quarantined(&organization, id).await.unwrap();
        assert_eq!(held.is_some(), failed);
    }
}

/// Proves in part: PHI-8 (the code and the limit per person are the app's)
pub async fn fifty_tries_at_once_count_five(store: &Store) {
    let mut scene = Scene::begin(store, "acme").await;
    let id = scene.quarantined().await;
    let tries = at_once(50, |_| {
        let scene = scene.clone();
        async move {
            scene
                .store
                .sign_ins
                .count_try(&scene.organization, id, 5, at(4))
                .await
                .unwrap()
        }
    });
    let mut counted: Vec<_> = tries.await.into_iter().flatten().collect();
    counted.sort_unstable();
    assert_eq!(counted, [1, 2, 3, 4, 5]);
    let found = store
        .sign_ins
        .load(&scene.organization, id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(found.tries, 5);
}

/// Proves in part: PHI-8 (the code and the limit per person are the app's)
pub async fn a_try_before_the_callback_or_after_the_deadline_is_refused(store: &Store) {
    let mut scene = Scene::begin(store, "acme").await;
    let early = [
        scene.open().await,
        scene.claimed().await,
        scene.exchanging().await,
    ];
    let late = scene.quarantined().await;
    let count_try = async |id, seconds| {
        store
            .sign_ins
            .count_try(&scene.organization, id, 5, at(seconds))
            .await
            .unwrap()
    };
    for id in early {
        assert_eq!(count_try(id, 4).await, None);
    }
    assert_eq!(count_try(late, LIFE_S).await, None);
    assert_eq!(count_try(late, LIFE_S - 1).await, Some(1));
}

pub async fn an_attempt_fails_only_from_the_states_named(store: &Store) {
    let mut scene = Scene::begin(store, "acme").await;
    let id = scene.claimed().await;
    let fail = async |from: &[AttemptState]| {
        store
            .sign_ins
            .fail(&scene.organization, id, from, "other_browser", at(5))
            .await
            .unwrap()
    };
    assert!(!fail(&[Open, Exchanging, Quarantined]).await);
    assert!(!fail(&[]).await);
    assert!(fail(&[Open, Claimed]).await);
    assert!(
        !fail(&[Open, Claimed, Exchanging, Quarantined, Released, Failed]).await,
        "twice"
    );
    let wrong = AttemptChange::Fail {
        id,
        from: Open,
        reason: "x".to_owned(),
    };
    let wrong = scene.change_attempt(wrong).await;
    assert!(matches!(wrong, Err(StoreError::Conflict)));
}

/// Proves in part: PHI-10 (that the provider is asked to revoke is the app's)
pub async fn tokens_of_a_failed_attempt_wait_for_revocation(store: &Store) {
    let mut scene = Scene::begin(store, "acme").await;
    let (kept, id) = (scene.quarantined().await, scene.quarantined().await);
    let organization = scene.organization.clone();
    let discard = async |id| store.sign_ins.discard(&organization, id).await.unwrap();
    assert!(!discard(id).await, "it may still be released");
    assert_eq!(store.sign_ins.discarded(9).await.unwrap(), []);

    let failed = AttemptChange::Fail {
        id,
        from: Quarantined,
        reason: "expired".to_owned(),
    };
    scene.change_attempt(failed).await.unwrap();
    let waiting = store.sign_ins.discarded(9).await.unwrap();
    assert_eq!(
        waiting.iter().map(|held| held.attempt).collect::<Vec<_>>(),
        [id]
    );
    assert_eq!(
        store
            .sign_ins
            .quarantined(&organization, id)
            .await
            .unwrap()
            .as_ref(),
        waiting.first()
    );

    assert!(
        !store
            .sign_ins
            .discard(&super::organization("other"), id)
            .await
            .unwrap()
    );
    assert!(discard(id).await);
    assert!(!discard(id).await);
    assert_eq!(
        store.sign_ins.quarantined(&organization, id).await.unwrap(),
        None
    );
    assert!(
        store
            .sign_ins
            .quarantined(&organization, kept)
            .await
            .unwrap()
            .is_some()
    );
}

/// Proves in part: LIM-4 (the limit per person, and the load, are to come)
pub async fn a_sixth_attempt_replaces_the_oldest_of_its_conversation(store: &Store) {
    let mut other = Scene::begin(store, "acme").await;
    let untouched = other.open().await;
    let mut scene = Scene::begin(store, "acme").await;
    let oldest = scene.quarantined().await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(scene.open().await);
    }
    let left: Vec<_> = scene
        .snapshot()
        .await
        .attempts
        .iter()
        .map(|a| a.id)
        .collect();
    assert_eq!(left, ids);
    let replaced = store
        .sign_ins
        .load(&scene.organization, oldest)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (replaced.state, replaced.reason.as_deref()),
        (Failed, Some("replaced"))
    );
    assert_eq!(
        store.sign_ins.discarded(9).await.unwrap().len(),
        1,
        "its tokens are revoked"
    );
    let kept = store
        .sign_ins
        .load(&scene.organization, untouched)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(kept.state, Open);
}

/// Proves in part: LIM-4 (the limit per person, and the load, are to come)
pub async fn a_full_organization_is_busy_and_others_are_not(store: &Store) {
    let mut last = None;
    for _ in 0..ATTEMPTS_PER_ORGANIZATION {
        let mut scene = Scene::begin(store, "acme").await;
        last = Some((scene.claimed().await, scene));
    }
    let (claimed, mut scene) = last.unwrap();
    let mut next = Scene::begin(store, "acme").await;
    let new = AttemptChange::Open(next.new_attempt());
    assert!(matches!(
        next.change_attempt(new.clone()).await,
        Err(StoreError::Busy)
    ));
    Scene::begin(store, "other").await.open().await;

    let cancel = AttemptChange::Fail {
        id: claimed,
        from: Claimed,
        reason: "cancelled".to_owned(),
    };
    scene.change_attempt(cancel).await.unwrap();
    next.change_attempt(new).await.unwrap();
    let full = AttemptChange::Open(scene.new_attempt());
    assert!(matches!(
        scene.change_attempt(full).await,
        Err(StoreError::Busy)
    ));
}

/// Proves in part: BND-2 (that the code is not sent again is the app's)
pub async fn exchanges_that_a_crash_cut_off_are_found(store: &Store) {
    let mut scene = Scene::begin(store, "acme").await;
    let id = scene.exchanging().await;
    scene.claimed().await;
    scene.quarantined().await;
    let find = async |seconds| {
        let found = store
            .sign_ins
            .unfinished_exchanges(at(seconds), 9)
            .await
            .unwrap();
        found.iter().map(|attempt| attempt.id).collect::<Vec<_>>()
    };
    assert_eq!(find(2).await, [], "it has just begun");
    assert_eq!(find(3).await, [id]);
}

pub async fn overdue_attempts_are_found_in_order(store: &Store) {
    let mut scene = Scene::begin(store, "acme").await;
    let mut other = Scene::begin(store, "other").await;
    let late = NewAttempt {
        deadline: at(LIFE_S - 1),
        ..other.new_attempt()
    };
    let (first, second) = (late.id, scene.claimed().await);
    other
        .change_attempt(AttemptChange::Open(late))
        .await
        .unwrap();
    scene.granted().await;

    let find = async |seconds, limit| {
        let found = store.sign_ins.overdue(at(seconds), limit).await.unwrap();
        found.iter().map(|attempt| attempt.id).collect::<Vec<_>>()
    };
    assert_eq!(find(LIFE_S, 9).await, [first, second]);
    assert_eq!(find(LIFE_S, 1).await, [first]);
    assert_eq!(find(LIFE_S - 1, 9).await, [first]);
    assert_eq!(find(LIFE_S - 2, 9).await, []);
}

/// Proves in part: TEN-1 (the routes are the server's), TEN-6 (the cookie and the path are the server's)
pub async fn an_attempt_of_another_organization_is_not_touched(store: &Store) {
    let mut scene = Scene::begin(store, "acme").await;
    let mut thief = Scene::begin(store, "other").await;
    let other = &thief.organization.clone();
    let sign_ins = &store.sign_ins;
    let open = scene.open().await;
    assert!(!sign_ins.claim(other, open, claim()).await.unwrap());
    let claimed = scene.claimed().await;
    assert!(!sign_ins.consume(other, claimed, at(2)).await.unwrap());
    assert!(
        !sign_ins
            .fail(other, claimed, &[Claimed], "x", at(2))
            .await
            .unwrap()
    );
    let exchanging = scene.exchanging().await;
    assert!(
        !sign_ins
            .quarantine(other, exchanging, quarantine())
            .await
            .unwrap()
    );
    let quarantined = scene.quarantined().await;
    assert_eq!(
        sign_ins
            .count_try(other, quarantined, 5, at(4))
            .await
            .unwrap(),
        None
    );
    assert_eq!(
        sign_ins.quarantined(other, quarantined).await.unwrap(),
        None
    );
    assert_eq!(sign_ins.load(other, quarantined).await.unwrap(), None);
    let stolen = thief
        .change_attempt(AttemptChange::Release(release(quarantined)))
        .await;
    assert!(matches!(stolen, Err(StoreError::Conflict)));

    let states: Vec<_> = scene
        .snapshot()
        .await
        .attempts
        .iter()
        .map(|a| a.state)
        .collect();
    assert_eq!(states, [Open, Claimed, Exchanging, Quarantined]);
}
