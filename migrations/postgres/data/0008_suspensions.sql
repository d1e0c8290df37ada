-- Suspended links and addresses, wrong secrets by address, and the clinic's list of known-bad files.

CREATE TABLE suspensions (
    id       TEXT   NOT NULL PRIMARY KEY,  -- Suspension id.
    subject  TEXT   NOT NULL,              -- `link:<id>` or `address:<range>`.
    number   BIGINT NOT NULL,              -- Counts those of the subject, from 1.
    what     TEXT   NOT NULL,              -- `link` or `address`.
    since    BIGINT NOT NULL,              -- When it began.
    ends_at  BIGINT NOT NULL,              -- When it ends by itself, or was lifted.
    lifted   TEXT,                         -- By whom, why and when, JSON.
    body     TEXT   NOT NULL,              -- The suspension as JSON.
    UNIQUE (subject, number)
);
CREATE INDEX suspensions_by_end ON suspensions (ends_at, since);

CREATE TABLE guesses (
    network  TEXT   NOT NULL,  -- Whoever comes from there: an address, or 64 bits of one.
    minute   BIGINT NOT NULL,  -- When the minute began.
    count    BIGINT NOT NULL,  -- Wrong secrets in it.
    PRIMARY KEY (network, minute)
);
CREATE INDEX guesses_by_minute ON guesses (minute);

CREATE TABLE known_bad (
    id         TEXT   NOT NULL PRIMARY KEY,  -- SHA-256 of the file.
    standing   TEXT   NOT NULL,              -- `listed` or `removed`, for the list.
    at         BIGINT NOT NULL,              -- When it was listed or removed.
    acted_at   BIGINT,                       -- When nothing stored was left to do about it.
    body       TEXT   NOT NULL,              -- The grant as JSON, exactly as signed.
    signature  TEXT   NOT NULL               -- By the review role.
);
CREATE INDEX known_bad_by_acted ON known_bad (acted_at, at);
CREATE INDEX known_bad_by_standing ON known_bad (standing, at);
