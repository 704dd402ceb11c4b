//! What is asked of the policies: may this principal do this, on that, as things are now.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use model::runbook::{ChangeClass, Effect};
use serde::{Deserialize, Serialize};

use crate::EntityName;

/// May `principal` do `action` on `resource`, now?
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    pub principal: EntityName,
    pub action: String,
    pub resource: EntityName,
    pub context: Context,
    /// The instant that is asked about, of the database's clock: grants end by it.
    pub at: Timestamp,
}

/// How somebody is signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// In person.
    Session,
    Token,
    Schedule,
    Trigger,
    /// A run that goes on with what it was started for.
    Run,
}

impl Method {
    pub fn name(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Token => "token",
            Self::Schedule => "schedule",
            Self::Trigger => "trigger",
            Self::Run => "run",
        }
    }
}

/// How the principal is known, as the server says; never as a client says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Auth {
    pub method: Method,
    /// Seconds since the second factor was given; [`Auth::NO_FACTOR`] if it never was.
    #[serde(rename = "mfaAge", default = "no_factor")]
    pub mfa_age_s: i64,
    /// The actions and groups of actions that the token is narrowed to. A token without carries nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<BTreeSet<String>>,
    /// The projects that the token keeps to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub projects: Option<BTreeSet<String>>,
    /// The ids of the runbooks (`shop/restart-web`) that the token keeps to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runbooks: Option<BTreeSet<String>>,
}

fn no_factor() -> i64 {
    Auth::NO_FACTOR
}

impl Auth {
    /// The age of a second factor that was never given.
    pub const NO_FACTOR: i64 = i64::MAX;

    pub fn of(method: Method) -> Self {
        Self { method, mfa_age_s: Self::NO_FACTOR, scopes: None, projects: None, runbooks: None }
    }

    /// In person, with a second factor that was given `mfa_age_s` seconds ago, if it was.
    pub fn session(mfa_age_s: Option<i64>) -> Self {
        Self { mfa_age_s: mfa_age_s.unwrap_or(Self::NO_FACTOR), ..Self::of(Method::Session) }
    }

    pub fn token(scopes: BTreeSet<String>) -> Self {
        Self { scopes: Some(scopes), ..Self::of(Method::Token) }
    }
}

/// The facts about the act itself, written as policies name them. Which of these an action takes, [`ContextKind::of`] says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", rename_all_fields = "camelCase", tag = "kind")]
pub enum Context {
    Base {
        auth: Auth,
    },
    Reviewed {
        auth: Auth,
        reviews: i64,
    },
    Grant {
        auth: Auth,
        granted: BTreeSet<String>,
        delegable: bool,
        to_self: bool,
    },
    Chain(Chain),
    Start(Box<Start>),
    Runner {
        epoch: i64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        secret: Option<EntityName>,
    },
}

impl Context {
    pub fn base(auth: Auth) -> Self {
        Self::Base { auth }
    }

    pub fn auth(&self) -> Option<&Auth> {
        match self {
            Self::Base { auth } | Self::Reviewed { auth, .. } | Self::Grant { auth, .. } => Some(auth),
            Self::Chain(chain) => Some(&chain.auth),
            Self::Start(start) => Some(&start.auth),
            Self::Runner { .. } => None,
        }
    }

    pub fn auth_mut(&mut self) -> Option<&mut Auth> {
        match self {
            Self::Base { auth } | Self::Reviewed { auth, .. } | Self::Grant { auth, .. } => Some(auth),
            Self::Chain(chain) => Some(&mut chain.auth),
            Self::Start(start) => Some(&mut start.auth),
            Self::Runner { .. } => None,
        }
    }

    pub fn kind(&self) -> ContextKind {
        match self {
            Self::Base { .. } => ContextKind::Base,
            Self::Reviewed { .. } => ContextKind::Reviewed,
            Self::Grant { .. } => ContextKind::Grant,
            Self::Chain(_) => ContextKind::Chain,
            Self::Start(_) => ContextKind::Start,
            Self::Runner { .. } => ContextKind::Runner,
        }
    }
}

/// The shapes of a context.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContextKind {
    Base,
    Reviewed,
    Grant,
    Chain,
    Start,
    Runner,
}

impl ContextKind {
    /// The shape that `action` is asked with.
    pub fn of(action: &str) -> Self {
        match action {
            "definition.publish" | "policy.publish" => Self::Reviewed,
            "grant.create" => Self::Grant,
            "target.use" | "secret.use" => Self::Chain,
            "run.start" | "run.breakglass" => Self::Start,
            "runner.claim" | "runner.report" | "runner.secret" => Self::Runner,
            _ => Self::Base,
        }
    }
}

/// A target or a secret is to be used by a run that somebody began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Chain {
    pub auth: Auth,
    #[serde(default = "irreversible")]
    pub effect: Effect,
    /// Whoever began it all; true while nobody knows.
    #[serde(default = "yes")]
    pub initiator_disabled: bool,
    /// How deep runbooks are called, 0 for the first.
    pub depth: i64,
}

/// A run is to be started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Start {
    pub auth: Auth,
    /// The strongest of all steps, of called runbooks too.
    #[serde(default = "irreversible")]
    pub effect: Effect,
    #[serde(default = "yes")]
    pub initiator_disabled: bool,
    pub depth: i64,
    /// Of what will really run.
    pub digest: String,
    #[serde(default = "feature")]
    pub change_class: ChangeClass,
    /// As counted now.
    #[serde(default)]
    pub approvals: i64,
    #[serde(default)]
    pub owner_approvals: i64,
    /// Resolved.
    pub targets: i64,
    /// Of the resolved targets.
    pub environments: BTreeSet<String>,
    /// Whether any of them is production.
    pub prod: bool,
    #[serde(default = "yes")]
    pub freeze: bool,
    #[serde(default)]
    pub maintenance: bool,
    #[serde(default)]
    pub on_call: bool,
    /// In the project's zone.
    pub hour: i64,
    /// 1 is Monday.
    pub weekday: i64,
    #[serde(default)]
    pub budget: Budget,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Inputs that are marked `policy_visible`; never secrets.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub texts: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub numbers: BTreeMap<String, i64>,
}

/// The error budget of the service that is acted on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Budget {
    pub state: String,
    pub frozen: bool,
    pub unknown: bool,
    pub paging: bool,
    pub low: bool,
}

impl Default for Budget {
    /// Not known: unknown is not green.
    fn default() -> Self {
        Self { state: "unknown".into(), frozen: false, unknown: true, paging: false, low: false }
    }
}

impl Budget {
    /// The service has no objective.
    pub fn none() -> Self {
        Self { state: "none".into(), frozen: false, unknown: false, paging: false, low: false }
    }
}

fn irreversible() -> Effect {
    Effect::Irreversible
}

fn feature() -> ChangeClass {
    ChangeClass::Feature
}

fn yes() -> bool {
    true
}
