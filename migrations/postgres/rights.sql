-- What each role's process may do, and nothing else. Run by the owner after each migration; every
-- line can be run again. A role that is taken over has these rights and its own keys.

REVOKE ALL ON ALL TABLES IN SCHEMA sekisho
    FROM PUBLIC, sekisho_intake, sekisho_worker, sekisho_portal, sekisho_review, sekisho_sensor;
REVOKE ALL ON ALL TABLES IN SCHEMA sekisho_keys
    FROM PUBLIC, sekisho_intake, sekisho_worker, sekisho_portal, sekisho_review, sekisho_sensor;
GRANT USAGE ON SCHEMA sekisho, sekisho_keys
    TO sekisho_intake, sekisho_worker, sekisho_portal, sekisho_review, sekisho_sensor;

-- Every role: is the schema mine, what time was it, and what I do is logged.
GRANT SELECT ON sekisho._sqlx_migrations, sekisho_keys._sqlx_migrations, sekisho.clock
    TO sekisho_intake, sekisho_worker, sekisho_portal, sekisho_review, sekisho_sensor;
GRANT INSERT ON sekisho.events, sekisho.log_queue
    TO sekisho_intake, sekisho_worker, sekisho_portal, sekisho_review, sekisho_sensor;
-- Which version of a grant the log tells of. Only security staff and the sequencer read events.
GRANT SELECT (grant_id, grant_version) ON sekisho.events TO sekisho_intake, sekisho_portal;
GRANT SELECT ON sekisho.events TO sekisho_worker, sekisho_review;

-- How long the log is: no role starts on a database that was put back to an earlier day.
GRANT SELECT ON sekisho.log_tree TO sekisho_intake, sekisho_portal;

-- The doors: sessions, tries and refusals of strangers.
GRANT SELECT, INSERT, UPDATE, DELETE ON sekisho.sessions, sekisho.tries
    TO sekisho_intake, sekisho_portal, sekisho_review;
GRANT SELECT, INSERT, UPDATE ON sekisho.refusals TO sekisho_intake, sekisho_portal, sekisho_review;
GRANT SELECT, INSERT, UPDATE ON sekisho.factors TO sekisho_portal, sekisho_review;

-- Intake adds, and sees what its visitors sent. It reads no object, part or lease, and of staff those
-- doctors whom a link names, as patients are told who asks, and the teams that one names, as nobody
-- sends what nobody is left to see.
GRANT SELECT ON sekisho.staff TO sekisho_intake;
GRANT SELECT ON sekisho.links TO sekisho_intake, sekisho_worker, sekisho_portal, sekisho_review;
GRANT SELECT, INSERT ON sekisho.submissions, sekisho.artifacts TO sekisho_intake;
GRANT INSERT ON sekisho.objects, sekisho.parts TO sekisho_intake;
GRANT SELECT, INSERT, UPDATE ON sekisho.uploads TO sekisho_intake;

-- Who is suspended: intake asks, and counts wrong secrets; the worker suspends; review lifts, and changes
-- nothing else of it.
GRANT SELECT ON sekisho.suspensions TO sekisho_intake, sekisho_review;
GRANT SELECT, INSERT, DELETE ON sekisho.suspensions TO sekisho_worker;
GRANT UPDATE (ends_at, lifted) ON sekisho.suspensions TO sekisho_review;
GRANT SELECT, INSERT, UPDATE ON sekisho.guesses TO sekisho_intake;
GRANT SELECT, DELETE ON sekisho.guesses TO sekisho_worker;

-- Known-bad files: review lists, the worker notes what it has acted on.
GRANT SELECT, INSERT, UPDATE ON sekisho.known_bad TO sekisho_review;
GRANT SELECT, UPDATE (acted_at) ON sekisho.known_bad TO sekisho_worker;

-- The worker changes artifacts, numbers the log and sweeps.
GRANT SELECT ON sekisho.staff, sekisho.approvals, sekisho.submissions TO sekisho_worker;
GRANT SELECT, UPDATE ON sekisho.artifacts TO sekisho_worker;
GRANT SELECT, INSERT ON sekisho.objects, sekisho.parts TO sekisho_worker;
GRANT SELECT, INSERT, UPDATE ON sekisho.scan_leases, sekisho.log_tree, sekisho.clock
    TO sekisho_worker;
GRANT SELECT, DELETE ON sekisho.log_queue, sekisho.refusals TO sekisho_worker;
GRANT SELECT, INSERT ON sekisho.log_leaves, sekisho.log_checkpoints TO sekisho_worker;
GRANT SELECT (seen_at), DELETE ON sekisho.sessions TO sekisho_worker;
GRANT SELECT (subject, last_at), DELETE ON sekisho.tries TO sekisho_worker;
GRANT SELECT, UPDATE, DELETE ON sekisho.sightings TO sekisho_worker;
GRANT SELECT, INSERT, UPDATE ON sekisho.alerts, sekisho.sensor_health, sekisho.log_followers
    TO sekisho_worker;
GRANT SELECT ON sekisho.sensor_sources TO sekisho_worker, sekisho_review;
GRANT UPDATE (lost_at) ON sekisho.sensor_sources TO sekisho_worker;

-- The worker says which signature sets it has, and scans what is stored again when they change; what
-- people decide about either it only reads.
GRANT SELECT, INSERT, UPDATE ON sekisho.signature_sets, sekisho.rescans TO sekisho_worker;
GRANT SELECT ON sekisho.signature_decisions TO sekisho_worker;
GRANT SELECT ON sekisho.signature_sets, sekisho.rescans TO sekisho_review;
GRANT SELECT, INSERT, UPDATE ON sekisho.signature_decisions TO sekisho_review;

GRANT SELECT ON sekisho.alerts, sekisho.sensor_health TO sekisho_review;

-- The sensor writes down what it saw and how far it has read. It reads no artifact, and no sighting
-- but its name and whether it waits.
GRANT SELECT (digest, looked_at), INSERT ON sekisho.sightings TO sekisho_sensor;
GRANT SELECT, INSERT, UPDATE ON sekisho.sensor_sources TO sekisho_sensor;
GRANT SELECT (id, submission, object, expires_at, artifact), DELETE ON sekisho.uploads
    TO sekisho_worker;

-- The portal reads, and writes down who fetched what. It changes no artifact.
GRANT SELECT ON sekisho.staff, sekisho.machines, sekisho.submissions, sekisho.artifacts,
    sekisho.objects, sekisho.parts TO sekisho_portal;
GRANT SELECT, INSERT, UPDATE ON sekisho.deliveries TO sekisho_portal;

-- Review grants, decides and reads the log. It leases nothing and adds no artifact.
GRANT SELECT, INSERT, UPDATE ON sekisho.staff, sekisho.machines, sekisho.links TO sekisho_review;
GRANT SELECT, INSERT ON sekisho.approvals TO sekisho_review;
GRANT SELECT, UPDATE ON sekisho.artifacts TO sekisho_review;
GRANT SELECT ON sekisho.submissions, sekisho.objects, sekisho.parts, sekisho.scan_leases,
    sekisho.deliveries, sekisho.log_queue, sekisho.log_leaves, sekisho.log_tree,
    sekisho.log_checkpoints TO sekisho_review;

ALTER TABLE sekisho.staff ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS who_asks ON sekisho.staff;
CREATE POLICY who_asks ON sekisho.staff FOR SELECT TO sekisho_intake
    USING (EXISTS (SELECT 1 FROM sekisho.links WHERE links.doctor = staff.id)
        OR EXISTS (SELECT 1 FROM sekisho.links WHERE links.team = (staff.body::json ->> 'team')));
DROP POLICY IF EXISTS everybody ON sekisho.staff;
CREATE POLICY everybody ON sekisho.staff TO sekisho_worker, sekisho_portal, sekisho_review
    USING (true) WITH CHECK (true);

-- A door sees its own sessions.
ALTER TABLE sekisho.sessions ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS of_the_door ON sekisho.sessions;
CREATE POLICY of_the_door ON sekisho.sessions
    TO sekisho_intake, sekisho_portal, sekisho_review
    USING ('sekisho_' || door = CURRENT_USER) WITH CHECK ('sekisho_' || door = CURRENT_USER);
DROP POLICY IF EXISTS swept ON sekisho.sessions;
CREATE POLICY swept ON sekisho.sessions TO sekisho_worker USING (true);

-- Wrapped keys: intake adds those of quarantine and reads none. The portal reads those of
-- renditions. Review reads those of evidence, and destroys those of renditions that it recalls,
-- which the server lets nobody do unseen. The worker, which purges, handles all.
GRANT INSERT ON sekisho_keys.wraps TO sekisho_intake;
GRANT SELECT, INSERT, DELETE ON sekisho_keys.wraps TO sekisho_worker;
GRANT SELECT ON sekisho_keys.wraps TO sekisho_portal;
GRANT SELECT, DELETE ON sekisho_keys.wraps TO sekisho_review;
ALTER TABLE sekisho_keys.wraps ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS arriving ON sekisho_keys.wraps;
CREATE POLICY arriving ON sekisho_keys.wraps FOR INSERT TO sekisho_intake
    WITH CHECK (area = 'quarantine');
DROP POLICY IF EXISTS every_area ON sekisho_keys.wraps;
CREATE POLICY every_area ON sekisho_keys.wraps TO sekisho_worker
    USING (true) WITH CHECK (area IN ('release', 'review'));
DROP POLICY IF EXISTS released ON sekisho_keys.wraps;
CREATE POLICY released ON sekisho_keys.wraps FOR SELECT TO sekisho_portal
    USING (area = 'release');
DROP POLICY IF EXISTS reviewed ON sekisho_keys.wraps;
CREATE POLICY reviewed ON sekisho_keys.wraps FOR SELECT TO sekisho_review
    USING (area IN ('review', 'release'));
DROP POLICY IF EXISTS recalled ON sekisho_keys.wraps;
CREATE POLICY recalled ON sekisho_keys.wraps FOR DELETE TO sekisho_review
    USING (area = 'release');
