//! The one rule by which a grant is released to a session (`security.md` section 1).

use serde::{Deserialize, Serialize};

/// What has been shown about the browser that signed in, and about who asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Proofs {
    /// P1: the browser that set out from our page is the one that came back from the provider.
    pub(crate) same_browser: bool,
    /// P2a: that browser holds the cookie of the conversation.
    pub(crate) chat_browser: bool,
    /// P3: the code that only that browser was shown was typed into the conversation.
    pub(crate) code: bool,
}

/// Leave to release one attempt's tokens. Only [`judge`] makes one, and the change that moves
/// tokens out of quarantine asks for it: no path to a grant goes around the rule (PHI-1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Leave(Proofs);

impl Leave {
    /// The proofs that held, as they are stored with the grant.
    pub(crate) const fn proofs(self) -> Proofs {
        self.0
    }
}

/// What follows from the proofs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The tokens may be bound to the session.
    Release(Leave),
    /// They stay in quarantine until the code is typed into the chat.
    AwaitCode,
    /// They never may: the browser that came back is not the one that set out.
    Refuse,
}

/// **P1 and (P2 or P3)**, and nothing else.
///
/// P2b (the embedded widget's own popup) and P4 (an identity that the channel vouches for) join
/// here when their channels exist.
pub(crate) const fn judge(proofs: Proofs) -> Verdict {
    match proofs {
        Proofs {
            same_browser: false,
            ..
        } => Verdict::Refuse,
        Proofs {
            chat_browser: true, ..
        }
        | Proofs { code: true, .. } => Verdict::Release(Leave(proofs)),
        Proofs { .. } => Verdict::AwaitCode,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_browser_with_one_more_proof_is_released() {
        for bits in 0..8_u8 {
            let proofs = Proofs {
                same_browser: bits & 1 != 0,
                chat_browser: bits & 2 != 0,
                code: bits & 4 != 0,
            };
            let expected = match bits {
                3 | 5 | 7 => Verdict::Release(Leave(proofs)),
                1 => Verdict::AwaitCode,
                _ => Verdict::Refuse,
            };
            assert_eq!(judge(proofs), expected, "{proofs:?}");
        }
    }
}
