//! Carries requests to the rehearsal provider and its answers back.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use app::ports::{Clock as _, Entropy};
use rehearsal::{Client, ClientAuth, Config, Delivery, Provider};
use serde::Serialize;
use server::plain;

use super::Failure;
use crate::host::{SystemClock, SystemEntropy};

/// The provider, being played.
pub(super) struct Played {
    pub(super) answer: plain::Answer,
    pub(super) people: Vec<Who>,
}

/// Somebody who can sign in.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Who {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) does: String,
}

/// Starts a provider that knows the server at `url` as its client, with a clock that cannot be
/// moved and tokens that no other start gives out.
pub(super) fn start(issuer: &str, url: &str, client_secret: &str) -> Result<Played, Failure> {
    let entropy: &dyn Entropy = &SystemEntropy;
    let callback = format!("{url}/oauth-callback/acme/corp");
    let auth = ClientAuth::Basic(client_secret.to_owned());
    let mut client = Client::new("usher", auth, &callback);
    "Usher".clone_into(&mut client.name);
    let config = Config::new(issuer, entropy.bytes()).with(client);
    let people: Vec<Who> = config.people.iter().map(who).collect();
    let welcome = welcome(&people);
    let provider = Mutex::new(Provider::new(config)?);
    let answer = move |request: plain::Request| {
        if request.path == "/" {
            return text(&welcome);
        }
        // A panic in one answer leaves the provider as whole as a demo needs it.
        let mut provider = provider.lock().unwrap_or_else(PoisonError::into_inner);
        carried(provider.answer(&asked(request), SystemClock.now()))
    };
    Ok(Played {
        answer: Arc::new(answer),
        people,
    })
}

fn who(person: &rehearsal::Person) -> Who {
    Who {
        id: person.key.clone(),
        name: person.name().to_owned(),
        does: person.description.clone(),
    }
}

/// For whoever follows the link on the server's start page.
fn welcome(people: &[Who]) -> String {
    let lines: Vec<String> = people
        .iter()
        .map(|Who { name, does, .. }| format!("  {name}: {does}\n"))
        .collect();
    let lines = lines.concat();
    format!(
        "This is the rehearsal provider of Usher's demo. A chat sends you here to sign in.\n\n\
         Nobody here has a password:\n{lines}"
    )
}

fn text(text: &str) -> plain::Response {
    plain::Response {
        status: 200,
        headers: vec![
            (
                "content-type".to_owned(),
                "text/plain; charset=utf-8".to_owned(),
            ),
            ("x-content-type-options".to_owned(), "nosniff".to_owned()),
        ],
        body: text.as_bytes().to_vec(),
        delay: Duration::ZERO,
    }
}

fn asked(request: plain::Request) -> rehearsal::Request {
    rehearsal::Request {
        method: request.method,
        path: request.path,
        query: request.query,
        headers: request.headers,
        body: request.body,
    }
}

/// A demo switches no fault on; were one to ask for a broken connection, a gateway's error comes
/// nearest.
fn carried(answer: rehearsal::Response) -> plain::Response {
    let broken = |status| plain::Response {
        status,
        headers: Vec::new(),
        body: Vec::new(),
        delay: Duration::ZERO,
    };
    let delay = match answer.delivery {
        Delivery::Prompt => Duration::ZERO,
        Delivery::Late(late) => Duration::try_from(late).unwrap_or_default(),
        Delivery::Dripping => Duration::from_secs(answer.body.len() as u64),
        Delivery::CutAfter(_) | Delivery::Dropped => return broken(502),
        Delivery::Unreachable => return broken(503),
    };
    plain::Response {
        status: answer.status,
        headers: answer.headers,
        body: answer.body,
        delay,
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    #[test]
    fn an_answer_travels_as_it_asks_to() {
        let answer = |delivery| rehearsal::Response {
            status: 200,
            headers: vec![("a".to_owned(), "b".to_owned())],
            body: b"four".to_vec(),
            delivery,
        };
        for (delivery, status, delay_s) in [
            (Delivery::Prompt, 200, 0),
            (Delivery::Late(SignedDuration::from_secs(7)), 200, 7),
            (Delivery::Dripping, 200, 4),
            (Delivery::CutAfter(2), 502, 0),
            (Delivery::Dropped, 502, 0),
            (Delivery::Unreachable, 503, 0),
        ] {
            let carried = carried(answer(delivery));
            assert_eq!(
                (carried.status, carried.delay.as_secs()),
                (status, delay_s),
                "{delivery:?}"
            );
        }
    }
}
