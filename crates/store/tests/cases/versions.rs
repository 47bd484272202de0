use store::{ActiveVersion, NewVersion, Organization, SealedSecret, Store, StoreError, VersionId};

use super::{at, digest, json, organization, unique};

fn version(organization: &Organization, branch: &str, seconds: i64) -> NewVersion {
    let secret = SealedSecret {
        connection: "corp".to_owned(),
        name: "client_secret".to_owned(),
        sealed: seconds.to_be_bytes().to_vec(),
    };
    NewVersion {
        id: VersionId::new(at(seconds), unique()),
        organization: organization.clone(),
        branch: branch.to_owned(),
        files: json(r#"{"agents/helper.yaml":"start: hello"}"#),
        digest: digest(),
        published_by: "laptop".to_owned(),
        at: at(seconds),
        secrets: vec![secret],
    }
}

/// Proves in part: CFG-9 (that sessions stay on theirs is the app's), SGN-6 (the prompt is the flow's)
pub async fn a_published_version_is_active_and_the_old_one_stays(store: &Store) {
    let acme = organization("acme");
    assert_eq!(store.versions.active(&acme, "main").await.unwrap(), None);
    let (old, new) = (version(&acme, "main", 1), version(&acme, "main", 2));
    store.versions.publish(old.clone()).await.unwrap();
    store.versions.publish(new.clone()).await.unwrap();

    let active = store.versions.active(&acme, "main").await.unwrap().unwrap();
    assert_eq!((active.row.id, active.files), (new.id, new.files));
    assert_eq!((active.row.digest, active.row.at), (new.digest, at(2)));
    let kept = store
        .versions
        .version(&acme, old.id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((kept.row.id, kept.row.digest), (old.id, old.digest));

    let history = store.versions.history(&acme, 9).await.unwrap();
    assert_eq!(history, [active.row, kept.row]);
    assert_eq!(
        store.versions.history(&acme, 1).await.unwrap(),
        history[..1]
    );
}

pub async fn a_version_is_published_whole_or_not(store: &Store) {
    let acme = organization("acme");
    let first = version(&acme, "main", 1);
    store.versions.publish(first.clone()).await.unwrap();
    assert!(matches!(
        store.versions.publish(first.clone()).await,
        Err(StoreError::Conflict)
    ));

    let mut twice = version(&acme, "main", 2);
    twice.secrets.extend_from_within(..);
    assert!(matches!(
        store.versions.publish(twice.clone()).await,
        Err(StoreError::Conflict)
    ));
    assert_eq!(store.versions.version(&acme, twice.id).await.unwrap(), None);
    let active = store.versions.active(&acme, "main").await.unwrap().unwrap();
    assert_eq!(active.row.id, first.id);
}

/// Proves in part: CFG-4 (addresses and sessions are the server's), TEN-1 (the routes are the server's)
pub async fn branches_and_organizations_stay_apart(store: &Store) {
    let (acme, other) = (organization("acme"), organization("other"));
    let versions = [(&acme, "test", 1), (&acme, "main", 2), (&other, "main", 3)]
        .map(|(organization, branch, seconds)| version(organization, branch, seconds));
    for version in &versions {
        store.versions.publish(version.clone()).await.unwrap();
    }
    let active = |v: &NewVersion| ActiveVersion {
        organization: v.organization.clone(),
        branch: v.branch.clone(),
        version: v.id,
    };
    let [test, main, theirs] = &versions;
    let all = store.versions.organizations().await.unwrap();
    assert_eq!(all, [main, test, theirs].map(active));
    assert_eq!(
        store
            .versions
            .active(&acme, "test")
            .await
            .unwrap()
            .unwrap()
            .row
            .id,
        test.id
    );
    assert_eq!(store.versions.active(&other, "test").await.unwrap(), None);
    assert_eq!(store.versions.version(&other, main.id).await.unwrap(), None);
    assert_eq!(store.versions.history(&other, 9).await.unwrap().len(), 1);
}

/// Proves in part: TEN-1 (the routes are the server's)
pub async fn a_secret_belongs_to_its_version_connection_and_organization(store: &Store) {
    let acme = organization("acme");
    let (old, new) = (version(&acme, "main", 1), version(&acme, "main", 2));
    for version in [&old, &new] {
        store.versions.publish(version.clone()).await.unwrap();
    }
    let secret = async |name: &str, version, connection: &str, secret: &str| {
        let name = organization(name);
        store
            .versions
            .secret(&name, version, connection, secret)
            .await
            .unwrap()
    };
    let sealed = |version: &NewVersion| Some(version.secrets[0].sealed.clone());
    assert_eq!(
        secret("acme", old.id, "corp", "client_secret").await,
        sealed(&old)
    );
    assert_eq!(
        secret("acme", new.id, "corp", "client_secret").await,
        sealed(&new)
    );
    assert_eq!(secret("other", new.id, "corp", "client_secret").await, None);
    assert_eq!(secret("acme", new.id, "shop", "client_secret").await, None);
    assert_eq!(secret("acme", new.id, "corp", "key").await, None);
}
