//! The steps of a runbook: what all of them have.

pub(crate) mod action;
pub(crate) mod check;
pub(crate) mod http;
pub(crate) mod repeat;
mod secrets;

use std::collections::BTreeMap;

use model::{
    name::is_identifier,
    runbook::{CheckSubject, Effect, Expression, Step, StepAction, Template},
};

use crate::{
    draft::{Draft, derived_name},
    fault::{Code, Faults, listed, quoted},
    fields::{self, Fields, Keys},
    input::identifier_like,
    limits::GROUPS_MAX,
    quantity,
    tree::{Content, Node},
};

/// How variables begin that nobody but the platform sets.
const OURS: [&str; 4] = ["INPUT_", "SECRET_", "SIGNALBOX_", "TARGET_"];

pub(crate) const KEYS: Keys = Keys {
    of: "a step",
    known: &[
        "name",
        "description",
        "run",
        "command",
        "http",
        "check",
        "manual",
        "approve",
        "runbook",
        "wait",
        "parallel",
        "steps",
        "shell",
        "fields",
        "evidence",
        "inputs",
        "if",
        "for_each",
        "on",
        "retry",
        "timeout",
        "effect",
        "idempotent",
        "continue_on_failure",
        "on_failure",
        "env",
        "dir",
        "secrets",
        "secret_env",
    ],
    later: &["verify"],
};

/// A list of steps. What is wrong in one has been told; a step that is none at all is left out.
pub(crate) fn read_steps(
    node: &Node,
    what: &str,
    draft: &mut Draft<'_>,
    faults: &mut Faults<'_>,
) -> Vec<Step> {
    let Some(items) = fields::sequence(node, what, faults) else { return Vec::new() };
    if items.is_empty() {
        let message = if what == "`steps`" && draft.depth == 0 {
            "A runbook needs at least one step, but `steps` is empty.".to_owned()
        } else {
            format!("{what} needs at least one step, but it is empty.")
        };
        faults.error(Code::Empty, node.span, message).hint("Add one: `- run: echo hello`.");
        return Vec::new();
    }
    if draft.depth > GROUPS_MAX {
        let message = format!("Groups of steps stand more than {GROUPS_MAX} deep within each other here.");
        faults
            .error(Code::TooManyGroups, node.span, message)
            .hint("Make a runbook of its own of the inner ones.");
        return Vec::new();
    }
    items.iter().filter_map(|item| read_step(item, draft, faults)).collect()
}

fn read_step(item: &Node, draft: &mut Draft<'_>, faults: &mut Faults<'_>) -> Option<Step> {
    let written = draft.written;
    draft.written += 1;
    let fields = Fields::open(item, &KEYS, "A step", faults)?;
    let key = format!("steps/{written}");
    draft.places.put(&key, item.span);
    let name = match fields.get("name") {
        None => derived_name(written + 1),
        Some(node) => {
            read_name(node, written + 1, draft, faults).unwrap_or_else(|| derived_name(written + 1))
        }
    };
    let effect = fields.get("effect").and_then(|node| read_effect(node, faults));
    let before = faults.count();
    let action = action::read_action(&fields, item, &key, draft, faults);
    let sound = !faults.errors_since(before);
    let mut step = Step::new(name, action, Effect::Change);
    step.description = fields.text("description", faults).map(str::to_owned);
    step.timeout_s = fields.get("timeout").and_then(|node| quantity::timeout(node, "`timeout`", faults));
    let mut flag = |key: &str| {
        fields.get(key).and_then(|node| fields::boolean(node, &format!("`{key}`"), faults)).unwrap_or(false)
    };
    step.idempotent = flag("idempotent");
    step.continue_on_failure = flag("continue_on_failure");
    if let Some(node) = fields.get("if") {
        step.condition = read_condition(node, &format!("{key}/if"), draft, faults);
    }
    step.for_each = fields
        .get("for_each")
        .and_then(|node| repeat::read_for_each(node, &format!("{key}/for_each"), draft, faults));
    step.on = fields.get("on").and_then(|node| repeat::read_on(node, &format!("{key}/on"), draft, faults));
    step.retry = fields.get("retry").and_then(|node| repeat::read_retry(node, faults));
    if let Some(node) = fields.get("env") {
        step.env = read_env(node, &format!("{key}/env"), draft, faults);
    }
    if let Some(node) = fields.get("dir") {
        step.dir = read_dir(node, &format!("{key}/dir"), draft, faults);
    }
    if let Some(node) = fields.get("secrets") {
        step.secrets = secrets::read_secrets(node, &format!("{key}/secrets"), draft, faults);
    }
    if let Some(entry) = fields.entry("secret_env") {
        step.secret_env = secrets::read_secret_env(&entry.value, &format!("{key}/secret_env"), draft, faults);
        if let Some(name) = step.secret_env.keys().find(|name| step.env.contains_key(*name)) {
            let message = format!("The variable {} stands in `env` and in `secret_env`.", quoted(name));
            faults.error(Code::BadVariable, entry.key.span, message).hint("Leave one out.");
        }
    }
    if let Some(node) = fields.get("on_failure") {
        draft.depth += 1;
        step.on_failure = read_steps(node, "`on_failure`", draft, faults);
        draft.depth -= 1;
    }
    if sound {
        check_keys(&fields, &step, faults);
    }
    set_effect(&mut step, effect, &fields, faults);
    Some(step)
}

/// `if`: an expression, or `true` and `false` themselves.
fn read_condition(
    node: &Node,
    key: &str,
    draft: &mut Draft<'_>,
    faults: &mut Faults<'_>,
) -> Option<Expression> {
    draft.places.put(key, node.span);
    match &node.content {
        Content::Boolean(value) => Some(Expression(value.to_string())),
        _ => fields::text(node, "`if`", faults).map(|text| Expression(text.to_owned())),
    }
}

fn read_name(node: &Node, place: usize, draft: &mut Draft<'_>, faults: &mut Faults<'_>) -> Option<String> {
    let text = fields::text(node, "`name`", faults)?;
    if !is_identifier(text) {
        let message = format!(
            "The step name {} must be lower-case letters, digits and `_`, and begin with a letter (at most 63).",
            quoted(text)
        );
        let told = faults.error(Code::BadIdentifier, node.span, message);
        if let Some(better) = identifier_like(text) {
            told.hint(format!("For example `{better}`."));
        }
        return None;
    }
    draft.names.take(text, place, node.span, faults);
    Some(text.to_owned())
}

fn read_effect(node: &Node, faults: &mut Faults<'_>) -> Option<Effect> {
    let name = fields::one_of(node, "`effect`", &Effect::ALL.map(Effect::name), faults)?;
    Effect::ALL.into_iter().find(|effect| effect.name() == name)
}

/// What an action does, unless said; what is in a group, at least.
fn set_effect(step: &mut Step, said: Option<Effect>, fields: &Fields<'_>, faults: &mut Faults<'_>) {
    let strongest = |steps: &[Step]| strongest_effect(steps);
    let inside = strongest(step.action.inner_steps());
    step.effect = match &step.action {
        StepAction::Parallel { .. } | StepAction::Steps { .. } => {
            let inside = inside.unwrap_or(Effect::Read);
            if let Some(said) = said.filter(|said| *said < inside)
                && let Some(node) = fields.get("effect")
            {
                let message = format!(
                    "This group has the effect `{}`, but a step in it has `{}`.",
                    said.name(),
                    inside.name()
                );
                faults
                    .error(Code::EffectTooWeak, node.span, message)
                    .hint("Leave `effect` out: a group has the strongest effect in it.");
            }
            said.map_or(inside, |said| said.max(inside))
        }
        // What is called is known when a run is planned, and comes to it then.
        StepAction::Runbook { .. }
        | StepAction::Wait(_)
        | StepAction::Manual(_)
        | StepAction::Approve { .. } => said.unwrap_or(Effect::Read),
        StepAction::Check(check) => said.unwrap_or(match check.subject {
            CheckSubject::Script { .. } => Effect::Change,
            CheckSubject::Http { .. } | CheckSubject::Tcp { .. } => Effect::Read,
        }),
        StepAction::Run { .. } | StepAction::Command { .. } | StepAction::Http(_) => {
            said.unwrap_or(Effect::Change)
        }
    };
}

/// Of these steps, all that is in them, and their handlers.
pub(crate) fn strongest_effect(steps: &[Step]) -> Option<Effect> {
    let of = |step: &Step| Some(step.effect).max(strongest_effect(&step.on_failure));
    // A group has what is in it already, but for the handlers inside.
    steps.iter().map(|step| of(step).max(strongest_effect(step.action.inner_steps()))).max().flatten()
}

/// Keys that mean nothing to what the step does are a mistake: whoever wrote them thinks that they do.
fn check_keys(fields: &Fields<'_>, step: &Step, faults: &mut Faults<'_>) {
    const PROCESS: [&str; 3] = ["run", "command", "check"];
    let action = step.action.name();
    let asks = ["manual", "approve", "wait"].contains(&action);
    let group = ["steps", "parallel"].contains(&action);
    let process = match &step.action {
        StepAction::Check(check) => matches!(check.subject, CheckSubject::Script { .. }),
        _ => PROCESS.contains(&action),
    };
    let task = process || ["http", "check"].contains(&action);
    let rules: [(&str, bool, &str); 11] = [
        ("retry", !asks, "nothing of it can be tried again"),
        ("idempotent", task, "it is said of what a runner performs"),
        ("env", process || group, "it starts no process"),
        ("dir", process || group, "it starts no process"),
        ("secrets", process || group, "it starts no process"),
        ("secret_env", process || group, "it starts no process"),
        ("shell", matches!(action, "run" | "check"), "it has no script"),
        ("fields", action == "manual", "nobody is asked to write anything down"),
        ("evidence", action == "manual", "nobody is asked for anything"),
        ("inputs", action == "runbook", "it calls no runbook"),
        ("timeout", action != "wait", "it waits as long as it says"),
    ];
    for (key, good, why) in rules {
        let Some(entry) = fields.entry(key).filter(|_| !good) else { continue };
        if key == "shell" {
            faults.error(
                Code::ShellWithoutScript,
                entry.key.span,
                "`shell` says what reads a script, and only `run` has one.",
            );
            continue;
        }
        let message = format!("`{key}` means nothing for {}: {why}.", quoted(action));
        faults.error(Code::KeyWithoutMeaning, entry.key.span, message).hint("Leave it out.");
    }
    if let (Some(retry), Some(entry)) = (&step.retry, fields.entry("retry"))
        && !retry.on_exit.is_empty()
        && !["run", "command"].contains(&action)
    {
        let message = format!("`on_exit` means nothing for {}: it has no exit code.", quoted(action));
        faults.error(Code::KeyWithoutMeaning, entry.value.span, message).hint("Leave it out.");
    }
}

/// Variables of processes.
fn read_env(
    node: &Node,
    key: &str,
    draft: &mut Draft<'_>,
    faults: &mut Faults<'_>,
) -> BTreeMap<String, Template> {
    let mut env = BTreeMap::new();
    for entry in fields::entries(node, "`env`", faults).unwrap_or_default() {
        let name = &entry.key.text;
        let first = name.bytes().next();
        let good = first.is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
            && name.len() <= 128;
        if !good {
            let message = format!("The variable name {} must be letters, digits and `_`.", quoted(name));
            faults.error(Code::BadVariable, entry.key.span, message);
        } else if OURS.iter().any(|prefix| name.starts_with(prefix)) {
            let ours = listed(&OURS, "or");
            let message = format!(
                "The variable {} cannot be set: names that begin with {ours} are the platform's.",
                quoted(name)
            );
            faults.error(Code::BadVariable, entry.key.span, message).hint("Choose another name.");
        }
        draft.places.put(format!("{key}/{name}"), entry.value.span);
        if let Some(text) = fields::text(&entry.value, &format!("The variable {}", quoted(name)), faults) {
            env.insert(name.clone(), Template(text.to_owned()));
        }
    }
    env
}

fn read_dir(node: &Node, key: &str, draft: &mut Draft<'_>, faults: &mut Faults<'_>) -> Option<Template> {
    let text = fields::some_text(node, "`dir`", faults)?;
    draft.places.put(key, node.span);
    if text.split('/').any(|part| part == "..") {
        faults.error(Code::BadPath, node.span, format!("The path {} climbs with `..`.", quoted(text))).hint(
            "Paths begin at the run's working directory; one that begins with `/` is the machine's own.",
        );
        return None;
    }
    Some(Template(text.to_owned()))
}
