//! Whoever waits for signals or collectors is told what they say, until it waits no more.
//!
//! A signal counts only as it was seen by a run that began after the last step had ended: what a probe saw before proves nothing
//! of what was changed since.

use std::{collections::BTreeMap, time::Duration};

use jiff::{SignedDuration, Timestamp};
use model::{
    fact::FactState,
    firing::TimedKind,
    health::{Health, Rules},
    id::{ProjectId, RunId},
    run::{Awaited, Expected, Run, RunEvent, Seen, Verifying, Wait, WaitReason},
    snapshot::{CollectOutcome, Collected},
};
use store::StoreError;

use super::{Engine, look::Look};
use crate::clock;

/// After a fault.
const PAUSE: Duration = Duration::from_secs(1);
/// While a run waits for what it sees, a probe or collector looks so many times within the time that there is.
const LOOKS: i64 = 10;
const PACE_MIN: SignedDuration = SignedDuration::from_secs(1);
const PACE_MAX: SignedDuration = SignedDuration::from_secs(60);

/// What must look for a signal.
type Watcher = (TimedKind, String);

impl Engine {
    /// Watch for a step from now on.
    pub(super) fn watch(&self, run: &Run, step: u32) {
        let (engine, run) = (self.clone(), run.id);
        tokio::spawn(async move {
            while let Err(error) = engine.watch_until_over(run, step).await {
                tracing::error!(%run, step, %error, "what it waits for could not be looked at; trying again");
                tokio::time::sleep(PAUSE).await;
            }
        });
    }

    /// Watch on for all that waited when the last server went away.
    pub(crate) async fn watch_on(&self) -> Result<(), StoreError> {
        for (id, step) in self.0.store.watching().await? {
            if let Some(run) = self.0.store.run_by_id(id).await? {
                self.watch(&run, step);
            }
        }
        Ok(())
    }

    async fn watch_until_over(&self, id: RunId, place: u32) -> Result<(), StoreError> {
        let store = &self.0.store;
        let mut observed = self.0.observed.subscribe();
        let mut asked = BTreeMap::new();
        loop {
            if self.is_draining() {
                return Ok(());
            }
            let run = store.run_by_id(id).await?;
            let wait = run.as_ref().and_then(|run| run.step(place)).and_then(|step| step.wait.clone());
            let (Some(run), Some(wait)) = (run, wait) else { break };
            if matches!(wait.reason, WaitReason::Verify(_) | WaitReason::Snapshot { .. })
                && let Err(refused) = self.decide_again(&run).await?
            {
                let attempt = run.step(place).map_or(1, |step| step.attempt);
                self.say(id, refused.parks(place, attempt)).await?;
                continue;
            }
            let Some(project) = store.project(&run.project).await? else { break };
            let pace = match &wait.reason {
                WaitReason::Verify(verifying) => {
                    self.look_at_signals((project, id, place), &wait, verifying, &mut asked).await?
                }
                WaitReason::Snapshot { collectors } => {
                    let deadline = wait.until.unwrap_or(wait.since);
                    let collected = self.collect(project, collectors, wait.since, deadline).await?;
                    let message = what_failed(&collected);
                    self.write_down(&run, store::Moment::Before, collected).await?;
                    self.say(id, RunEvent::Collected { step: place, message }).await?;
                    continue;
                }
                // Whoever lets it go on watches on.
                WaitReason::Policy { .. } => return Ok(()),
                _ => break,
            };
            let _ = tokio::time::timeout(pace, observed.changed()).await;
        }
        store.watched(id, place).await
    }

    /// Tell a run what is seen of its signals, if that is news, and see to it that they are looked at. Answers when to look again.
    async fn look_at_signals(
        &self,
        (project, run, step): (ProjectId, RunId, u32),
        wait: &Wait,
        verifying: &Verifying,
        asked: &mut BTreeMap<Watcher, Timestamp>,
    ) -> Result<Duration, StoreError> {
        let since = wait.since;
        let pace = SignedDuration::try_from_secs_f64(
            verifying.deadline.duration_since(since).as_secs_f64() / LOOKS as f64,
        );
        let pace = pace.unwrap_or(PACE_MAX).clamp(PACE_MIN, PACE_MAX);
        let mut all = Vec::with_capacity(verifying.signals.len());
        for awaited in &verifying.signals {
            let (mut seen, watchers) = match &awaited.signal {
                Expected::Probe { probe } => self.see_probe(project, probe, since).await?,
                Expected::Fact { service, environment, key, equals } => {
                    self.see_fact(project, service, environment, key, equals, since).await?
                }
            };
            for (kind, name) in watchers {
                let now = clock::now();
                let watcher = (kind, name);
                // The first look is one after the last step; then one at each turn of the pace.
                let wanted = match asked.get(&watcher) {
                    None => since,
                    Some(last) if now.duration_since(*last) >= pace => now,
                    Some(_) => continue,
                };
                match self.look_now(project, watcher.0, &watcher.1, wanted).await? {
                    Look::By(_) => _ = asked.insert(watcher, now),
                    Look::Later => {}
                    Look::Never(why) if !seen.holds => seen.says = format!("{}; {why}", seen.says),
                    Look::Never(_) => {}
                }
            }
            all.push(seen);
        }
        if is_news(&verifying.signals, &all, wait.until) {
            self.say(run, RunEvent::SignalsSeen { step, seen: all }).await?;
        }
        Ok(Duration::try_from(pace).unwrap_or(super::BACKSTOP).min(super::BACKSTOP))
    }

    async fn see_probe(
        &self,
        project: ProjectId,
        name: &str,
        since: Timestamp,
    ) -> Result<(Seen, Vec<Watcher>), StoreError> {
        let watchers = vec![(TimedKind::Probe, name.to_owned())];
        let Some(row) = self.0.store.probe(project, name).await? else {
            return Ok((unseen("nothing of it is known"), watchers));
        };
        let rules = Rules::from(&row.rules);
        let (health, _) = row.watched.at(clock::now(), rules);
        let newest = row.watched.newest.as_ref();
        let began = self.began(newest.and_then(|slice| slice.run)).await?;
        let Some(newest) = newest.filter(|_| began.is_some_and(|began| began >= since)) else {
            let blind = row.blind.map(|why| format!("; it could not look: {why}")).unwrap_or_default();
            return Ok((unseen(&format!("not looked at since the last step{blind}")), watchers));
        };
        let seen = match (newest.good, health) {
            (true, Health::Ok) => {
                Seen { holds: true, says: "ok".to_owned(), holds_until: row.watched.stale_at(rules) }
            }
            (false, _) => unseen(&format!("bad: {}", newest.why.as_deref().unwrap_or("it says so"))),
            (true, other) => unseen(other.name()),
        };
        Ok((seen, watchers))
    }

    async fn see_fact(
        &self,
        project: ProjectId,
        service: &str,
        environment: &str,
        key: &str,
        equals: &str,
        since: Timestamp,
    ) -> Result<(Seen, Vec<Watcher>), StoreError> {
        let now = clock::now();
        let mut collectors = self.0.store.facts(project, service).await?;
        collectors.retain(|(collector, _)| collector.rules.environment == environment);
        let all: Vec<Watcher> =
            collectors.iter().map(|(row, _)| (TimedKind::Collector, row.name.clone())).collect();
        if all.is_empty() {
            return Ok((unseen("nothing collects facts of it there"), all));
        }
        let mut watchers = Vec::new();
        let mut found = Vec::new();
        for (row, facts) in collectors {
            let mut facts: Vec<_> = facts.into_iter().filter(|fact| fact.key == key).collect();
            if facts.is_empty() {
                continue;
            }
            watchers.push((TimedKind::Collector, row.name.clone()));
            let expire = row.rules.expire();
            let fresh = self.began(row.observed_in).await?.is_some_and(|began| began >= since);
            facts.retain(|fact| fact.state(now, expire) != FactState::Gone || fresh);
            found.extend(facts.into_iter().map(|fact| (fact, expire, fresh)));
        }
        // A fact that nobody has seen yet may be seen by any of them.
        let watchers = if watchers.is_empty() { all } else { watchers };
        if found.is_empty() {
            return Ok((unseen("not seen"), watchers));
        }
        let mut holds_until: Option<Timestamp> = None;
        for (fact, expire, fresh) in found {
            let of = fact.target.as_ref().map(|target| format!(" on {target}")).unwrap_or_default();
            let says = match fact.state(now, expire) {
                _ if !fresh => format!("not looked at since the last step{of}"),
                FactState::Gone => format!("gone{of}"),
                FactState::Stale => format!("stale{of}"),
                FactState::Current if fact.value != equals => format!("`{}`{of}", fact.value),
                FactState::Current => {
                    let until = fact.observed_at.checked_add(expire).unwrap_or(Timestamp::MAX);
                    holds_until = Some(holds_until.map_or(until, |other| other.min(until)));
                    continue;
                }
            };
            return Ok((unseen(&says), watchers));
        }
        Ok((Seen { holds: true, says: "as it must be".to_owned(), holds_until }, watchers))
    }

    /// When a run that looked had begun to.
    async fn began(&self, run: Option<RunId>) -> Result<Option<Timestamp>, StoreError> {
        let Some(run) = run else { return Ok(None) };
        Ok(self.0.store.run_by_id(run).await?.and_then(|run| run.started_at))
    }

    /// Tell a run; that it does not wait for that any more is no fault.
    async fn say(&self, run: RunId, event: RunEvent) -> Result<(), StoreError> {
        match self.advance(run, event, None).await {
            Ok(_) | Err(StoreError::Refused(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

fn unseen(says: &str) -> Seen {
    Seen { says: says.to_owned(), ..Seen::default() }
}

/// Must the run be told? That something is seen again as it was is news only where what was seen before would be too old by then.
fn is_news(known: &[Awaited], seen: &[Seen], until: Option<Timestamp>) -> bool {
    known.iter().zip(seen).any(|(known, seen)| {
        let known = &known.seen;
        let runs_out = known.holds_until.is_some_and(|at| until.is_none_or(|until| at < until));
        (known.holds, &known.says) != (seen.holds, &seen.says)
            || (runs_out && seen.holds_until > known.holds_until)
    })
}

/// In words, if any of them could not look.
fn what_failed(collected: &[Collected]) -> Option<String> {
    let failed = |one: &&Collected| one.outcome != CollectOutcome::Collected;
    let words = |one: &Collected| {
        format!("collector `{}`: {}", one.collector, one.why.as_deref().unwrap_or("it did not look"))
    };
    let failed: Vec<String> = collected.iter().filter(failed).map(words).collect();
    (!failed.is_empty()).then(|| failed.join("; "))
}
