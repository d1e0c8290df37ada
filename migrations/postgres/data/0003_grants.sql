-- Which grant an event made, and which version of it: a row of an earlier version, put back by
-- whoever writes the database, is not believed. Like every column, both repeat the event's bytes.

ALTER TABLE events ADD COLUMN grant_id TEXT;         -- Of a member of staff, machine or link.
ALTER TABLE events ADD COLUMN grant_version BIGINT;  -- Counts its changes, from 1.
CREATE INDEX events_by_grant ON events (grant_id, grant_version);
