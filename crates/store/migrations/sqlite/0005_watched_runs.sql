-- Steps that wait for signals or collectors: whoever starts next watches on.
CREATE TABLE watching (
    run         BLOB NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    step        INTEGER NOT NULL,
    PRIMARY KEY (run, step)
) STRICT, WITHOUT ROWID;

-- How the services of a run stood right before its first step, and when it had ended.
CREATE TABLE run_snapshots (
    run         BLOB NOT NULL PRIMARY KEY REFERENCES runs (id) ON DELETE CASCADE,
    before      TEXT NOT NULL,
    after       TEXT
) STRICT;
CREATE INDEX run_snapshots_open ON run_snapshots (run) WHERE after IS NULL;
