//! The cookies of a request, as anyone may send them (BND-4).
#![no_main]

#[expect(dead_code, reason = "the server's own file; here it is only read with")]
#[path = "../../crates/server/src/cookies.rs"]
mod cookies;

libfuzzer_sys::fuzz_target!(|value: &[u8]| {
    if let Ok(value) = http::HeaderValue::from_bytes(value) {
        let headers = http::HeaderMap::from_iter([(http::header::COOKIE, value)]);
        let _ = cookies::Cookies::of(&headers).surplus_attempts().count();
    }
});
