//! A scripted OpenID provider for demos and tests: the other half of the protocol.
//!
//! Sans-IO: [`Provider::answer`] takes a [`Request`] and the time and gives a [`Response`]. Whoever
//! carries it (a listener of the server, or a test) also plays its [`Delivery`]: late, dropped,
//! dripping. The clock is an argument, so the server under test and the provider share one; every
//! code, token and id follows from [`Config::seed`], so a run can be repeated. Only signing keys
//! are drawn at random.
//!
//! As the honest provider it is strict: exact redirect addresses, PKCE with `S256` always, codes
//! that live a minute and work once, client authentication exactly as registered. As the hostile or
//! broken one it does what its [`Faults`] say. It plays people ([`people::scripted`]) who deny,
//! untick, or walk away. It is no provider for real people: nobody types a password here.
//!
//! Where to add: a person in [`people`]; a fault in [`fault`], whose `match`es then lead you; an
//! endpoint in [`Endpoint`].

mod api;
mod authorize;
mod client_auth;
mod config;
mod discovery;
pub mod fault;
mod grants;
mod http;
mod id_token;
mod keys;
mod page;
pub mod people;
mod provider;
mod seen;
mod spoil;
mod token;

pub use config::{Client, ClientAuth, Config, Lives, Rotation};
pub use fault::{Fault, Faults};
pub use http::{Delivery, Request, Response};
pub use keys::Error;
pub use people::{Behaviour, Person, Trip};
pub use provider::{Endpoint, NoRedirect, Provider};
pub use seen::Seen;
