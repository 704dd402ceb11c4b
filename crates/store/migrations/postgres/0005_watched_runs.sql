-- Steps that wait for signals or collectors: whoever starts next watches on.
CREATE TABLE watching (
    run         UUID NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    step        BIGINT NOT NULL,
    PRIMARY KEY (run, step)
);

-- How the services of a run stood right before its first step, and when it had ended.
CREATE TABLE run_snapshots (
    run         UUID NOT NULL PRIMARY KEY REFERENCES runs (id) ON DELETE CASCADE,
    before      JSONB NOT NULL,
    after       JSONB
);
CREATE INDEX run_snapshots_open ON run_snapshots (run) WHERE after IS NULL;
