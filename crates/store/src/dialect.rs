//! The statements that differ between the engines: all of them.

/// One engine's words.
pub(crate) struct Dialect {
    /// Reads one run and keeps others from changing it until the transaction ends. SQLite has one writer, so nothing to add.
    pub run_for_update: &'static str,
    /// Picks ready tasks that no other server is just picking.
    pub ready_tasks: &'static str,
    /// Reads a project's id and lets one apply at a time into it. Runs may still be stored: they only point at the row.
    pub project_for_apply: &'static str,
    /// Lets one transaction at a time look whether a name is free and take it.
    pub names_alone: Option<&'static str>,
}

pub(crate) trait HasDialect {
    const DIALECT: Dialect;
}

impl HasDialect for sqlx::SqliteConnection {
    const DIALECT: Dialect = Dialect {
        run_for_update: "SELECT run FROM runs WHERE id = $1",
        ready_tasks: "SELECT r.id, t.step, t.attempt, r.run FROM tasks t JOIN runs r ON r.id = t.run \
                      ORDER BY t.run, t.step LIMIT $1",
        project_for_apply: "SELECT id FROM projects WHERE name = $1",
        names_alone: None,
    };
}

impl HasDialect for sqlx::PgConnection {
    const DIALECT: Dialect = Dialect {
        run_for_update: "SELECT run FROM runs WHERE id = $1 FOR UPDATE",
        ready_tasks: "SELECT r.id, t.step, t.attempt, r.run FROM tasks t JOIN runs r ON r.id = t.run \
                      ORDER BY t.run, t.step LIMIT $1 FOR UPDATE SKIP LOCKED",
        project_for_apply: "SELECT id FROM projects WHERE name = $1 FOR NO KEY UPDATE",
        names_alone: Some("LOCK TABLE principals IN SHARE ROW EXCLUSIVE MODE"),
    };
}

/// The words of the engine that this connection belongs to.
pub(crate) fn dialect<C: HasDialect>(_connection: &C) -> Dialect {
    C::DIALECT
}
