-- An event may say that there is more to know than it says itself; then whoever may asks Argo.

ALTER TABLE runs ADD COLUMN ask_since timestamptz;  -- when the latest such event came; null: nothing is to be asked

CREATE INDEX runs_to_ask ON runs (ask_since) WHERE ask_since IS NOT NULL;
