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
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use rehearsal::{Client, ClientAuth, Config, Endpoint, Fault, Provider, Request, fault::Http};
//!
//! let callback = "http://127.0.0.1:3978/oauth-callback/acme/corp";
//! let client = Client::new("usher", ClientAuth::None, callback);
//! let mut provider = Provider::new(Config::new("http://127.0.0.1:4000", [0; 32]).with(client))?;
//! let now = "2026-11-22T10:00:00Z".parse()?;
//!
//! let request = Request::get(&provider.address(Endpoint::Discovery));
//! assert_eq!(provider.answer(&request, now).json()["issuer"], "http://127.0.0.1:4000");
//!
//! let busy = Http::Status { status: 503, retry_after_s: Some(5) };
//! provider.faults.once(Fault::Http(Endpoint::Discovery, busy));
//! assert_eq!(provider.answer(&request, now).status, 503);
//! assert_eq!(provider.count(Endpoint::Discovery), 2);
//! # Ok(())
//! # }
//! ```
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
