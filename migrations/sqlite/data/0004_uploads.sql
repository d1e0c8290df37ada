-- Files that are sent in pieces (tus), from their announcement until a while after their end.
CREATE TABLE uploads (
    id          TEXT   NOT NULL PRIMARY KEY,  -- Upload id, named in its address.
    session     TEXT   NOT NULL,              -- Digest of the cookie; only this browser goes on with it.
    submission  TEXT   NOT NULL REFERENCES submissions (id),
    object      TEXT   NOT NULL UNIQUE,       -- Where its parts lie in the vault.
    size_bytes  BIGINT NOT NULL,              -- The length announced, counted against the limits.
    fence       BIGINT NOT NULL,              -- Rises whenever a request takes it; an older one writes nothing.
    expires_at  BIGINT NOT NULL,              -- When it is given up.
    progress    TEXT,                         -- What came so far, with its key: sealed to the cookie's value.
    artifact    TEXT                          -- What it became; then there is no progress.
);
CREATE INDEX uploads_by_submission ON uploads (submission);
CREATE INDEX uploads_by_expiry ON uploads (expires_at);

-- A hash that goes on is kept, sealed, with the upload it belongs to.
ALTER TABLE parts DROP COLUMN hash_state;
