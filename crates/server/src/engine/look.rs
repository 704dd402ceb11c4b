//! Probes and collectors that look because somebody waits for what they see, and not because it is their time.

use jiff::Timestamp;
use model::{
    firing::TimedKind,
    health::{self, Outcome},
    id::{ProjectId, RunId},
    snapshot::{CollectOutcome, Collected},
};
use store::{Fired, ScheduleRow, Start, StoreError};

use super::{
    Engine,
    timetable::{NotStarted, decided},
};
use crate::clock;

/// What became of a wish to look.
pub(super) enum Look {
    /// This run looks, or has looked, and it began late enough.
    By(RunId),
    /// Not yet: the run before it has not ended.
    Later,
    /// It will not: in words.
    Never(String),
}

impl Engine {
    /// Let a probe or collector look, unless it has begun to since that moment.
    pub(super) async fn look_now(
        &self,
        project: ProjectId,
        kind: TimedKind,
        name: &str,
        since: Timestamp,
    ) -> Result<Look, StoreError> {
        let store = &self.0.store;
        let Some(row) = store.schedule(project, kind, name).await? else {
            return Ok(Look::Never(format!("there is no {} `{name}`", kind.name())));
        };
        let last = match row.last_run {
            Some(run) => store.run_by_id(run).await?,
            None => None,
        };
        if let Some(run) = last {
            let late_enough = run.started_at.is_some_and(|started_at| started_at >= since);
            match (late_enough, run.state.is_end()) {
                (true, _) => return Ok(Look::By(run.id)),
                (false, false) => return Ok(Look::Later),
                (false, true) => {}
            }
        }
        if row.paused.is_some() {
            return Ok(Look::Never(format!("the {} `{name}` is paused", kind.name())));
        }
        if self.is_draining() {
            return Ok(Look::Later);
        }
        self.begin_look(row).await
    }

    async fn begin_look(&self, row: ScheduleRow) -> Result<Look, StoreError> {
        let Some(rule) = self.rule_of(&row).await? else {
            return Ok(Look::Never(format!(
                "the {} `{}` is not published any more",
                row.kind.name(),
                row.name
            )));
        };
        let now = clock::now();
        let run = match self.run_of(&row, &rule, now).await {
            Ok(run) => run,
            Err(NotStarted::Never(reason)) => return Ok(Look::Never(reason)),
            Err(NotStarted::Later(error)) => return Err(error),
        };
        let place = self.0.slots.clone().try_acquire_owned().ok();
        let places = u32::from(place.is_some());
        let start = Start { due_at: now, run, observed: true, places };
        // As if it had been its time just now; so the next one is the next one.
        let seen_to = now.max(row.seen_to);
        let decided = decided(&row, seen_to, rule.timing.after(seen_to), None, Vec::new(), Some(start));
        match self.0.store.fire(decided, now).await {
            Ok(Fired::Stored(Some(advanced))) => {
                let run = advanced.run.id;
                self.0.metrics.run_requested(&advanced.run);
                self.follow_up(*advanced, place);
                Ok(Look::By(run))
            }
            // Somebody else has seen to it in this moment.
            Ok(_) => Ok(Look::Later),
            Err(StoreError::Busy { key, .. }) => {
                Ok(Look::Never(format!("its lock `{key}` is taken, and it does not wait for it")))
            }
            Err(error) => Err(error),
        }
    }

    /// Let collectors look, and wait until they have, or until `deadline`.
    pub(super) async fn collect(
        &self,
        project: ProjectId,
        collectors: &[String],
        since: Timestamp,
        deadline: Timestamp,
    ) -> Result<Vec<Collected>, StoreError> {
        let mut observed = self.0.observed.subscribe();
        let mut done: Vec<Option<Collected>> = vec![None; collectors.len()];
        loop {
            for (collector, done) in collectors.iter().zip(&mut done) {
                if done.is_none() {
                    *done = self.collected(project, collector, since).await?;
                }
            }
            if let Some(done) = done.iter().cloned().collect::<Option<Vec<_>>>() {
                return Ok(done);
            }
            let now = clock::now();
            if deadline <= now {
                let out_of_time = |collector: &String| Collected {
                    collector: collector.clone(),
                    run: None,
                    outcome: CollectOutcome::OutOfTime,
                    why: Some("it had not looked in time".to_owned()),
                };
                let all = collectors.iter().zip(done);
                return Ok(all
                    .map(|(collector, done)| done.unwrap_or_else(|| out_of_time(collector)))
                    .collect());
            }
            let left = std::time::Duration::try_from(deadline.duration_since(now)).unwrap_or_default();
            let _ = tokio::time::timeout(left.min(super::BACKSTOP), observed.changed()).await;
        }
    }

    /// What became of one collector; none while it is under way.
    async fn collected(
        &self,
        project: ProjectId,
        collector: &str,
        since: Timestamp,
    ) -> Result<Option<Collected>, StoreError> {
        let ended =
            |run, outcome, why| Some(Collected { collector: collector.to_owned(), run, outcome, why });
        let run = match self.look_now(project, TimedKind::Collector, collector, since).await? {
            Look::By(run) => run,
            Look::Later => return Ok(None),
            Look::Never(why) => return Ok(ended(None, CollectOutcome::NotBegun, Some(why))),
        };
        let Some(row) = self.0.store.collector(project, collector).await? else {
            return Ok(ended(
                Some(run),
                CollectOutcome::NotBegun,
                Some("it collects nothing now".to_owned()),
            ));
        };
        if row.last_run != Some(run) {
            return Ok(None);
        }
        // What the collector says of itself may be of a later look already.
        let looked = self.0.store.run_by_id(run).await?.and_then(|run| health::outcome(&run));
        Ok(match looked {
            Some(Outcome::Good) => ended(Some(run), CollectOutcome::Collected, None),
            Some(Outcome::Bad { why } | Outcome::NoSample { why }) => {
                ended(Some(run), CollectOutcome::Failed, Some(why))
            }
            None => None,
        })
    }
}
