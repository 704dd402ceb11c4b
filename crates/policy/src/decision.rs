//! The answer to a question, with what determined it, for a person and for the record.

use std::{fmt, marker::PhantomData, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{EntityName, Question};

/// Allow, an allow but for approvals, or deny.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Allow,
    NeedsApproval,
    Deny,
}

impl Outcome {
    pub fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::NeedsApproval => "needs_approval",
            Self::Deny => "deny",
        }
    }
}

/// Who speaks in a policy.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Layer {
    /// Layer 0: in the program; nobody edits it.
    BuiltIn,
    /// Layer 1: the platform's.
    Platform,
    /// Layer 2: a project's.
    Project(String),
    /// A role that was granted.
    Grant,
    /// An owner's consent that a runbook uses something.
    Binding,
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuiltIn => f.write_str("built-in"),
            Self::Platform => f.write_str("platform"),
            Self::Project(project) => write!(f, "project/{project}"),
            Self::Grant => f.write_str("grant"),
            Self::Binding => f.write_str("binding"),
        }
    }
}

/// A text that names no layer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no layer: built-in, platform, project/NAME, grant or binding")]
pub struct NotALayer(String);

impl FromStr for Layer {
    type Err = NotALayer;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "built-in" => Ok(Self::BuiltIn),
            "platform" => Ok(Self::Platform),
            "grant" => Ok(Self::Grant),
            "binding" => Ok(Self::Binding),
            text => match text.strip_prefix("project/") {
                Some(project) if !project.is_empty() => Ok(Self::Project(project.to_owned())),
                _ => Err(NotALayer(text.to_owned())),
            },
        }
    }
}

impl Serialize for Layer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Layer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// Whether a `forbid` stops, or only says that it would.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// It is recorded what it would have stopped.
    Observe,
    /// It is also shown to whoever acts.
    Warn,
    #[default]
    Enforce,
}

impl Mode {
    pub fn name(self) -> &'static str {
        match self {
            Self::Observe => "observe",
            Self::Warn => "warn",
            Self::Enforce => "enforce",
        }
    }
}

/// A policy that determined an answer, or would have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Determining {
    /// As the policy names itself; a project's with the project before it (`shop/support`); of a grant or a binding,
    /// its own id.
    pub id: String,
    pub layer: Layer,
    /// For a person.
    pub reason: String,
    pub mode: Mode,
    /// The role, if a grant gave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
}

/// What was asked, the answer, and what determined it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    pub action: String,
    pub principal: EntityName,
    pub resource: EntityName,
    pub outcome: Outcome,
    /// The policies that determined it. None: nothing permits it, or the question could not be put to the policies.
    pub determining: Vec<Determining>,
    /// What policies in mode `observe` or `warn` would have stopped.
    pub observed: Vec<Determining>,
    /// What went wrong while deciding; any of these makes it a deny.
    pub errors: Vec<String>,
    /// Why, for a person.
    pub reason: String,
    /// What to do about an answer that is no allow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub way_out: Option<String>,
    /// If it needs approval: how many more, of anybody who may approve and of owners.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<MissingApprovals>,
    /// Of the policies that were asked.
    pub policies_digest: String,
}

/// Approvals that would make it an allow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissingApprovals {
    pub approvals: i64,
    pub owner_approvals: i64,
}

impl Decision {
    pub fn is_allow(&self) -> bool {
        self.outcome == Outcome::Allow
    }
}

impl fmt::Display for Decision {
    /// One line for a log or a terminal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {} {} on {}. {}",
            self.outcome.name(),
            self.principal,
            self.action,
            self.resource,
            self.reason
        )?;
        match &self.way_out {
            Some(way_out) => write!(f, " {way_out}"),
            None => Ok(()),
        }
    }
}

/// Proof that `A` was allowed. Only [`Policies::authorize`](crate::Policies::authorize) makes one.
#[derive(Clone, Debug)]
pub struct Authorized<A> {
    question: Question,
    decision: Decision,
    action: PhantomData<fn() -> A>,
}

impl<A> Authorized<A> {
    pub(crate) fn new(question: Question, decision: Decision) -> Self {
        Self { question, decision, action: PhantomData }
    }

    pub fn principal(&self) -> &EntityName {
        &self.question.principal
    }

    pub fn resource(&self) -> &EntityName {
        &self.question.resource
    }

    pub fn question(&self) -> &Question {
        &self.question
    }

    pub fn decision(&self) -> &Decision {
        &self.decision
    }
}
