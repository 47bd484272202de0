//! What is counted and measured: every name and label in one place (OPS-6).
//!
//! Labels are fixed words and stable codes, never ids, names or text: what is counted says nothing
//! of anybody, and there are only so many series.

use jiff::SignedDuration;
use metrics::{counter, histogram};
use store::AttemptChange;

/// A turn was committed, so long after it was asked for.
pub(crate) fn turn(cause: &'static str, took: SignedDuration) {
    counter!("usher_turns_total", "cause" => cause).increment(1);
    histogram!("usher_turn_seconds").record(took.as_secs_f64());
}

/// Another turn of the same conversation was first: this one is decided again.
pub(crate) fn conflict() {
    counter!("usher_turn_conflicts_total").increment(1);
}

/// What became of sign-ins in a turn that is committed.
pub(crate) fn sign_ins(changes: &[AttemptChange]) {
    for change in changes {
        let ending = match change {
            AttemptChange::Open(_) => {
                counter!("usher_sign_ins_opened_total").increment(1);
                continue;
            }
            AttemptChange::Release(_) => "released".to_owned(),
            AttemptChange::Fail { reason, .. } => reason.clone(),
        };
        counter!("usher_sign_ins_total", "ending" => ending).increment(1);
    }
}

/// An effect was carried out.
pub(crate) fn effect(kind: &str) {
    counter!("usher_effects_total", "kind" => kind.to_owned()).increment(1);
}

/// A timer fired, so long after it was due.
pub(crate) fn timer(late: SignedDuration) {
    histogram!("usher_timer_late_seconds").record(late.as_secs_f64().max(0.0));
}
