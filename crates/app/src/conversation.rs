//! What a channel does with a conversation: open it, post to it, read it.

use jose::{Alg, KeySet, Kind, Policy, sign::SigningKey};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value, json};
use store::{
    ActivityId, Attempt, ConversationId, Digest, NewConversation, Organization, Snapshot,
    StoreError, StoredActivity,
};
use tokio::sync::broadcast;
use vault::code::Code;

use crate::{
    App,
    bus::News,
    keys::{KeyError, Sealed, digest, secret_text},
    sign_in::code::{self, Tried},
    texts,
    turn::{Cause, Outcome, Posted, TurnError},
    versions::VersionError,
};

/// A conversation that a channel wants to begin.
#[derive(Debug, Clone)]
pub struct Opening {
    /// Whose agent.
    pub organization: Organization,
    /// Which agent.
    pub agent: String,
    /// Its branch.
    pub branch: String,
    /// The channel's name.
    pub channel: &'static str,
    /// The cookie of the browser that opens it, where the channel has one (P2a).
    pub browser: Option<String>,
    /// What the channel calls the person.
    pub user: Option<String>,
}

/// What a person posts.
#[derive(Debug, Clone)]
pub struct Post {
    /// The words; none for an activity that says nothing.
    pub text: Option<String>,
    /// The activity in the channel's form, as it will be read back.
    pub body: Map<String, Value>,
}

/// Why a post was not taken. Nothing of it is kept.
#[derive(Debug, thiserror::Error)]
pub enum PostError {
    /// A sign-in waits, and only `cancel` or its code may be typed (SGN-5).
    #[error("a sign-in is pending")]
    SignInPending,
    /// Anything else.
    #[error(transparent)]
    Turn(#[from] TurnError),
}

impl App {
    /// Begins a conversation. Its flow starts with [`App::start`].
    ///
    /// # Errors
    /// [`VersionError::Unknown`] if there is no such agent.
    pub async fn open_conversation(&self, opening: Opening) -> Result<ConversationId, TurnError> {
        let active = self.active(&opening.organization, &opening.branch).await?;
        active.agent(&opening.agent)?;
        let now = self.ports.clock.now();
        let id = ConversationId::new(now, self.ports.entropy.bytes());
        self.store
            .conversations
            .create(NewConversation {
                id,
                organization: opening.organization,
                agent: opening.agent,
                branch: opening.branch,
                channel: opening.channel.to_owned(),
                browser: opening.browser.as_deref().map(digest),
                user: opening.user,
                at: now,
            })
            .await?;
        Ok(id)
    }

    /// Lets the flow begin; nothing happens if it has begun.
    pub async fn start(
        &self,
        organization: &Organization,
        id: ConversationId,
    ) -> Result<(), TurnError> {
        self.turn(organization, id, Cause::Opened).await.map(drop)
    }

    /// The conversation that this browser has with the agent, if it has one.
    pub async fn conversation_of_browser(
        &self,
        organization: &Organization,
        agent: &str,
        browser: &str,
    ) -> Result<Option<ConversationId>, StoreError> {
        self.store
            .conversations
            .latest_of_browser(organization, agent, digest(browser))
            .await
    }

    /// The conversation as it stands; `None` if the organization has no such one.
    pub async fn conversation(
        &self,
        organization: &Organization,
        id: ConversationId,
    ) -> Result<Option<Snapshot>, StoreError> {
        self.store.conversations.load(organization, id).await
    }

    /// Takes what a person posts: durable when this returns.
    pub async fn post(
        &self,
        organization: &Organization,
        id: ConversationId,
        post: Post,
    ) -> Result<ActivityId, PostError> {
        let activity = ActivityId::new(self.ports.clock.now(), self.ports.entropy.bytes());
        if let Some((attempt, typed)) = self.awaited_code(organization, id, &post).await? {
            self.take_code(activity, &attempt, &typed, &post.body)
                .await?;
            return Ok(activity);
        }
        let posted = Posted {
            id: activity,
            words: post.text,
            body: post.body,
        };
        match self.turn(organization, id, Cause::Posted(posted)).await? {
            Outcome::Refused(_) => Err(PostError::SignInPending),
            Outcome::Committed | Outcome::Stale => Ok(activity),
        }
    }

    /// The attempt that waits for a code, if the post looks like one.
    async fn awaited_code(
        &self,
        organization: &Organization,
        id: ConversationId,
        post: &Post,
    ) -> Result<Option<(Attempt, Code)>, TurnError> {
        let Some(typed) = post.text.as_deref().and_then(vault::code::shape) else {
            return Ok(None);
        };
        let snapshot = self.conversation(organization, id).await?;
        let waiting = code::awaited(snapshot.ok_or(TurnError::Unknown)?);
        Ok(waiting.map(|attempt| (attempt, typed)))
    }

    /// A code goes to the sign-in and to nothing else (PHI-12). Its bubble comes first, so that
    /// whatever follows from it stands below.
    async fn take_code(
        &self,
        activity: ActivityId,
        attempt: &Attempt,
        typed: &Code,
        body: &Map<String, Value>,
    ) -> Result<(), TurnError> {
        let bubble = Cause::Posted(Posted {
            id: activity,
            words: None,
            body: masked(body),
        });
        let (organization, conversation) = (&attempt.organization, attempt.conversation);
        self.turn(organization, conversation, bubble).await?;
        let answer = match self.try_code(attempt, typed).await? {
            Tried::Right | Tried::WrongForTheLastTime => return Ok(()),
            Tried::Wrong { left } => texts::wrong_code(left),
            Tried::Spent => texts::code_spent(),
        };
        let told = Cause::Told(answer);
        self.turn(organization, conversation, told).await.map(drop)
    }

    /// What was said after `watermark`, at most `limit`.
    pub async fn activities(
        &self,
        organization: &Organization,
        id: ConversationId,
        watermark: i64,
        limit: u32,
    ) -> Result<Vec<StoredActivity>, StoreError> {
        self.store
            .conversations
            .activities(organization, id, watermark, limit)
            .await
    }

    /// Everything said from now on. Listen first, then read: nothing falls in between.
    pub fn listen(
        &self,
        organization: &Organization,
        id: ConversationId,
    ) -> broadcast::Receiver<News> {
        self.bus.listen(organization, id)
    }

    /// Signs a channel's own token for this organization, which it names as its key.
    pub async fn channel_token(
        &self,
        organization: &Organization,
        claims: &Value,
    ) -> Result<String, TurnError> {
        let key = self.data_key(organization).await?;
        let key = key.derive(&Sealed::ChannelTokens.place(organization.as_str()));
        let key = SigningKey::hmac(Alg::HS256, organization.as_str(), key.as_slice());
        let signed = key.and_then(|key| key.sign(Some(CHANNEL_TOKEN), claims));
        Ok(signed.map_err(|_| KeyError::Seal)?)
    }

    /// Whose channel token this is and what it says; `None` if it is none of ours. Expired ones
    /// too: the channel tells those apart.
    pub async fn channel_claims(
        &self,
        token: &str,
    ) -> Result<Option<(Organization, Map<String, Value>)>, TurnError> {
        let named = oauth::keys::kid_of(token).and_then(|kid| Organization::parse(&kid).ok());
        let Some(organization) = named else {
            return Ok(None);
        };
        let Some(key) = self.keys.find(&self.store, &organization).await? else {
            return Ok(None);
        };
        let key = key.derive(&Sealed::ChannelTokens.place(organization.as_str()));
        let policy = Policy {
            kind: Kind::HostToken {
                typ: &[CHANNEL_TOKEN],
            },
            algs: &[Alg::HS256],
            max_bytes: CHANNEL_TOKEN_BYTES,
        };
        let verified = jose::verify(token, &policy, &KeySet::from_secret(key.as_slice()));
        Ok(verified
            .ok()
            .map(|verified| (organization, verified.claims.to_map())))
    }

    /// The secret with which a customer's own server asks for Direct Line tokens of an agent. It
    /// names its agent, and follows from the organization's key: nothing of it is stored.
    pub async fn directline_secret(
        &self,
        organization: &Organization,
        agent: &str,
    ) -> Result<SecretString, KeyError> {
        let key = self.data_key(organization).await?;
        let place = Sealed::DirectLineSecret { agent }.place(organization.as_str());
        let secret = secret_text(*key.derive(&place));
        Ok(SecretString::from(format!(
            "{DIRECTLINE_SECRET}{organization}.{agent}.{secret}"
        )))
    }

    /// The organization and agent that a Direct Line secret stands for; `None` if it is none.
    pub async fn directline_agent(
        &self,
        secret: &str,
    ) -> Result<Option<(Organization, String)>, KeyError> {
        let parts = secret
            .strip_prefix(DIRECTLINE_SECRET)
            .and_then(|rest| rest.split_once('.'))
            .and_then(|(organization, rest)| Some((organization, rest.split_once('.')?.0)));
        let Some((organization, agent)) = parts else {
            return Ok(None);
        };
        let Ok(organization) = Organization::parse(organization) else {
            return Ok(None);
        };
        if self.keys.find(&self.store, &organization).await?.is_none() {
            return Ok(None);
        }
        let expected = self.directline_secret(&organization, agent).await?;
        let same = vault::same(&digest(secret).0, &digest(expected.expose_secret()).0);
        Ok(same.then(|| (organization, agent.to_owned())))
    }

    /// What the conversation's browser is known by, for a channel that has one.
    pub fn is_browser(&self, cookie: &str, browser: Option<Digest>) -> bool {
        browser.is_some_and(|browser| vault::same(&digest(cookie).0, &browser.0))
    }

    /// An agent of a branch, as people know it: agent title, organization title.
    ///
    /// # Errors
    /// [`VersionError::Unknown`] if there is no such agent.
    pub async fn agent_titles(
        &self,
        organization: &Organization,
        branch: &str,
        agent: &str,
    ) -> Result<(String, String), VersionError> {
        let active = self.active(organization, branch).await?;
        let title = active.agent(agent)?.settings.title.clone();
        Ok((title, active.organization.settings.title.clone()))
    }
}

/// The branch that is meant when none is named.
pub const MAIN_BRANCH: &str = "main";

/// What a Direct Line secret begins with, to be found by scanners of leaked secrets.
const DIRECTLINE_SECRET: &str = "usher_dl_";

/// `typ` of a channel's own tokens.
const CHANNEL_TOKEN: &str = "usher-channel+jwt";
/// The largest of them.
const CHANNEL_TOKEN_BYTES: usize = 4096;

/// The bubble of a typed code, without the code: clients repeat what was typed in many a member, so
/// only those stay by which they find the bubble again (PHI-12).
fn masked(body: &Map<String, Value>) -> Map<String, Value> {
    let mut bubble = Map::new();
    bubble.insert("type".to_owned(), json!("message"));
    bubble.insert("text".to_owned(), json!("••••-••••"));
    let echoed = body.get("channelData").and_then(|data| data.get(ECHOED));
    if let Some(id) = echoed.and_then(Value::as_str).filter(|id| is_echo(id)) {
        bubble.insert("channelData".to_owned(), json!({ ECHOED: id }));
    }
    bubble
}

/// The member of `channelData` by which Web Chat knows its own message again.
const ECHOED: &str = "clientActivityID";

/// Web Chat makes it of random letters and digits; what has the shape of a code is none.
fn is_echo(id: &str) -> bool {
    id.len() <= 64
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && vault::code::shape(id).is_none()
}
