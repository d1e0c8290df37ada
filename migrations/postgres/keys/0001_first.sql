-- Wrapped keys live apart from the data: their backups die with the content, so that an old backup
-- of the data opens nothing.

CREATE TABLE wraps (
    object    TEXT NOT NULL PRIMARY KEY,  -- The vault object this opens.
    artifact  TEXT NOT NULL,              -- Whose it is: purge destroys by artifact.
    area      TEXT NOT NULL,              -- `quarantine`, `release` or `review`.
    sealed    TEXT NOT NULL               -- The object's own identity, sealed to the area's recipient.
);
CREATE INDEX wraps_by_artifact ON wraps (artifact);
