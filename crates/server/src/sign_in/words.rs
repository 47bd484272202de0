//! What the hosted pages say in plain words.

use jiff::Timestamp;

/// What a scope lets the agent do.
pub(super) fn permission(scope: &str) -> String {
    match scope {
        "openid" => "know that it is you".to_owned(),
        "profile" => "see your name and picture".to_owned(),
        "email" => "see your e-mail address".to_owned(),
        "offline_access" => "stay connected until you sign out or the chat ends".to_owned(),
        other => format!("use the permission “{}”", shown(other)),
    }
}

/// How a channel is called where the prompt was shown.
pub(super) fn channel(name: &str) -> &'static str {
    match name {
        "webchat" => "the web chat",
        "directline" => "a chat on another page",
        _ => "a chat",
    }
}

/// How long ago something was.
pub(super) fn ago(then: Timestamp, now: Timestamp) -> String {
    match now.duration_since(then).as_secs() {
        ..10 => "just now".to_owned(),
        seconds @ 10..90 => format!("{seconds} seconds ago"),
        seconds => format!("{} minutes ago", (seconds + 30) / 60),
    }
}

/// The name that somebody gave themselves: short, on one line, and without the characters that
/// turn the direction of text (PHI-5). An id that we made up says nothing.
pub(super) fn display_name(name: &str) -> Option<String> {
    let name = shown(name);
    (!name.is_empty() && !name.starts_with("dl_")).then_some(name)
}

fn shown(text: &str) -> String {
    let turns = |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{061c}');
    let breaks = |c: char| matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}');
    let shown: String = text
        .chars()
        .filter(|c| !c.is_control() && !turns(*c) && !breaks(*c))
        .take(64)
        .collect();
    shown.trim().to_owned()
}

/// A problem as a page tells it: title, what happened, what to do.
pub(super) struct Story {
    pub(super) title: &'static str,
    pub(super) happened: String,
    pub(super) next: &'static str,
}

/// How a failed sign-in is told, by its stable code. Each has its page in `docs/problems/`.
pub(super) fn failed(reason: &str, agent: &str) -> Story {
    let (title, happened, next) = match reason {
        "cancelled" => (
            "This sign-in has ended",
            "It was cancelled, so nothing was connected.".to_owned(),
            "You can close this page. If you want to sign in after all, ask for it in the chat.",
        ),
        "refused" => (
            "You did not sign in",
            format!("The sign-in for {agent} was declined, so nothing was connected."),
            "You can close this page. If you want to sign in after all, ask for it in the chat.",
        ),
        "reported" => (
            "Thank you for telling us",
            format!("This sign-in for {agent} was stopped, and its link is dead."),
            "You can close this page. If somebody sent you that link, do not follow further ones from them.",
        ),
        "email_not_verified" => (
            "Your e-mail address is not verified",
            format!(
                "{agent} asks for an address that your provider has verified, and yours is not."
            ),
            "Verify your address with your provider, then ask for a new link in the chat.",
        ),
        "other_browser" => (
            "This came back in another browser",
            "The sign-in began in one browser and ended in another, so it does not count."
                .to_owned(),
            "Open the link from the chat in your usual browser, not inside another app, and stay in it.",
        ),
        "provider_down" => (
            "The sign-in service does not answer",
            "You were sent there, but it did not answer us when we asked who you are.".to_owned(),
            "Try again in a few minutes with a new link from the chat.",
        ),
        "partial_consent" => (
            "A permission is missing",
            format!("{agent} needs all the permissions it asked for, and one was not given."),
            "Ask for a new link in the chat and leave all permissions ticked.",
        ),
        "wrong_code" => (
            "The code was wrong too often",
            "For safety this sign-in has ended.".to_owned(),
            "Ask for a new link in the chat.",
        ),
        "interrupted" => (
            "The sign-in was interrupted",
            "Our server was restarted in the middle of it. Nothing was connected.".to_owned(),
            "Ask for a new link in the chat.",
        ),
        "expired" | "late" | "timeout" | "replaced" => (
            "This sign-in has ended",
            "Its time was over, or the chat has moved on.".to_owned(),
            "Ask for a new link in the chat.",
        ),
        _ => (
            "The sign-in did not work",
            "The sign-in service gave an answer that we cannot accept.".to_owned(),
            "Try again with a new link from the chat. If it happens again, tell the people who run this service.",
        ),
    };
    Story {
        title,
        happened,
        next,
    }
}

/// One text for every link or attempt that is unknown, over, or somebody else's (PAG-7).
pub(super) fn ended() -> Story {
    Story {
        title: "This sign-in has ended",
        happened: "The link was used, its time was over, or it was never one of ours.".to_owned(),
        next: "Go back to the chat and ask for a new link. If a page inside another app brought you here, open that link in your browser itself. If you are not in a chat with us, close this page.",
    }
}

/// The provider's answer is being looked at; the page asks again by itself.
pub(super) fn working() -> Story {
    Story {
        title: "One moment",
        happened: "We are checking the answer of the sign-in service.".to_owned(),
        next: "This page goes on by itself in a few seconds.",
    }
}

/// PHI-7.
pub(super) fn elsewhere() -> Story {
    Story {
        title: "This link is open in another browser",
        happened: "Somebody opened this link before, in another browser, and can go on only there."
            .to_owned(),
        next: "Go on where you opened it first. If that was not you, ask for a new link in the chat.",
    }
}

/// The provider is down, and the link lives.
pub(super) fn provider_down(connection: &str) -> Story {
    Story {
        title: "The sign-in service does not answer",
        happened: format!("{connection} cannot be reached at this moment."),
        next: "Reload this page in a few seconds. Your link stays good for the time shown in the chat.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_somebody_gave_themselves_is_short_plain_text() {
        let long = "x".repeat(10_000);
        for (given, expected) in [
            ("Ann", Some("Ann".to_owned())),
            ("Ann\nBoss\u{202e}gnp", Some("AnnBossgnp".to_owned())),
            (long.as_str(), Some("x".repeat(64))),
            ("dl_0123", None),
            ("\u{2066}\u{2069}", None),
        ] {
            assert_eq!(display_name(given), expected);
        }
    }

    #[test]
    fn time_is_told_in_plain_words() {
        let now = Timestamp::from_second(1_000_000).unwrap();
        let ago = |seconds: i64| ago(Timestamp::from_second(1_000_000 - seconds).unwrap(), now);
        assert_eq!(ago(3), "just now");
        assert_eq!(ago(45), "45 seconds ago");
        assert_eq!(ago(100), "2 minutes ago");
    }
}
