-- Ids are UUIDs in lower-case text, times are milliseconds since 1970 UTC, JSON and digests are
-- text: types that every engine shares. Rows with `signature` grant authority and are believed only
-- after it verifies; every other column of such a row is there to find it, never to decide.

CREATE TABLE staff (
    id          TEXT   NOT NULL PRIMARY KEY,  -- Staff id.
    login       TEXT   NOT NULL UNIQUE,       -- What is typed at sign-in.
    body        TEXT   NOT NULL,              -- The grant as JSON, exactly as signed.
    signature   TEXT   NOT NULL               -- By the review role.
);

CREATE TABLE machines (
    id                  TEXT   NOT NULL PRIMARY KEY,  -- Machine id.
    certificate_sha256  TEXT   NOT NULL UNIQUE,       -- Of its client certificate.
    body                TEXT   NOT NULL,              -- The grant as JSON, exactly as signed.
    signature           TEXT   NOT NULL               -- By the review role.
);

CREATE TABLE links (
    id             TEXT   NOT NULL PRIMARY KEY,  -- Link id.
    secret_digest  TEXT   NOT NULL UNIQUE,       -- Of the secret in the fragment.
    code_digest    TEXT   NOT NULL UNIQUE,       -- Of the short code, keyed.
    doctor         TEXT   NOT NULL,              -- Who asks, for the doctor's list.
    team           TEXT,                         -- The doctor's care team, for the list.
    until          BIGINT NOT NULL,              -- When the link expires.
    body           TEXT   NOT NULL,              -- The grant as JSON, exactly as signed.
    signature      TEXT   NOT NULL               -- By the review role.
);

CREATE INDEX links_by_doctor ON links (doctor);
CREATE INDEX links_by_team ON links (team);

CREATE TABLE approvals (
    id         TEXT   NOT NULL PRIMARY KEY,  -- Approval id.
    artifact   TEXT   NOT NULL,              -- What was approved.
    version    BIGINT NOT NULL,              -- The artifact's version it was given for.
    reviewer   TEXT   NOT NULL,              -- Who approved.
    body       TEXT   NOT NULL,              -- The grant as JSON, exactly as signed.
    signature  TEXT   NOT NULL,              -- By the review role.
    UNIQUE (artifact, version, reviewer)
);

CREATE TABLE sessions (
    digest     TEXT   NOT NULL PRIMARY KEY,  -- Of the cookie's value.
    door       TEXT   NOT NULL,              -- The only door that believes it.
    seen_at    BIGINT NOT NULL,              -- Last use, for the sweep of dead sessions.
    body       TEXT   NOT NULL,              -- The session as JSON, exactly as tagged.
    signature  TEXT   NOT NULL               -- Tag under the door's own session key.
);

CREATE TABLE tries (
    subject  TEXT   NOT NULL PRIMARY KEY,  -- `link:<id>`, `login:<digest>` or `code:<window>`.
    wrong    BIGINT NOT NULL,              -- Wrong tries since the last right one.
    last_at  BIGINT NOT NULL               -- When the last wrong one was.
);

CREATE TABLE factors (
    staff      TEXT   NOT NULL PRIMARY KEY,  -- Whose one-time codes.
    last_step  BIGINT NOT NULL               -- Last TOTP step used: a code works once.
);

CREATE TABLE submissions (
    id                 TEXT   NOT NULL PRIMARY KEY,  -- Submission id.
    link               TEXT   NOT NULL REFERENCES links (id),
    receipt            TEXT   NOT NULL UNIQUE,       -- The number the patient sees.
    agreement_version  TEXT   NOT NULL,              -- Of the text that was accepted.
    agreed_at          BIGINT NOT NULL,              -- When it was accepted.
    opened_at          BIGINT NOT NULL               -- When the visit began.
);
CREATE INDEX submissions_by_link ON submissions (link, opened_at);

CREATE TABLE artifacts (
    id             TEXT   NOT NULL PRIMARY KEY,  -- Artifact id.
    submission     TEXT   NOT NULL REFERENCES submissions (id),
    link           TEXT   NOT NULL,              -- The submission's link.
    position       BIGINT NOT NULL,              -- Place in the submission, from 1.
    kind           TEXT   NOT NULL,              -- `photo` or `message`.
    declared       TEXT   NOT NULL,              -- What the sender's device claimed, cleaned, JSON.
    source_object  TEXT   NOT NULL UNIQUE,       -- The patient's bytes in the vault.
    sha256         TEXT   NOT NULL,              -- Of those bytes.
    size_bytes     BIGINT NOT NULL,              -- Their length.
    parts          BIGINT NOT NULL,              -- Sealed parts they are stored in.
    received_at    BIGINT NOT NULL,              -- When the last byte was durable.
    connection     TEXT   NOT NULL,              -- Addresses, ports and request id, JSON.
    hold           TEXT,                         -- JSON of the hold on expiry, if any.
    version        BIGINT NOT NULL,              -- Counts changes.
    state          TEXT   NOT NULL,              -- The state's name, for the indexes below.
    since          BIGINT NOT NULL,              -- When it came into the state.
    due_at         BIGINT,                       -- When its content goes; null once purged.
    facts          TEXT   NOT NULL,              -- The state with its facts, JSON.
    UNIQUE (submission, position)
);
CREATE INDEX artifacts_by_state ON artifacts (state, since, id);
CREATE INDEX artifacts_by_due ON artifacts (due_at);
CREATE INDEX artifacts_by_sha256 ON artifacts (sha256);
CREATE INDEX artifacts_by_link ON artifacts (link, received_at);

CREATE TABLE parts (
    object         TEXT   NOT NULL,  -- Which object of the vault.
    position       BIGINT NOT NULL,  -- Place of the part, from 0.
    plain_bytes    BIGINT NOT NULL,  -- Length of its plaintext.
    sealed_sha256  TEXT   NOT NULL,  -- Of its sealed bytes.
    hash_state     TEXT   NOT NULL,  -- Running SHA-256 after it, base64; empty for the last part.
    PRIMARY KEY (object, position)
);

CREATE TABLE objects (
    object      TEXT   NOT NULL PRIMARY KEY,  -- An object of the vault that a row knows.
    artifact    TEXT   NOT NULL,              -- Whose it is.
    area        TEXT   NOT NULL,              -- `quarantine`, `release` or `review`.
    sha256      TEXT   NOT NULL,              -- Of its plaintext.
    size_bytes  BIGINT NOT NULL               -- Length of its plaintext.
);
CREATE INDEX objects_by_artifact ON objects (artifact);

CREATE TABLE scan_leases (
    artifact        TEXT   NOT NULL PRIMARY KEY REFERENCES artifacts (id),
    fence           BIGINT NOT NULL,  -- Rises with every lease; an older one cannot commit.
    until           BIGINT NOT NULL,  -- When the lease may be taken over; 0 when free.
    not_before      BIGINT NOT NULL,  -- Back-off: not scanned again before.
    tries           BIGINT NOT NULL,  -- Scans begun since the artifact came into its state.
    first_fault_at  BIGINT,           -- When a fault first kept it from being scanned.
    last_fault      TEXT              -- Which.
);

CREATE TABLE deliveries (
    artifact         TEXT   NOT NULL,  -- What was pulled.
    machine          TEXT   NOT NULL,  -- By which machine.
    pulled_at        BIGINT NOT NULL,  -- When its bytes were handed out.
    acknowledged_at  BIGINT,           -- When the machine said it was written and verified.
    recalled_at      BIGINT,           -- When the machine said it removed a recalled file.
    PRIMARY KEY (artifact, machine)
);

CREATE TABLE events (
    id          TEXT   NOT NULL PRIMARY KEY,  -- Event id.
    at          BIGINT NOT NULL,              -- When.
    actor       TEXT   NOT NULL,              -- Who, as `staff:<id>`, `patient:<link>`, ….
    action      TEXT   NOT NULL,              -- What.
    outcome     TEXT   NOT NULL,              -- `done` or the refusal's code.
    artifact    TEXT,                         -- To which artifact.
    submission  TEXT,                         -- To which submission.
    link        TEXT,                         -- Through which link.
    body        TEXT   NOT NULL,              -- Canonical bytes, as hashed into the log's tree.
    leaf_hash   TEXT   NOT NULL               -- RFC 9162 leaf hash of the body.
);
CREATE INDEX events_by_at ON events (at, id);
CREATE INDEX events_by_artifact ON events (artifact, at);
CREATE INDEX events_by_actor ON events (actor, at);
CREATE INDEX events_by_action ON events (action, at);

CREATE TABLE log_queue (
    event  TEXT NOT NULL PRIMARY KEY REFERENCES events (id)  -- Waits for its sequence number.
);

CREATE TABLE log_leaves (
    sequence  BIGINT NOT NULL PRIMARY KEY,               -- From 1, without a gap.
    event     TEXT   NOT NULL UNIQUE REFERENCES events (id)
);

CREATE TABLE log_tree (
    id        BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    size      BIGINT NOT NULL,  -- Leaves in the tree.
    frontier  TEXT   NOT NULL   -- The tree's right edge, from which it grows.
);

CREATE TABLE log_checkpoints (
    size  BIGINT NOT NULL PRIMARY KEY,  -- Leaves when it was signed.
    at    BIGINT NOT NULL,              -- When.
    note  TEXT   NOT NULL               -- The signed note; its copy leaves the database.
);

CREATE TABLE refusals (
    window_start  BIGINT NOT NULL,  -- Refusals of strangers are counted in minutes, not rows.
    door          TEXT   NOT NULL,  -- At which door.
    code          TEXT   NOT NULL,  -- For which cause.
    count         BIGINT NOT NULL,  -- How many.
    PRIMARY KEY (window_start, door, code)
);

CREATE TABLE clock (
    id          BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    high_water  BIGINT NOT NULL  -- Latest time this service has seen: time does not go back.
);

-- The log is written once. Whoever removes these triggers is found by the checkpoints.
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION '%', TG_ARGV[0]; END $$;

CREATE TRIGGER events_no_update BEFORE UPDATE ON events
FOR EACH STATEMENT EXECUTE FUNCTION refuse('audit events are never changed');
CREATE TRIGGER events_no_delete BEFORE DELETE ON events
FOR EACH STATEMENT EXECUTE FUNCTION refuse('audit events are never deleted');
CREATE TRIGGER events_no_truncate BEFORE TRUNCATE ON events
FOR EACH STATEMENT EXECUTE FUNCTION refuse('audit events are never deleted');
CREATE TRIGGER log_leaves_no_update BEFORE UPDATE ON log_leaves
FOR EACH STATEMENT EXECUTE FUNCTION refuse('the log is never changed');
CREATE TRIGGER log_leaves_no_delete BEFORE DELETE ON log_leaves
FOR EACH STATEMENT EXECUTE FUNCTION refuse('the log is never deleted');
CREATE TRIGGER log_leaves_no_truncate BEFORE TRUNCATE ON log_leaves
FOR EACH STATEMENT EXECUTE FUNCTION refuse('the log is never deleted');
CREATE TRIGGER log_checkpoints_no_update BEFORE UPDATE ON log_checkpoints
FOR EACH STATEMENT EXECUTE FUNCTION refuse('checkpoints are never changed');
CREATE TRIGGER log_checkpoints_no_delete BEFORE DELETE ON log_checkpoints
FOR EACH STATEMENT EXECUTE FUNCTION refuse('checkpoints are never deleted');
CREATE TRIGGER log_checkpoints_no_truncate BEFORE TRUNCATE ON log_checkpoints
FOR EACH STATEMENT EXECUTE FUNCTION refuse('checkpoints are never deleted');
