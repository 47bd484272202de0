//! The shape of every dialogue with a provider.

use jiff::Timestamp;

use crate::Error;
use crate::http::{Request, Response};

/// One dialogue with a provider: discovery, code exchange, refresh, user information, revocation.
///
/// Whether a lost answer may be asked for again is the caller's to know: a code is sent once
/// (BND-2), so a [`token::Redeem`](crate::token::Redeem) that got no answer is over. Whatever is
/// begun anew gets fresh seed bytes, since no client assertion is ever sent twice (BND-16).
pub trait Exchange: Sized {
    /// What the dialogue is for.
    type Outcome;

    /// Takes the answer to the last request. Consumes `self`: no exchange is answered twice.
    fn receive(self, answer: Response, now: Timestamp) -> Result<Progress<Self>, Error>;
}

/// Where an exchange stands.
#[derive(Debug)]
#[must_use = "an exchange goes nowhere until its request is sent"]
pub enum Progress<E: Exchange> {
    /// Send this, and give the answer to the exchange.
    Send(Request, E),
    /// Nothing is left to ask.
    Done(E::Outcome),
}
