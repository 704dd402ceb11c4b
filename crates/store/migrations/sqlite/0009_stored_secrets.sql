-- Secrets that steps can use and nobody can read back. A name is never given to another secret: a retired one keeps it.
CREATE TABLE secrets (
    id           BLOB NOT NULL PRIMARY KEY,
    project      BLOB NOT NULL REFERENCES projects (id),
    name         TEXT NOT NULL,
    description  TEXT,
    created_at   TEXT NOT NULL,
    created_by   TEXT NOT NULL,
    version      INTEGER NOT NULL,
    retired_at   TEXT,
    UNIQUE (project, name)
) STRICT;

-- A value each, under a data key of its own; without one when it is destroyed.
CREATE TABLE secret_versions (
    secret       BLOB NOT NULL REFERENCES secrets (id),
    version      INTEGER NOT NULL,
    sealed       BLOB,
    set_at       TEXT NOT NULL,
    set_by       TEXT NOT NULL,
    destroyed_at TEXT,
    used_at      TEXT,
    data_keys    INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (secret, version)
) STRICT;

-- In which round of new data keys a value was sealed last; rounds are counted in revisions.
ALTER TABLE sealed ADD COLUMN data_keys INTEGER NOT NULL DEFAULT 0;
INSERT INTO revisions (name, value) VALUES ('data_keys', 0), ('data_keys_done', 0);
