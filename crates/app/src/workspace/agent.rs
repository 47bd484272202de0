//! `organizations/<organization>/agents/<agent>/agent.yaml`.

use std::collections::BTreeSet;

use oauth::Rules;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

use super::address::{Origin, address};
use super::mistake::{Flaw, below, flaw, hinted};

/// An agent: flows that people meet, and how they may sign in there.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AgentFile {
    /// Name of the agent, the same as its folder's. It stands in addresses.
    pub agent: String,
    /// What people see.
    #[schemars(length(min = 1, max = 100))]
    pub title: String,
    /// How people sign in. Absent: they do not.
    #[serde(default)]
    pub security: SecurityFile,
    /// Where the chat may be shown.
    #[serde(default)]
    pub chat: ChatFile,
    /// The flow that a session begins with.
    pub start: String,
}

/// How people sign in: by a prompt, by a token of the embedding page, or by either.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SecurityFile {
    /// Prompted sign-in. Absent: off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sign_in: Option<SignInFile>,
    /// Tokens of the embedding page, one entry for each of its providers. Absent: off.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub host_tokens: Vec<HostTokensFile>,
}

/// Prompted sign-in.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SignInFile {
    /// The connection that people sign in to, by its code.
    pub connection: String,
}

/// A provider whose tokens an embedding page may hand over.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HostTokensFile {
    /// A name for administrators. People never see it.
    #[schemars(length(min = 1, max = 100))]
    pub name: String,
    /// The audience that a token must have.
    #[schemars(length(min = 1, max = 1000))]
    pub audience: String,
    /// Address of the provider's keys.
    pub jwks: String,
    /// Who may sign, as `iss` has it. `any` lets every issuer pass whose key is at `jwks`.
    #[schemars(length(min = 1, max = 1000))]
    pub issuer: String,
    /// Where an expired token is renewed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh: Option<String>,
}

/// Where the chat may be shown.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChatFile {
    /// Pages that may embed the chat. Absent: none but our own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub origins: Vec<String>,
}

/// What an agent has said of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Its name, which stands in addresses.
    pub name: String,
    /// What people see.
    pub title: String,
    /// The connection of prompted sign-in; `None` is off (CFG-3).
    pub sign_in: Option<String>,
    /// The providers of host tokens; empty is off (PRE-12).
    pub host_tokens: Vec<HostTokens>,
    /// Pages that may embed the chat, besides our own.
    pub chat_origins: Vec<Origin>,
    /// The flow that a session begins with.
    pub start: String,
}

/// A provider of host tokens (PRE-4). No two of an agent have the same issuer and audience (HST-1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostTokens {
    /// For administrators only (PRE-5).
    pub name: String,
    /// What `aud` must hold (PRE-6).
    pub audience: String,
    /// Where its keys are (PRE-7).
    pub jwks: Url,
    /// What `iss` must be.
    pub issuer: Issuer,
    /// Where an expired token is renewed (PRE-8).
    pub refresh: Option<Url>,
}

/// Who may sign a host token.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Issuer {
    /// Exactly this one.
    Only(String),
    /// Whoever has a key at the address of keys. Written out as `any`, and warned about.
    Any,
}

impl AgentFile {
    pub(super) fn check(self, rules: Rules) -> Result<Settings, Vec<Flaw>> {
        let mut flaws = Vec::new();
        let chat_origins = origins(&self.chat.origins, "/chat/origins", rules, &mut flaws);
        let host_tokens = host_tokens(self.security.host_tokens, rules, &mut flaws);
        if !flaws.is_empty() {
            return Err(flaws);
        }
        Ok(Settings {
            name: self.agent,
            title: self.title,
            sign_in: self.security.sign_in.map(|sign_in| sign_in.connection),
            host_tokens,
            chat_origins,
            start: self.start,
        })
    }
}

impl Settings {
    /// What is allowed, and unwise.
    pub(super) fn warnings(&self) -> impl Iterator<Item = Flaw> {
        let entries = self.host_tokens.iter().enumerate();
        let any = entries.filter(|(_, entry)| entry.issuer == Issuer::Any);
        any.map(|(index, _)| {
            hinted(
                format!("/security/host_tokens/{index}/issuer"),
                "every issuer whose key is at `jwks` may sign people in here",
                "name the issuer unless one address serves the keys of all you trust",
            )
        })
    }
}

/// The origins of a list; what is none becomes a flaw.
pub(super) fn origins(
    texts: &[String],
    pointer: &str,
    rules: Rules,
    flaws: &mut Vec<Flaw>,
) -> Vec<Origin> {
    let mut origins = Vec::new();
    for (index, text) in texts.iter().enumerate() {
        match Origin::parse(text, &rules) {
            Ok(origin) => origins.push(origin),
            Err(fault) => flaws.push(flaw(below(pointer, index), format!("`{text}`: {fault}"))),
        }
    }
    origins
}

fn host_tokens(files: Vec<HostTokensFile>, rules: Rules, flaws: &mut Vec<Flaw>) -> Vec<HostTokens> {
    let mut names = BTreeSet::new();
    let mut audiences = BTreeSet::new();
    let mut entries = Vec::new();
    for (index, file) in files.into_iter().enumerate() {
        let at = format!("/security/host_tokens/{index}");
        let Some(entry) = host_tokens_entry(file, &at, rules, flaws) else {
            continue;
        };
        if !names.insert(entry.name.clone()) {
            flaws.push(flaw(
                below(&at, "name"),
                format!("there are two providers `{}`", entry.name),
            ));
        }
        if !audiences.insert((entry.issuer.clone(), entry.audience.clone())) {
            flaws.push(flaw(
                at,
                "another provider has the same issuer and audience",
            ));
        }
        entries.push(entry);
    }
    entries
}

fn host_tokens_entry(
    file: HostTokensFile,
    at: &str,
    rules: Rules,
    flaws: &mut Vec<Flaw>,
) -> Option<HostTokens> {
    let mut url = |member: &str, text: &str| {
        let read = address(text, rules);
        read.map_err(|fault| flaws.push(flaw(below(at, member), fault.to_string())))
            .ok()
    };
    let jwks = url("jwks", &file.jwks);
    let refresh = file.refresh.as_deref().map(|text| url("refresh", text));
    let issuer = if file.issuer == "any" {
        Issuer::Any
    } else {
        Issuer::Only(file.issuer)
    };
    Some(HostTokens {
        name: file.name,
        audience: file.audience,
        jwks: jwks?,
        issuer,
        refresh: match refresh {
            Some(url) => Some(url?),
            None => None,
        },
    })
}
