-- Signature sets as workers have them, what people decided about them, and the rounds in which what
-- is stored is scanned again after they changed.

CREATE TABLE signature_sets (
    place     TEXT   NOT NULL,  -- Which worker: its machine and where it keeps its sets.
    kind      TEXT   NOT NULL,  -- `clamav` or `yara`.
    noted_at  BIGINT NOT NULL,  -- When the worker last said so.
    body      TEXT   NOT NULL,  -- What is in force, what is refused, JSON.
    PRIMARY KEY (place, kind)
);

CREATE TABLE signature_decisions (
    subject    TEXT NOT NULL PRIMARY KEY,  -- A set (`yara:<id>`) or a round (`round:<number>`).
    body       TEXT NOT NULL,              -- The decision as JSON, exactly as signed.
    signature  TEXT NOT NULL               -- By the review role.
);

CREATE TABLE rescans (
    number     BIGINT NOT NULL PRIMARY KEY,  -- Rises with each change of sets.
    clamav     TEXT   NOT NULL,              -- The sets that everything is to be scanned with.
    yara       TEXT   NOT NULL,
    begun_at   BIGINT NOT NULL,
    stored     BIGINT NOT NULL,              -- Artifacts to be scanned when it began.
    found      BIGINT NOT NULL,              -- Those that were stopped for what was found.
    paused_at  BIGINT,                       -- When it found more than it may stop by itself.
    ended_at   BIGINT,
    outcome    TEXT                          -- How it ended.
);

ALTER TABLE scan_leases ADD COLUMN round BIGINT NOT NULL DEFAULT 0;              -- Whose sets it was last scanned with.
ALTER TABLE scan_leases ADD COLUMN scanned_at BIGINT;                            -- When that was.
ALTER TABLE scan_leases ADD COLUMN known TEXT;                                   -- What signatures found then, JSON.
ALTER TABLE scan_leases ADD COLUMN rescan_tries BIGINT NOT NULL DEFAULT 0;       -- Faults in a row when scanned again.
ALTER TABLE scan_leases ADD COLUMN rescan_not_before BIGINT NOT NULL DEFAULT 0;  -- Not scanned again before.
CREATE INDEX scan_leases_by_round ON scan_leases (round, scanned_at);
