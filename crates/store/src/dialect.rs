//! The statements that differ between the engines: all of them.

/// One engine's words.
pub(crate) struct Dialect {
    /// Reads one run and keeps others from changing it until the transaction ends. SQLite has one writer, so nothing to add.
    pub run_for_update: &'static str,
    /// May several statements with values go in one hand-over?
    pub several: bool,
    /// Reads a run whole, in one statement and so at one moment.
    pub run_whole: &'static str,
    /// Opens a call that says where in a text another one is, without regard to ASCII capitals: the text, `after_text`, the
    /// other.
    pub before_text: &'static str,
    pub after_text: &'static str,
    /// Picks ready tasks that no other server is just picking.
    pub ready_tasks: &'static str,
    /// Reads a project's id and lets one apply at a time into it. Runs may still be stored: they only point at the row.
    pub project_for_apply: &'static str,
    /// Lets one transaction at a time change the locks of a project, and the same without waiting.
    pub locks_alone: Option<&'static str>,
    pub locks_alone_now: Option<&'static str>,
    /// Lets one transaction at a time look whether a name is free and take it.
    pub names_alone: Option<&'static str>,
    /// What the store takes of the disk, as `used`, `free` and `shrinks`.
    pub size: &'static str,
    /// How much the view remembers: the `bytes` of each of these together.
    pub history_bytes: &'static [&'static str],
}

pub(crate) trait HasDialect {
    const DIALECT: Dialect;
}

impl HasDialect for sqlx::SqliteConnection {
    const DIALECT: Dialect = Dialect {
        run_for_update: "SELECT last_event FROM runs WHERE id = $1",
        several: true,
        run_whole: "SELECT r.project, r.last_event, r.run, p.pinned, \
                    (SELECT step FROM run_steps WHERE run = r.id AND place = -1) AS body, \
                    (SELECT '[' || group_concat(step, ',') || ']' FROM \
                    (SELECT step FROM run_steps WHERE run = r.id AND place >= 0 ORDER BY place)) AS steps \
                    FROM runs r LEFT JOIN run_plans p ON p.run = r.id WHERE r.id = $1",
        before_text: "instr(lower(coalesce(",
        after_text: ", '')), ",
        ready_tasks: "SELECT r.id, t.step, t.attempt, r.last_event FROM tasks t JOIN runs r ON r.id = t.run \
                      ORDER BY t.line, t.run, t.step LIMIT $1",
        project_for_apply: "SELECT id FROM projects WHERE name = $1",
        locks_alone: None,
        locks_alone_now: None,
        names_alone: None,
        size: "SELECT (c.page_count - f.freelist_count) * s.page_size AS used, f.freelist_count * s.page_size AS free, \
               CAST(v.auto_vacuum > 0 AS INTEGER) AS shrinks FROM pragma_page_count() c, pragma_freelist_count() f, \
               pragma_page_size() s, pragma_auto_vacuum() v",
        history_bytes: &[
            "SELECT coalesce(sum(d.pgsize), 0) AS bytes FROM sqlite_schema t JOIN dbstat d ON d.name = t.name \
             WHERE d.aggregate = 1 AND t.tbl_name IN \
             ('slices', 'slice_days', 'health_changes', 'fact_changes', 'firings')",
            "SELECT coalesce(sum(length(data) + 500), 0) AS bytes FROM events \
             WHERE type IN ('health.changed', 'fact.changed', 'schedule.missed', 'schedule.skipped')",
        ],
    };
}

impl HasDialect for sqlx::PgConnection {
    const DIALECT: Dialect = Dialect {
        run_for_update: "SELECT last_event FROM runs WHERE id = $1 FOR UPDATE",
        several: false,
        run_whole: "SELECT r.project, r.last_event, r.run, p.pinned::text AS pinned, \
                    (SELECT step::text FROM run_steps WHERE run = r.id AND place = -1) AS body, \
                    (SELECT '[' || string_agg(step::text, ',' ORDER BY place) || ']' FROM run_steps \
                    WHERE run = r.id AND place >= 0) AS steps \
                    FROM runs r LEFT JOIN run_plans p ON p.run = r.id WHERE r.id = $1",
        before_text: "strpos(lower(coalesce(",
        after_text: ", '') COLLATE \"C\"), ",
        ready_tasks: "SELECT r.id, t.step, t.attempt, r.last_event FROM tasks t JOIN runs r ON r.id = t.run \
                      ORDER BY t.line, t.run, t.step LIMIT $1 FOR UPDATE SKIP LOCKED",
        project_for_apply: "SELECT id FROM projects WHERE name = $1 FOR NO KEY UPDATE",
        locks_alone: Some("SELECT pg_advisory_xact_lock($1)"),
        locks_alone_now: Some("SELECT pg_try_advisory_xact_lock($1) AS got"),
        names_alone: Some("LOCK TABLE principals IN SHARE ROW EXCLUSIVE MODE"),
        size: "SELECT pg_database_size(current_database()) AS used, 0::bigint AS free, 1::bigint AS shrinks",
        // What was deleted still takes room in its tables until it is used again: the rows are measured, not the tables.
        history_bytes: &[
            "SELECT coalesce(sum(pg_column_size(t.*) + 60), 0)::bigint AS bytes FROM slices t",
            "SELECT coalesce(sum(pg_column_size(t.*) + 60), 0)::bigint AS bytes FROM slice_days t",
            "SELECT coalesce(sum(pg_column_size(t.*) + 150), 0)::bigint AS bytes FROM health_changes t",
            "SELECT coalesce(sum(pg_column_size(t.*) + 250), 0)::bigint AS bytes FROM fact_changes t",
            "SELECT coalesce(sum(pg_column_size(t.*) + 120), 0)::bigint AS bytes FROM firings t",
            "SELECT coalesce(sum(pg_column_size(t.*) + 200), 0)::bigint AS bytes FROM events t \
             WHERE type IN ('health.changed', 'fact.changed', 'schedule.missed', 'schedule.skipped')",
        ],
    };
}

/// The words of the engine that this connection belongs to.
pub(crate) fn dialect<C: HasDialect>(_connection: &C) -> Dialect {
    C::DIALECT
}
