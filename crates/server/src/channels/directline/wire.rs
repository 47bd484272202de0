//! Activities in the Bot Framework's form (protocol 2).

use app::{
    StoredActivity,
    activity::{Activity, Status},
};
use flow::{Button, Said};
use serde_json::{Map, Value, json};

use super::token::Token;
use crate::problem::Problem;

/// Members that the server sets itself, whatever a client sends.
const OURS: [&str; 8] = [
    "id",
    "timestamp",
    "from",
    "recipient",
    "conversation",
    "channelId",
    "serviceUrl",
    "replyToId",
];

/// An event of this name would hand a bot a token: only the channel itself may send it (2.5).
const FORBIDDEN_EVENT: &str = "tokens/response";

/// What a client posted, read and made safe.
#[derive(Debug)]
pub(crate) enum Posted {
    /// To be stored, and to be said to the flow where it has words.
    Said {
        text: Option<String>,
        body: Map<String, Value>,
    },
    /// `typing`: taken, and not kept.
    Passing,
}

/// Reads an activity that a client posts.
pub(crate) fn read(bytes: &[u8]) -> Result<Posted, Problem> {
    let activity: Value = serde_json::from_slice(bytes)
        .map_err(|_| Problem::new(http::StatusCode::BAD_REQUEST, "BadSyntax", NOT_JSON))?;
    if !nests_within(&activity, MAX_DEPTH) {
        return Err(Problem::bad_argument("The activity is nested too deeply."));
    }
    let Value::Object(mut body) = activity else {
        return Err(Problem::missing(NO_ACTIVITY));
    };
    let kind = body.get("type").and_then(Value::as_str).map(str::to_owned);
    let kind = kind.ok_or_else(|| Problem::missing("The activity has no `type`."))?;
    if !body
        .get("text")
        .is_none_or(|text| text.is_string() || text.is_null())
    {
        return Err(Problem::bad_argument("`text` is not a text."));
    }
    body.retain(|name, _| !OURS.contains(&name.as_str()));
    match kind.as_str() {
        "message" => Ok(Posted::Said {
            text: words(&body),
            body,
        }),
        "typing" => Ok(Posted::Passing),
        "event" if body.get("name").and_then(Value::as_str) == Some(FORBIDDEN_EVENT) => Err(
            Problem::bad_argument("An event of that name comes from the server only."),
        ),
        "event" | "endOfConversation" | "messageReaction" => Ok(Posted::Said { text: None, body }),
        _ => Err(Problem::bad_argument(
            "Activities of this type are not taken here.",
        )),
    }
}

const NOT_JSON: &str = "The body is not JSON.";
const NO_ACTIVITY: &str = "Invalid or missing activities in HTTP body";

/// How deep an activity may nest (LIM-2).
const MAX_DEPTH: usize = 64;

fn nests_within(value: &Value, levels: usize) -> bool {
    let inside = |value: &Value| nests_within(value, levels - 1);
    match value {
        Value::Array(items) => levels > 0 && items.iter().all(inside),
        Value::Object(members) => levels > 0 && members.values().all(inside),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
    }
}

/// A button may post its words as `value`.
fn words(body: &Map<String, Value>) -> Option<String> {
    let text = |name: &str| body.get(name).and_then(Value::as_str);
    text("text")
        .filter(|text| !text.is_empty())
        .or_else(|| text("value"))
        .map(str::to_owned)
}

/// A stored activity as a client reads it; nothing, if the row does not read.
pub(crate) fn write(stored: &StoredActivity, token: &Token) -> Option<Value> {
    let mut activity = match stored.body.read::<Activity>().ok()? {
        Activity::Person(body) => from_person(body, token),
        Activity::Agent(said) => from_agent(said, token),
        Activity::Status(status) => from_agent_with(event(&status), token),
    };
    activity.insert("id".to_owned(), json!(stored.id));
    activity.insert("timestamp".to_owned(), json!(milliseconds(stored.at)));
    activity.insert("channelId".to_owned(), json!("directline"));
    activity.insert(
        "conversation".to_owned(),
        json!({ "id": token.conversation }),
    );
    Some(Value::Object(activity))
}

/// Web Chat sorts by this: three digits, as the Bot Framework writes them.
fn milliseconds(at: jiff::Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

fn from_person(mut body: Map<String, Value>, token: &Token) -> Map<String, Value> {
    body.insert(
        "from".to_owned(),
        json!({ "id": token.user, "role": "user" }),
    );
    body
}

fn from_agent(said: Said, token: &Token) -> Map<String, Value> {
    let body = match said {
        Said::Message { text } => message(&text),
        Said::Prompt { text, buttons, .. } => card(&text, &buttons),
        Said::Choices { text, choices } => question(&text, &choices, token),
    };
    from_agent_with(body, token)
}

fn from_agent_with(body: Value, token: &Token) -> Map<String, Value> {
    let Value::Object(mut body) = body else {
        return Map::new();
    };
    body.insert(
        "from".to_owned(),
        json!({ "id": token.agent, "role": "bot" }),
    );
    body
}

fn message(text: &str) -> Value {
    json!({ "type": "message", "text": text, "textFormat": "plain", "inputHint": "acceptingInput" })
}

/// The sign-in prompt: a hero card, whose link opens in a window of its own (CRD-1).
fn card(text: &str, buttons: &[Button]) -> Value {
    let buttons: Vec<Value> = buttons
        .iter()
        .map(|button| {
            let kind = if button.opens { "openUrl" } else { "imBack" };
            json!({ "type": kind, "title": button.title, "value": button.value })
        })
        .collect();
    json!({
        "type": "message",
        "inputHint": "acceptingInput",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.hero",
            "content": { "text": literal(text), "buttons": buttons },
        }],
    })
}

/// Clients read a card's text as Markdown, whatever we say; a designer's text is only text (TPL-5).
/// So what would begin markup is escaped, a link is kept from becoming one, and lines stay lines.
fn literal(text: &str) -> String {
    let mut literal = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(letter) = rest.next() {
        match letter {
            '\n' => literal.push_str("  \n"),
            ':' if rest.peek() == Some(&'/') => literal.push_str("\\:"),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '<' | '>' | '#' | '+' | '-' | '!'
            | '|' | '~' | '&' => literal.extend(['\\', letter]),
            letter => literal.push(letter),
        }
    }
    literal
}

fn question(text: &str, choices: &[String], token: &Token) -> Value {
    let actions: Vec<Value> = choices
        .iter()
        .map(|choice| json!({ "type": "imBack", "title": choice, "value": choice }))
        .collect();
    let mut activity = message(text);
    activity["suggestedActions"] = json!({ "to": [token.user], "actions": actions });
    activity["inputHint"] = json!("expectingInput");
    activity
}

fn event(status: &Status) -> Value {
    json!({ "type": "event", "name": "usher/status", "value": status })
}

/// A set of activities, with the number of the last one as its watermark.
pub(crate) fn set(activities: &[StoredActivity], before: i64, token: &Token) -> Value {
    let watermark = activities.last().map_or(before, |last| last.seq);
    let activities: Vec<Value> = activities
        .iter()
        .filter_map(|stored| write(stored, token))
        .collect();
    json!({ "activities": activities, "watermark": watermark.to_string() })
}
