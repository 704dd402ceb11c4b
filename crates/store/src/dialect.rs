//! The statements that differ between the engines: all of them.

/// One engine's words.
pub(crate) struct Dialect {
    /// Reads one run and keeps others from changing it until the transaction ends. SQLite has one writer, so nothing to add.
    pub run_for_update: &'static str,
    /// Picks ready tasks that no other server is just picking.
    pub ready_tasks: &'static str,
}

pub(crate) trait HasDialect {
    const DIALECT: Dialect;
}

impl HasDialect for sqlx::SqliteConnection {
    const DIALECT: Dialect = Dialect {
        run_for_update: "SELECT run FROM runs WHERE id = $1",
        ready_tasks: "SELECT t.step, t.attempt, r.run FROM tasks t JOIN runs r ON r.id = t.run \
                      ORDER BY t.run, t.step LIMIT $1",
    };
}

impl HasDialect for sqlx::PgConnection {
    const DIALECT: Dialect = Dialect {
        run_for_update: "SELECT run FROM runs WHERE id = $1 FOR UPDATE",
        ready_tasks: "SELECT t.step, t.attempt, r.run FROM tasks t JOIN runs r ON r.id = t.run \
                      ORDER BY t.run, t.step LIMIT $1 FOR UPDATE SKIP LOCKED",
    };
}

/// The words of the engine that this connection belongs to.
pub(crate) fn dialect<C: HasDialect>(_connection: &C) -> Dialect {
    C::DIALECT
}
