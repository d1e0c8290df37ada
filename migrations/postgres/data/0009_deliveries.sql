-- What a machine is still to be told of is found among all that it ever pulled.

ALTER TABLE deliveries ADD COLUMN not_here_at BIGINT;  -- When it said that it had a recalled file no longer.
CREATE INDEX deliveries_by_machine ON deliveries (machine, pulled_at, artifact)
    WHERE recalled_at IS NULL AND not_here_at IS NULL;
