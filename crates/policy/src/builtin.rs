//! The policy until Cedar: administrators may do everything, members may see and run, monitors may read metrics.

use model::api::Role;

use crate::{ACTIONS, Decision, Principal, Resource};

const MEMBER: &[&str] = &[
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

/// For the token in the configuration of a monitoring system.
const MONITOR: &[&str] = &["session.read", "session.end", "metrics.read"];

pub(crate) fn answer(principal: &Principal, action: &'static str, resource: &Resource) -> Decision {
    let known = ACTIONS.contains(&action);
    let (policy, reason) = match principal.role {
        Role::Admin if known => (Some("0.administrators"), "Administrators may do everything."),
        Role::Member if MEMBER.contains(&action) => {
            (Some("0.members-see-and-run"), "Members may see and run.")
        }
        Role::Monitor if MONITOR.contains(&action) => {
            (Some("0.monitors-read-metrics"), "Monitors may read metrics.")
        }
        Role::Monitor => (None, "No policy permits it: monitors may read metrics, and nothing else."),
        _ => (None, "No policy permits it: members may see and run, the rest is for administrators."),
    };
    let allowed = policy.is_some();
    let way_out =
        (!allowed).then_some("Ask an administrator to do it, or for a token with the role `admin`.");
    Decision { action, resource: resource.clone(), allowed, policy, reason, way_out }
}
