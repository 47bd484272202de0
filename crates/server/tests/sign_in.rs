//! The sign-in step, from its card to the node after it (features 1).

use testkit::World;

/// Proves in part: SGN-16 (restart)
#[tokio::test]
async fn after_sign_in_the_conversation_goes_on_by_itself() {
    let world = World::new().await;
    let browser = world.browser();
    let mut chat = browser.chat("acme", "travel").await;
    let link = chat.prompt().await.link;
    chat.said().await;
    let page = browser.sign_in(&link, "ann").await;
    assert_eq!((page.status, page.title().as_str()), (200, "You are signed in"));
    let said = chat.said().await;
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].starts_with("Ann, you have 2 trips"), "{said:?}");
}
