-- Users who log in, their API tokens, and who did what.
-- A user is (issuer, name): `name` is what the issuer calls them for ever (OpenID Connect's subject), and stays under
-- that name for the services of the version before, which insert by it.

ALTER TABLE users
    ADD COLUMN display_name text,                -- as they are shown; null: by `name`
    ADD COLUMN role text CHECK (role IN ('viewer', 'submitter', 'admin')),          -- an admin gave it; null: none did
    ADD COLUMN claimed_role text CHECK (claimed_role IN ('viewer', 'submitter', 'admin')),  -- by the last login; null: none
    ADD COLUMN disabled_at timestamptz,          -- since then they are refused; null: they are not
    ADD COLUMN last_seen_on date;                -- the last day they called; null: never as somebody who logged in

CREATE INDEX users_by_time ON users (created_at, id);
CREATE INDEX runs_unfinished_by_user ON runs (submitted_by) WHERE status IN ('Pending', 'Running');

CREATE TABLE api_tokens (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    hash bytea NOT NULL UNIQUE CHECK (length(hash) = 32),  -- SHA-256 of the token, which itself is nowhere
    owner uuid NOT NULL REFERENCES users,
    name text NOT NULL,                          -- what it is for
    role text NOT NULL CHECK (role IN ('viewer', 'submitter', 'admin')),  -- it may do no more, nor more than its owner
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    last_used_on date,
    revoked_at timestamptz                       -- null: it is valid until it expires
);

CREATE INDEX api_tokens_by_owner ON api_tokens (owner, created_at, id);

CREATE TABLE audit (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT now(),
    actor uuid REFERENCES users,                 -- null: the deployment's operator, by a command
    token uuid REFERENCES api_tokens,            -- what the actor came with; null: something else
    action text NOT NULL,                        -- e.g. run.submit
    object text NOT NULL,                        -- what it was done to: a run's or a trigger's name, a user's or token's id
    details jsonb NOT NULL DEFAULT '{}'
);

CREATE INDEX audit_by_actor ON audit (actor, id);
CREATE INDEX audit_by_object ON audit (object, id);
CREATE INDEX audit_by_action ON audit (action, id);

CREATE FUNCTION refuse_change_of_audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what was done stays on record: % of audit is refused', TG_OP;
END
$$;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_audit();
