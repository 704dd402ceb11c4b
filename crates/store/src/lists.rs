//! Lists of runs: from the columns of their headers alone, and never more of them than a bound.

use jiff::Timestamp;
use model::{
    api::RunSummary,
    id::{RunId, Uuid},
    run::RunState,
};
use sqlx::Row;

use crate::{Store, StoreError, dialect::dialect, engine::in_read};

/// Runs that one page looks at, at most: whoever seeks a rare thing among millions is told how far the search came.
pub const LOOKED_AT_MAX: u32 = 5000;

/// Which runs a list shows.
#[derive(Clone, Debug, Default)]
pub struct RunFilter {
    pub runbook: Option<String>,
    pub service: Option<String>,
    /// The name of whoever asked.
    pub requested_by: Option<String>,
    /// Any of these; empty means all.
    pub states: Vec<RunState>,
    /// All of these words are in the runbook's name, the title or the reason; capitals do not matter (of ASCII).
    pub text: Option<String>,
    /// Asked for at this time or later, by the time in the run's id.
    pub from: Option<Timestamp>,
    /// Asked for before this time.
    pub to: Option<Timestamp>,
    /// Only those asked for before this one.
    pub after: Option<RunId>,
    pub limit: u32,
}

/// Some of the runs that a list shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunPage {
    /// Newest first.
    pub runs: Vec<RunSummary>,
    /// Give it as `after` to go on. A page may be short, or empty, and there is more all the same: a search looks at
    /// [`LOOKED_AT_MAX`] runs at a time.
    pub next: Option<RunId>,
}

/// What a list reads; a condition follows.
pub(crate) const SUMMARY: &str = "SELECT r.id, p.name AS project, r.runbook, r.title, r.service, r.state, r.waits_for, r.revision, \
     r.reason, r.requested_by, r.requested_at, r.started_at, r.finished_at FROM runs r JOIN projects p ON p.id = r.project ";

macro_rules! summary_of {
    ($row:expr) => {{
        let row = $row;
        let state: String = row.try_get("state")?;
        let requested_at: jiff_sqlx::Timestamp = row.try_get("requested_at")?;
        let started_at: Option<jiff_sqlx::Timestamp> = row.try_get("started_at")?;
        let finished_at: Option<jiff_sqlx::Timestamp> = row.try_get("finished_at")?;
        RunSummary {
            id: RunId(row.try_get("id")?),
            project: row.try_get("project")?,
            runbook: row.try_get("runbook")?,
            title: row.try_get("title")?,
            service: row.try_get("service")?,
            state: model::run::RunState::from_name(&state)
                .ok_or_else(|| StoreError::Corrupt(format!("a run has the state `{state}`")))?,
            waits_for: row.try_get("waits_for")?,
            revision: u64::try_from(row.try_get::<i64, _>("revision")?).unwrap_or(0),
            reason: row.try_get("reason")?,
            requested_by: row.try_get("requested_by")?,
            requested_at: requested_at.to_jiff(),
            started_at: started_at.map(|at| at.to_jiff()),
            finished_at: finished_at.map(|at| at.to_jiff()),
        }
    }};
}

pub(crate) use summary_of;

/// The lowest UUIDv7 of a millisecond.
pub(crate) fn lowest_id(at: Timestamp) -> Uuid {
    let milliseconds = u64::try_from(at.as_millisecond()).unwrap_or(0);
    Uuid::from_u64_pair((milliseconds << 16) | 0x7000, 0x8000_0000_0000_0000)
}

impl RunFilter {
    /// What the index is asked for: the first of the names that are given.
    fn name(&self) -> Option<(&'static str, &String)> {
        let names =
            [("requested_by", &self.requested_by), ("runbook", &self.runbook), ("service", &self.service)];
        names.into_iter().find_map(|(column, name)| Some((column, name.as_ref()?)))
    }

    /// What only observes stands in the lists of its own runbook alone.
    fn asks_a_runbook(&self) -> bool {
        self.name().is_some_and(|(column, _)| column == "runbook")
    }

    /// Must runs be looked at one by one, or do indexes alone find them?
    fn searches(&self) -> bool {
        let names = [&self.runbook, &self.service, &self.requested_by];
        !self.words().is_empty() || names.iter().filter(|name| name.is_some()).count() > 1
    }

    fn words(&self) -> Vec<String> {
        let text = self.text.as_deref().unwrap_or_default();
        text.split_whitespace().map(str::to_ascii_lowercase).collect()
    }

    /// The states to ask the index for, one by one; `None` is all of them at once.
    fn asked_states(&self) -> Vec<Option<RunState>> {
        match (self.states.as_slice(), self.name()) {
            ([], None) => vec![None],
            // An index has the runs of a name by state.
            ([], Some(_)) => RunState::ALL.into_iter().map(Some).collect(),
            (states, _) => states.iter().copied().map(Some).collect(),
        }
    }
}

/// Ids of runs that the indexes find, the newest first: one more than `$look`.
macro_rules! push_candidates {
    ($select:expr, $project:expr, $filter:expr, $look:expr) => {{
        let filter: &RunFilter = $filter;
        let select = &mut $select;
        select.push("SELECT id FROM (");
        // An index has each state's runs in order, but not those of several: the newest of each, then of all.
        for (at, state) in filter.asked_states().into_iter().enumerate() {
            select.push(if at == 0 { "SELECT * FROM (" } else { " UNION ALL SELECT * FROM (" });
            select.push("SELECT id FROM runs WHERE project = ").push_bind($project);
            if !filter.asks_a_runbook() {
                select.push(" AND background = 0");
            }
            if let Some((column, name)) = filter.name() {
                select.push(" AND ").push(column).push(" = ").push_bind(name.clone());
            }
            if let Some(state) = state {
                select.push(" AND state = ").push_bind(state.name());
            }
            if let Some(after) = filter.after {
                select.push(" AND id < ").push_bind(after.0);
            }
            if let Some(from) = filter.from {
                select.push(" AND id >= ").push_bind(lowest_id(from));
            }
            if let Some(to) = filter.to {
                select.push(" AND id < ").push_bind(lowest_id(to));
            }
            select.push(" ORDER BY id DESC LIMIT ").push_bind($look + 1).push(") AS s");
        }
        select.push(") AS u ORDER BY id DESC LIMIT ");
    }};
}

impl Store {
    /// Runs of a project, newest first.
    ///
    /// Order and pages go by id, which holds the time of the request: when the clock is set back, ids of a server that goes
    /// on still grow, and a server that starts anew makes ids that stand where its clock says.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn runs(&self, project: &str, filter: RunFilter) -> Result<RunPage, StoreError> {
        let project = project.to_owned();
        in_read!(self, |connection| async move {
            let row = sqlx::query("SELECT id FROM projects WHERE name = $1")
                .bind(project)
                .fetch_optional(&mut *connection)
                .await?;
            let Some(row) = row else { return Ok(RunPage::default()) };
            let project: Uuid = row.try_get("id")?;
            let limit = filter.limit as usize;
            let mut page = RunPage::default();
            if limit == 0 {
                return Ok(page);
            }
            let searches = filter.searches();
            let look = i64::from(if searches { LOOKED_AT_MAX.max(filter.limit) } else { filter.limit });
            let mut select = sqlx::QueryBuilder::new(SUMMARY);
            select.push("WHERE r.id IN (");
            push_candidates!(select, project, &filter, look);
            // One more than asked for says whether there is a next page.
            select.push_bind(if searches { look } else { look + 1 }).push(")");
            let words = dialect(&*connection);
            for word in filter.words() {
                for (at, column) in ["r.runbook", "r.title", "r.reason"].into_iter().enumerate() {
                    select.push(if at == 0 { " AND (" } else { " OR " });
                    select.push(words.before_text).push(column).push(words.after_text);
                    select.push_bind(word.clone()).push(") > 0");
                }
                select.push(")");
            }
            let names = [
                (" AND r.runbook = ", &filter.runbook),
                (" AND r.service = ", &filter.service),
                (" AND r.requested_by = ", &filter.requested_by),
            ];
            for (column, name) in names {
                if let (true, Some(name)) = (searches, name) {
                    select.push(column).push_bind(name.clone());
                }
            }
            select.push(" ORDER BY r.id DESC LIMIT ").push_bind(i64::from(filter.limit) + 1);
            let rows = select.build().fetch_all(&mut *connection).await?;
            for row in rows.iter().take(limit) {
                page.runs.push(summary_of!(row));
            }
            if rows.len() > limit {
                page.next = page.runs.last().map(|run| run.id);
            } else if searches {
                // How far the search came, if that was not the end.
                let mut select = sqlx::QueryBuilder::new("");
                push_candidates!(select, project, &filter, look);
                select.push_bind(2_i64).push(" OFFSET ").push_bind(look - 1);
                let rows = select.build().fetch_all(&mut *connection).await?;
                if let [last, _beyond, ..] = rows.as_slice() {
                    page.next = Some(RunId(last.try_get("id")?));
                }
            }
            Ok(page)
        })
    }
}
