-- Runs: a small header, what they are pinned to, and a row for each step.
ALTER TABLE runs ADD COLUMN title TEXT;
ALTER TABLE runs ADD COLUMN service TEXT;
ALTER TABLE runs ADD COLUMN reason TEXT;
ALTER TABLE runs ADD COLUMN requested_by TEXT NOT NULL DEFAULT '';
ALTER TABLE runs ADD COLUMN requested_at TEXT NOT NULL DEFAULT '1970-01-01T00:00:00Z';
ALTER TABLE runs ADD COLUMN started_at TEXT;
ALTER TABLE runs ADD COLUMN finished_at TEXT;
ALTER TABLE runs ADD COLUMN waits_for TEXT;
-- Microseconds since 1970, as everything that is compared in SQL.
ALTER TABLE runs ADD COLUMN wake_at INTEGER;
-- The newest event of the run, which names this very state of it.
ALTER TABLE runs ADD COLUMN last_event BLOB;

-- What a run is pinned to, written once: plan, inputs, what it tries again.
CREATE TABLE run_plans (
    run         BLOB NOT NULL PRIMARY KEY REFERENCES runs (id),
    pinned      TEXT NOT NULL
) STRICT;

-- One row for each step; the place -1 is the outermost level of the run.
CREATE TABLE run_steps (
    run         BLOB NOT NULL REFERENCES runs (id),
    place       INTEGER NOT NULL,
    -- The attempt that a runner performs now.
    running     INTEGER,
    step        TEXT NOT NULL,
    PRIMARY KEY (run, place)
) STRICT, WITHOUT ROWID;

INSERT INTO run_steps (run, place, running, step)
SELECT r.id, e.key,
       CASE WHEN json_extract(e.value, '$.state') = 'running' THEN json_extract(e.value, '$.attempt') END,
       CASE WHEN t.run IS NULL
            THEN json_set(e.value, '$.path', json_extract(e.value, '$.name'), '$.planned', e.key)
            ELSE json_set(e.value, '$.path', json_extract(e.value, '$.name'), '$.planned', e.key, '$.state', 'waiting',
                          '$.wait', json_object('for', 'runner', 'since', t.queued_at, 'until', NULL)) END
FROM runs r, json_each(r.run, '$.steps') e LEFT JOIN tasks t ON t.run = r.id AND t.step = e.key;

INSERT INTO run_steps (run, place, step)
SELECT id, -1, json_object('children', (SELECT json_group_array(e.key) FROM json_each(runs.run, '$.steps') e), 'phase', 'main') FROM runs;

INSERT INTO run_plans (run, pinned)
SELECT id, json_object(
        'plan', json_object(
            'scopes', json_array(json_object(
                'runbook', runbook, 'digest', digest,
                'children', (SELECT json_group_array(e.key) FROM json_each(runs.run, '$.steps') e),
                'on_failure', json_array(), 'cleanup', json_array())),
            'steps', (SELECT json_group_array(json_object(
                'name', json_extract(e.value, '$.name'), 'scope', 0, 'written', e.key,
                'kind', json_extract(e.value, '$.action'), 'action', 'task',
                'effect', json_extract(e.value, '$.effect'), 'safe', json('false')))
                FROM json_each(runs.run, '$.steps') e)),
        'inputs', json_extract(run, '$.inputs'),
        'retry_of', NULL) FROM runs;

UPDATE runs SET
    title = json_extract(run, '$.title'),
    service = json_extract(run, '$.service'),
    reason = json_extract(run, '$.reason'),
    requested_by = json_extract(run, '$.requested_by.name'),
    requested_at = json_extract(run, '$.requested_at'),
    started_at = json_extract(run, '$.started_at'),
    finished_at = json_extract(run, '$.finished_at'),
    last_event = (SELECT e.id FROM events e WHERE e.run = runs.id ORDER BY e.run_seq DESC LIMIT 1),
    run = json_set(run, '$.steps', json_array(), '$.inputs', json_object(),
        '$.counts', json_object(
            'running', (SELECT count(*) FROM json_each(runs.run, '$.steps') e WHERE json_extract(e.value, '$.state') = 'running'),
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
ALTER TABLE tasks ADD COLUMN line INTEGER NOT NULL DEFAULT 0;
UPDATE tasks SET line = CAST(strftime('%s', queued_at) AS INTEGER) * 1000000;
CREATE INDEX tasks_in_line ON tasks (line, run, step);

-- Who has a lock, and who waits for it; `step` is -1 for the run as a whole.
CREATE TABLE locks (
    project     BLOB NOT NULL REFERENCES projects (id),
    key         TEXT NOT NULL,
    run         BLOB NOT NULL REFERENCES runs (id),
    step        INTEGER NOT NULL,
    most        INTEGER NOT NULL,
    held        INTEGER NOT NULL,
    id          BLOB NOT NULL,
    PRIMARY KEY (project, key, run, step)
) STRICT;
CREATE INDEX locks_in_line ON locks (project, key, held, id);
CREATE INDEX locks_by_run ON locks (run);

-- Secret inputs of runs that have not ended.
CREATE TABLE sealed (
    run         BLOB NOT NULL REFERENCES runs (id),
    name        TEXT NOT NULL,
    sealed      BLOB NOT NULL,
    PRIMARY KEY (run, name)
) STRICT;

-- What each key of this store must open.
CREATE TABLE seal_keys (
    id          TEXT NOT NULL PRIMARY KEY,
    sentinel    BLOB NOT NULL
) STRICT;

-- The compiled form keeps its bytes, and their checksum.
ALTER TABLE versions RENAME COLUMN runbook TO compiled;
ALTER TABLE versions ADD COLUMN compiled_sha256 TEXT;

-- Each time that a version became the current one.
CREATE TABLE publications (
    id              BLOB NOT NULL PRIMARY KEY,
    definition      BLOB NOT NULL REFERENCES definitions (id),
    digest          TEXT NOT NULL,
    published_at    TEXT NOT NULL,
    published_by    TEXT NOT NULL,
    rolled_back     INTEGER NOT NULL
) STRICT;
CREATE INDEX publications_by_definition ON publications (definition, id);
INSERT INTO publications (id, definition, digest, published_at, published_by, rolled_back)
SELECT id, definition, digest, published_at, published_by, 0 FROM versions;

CREATE TABLE presets (
    project     BLOB NOT NULL REFERENCES projects (id),
    runbook     TEXT NOT NULL,
    name        TEXT NOT NULL,
    inputs      TEXT NOT NULL,
    saved_by    TEXT NOT NULL,
    saved_at    TEXT NOT NULL,
    PRIMARY KEY (project, runbook, name)
) STRICT;

CREATE TABLE uploads (
    project     BLOB NOT NULL REFERENCES projects (id),
    sha256      TEXT NOT NULL REFERENCES files (sha256),
    name        TEXT NOT NULL,
    size        INTEGER NOT NULL,
    uploaded_by BLOB NOT NULL,
    uploaded_at TEXT NOT NULL,
    PRIMARY KEY (project, sha256, name)
) STRICT;

-- What is true of the store as a whole: `backup_of` in a copy that a backup made.
CREATE TABLE marks (
    name        TEXT NOT NULL PRIMARY KEY,
    value       TEXT NOT NULL
) STRICT;
