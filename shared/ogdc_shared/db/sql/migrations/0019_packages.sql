-- A run's result may be published at a member node of DataONE by the run itself.

ALTER TABLE runs ADD COLUMN package jsonb;       -- {identifier, series, url}; null: it was not
