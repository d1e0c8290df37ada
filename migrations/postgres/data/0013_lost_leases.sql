-- Leases that are lost one after another: only those say that a file may be what ends its scans. A fault
-- that a worker lived to tell says nothing of it.

ALTER TABLE scan_leases ADD COLUMN lost_since BIGINT;  -- When the first of them was found lost; NULL once one was given back.
