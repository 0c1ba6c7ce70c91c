-- The engine's state. Raise user_version in store.py with every change: an older file is refused, not guessed at.

-- One number that only grows, over all workflows, as Kubernetes' resourceVersion does.
CREATE TABLE clock (revision INTEGER NOT NULL);
INSERT INTO clock VALUES (1);

CREATE TABLE workflows (
    uid         TEXT PRIMARY KEY,
    name        TEXT NOT NULL UNIQUE,
    namespace   TEXT NOT NULL,
    created_at  TEXT NOT NULL,
    revision    INTEGER NOT NULL,
    labels      TEXT NOT NULL,          -- JSON
    annotations TEXT NOT NULL,          -- JSON
    spec        TEXT NOT NULL,          -- JSON, as it was sent
    phase       TEXT NOT NULL,
    message     TEXT,
    progress    TEXT,
    started_at  TEXT,
    finished_at TEXT,
    expires_at  REAL,                   -- seconds since 1970; null: kept
    shutdown    TEXT                    -- Terminate or Stop, once asked for
);
CREATE INDEX workflows_unfinished ON workflows (created_at) WHERE finished_at IS NULL;
CREATE INDEX workflows_expiring ON workflows (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE nodes (
    uid          TEXT NOT NULL REFERENCES workflows ON DELETE CASCADE,
    id           TEXT NOT NULL,
    name         TEXT NOT NULL,
    display_name TEXT NOT NULL,
    type         TEXT NOT NULL,
    phase        TEXT NOT NULL,
    template     TEXT,
    boundary     TEXT,
    message      TEXT,
    progress     TEXT,
    started_at   TEXT,
    finished_at  TEXT,
    inputs       TEXT,                  -- JSON
    outputs      TEXT,                  -- JSON
    retried      INTEGER NOT NULL,
    PRIMARY KEY (uid, id)
) WITHOUT ROWID;

CREATE TABLE edges (
    uid    TEXT NOT NULL REFERENCES workflows ON DELETE CASCADE,
    parent TEXT NOT NULL,
    number INTEGER NOT NULL,            -- children in the order they came: the last try of a task is its last
    child  TEXT NOT NULL,
    PRIMARY KEY (uid, parent, number)
) WITHOUT ROWID;

-- Workflows that are gone, whose deletion has not been delivered yet.
CREATE TABLE deletions (
    uid  TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    body TEXT NOT NULL                  -- the whole object at its last revision
);
