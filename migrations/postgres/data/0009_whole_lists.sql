-- Lists to their end, however much there is beside what they tell: who viewed a file, among all who
-- were refused it.

CREATE INDEX events_viewed ON events (artifact, actor, at) WHERE action = 'view' AND outcome = 'done';
