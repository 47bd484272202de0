use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde_json::{Map, Value as Json};
use sha2::{Digest, Sha256};

use crate::definition::{ButtonFile, CardFile, Checker, SignInFile, transpose};
use crate::effect::{Button, Closed, Effect, LinkId, Said};
use crate::event::Event;
use crate::exception::Exception;
use crate::expr::{Fault, Text};
use crate::session::{SignedIn, WaitsFor};
use crate::steps::{Context, Next, Step, after, is_cancel};
use crate::texts;
use crate::value::{Fields, Value};

/// Shows a sign-in prompt and waits until the person has signed in.
///
/// ```yaml
/// - id: sign_in
///   when: "[[ChatUser]].SSOToken == null"
///   sign_in:
///     connection: corp
///     get_user_identity: true
///     block_user_input: true
///     lives: 120s
///     card:
///       text: Please sign in, so that I can look up your trips.
///       buttons:
///         - { title: Sign In, value: "[[ChatUser]].OauthAccessURL" }
///         - { title: Cancel, value: cancel }
///   post_actions: [save_identified_user, save_authenticated_user]
///   on_exception:
///     - { when: "[[SystemError]].Code == 'timeout'", goto: too_slow }
///     - { goto: sorry }
/// ```
///
/// The link is new each time, lives from its creation on (`lives`; absent: 120 s, or 300 s where a code must be typed), and
/// reads as `[[ChatUser]].OauthAccessURL`. With `block_user_input` the person may say nothing but `cancel` meanwhile.
///
/// On success `ChatUser.SSOToken` is a handle to the token and `Auth` holds the claims; no level is raised (SGN-12).
/// Else it raises, each its own code (TMO-4): `timeout`, `cancelled`, `refused`, `email_not_verified`, `other_browser`,
/// `reported`, `wrong_code`, `interrupted`, `provider_down`, `provider_error`, `partial_consent`, `no_configuration`, `busy`, and
/// `no_buttons` in a channel that cannot show the prompt (CHN-2).
#[derive(Debug)]
pub(super) struct SignIn {
    connection: String,
    typing: bool,
    lives_s: Option<u32>,
    text: Text,
    buttons: Vec<(Text, Text)>,
}

/// Life of a link where the channel proves the browser (TMO-1).
const LIVES_S: u32 = 120;
/// Life of a link where the person has to type a code.
const LIVES_WITH_CODE_S: u32 = 300;
/// Shortest and longest life (security, numbers).
const RANGE_S: (u32, u32) = (30, 600);

/// The field that holds the newest link (CRD-2).
const LINK: &str = "OauthAccessURL";

impl SignIn {
    pub(super) fn parse(file: &SignInFile, checker: &mut Checker<'_>) -> Option<Self> {
        let connection = checker.connection("/connection", &file.connection);
        let lives = file
            .lives
            .as_deref()
            .map(|text| checker.seconds("/lives", text, RANGE_S.0, RANGE_S.1));
        let default = CardFile::default();
        let card = file.card.as_ref().unwrap_or(&default);
        let text = checker.text("/card/text", card.text.as_deref().unwrap_or(texts::PROMPT));
        let buttons = buttons(card, checker);
        Some(Self {
            connection: connection?,
            typing: !file.block_user_input,
            lives_s: transpose(lives)?,
            text: text?,
            buttons: buttons?,
        })
    }

    fn expires(&self, cx: &Context<'_>) -> Timestamp {
        let default = if cx.env.channel.proves_browser {
            LIVES_S
        } else {
            LIVES_WITH_CODE_S
        };
        after(cx.env.now, self.lives_s.unwrap_or(default))
    }

    fn prompt(&self, link: &str, expires: Timestamp, cx: &Context<'_>) -> Result<Said, Exception> {
        let scope = cx.scope();
        let library = cx.library();
        let button = |(title, value): &(Text, Text)| {
            let value = library.text(value, &scope)?;
            let opens = value == link || value.starts_with("https://");
            Ok(Button {
                title: library.text(title, &scope)?,
                value,
                opens,
            })
        };
        Ok(Said::Prompt {
            text: library.text(&self.text, &scope)?.trim_end().to_owned(),
            buttons: self
                .buttons
                .iter()
                .map(button)
                .collect::<Result<_, Exception>>()?,
            expires,
        })
    }

    fn accept(
        &self,
        claims: &Map<String, Json>,
        account: Option<&String>,
        cx: &mut Context<'_>,
    ) -> Next {
        let handle = cx.session.usable(&self.connection, cx.env).cloned();
        cx.session
            .chat_user
            .set("SSOToken", handle.map_or(Value::Null, Value::from));
        cx.session.auth = Fields::from(claims.clone());
        cx.session.signed_in = Some(SignedIn {
            connection: self.connection.clone(),
            account: account.cloned(),
        });
        cx.note(
            "claims",
            claims.keys().map(String::as_str).collect::<Vec<_>>(),
        );
        close(Closed::Done, cx);
        Next::Continue
    }
}

/// The card's buttons, of which one must open the link unless its text shows it.
fn buttons(card: &CardFile, checker: &mut Checker<'_>) -> Option<Vec<(Text, Text)>> {
    let default = [
        ButtonFile {
            title: texts::SIGN_IN.to_owned(),
            value: format!("[[ChatUser]].{LINK}"),
        },
        ButtonFile {
            title: texts::CANCEL.to_owned(),
            value: "cancel".to_owned(),
        },
    ];
    let files = card.buttons.as_deref().unwrap_or(&default);
    let shows_link = |text: &str| text.contains(LINK);
    if !files.iter().any(|file| shows_link(&file.value))
        && !card.text.as_deref().is_some_and(shows_link)
    {
        let fault = Fault::new("no button opens the link");
        checker.mistake(
            "/card/buttons",
            fault.hint(format!("give one the value `[[ChatUser]].{LINK}`")),
        );
    }
    let mut buttons = Vec::new();
    for (index, file) in files.iter().enumerate() {
        let title = checker.text(&format!("/card/buttons/{index}/title"), &file.title);
        let value = checker.text(&format!("/card/buttons/{index}/value"), &file.value);
        buttons.push(title.zip(value));
    }
    buttons.into_iter().collect()
}

impl Step for SignIn {
    fn kind(&self) -> &'static str {
        "sign_in"
    }

    fn enter(&self, cx: &mut Context<'_>) -> Result<Next, Exception> {
        cx.note("connection", self.connection.as_str());
        if !cx.env.channel.buttons {
            return Err(Exception::new(
                "no_buttons",
                "the channel cannot show a prompt",
            ));
        }
        let link_id = link_id(cx);
        let link = format!("{}/sign-in/{}", cx.env.public_url, link_id.as_str());
        let expires = self.expires(cx);
        cx.session.chat_user.set(LINK, link.as_str());
        let prompt = self.prompt(&link, expires, cx)?;
        cx.note("expires", expires.to_string());
        cx.said.push(prompt);
        let (run, connection) = (cx.run, self.connection.clone());
        cx.effects.push(Effect::OpenPrompt {
            run,
            connection,
            link_id: link_id.clone(),
            expires,
        });
        let for_ = WaitsFor::SignIn {
            connection: self.connection.clone(),
            link_id,
        };
        Ok(Next::Wait {
            until: Some(expires),
            typing: self.typing,
            for_,
        })
    }

    fn resume(&self, event: &Event, cx: &mut Context<'_>) -> Result<Option<Next>, Exception> {
        match event {
            Event::SignedIn {
                connection,
                claims,
                account,
                ..
            } if *connection == self.connection => {
                Ok(Some(self.accept(claims, account.as_ref(), cx)))
            }
            Event::SignInFailed { reason, .. } => {
                close(Closed::Failed, cx);
                Err(Exception::new(reason.code(), "the sign-in failed"))
            }
            Event::TimedOut { .. } => {
                close(Closed::Expired, cx);
                Err(Exception::timeout())
            }
            Event::Said(text) if is_cancel(text) => {
                close(Closed::Cancelled, cx);
                Err(Exception::cancelled())
            }
            // No `_`: a new event makes the compiler ask every step that waits what it means.
            Event::Said(_)
            | Event::SignedIn { .. }
            | Event::Started
            | Event::HttpAnswered { .. }
            | Event::IdentityFetched { .. } => Ok(None),
        }
    }

    fn reaches_out(&self) -> bool {
        true
    }
}

fn close(why: Closed, cx: &mut Context<'_>) {
    cx.effects.push(Effect::ClosePrompt { run: cx.run, why });
}

/// 256 bits that nobody can guess: the seed is fresh each turn, the run each prompt.
fn link_id(cx: &Context<'_>) -> LinkId {
    let digest = Sha256::new()
        .chain_update(cx.env.seed)
        .chain_update(b"link")
        .chain_update(cx.run.0.to_be_bytes());
    LinkId(URL_SAFE_NO_PAD.encode(digest.finalize()))
}
