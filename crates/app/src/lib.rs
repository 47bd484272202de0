//! Joins flows, protocols, vault and store: turns, sign-ins, effects, timers.
//!
//! [`App`] is all of Usher without its channels: it knows no HTTP server and no SQL. What comes
//! from outside enters by one of its methods and becomes a turn ([`turn`]); what a turn asks for
//! leaves through the outbox ([`effects`]) and the ports ([`ports`]).
//!
//! | to | go to |
//! |---|---|
//! | open, post to, read a conversation | [`conversation`] |
//! | open a link, take a callback, show how it ended | [`sign_in`] |
//! | publish a workspace | [`publish`], [`workspace`] |
//! | do what is due | [`work`] |
//! | let a flow do a new kind of thing | `effects` |

pub mod access;
pub mod activity;
pub mod bus;
mod connections;
pub mod conversation;
mod drive;
mod effects;
mod keys;
mod lanes;
mod meters;
pub mod ports;
pub mod publish;
mod seed;
pub mod sign_in;
mod texts;
mod tokens;
mod turn;
pub mod versions;
pub mod work;
pub mod workspace;

use std::sync::Arc;

use jiff::SignedDuration;
use moka::future::Cache;
use store::{Organization, Store, VersionId};
use vault::KeyRing;

pub use keys::KeyError;
pub use store::{
    ActivityId, AttemptId, ConversationId, Digest, Organization as OrganizationName, Revision,
    Snapshot, StoreError, StoredActivity, VersionId as Version,
};
pub use turn::TurnError;

use crate::{
    bus::Bus, connections::Connections, keys::Keys, lanes::Lanes, ports::Ports,
    versions::Published, work::Wake,
};

/// What one process is told once.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The address people and providers reach us at, without a slash at its end. The only source
    /// of every address that we hand out (BND-7).
    pub public_url: String,
    /// Permits `http` and loopback providers (architecture 11.10).
    pub development: bool,
    /// Takes the place of `<public_url>/oauth-callback` in every redirect address (CFG-8).
    pub oauth_redirect_uri: Option<String>,
    /// How long a session outlives its last turn.
    pub session_idle: SignedDuration,
}

impl Settings {
    /// The usual settings for a public address.
    pub fn new(public_url: &str) -> Self {
        Self {
            public_url: public_url.trim_end_matches('/').to_owned(),
            development: false,
            oauth_redirect_uri: None,
            session_idle: SignedDuration::from_hours(1),
        }
    }

    pub(crate) const fn rules(&self) -> oauth::Rules {
        oauth::Rules {
            development: self.development,
        }
    }

    /// What redirect addresses begin with (CFG-7, CFG-8).
    pub(crate) fn oauth_redirect_uri(&self) -> String {
        match &self.oauth_redirect_uri {
            Some(set) => set.trim_end_matches('/').to_owned(),
            None => format!("{}/oauth-callback", self.public_url),
        }
    }
}

/// All of Usher but its channels.
pub struct App {
    /// How it was set up.
    pub settings: Settings,
    /// The world.
    pub ports: Ports,
    pub(crate) store: Store,
    pub(crate) keys: Keys,
    pub(crate) connections: Connections,
    pub(crate) versions: Cache<(Organization, VersionId), Arc<Published>>,
    pub(crate) lanes: Lanes,
    pub(crate) renewals: Lanes,
    pub(crate) bus: Bus,
    pub(crate) wake: Wake,
}

impl App {
    /// Puts the parts together. Nothing runs until [`App::run`].
    pub fn new(settings: Settings, ports: Ports, store: Store, ring: KeyRing) -> Arc<Self> {
        Arc::new(Self {
            settings,
            ports,
            store,
            keys: Keys::new(ring),
            connections: Connections::new(),
            versions: Cache::new(versions::HELD),
            lanes: Lanes::new(),
            renewals: Lanes::new(),
            bus: Bus::new(),
            wake: Wake::default(),
        })
    }

    /// Whether the store can be read and written at this moment.
    pub async fn check(&self) -> Result<(), StoreError> {
        self.store.maintenance.check().await
    }
}
