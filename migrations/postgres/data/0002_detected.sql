-- What a file was found to be, for the reviewers' queue: null before the first scan.
ALTER TABLE artifacts ADD COLUMN detected TEXT;
