//! DECIDE: the one decision point (law 1).
//!
//! A pure room: values in, a decision out. Handlers receive [`Authorized`], a proof that only [`decide`] makes, so what
//! needs a decision cannot be reached without one. For now one built-in policy answers; Cedar policies
//! ([`Policies`]) stand beside it, tried and not asked yet, and take its place with the issue on who may do what.

#![forbid(unsafe_code)]

mod action;
mod builtin;
mod context;
pub mod decision;
mod document;
mod entities;
mod entity;
mod explain;
mod index;
mod policies;
mod policy_tests;
#[cfg(test)]
mod properties;
mod question;
#[cfg(test)]
mod scenarios;
mod schema;
pub mod shipped;
mod stack;
mod text;
#[cfg(test)]
mod traps;
mod visible;

use std::{fmt, marker::PhantomData};

pub use action::*;
pub use document::{CheckedDocument, CheckedPolicy, PolicyEffect, PolicyFault, check_document};
pub use entities::{Entities, EntitiesFault};
pub use entity::{Attributes, Entity, EntityName, Kind, NotAnEntityName, RunFacts, VersionFacts};
pub use explain::{Change, Counterfactual, Explanation, Flip};
use model::{api::Role, id::PrincipalId};
pub use policies::{Binding, BuildError, Grant, GrantableRole, Layers, Policies, PolicyText, Problem};
pub use policy_tests::{Expected, PolicyTest, PolicyTests, TestEntity, TestPolicy, TestResult, run_tests};
pub use question::{Auth, Budget, Chain, Context, ContextKind, Method, Question, Start};
pub use schema::{SCHEMA, action_groups, is_action_or_group, is_delegable};
use serde::Serialize;

/// The reserved project that holds the platform's own policies, and nothing else.
pub const PLATFORM_PROJECT: &str = "platform";

/// Whoever acts, as the credential says; never as a request's body says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Principal {
    pub id: PrincipalId,
    pub name: String,
    pub role: Role,
}

/// What is acted on: the parts of its path, from the outside in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Resource {
    pub project: Option<String>,
    pub runbook: Option<String>,
    pub inventory: Option<String>,
    pub service: Option<String>,
    pub team: Option<String>,
    pub schedule: Option<String>,
    pub version: Option<String>,
    pub preset: Option<String>,
    pub input: Option<String>,
    pub upload: Option<String>,
    pub run: Option<String>,
    pub step: Option<String>,
    pub token: Option<String>,
    pub secret: Option<String>,
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            ("project", &self.project),
            ("runbook", &self.runbook),
            ("inventory", &self.inventory),
            ("service", &self.service),
            ("team", &self.team),
            ("schedule", &self.schedule),
            ("version", &self.version),
            ("preset", &self.preset),
            ("input", &self.input),
            ("upload", &self.upload),
            ("run", &self.run),
            ("step", &self.step),
            ("token", &self.token),
            ("secret", &self.secret),
        ];
        let mut named =
            parts.iter().filter_map(|(kind, name)| name.as_ref().map(|name| (kind, name))).peekable();
        if named.peek().is_none() {
            return f.write_str("platform");
        }
        for (place, (kind, name)) in named.enumerate() {
            write!(f, "{}{kind}/{name}", if place == 0 { "" } else { "/" })?;
        }
        Ok(())
    }
}

/// The answer to *may this principal do this here*.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Decision {
    pub action: &'static str,
    pub resource: Resource,
    pub allowed: bool,
    /// The policy that determined the answer; none means that no policy permits it.
    pub policy: Option<&'static str>,
    /// Why, for a person.
    pub reason: &'static str,
    /// The way out of a denial.
    pub way_out: Option<&'static str>,
}

/// Proof that `A` was allowed to `principal`. Only [`decide`] makes one.
#[derive(Clone, Debug)]
pub struct Authorized<A> {
    principal: Principal,
    decision: Decision,
    action: PhantomData<fn() -> A>,
}

impl<A> Authorized<A> {
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    pub fn decision(&self) -> &Decision {
        &self.decision
    }
}

/// May `principal` do `A` on `resource`? Denied unless a policy permits it.
///
/// # Errors
/// The decision, if it is a denial: with the policy, the reason and the way out.
pub fn decide<A: Action>(principal: &Principal, resource: &Resource) -> Result<Authorized<A>, Box<Decision>> {
    let decision = builtin::answer(principal, A::NAME, resource);
    if decision.allowed {
        Ok(Authorized { principal: principal.clone(), decision, action: PhantomData })
    } else {
        Err(Box::new(decision))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn principal(role: Role) -> Principal {
        Principal { id: PrincipalId::from(uuid()), name: "somebody".into(), role }
    }

    fn uuid() -> model::id::Uuid {
        model::id::Uuid::nil()
    }

    /// The whole matrix: each action against each role.
    #[test]
    fn administrators_may_everything_and_members_see_and_run() {
        let members = [
            "session.read",
            "session.end",
            "project.list",
            "definition.read",
            "preset.read",
            "preset.save",
            "preset.delete",
            "upload.create",
            "upload.read",
            "service.read",
            "schedule.read",
            "run.plan",
            "run.start",
            "run.read",
            "run.cancel",
            "run.retry",
            "run.answer",
            "run.approve",
            "log.read",
        ];
        for action in ACTIONS {
            let resource = Resource { project: Some("default".into()), ..Resource::default() };
            assert!(builtin::answer(&principal(Role::Admin), action, &resource).allowed, "admin {action}");
            let member = builtin::answer(&principal(Role::Member), action, &resource);
            assert_eq!(member.allowed, members.contains(action), "member {action}");
            let monitor = builtin::answer(&principal(Role::Monitor), action, &resource);
            let reads = ["session.read", "session.end", "metrics.read"].contains(action);
            assert_eq!(monitor.allowed, reads, "monitor {action}");
            if !member.allowed {
                assert!(
                    member.way_out.is_some() && !member.reason.is_empty(),
                    "{action}: every denial has a way out"
                );
            }
        }
    }

    #[test]
    fn an_action_that_no_policy_knows_is_denied() {
        let answer = builtin::answer(&principal(Role::Admin), "register.rewrite", &Resource::default());
        assert!(!answer.allowed);
        assert_eq!(answer.policy, None);
    }

    #[test]
    fn only_decide_makes_a_proof_and_it_names_who_and_why() {
        let allowed = decide::<RunStart>(&principal(Role::Member), &Resource::default());
        let proof = allowed.expect("members run");
        assert_eq!(proof.decision().action, "run.start");
        assert_eq!(proof.decision().policy, Some("0.members-see-and-run"));
        let denied =
            decide::<TokenCreate>(&principal(Role::Member), &Resource::default()).expect_err("not members");
        assert_eq!(denied.action, "token.create");
    }

    #[test]
    fn a_resource_reads_from_the_outside_in() {
        assert_eq!(Resource::default().to_string(), "platform");
        let run = Resource { project: Some("shop".into()), run: Some("0198".into()), ..Resource::default() };
        assert_eq!(run.to_string(), "project/shop/run/0198");
    }
}
