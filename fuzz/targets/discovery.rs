//! A metadata document, as a hostile provider may publish one (MIX-4, MIX-5).
#![no_main]

use jiff::Timestamp;
use oauth::discovery::{Rules, begin};
use oauth::http::Response;
use oauth::{Exchange as _, Progress};

libfuzzer_sys::fuzz_target!(|body: &[u8]| {
    let headers = vec![("content-type".into(), "application/json".into())];
    let answer = Response {
        status: 200,
        headers,
        body: body.into(),
    };
    if let Ok(Progress::Send(_, discovery)) =
        begin("https://idp.example", &Rules { development: false })
    {
        let _ = discovery.receive(answer, Timestamp::UNIX_EPOCH);
    }
});
