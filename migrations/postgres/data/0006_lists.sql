-- What the pages list must not read every file that was ever sent.

CREATE INDEX artifacts_held ON artifacts (due_at, id) WHERE hold IS NOT NULL;
CREATE INDEX artifacts_by_link_state ON artifacts (link, state);
