//! A panic is logged by its place, and ends neither the process nor a secret's privacy. Alone in
//! its file, since a panic hook belongs to the whole process.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};

use cli::host::log;
use tracing_subscriber::fmt::MakeWriter;

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Lines {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// Proves in part: SEA-7 (a forced panic's message; that secrets are wiped is not shown here)
#[test]
fn a_panic_is_logged_without_its_message_and_the_process_goes_on() {
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .with_writer(lines.clone())
        .finish();
    tracing::subscriber::set_global_default(subscriber).unwrap();
    log::report_panics();
    let thread = std::thread::Builder::new().name("worker".to_owned());
    let ended = thread
        .spawn(|| panic!("the token was canary-7f3a"))
        .unwrap()
        .join();
    assert!(ended.is_err());
    let logged = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert!(
        logged.contains("tests/panics.rs:") && logged.contains("worker"),
        "{logged}"
    );
    assert!(!logged.contains("canary"), "{logged}");
}
