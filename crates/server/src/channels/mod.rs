//! Ways to talk to an agent. A new channel is a folder here, and its line in [`routes`].

pub(crate) mod directline;
mod web_chat;

use std::sync::Arc;

use axum::Router;

use crate::Site;

/// The routes of every channel.
pub(crate) fn routes(site: &Arc<Site>) -> Router<Arc<Site>> {
    Router::new()
        .merge(directline::routes(site))
        .merge(web_chat::routes())
}
