//! Health: from the ends of a probe's runs to the state of a probe, and from there to the state of a service in an environment.
//!
//! Unknown is not green (law 7): what proves nothing makes no slice, and what has no slice is `unknown` or `stale`, never `ok`.

use std::cmp::Reverse;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    id::RunId,
    run::{Cause, Run, RunState, StepRun, StepState},
    watch::Probe,
};

/// The exit code by which a probe says that it cannot tell (`EX_TEMPFAIL` of `sysexits.h`).
pub const CANNOT_TELL: i32 = 75;

/// What the run of a probe says of its service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    Good,
    /// Why, in words.
    Bad {
        why: String,
    },
    /// Nothing: the probe itself is blind. Why, in words.
    NoSample {
        why: String,
    },
}

impl Outcome {
    pub fn name(&self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Bad { .. } => "bad",
            Self::NoSample { .. } => "no_sample",
        }
    }

    /// Why it is not good.
    pub fn why(&self) -> Option<&str> {
        match self {
            Self::Good => None,
            Self::Bad { why } | Self::NoSample { why } => Some(why),
        }
    }
}

/// What the end of a probe's run says; none while it has not ended.
///
/// It is bad only when a step looked and did not find what it should: it failed, was ended by a signal or ran out of time. A step
/// that could not even look says something of the probe and nothing of the service.
pub fn outcome(run: &Run) -> Option<Outcome> {
    let said = |otherwise: &str| run.message.clone().unwrap_or_else(|| otherwise.to_owned());
    Some(match run.state {
        RunState::Queued | RunState::Running | RunState::Waiting | RunState::Canceling => return None,
        RunState::Succeeded => Outcome::Good,
        RunState::Canceled => Outcome::NoSample { why: said("It was canceled.") },
        RunState::Unknown => Outcome::NoSample { why: said("Nobody knows how it ended.") },
        RunState::Failed if !run.cause.is_some_and(looked) => {
            Outcome::NoSample { why: said("It could not look.") }
        }
        RunState::Failed if only_cannot_tell(run) => {
            Outcome::NoSample { why: format!("It said that it cannot tell (exit code {CANNOT_TELL}).") }
        }
        RunState::Failed => Outcome::Bad { why: said("A step of it failed.") },
    })
}

/// Did whatever failed so at least look?
fn looked(cause: Cause) -> bool {
    match cause {
        Cause::Exit
        | Cause::Signal
        | Cause::Timeout
        | Cause::OutOfMemory
        | Cause::NotAsExpected
        | Cause::Verify
        | Cause::StepFailed => true,
        Cause::CannotStart
        | Cause::BadOutput
        | Cause::Canceled
        | Cause::ServerLost
        | Cause::LeftProcesses
        | Cause::Lost
        | Cause::BadExpression
        | Cause::Declined
        | Cause::Busy => false,
    }
}

/// Do all steps that made it fail say that they cannot tell?
fn only_cannot_tell(run: &Run) -> bool {
    let failed = |place: &u32| run.step(*place).is_some_and(|step| step.state == StepState::Failed);
    let forgiven = |step: &StepRun| run.plan.step(step.planned).is_some_and(|step| step.continue_on_failure);
    let mut deciding = run
        .steps
        .iter()
        .filter(|step| step.state == StepState::Failed && !forgiven(step))
        // A group fails because of what is in it.
        .filter(|step| !step.body.children.iter().any(failed))
        .peekable();
    deciding.peek().is_some() && deciding.all(|step| step.exit_code == Some(CANNOT_TELL))
}

/// One good or bad result of a probe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Slice {
    /// When the probe had looked.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    pub good: bool,
    /// The run whose result it is, if it is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    /// Why it is bad.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// The health of anything, from the best to the worst: a whole is as well as the worst of its parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    Ok,
    /// It works, and not as well as was promised.
    Degraded,
    /// Nobody has looked, or nobody could tell.
    Unknown,
    /// What was seen is too old to say anything of now.
    Stale,
    /// What was counted is impossible.
    DataError,
    Bad,
}

impl Health {
    pub const ALL: [Self; 6] =
        [Self::Ok, Self::Degraded, Self::Unknown, Self::Stale, Self::DataError, Self::Bad];

    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Degraded => "degraded",
            Self::Unknown => "unknown",
            Self::Stale => "stale",
            Self::DataError => "data_error",
            Self::Bad => "bad",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|health| health.name() == name)
    }
}

/// How slices become a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// So many bad slices in a row make it bad; at least 1.
    pub bad_after: u32,
    pub stale_after: SignedDuration,
}

impl From<&Probe> for Rules {
    fn from(probe: &Probe) -> Self {
        let seconds = i64::try_from(probe.stale_after_s).unwrap_or(i64::MAX);
        Self { bad_after: probe.bad_after.max(1), stale_after: SignedDuration::from_secs(seconds) }
    }
}

/// What is known of a probe: the fold of its slices. Two of the same slices in the same order are the same.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Watched {
    /// The newest slice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest: Option<Slice>,
    /// Bad slices since the last good one.
    #[serde(default)]
    pub bad_in_row: u32,
    /// The first of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub first_bad_at: Option<Timestamp>,
    /// Good or bad, as long as the newest slice is not too old; none while there were too few to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settled: Option<Settled>,
}

/// What slices have made of a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Settled {
    pub bad: bool,
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
}

impl Watched {
    /// Folds a slice in. One that is not newer than the newest changes nothing: what comes late, or twice, never turns a state.
    #[must_use]
    pub fn with(mut self, slice: Slice, rules: Rules) -> Self {
        let before = self.newest.as_ref().map(|newest| newest.at);
        if before.is_some_and(|before| slice.at <= before) {
            return self;
        }
        // Nobody looked for too long: what was ok is not known to be so any more, and bad slices are in no row over a gap.
        let gap = before.is_some_and(|before| slice.at.duration_since(before) > rules.stale_after);
        let was = self.settled.filter(|settled| settled.bad || !gap);
        if gap && was.is_none() {
            self.bad_in_row = 0;
            self.first_bad_at = None;
        }
        if slice.good {
            self.bad_in_row = 0;
            self.first_bad_at = None;
        } else {
            self.bad_in_row = self.bad_in_row.saturating_add(1);
            self.first_bad_at = self.first_bad_at.or(Some(slice.at));
        }
        let now_bad = match (slice.good, was) {
            (true, _) => Some(false),
            (false, _) if self.bad_in_row >= rules.bad_after.max(1) => Some(true),
            (false, was) => was.map(|was| was.bad),
        };
        self.settled = now_bad.map(|bad| match was {
            Some(was) if was.bad == bad && !gap => was,
            _ => Settled { bad, since: slice.at },
        });
        self.newest = Some(slice);
        self
    }

    /// The fold of slices in their order.
    pub fn of(slices: impl IntoIterator<Item = Slice>, rules: Rules) -> Self {
        slices.into_iter().fold(Self::default(), |watched, slice| watched.with(slice, rules))
    }

    /// Its state at a moment, and since when.
    pub fn at(&self, now: Timestamp, rules: Rules) -> (Health, Option<Timestamp>) {
        let Some(newest) = &self.newest else { return (Health::Unknown, None) };
        if now.duration_since(newest.at) > rules.stale_after {
            return (Health::Stale, newest.at.checked_add(rules.stale_after).ok());
        }
        match self.settled {
            // Only bad ones so far, and fewer than it takes.
            None => (Health::Unknown, self.first_bad_at),
            Some(settled) => (if settled.bad { Health::Bad } else { Health::Ok }, Some(settled.since)),
        }
    }

    /// When its state will change if no slice comes: it is stale right after this.
    pub fn stale_at(&self, rules: Rules) -> Option<Timestamp> {
        self.newest.as_ref().and_then(|newest| newest.at.checked_add(rules.stale_after).ok())
    }
}

/// What one probe says of a service, as evidence of its health.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Evidence {
    /// The runbook's name.
    pub probe: String,
    pub health: Health,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub since: Option<Timestamp>,
    /// The run that showed it, if it is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    /// In words.
    pub why: String,
}

impl Evidence {
    /// What a probe says at a moment.
    pub fn of(probe: &str, watched: &Watched, rules: Rules, now: Timestamp) -> Self {
        let (health, since) = watched.at(now, rules);
        let newest = watched.newest.as_ref();
        let why = match health {
            Health::Bad => match newest.and_then(|newest| newest.why.as_deref()) {
                Some(why) => format!("The probe `{probe}` is bad: {why}"),
                None => format!("The probe `{probe}` is bad."),
            },
            Health::Stale => format!("The probe `{probe}` has said nothing for too long."),
            Health::Unknown if newest.is_some() => {
                format!("The probe `{probe}` has not been good yet, nor bad often enough.")
            }
            Health::Unknown => format!("The probe `{probe}` has said nothing yet."),
            Health::Ok | Health::Degraded | Health::DataError => {
                format!("The probe `{probe}` is {}.", health.name())
            }
        };
        Self { probe: probe.to_owned(), health, since, run: newest.and_then(|newest| newest.run), why }
    }
}

/// The health of a service in an environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ServiceHealth {
    pub health: Health,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub since: Option<Timestamp>,
    /// In words.
    pub cause: String,
    /// What all its probes say, worst first.
    pub evidence: Vec<Evidence>,
}

/// What nobody watches.
pub const NOTHING_WATCHES: &str = "Nothing watches it.";

/// The health of a service: the worst of what its probes say. `before` is what was said last: what has not changed since then
/// lasts since it did then, even if another probe is the cause by now.
pub fn service_health(mut evidence: Vec<Evidence>, before: Option<&ServiceHealth>) -> ServiceHealth {
    evidence.sort_by(|a, b| (Reverse(a.health), &a.probe).cmp(&(Reverse(b.health), &b.probe)));
    let Some(worst) = evidence.first() else {
        let since = before.filter(|before| before.health == Health::Unknown).and_then(|before| before.since);
        let cause = NOTHING_WATCHES.to_owned();
        return ServiceHealth { health: Health::Unknown, since, cause, evidence };
    };
    let health = worst.health;
    let same = || evidence.iter().filter(|evidence| evidence.health == health);
    let cause = match same().count() {
        _ if health == Health::Ok => "All its probes are ok.".to_owned(),
        0 | 1 => worst.why.clone(),
        more => format!("{} And {} more.", worst.why, more - 1),
    };
    // All of its parts are ok only since the last of them is; it is ill since the first of them is.
    let sinces = same().filter_map(|evidence| evidence.since);
    let now = if health == Health::Ok { sinces.max() } else { sinces.min() };
    let since = match before.filter(|before| before.health == health).map(|before| before.since) {
        Some(Some(since)) => Some(now.map_or(since, |now| now.min(since))),
        _ => now,
    };
    ServiceHealth { health, since, cause, evidence }
}
