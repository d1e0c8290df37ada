-- What a machine has said of a recalled file takes no place among what it is still to be told of.

ALTER TABLE deliveries ADD COLUMN changed_at BIGINT;  -- When it said that another file stands in its place.
DROP INDEX deliveries_by_machine;
CREATE INDEX deliveries_by_machine ON deliveries (machine, pulled_at, artifact)
    WHERE recalled_at IS NULL AND not_here_at IS NULL AND changed_at IS NULL;
