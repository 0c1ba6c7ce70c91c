-- How long runs took, to find those that took long among very many.

CREATE INDEX runs_by_duration ON runs ((coalesce(finished_at, deleted_at) - coalesce(started_at, submitted_at)));
