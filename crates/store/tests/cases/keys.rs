use store::{Store, WrappedKey};

use super::organization;

fn key(id: &str, wrapped: u8) -> WrappedKey {
    WrappedKey {
        id: id.to_owned(),
        wrapped: vec![wrapped],
    }
}

/// Proves in part: SEA-3 (wrapping is the vault's, rotation the app's)
pub async fn keys_are_kept_in_order_and_each_once(store: &Store) {
    let acme = organization("acme");
    assert!(
        store
            .keys
            .add_wrapped_key(&acme, key("b", 1))
            .await
            .unwrap()
    );
    assert!(
        store
            .keys
            .add_wrapped_key(&acme, key("a", 2))
            .await
            .unwrap()
    );
    assert!(
        !store
            .keys
            .add_wrapped_key(&acme, key("b", 3))
            .await
            .unwrap()
    );
    assert_eq!(
        store.keys.wrapped_keys(&acme).await.unwrap(),
        [key("b", 1), key("a", 2)]
    );
    assert!(store.keys.rewrap_key(&acme, key("b", 4)).await.unwrap());
    assert!(!store.keys.rewrap_key(&acme, key("c", 5)).await.unwrap());
    assert_eq!(
        store.keys.wrapped_keys(&acme).await.unwrap(),
        [key("b", 4), key("a", 2)]
    );
}

/// Proves in part: SEA-6 (which events forget is the app's), TEN-1 (the routes are the server's)
pub async fn forgotten_keys_are_gone_for_one_organization(store: &Store) {
    let (acme, other) = (organization("acme"), organization("other"));
    for organization in [&acme, &other] {
        store
            .keys
            .add_wrapped_key(organization, key("a", 1))
            .await
            .unwrap();
    }
    assert!(store.keys.rewrap_key(&other, key("a", 2)).await.unwrap());
    assert_eq!(store.keys.wrapped_keys(&acme).await.unwrap(), [key("a", 1)]);
    assert_eq!(store.keys.forget_keys(&acme).await.unwrap(), 1);
    assert_eq!(store.keys.wrapped_keys(&acme).await.unwrap(), []);
    assert_eq!(
        store.keys.wrapped_keys(&other).await.unwrap(),
        [key("a", 2)]
    );
}
