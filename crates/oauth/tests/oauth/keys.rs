use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use jose::sign::SigningKey;
use jose::{Alg, KeySet};
use oauth::http::{Purpose, Response};
use oauth::keys::{Decision, Health, KeyCache, Want, kid_of};
use serde_json::json;
use url::Url;

use crate::scene::{answer, at, key_set_json, verdict};

/// A cache, and a provider that counts what it is asked.
struct Bench {
    cache: KeyCache,
    published: Vec<u8>,
    cache_control: Option<String>,
    status: u16,
    fetches: u32,
}

impl Bench {
    fn new(keys: &[&SigningKey]) -> Bench {
        let address = Url::parse("https://id.example/jwks").unwrap();
        let published = key_set_json(keys);
        Bench {
            cache: KeyCache::new(address),
            published,
            cache_control: None,
            status: 200,
            fetches: 0,
        }
    }

    /// Does what the cache says until it has an answer.
    fn want(&mut self, now: Timestamp, want: Want<'_>) -> Decision {
        loop {
            match self.cache.decide(now, want) {
                Decision::Fetch(request) => {
                    assert_eq!(request.purpose, Purpose::Keys);
                    assert_eq!(request.url.as_str(), "https://id.example/jwks");
                    self.fetches += 1;
                    let _ = self.cache.received(&self.respond(), now);
                }
                decision => return decision,
            }
        }
    }

    fn respond(&self) -> Response {
        let mut response = answer(self.status, "application/json", self.published.clone());
        let control = self.cache_control.clone();
        response
            .headers
            .extend(control.map(|value| ("cache-control".to_owned(), value)));
        response
    }

    fn any(&mut self, now: Timestamp) -> Option<Arc<KeySet>> {
        match self.want(now, Want::Any) {
            Decision::Use(keys) => Some(keys),
            Decision::Unavailable { .. } => None,
            other => panic!("{other:?}"),
        }
    }

    /// What a caller does with a token: verify, and once more with newer keys if there are any.
    fn verifies(&mut self, now: Timestamp, token: &str) -> bool {
        let Some(keys) = self.any(now) else {
            return false;
        };
        match verified(token, &keys) {
            Ok(()) => true,
            Err(fault) if fault.wants_fresh_keys() => {
                let kid = kid_of(token);
                match self.want(
                    now,
                    Want::Newer {
                        than: &keys,
                        kid: kid.as_deref(),
                    },
                ) {
                    Decision::Use(newer) => verified(token, &newer).is_ok(),
                    _ => false,
                }
            }
            Err(_) => false,
        }
    }
}

fn verified(token: &str, keys: &KeySet) -> Result<(), jose::Fault> {
    let algs = [Alg::ES256];
    let policy = jose::Policy {
        kind: jose::Kind::IdToken,
        algs: &algs,
        max_bytes: jose::MAX_BYTES,
    };
    jose::verify(token, &policy, keys).map(|_| ())
}

fn named(kid: &str) -> SigningKey {
    SigningKey::generate(Alg::ES256, kid).unwrap()
}

fn token(key: &SigningKey) -> String {
    key.sign(None, &json!({ "sub": "alice" })).unwrap()
}

fn unlabelled(key: &SigningKey) -> String {
    key.sign_with_header(&json!({ "alg": "ES256" }), &json!({ "sub": "alice" }))
        .unwrap()
}

/// Proves in part: JWK-4 (the table; rotation under a running system is tried there)
#[test]
fn a_rotated_key_is_found_at_once() {
    let (old, new) = (named("old"), named("new"));
    let mut bench = Bench::new(&[&old]);
    assert!(bench.verifies(at(0), &token(&old)));
    bench.published = key_set_json(&[&old, &new]);
    assert!(bench.verifies(at(1), &token(&new)), "a kid not seen before");
    assert!(bench.verifies(at(2), &token(&old)));
    assert_eq!(bench.fetches, 2);

    // Rotated before the first sign-in, and twice within one minute, without any label.
    let mut bench = Bench::new(&[&new]);
    assert!(bench.verifies(at(0), &unlabelled(&new)));
    let third = named("third");
    bench.published = key_set_json(&[&third]);
    assert!(
        bench.verifies(at(1), &unlabelled(&third)),
        "no key verified it"
    );
    bench.published = key_set_json(&[&old]);
    assert!(bench.verifies(at(2), &unlabelled(&old)));
    assert_eq!(bench.fetches, 3);
}

#[test]
fn a_key_set_is_fresh_for_as_long_as_its_answer_says_within_bounds() {
    let key = named("k");
    let day = 24 * 3600;
    for (control, fresh_s) in [
        (None, 600),
        (Some("max-age=300"), 300),
        (Some("public, max-age=300, must-revalidate"), 300),
        (Some("Public, Max-Age=300"), 300),
        (Some("max-age=\"300\""), 300),
        (Some("max-age=1"), 60),
        (Some("max-age=0"), 60),
        (Some("max-age=99999999"), day),
        (Some("no-store"), 60),
        (Some("max-age=300, no-cache"), 60),
        (Some("max-age=soon"), 600),
        (Some("max-age=-1"), 600),
        (Some("s-maxage=5"), 600),
        (Some(""), 600),
    ] {
        let mut bench = Bench::new(&[&key]);
        bench.cache_control = control.map(str::to_owned);
        for (second, fetches) in [(0, 1), (fresh_s - 1, 1), (fresh_s, 2)] {
            assert!(bench.any(at(second)).is_some());
            assert_eq!(bench.fetches, fetches, "{control:?} at {second}");
        }
    }
}

/// Proves in part: JWK-5 (the state machine; the load on one node is tried in the whole system)
#[test]
fn a_flood_of_unknown_keys_costs_four_fetches_a_minute() {
    let key = named("k");
    let mut bench = Bench::new(&[&key]);
    let honest = token(&key);
    let header = |kid: u32| {
        let forged = json!({ "alg": "ES256", "kid": format!("random-{kid}") });
        key.sign_with_header(&forged, &json!({})).unwrap()
    };
    for round in 0..1000 {
        assert!(!bench.verifies(at(round / 20), &header(u32::try_from(round).unwrap())));
        assert!(
            bench.verifies(at(round / 20), &honest),
            "valid tokens keep verifying"
        );
    }
    assert_eq!(bench.fetches, 4);
    for (second, fetches) in [(59, 4), (60, 5), (61, 5), (119, 5), (120, 6)] {
        bench.verifies(at(second), &header(5000 + u32::try_from(second).unwrap()));
        assert_eq!(bench.fetches, fetches, "{second}");
    }
}

#[test]
fn a_kid_that_was_not_found_is_not_looked_for_again_for_a_minute() {
    let key = named("k");
    let stranger = token(&named("stranger"));
    let mut bench = Bench::new(&[&key]);
    for (second, fetches) in [(0, 2), (1, 2), (59, 2), (60, 3), (61, 3)] {
        assert!(!bench.verifies(at(second), &stranger));
        assert_eq!(bench.fetches, fetches, "{second}");
    }
    // The other kid is none of this one's business.
    assert!(!bench.verifies(at(62), &token(&named("another"))));
    assert_eq!(bench.fetches, 4);
}

#[test]
fn an_empty_bucket_refills_to_three_and_no_further() {
    let key = named("k");
    let mut bench = Bench::new(&[&key]);
    bench.cache_control = Some("max-age=86400".to_owned());
    let mut forced = |second: i64, count: u32| {
        for index in 0..count {
            bench.verifies(at(second), &token(&named(&format!("{second}-{index}"))));
        }
        bench.fetches
    };
    assert_eq!(forced(0, 9), 4);
    assert_eq!(forced(3600, 9), 7);
    assert_eq!(forced(3601, 9), 7);
    // A clock that goes back gives nothing away.
    assert_eq!(forced(0, 9), 7);
}

#[test]
fn a_fetch_under_way_is_joined_until_it_counts_as_lost() {
    let key = named("k");
    let mut bench = Bench::new(&[&key]);
    assert!(matches!(
        bench.cache.decide(at(0), Want::Any),
        Decision::Fetch(_)
    ));
    assert!(matches!(
        bench.cache.decide(at(1), Want::Any),
        Decision::Join
    ));
    assert!(matches!(
        bench.cache.decide(at(19), Want::Any),
        Decision::Join
    ));
    assert!(matches!(
        bench.cache.decide(at(20), Want::Any),
        Decision::Fetch(_)
    ));
    bench.cache.received(&bench.respond(), at(21)).unwrap();

    let keys = bench.any(at(21)).unwrap();
    let newer = |kid| Want::Newer {
        than: &keys,
        kid: Some(kid),
    };
    assert!(matches!(
        bench.cache.decide(at(22), newer("a")),
        Decision::Fetch(_)
    ));
    assert!(matches!(
        bench.cache.decide(at(22), newer("a")),
        Decision::Join
    ));
    assert!(matches!(
        bench.cache.decide(at(22), newer("b")),
        Decision::Join
    ));
    let held = bench.cache.decide(at(22), Want::Any);
    assert!(
        matches!(held, Decision::Use(_)),
        "honest tokens need not wait"
    );
    bench.cache.received(&bench.respond(), at(23)).unwrap();
    let Decision::Use(fetched) = bench.cache.decide(at(23), newer("b")) else {
        panic!()
    };
    assert!(
        !Arc::ptr_eq(&fetched, &keys),
        "what was fetched for one serves all"
    );
    assert_eq!(bench.fetches, 0);
}

/// Proves in part: JWK-6 (the state machine; the alert is raised above)
#[test]
fn keys_outlive_their_provider_s_bad_day_but_not_more() {
    let key = named("k");
    let honest = token(&key);
    let mut bench = Bench::new(&[&key]);
    assert_eq!(bench.cache.health(), Health::Empty);
    assert!(bench.verifies(at(0), &honest));
    assert_eq!(bench.cache.health(), Health::Good);
    bench.status = 503;
    let day = 24 * 3600;
    for second in [600, 3600, day - 1] {
        assert!(bench.verifies(at(second), &honest), "{second}");
        assert!(
            matches!(bench.cache.health(), Health::Failing { since: Some(since), .. } if since == at(0))
        );
    }
    assert!(
        !bench.verifies(at(day), &honest),
        "never without keys that are known to be good"
    );
    bench.status = 200;
    assert!(!bench.verifies(at(day), &honest), "the back-off holds");
    assert!(bench.verifies(at(day + 300), &honest));
    assert_eq!(bench.cache.health(), Health::Good);
}

#[test]
fn failed_fetches_back_off_from_a_second_to_five_minutes() {
    let mut bench = Bench::new(&[]);
    let mut second = 0;
    for wait in [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300] {
        bench.cache.failed(at(second));
        let Decision::Unavailable { retry_after } = bench.cache.decide(at(second), Want::Any)
        else {
            panic!("{second}")
        };
        assert_eq!(retry_after, SignedDuration::from_secs(wait));
        let decision = bench.cache.decide(at(second + wait - 1), Want::Any);
        assert!(matches!(decision, Decision::Unavailable { .. }), "{wait}");
        second += wait;
        assert!(
            matches!(
                bench.cache.decide(at(second), Want::Any),
                Decision::Fetch(_)
            ),
            "{wait}"
        );
    }
}

#[test]
fn a_bad_answer_is_a_failed_fetch() {
    for (status, body, expected) in [
        (200, "<html>", "misbehaved.keys"),
        (200, "[]", "misbehaved.keys"),
        (200, r#"{"keys":{}}"#, "misbehaved.keys"),
        (404, "", "misbehaved.status"),
        (302, "", "misbehaved.redirected"),
        (500, "", "unavailable"),
    ] {
        let key = named("k");
        let mut bench = Bench::new(&[&key]);
        let before = bench.any(at(0)).unwrap();
        let received = bench
            .cache
            .received(&answer(status, "application/json", body), at(1));
        assert_eq!(verdict(&received), expected, "{status} {body}");
        assert!(
            Arc::ptr_eq(&before, &bench.any(at(2)).unwrap()),
            "the old keys stay"
        );
    }
}

/// Proves in part: JWK-7 (one node; that all nodes follow within the freshness time is tried above)
#[test]
fn a_key_that_is_gone_verifies_nothing() {
    let (old, new) = (named("old"), named("new"));
    let mut bench = Bench::new(&[&old, &new]);
    assert!(bench.verifies(at(0), &token(&old)));
    bench.published = key_set_json(&[&new]);
    assert!(bench.verifies(at(599), &token(&old)), "not fetched yet");
    assert!(!bench.verifies(at(600), &token(&old)));
    assert!(bench.verifies(at(600), &token(&new)));
    bench.published = key_set_json(&[]);
    assert!(
        !bench.verifies(at(1200), &token(&new)),
        "none left is an answer, too"
    );
    // Nor does it come back when the provider goes down.
    bench.status = 503;
    assert!(!bench.verifies(at(1800), &token(&new)));
}

/// Proves in part: JWK-8 (a cache knows one address; which one is asked is decided above)
#[test]
fn a_key_learned_for_one_address_verifies_for_no_other() {
    let (ours, theirs) = (named("k"), named("k"));
    let (mut a, mut b) = (Bench::new(&[&ours]), Bench::new(&[&theirs]));
    assert!(a.verifies(at(0), &token(&ours)) && b.verifies(at(0), &token(&theirs)));
    assert!(!a.verifies(at(1), &token(&theirs)) && !b.verifies(at(1), &token(&ours)));
}

#[test]
fn a_kid_is_read_without_being_believed() {
    let key = named("k");
    assert_eq!(kid_of(&token(&key)).as_deref(), Some("k"));
    assert_eq!(kid_of(&unlabelled(&key)), None);
    let long = key.sign_with_header(
        &json!({ "alg": "ES256", "kid": "x".repeat(257) }),
        &json!({}),
    );
    for token in [
        long.unwrap().as_str(),
        "",
        ".",
        "e30",
        "!!.x.y",
        "eyJraWQiOjV9.x.y",
        &"A".repeat(9000),
    ] {
        assert_eq!(kid_of(token), None, "{token:.20}");
    }
}
