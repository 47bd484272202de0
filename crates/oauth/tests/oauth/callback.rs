use oauth::callback::{Answer, Fault, Outcome, check_issuer, parse, state_of};
use oauth::{Error, Misbehavior};
use secrecy::ExposeSecret as _;

/// `code/state/iss`, or the error's code, or the fault.
fn read(query: &str) -> Result<String, Fault> {
    parse(query).map(|answer| {
        let outcome = match &answer.outcome {
            Outcome::Code(code) => format!("code={}", code.expose_secret()),
            Outcome::Error(said) => format!("error={}", said.error),
        };
        let iss = answer.iss.as_deref().unwrap_or("-");
        format!("{outcome} state={} iss={iss}", answer.state.expose_secret())
    })
}

fn check(query: &str, expected: Result<&str, Fault>) {
    assert_eq!(read(query), expected.map(str::to_owned), "{query}");
}

#[test]
fn an_honest_answer_is_read() {
    for (query, expected) in [
        ("code=c&state=s", "code=c state=s iss=-"),
        ("state=s&code=c", "code=c state=s iss=-"),
        (
            "code=c&state=s&iss=https%3A%2F%2Fid.example%2F",
            "code=c state=s iss=https://id.example/",
        ),
        ("code=c&state=s&session_state=a.b", "code=c state=s iss=-"),
        (
            "error=access_denied&state=s",
            "error=access_denied state=s iss=-",
        ),
        (
            "error=access_denied&error_description=no+way&error_uri=x&state=s",
            "error=access_denied state=s iss=-",
        ),
        ("&code=c&&state=s&", "code=c state=s iss=-"),
    ] {
        check(query, Ok(expected));
    }
}

/// Proves: BND-9
#[test]
fn a_polluted_callback_is_refused() {
    const NAMES: [&str; 7] = [
        "code",
        "state",
        "iss",
        "session_state",
        "error",
        "error_description",
        "error_uri",
    ];
    for name in NAMES {
        let rest = if name.starts_with("error") {
            "error=e&state=s"
        } else {
            "code=c&state=s"
        };
        let twice = format!("{rest}&{name}=a&{name}=b");
        check(&twice, Err(Fault::Repeated(name)));
        let same_twice = format!("{rest}&{name}=a&{name}=a");
        check(&same_twice, Err(Fault::Repeated(name)));
        let first = &name[..1];
        let hidden = format!(
            "{rest}&{name}=a&%{:02x}{}=b",
            first.as_bytes()[0],
            &name[1..]
        );
        check(&hidden, Err(Fault::Repeated(name)));
    }
    for name in ["access_token", "id_token", "token_type"] {
        for pair in [format!("{name}=x"), format!("{name}="), name.to_owned()] {
            check(
                &format!("code=c&state=s&{pair}"),
                Err(Fault::Forbidden(name)),
            );
        }
    }
    check("code=c&state=s&error=e", Err(Fault::CodeAndError));
    check("code=&state=s&error=e", Err(Fault::CodeAndError));
    for (query, fault) in [
        ("", Fault::Missing("state")),
        ("code=c", Fault::Missing("state")),
        ("code=c&state=", Fault::Missing("state")),
        ("state=s", Fault::Missing("code")),
        ("code=&state=s", Fault::Missing("code")),
        ("code&state=s", Fault::Missing("code")),
        ("code=a%00b&state=s", Fault::Character("code")),
        ("code=a%0d%0ab&state=s", Fault::Character("code")),
        ("code=%c3%a4&state=s", Fault::Character("code")),
        ("code=c&state=%7f", Fault::Character("state")),
    ] {
        check(query, Err(fault));
    }
}

/// Proves: BND-9
#[test]
fn what_is_not_ours_is_ignored() {
    for query in [
        "code=c&state=s&utm=1&utm=2",
        "code=c&state=s&Code=d&STATE=t",
        "code=c&state=s&code%00=d",
        "code=c&state=s&scope=openid&scope=x&authuser=0&prompt=none",
        "code=c&state=s&response_type=token",
    ] {
        check(query, Ok("code=c state=s iss=-"));
    }
}

/// Proves: BND-9
#[test]
fn a_callback_is_decoded_once_and_only_as_utf_8() {
    check("code=%2563&state=a%2Bb+c", Ok("code=%63 state=a+b c iss=-"));
    for broken in ["%", "%4", "%zz", "%ff", "%c3", "%ed%a0%80", "%c0%ae"] {
        check(&format!("code={broken}&state=s"), Err(Fault::Encoding));
        check(&format!("code=c&state=s&x={broken}"), Err(Fault::Encoding));
    }
}

/// Proves: BND-9
#[test]
fn a_callback_has_bounds() {
    for (code, expected) in [(2048, None), (2049, Some(Fault::CodeTooLong))] {
        let query = format!("state=s&code={}", "c".repeat(code));
        assert_eq!(read(&query).err(), expected, "{code}");
    }
    // Bounds hold for what was decoded, too.
    let escaped = format!("state=s&code={}", "%63".repeat(2049));
    assert_eq!(read(&escaped), Err(Fault::CodeTooLong));
    for (bytes, expected) in [(8192, None), (8193, Some(Fault::QueryTooLong))] {
        let mut query = "code=c&state=s&x=".to_owned();
        query.push_str(&"x".repeat(bytes - query.len()));
        assert_eq!(read(&query).err(), expected, "{bytes}");
    }
}

#[test]
fn a_broken_answer_still_names_its_attempt() {
    for (query, expected) in [
        ("code=c&code=d&state=s", Some("s")),
        ("code=%ff&state=s", Some("s")),
        ("access_token=x&state=s", Some("s")),
        ("st%61te=s", Some("s")),
        ("state=%ff&state=s", Some("s")),
        ("state=", None),
        ("state", None),
        ("", None),
    ] {
        assert_eq!(state_of(query).as_deref(), expected, "{query}");
    }
}

fn from(iss: Option<&str>) -> Answer {
    let iss = iss.map(|iss| format!("&iss={}", iss.replace('%', "%25").replace('+', "%2B")));
    parse(&format!("code=c&state=s{}", iss.unwrap_or_default())).unwrap()
}

/// Proves: MIX-1
#[test]
fn an_answer_from_another_issuer_is_refused() {
    let expected = "https://id.example/p";
    for got in [
        "https://id.example/p/",
        "https://id.example:443/p",
        "https://ID.example/p",
        "HTTPS://id.example/p",
        "https://id.example/%70",
        "https://id.%65xample/p",
        "https://id.example/P",
        "https://id.example",
        "https://id.example/p?",
        "https://id.example/p#",
        " https://id.example/p",
        "https://evil.example",
        "",
    ] {
        let refused = check_issuer(&from(Some(got)), Some(expected), false);
        let mismatch = Misbehavior::IssuerMismatch {
            expected: expected.to_owned(),
            got: got.to_owned(),
        };
        assert_eq!(refused, Err(mismatch), "{got}");
        let error = parse(&format!("error=access_denied&state=s&iss={got}").replace('%', "%25"));
        assert!(
            check_issuer(&error.unwrap(), Some(expected), false).is_err(),
            "{got}"
        );
    }
    assert_eq!(
        check_issuer(&from(Some(expected)), Some(expected), false),
        Ok(())
    );
    let encoded = parse("code=c&state=s&iss=https%3A%2F%2Fid.example%2Fp").unwrap();
    assert_eq!(check_issuer(&encoded, Some(expected), true), Ok(()));
}

/// Proves in part: MIX-2 (the table; attempts that fail by it are tried in the whole system)
#[test]
fn a_provider_that_announces_its_name_must_give_it() {
    let ours = "https://id.example";
    for (iss, sends_iss, expected) in [
        (Some(ours), true, Ok(())),
        (Some(ours), false, Ok(())),
        (None, true, Err("misbehaved.issuer_missing")),
        (None, false, Ok(())),
        (
            Some("https://evil.example"),
            true,
            Err("misbehaved.issuer_mismatch"),
        ),
        (
            Some("https://evil.example"),
            false,
            Err("misbehaved.issuer_mismatch"),
        ),
    ] {
        let got = check_issuer(&from(iss), Some(ours), sends_iss);
        assert_eq!(
            got.map_err(|fault| fault.code()),
            expected,
            "{iss:?} {sends_iss}"
        );
    }
}

/// Proves in part: BND-17 (what an error answer means; its cookie is checked by the server)
#[test]
fn an_error_answer_passes_the_same_checks_and_says_what_it_means() {
    for (said, expected) in [
        ("access_denied", "refused.access_denied"),
        ("login_required", "refused.needs_person"),
        ("consent_required", "refused.needs_person"),
        ("interaction_required", "refused.needs_person"),
        ("unauthorized_client", "rejected.client"),
        ("invalid_request", "rejected.request"),
        ("invalid_scope", "unsupported.scope"),
        ("unsupported_response_type", "unsupported.grant_type"),
        ("server_error", "unavailable"),
        ("temporarily_unavailable", "unavailable"),
        ("made_up", "refused.other"),
    ] {
        let answer = parse(&format!("error={said}&state=s&iss=https://id.example")).unwrap();
        assert_eq!(
            check_issuer(&answer, Some("https://id.example"), true),
            Ok(())
        );
        assert!(check_issuer(&answer, Some("https://other.example"), true).is_err());
        let error = answer.into_code().unwrap_err();
        assert_eq!(error.code(), expected, "{said}");
        if let Some(provider_error) = error.provider_error() {
            assert_eq!(provider_error.error, said);
        }
    }
    let hostile = parse("error=%3Cscript%3E%22&state=s")
        .unwrap()
        .into_code()
        .unwrap_err();
    let Error::Refused(refusal) = &hostile else {
        panic!("{hostile:?}")
    };
    assert_eq!(refusal.to_string(), "the provider answered `unreadable`");
}
