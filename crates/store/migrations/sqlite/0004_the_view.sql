-- What starts runs by time: schedules, probes and collectors, each a principal of its own. Instants are microseconds since
-- 1970, as everything that is compared.
CREATE TABLE schedules (
    id          BLOB NOT NULL PRIMARY KEY REFERENCES principals (id),
    project     BLOB NOT NULL REFERENCES projects (id),
    kind        TEXT NOT NULL,
    name        TEXT NOT NULL,
    runbook     TEXT NOT NULL,
    -- Other times make another generation, whose instants have nothing to do with those before.
    generation  INTEGER NOT NULL,
    times       TEXT NOT NULL,
    -- Every instant up to here has been seen to.
    seen_to     INTEGER NOT NULL,
    -- When to look at it next; never while it is paused or retired, or has no further instant.
    next_at     INTEGER,
    paused      TEXT,
    retired     INTEGER NOT NULL,
    last_run    BLOB,
    -- An instant whose run starts when the one before has ended.
    waiting     INTEGER,
    UNIQUE (project, kind, name)
) STRICT;
CREATE INDEX schedules_by_next ON schedules (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX schedules_waiting ON schedules (id) WHERE waiting IS NOT NULL;

-- What became of each instant, or of a stretch of them that was missed.
CREATE TABLE firings (
    schedule    BLOB NOT NULL REFERENCES schedules (id),
    generation  INTEGER NOT NULL,
    due_at      INTEGER NOT NULL,
    state       TEXT NOT NULL,
    reason      TEXT,
    run         BLOB,
    -- Of a stretch: its first instant is after this, `due_at` is its last one.
    after       INTEGER,
    count       INTEGER NOT NULL,
    recorded_at INTEGER NOT NULL,
    PRIMARY KEY (schedule, generation, due_at)
) STRICT, WITHOUT ROWID;
CREATE INDEX firings_by_time ON firings (schedule, due_at);

-- Runs of probes and collectors whose result has not been taken in yet.
CREATE TABLE observing (
    run         BLOB NOT NULL PRIMARY KEY REFERENCES runs (id),
    schedule    BLOB NOT NULL REFERENCES schedules (id),
    due_at      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What each probe says of a service.
CREATE TABLE probes (
    schedule    BLOB NOT NULL PRIMARY KEY REFERENCES schedules (id),
    project     BLOB NOT NULL REFERENCES projects (id),
    service     TEXT NOT NULL,
    environment TEXT NOT NULL,
    name        TEXT NOT NULL,
    rules       TEXT NOT NULL,
    watched     TEXT NOT NULL,
    -- Why it could not look last, if so.
    blind       TEXT,
    -- It says nothing any more after this; none once that was taken in.
    stale_at    INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX probes_by_service ON probes (project, service, environment);
CREATE INDEX probes_by_stale ON probes (stale_at) WHERE stale_at IS NOT NULL;

-- Slices with the same outcome in a row, without a gap.
CREATE TABLE slices (
    schedule    BLOB NOT NULL REFERENCES schedules (id),
    from_at     INTEGER NOT NULL,
    to_at       INTEGER NOT NULL,
    outcome     TEXT NOT NULL,
    count       INTEGER NOT NULL,
    first_run   BLOB,
    last_run    BLOB,
    why         TEXT,
    PRIMARY KEY (schedule, from_at)
) STRICT, WITHOUT ROWID;

-- What slices were rolled up to: so many of a probe on a day of UTC, counted from 1970.
CREATE TABLE slice_days (
    schedule    BLOB NOT NULL REFERENCES schedules (id),
    day         INTEGER NOT NULL,
    good        INTEGER NOT NULL,
    bad         INTEGER NOT NULL,
    no_sample   INTEGER NOT NULL,
    PRIMARY KEY (schedule, day)
) STRICT, WITHOUT ROWID;

CREATE TABLE health (
    project     BLOB NOT NULL REFERENCES projects (id),
    service     TEXT NOT NULL,
    environment TEXT NOT NULL,
    health      TEXT NOT NULL,
    PRIMARY KEY (project, service, environment)
) STRICT, WITHOUT ROWID;

CREATE TABLE health_changes (
    project     BLOB NOT NULL REFERENCES projects (id),
    service     TEXT NOT NULL,
    environment TEXT NOT NULL,
    at          INTEGER NOT NULL,
    -- How it was before.
    before      TEXT NOT NULL,
    health      TEXT NOT NULL,
    PRIMARY KEY (project, service, environment, at)
) STRICT;
CREATE INDEX health_changes_by_age ON health_changes (at);

-- What each collector saw last, and when.
CREATE TABLE collectors (
    schedule    BLOB NOT NULL PRIMARY KEY REFERENCES schedules (id),
    project     BLOB NOT NULL REFERENCES projects (id),
    service     TEXT NOT NULL,
    environment TEXT NOT NULL,
    name        TEXT NOT NULL,
    rules       TEXT NOT NULL,
    -- The newest collection that succeeded.
    observed_at INTEGER,
    observed_in BLOB,
    -- Why the newest of all did not.
    failure     TEXT,
    failures    INTEGER NOT NULL,
    -- The newest run, and whether it stays when another comes.
    last_run    BLOB,
    keeps       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX collectors_by_service ON collectors (project, service, environment);

-- A fact that is seen as it was writes nothing: it was observed when its collector last looked with success. The target is empty
-- for the service as a whole.
CREATE TABLE facts (
    schedule    BLOB NOT NULL REFERENCES schedules (id),
    target      TEXT NOT NULL,
    key         TEXT NOT NULL,
    value       TEXT NOT NULL,
    observed_at INTEGER NOT NULL,
    changed_at  INTEGER NOT NULL,
    run         BLOB NOT NULL,
    previous    TEXT,
    gone        INTEGER NOT NULL,
    -- Changes of it that are kept.
    changes     INTEGER NOT NULL,
    PRIMARY KEY (schedule, target, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX facts_gone ON facts (changed_at) WHERE gone = 1;

CREATE TABLE fact_changes (
    project     BLOB NOT NULL REFERENCES projects (id),
    service     TEXT NOT NULL,
    environment TEXT NOT NULL,
    target      TEXT NOT NULL,
    key         TEXT NOT NULL,
    at          INTEGER NOT NULL,
    -- None if it is gone.
    value       TEXT,
    previous    TEXT,
    run         BLOB NOT NULL,
    schedule    BLOB NOT NULL,
    PRIMARY KEY (project, service, environment, target, key, at)
) STRICT;
CREATE INDEX fact_changes_by_age ON fact_changes (at);
CREATE INDEX fact_changes_by_time ON fact_changes (project, service, at);

-- Runs that only observe stand in no list but their own, and in no index of the others.
ALTER TABLE runs ADD COLUMN background INTEGER NOT NULL DEFAULT 0;
DROP INDEX runs_by_project;
DROP INDEX runs_by_runbook;
DROP INDEX runs_by_state;
DROP INDEX runs_by_service;
DROP INDEX runs_by_requester;
DROP INDEX runs_by_runbook_state;
CREATE INDEX runs_by_project ON runs (project, id) WHERE background = 0;
CREATE INDEX runs_by_runbook ON runs (project, runbook, id);
CREATE INDEX runs_by_state ON runs (project, state, id) WHERE background = 0;
CREATE INDEX runs_by_service ON runs (project, service, state, id) WHERE background = 0;
CREATE INDEX runs_by_requester ON runs (project, requested_by, state, id) WHERE background = 0;
CREATE INDEX runs_by_runbook_state ON runs (project, runbook, state, id);
CREATE INDEX runs_observing ON runs (project, runbook, id) WHERE background = 1;
-- What the view says of itself is kept for a time; what people and their runs did is not among it.
CREATE INDEX events_of_the_view ON events (id)
WHERE type IN ('health.changed', 'fact.changed', 'schedule.missed', 'schedule.skipped');
