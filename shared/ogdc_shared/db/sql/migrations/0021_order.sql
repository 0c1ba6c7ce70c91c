-- What is written together lies together, and names alone find the newest of thousands of runs (docs/decisions/0059-*).

-- As gen_random_uuid, but by the clock: its first 48 bits are milliseconds since 1970. Source: RFC 9562, section 5.7 (version 7).
CREATE FUNCTION ordered_uuid() RETURNS uuid LANGUAGE sql VOLATILE AS $$
    SELECT encode(set_byte(made, 6, get_byte(made, 6) & 15 | 112), 'hex')::uuid
    FROM (
        SELECT overlay(
            uuid_send(gen_random_uuid()) PLACING
            substring(int8send(floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3) FROM 1 FOR 6
        )
    ) AS ordered (made)
$$;
ALTER TABLE runs ALTER COLUMN id SET DEFAULT ordered_uuid();
ALTER TABLE uploads ALTER COLUMN id SET DEFAULT ordered_uuid();
ALTER TABLE deliveries ALTER COLUMN id SET DEFAULT ordered_uuid();
ALTER TABLE scheduled_starts ALTER COLUMN id SET DEFAULT ordered_uuid();

-- One index of names in place of two. Their order is that of their bytes, so that it finds a beginning, too.
DROP INDEX IF EXISTS runs_by_name;
ALTER TABLE runs
    DROP CONSTRAINT runs_name_key,
    ALTER COLUMN name TYPE text COLLATE "C",
    ADD CONSTRAINT runs_name_key UNIQUE (name) INCLUDE (submitted_at, id);
ANALYZE runs (name);  -- what was known of the names went with their order
