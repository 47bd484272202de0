//! All the IO of OAuth: send what an exchange asks for, hand it the answer, until it is done.

use std::{error::Error, iter::successors};

use oauth::{Exchange, Progress};

use crate::ports::{HttpError, Limits, Ports};

/// Why an exchange came to no outcome.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DriveError {
    /// No answer came.
    #[error("no answer")]
    NoAnswer(#[from] HttpError),
    /// An answer came, and it is no good.
    #[error(transparent)]
    Answered(#[from] oauth::Error),
}

/// What lies behind an error, for the log. No error of `oauth` or of the ports holds a secret.
pub(crate) fn causes(error: &dyn Error) -> String {
    let causes = successors(error.source(), |cause| (*cause).source());
    let causes: Vec<String> = causes.map(ToString::to_string).collect();
    causes.join(": ")
}

/// Carries `progress` to its end. Never repeats a request: whether that is safe is the caller's
/// to know.
pub(crate) async fn drive<E: Exchange>(
    ports: &Ports,
    mut progress: Progress<E>,
) -> Result<E::Outcome, DriveError> {
    loop {
        match progress {
            Progress::Done(outcome) => return Ok(outcome),
            Progress::Send(request, exchange) => {
                let limits = Limits::of(request.purpose);
                let answer = ports.http.send(request, limits).await?;
                progress = exchange.receive(answer, ports.clock.now())?;
            }
        }
    }
}
