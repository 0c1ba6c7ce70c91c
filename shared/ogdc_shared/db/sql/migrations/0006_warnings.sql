-- A run that succeeds may have something to be warned of.

ALTER TABLE runs ADD COLUMN warnings jsonb;      -- {total, first: [{kind, message, partition}]}; null: none heard of
