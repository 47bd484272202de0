//! `organizations/<organization>/organization.yaml`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::mistake::{Flaw, flaw};

/// An organization: the tenant that owns connections, agents and people.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OrganizationFile {
    /// Name of the organization, the same as its folder's. It stands in addresses.
    pub organization: String,
    /// What people see.
    #[schemars(length(min = 1, max = 100))]
    pub title: String,
    /// Whether the groups a provider names become groups here. Only the operator may turn it on.
    #[serde(default)]
    pub group_matching: bool,
    /// Characters that a userid may have beyond the usual ones.
    #[serde(default)]
    #[schemars(length(max = 32))]
    pub userid_extra_characters: String,
}

/// What an organization has said of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Its name, which stands in addresses.
    pub name: String,
    /// What people see.
    pub title: String,
    /// Whether a provider's groups become groups here (GRP-3).
    pub group_matching: bool,
    /// Characters that a userid may have beyond those of USR-7.
    pub userid_extra_characters: String,
}

impl OrganizationFile {
    pub(super) fn check(self) -> Result<Settings, Vec<Flaw>> {
        // USR-6 and line breaks: no organization may let those in.
        let unfit = |c: char| c.is_whitespace() || c.is_control();
        if self.userid_extra_characters.contains(unfit) {
            return Err(vec![flaw(
                "/userid_extra_characters",
                "a userid has no blanks and no control characters in any organization",
            )]);
        }
        Ok(Settings {
            name: self.organization,
            title: self.title,
            group_matching: self.group_matching,
            userid_extra_characters: self.userid_extra_characters,
        })
    }
}
