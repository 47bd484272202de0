//! A key set, as a hostile provider may publish one (JWK-1, JWK-2).
#![no_main]

libfuzzer_sys::fuzz_target!(|json: &[u8]| {
    let _ = jose::KeySet::parse(json);
});
