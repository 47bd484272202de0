//! The query of a callback, as anyone may make one (BND-9).
#![no_main]

libfuzzer_sys::fuzz_target!(|query: &str| {
    let _ = oauth::callback::parse(query);
    let _ = oauth::callback::state_of(query);
});
