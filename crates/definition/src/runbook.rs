//! `kind: Runbook`: its keys, and the defaults of those that are not written.

use std::collections::BTreeMap;

use model::{
    run::{SNAPSHOT, VERIFY},
    runbook::{
        ChangeClass, Concurrency, Effect, Expression, KeyPart, Limits, OUTPUT_LIMIT_DEFAULT, OnLost, Rule,
        Runbook, Step, StepAction, Template, WhenFull,
    },
};

use crate::{
    draft::{Draft, Names},
    fault::{Code, Faults, quoted},
    fields::{self, Fields, Keys},
    files::{Listing, VersionFiles},
    input::{self, Of, read_name},
    limits::{CONCURRENCY_MAX, RULES_MAX, STEPS_MAX, TARGETS_MAX},
    places::Places,
    quantity,
    step::{self, http::check_output_name, repeat::read_input_name, strongest_effect},
    tree::{Content, Node},
    watch,
};

pub(crate) const KEYS: Keys = Keys {
    of: "a runbook",
    known: &[
        "kind",
        "name",
        "title",
        "description",
        "service",
        "environment",
        "change_class",
        "labels",
        "inputs",
        "rules",
        "steps",
        "on_failure",
        "cleanup",
        "outputs",
        "files",
        "timeout",
        "output_limit",
        "concurrency",
        "on_lost",
        "max_targets",
        "grace",
        "limits",
        "run_as",
        "probe",
        "collects",
        "snapshot",
        "verify",
    ],
    later: &["on"],
};

pub(crate) const RULE_KEYS: Keys = Keys { of: "a rule", known: &["check", "message"], later: &[] };
pub(crate) const CONCURRENCY_KEYS: Keys =
    Keys { of: "`concurrency`", known: &["key", "limit", "when_full"], later: &[] };
pub(crate) const LIMITS_KEYS: Keys =
    Keys { of: "`limits`", known: &["memory", "cpu", "processes"], later: &["disk"] };

/// A runbook that was read; what was wrong with it has been told, and whoever reads it on knows by that.
pub(crate) struct Read {
    pub runbook: Runbook,
    pub files: Vec<String>,
    pub places: Places,
}

/// Every part is read, whatever is wrong with the others; none only if it is no runbook at all.
pub(crate) fn read_runbook(root: &Node, listing: &Listing, faults: &mut Faults<'_>) -> Option<Read> {
    let fields = Fields::open(root, &KEYS, "A runbook", faults)?;
    let lists: Vec<&Node> =
        ["steps", "on_failure", "cleanup"].iter().filter_map(|key| fields.get(key)).collect();
    let names = Names::of(&lists);
    let mut draft =
        Draft { files: VersionFiles::new(listing), places: Places::default(), names, written: 0, depth: 0 };
    let name = fields
        .require("name", "Add a name, like `name: restart-web`.", faults)
        .and_then(|node| read_name(node, "The name of a runbook", faults));
    let inputs = match fields.get("inputs") {
        None => Vec::new(),
        Some(node) => input::read_declarations(node, Of::Runbook, "inputs", &mut draft.places, faults),
    };
    let rules = fields.get("rules").map(|node| read_rules(node, &mut draft, faults)).unwrap_or_default();
    let steps = fields.require("steps", "Add at least one step: `steps: [{run: echo hello}]`.", faults);
    let mut steps_of = |node: Option<&Node>, what: &str, faults: &mut Faults<'_>| match node {
        Some(node) if draft.names.count <= STEPS_MAX => step::read_steps(node, what, &mut draft, faults),
        _ => Vec::new(),
    };
    let read_steps = steps_of(steps, "`steps`", faults);
    let on_failure = steps_of(fields.get("on_failure"), "`on_failure`", faults);
    let cleanup = steps_of(fields.get("cleanup"), "`cleanup`", faults);
    if let Some(node) = steps.filter(|_| draft.names.count > STEPS_MAX) {
        let message =
            format!("This runbook has {} steps, but at most {STEPS_MAX} are read.", draft.names.count);
        faults.error(Code::TooMany, node.span, message);
    }
    let outputs =
        fields.get("outputs").map(|node| read_outputs(node, &mut draft, faults)).unwrap_or_default();
    if let Some(node) = fields.get("files") {
        draft.files.globs(node, faults);
    }
    let files = draft.files.finish(fields.span, faults).unwrap_or_default();
    for key in [SNAPSHOT, VERIFY] {
        let named = draft.names.place_of(key);
        if let Some(span) = named.filter(|_| fields.get(key).is_some()) {
            let message =
                format!("The step name `{key}` is that of the step which `{key}:` of the runbook makes.");
            faults.error(Code::DuplicateStep, span, message).hint("Give your step another name.");
        }
    }
    let mut places = draft.places;
    let strongest =
        [&read_steps, &on_failure, &cleanup].into_iter().filter_map(|list| strongest_effect(list)).max();
    let mut runbook = Runbook {
        name: name.unwrap_or_default(),
        title: fields.text("title", faults).map(str::to_owned),
        description: fields.text("description", faults).map(str::to_owned),
        service: fields.get("service").and_then(|node| {
            places.put("service", node.span);
            read_name(node, "The name of a service", faults)
        }),
        environment: fields.get("environment").and_then(|node| read_label(node, "`environment`", faults)),
        change_class: fields.get("change_class").and_then(|node| read_change_class(node, faults)),
        labels: fields.get("labels").map(|node| read_labels(node, faults)).unwrap_or_default(),
        inputs,
        rules,
        steps: read_steps,
        on_failure,
        cleanup,
        outputs,
        effect: strongest.unwrap_or(Effect::Change),
        timeout_s: fields.get("timeout").and_then(|node| quantity::timeout(node, "`timeout`", faults)),
        output_limit: fields
            .get("output_limit")
            .and_then(|node| quantity::size(node, "`output_limit`", faults))
            .unwrap_or(OUTPUT_LIMIT_DEFAULT),
        concurrency: fields.get("concurrency").and_then(|node| read_concurrency(node, &mut places, faults)),
        on_lost: fields.get("on_lost").and_then(|node| read_on_lost(node, faults)).unwrap_or_default(),
        max_targets: fields
            .get("max_targets")
            .and_then(|node| quantity::count(node, "`max_targets`", 1..=TARGETS_MAX as i64, faults)),
        grace_s: fields.get("grace").and_then(|node| quantity::timeout(node, "`grace`", faults)),
        limits: fields.get("limits").and_then(|node| read_limits(node, faults)).unwrap_or_default(),
        run_as: fields.get("run_as").and_then(|node| read_user(node, faults)),
        probe: None,
        collects: None,
        snapshot: Vec::new(),
        verify: None,
    };
    watch::read_watch(&fields, &mut runbook, &mut places, faults);
    if let Some(node) = fields.get("on_lost").filter(|_| runbook.on_lost == OnLost::Retry) {
        check_safe(&runbook, node, faults);
    }
    Some(Read { runbook, files, places })
}

fn read_rules(node: &Node, draft: &mut Draft<'_>, faults: &mut Faults<'_>) -> Vec<Rule> {
    let items = fields::sequence(node, "`rules`", faults).unwrap_or_default();
    if items.len() > RULES_MAX {
        let message = format!("This runbook has {} rules, but at most {RULES_MAX} are read.", items.len());
        faults.error(Code::TooMany, node.span, message);
        return Vec::new();
    }
    let mut rules = Vec::new();
    for item in items {
        let Some(fields) = Fields::open(item, &RULE_KEYS, "A rule", faults) else { continue };
        let hint = "Say what must be true: `check: inputs.from <= inputs.to`.";
        let check = fields.require("check", hint, faults);
        let text = check.and_then(|node| fields::text(node, "`check`", faults));
        let hint = "Say what is wrong when it is not: `message: The first day is after the last`.";
        let message = fields.require("message", hint, faults);
        let message = message.and_then(|node| fields::some_text(node, "`message`", faults));
        if let (Some(node), Some(check), Some(message)) = (check, text, message) {
            draft.places.put(format!("rules/{}", rules.len()), node.span);
            rules.push(Rule { check: Expression(check.to_owned()), message: message.to_owned() });
        }
    }
    rules
}

fn read_outputs(node: &Node, draft: &mut Draft<'_>, faults: &mut Faults<'_>) -> BTreeMap<String, Template> {
    if let Content::Mapping(entries) = &node.content {
        entries.iter().for_each(|entry| check_output_name(&entry.key.text, entry.key.span, faults));
    }
    input::read_templates(node, "`outputs`", "outputs", &mut draft.places, faults)
}

fn read_change_class(node: &Node, faults: &mut Faults<'_>) -> Option<ChangeClass> {
    let name = fields::one_of(node, "`change_class`", &ChangeClass::ALL.map(ChangeClass::name), faults)?;
    ChangeClass::ALL.into_iter().find(|class| class.name() == name)
}

/// A short word.
pub(crate) fn read_label(node: &Node, what: &str, faults: &mut Faults<'_>) -> Option<String> {
    let text = fields::some_text(node, what, faults)?;
    if text.chars().count() > 200 || text.contains(char::is_control) {
        let message = format!("{what} must be one line of at most 200 characters.");
        faults.error(Code::OutOfBounds, node.span, message);
        return None;
    }
    Some(text.to_owned())
}

pub(crate) fn read_labels(node: &Node, faults: &mut Faults<'_>) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::new();
    for entry in fields::entries(node, "`labels`", faults).unwrap_or_default() {
        let key = &entry.key.text;
        let good = !key.is_empty()
            && key.len() <= 63
            && key.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-./".contains(&b));
        if !good {
            let message = format!(
                "The label {} must be letters, digits, `_`, `-`, `.` and `/` (at most 63).",
                quoted(key)
            );
            faults.error(Code::BadIdentifier, entry.key.span, message);
        }
        if let Some(value) = read_label(&entry.value, &format!("The label {}", quoted(key)), faults) {
            labels.insert(key.clone(), value);
        }
    }
    labels
}

fn read_concurrency(node: &Node, places: &mut Places, faults: &mut Faults<'_>) -> Option<Concurrency> {
    let fields = Fields::open(node, &CONCURRENCY_KEYS, "`concurrency`", faults)?;
    let key = fields.require("key", "Name what may be busy: `key: [web, {input: region}]`.", faults);
    let key = key.and_then(|node| {
        let items = match &node.content {
            Content::Sequence(items) => items.iter().collect(),
            _ => vec![node],
        };
        if items.is_empty() || items.len() > 20 {
            faults.error(Code::OutOfBounds, node.span, "`key` must have 1 to 20 parts.");
            return None;
        }
        let mut parts = Vec::new();
        for (index, item) in items.iter().enumerate() {
            places.put(format!("concurrency/key/{index}"), item.span);
            parts.push(match &item.content {
                Content::Mapping(_) => read_input_name(item, faults).map(KeyPart::Input),
                _ => read_label(item, "A part of `key`", faults).map(KeyPart::Text),
            });
        }
        parts.into_iter().collect::<Option<Vec<_>>>()
    });
    let limit = match fields.get("limit") {
        None => Some(1),
        Some(node) => quantity::count(node, "`limit`", 1..=CONCURRENCY_MAX, faults),
    };
    let when_full = match fields.get("when_full") {
        None => Some("queue"),
        Some(node) => fields::one_of(node, "`when_full`", &["queue", "refuse"], faults),
    };
    let when_full = if when_full? == "queue" { WhenFull::Queue } else { WhenFull::Refuse };
    Some(Concurrency { key: key?, limit: limit?, when_full })
}

/// `ask`, `unknown`, `retry`, or how long it is asked.
fn read_on_lost(node: &Node, faults: &mut Faults<'_>) -> Option<OnLost> {
    match &node.content {
        Content::Text(text) if text == "ask" => Some(OnLost::default()),
        Content::Text(text) if text == "unknown" => Some(OnLost::Unknown),
        Content::Text(text) if text == "retry" => Some(OnLost::Retry),
        Content::Text(text) if text.bytes().all(|b| b.is_ascii_lowercase()) => {
            fields::one_of(node, "`on_lost`", &["ask", "unknown", "retry"], faults);
            None
        }
        _ => quantity::timeout(node, "`on_lost`", faults).map(|for_s| OnLost::Ask { for_s }),
    }
}

/// Only what is safe to repeat may be repeated whatever it did (law 4).
fn check_safe(runbook: &Runbook, node: &Node, faults: &mut Faults<'_>) {
    let performed = |step: &&&Step| {
        matches!(
            step.action,
            StepAction::Run { .. } | StepAction::Command { .. } | StepAction::Http(_) | StepAction::Check(_)
        )
    };
    let steps = runbook.written_steps();
    let unsafe_names: Vec<&str> = steps
        .iter()
        .filter(performed)
        .filter(|step| !step.is_safe())
        .map(|step| step.name.as_str())
        .collect();
    if let Some(first) = unsafe_names.first() {
        let others = match unsafe_names.len() - 1 {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let message = format!(
            "`on_lost: retry` is only for runbooks whose steps are all safe to repeat, but {}{others} is not known to be.",
            quoted(first)
        );
        faults
            .error(Code::UnsafeRetry, node.span, message)
            .hint("A step is safe if it says `effect: read` or `idempotent: true`.");
    }
}

fn read_limits(node: &Node, faults: &mut Faults<'_>) -> Option<Limits> {
    let fields = Fields::open(node, &LIMITS_KEYS, "`limits`", faults)?;
    Some(Limits {
        memory_bytes: fields.get("memory").and_then(|node| quantity::size(node, "`memory`", faults)),
        cpu_milli: fields.get("cpu").and_then(|node| read_cpu(node, faults)),
        processes: fields
            .get("processes")
            .and_then(|node| quantity::count(node, "`processes`", 1..=1_000_000, faults)),
    })
}

/// Cores, as `1.5`, or of one core, as `50%`.
fn read_cpu(node: &Node, faults: &mut Faults<'_>) -> Option<u32> {
    let milli = match &node.content {
        Content::Integer(cores) => Some(*cores as f64 * 1000.0),
        Content::Decimal(cores) => Some(cores * 1000.0),
        Content::Text(text) => quantity::percent(text).map(|percent| f64::from(percent) * 10.0),
        _ => None,
    };
    match milli {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is within the bounds"
        )]
        Some(milli) if (1.0..=1_000_000.0).contains(&milli) => Some(milli.round() as u32),
        _ => {
            faults
                .error(
                    Code::OutOfBounds,
                    node.span,
                    "`cpu` must be a number of cores between 0.001 and 1000.",
                )
                .hint("For example `1.5`, or `50%` of one core.");
            None
        }
    }
}

fn read_user(node: &Node, faults: &mut Faults<'_>) -> Option<String> {
    let text = fields::some_text(node, "`run_as`", faults)?;
    let first = text.bytes().next();
    let good = text.len() <= 32
        && first.is_some_and(|b| b.is_ascii_lowercase() || b == b'_')
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-".contains(&b));
    if !good {
        faults.error(Code::BadName, node.span, format!("{} is no name of a local user.", quoted(text)));
        return None;
    }
    Some(text.to_owned())
}
