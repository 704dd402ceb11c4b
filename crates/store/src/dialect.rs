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
    };
}

/// The words of the engine that this connection belongs to.
pub(crate) fn dialect<C: HasDialect>(_connection: &C) -> Dialect {
    C::DIALECT
}
