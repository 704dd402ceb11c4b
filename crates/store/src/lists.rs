//! Lists of runs: from the columns of their headers alone, and never more of them than a bound.

use jiff::Timestamp;
use model::{
    api::RunSummary,
    id::{RunId, Uuid},
    run::RunState,
};
use sqlx::Row;

use crate::{Store, StoreError, engine::in_read};

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
pub(crate) const SUMMARY: &str = "SELECT r.id, p.name AS project, r.runbook, r.title, r.service, r.state, r.waits_for, r.reason, \
     r.requested_by, r.requested_at, r.started_at, r.finished_at FROM runs r JOIN projects p ON p.id = r.project ";

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
fn lowest_id(at: Timestamp) -> Uuid {
    let milliseconds = u64::try_from(at.as_millisecond()).unwrap_or(0);
    Uuid::from_u64_pair((milliseconds << 16) | 0x7000, 0x8000_0000_0000_0000)
}

impl RunFilter {
    /// Must runs be looked at one by one, or do indexes alone find them?
    fn searches(&self) -> bool {
        let equal =
            [&self.runbook, &self.service, &self.requested_by].iter().filter(|name| name.is_some()).count();
        self.text.is_some() || equal > 1 || (equal == 1 && !self.states.is_empty())
    }

    fn words(&self) -> Vec<String> {
        let text = self.text.as_deref().unwrap_or_default();
        text.split_whitespace().map(str::to_ascii_lowercase).collect()
    }

    fn shows(&self, run: &RunSummary, words: &[String]) -> bool {
        let same = |wanted: &Option<String>, is: Option<&str>| wanted.is_none() || wanted.as_deref() == is;
        let text = || {
            let texts = [Some(run.runbook.as_str()), run.title.as_deref(), run.reason.as_deref()];
            let all: Vec<String> = texts.into_iter().flatten().map(str::to_ascii_lowercase).collect();
            words.iter().all(|word| all.iter().any(|text| text.contains(word.as_str())))
        };
        (self.states.is_empty() || self.states.contains(&run.state))
            && same(&self.runbook, Some(&run.runbook))
            && same(&self.service, run.service.as_deref())
            && same(&self.requested_by, Some(&run.requested_by))
            && (words.is_empty() || text())
    }
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
        let (project, filter) = (project.to_owned(), filter);
        in_read!(self, |connection| async move {
            let row = sqlx::query("SELECT id FROM projects WHERE name = $1")
                .bind(project)
                .fetch_optional(&mut *connection)
                .await?;
            let Some(row) = row else { return Ok(RunPage::default()) };
            let project: Uuid = row.try_get("id")?;
            let words = filter.words();
            let limit = filter.limit as usize;
            let mut page = RunPage::default();
            if limit == 0 {
                return Ok(page);
            }
            // One row more than asked for says whether there is a next page.
            let look =
                if filter.searches() { LOOKED_AT_MAX.max(filter.limit) } else { filter.limit } as usize;
            let mut select = sqlx::QueryBuilder::new(SUMMARY);
            select.push("WHERE r.id IN (SELECT id FROM (");
            // An index has each state's runs in order, but not those of several: the newest of each, then of all.
            let narrow =
                filter.runbook.is_none() && filter.service.is_none() && filter.requested_by.is_none();
            let states: Vec<Option<RunState>> = if narrow && !filter.states.is_empty() {
                filter.states.iter().copied().map(Some).collect()
            } else {
                vec![None]
            };
            for (at, state) in states.into_iter().enumerate() {
                select.push(if at == 0 { "SELECT * FROM (" } else { " UNION ALL SELECT * FROM (" });
                select.push("SELECT id FROM runs WHERE project = ").push_bind(project);
                if let Some(requested_by) = &filter.requested_by {
                    select.push(" AND requested_by = ").push_bind(requested_by.clone());
                } else if let Some(runbook) = &filter.runbook {
                    select.push(" AND runbook = ").push_bind(runbook.clone());
                } else if let Some(service) = &filter.service {
                    select.push(" AND service = ").push_bind(service.clone());
                } else if let Some(state) = state {
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
                select.push(" ORDER BY id DESC LIMIT ").push_bind(look as i64 + 1).push(") AS s");
            }
            select.push(") AS u ORDER BY id DESC LIMIT ").push_bind(look as i64 + 1);
            select.push(") ORDER BY r.id DESC");
            let rows = select.build().fetch_all(&mut *connection).await?;
            let more = rows.len() > look;
            let mut last = None;
            let mut full = false;
            for row in rows.iter().take(look) {
                let run = summary_of!(row);
                if page.runs.len() == limit {
                    full = true;
                    break;
                }
                last = Some(run.id);
                if filter.shows(&run, &words) {
                    page.runs.push(run);
                }
            }
            page.next = last.filter(|_| full || more);
            Ok(page)
        })
    }
}
