//! The answer of a token endpoint, as a hostile provider may give one (BND-15).
#![no_main]

use std::sync::LazyLock;

use jiff::Timestamp;
use oauth::client::{Caller, Client, ClientAuth};
use oauth::discovery::{Endpoints, Provider, Rules};
use oauth::http::Response;
use oauth::{Exchange as _, Progress, token};

static PROVIDER: LazyLock<Provider> = LazyLock::new(|| {
    let typed = Endpoints {
        authorization: Some("https://idp.example/authorize".into()),
        token: Some("https://idp.example/token".into()),
        ..Endpoints::default()
    };
    Provider::from_endpoints(&typed, &Rules { development: false }).expect("these are fine")
});

libfuzzer_sys::fuzz_target!(|body: &[u8]| {
    for status in [200, 400] {
        let headers = vec![("content-type".into(), "application/json".into())];
        let answer = Response {
            status,
            headers,
            body: body.into(),
        };
        let client = Client {
            id: "usher".into(),
            auth: ClientAuth::None,
        };
        let now = Timestamp::UNIX_EPOCH;
        let caller = Caller {
            provider: &PROVIDER,
            client: &client,
            seed: [7; 32],
            now,
        };
        let old = "old".to_owned().into();
        if let Ok(Progress::Send(_, refresh)) = token::refresh(&caller, &old, &[]) {
            let _ = refresh.receive(answer, now);
        }
    }
});
