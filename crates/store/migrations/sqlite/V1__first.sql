-- Instants are nanoseconds since 1970, ids their 22 bytes, digests 32 bytes, documents JSON as text.
-- Every table has its organization in a key (TEN-1), but for `api_keys`, which are found by secret.

-- One row a conversation, and one update of it a turn: it holds the session that runs and the timer.
-- `session` stays when the session has ended, `session_state` does not.
CREATE TABLE conversations (
    organization    TEXT NOT NULL,
    id              BLOB NOT NULL,
    agent           TEXT NOT NULL,
    branch          TEXT NOT NULL,
    channel         TEXT NOT NULL,
    browser         BLOB,
    person          TEXT,
    at              INTEGER NOT NULL,
    revision        INTEGER NOT NULL,
    changed         INTEGER NOT NULL,
    last_seq        INTEGER NOT NULL,
    timer_run       INTEGER,
    timer_due       INTEGER,
    session         BLOB,
    session_version BLOB,
    session_state   TEXT,
    UNIQUE (organization, id)
) STRICT;
CREATE INDEX conversations_due ON conversations (timer_due) WHERE timer_due IS NOT NULL;
CREATE INDEX conversations_browser ON conversations (organization, browser, agent, id)
    WHERE browser IS NOT NULL;

-- A log: rows are appended in the order of their commits, whatever conversation they are of. No foreign
-- key: the update of the conversation in the same transaction has shown that it exists.
CREATE TABLE activities (
    number       INTEGER PRIMARY KEY,
    organization TEXT NOT NULL,
    conversation BLOB NOT NULL,
    seq          INTEGER NOT NULL,
    id           BLOB NOT NULL,
    at           INTEGER NOT NULL,
    body         TEXT NOT NULL,
    UNIQUE (organization, conversation, seq)
) STRICT;

-- A log too, with all steps of a turn in one row.
CREATE TABLE turns (
    number       INTEGER PRIMARY KEY,
    organization TEXT NOT NULL,
    conversation BLOB NOT NULL,
    revision     INTEGER NOT NULL,
    session      BLOB,
    at           INTEGER NOT NULL,
    steps        TEXT NOT NULL,
    UNIQUE (organization, conversation, revision)
) STRICT;

CREATE TABLE attempts (
    organization TEXT NOT NULL,
    id           BLOB NOT NULL,
    conversation BLOB NOT NULL,
    session      BLOB NOT NULL,
    run          INTEGER NOT NULL,
    connection   TEXT NOT NULL,
    link         BLOB NOT NULL,
    at           INTEGER NOT NULL,
    deadline     INTEGER NOT NULL,
    state        TEXT NOT NULL,
    changed      INTEGER NOT NULL,
    finished     INTEGER,
    reason       TEXT,
    tries        INTEGER NOT NULL DEFAULT 0,
    details      TEXT NOT NULL,
    cookie       BLOB,
    param        BLOB,
    sealed       BLOB,
    redirect_uri TEXT,
    issuer       TEXT,
    claimed      INTEGER,
    PRIMARY KEY (organization, id),
    FOREIGN KEY (organization, conversation) REFERENCES conversations (organization, id)
) STRICT;
CREATE UNIQUE INDEX attempts_link ON attempts (link);
CREATE UNIQUE INDEX attempts_param ON attempts (param) WHERE param IS NOT NULL;
CREATE INDEX attempts_unfinished ON attempts (organization, conversation) WHERE finished IS NULL;
CREATE INDEX attempts_deadline ON attempts (deadline) WHERE finished IS NULL;
CREATE INDEX attempts_finished ON attempts (finished) WHERE finished IS NOT NULL;

-- How many attempts of an organization are unfinished, so that nobody has to count them.
CREATE TABLE attempt_counts (
    organization TEXT NOT NULL,
    unfinished   INTEGER NOT NULL,
    PRIMARY KEY (organization)
) STRICT, WITHOUT ROWID;

-- Tokens before the proof. Nothing that reads grants reads this.
CREATE TABLE quarantine (
    organization TEXT NOT NULL,
    attempt      BLOB NOT NULL,
    sealed       BLOB NOT NULL,
    identity     TEXT NOT NULL,
    code         BLOB,
    at           INTEGER NOT NULL,
    discarded    INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (organization, attempt),
    FOREIGN KEY (organization, attempt) REFERENCES attempts (organization, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX quarantine_discarded ON quarantine (at) WHERE discarded = 1;

CREATE TABLE grants (
    organization TEXT NOT NULL,
    id           BLOB NOT NULL,
    conversation BLOB NOT NULL,
    session      BLOB NOT NULL,
    connection   TEXT NOT NULL,
    version      INTEGER NOT NULL,
    sealed       BLOB NOT NULL,
    expires_at   INTEGER NOT NULL,
    proofs       TEXT NOT NULL,
    at           INTEGER NOT NULL,
    PRIMARY KEY (organization, id),
    FOREIGN KEY (organization, conversation) REFERENCES conversations (organization, id)
) STRICT;
CREATE INDEX grants_conversation ON grants (organization, conversation);

CREATE TABLE outbox (
    organization TEXT NOT NULL,
    id           BLOB NOT NULL,
    conversation BLOB,
    kind         TEXT NOT NULL,
    once         INTEGER NOT NULL,
    started      INTEGER NOT NULL DEFAULT 0,
    takes        INTEGER NOT NULL DEFAULT 0,
    due          INTEGER NOT NULL,
    payload      TEXT NOT NULL,
    PRIMARY KEY (organization, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX outbox_due ON outbox (due);

CREATE TABLE versions (
    organization TEXT NOT NULL,
    id           BLOB NOT NULL,
    branch       TEXT NOT NULL,
    digest       BLOB NOT NULL,
    published_by TEXT NOT NULL,
    at           INTEGER NOT NULL,
    files        TEXT NOT NULL,
    PRIMARY KEY (organization, id)
) STRICT;

CREATE TABLE branches (
    organization TEXT NOT NULL,
    branch       TEXT NOT NULL,
    version      BLOB NOT NULL,
    PRIMARY KEY (organization, branch),
    FOREIGN KEY (organization, version) REFERENCES versions (organization, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE secrets (
    organization TEXT NOT NULL,
    version      BLOB NOT NULL,
    connection   TEXT NOT NULL,
    name         TEXT NOT NULL,
    sealed       BLOB NOT NULL,
    PRIMARY KEY (organization, version, connection, name),
    FOREIGN KEY (organization, version) REFERENCES versions (organization, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE data_keys (
    number       INTEGER PRIMARY KEY,
    organization TEXT NOT NULL,
    id           TEXT NOT NULL,
    wrapped      BLOB NOT NULL,
    UNIQUE (organization, id)
) STRICT;

-- An operator's key has no organization.
CREATE TABLE api_keys (
    number       INTEGER PRIMARY KEY,
    digest       BLOB NOT NULL UNIQUE,
    organization TEXT,
    label        TEXT NOT NULL,
    at           INTEGER NOT NULL
) STRICT;
