//! The tenant.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// The name of an organization, as it stands in addresses: 1 to 63 lower-case letters, digits and
/// hyphens, a letter or digit first and last.
///
/// A type of its own, so that no other text can be handed to the store as the organization (TEN-1).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Organization(Arc<str>);

/// The text is no name of an organization.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an organization's name has 1 to 63 lower-case letters, digits and inner hyphens")]
pub struct NotAnOrganization;

impl Organization {
    /// Reads the name.
    pub fn parse(text: &str) -> Result<Self, NotAnOrganization> {
        let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let bytes = text.as_bytes();
        let sound = (1..=63).contains(&bytes.len())
            && bytes.iter().copied().all(inner)
            && bytes.first() != Some(&b'-')
            && bytes.last() != Some(&b'-');
        sound.then(|| Self(text.into())).ok_or(NotAnOrganization)
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Organization {
    type Err = NotAnOrganization;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl TryFrom<String> for Organization {
    type Error = NotAnOrganization;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<Organization> for String {
    fn from(organization: Organization) -> Self {
        organization.as_str().to_owned()
    }
}

impl fmt::Display for Organization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Organization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_fits_an_address() {
        let longest = "a".repeat(63);
        for good in ["a", "acme", "acme-2", "0", longest.as_str()] {
            assert_eq!(
                Organization::parse(good).map(|o| o.to_string()),
                Ok(good.to_owned())
            );
        }
        let too_long = "a".repeat(64);
        for bad in [
            "",
            "-",
            "a-",
            "-a",
            "Acme",
            "a_b",
            "a b",
            "ä",
            too_long.as_str(),
        ] {
            assert_eq!(Organization::parse(bad), Err(NotAnOrganization), "{bad:?}");
        }
    }
}
