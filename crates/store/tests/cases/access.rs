use store::{ApiKey, Role, Store, StoreError};

use super::{at, at_once, count, digest, organization};

fn key(role: Role) -> ApiKey {
    ApiKey {
        digest: digest(),
        role,
        label: "laptop".to_owned(),
        at: at(0),
    }
}

/// Proves in part: OPS-8 (what a server without a key grants is the server's)
pub async fn the_first_operator_is_added_once(store: &Store) {
    let administrator = key(Role::Administrator(organization("acme")));
    store.access.add_key(administrator).await.unwrap();
    assert!(!store.access.has_operator().await.unwrap());
    let adds = at_once(20, |_| {
        let store = store.clone();
        async move {
            store
                .access
                .add_first_operator(key(Role::Operator))
                .await
                .unwrap()
        }
    });
    assert_eq!(count(&adds.await, |added| *added), 1);
    assert!(store.access.has_operator().await.unwrap());
    assert_eq!(store.access.keys(None).await.unwrap().len(), 1);
}

pub async fn a_key_is_found_by_its_digest_alone(store: &Store) {
    for role in [Role::Operator, Role::Administrator(organization("acme"))] {
        let key = key(role);
        store.access.add_key(key.clone()).await.unwrap();
        let again = store.access.add_key(key.clone()).await;
        assert!(matches!(again, Err(StoreError::Conflict)));
        assert_eq!(store.access.key(key.digest).await.unwrap(), Some(key));
    }
    assert_eq!(store.access.key(digest()).await.unwrap(), None);
}

/// Proves in part: TEN-1 (the routes are the server's)
pub async fn keys_are_listed_and_removed_within_their_role(store: &Store) {
    let roles = ["acme", "other"].map(|name| Role::Administrator(organization(name)));
    let [acme, other] = roles.clone().map(key);
    let operator = key(Role::Operator);
    for key in [&acme, &other, &operator] {
        store.access.add_key(key.clone()).await.unwrap();
    }
    let list = async |name: &str| store.access.keys(Some(&organization(name))).await.unwrap();
    assert_eq!(list("acme").await, std::slice::from_ref(&acme));
    assert_eq!(
        store.access.keys(None).await.unwrap(),
        std::slice::from_ref(&operator)
    );

    let [role, _] = roles;
    for digest in [other.digest, operator.digest] {
        assert!(!store.access.remove_key(&role, digest).await.unwrap());
    }
    assert!(
        !store
            .access
            .remove_key(&Role::Operator, acme.digest)
            .await
            .unwrap()
    );
    assert!(store.access.remove_key(&role, acme.digest).await.unwrap());
    assert!(
        store
            .access
            .remove_key(&Role::Operator, operator.digest)
            .await
            .unwrap()
    );
    assert_eq!(list("acme").await, []);
    assert_eq!(list("other").await, [other]);
}
