-- What lists are sorted by has the collation "C": by bytes, as on SQLite, whatever the database's own.
CREATE TABLE projects (
    id          UUID NOT NULL PRIMARY KEY,
    name        TEXT COLLATE "C" NOT NULL UNIQUE,
    created_at  TIMESTAMPTZ NOT NULL
);

CREATE TABLE principals (
    id          UUID NOT NULL PRIMARY KEY,
    kind        TEXT NOT NULL,
    name        TEXT NOT NULL,
    role        TEXT NOT NULL,
    created_at  TIMESTAMPTZ NOT NULL
);

CREATE TABLE tokens (
    id          UUID NOT NULL PRIMARY KEY,
    principal   UUID NOT NULL REFERENCES principals (id),
    hash        TEXT NOT NULL UNIQUE,
    created_at  TIMESTAMPTZ NOT NULL,
    revoked_at  TIMESTAMPTZ
);

CREATE TABLE sessions (
    hash        TEXT NOT NULL PRIMARY KEY,
    token       UUID NOT NULL REFERENCES tokens (id),
    created_at  TIMESTAMPTZ NOT NULL,
    expires_at  TIMESTAMPTZ NOT NULL
);

CREATE TABLE definitions (
    id              UUID NOT NULL PRIMARY KEY,
    project         UUID NOT NULL REFERENCES projects (id),
    kind            TEXT NOT NULL,
    name            TEXT COLLATE "C" NOT NULL,
    digest          TEXT NOT NULL,
    published_at    TIMESTAMPTZ NOT NULL,
    published_by    TEXT NOT NULL,
    retired_at      TIMESTAMPTZ,
    UNIQUE (project, kind, name)
);

CREATE TABLE versions (
    id              UUID NOT NULL UNIQUE,
    definition      UUID NOT NULL REFERENCES definitions (id),
    digest          TEXT NOT NULL,
    path            TEXT NOT NULL,
    text            TEXT NOT NULL,
    document        JSONB NOT NULL,
    runbook         JSONB NOT NULL,
    published_at    TIMESTAMPTZ NOT NULL,
    published_by    TEXT NOT NULL,
    PRIMARY KEY (definition, digest)
);

CREATE TABLE files (
    sha256  TEXT NOT NULL PRIMARY KEY,
    bytes   BYTEA NOT NULL
);

CREATE TABLE version_files (
    definition  UUID NOT NULL,
    digest      TEXT NOT NULL,
    path        TEXT COLLATE "C" NOT NULL,
    mode        TEXT NOT NULL,
    size        BIGINT NOT NULL,
    sha256      TEXT NOT NULL REFERENCES files (sha256),
    PRIMARY KEY (definition, digest, path),
    FOREIGN KEY (definition, digest) REFERENCES versions (definition, digest)
);

CREATE TABLE runs (
    id          UUID NOT NULL PRIMARY KEY,
    project     UUID NOT NULL REFERENCES projects (id),
    runbook     TEXT NOT NULL,
    digest      TEXT NOT NULL,
    state       TEXT NOT NULL,
    revision    BIGINT NOT NULL,
    run         JSONB NOT NULL
);
CREATE INDEX runs_by_project ON runs (project, id);
CREATE INDEX runs_by_runbook ON runs (project, runbook, id);
CREATE INDEX runs_by_state ON runs (state, id);

CREATE TABLE tasks (
    run         UUID NOT NULL REFERENCES runs (id),
    step        BIGINT NOT NULL,
    attempt     BIGINT NOT NULL,
    queued_at   TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (run, step, attempt)
);

CREATE TABLE events (
    id              UUID NOT NULL PRIMARY KEY,
    at              TIMESTAMPTZ NOT NULL,
    recorded_at     TIMESTAMPTZ NOT NULL,
    type            TEXT NOT NULL,
    principal       UUID,
    acting_team     TEXT,
    requesting_team TEXT,
    project         TEXT,
    service         TEXT,
    environment     TEXT,
    subject         TEXT NOT NULL,
    run             UUID,
    run_seq         BIGINT,
    correlation     UUID NOT NULL,
    cause           UUID,
    data            JSONB NOT NULL,
    UNIQUE (run, run_seq)
);
CREATE INDEX events_by_project ON events (project, id);

CREATE TABLE idempotency_keys (
    principal   UUID NOT NULL,
    route       TEXT NOT NULL,
    key         TEXT NOT NULL,
    id          UUID NOT NULL,
    body        TEXT NOT NULL,
    answer      JSONB NOT NULL,
    PRIMARY KEY (principal, route, key)
);
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (id);
