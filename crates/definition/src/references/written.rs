//! What services and schedules speak of.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use model::{
    api::Severity,
    runbook::{Input, InputKind, Rule},
    schedule::Schedule,
    service::Service,
};

use super::{Known, Told, hint};
use crate::{
    fault::{Code, quoted},
    inputs::{self, Asking},
};

/// Tells a name that nothing has. What is not among the documents is told only if all that there is is known.
pub(super) fn is_there<T>(
    known: &BTreeMap<String, T>,
    what: &str,
    code: Code,
    key: &str,
    name: &str,
    strict: bool,
    tell: &mut dyn FnMut(Told<'_>),
) {
    if !strict || known.contains_key(name) {
        return;
    }
    let names: Vec<&str> = known.keys().map(String::as_str).collect();
    let message = format!("There is no {what} {}.", quoted(name));
    tell(Told::error(code, key, message, Some(hint(name, &names, &format!("{what}s")))));
}

pub(super) fn service(service: &Service, known: &Known, strict: bool, tell: &mut dyn FnMut(Told<'_>)) {
    for (key, team) in [("owner", &service.owner), ("operator", &service.operator)] {
        if let Some(team) = team {
            is_there(&known.teams, "team", Code::UnknownTeam, key, team, strict, tell);
        }
    }
    for runbook in &service.runbooks {
        let key = format!("runbooks/{runbook}");
        is_there(&known.runbooks, "runbook", Code::UnknownRunbook, &key, runbook, strict, tell);
    }
    let mut told = false;
    for name in &service.depends_on {
        let key = format!("depends_on/{name}");
        if *name == service.name {
            let message = "A service does not depend on itself.".to_owned();
            tell(Told::error(Code::DependsOnItself, &key, message, Some("Leave it out.".to_owned())));
            continue;
        }
        is_there(&known.services, "service", Code::UnknownService, &key, name, strict, tell);
        // It is told once, of the first of its services by name.
        let Some(way) = way_back(service, name, known).filter(|_| !told) else { continue };
        if way.iter().all(|other| *other >= service.name.as_str()) {
            told = true;
            let message = format!("This service depends on itself, by way of {}.", quoted(&way.join(" → ")));
            let hint = "When one of them is ill, each is a likely cause of the other.".to_owned();
            let told = Told::error(Code::DependencyCycle, &key, message, Some(hint));
            tell(Told { severity: Severity::Remark, ..told });
        }
    }
}

/// A shortest way by which a dependency leads back to the service.
fn way_back<'k>(service: &'k Service, from: &'k str, known: &'k Known) -> Option<Vec<&'k str>> {
    let mut open = std::collections::VecDeque::from([vec![from]]);
    let mut seen = BTreeSet::from([from]);
    while let Some(way) = open.pop_front() {
        let last = known.services.get(*way.last()?);
        for next in last.into_iter().flat_map(|last| &last.depends_on) {
            if *next == service.name {
                return Some(way);
            }
            if seen.insert(next) {
                open.push_back(way.iter().copied().chain([next.as_str()]).collect());
            }
        }
    }
    None
}

pub(super) fn schedule(schedule: &Schedule, known: &Known, strict: bool, tell: &mut dyn FnMut(Told<'_>)) {
    let name = &schedule.runbook;
    is_there(&known.runbooks, "runbook", Code::UnknownRunbook, "runbook", name, strict, tell);
    let Some(runbook) = known.runbooks.get(name) else { return };
    let mut given = schedule.inputs.clone();
    for input in runbook.inputs.iter().filter(|input| input.kind == InputKind::Secret) {
        if given.remove(&input.name).is_some() {
            let message =
                format!("The input {} is a secret, which no schedule can give.", quoted(&input.name));
            tell(Told::error(Code::SecretInCall, &format!("inputs/{}", input.name), message, None));
        } else if input.required && input.show_if.is_none() {
            let message = format!(
                "The runbook {} cannot be scheduled: its input {} is a secret, which no schedule can give.",
                quoted(name),
                quoted(&input.name)
            );
            tell(Told::error(Code::SecretInCall, "runbook", message, None));
        }
    }
    // What has been told of secrets is not told again.
    let declared: Vec<Input> = runbook
        .inputs
        .iter()
        .map(|input| Input { required: input.required && input.kind != InputKind::Secret, ..input.clone() })
        .collect();
    // Any day will do, for what depends on none; rules that speak of the day itself are judged when it has come.
    let asking = Asking { now: Timestamp::UNIX_EPOCH, caller: &schedule.name };
    let computed = runbook.inputs.iter().any(|input| input.default_from.is_some());
    let rules: &[Rule] = if computed { &[] } else { &runbook.rules };
    for fault in inputs::read(&declared, rules, &given, Some(&asking)).err().unwrap_or_default() {
        let key = match fault.path.as_str() {
            "" => "inputs".to_owned(),
            input if given.contains_key(input) => format!("inputs/{input}"),
            _ => "runbook".to_owned(),
        };
        let code = Code::ALL.iter().copied().find(|code| code.name() == fault.code);
        tell(Told::error(code.unwrap_or(Code::BadValue), &key, fault.message, fault.hint));
    }
}
