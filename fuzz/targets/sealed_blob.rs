//! What a stolen or damaged database may hold in place of a sealed token (SEA-2, SEA-5).
#![no_main]

use vault::{DataKey, Place};

const PLACE: Place<'_> = Place {
    organization: "acme",
    table: "grants",
    column: "tokens",
    row: "grn_1",
    owner: "con_1",
};

libfuzzer_sys::fuzz_target!(|blob: &[u8]| {
    let key = DataKey::from_random("d1", [7; 32]).expect("the id is fine");
    assert!(key.open(&PLACE, blob).is_err(), "a forgery was opened");
    let _ = DataKey::key_id_of(blob);
    let _ = vault::grant::Tokens::from_bytes(blob);
});
