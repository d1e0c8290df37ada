-- What an intrusion detection sensor saw of connections to the intake door, how far it was read, and
-- which of it was joined to artifacts. Sightings name addresses and are swept after an hour; alerts
-- name none and stay with their artifact.

CREATE TABLE sightings (
    digest          TEXT   NOT NULL PRIMARY KEY,  -- Of what was seen: read twice, it is one.
    arrived_at      BIGINT NOT NULL,              -- When it was read.
    looked_at       BIGINT,                       -- When a worker looked whom it is about.
    kind            TEXT   NOT NULL,              -- `alert`, `file` or `request`.
    flow            BIGINT,                       -- The sensor's number of the connection.
    request_number  BIGINT,                       -- Which request on it, from 0.
    client          TEXT   NOT NULL,              -- Address and port.
    community       TEXT,                         -- The connection's community id.
    sha256          TEXT,                         -- Of a file.
    request         TEXT,                         -- The request id that our door answered with.
    body            TEXT   NOT NULL               -- The sighting as JSON.
);
CREATE INDEX sightings_by_looked ON sightings (looked_at, arrived_at);
CREATE INDEX sightings_by_arrived ON sightings (arrived_at);
CREATE INDEX sightings_by_flow ON sightings (flow, request_number);
CREATE INDEX sightings_by_client ON sightings (client);
CREATE INDEX sightings_by_community ON sightings (community);
CREATE INDEX sightings_by_sha256 ON sightings (sha256);
CREATE INDEX sightings_by_request ON sightings (request);

CREATE TABLE alerts (
    artifact   TEXT   NOT NULL REFERENCES artifacts (id),  -- What the alert is about.
    sighting   TEXT   NOT NULL,  -- Digest of the sighting.
    joined_at  BIGINT NOT NULL,  -- When the two were joined.
    acted_at   BIGINT,           -- When the artifact was stopped for it.
    body       TEXT   NOT NULL,  -- Rule, severity and why it was joined, JSON.
    PRIMARY KEY (artifact, sighting)
);
CREATE INDEX alerts_by_acted ON alerts (acted_at, joined_at);

CREATE TABLE sensor_sources (
    source   TEXT   NOT NULL PRIMARY KEY,  -- Host and path of a file or socket.
    mark     TEXT,                         -- How far a file is read, JSON.
    counts   TEXT   NOT NULL,              -- Lines read and what became of them, JSON.
    sign_at  BIGINT,                       -- The sensor's last sign of life.
    lost_at  BIGINT                        -- When something of it was last lost.
);

CREATE TABLE sensor_health (
    id       BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    hearing  TEXT   NOT NULL,  -- Whether the sensor is to be relied on.
    since    BIGINT NOT NULL   -- Since when.
);

CREATE TABLE log_followers (
    name      TEXT   NOT NULL PRIMARY KEY,  -- Who tells others what the log says.
    sequence  BIGINT NOT NULL               -- The last entry told.
);

CREATE INDEX artifacts_by_received ON artifacts (received_at);
