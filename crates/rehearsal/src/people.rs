//! The people who can sign in, each with a habit.
//!
//! A new one is a row in [`scripted`]. Everything here is invented; addresses are `example` ones.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// Someone with an account at the provider.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// Short name by which tests, `login_hint` and the sign-in page's buttons choose them.
    pub key: String,
    /// What is special about them, in one line, for the sign-in page.
    pub description: String,
    /// Their claims. `sub` must be there. Those of the `profile` and `email` scopes are given only
    /// when the scope was granted, all others always.
    pub claims: Map<String, Value>,
    /// What they do on the sign-in page.
    #[serde(default)]
    pub behaviour: Behaviour,
    /// What the protected API knows of them.
    #[serde(default)]
    pub trips: Vec<Trip>,
}

/// What a person does when asked to sign in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Behaviour {
    /// Agrees to whatever is ticked.
    #[default]
    Agrees,
    /// Says no: the client gets `access_denied`.
    Denies,
    /// Agrees, but unticks this scope; if it was not asked for, the last one that was (never `openid`).
    Unticks(String),
    /// Closes the page: no answer ever reaches the client.
    Leaves,
}

/// A journey that the protected API tells of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trip {
    /// Where it begins.
    pub from: String,
    /// Where it leads.
    pub to: String,
    /// Days from the day of the question to the departure, so that trips are always ahead.
    pub in_days: i64,
}

impl Person {
    /// The subject identifier; empty if the claims have none.
    pub fn subject(&self) -> &str {
        self.text("sub").unwrap_or_default()
    }

    /// What the sign-in page calls them.
    pub fn name(&self) -> &str {
        self.text("name").unwrap_or(&self.key)
    }

    /// Whether `hint` means this person: key, e-mail address, user name or subject.
    pub fn is(&self, hint: &str) -> bool {
        let named = ["email", "preferred_username", "sub"]
            .iter()
            .any(|claim| self.text(claim) == Some(hint));
        named || self.key == hint
    }

    fn text(&self, claim: &str) -> Option<&str> {
        self.claims.get(claim)?.as_str()
    }
}

/// The cast: Ann, Ben, Carol, Dave, Erin, Frank and Gus.
pub fn scripted() -> Vec<Person> {
    vec![
        person(["ann", "Ann", "Archer"], "Signs in, and that is all.")
            .trip("Vienna", "Ljubljana", 3)
            .trip("Ljubljana", "Trieste", 9),
        person(
            ["ben", "Ben", "Baker"],
            "His e-mail address was never verified.",
        )
        .claim("email_verified", json!(false))
        .trip("Hamburg", "Aarhus", 12),
        person(
            ["carol", "Carol", "Cooper"],
            "Says no, whatever she is asked.",
        )
        .does(Behaviour::Denies)
        .trip("Porto", "Vigo", 5),
        person(
            ["dave", "Dave", "Dyer"],
            "Agrees, but unticks the e-mail address.",
        )
        .does(Behaviour::Unticks("email".into()))
        .trip("Bergen", "Oslo", 20),
        person(
            ["erin", "Erin", "Ellis"],
            "Walks away: nothing ever comes back.",
        )
        .does(Behaviour::Leaves)
        .trip("Cork", "Galway", 2),
        person(
            ["frank", "Frank", "Fisher"],
            "Is in 300 groups, so his tokens are large.",
        )
        .claim("groups", groups(300))
        .trip("Basel", "Lyon", 6)
        .trip("Lyon", "Turin", 8)
        .trip("Turin", "Basel", 15),
        person(["gus", "Gus", "Gardner"], "Has no e-mail address at all.")
            .without("email")
            .without("email_verified")
            .trip("Krakow", "Brno", 30),
    ]
}

fn person([key, given, family]: [&str; 3], description: &str) -> Person {
    let claims = json!({
        "sub": format!("person-{key}"),
        "name": format!("{given} {family}"),
        "given_name": given,
        "family_name": family,
        "preferred_username": key,
        "locale": "en",
        "email": format!("{key}@people.example"),
        "email_verified": true,
    });
    Person {
        key: key.to_owned(),
        description: description.to_owned(),
        claims: claims.as_object().cloned().unwrap_or_default(),
        behaviour: Behaviour::Agrees,
        trips: Vec::new(),
    }
}

/// Directory names, as an enterprise directory writes them.
fn groups(count: usize) -> Value {
    (1..=count)
        .map(|n| format!("CN=Group {n:03},OU=Access,DC=people,DC=example"))
        .collect()
}

impl Person {
    fn claim(mut self, name: &str, value: Value) -> Self {
        self.claims.insert(name.to_owned(), value);
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.claims.remove(name);
        self
    }

    fn does(mut self, behaviour: Behaviour) -> Self {
        self.behaviour = behaviour;
        self
    }

    fn trip(mut self, from: &str, to: &str, in_days: i64) -> Self {
        self.trips.push(Trip {
            from: from.into(),
            to: to.into(),
            in_days,
        });
        self
    }
}
