-- Runs: a small header, what they are pinned to, and a row for each step.
ALTER TABLE runs ADD COLUMN title TEXT;
ALTER TABLE runs ADD COLUMN service TEXT;
ALTER TABLE runs ADD COLUMN reason TEXT;
ALTER TABLE runs ADD COLUMN requested_by TEXT NOT NULL DEFAULT '';
ALTER TABLE runs ADD COLUMN requested_at TIMESTAMPTZ NOT NULL DEFAULT 'epoch';
ALTER TABLE runs ADD COLUMN started_at TIMESTAMPTZ;
ALTER TABLE runs ADD COLUMN finished_at TIMESTAMPTZ;
ALTER TABLE runs ADD COLUMN waits_for TEXT;
-- Microseconds since 1970, as everything that is compared in SQL.
ALTER TABLE runs ADD COLUMN wake_at BIGINT;
-- The newest event of the run, which names this very state of it.
ALTER TABLE runs ADD COLUMN last_event UUID;

-- What a run is pinned to, written once: plan, inputs, what it tries again.
CREATE TABLE run_plans (
    run         UUID NOT NULL PRIMARY KEY REFERENCES runs (id),
    pinned      JSONB NOT NULL
);

-- One row for each step; the place -1 is the outermost level of the run.
CREATE TABLE run_steps (
    run         UUID NOT NULL REFERENCES runs (id),
    place       BIGINT NOT NULL,
    -- The attempt that a runner performs now.
    running     BIGINT,
    step        JSONB NOT NULL,
    PRIMARY KEY (run, place)
);

INSERT INTO run_steps (run, place, running, step)
SELECT r.id, e.nr - 1,
       CASE WHEN e.step ->> 'state' = 'running' THEN (e.step ->> 'attempt')::bigint END,
       e.step || jsonb_build_object('path', e.step ->> 'name', 'planned', e.nr - 1)
       || CASE WHEN t.run IS NULL THEN '{}'::jsonb ELSE jsonb_build_object('state', 'waiting', 'wait', jsonb_build_object(
              'for', 'runner', 'until', NULL,
              'since', to_char(t.queued_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))) END
FROM runs r CROSS JOIN LATERAL jsonb_array_elements(r.run -> 'steps') WITH ORDINALITY AS e (step, nr)
     LEFT JOIN tasks t ON t.run = r.id AND t.step = e.nr - 1;

INSERT INTO run_steps (run, place, step)
SELECT id, -1, jsonb_build_object('phase', 'main', 'children', (SELECT coalesce(jsonb_agg(e.nr - 1 ORDER BY e.nr), '[]')
        FROM jsonb_array_elements(runs.run -> 'steps') WITH ORDINALITY AS e (step, nr))) FROM runs;

INSERT INTO run_plans (run, pinned)
SELECT id, jsonb_build_object(
        'plan', jsonb_build_object(
            'scopes', jsonb_build_array(jsonb_build_object(
                'runbook', runbook, 'digest', digest, 'on_failure', '[]'::jsonb, 'cleanup', '[]'::jsonb,
                'children', (SELECT coalesce(jsonb_agg(e.nr - 1 ORDER BY e.nr), '[]')
                    FROM jsonb_array_elements(runs.run -> 'steps') WITH ORDINALITY AS e (step, nr)))),
            'steps', (SELECT coalesce(jsonb_agg(jsonb_build_object(
                'name', e.step -> 'name', 'scope', 0, 'written', e.nr - 1, 'kind', e.step -> 'action',
                'action', 'task', 'effect', e.step -> 'effect', 'safe', false) ORDER BY e.nr), '[]')
                FROM jsonb_array_elements(runs.run -> 'steps') WITH ORDINALITY AS e (step, nr))),
        'inputs', run -> 'inputs',
        'retry_of', NULL) FROM runs;

UPDATE runs SET
    title = run ->> 'title',
    service = run ->> 'service',
    reason = run ->> 'reason',
    requested_by = run -> 'requested_by' ->> 'name',
    requested_at = (run ->> 'requested_at')::timestamptz,
    started_at = (run ->> 'started_at')::timestamptz,
    finished_at = (run ->> 'finished_at')::timestamptz,
    last_event = (SELECT e.id FROM events e WHERE e.run = runs.id ORDER BY e.run_seq DESC LIMIT 1),
    run = run || jsonb_build_object('steps', '[]'::jsonb, 'inputs', '{}'::jsonb, 'counts', jsonb_build_object(
        'running', (SELECT count(*) FROM jsonb_array_elements(runs.run -> 'steps') AS e (step)
            WHERE e.step ->> 'state' = 'running'),
        'waiting', (SELECT count(*) FROM tasks t WHERE t.run = runs.id)));

DROP INDEX runs_by_state;
CREATE INDEX runs_by_state ON runs (project, state, id);
-- With the state before the id: the newest of each state are found at once, and of all states by asking for each.
CREATE INDEX runs_by_service ON runs (project, service, state, id);
CREATE INDEX runs_by_requester ON runs (project, requested_by, state, id);
CREATE INDEX runs_by_runbook_state ON runs (project, runbook, state, id);
CREATE INDEX runs_by_wake ON runs (wake_at) WHERE wake_at IS NOT NULL;
CREATE INDEX runs_unfinished ON runs (id) WHERE finished_at IS NULL;
CREATE INDEX run_steps_running ON run_steps (run) WHERE running IS NOT NULL;

-- Where a task stands in the line: when it was queued, in microseconds, and a second more for each of the run's before it.
ALTER TABLE tasks ADD COLUMN line BIGINT NOT NULL DEFAULT 0;
UPDATE tasks SET line = extract(epoch FROM queued_at)::bigint * 1000000;
CREATE INDEX tasks_in_line ON tasks (line, run, step);

-- Who has a lock, and who waits for it; `step` is -1 for the run as a whole.
CREATE TABLE locks (
    project     UUID NOT NULL REFERENCES projects (id),
    key         TEXT NOT NULL,
    run         UUID NOT NULL REFERENCES runs (id),
    step        BIGINT NOT NULL,
    most        BIGINT NOT NULL,
    held        BIGINT NOT NULL,
    id          UUID NOT NULL,
    PRIMARY KEY (project, key, run, step)
);
CREATE INDEX locks_in_line ON locks (project, key, held, id);
CREATE INDEX locks_by_run ON locks (run);

-- Secret inputs of runs that have not ended.
CREATE TABLE sealed (
    run         UUID NOT NULL REFERENCES runs (id),
    name        TEXT NOT NULL,
    sealed      BYTEA NOT NULL,
    PRIMARY KEY (run, name)
);

-- What each key of this store must open.
CREATE TABLE seal_keys (
    id          TEXT NOT NULL PRIMARY KEY,
    sentinel    BYTEA NOT NULL
);

-- The compiled form keeps its bytes, and their checksum.
ALTER TABLE versions RENAME COLUMN runbook TO compiled;
ALTER TABLE versions ALTER COLUMN compiled TYPE TEXT USING compiled::text;
ALTER TABLE versions ADD COLUMN compiled_sha256 TEXT;

-- Each time that a version became the current one.
CREATE TABLE publications (
    id              UUID NOT NULL PRIMARY KEY,
    definition      UUID NOT NULL REFERENCES definitions (id),
    digest          TEXT NOT NULL,
    published_at    TIMESTAMPTZ NOT NULL,
    published_by    TEXT NOT NULL,
    rolled_back     BIGINT NOT NULL
);
CREATE INDEX publications_by_definition ON publications (definition, id);
INSERT INTO publications (id, definition, digest, published_at, published_by, rolled_back)
SELECT id, definition, digest, published_at, published_by, 0 FROM versions;

CREATE TABLE presets (
    project     UUID NOT NULL REFERENCES projects (id),
    runbook     TEXT NOT NULL,
    name        TEXT COLLATE "C" NOT NULL,
    inputs      JSONB NOT NULL,
    saved_by    TEXT NOT NULL,
    saved_at    TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (project, runbook, name)
);

CREATE TABLE uploads (
    project     UUID NOT NULL REFERENCES projects (id),
    sha256      TEXT NOT NULL REFERENCES files (sha256),
    name        TEXT NOT NULL,
    size        BIGINT NOT NULL,
    uploaded_by UUID NOT NULL,
    uploaded_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (project, sha256, name)
);

-- What is true of the store as a whole: `backup_of` in a copy that a backup made.
CREATE TABLE marks (
    name        TEXT NOT NULL PRIMARY KEY,
    value       TEXT NOT NULL
);
