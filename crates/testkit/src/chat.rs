//! One conversation, as the chat page has it.

use app::{ConversationId, OrganizationName as Organization};
use serde_json::{Value, json};

use crate::{
    Answer, Browser, Call, PUBLIC_URL, World,
    world::{conversation, name},
};

/// A conversation and what its client has read of it.
pub struct Chat {
    browser: Browser,
    organization: String,
    agent: String,
    /// A customer's server has it; the token of a chat page comes by the browser's cookie.
    secret: Option<String>,
    /// What the client sends as `Origin`; a customer's server sends none.
    origin: Option<&'static str>,
    /// The Direct Line token.
    pub token: String,
    /// The conversation's id.
    pub id: String,
    /// What the channel calls the person.
    pub user: String,
    /// The status of the answer that began it: 201 for a new one, 200 for one that ran.
    pub began: u16,
    watermark: String,
    log: Vec<Value>,
    told: usize,
}

/// A sign-in card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prompt {
    /// The card's text.
    pub text: String,
    /// Its buttons.
    pub buttons: Vec<Button>,
    /// What the first button that opens something opens; empty if none does.
    pub link: String,
}

/// A button of a card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Button {
    /// `openUrl` or `imBack`.
    pub kind: String,
    /// Its label.
    pub title: String,
    /// What it opens or says.
    pub value: String,
}

impl Chat {
    pub(crate) async fn in_browser(
        browser: &Browser,
        organization: &str,
        agent: &str,
        fresh: bool,
    ) -> Self {
        let mut chat = Self::new(browser.clone(), organization, agent);
        chat.origin = Some(PUBLIC_URL);
        let running = chat.ask(fresh).await;
        chat.join(running.as_deref()).await;
        chat
    }

    pub(crate) async fn by_secret(world: &World, organization: &str, agent: &str) -> Self {
        let mut chat = Self::new(world.browser(), organization, agent);
        chat.token = world.direct_line_secret(organization, agent).await;
        chat.secret = Some(chat.token.clone());
        chat.join(None).await;
        chat
    }

    fn new(browser: Browser, organization: &str, agent: &str) -> Self {
        Self {
            browser,
            organization: organization.to_owned(),
            agent: agent.to_owned(),
            secret: None,
            origin: None,
            token: String::new(),
            id: String::new(),
            user: String::new(),
            began: 0,
            watermark: String::new(),
            log: Vec::new(),
            told: 0,
        }
    }

    /// Gets a new token for the same conversation, as a page does that is loaded anew. Tokens live for 30 minutes.
    pub async fn reload(&mut self) {
        let id = self.id.clone();
        match self.secret.clone() {
            Some(secret) => self.token = secret,
            None => assert_eq!(
                self.ask(false).await.as_ref(),
                Some(&id),
                "another conversation"
            ),
        }
        self.join(Some(&id)).await;
    }

    /// Asks for a token as the chat page does; the conversation that runs, if one does.
    async fn ask(&mut self, fresh: bool) -> Option<String> {
        let page = format!("/chat/{}/{}/conversation", self.organization, self.agent);
        let call = Call::post(&page)
            .header("x-usher", "1")
            .header("origin", PUBLIC_URL)
            .json(&json!({ "fresh": fresh }));
        let granted = ok(&self.browser.send(call).await);
        self.token = text(&granted, "token");
        self.user = text(&granted, "user_id");
        granted["conversation_id"].as_str().map(str::to_owned)
    }

    /// Starts the conversation, or joins the one that runs, as Web Chat's Direct Line does.
    async fn join(&mut self, running: Option<&str>) {
        let base = "/v3/directline/conversations";
        let call = match running {
            Some(id) => Call::get(&format!("{base}/{id}")),
            None => Call::post(base),
        };
        let answer = self.send(call).await;
        self.began = answer.status;
        let joined = ok(&answer);
        self.id = text(&joined, "conversationId");
        self.token = text(&joined, "token");
    }

    /// A request of this chat's client: with its token, its origin and its browser's cookies.
    pub async fn send(&self, call: Call) -> Answer {
        let call = match self.origin {
            Some(origin) => call.header("origin", origin),
            None => call,
        };
        self.browser.send(call.bearer(&self.token)).await
    }

    /// Says something, which must be accepted.
    pub async fn say(&mut self, words: &str) {
        let (status, code) = self.try_say(words).await;
        assert_eq!(status, 200, "`{words}` was refused: {code}");
    }

    /// Says something: the status, and the code if it was refused.
    pub async fn try_say(&mut self, words: &str) -> (u16, String) {
        let answer = self
            .post(&json!({ "type": "message", "text": words }))
            .await;
        let code = match answer.status {
            200 => String::new(),
            _ => answer.code(),
        };
        (answer.status, code)
    }

    /// Posts an activity.
    pub async fn post(&self, activity: &Value) -> Answer {
        self.send(Call::post(&self.address("activities")).json(activity))
            .await
    }

    /// Everything said since the conversation began, our own words and events included.
    pub async fn activities(&mut self) -> &[Value] {
        loop {
            let address = format!(
                "{}?watermark={}",
                self.address("activities"),
                self.watermark
            );
            let set = ok(&self.send(Call::get(&address)).await);
            self.watermark = text(&set, "watermark");
            let new = set["activities"].as_array().cloned().unwrap_or_default();
            if new.is_empty() {
                return &self.log;
            }
            self.log.extend(new);
        }
    }

    /// What the agent said since this was asked last; cards have no words here.
    pub async fn said(&mut self) -> Vec<String> {
        self.activities().await;
        let new = self.log[self.told..].iter();
        let words: Vec<String> = new
            .filter(|activity| activity["from"]["role"] == "bot" && activity["type"] == "message")
            .filter_map(|activity| activity["text"].as_str().map(str::to_owned))
            .collect();
        self.told = self.log.len();
        words
    }

    /// Every sign-in card so far, oldest first.
    pub async fn prompts(&mut self) -> Vec<Prompt> {
        self.activities()
            .await
            .iter()
            .filter_map(Prompt::of)
            .collect()
    }

    /// The newest sign-in card, which must be there.
    pub async fn prompt(&mut self) -> Prompt {
        let newest = self.prompts().await.pop();
        newest.unwrap_or_else(|| panic!("no card was shown in {:?}", self.log))
    }

    /// Signs a person in by the newest card, in the browser of this chat: the last page.
    pub async fn sign_in(&mut self, person: &str) -> Answer {
        let link = self.prompt().await.link;
        self.browser.sign_in(&link, person).await
    }

    /// How the conversation stands, as the newest status event says.
    pub async fn status(&mut self) -> Value {
        let all = self.activities().await.iter().rev();
        let mut statuses = all.filter(|activity| activity["name"] == "usher/status");
        statuses
            .next()
            .map_or(Value::Null, |newest| newest["value"].clone())
    }

    /// The path of a part of this conversation, such as `activities`.
    pub fn address(&self, part: &str) -> String {
        format!("/v3/directline/conversations/{}/{part}", self.id)
    }

    /// The browser it is in.
    pub fn browser(&self) -> &Browser {
        &self.browser
    }

    pub(crate) fn names(&self) -> (Organization, ConversationId) {
        (name(&self.organization), conversation(&self.id))
    }
}

impl Prompt {
    fn of(activity: &Value) -> Option<Self> {
        let card = &activity["attachments"][0];
        let is_card = card["contentType"] == "application/vnd.microsoft.card.hero";
        let content = is_card.then_some(&card["content"])?;
        let buttons: Vec<Button> = content["buttons"]
            .as_array()?
            .iter()
            .map(|button| Button {
                kind: text(button, "type"),
                title: text(button, "title"),
                value: text(button, "value"),
            })
            .collect();
        let opens = buttons.iter().find(|button| button.kind == "openUrl");
        Some(Self {
            text: text(content, "text"),
            link: opens.map(|button| button.value.clone()).unwrap_or_default(),
            buttons,
        })
    }
}

fn ok(answer: &Answer) -> Value {
    assert!(
        (200..300).contains(&answer.status),
        "{}: {}",
        answer.status,
        answer.text()
    );
    answer.json()
}

fn text(value: &Value, member: &str) -> String {
    value[member].as_str().unwrap_or_default().to_owned()
}
