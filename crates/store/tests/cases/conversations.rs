use store::{
    Changes, ConversationId, NewConversation, Revision, SessionId, Store, StoreError, TimerChange,
};

use super::{Scene, activity, at, at_once, count, digest, json, new_outbox, organization, unique};

pub async fn a_new_conversation_has_nothing_in_it(store: &Store) {
    let scene = Scene::begin(store, "acme").await;
    let new = NewConversation {
        id: ConversationId::new(at(0), unique()),
        browser: Some(digest()),
        ..scene.new_conversation()
    };
    store.conversations.create(new.clone()).await.unwrap();

    let found = store
        .conversations
        .load(&new.organization, new.id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((found.revision, found.last_seq), (Revision(0), 0));
    assert_eq!(
        (found.session, found.attempts, found.grants),
        (None, vec![], vec![])
    );
    assert_eq!(found.conversation.browser, new.browser);
    assert_eq!(found.conversation.agent, "helper");
    assert_eq!(found.conversation.branch, "main");
    assert_eq!(found.conversation.channel, "directline");
    assert_eq!(found.conversation.user.as_deref(), Some("dl_ada"));
    assert_eq!(found.conversation.at, at(0));
}

pub async fn an_id_is_taken_once(store: &Store) {
    let scene = Scene::begin(store, "acme").await;
    let again = store.conversations.create(scene.new_conversation()).await;
    assert!(matches!(again, Err(StoreError::Conflict)));
}

pub async fn a_commit_is_what_the_next_turn_finds(store: &Store) {
    let mut scene = Scene::begin(store, "acme").await;
    let mut changes = scene.changes();
    changes.session = Some(scene.session_change(r#"{"step":"ask"}"#));
    let committed = scene.commit(changes).await.unwrap();

    let found = scene.snapshot().await;
    assert_eq!(found.revision, committed.revision);
    let session = found.session.unwrap();
    assert_eq!(session.id, scene.session);
    assert_eq!(session.state, json(r#"{"step":"ask"}"#));

    // A turn that leaves the session alone keeps it.
    scene.commit(scene.changes()).await.unwrap();
    assert_eq!(
        scene.snapshot().await.session.unwrap().state,
        json(r#"{"step":"ask"}"#)
    );
}

pub async fn what_is_said_is_numbered_without_gaps(store: &Store) {
    let mut scene = Scene::begin(store, "acme").await;
    let said = [["1", "2"], ["3", "4"]].map(|pair| pair.map(activity).to_vec());
    let mut numbers = Vec::new();
    for activities in said.clone() {
        let changes = Changes {
            activities,
            ..scene.changes()
        };
        numbers.push(scene.commit(changes).await.unwrap().seqs);
    }
    assert_eq!(numbers, [1..3, 3..5]);
    assert_eq!(scene.commit(scene.changes()).await.unwrap().seqs, 5..5);
    assert_eq!(scene.snapshot().await.last_seq, 4);

    let (organization, id) = (&scene.organization, scene.conversation);
    let all = store
        .conversations
        .activities(organization, id, 0, 9)
        .await
        .unwrap();
    let expected = said.concat();
    assert_eq!(all.len(), expected.len());
    for ((stored, new), seq) in all.iter().zip(&expected).zip(1..) {
        assert_eq!((stored.seq, stored.id, stored.at), (seq, new.id, at(0)));
        assert_eq!(stored.body, new.body);
    }
    let some = store
        .conversations
        .activities(organization, id, 1, 2)
        .await
        .unwrap();
    assert_eq!(some, all[1..3]);
}

pub async fn a_commit_over_another_revision_changes_nothing(store: &Store) {
    let mut scene = Scene::begin(store, "acme").await;
    let stale = Changes {
        activities: vec![activity("1")],
        ..scene.changes()
    };
    scene.commit(scene.changes()).await.unwrap();
    let before = scene.snapshot().await;

    let late = store.conversations.commit(stale.clone()).await;
    assert!(matches!(late, Err(StoreError::Conflict)));
    let ahead = Changes {
        base: Revision(9),
        ..stale.clone()
    };
    assert!(matches!(
        store.conversations.commit(ahead).await,
        Err(StoreError::Conflict)
    ));
    let nowhere = Changes {
        conversation: ConversationId::new(at(0), unique()),
        ..stale
    };
    assert!(matches!(
        store.conversations.commit(nowhere).await,
        Err(StoreError::Conflict)
    ));
    assert_eq!(scene.snapshot().await, before);
}

pub async fn of_many_turns_on_one_revision_exactly_one_is_committed(store: &Store) {
    let scene = Scene::begin(store, "acme").await;
    let turns = at_once(50, |_| {
        let scene = scene.clone();
        let changes = Changes {
            activities: vec![activity("1")],
            ..scene.changes()
        };
        async move { scene.store.conversations.commit(changes).await }
    });
    let turns = turns.await;
    assert_eq!(count(&turns, Result::is_ok), 1);
    assert_eq!(
        count(&turns, |turn| matches!(turn, Err(StoreError::Conflict))),
        49
    );
    assert_eq!(scene.snapshot().await.last_seq, 1);
}

pub async fn a_commit_that_fails_in_part_changes_nothing(store: &Store) {
    let scene = Scene::begin(store, "acme").await;
    let before = scene.snapshot().await;
    let effect = new_outbox(at(0));
    let changes = Changes {
        session: Some(scene.session_change("1")),
        activities: vec![activity("1")],
        timer: Some(TimerChange::Set { run: 1, due: at(1) }),
        steps: vec![json("1")],
        outbox: vec![effect.clone(), effect],
        ..scene.changes()
    };
    let failed = store.conversations.commit(changes).await;
    assert!(matches!(failed, Err(StoreError::Conflict)));

    assert_eq!(scene.snapshot().await, before);
    let (organization, id) = (&scene.organization, scene.conversation);
    assert_eq!(
        store
            .conversations
            .activities(organization, id, 0, 9)
            .await
            .unwrap(),
        []
    );
    assert_eq!(store.outbox.next_due().await.unwrap(), None);
    assert_eq!(store.timers.next().await.unwrap(), None);
}

pub async fn a_session_that_ended_does_not_run(store: &Store) {
    let mut scene = Scene::begin(store, "acme").await;
    let mut last = scene.session_change(r#"{"secret":1}"#);
    last.ended = true;
    scene
        .commit(Changes {
            session: Some(last),
            ..scene.changes()
        })
        .await
        .unwrap();
    assert_eq!(scene.snapshot().await.session, None);

    scene.session = SessionId::new(at(9), unique());
    let next = Some(scene.session_change("{}"));
    scene
        .commit(Changes {
            session: next,
            ..scene.changes()
        })
        .await
        .unwrap();
    assert_eq!(scene.snapshot().await.session.unwrap().id, scene.session);
}

pub async fn a_timer_stays_until_it_is_changed(store: &Store) {
    let mut scene = Scene::begin(store, "acme").await;
    let set = TimerChange::Set {
        run: u64::MAX,
        due: at(60),
    };
    scene
        .commit(Changes {
            timer: Some(set),
            ..scene.changes()
        })
        .await
        .unwrap();
    scene.commit(scene.changes()).await.unwrap();

    let due = store.timers.due(at(60), 9).await.unwrap();
    assert_eq!(due.len(), 1);
    assert_eq!((due[0].run, due[0].due), (u64::MAX, at(60)));
    assert_eq!(due[0].conversation, scene.conversation);
}

pub async fn an_effect_is_answered_once(store: &Store) {
    let mut scene = Scene::begin(store, "acme").await;
    let effect = new_outbox(at(0));
    let id = effect.id;
    scene
        .commit(Changes {
            outbox: vec![effect],
            ..scene.changes()
        })
        .await
        .unwrap();

    let answer = |scene: &Scene| Changes {
        outbox_done: Some(id),
        ..scene.changes()
    };
    scene.commit(answer(&scene)).await.unwrap();
    let again = scene.commit(answer(&scene)).await;
    assert!(matches!(again, Err(StoreError::AnsweredBefore)));
    assert_eq!(scene.snapshot().await.revision, scene.revision);
}

/// Proves in part: TEN-1 (the routes are the server's; the second line of `PostgreSQL` is to come)
pub async fn a_conversation_of_another_organization_is_not_there(store: &Store) {
    let scene = Scene::begin(store, "acme").await;
    let (other, id) = (organization("other"), scene.conversation);
    assert_eq!(store.conversations.load(&other, id).await.unwrap(), None);
    assert_eq!(
        store
            .conversations
            .activities(&other, id, 0, 9)
            .await
            .unwrap(),
        []
    );
    let theirs = Changes {
        organization: other,
        ..scene.changes()
    };
    assert!(matches!(
        store.conversations.commit(theirs).await,
        Err(StoreError::Conflict)
    ));
}

/// Proves in part: TEN-1 (the routes are the server's)
pub async fn the_same_id_in_two_organizations_is_two_conversations(store: &Store) {
    let ours = Scene::begin(store, "acme").await;
    let theirs = Scene {
        organization: organization("other"),
        revision: Revision(0),
        ..ours.clone()
    };
    store
        .conversations
        .create(theirs.new_conversation())
        .await
        .unwrap();
    let said = Changes {
        activities: vec![activity("1")],
        ..theirs.changes()
    };
    theirs.clone().commit(said).await.unwrap();

    assert_eq!(
        (
            ours.snapshot().await.last_seq,
            ours.snapshot().await.revision
        ),
        (0, Revision(1))
    );
    assert_eq!(theirs.snapshot().await.last_seq, 1);
    assert_eq!(theirs.snapshot().await.session, None);
}

pub async fn the_newest_conversation_of_a_browser_is_found(store: &Store) {
    let scene = Scene::begin(store, "acme").await;
    let browser = digest();
    let mut ids = Vec::new();
    for second in 0..3 {
        let id = ConversationId::new(at(second), unique());
        let new = NewConversation {
            id,
            browser: Some(browser),
            ..scene.new_conversation()
        };
        store.conversations.create(new).await.unwrap();
        ids.push(id);
    }
    let latest = async |name: &str, agent: &str, browser| {
        let organization = organization(name);
        store
            .conversations
            .latest_of_browser(&organization, agent, browser)
            .await
            .unwrap()
    };
    assert_eq!(latest("acme", "helper", browser).await, Some(ids[2]));
    assert_eq!(latest("acme", "other", browser).await, None);
    assert_eq!(latest("acme", "helper", digest()).await, None);
    assert_eq!(latest("other", "helper", browser).await, None);
}

/// Proves in part: PHI-13 (which turns change the identity is the app's, the cookie is the server's)
pub async fn a_browser_is_replaced_only_by_who_has_it(store: &Store) {
    let scene = Scene::begin(store, "acme").await;
    let (old, new) = (digest(), digest());
    let id = ConversationId::new(at(1), unique());
    let made = NewConversation {
        id,
        browser: Some(old),
        ..scene.new_conversation()
    };
    store.conversations.create(made).await.unwrap();

    let rebind = async |organization, from, to| {
        store
            .conversations
            .rebind_browser(&organization, id, from, to)
            .await
            .unwrap()
    };
    assert!(!rebind(organization("other"), old, new).await);
    assert!(!rebind(organization("acme"), new, digest()).await);
    assert!(rebind(organization("acme"), old, new).await);
    assert!(
        !rebind(organization("acme"), old, digest()).await,
        "the old value is dead"
    );

    let found = store
        .conversations
        .load(&scene.organization, id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (found.conversation.browser, found.revision),
        (Some(new), Revision(0))
    );
}

pub async fn what_runs_is_kept_for_the_monitor_in_the_same_commit(store: &Store) {
    let mut scene = Scene::begin(store, "acme").await;
    let session = Some(scene.session_change("{}"));
    let steps = vec![json(r#"{"step":"a"}"#), json(r#"{"step":"b"}"#)];
    scene
        .commit(Changes {
            session,
            steps: steps.clone(),
            ..scene.changes()
        })
        .await
        .unwrap();
    scene.commit(scene.changes()).await.unwrap();
    scene
        .commit(Changes {
            steps: vec![json("3")],
            ..scene.changes()
        })
        .await
        .unwrap();

    let (organization, id) = (&scene.organization, scene.conversation);
    let turns = store
        .monitor
        .steps(organization, id, Revision(0), 9)
        .await
        .unwrap();
    assert_eq!(
        turns.iter().map(|t| t.revision).collect::<Vec<_>>(),
        [Revision(2), Revision(4)]
    );
    assert_eq!(
        (turns[0].session, &turns[0].steps),
        (Some(scene.session), &steps)
    );
    assert_eq!(turns[0].at, at(0));
    let later = store
        .monitor
        .steps(organization, id, Revision(2), 9)
        .await
        .unwrap();
    assert_eq!(later, turns[1..]);
    assert_eq!(
        store
            .monitor
            .steps(organization, id, Revision(0), 1)
            .await
            .unwrap(),
        turns[..1]
    );
}
