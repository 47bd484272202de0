use store::{Changes, ConversationId, NewConversation, Revision, Store};

use super::{Scene, at, json, organization, unique};

pub async fn conversations_are_listed_from_the_newest(store: &Store) {
    let mut first = Scene::begin(store, "acme").await;
    let second = ConversationId::new(at(1), unique());
    let new = NewConversation {
        id: second,
        at: at(1),
        ..first.new_conversation()
    };
    store.conversations.create(new).await.unwrap();
    Scene::begin(store, "other").await;
    let mut last = first.session_change("{}");
    last.ended = true;
    let changes = Changes {
        at: at(5),
        session: Some(last),
        ..first.changes()
    };
    first.commit(changes).await.unwrap();

    let rows = async |before, limit| {
        store
            .monitor
            .conversations(&first.organization, before, limit)
            .await
            .unwrap()
    };
    let all = rows(None, 9).await;
    assert_eq!(
        all.iter().map(|row| row.id).collect::<Vec<_>>(),
        [second, first.conversation]
    );
    assert_eq!(
        (all[0].session, all[0].running, all[0].changed),
        (None, false, at(1))
    );
    assert_eq!(
        (all[1].session, all[1].running),
        (Some(first.session), false)
    );
    assert_eq!((all[1].at, all[1].changed), (at(0), at(5)));
    assert_eq!(rows(Some(second), 9).await, all[1..]);
    assert_eq!(rows(None, 1).await, all[..1]);
}

/// Proves in part: TEN-1 (the routes are the server's)
pub async fn steps_of_another_organization_are_not_there(store: &Store) {
    let mut scene = Scene::begin(store, "acme").await;
    scene
        .commit(Changes {
            steps: vec![json("1")],
            ..scene.changes()
        })
        .await
        .unwrap();
    let other = organization("other");
    let steps = store
        .monitor
        .steps(&other, scene.conversation, Revision(0), 9)
        .await
        .unwrap();
    assert_eq!(steps, []);
    assert_eq!(
        store.monitor.conversations(&other, None, 9).await.unwrap(),
        []
    );
}
