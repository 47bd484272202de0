use oauth::authorize::{Ask, Seeds};
use oauth::client::{Client, ClientAuth};
use oauth::http::Response;
use oauth::token::{Code, redeem, refresh};
use oauth::{Error, Exchange as _, callback, userinfo};
use secrecy::ExposeSecret as _;
use serde_json::json;

use crate::scene::{
    REDIRECT, answer, caller, client, json_answer, key, now, provider, secret, sent, texts,
};

const CANARY: &str = "c4n4ryc4n4ry";

/// Neither plainly, nor in base64, nor as a list of bytes.
fn check(what: &str, shown: &str) {
    use base64::Engine as _;
    let bytes = format!("{:?}", CANARY.as_bytes());
    let bytes = bytes.trim_matches(['[', ']']);
    let encoded = base64::engine::general_purpose::STANDARD.encode(CANARY);
    for form in [CANARY, bytes, encoded.as_str(), "YzRuNHJ5"] {
        assert!(!shown.contains(form), "{what} shows {form}: {shown}");
    }
}

/// Every way an error can be printed: itself and all that it stems from.
fn check_error(what: &str, error: &Error) {
    check(what, &format!("{error:?} {error:#?} {error}"));
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        check(what, &format!("{inner:?} {inner}"));
        source = inner.source();
    }
}

/// Proves in part: SEC-2 (this crate's errors; the canary runs through the whole system elsewhere)
#[test]
fn no_error_shows_what_was_answered() {
    let (provider, client) = (provider(), client(ClientAuth::Post(secret(CANARY))));
    let caller = caller(&provider, &client, 1);
    let bodies = [
        CANARY.to_owned(),
        format!(r#"{{"access_token":"{CANARY}","access_token":"{CANARY}"}}"#),
        format!(r#"{{"access_token":"{CANARY}","token_type":"{CANARY}"}}"#),
        format!(r#"{{"access_token":"{CANARY}\n","token_type":"bearer"}}"#),
        format!(r#"{{"access_token":"{CANARY}","token_type":"bearer","expires_in":"{CANARY}"}}"#),
        format!(
            r#"{{"error":"invalid_grant","error_description":"{CANARY}","error_uri":"{CANARY}"}}"#
        ),
        format!(r#"{{"{CANARY}":"{CANARY}"}}"#),
        format!(r#"{{"sub":"{CANARY}"}}"#),
        format!(r#"["{CANARY}"]"#),
    ];
    for body in &bodies {
        for status in [200, 302, 400, 401, 403, 503] {
            let answered = || answer(status, "application/json", body.as_str());
            let (_, exchange) = sent(refresh(&caller, &secret(CANARY), &[]).unwrap());
            if let Err(error) = exchange.receive(answered(), now()) {
                check_error(body, &error);
            }
            let asked = userinfo::begin(&provider.token_endpoint, &secret(CANARY), Some("alice"));
            let (_, exchange) = sent(asked.unwrap());
            if let Err(error) = exchange.receive(answered(), now()) {
                check_error(body, &error);
            }
        }
    }
    for query in [
        format!("code={CANARY}&code={CANARY}&state={CANARY}"),
        format!("code={CANARY}%00&state={CANARY}"),
        format!("access_token={CANARY}&state={CANARY}"),
        format!("error=x&error_description={CANARY}&state={CANARY}"),
    ] {
        match callback::parse(&query) {
            Err(fault) => check_error(&query, &fault.into()),
            Ok(answer) => check_error(&query, &answer.into_code().unwrap_err()),
        }
    }
}

#[test]
fn nothing_that_holds_a_secret_shows_it() {
    let provider = provider();
    let mut seeds = Seeds {
        state: [0; 32],
        nonce: [0; 32],
        verifier: [0; 32],
    };
    seeds.state[..CANARY.len()].copy_from_slice(CANARY.as_bytes());
    (seeds.nonce, seeds.verifier) = (seeds.state, seeds.state);
    let scopes = texts(&["openid"]);
    let ask = Ask {
        provider: &provider,
        client_id: "usher",
        redirect_uri: REDIRECT,
        scopes: &scopes,
        prompt: None,
        extras: &[],
        hints: &[],
    };
    let authorization = oauth::authorize::begin(&ask, &seeds).unwrap();
    assert!(authorization.state.expose_secret().starts_with("YzRuNHJ5"));
    check("authorization", &format!("{authorization:?}"));
    for auth in [
        ClientAuth::Basic(secret(CANARY)),
        ClientAuth::Post(secret(CANARY)),
        ClientAuth::PrivateKeyJwt(key()),
        ClientAuth::None,
    ] {
        let client = Client {
            id: "usher".to_owned(),
            auth,
        };
        check("client", &format!("{client:?}"));
        let (code, verifier) = (secret(CANARY), secret(CANARY));
        let code = Code {
            code: &code,
            redirect_uri: REDIRECT,
            verifier: &verifier,
            scopes: &scopes,
        };
        check("code", &format!("{code:?}"));
        let begun = redeem(&caller(&provider, &client, 1), &code).unwrap();
        check("exchange", &format!("{begun:?}"));
    }
    let asked = userinfo::begin(&provider.token_endpoint, &secret(CANARY), None).unwrap();
    check("question", &format!("{asked:?}"));
    let body = json!({
        "access_token": CANARY, "refresh_token": CANARY, "id_token": CANARY, "token_type": "bearer",
    });
    let mut answered: Response = json_answer(&body);
    answered
        .headers
        .push(("set-cookie".to_owned(), CANARY.to_owned()));
    check("answer", &format!("{answered:?}"));
    let begun = refresh(
        &caller(&provider, &client(ClientAuth::None), 1),
        &secret(CANARY),
        &[],
    );
    let (_, exchange) = sent(begun.unwrap());
    check(
        "tokens",
        &format!("{:?}", exchange.receive(answered, now()).unwrap()),
    );
    let answer = callback::parse(&format!("code={CANARY}&state={CANARY}")).unwrap();
    check("callback", &format!("{answer:?}"));
    let mut url = provider.token_endpoint.clone();
    url.set_query(Some(CANARY));
    check("address", &oauth::http::without_query(&url));
}

#[test]
fn what_a_provider_wrote_for_people_has_to_be_asked_for() {
    let answer =
        callback::parse("error=access_denied&error_description=Not%20%1b%5b31mtoday%0d%0a&state=s");
    let error = answer.unwrap().into_code().unwrap_err();
    let said = error.provider_error().unwrap();
    assert_eq!(said.description.as_ref().unwrap().text(), "Not [31mtoday");
    assert!(!format!("{error:?}").contains("today"));
    let long = format!("error=e&error_description={}&state=s", "x".repeat(5000));
    let error = callback::parse(&long).unwrap().into_code().unwrap_err();
    let remark = error.provider_error().unwrap().description.clone().unwrap();
    assert_eq!(remark.text().len(), 500);
}
