-- Steps that a policy did not let begin: whoever hears that rights have changed decides on these again.
CREATE TABLE parked (
    run         BLOB NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    step        INTEGER NOT NULL,
    PRIMARY KEY (run, step)
) STRICT, WITHOUT ROWID;
