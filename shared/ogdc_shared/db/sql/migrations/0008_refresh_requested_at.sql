-- What asks for the record to be reconciled with Argo gets the name of what it is. Services of the version before read
-- and write `ask_since`; while both serve, whichever of the two columns changes takes the other along.

ALTER TABLE runs ADD COLUMN refresh_requested_at timestamptz;  -- when it was last asked for; null: it is not

UPDATE runs SET refresh_requested_at = ask_since WHERE ask_since IS NOT NULL;

CREATE INDEX runs_to_reconcile ON runs (refresh_requested_at) WHERE refresh_requested_at IS NOT NULL;

CREATE FUNCTION copy_refresh_request() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.refresh_requested_at IS DISTINCT FROM OLD.refresh_requested_at THEN
        NEW.ask_since := NEW.refresh_requested_at;
    ELSE
        NEW.refresh_requested_at := NEW.ask_since;
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER copy_refresh_request BEFORE UPDATE OF ask_since, refresh_requested_at ON runs
FOR EACH ROW WHEN (NEW.refresh_requested_at IS DISTINCT FROM NEW.ask_since)
EXECUTE FUNCTION copy_refresh_request();
