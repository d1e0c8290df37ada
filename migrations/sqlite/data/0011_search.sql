-- What somebody did of one kind is found without reading all else that they did, and all else of that
-- kind.

CREATE INDEX events_by_actor_and_action ON events (actor, action, at);
