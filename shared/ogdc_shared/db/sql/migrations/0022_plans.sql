-- What a submission costs PostgreSQL (docs/benchmarks.md, Submissions).

-- As before, but one expression without FROM: PostgreSQL puts it in the place of the call, and parsed the function for each row.
-- Source: https://wiki.postgresql.org/wiki/Inlining_of_SQL_functions
CREATE OR REPLACE FUNCTION ordered_uuid() RETURNS uuid LANGUAGE sql VOLATILE AS $$
    SELECT (
        lpad(to_hex(floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0')
        || '7'
        || substr(replace(gen_random_uuid()::text, '-', ''), 14)
    )::uuid
$$;

-- 0021 analysed the table, which in a new database was empty. Until the next analysis plans then read all of it, because they
-- expect a single page. Writing the table anew forgets that: a table that was never analysed is expected to have ten pages.
-- Source: estimate_rel_size in src/backend/optimizer/util/plancat.c of PostgreSQL.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM runs) THEN
        ALTER TABLE runs ALTER COLUMN message TYPE text USING message || '';
    END IF;
END
$$;
