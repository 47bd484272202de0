//! The flow file as it is written: `agents/<agent>/flows/<flow>.yaml`.
//!
//! The JSON Schema that editors use is made from these types, so their comments speak to designers. Leaves are plain
//! text where the check can say more than a parser, so that all mistakes of a file are found at once.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// A flow: named steps, run from the first one on.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FlowFile {
    /// Name of the flow, the same as the file's.
    pub flow: String,
    /// What begins it: a chat, a person at a screen, or a schedule or API call with nobody there.
    #[serde(default)]
    pub starts: Starts,
    /// Variables and the values they begin with. They belong to the session: every flow of the agent sees them.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub variables: IndexMap<String, Json>,
    /// Where exceptions go that no step of this flow handles: a step, or a list of routes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_exception: Option<Routes>,
    /// The steps, in order.
    pub steps: Vec<StepFile>,
}

/// What begins a flow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Starts {
    /// A conversation.
    #[default]
    Chat,
    /// A person at a screen, without a chat.
    Gui,
    /// A schedule or an API call; nobody is there.
    System,
}

/// A step: an `id`, exactly one kind (`message`, `ask`, …), and what all steps may have.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StepFile {
    /// Name of the step, unique in its flow. Other steps and the monitor refer to it.
    #[schemars(required, regex(pattern = r"^[A-Za-z_][A-Za-z0-9_-]{0,63}$"))]
    pub id: Option<String>,
    /// Condition: the step is skipped unless this is true, as in `[[ChatUser]].SSOToken == null`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,

    /// Says this text. A template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Asks the person and keeps the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ask: Option<AskFile>,
    /// Sets variables, or fields of `ChatUser`: name to value. Texts are templates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set: Option<IndexMap<String, Json>>,
    /// Goes to the step of the first case whose condition is true; else on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<Vec<RouteFile>>,
    /// Goes to this step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub goto: Option<String>,
    /// Runs another flow of the agent, then goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<String>,
    /// Calls an outside system over HTTP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<HttpFile>,
    /// Shows a sign-in prompt and waits until the person has signed in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sign_in: Option<SignInFile>,
    /// Fetches the person's identity and fills `ChatUser` by the connection's mapping.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub get_user_identity: Option<GetUserIdentityFile>,
    /// `true`: marks the person as identified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub save_identified_user: Option<bool>,
    /// `true`: marks the person as authenticated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub save_authenticated_user: Option<bool>,
    /// `true`: ends this flow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<bool>,

    /// Actions that run in order after the step's success and before the next step.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub post_actions: Vec<PostActionFile>,
    /// Where exceptions of this step go: a step, or a list of routes. Absent: the flow's `on_exception`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_exception: Option<Routes>,
    /// The step that follows; absent: the one below. `end` ends the flow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// A step name, or a list of routes of which the first that matches is taken.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Routes {
    /// Always to this step.
    Step(String),
    /// The first route whose condition is true.
    List(Vec<RouteFile>),
}

/// Where to go, and when.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RouteFile {
    /// Condition, as in `[[SystemError]].Code == '401'`; absent: always.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// The step to go to, or `end`.
    pub goto: String,
}

/// Asks the person and keeps the answer.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AskFile {
    /// The question. A template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The variable that takes the answer.
    pub into: String,
    /// The answers that are accepted, in any case; absent: any text. Templates.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<String>,
}

/// Calls an outside system over HTTP.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpFile {
    /// The connection whose token goes along. Absent: the call carries none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<String>,
    /// Address to GET. Scheme, host and port stand there literally; what a template adds is encoded for its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub get: Option<String>,
    /// Address to POST to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub post: Option<String>,
    /// Address to PUT to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub put: Option<String>,
    /// Address to PATCH.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patch: Option<String>,
    /// Address to DELETE.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delete: Option<String>,
    /// Headers: name to template.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub headers: IndexMap<String, String>,
    /// The body, sent as JSON. Texts in it are templates; one that is a single `{{ … }}` keeps its type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Json>,
    /// The variable that takes the answer's body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub into: Option<String>,
    /// Longest time until the answer, `1s` to `60s`; absent: `10s`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<String>,
    /// Whether a POST or PATCH may be sent again after a crash. Absent: no, and the exception is `outcome_unknown`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeatable: Option<bool>,
}

/// Shows a sign-in prompt and waits until the person has signed in.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SignInFile {
    /// The connection to sign in to, by its code.
    pub connection: String,
    /// Whether the person's identity is fetched right after the sign-in.
    #[serde(default)]
    pub get_user_identity: bool,
    /// Whether the person may not type while the prompt is open. `cancel` always works.
    #[serde(default)]
    pub block_user_input: bool,
    /// Life of the link from its creation, `30s` to `600s`; absent: `120s`, or `300s` where a code must be typed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lives: Option<String>,
    /// The card; absent: a text and two buttons.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card: Option<CardFile>,
}

/// The card of a prompt.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CardFile {
    /// Its text. A template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Its buttons; absent: sign in and cancel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub buttons: Option<Vec<ButtonFile>>,
}

/// A button of a card.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ButtonFile {
    /// Its label. A template.
    pub title: String,
    /// What it opens, such as `[[ChatUser]].OauthAccessURL`, or what it says, such as `cancel`. A template.
    pub value: String,
}

/// Fetches the person's identity.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GetUserIdentityFile {
    /// The connection that knows the person.
    pub connection: String,
}

/// An action that runs after a step's success.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PostActionFile {
    /// Fetches the person's identity at the step's connection.
    GetUserIdentity,
    /// Marks the person as identified.
    SaveIdentifiedUser,
    /// Marks the person as authenticated.
    SaveAuthenticatedUser,
}
