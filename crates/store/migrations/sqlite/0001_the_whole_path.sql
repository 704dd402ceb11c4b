CREATE TABLE projects (
    id          BLOB NOT NULL PRIMARY KEY,
    name        TEXT NOT NULL UNIQUE,
    created_at  TEXT NOT NULL
) STRICT;

CREATE TABLE principals (
    id          BLOB NOT NULL PRIMARY KEY,
    kind        TEXT NOT NULL,
    name        TEXT NOT NULL,
    role        TEXT NOT NULL,
    created_at  TEXT NOT NULL
) STRICT;

CREATE TABLE tokens (
    id          BLOB NOT NULL PRIMARY KEY,
    principal   BLOB NOT NULL REFERENCES principals (id),
    hash        TEXT NOT NULL UNIQUE,
    created_at  TEXT NOT NULL,
    revoked_at  TEXT
) STRICT;

CREATE TABLE sessions (
    hash        TEXT NOT NULL PRIMARY KEY,
    token       BLOB NOT NULL REFERENCES tokens (id),
    created_at  TEXT NOT NULL,
    expires_at  TEXT NOT NULL
) STRICT;

CREATE TABLE definitions (
    id              BLOB NOT NULL PRIMARY KEY,
    project         BLOB NOT NULL REFERENCES projects (id),
    kind            TEXT NOT NULL,
    name            TEXT NOT NULL,
    digest          TEXT NOT NULL,
    published_at    TEXT NOT NULL,
    published_by    TEXT NOT NULL,
    retired_at      TEXT,
    UNIQUE (project, kind, name)
) STRICT;

CREATE TABLE versions (
    id              BLOB NOT NULL UNIQUE,
    definition      BLOB NOT NULL REFERENCES definitions (id),
    digest          TEXT NOT NULL,
    path            TEXT NOT NULL,
    text            TEXT NOT NULL,
    document        TEXT NOT NULL,
    runbook         TEXT NOT NULL,
    published_at    TEXT NOT NULL,
    published_by    TEXT NOT NULL,
    PRIMARY KEY (definition, digest)
) STRICT;

CREATE TABLE files (
    sha256  TEXT NOT NULL PRIMARY KEY,
    bytes   BLOB NOT NULL
) STRICT;

CREATE TABLE version_files (
    definition  BLOB NOT NULL,
    digest      TEXT NOT NULL,
    path        TEXT NOT NULL,
    mode        TEXT NOT NULL,
    size        INTEGER NOT NULL,
    sha256      TEXT NOT NULL REFERENCES files (sha256),
    PRIMARY KEY (definition, digest, path),
    FOREIGN KEY (definition, digest) REFERENCES versions (definition, digest)
) STRICT;

CREATE TABLE runs (
    id          BLOB NOT NULL PRIMARY KEY,
    project     BLOB NOT NULL REFERENCES projects (id),
    runbook     TEXT NOT NULL,
    digest      TEXT NOT NULL,
    state       TEXT NOT NULL,
    revision    INTEGER NOT NULL,
    run         TEXT NOT NULL
) STRICT;
CREATE INDEX runs_by_project ON runs (project, id);
CREATE INDEX runs_by_runbook ON runs (project, runbook, id);
CREATE INDEX runs_by_state ON runs (state, id);

CREATE TABLE tasks (
    run         BLOB NOT NULL REFERENCES runs (id),
    step        INTEGER NOT NULL,
    attempt     INTEGER NOT NULL,
    queued_at   TEXT NOT NULL,
    PRIMARY KEY (run, step, attempt)
) STRICT;

CREATE TABLE events (
    id              BLOB NOT NULL PRIMARY KEY,
    at              TEXT NOT NULL,
    recorded_at     TEXT NOT NULL,
    type            TEXT NOT NULL,
    principal       BLOB,
    acting_team     TEXT,
    requesting_team TEXT,
    project         TEXT,
    service         TEXT,
    environment     TEXT,
    subject         TEXT NOT NULL,
    run             BLOB,
    run_seq         INTEGER,
    correlation     BLOB NOT NULL,
    cause           BLOB,
    data            TEXT NOT NULL,
    UNIQUE (run, run_seq)
) STRICT;
CREATE INDEX events_by_project ON events (project, id);

CREATE TABLE idempotency_keys (
    principal   BLOB NOT NULL,
    route       TEXT NOT NULL,
    key         TEXT NOT NULL,
    id          BLOB NOT NULL,
    body        TEXT NOT NULL,
    answer      TEXT NOT NULL,
    PRIMARY KEY (principal, route, key)
) STRICT;
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (id);
