//! What does not move names what it waits for.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::runbook::{Evidence, Input};

/// What does not move waits for this.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Wait {
    #[serde(flatten)]
    pub reason: WaitReason,
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    /// When it goes on, or is given up, by itself.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub until: Option<Timestamp>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "for", rename_all = "snake_case")]
pub enum WaitReason {
    /// A free place on a runner.
    Runner,
    /// A person who does something.
    Person { instructions: String, fields: Vec<Input>, evidence: Evidence },
    /// Somebody's yes; never of whoever asked for the run.
    Approval { message: String },
    /// A moment.
    Time,
    /// The next attempt, after a failed one.
    Retry { message: String },
    /// A lock, by its key.
    Lock { key: String, limit: u32 },
    /// A person who says how an attempt ended, since nobody else can.
    Lost { attempt: u32, message: String },
    /// Signals that must hold.
    Verify(Verifying),
    /// Collectors that look before anything changes.
    Snapshot { collectors: Vec<String> },
    /// That a policy permits it again: decided once more when it was about to be performed, and refused.
    Policy {
        /// The one that forbids it; none where no policy permits it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        policy: Option<String>,
        /// Why, in the policy's words.
        reason: String,
    },
}

impl WaitReason {
    /// What waits for a policy waits for this, in words: `policy 1.freeze: Production is frozen.`
    pub fn policy_words(policy: Option<&str>, reason: &str) -> String {
        match policy {
            Some(policy) => format!("policy {policy}: {reason}"),
            None => format!("a policy that permits it: {reason}"),
        }
    }
}

/// What a run waits for that verifies, and what was seen of it so far.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Verifying {
    pub signals: Vec<Awaited>,
    /// Seconds for which they must hold without a break.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold_s: Option<u64>,
    /// All of them hold since then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub held_since: Option<Timestamp>,
    /// When it has failed unless they held.
    #[schema(value_type = String, format = DateTime)]
    pub deadline: Timestamp,
}

/// A signal that is waited for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Awaited {
    #[serde(flatten)]
    pub signal: Expected,
    #[serde(flatten)]
    pub seen: Seen,
}

/// What must be seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "signal", rename_all = "snake_case")]
pub enum Expected {
    /// The probe is ok.
    Probe { probe: String },
    /// The fact has this value, wherever it was observed.
    Fact { service: String, environment: String, key: String, equals: String },
}

impl Expected {
    /// In words.
    pub fn name(&self) -> String {
        match self {
            Self::Probe { probe } => format!("probe `{probe}`"),
            Self::Fact { service, environment, key, equals } => {
                format!("fact `{key}` = `{equals}` of {service} ({environment})")
            }
        }
    }
}

/// What was seen of a signal since the last step ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Seen {
    pub holds: bool,
    /// In words.
    pub says: String,
    /// What was seen proves nothing after this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub holds_until: Option<Timestamp>,
}

impl Seen {
    /// Nobody has looked since.
    pub fn nothing() -> Self {
        Self { says: "not seen yet".to_owned(), ..Self::default() }
    }

    fn holds_at(&self, at: Timestamp) -> bool {
        self.holds && self.holds_until.is_some_and(|until| at <= until)
    }
}

impl Verifying {
    /// Those that do not hold, each with what was seen of it.
    pub fn missing(&self) -> String {
        let words = |awaited: &Awaited| format!("{}: {}", awaited.signal.name(), awaited.seen.says);
        let missing: Vec<String> =
            self.signals.iter().filter(|awaited| !awaited.seen.holds).map(words).collect();
        missing.join("; ")
    }

    /// Do all signals hold at a moment?
    pub fn holds_at(&self, at: Timestamp) -> bool {
        self.signals.iter().all(|awaited| awaited.seen.holds_at(at))
    }
}
