//! What was given out: codes, grants and the tokens of each. No HTTP, no JSON.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use crate::{Lives, Rotation};

/// Makes codes, tokens and ids that follow from the seed alone.
pub(crate) struct Mint {
    seed: [u8; 32],
    made: u64,
}

impl Mint {
    pub(crate) fn new(seed: [u8; 32]) -> Self {
        Self { seed, made: 0 }
    }

    /// `kind_` and 256 bits that nobody can foretell who does not know the seed.
    pub(crate) fn make(&mut self, kind: &str) -> String {
        self.made += 1;
        let digest = Sha256::new()
            .chain_update(self.seed)
            .chain_update(self.made.to_be_bytes())
            .chain_update(kind.as_bytes())
            .finalize();
        format!("{kind}_{}", URL_SAFE_NO_PAD.encode(digest))
    }
}

/// What a person agreed to, and what its tokens need to know.
#[derive(Clone)]
pub(crate) struct Grant {
    pub(crate) client: String,
    /// Key of the person.
    pub(crate) person: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) nonce: Option<String>,
    pub(crate) auth_time: Timestamp,
}

impl Grant {
    pub(crate) fn allows(&self, scope: &str) -> bool {
        self.scopes.iter().any(|granted| granted == scope)
    }
}

/// A code, bound to all that must come back with it.
pub(crate) struct Code {
    pub(crate) grant: Grant,
    pub(crate) redirect_uri: String,
    /// `S256` challenge.
    pub(crate) challenge: String,
    pub(crate) expires: Timestamp,
    /// Set by its use: the grant that came of it, which a second use ends (RFC 6749 §4.1.2).
    pub(crate) used: Option<GrantId>,
}

/// Counts up; never leaves the process.
pub(crate) type GrantId = u64;

struct Access {
    grant: GrantId,
    expires: Timestamp,
}

struct Refresh {
    grant: GrantId,
    expires: Option<Timestamp>,
    used: bool,
}

/// Why a refresh token is refused. The client is told `invalid_grant` for each.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Stale {
    Unknown,
    OtherClient,
    Expired,
    Used,
    /// The grant has ended: withdrawn, revoked, or a token of it was used twice.
    Ended,
}

/// Everything given out and not forgotten.
#[derive(Default)]
pub(crate) struct Ledger {
    codes: BTreeMap<String, Code>,
    /// Live ones only.
    grants: BTreeMap<GrantId, Grant>,
    access: BTreeMap<String, Access>,
    refresh: BTreeMap<String, Refresh>,
    opened: GrantId,
    refreshes: u64,
}

impl Ledger {
    pub(crate) fn add_code(&mut self, text: String, code: Code) {
        self.codes.insert(text, code);
    }

    pub(crate) fn code(&mut self, text: &str) -> Option<&mut Code> {
        self.codes.get_mut(text)
    }

    pub(crate) fn open(&mut self, grant: Grant) -> GrantId {
        self.opened += 1;
        self.grants.insert(self.opened, grant);
        self.opened
    }

    /// Ends a grant; all its tokens are dead from now on.
    pub(crate) fn end(&mut self, id: GrantId) {
        self.grants.remove(&id);
    }

    /// Ends all grants of a person and tells how many there were.
    pub(crate) fn end_all_of(&mut self, person: &str) -> usize {
        let before = self.grants.len();
        self.grants.retain(|_, grant| grant.person != person);
        before - self.grants.len()
    }

    pub(crate) fn grant(&self, id: GrantId) -> Option<&Grant> {
        self.grants.get(&id)
    }

    pub(crate) fn give_access(
        &mut self,
        id: GrantId,
        mint: &mut Mint,
        lives: &Lives,
        now: Timestamp,
    ) -> String {
        let token = mint.make("at");
        self.access.insert(
            token.clone(),
            Access {
                grant: id,
                expires: after(now, lives.access_token),
            },
        );
        token
    }

    pub(crate) fn give_refresh(
        &mut self,
        id: GrantId,
        mint: &mut Mint,
        lives: &Lives,
        now: Timestamp,
    ) -> String {
        let token = mint.make("rt");
        let expires = lives.refresh_token.map(|life| after(now, life));
        self.refresh.insert(
            token.clone(),
            Refresh {
                grant: id,
                expires,
                used: false,
            },
        );
        token
    }

    /// The grant of a live access token.
    pub(crate) fn bearer(&self, token: &str, now: Timestamp) -> Option<&Grant> {
        let access = self.access.get(token)?;
        self.grants
            .get(&access.grant)
            .filter(|_| now < access.expires)
    }

    /// Uses a refresh token up as `rotation` has it; tells whether the answer carries a new one.
    pub(crate) fn take_refresh(&mut self, token: &str, rotation: Rotation) -> bool {
        self.refreshes += 1;
        let rotates = match rotation {
            Rotation::Keep => false,
            Rotation::Rotate | Rotation::DetectReuse => true,
            Rotation::Sometimes => self.refreshes.is_multiple_of(2),
        };
        if let Some(refresh) = self.refresh.get_mut(token) {
            refresh.used = rotates;
        }
        rotates
    }

    /// The grant of a refresh token that `client` may use now. A second use may end the grant.
    pub(crate) fn refreshable(
        &mut self,
        token: &str,
        client: &str,
        rotation: Rotation,
        now: Timestamp,
    ) -> Result<GrantId, Stale> {
        let refresh = self.refresh.get(token).ok_or(Stale::Unknown)?;
        let (id, used, expires) = (refresh.grant, refresh.used, refresh.expires);
        let grant = self.grants.get(&id).ok_or(Stale::Ended)?;
        if grant.client != client {
            return Err(Stale::OtherClient);
        }
        if used {
            if rotation != Rotation::Rotate {
                self.end(id);
            }
            return Err(Stale::Used);
        }
        if expires.is_some_and(|end| end <= now) {
            return Err(Stale::Expired);
        }
        Ok(id)
    }

    /// Revokes a token of `client` (RFC 7009 §2.1): a refresh token ends its grant.
    pub(crate) fn revoke(&mut self, token: &str, client: &str) {
        let grant = self.refresh.get(token).map(|refresh| refresh.grant);
        if let Some(id) = grant.filter(|id| self.belongs(*id, client)) {
            self.end(id);
        }
        let grant = self.access.get(token).map(|access| access.grant);
        if grant.is_some_and(|id| self.belongs(id, client)) {
            self.access.remove(token);
        }
    }

    fn belongs(&self, id: GrantId, client: &str) -> bool {
        self.grants
            .get(&id)
            .is_some_and(|grant| grant.client == client)
    }

    /// Makes every access token expire at once, whatever its `expires_in` said.
    pub(crate) fn expire_access(&mut self) {
        self.access.clear();
    }

    /// Forgets what can no longer matter, so that a demo may run for months.
    pub(crate) fn sweep(&mut self, now: Timestamp) {
        self.codes.retain(|_, code| now < code.expires);
        self.access.retain(|_, access| now < access.expires);
        self.refresh
            .retain(|_, refresh| self.grants.contains_key(&refresh.grant));
        let mut alive: BTreeSet<GrantId> =
            self.access.values().map(|access| access.grant).collect();
        alive.extend(self.refresh.values().map(|refresh| refresh.grant));
        self.grants.retain(|id, _| alive.contains(id));
    }
}

/// Saturates at the end of time.
pub(crate) fn after(now: Timestamp, span: jiff::SignedDuration) -> Timestamp {
    now.saturating_add(span).unwrap_or(Timestamp::MAX)
}
