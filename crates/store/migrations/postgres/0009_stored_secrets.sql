-- Secrets that steps can use and nobody can read back. A name is never given to another secret: a retired one keeps it.
CREATE TABLE secrets (
    id           UUID NOT NULL PRIMARY KEY,
    project      UUID NOT NULL REFERENCES projects (id),
    name         TEXT COLLATE "C" NOT NULL,
    description  TEXT,
    created_at   TIMESTAMPTZ NOT NULL,
    created_by   TEXT NOT NULL,
    version      BIGINT NOT NULL,
    retired_at   TIMESTAMPTZ,
    UNIQUE (project, name)
);

-- A value each, under a data key of its own; without one when it is destroyed.
CREATE TABLE secret_versions (
    secret       UUID NOT NULL REFERENCES secrets (id),
    version      BIGINT NOT NULL,
    sealed       BYTEA,
    set_at       TIMESTAMPTZ NOT NULL,
    set_by       TEXT NOT NULL,
    destroyed_at TIMESTAMPTZ,
    used_at      TIMESTAMPTZ,
    data_keys    BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (secret, version)
);

-- In which round of new data keys a value was sealed last; rounds are counted in revisions.
ALTER TABLE sealed ADD COLUMN data_keys BIGINT NOT NULL DEFAULT 0;
INSERT INTO revisions (name, value) VALUES ('data_keys', 0), ('data_keys_done', 0);
