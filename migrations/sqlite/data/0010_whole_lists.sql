-- Lists to their end, however much there is beside what they tell: who viewed a file, among all who
-- were refused it; the links that are open, among all that ended. `links.until` is when a link ends: it
-- expires, or was revoked before.

CREATE INDEX events_viewed ON events (artifact, actor, at) WHERE action = 'view' AND outcome = 'done';
CREATE INDEX links_by_until ON links (until, id);
