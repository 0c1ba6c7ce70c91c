-- What few of very many runs have in common is found without a look at the others.

CREATE INDEX runs_by_status ON runs (status, submitted_at, id);
CREATE INDEX runs_by_name ON runs (name COLLATE "C");  -- that of the constraint is sorted by language
