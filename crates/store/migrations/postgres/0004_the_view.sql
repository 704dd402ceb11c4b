-- What starts runs by time: schedules, probes and collectors, each a principal of its own. Instants are microseconds since
-- 1970, as everything that is compared.
CREATE TABLE schedules (
    id          UUID NOT NULL PRIMARY KEY REFERENCES principals (id),
    project     UUID NOT NULL REFERENCES projects (id),
    kind        TEXT NOT NULL,
    name        TEXT COLLATE "C" NOT NULL,
    runbook     TEXT COLLATE "C" NOT NULL,
    -- Other times make another generation, whose instants have nothing to do with those before.
    generation  BIGINT NOT NULL,
    times       JSONB NOT NULL,
    -- Every instant up to here has been seen to.
    seen_to     BIGINT NOT NULL,
    -- When to look at it next; never while it is paused or retired, or has no further instant.
    next_at     BIGINT,
    paused      JSONB,
    retired     BIGINT NOT NULL,
    last_run    UUID,
    -- An instant whose run starts when the one before has ended.
    waiting     BIGINT,
    UNIQUE (project, kind, name)
);
CREATE INDEX schedules_by_next ON schedules (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX schedules_waiting ON schedules (id) WHERE waiting IS NOT NULL;

-- What became of each instant, or of a stretch of them that was missed.
CREATE TABLE firings (
    schedule    UUID NOT NULL REFERENCES schedules (id),
    generation  BIGINT NOT NULL,
    due_at      BIGINT NOT NULL,
    state       TEXT NOT NULL,
    reason      TEXT,
    run         UUID,
    -- Of a stretch: its first instant is after this, `due_at` is its last one.
    after       BIGINT,
    count       BIGINT NOT NULL,
    recorded_at BIGINT NOT NULL,
    PRIMARY KEY (schedule, generation, due_at)
);
CREATE INDEX firings_by_time ON firings (schedule, due_at);

-- Runs of probes and collectors whose result has not been taken in yet.
CREATE TABLE observing (
    run         UUID NOT NULL PRIMARY KEY REFERENCES runs (id),
    schedule    UUID NOT NULL REFERENCES schedules (id),
    due_at      BIGINT NOT NULL
);

-- What each probe says of a service.
CREATE TABLE probes (
    schedule    UUID NOT NULL PRIMARY KEY REFERENCES schedules (id),
    project     UUID NOT NULL REFERENCES projects (id),
    service     TEXT COLLATE "C" NOT NULL,
    environment TEXT COLLATE "C" NOT NULL,
    name        TEXT COLLATE "C" NOT NULL,
    rules       JSONB NOT NULL,
    watched     JSONB NOT NULL,
    -- Why it could not look last, if so.
    blind       TEXT,
    -- It says nothing any more after this; none once that was taken in.
    stale_at    BIGINT
);
CREATE INDEX probes_by_service ON probes (project, service, environment);
CREATE INDEX probes_by_stale ON probes (stale_at) WHERE stale_at IS NOT NULL;

-- Slices with the same outcome in a row, without a gap.
CREATE TABLE slices (
    schedule    UUID NOT NULL REFERENCES schedules (id),
    from_at     BIGINT NOT NULL,
    to_at       BIGINT NOT NULL,
    outcome     TEXT NOT NULL,
    count       BIGINT NOT NULL,
    first_run   UUID,
    last_run    UUID,
    why         TEXT,
    PRIMARY KEY (schedule, from_at)
);

-- What slices were rolled up to: so many of a probe on a day of UTC, counted from 1970.
CREATE TABLE slice_days (
    schedule    UUID NOT NULL REFERENCES schedules (id),
    day         BIGINT NOT NULL,
    good        BIGINT NOT NULL,
    bad         BIGINT NOT NULL,
    no_sample   BIGINT NOT NULL,
    PRIMARY KEY (schedule, day)
);

CREATE TABLE health (
    project     UUID NOT NULL REFERENCES projects (id),
    service     TEXT COLLATE "C" NOT NULL,
    environment TEXT COLLATE "C" NOT NULL,
    health      JSONB NOT NULL,
    PRIMARY KEY (project, service, environment)
);

CREATE TABLE health_changes (
    project     UUID NOT NULL REFERENCES projects (id),
    service     TEXT COLLATE "C" NOT NULL,
    environment TEXT COLLATE "C" NOT NULL,
    at          BIGINT NOT NULL,
    -- How it was before.
    before      TEXT NOT NULL,
    health      JSONB NOT NULL,
    PRIMARY KEY (project, service, environment, at)
);
CREATE INDEX health_changes_by_age ON health_changes (at);

-- What each collector saw last, and when.
CREATE TABLE collectors (
    schedule    UUID NOT NULL PRIMARY KEY REFERENCES schedules (id),
    project     UUID NOT NULL REFERENCES projects (id),
    service     TEXT COLLATE "C" NOT NULL,
    environment TEXT COLLATE "C" NOT NULL,
    name        TEXT COLLATE "C" NOT NULL,
    rules       JSONB NOT NULL,
    -- The newest collection that succeeded.
    observed_at BIGINT,
    observed_in UUID,
    -- Why the newest of all did not.
    failure     TEXT,
    failures    BIGINT NOT NULL,
    -- The newest run, and whether it stays when another comes.
    last_run    UUID,
    keeps       BIGINT NOT NULL
);
CREATE INDEX collectors_by_service ON collectors (project, service, environment);

-- A fact that is seen as it was writes nothing: it was observed when its collector last looked with success. The target is empty
-- for the service as a whole.
CREATE TABLE facts (
    schedule    UUID NOT NULL REFERENCES schedules (id),
    target      TEXT COLLATE "C" NOT NULL,
    key         TEXT COLLATE "C" NOT NULL,
    value       TEXT NOT NULL,
    observed_at BIGINT NOT NULL,
    changed_at  BIGINT NOT NULL,
    run         UUID NOT NULL,
    previous    TEXT,
    gone        BIGINT NOT NULL,
    -- Changes of it that are kept.
    changes     BIGINT NOT NULL,
    PRIMARY KEY (schedule, target, key)
);
CREATE INDEX facts_gone ON facts (changed_at) WHERE gone = 1;

CREATE TABLE fact_changes (
    project     UUID NOT NULL REFERENCES projects (id),
    service     TEXT COLLATE "C" NOT NULL,
    environment TEXT COLLATE "C" NOT NULL,
    target      TEXT COLLATE "C" NOT NULL,
    key         TEXT COLLATE "C" NOT NULL,
    at          BIGINT NOT NULL,
    -- None if it is gone.
    value       TEXT,
    previous    TEXT,
    run         UUID NOT NULL,
    schedule    UUID NOT NULL,
    PRIMARY KEY (project, service, environment, target, key, at)
);
CREATE INDEX fact_changes_by_age ON fact_changes (at);
CREATE INDEX fact_changes_by_time ON fact_changes (project, service, at);

-- Runs that only observe stand in no list but their own, and in no index of the others.
ALTER TABLE runs ADD COLUMN background BIGINT NOT NULL DEFAULT 0;
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
