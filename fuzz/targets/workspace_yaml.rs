//! A file of a workspace, as anyone with a publisher's key may send one (CFG-1, ADM-9).
#![no_main]

use oauth::Rules;

const PATHS: [&str; 4] = [
    "organizations/acme/organization.yaml",
    "organizations/acme/connections/corp.yaml",
    "organizations/acme/agents/travel/agent.yaml",
    "organizations/acme/agents/travel/flows/main.yaml",
];

libfuzzer_sys::fuzz_target!(|text: &str| {
    for path in PATHS {
        let files = [(path.to_owned(), text.to_owned())];
        let _ = app::workspace::read(&files, &Rules { development: false });
    }
});
