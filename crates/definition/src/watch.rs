//! What a runbook says of the view: `probe`, `collects`, `snapshot` and `verify`.

use model::{
    inventory::PRODUCTION,
    name::is_identifier,
    runbook::{Runbook, Template},
    watch::{Collects, Probe, Signal, Verify},
};

use crate::{
    fault::{Code, Faults, quoted},
    fields::{self, Fields, Keys},
    input::{identifier_like, read_name},
    limits::{BAD_AFTER_MAX, SIGNALS_MAX, TIMEOUT_MAX_S},
    places::Places,
    quantity,
    runbook::read_label,
    service::each,
    tree::{Content, Node},
};

pub(crate) const PROBE_KEYS: Keys = Keys {
    of: "`probe`",
    known: &["service", "environment", "every", "bad_after", "stale_after"],
    later: &[],
};
pub(crate) const COLLECTS_KEYS: Keys =
    Keys { of: "`collects`", known: &["service", "environment", "every", "expire"], later: &[] };
pub(crate) const VERIFY_KEYS: Keys = Keys { of: "`verify`", known: &["within", "hold", "all"], later: &[] };
pub(crate) const SIGNAL_KEYS: Keys = Keys {
    of: "a signal",
    known: &["probe", "fact", "equals", "service", "environment"],
    // Objectives and their burn rates.
    later: &["slo", "burn_5m", "burn_30m", "burn_1h", "burn_6h", "burn_3d"],
};

/// Reads them into a runbook whose own `service` and `environment` are known.
pub(crate) fn read_watch(
    fields: &Fields<'_>,
    runbook: &mut Runbook,
    places: &mut Places,
    faults: &mut Faults<'_>,
) {
    if let Some(node) = fields.get("probe") {
        places.put("probe", node.span);
        runbook.probe = read_probe(node, runbook, places, faults);
    }
    if let Some(node) = fields.get("collects") {
        places.put("collects", node.span);
        runbook.collects = read_collects(node, runbook, places, faults);
    }
    if let (Some(probe), Some(collects)) = (fields.entry("probe"), fields.entry("collects")) {
        let second = if probe.key.span.start < collects.key.span.start { collects } else { probe };
        faults
            .error(Code::SeveralActions, second.key.span, "A runbook is a probe or a collector, not both.")
            .hint("Make two runbooks of it; both may call a third one.");
    }
    if let Some(node) = fields.get("snapshot") {
        for (name, item) in each(node, "`snapshot`", "The name of a collector", faults, read_name) {
            places.put(format!("snapshot/{name}"), item.span);
            runbook.snapshot.push(name);
        }
    }
    if let Some(node) = fields.get("verify") {
        runbook.verify = read_verify(node, runbook, places, faults);
    }
}

/// Service and environment: those that are written, else the runbook's own.
fn read_where(
    fields: &Fields<'_>,
    key: &str,
    runbook: &Runbook,
    places: &mut Places,
    faults: &mut Faults<'_>,
) -> (Option<String>, Option<String>) {
    let service = match fields.get("service") {
        Some(node) => {
            places.put(format!("{key}/service"), node.span);
            read_name(node, "The name of a service", faults)
        }
        None if runbook.service.is_some() => runbook.service.clone(),
        None => {
            let hint = "Name it here, or at the top of the runbook: `service: shop`.";
            fields.require("service", hint, faults);
            None
        }
    };
    let environment = match fields.get("environment") {
        Some(node) => {
            places.put(format!("{key}/environment"), node.span);
            read_label(node, "`environment`", faults)
        }
        None => Some(runbook.environment.clone().unwrap_or_else(|| PRODUCTION.to_owned())),
    };
    (service, environment)
}

fn read_every(fields: &Fields<'_>, faults: &mut Faults<'_>) -> Option<u64> {
    let node = fields.require("every", "Say how often it is run: `every: 30s`.", faults)?;
    quantity::timeout(node, "`every`", faults)
}

/// A time that is longer than an interval.
fn read_longer(fields: &Fields<'_>, key: &str, every_s: Option<u64>, faults: &mut Faults<'_>) -> Option<u64> {
    let node = fields.get(key)?;
    let seconds = quantity::timeout(node, &format!("`{key}`"), faults)?;
    if every_s.is_some_and(|every_s| seconds <= every_s) {
        let message =
            format!("`{key}` must be longer than `every`: else all is too old before it is seen again.");
        faults.error(Code::BadBounds, node.span, message).hint("Three times `every` is a good beginning.");
        return None;
    }
    Some(seconds)
}

fn read_probe(node: &Node, runbook: &Runbook, places: &mut Places, faults: &mut Faults<'_>) -> Option<Probe> {
    let fields = Fields::open(node, &PROBE_KEYS, "`probe`", faults)?;
    let (service, environment) = read_where(&fields, "probe", runbook, places, faults);
    let every_s = read_every(&fields, faults);
    let bad_after = match fields.get("bad_after") {
        None => Some(1),
        Some(node) => quantity::count(node, "`bad_after`", 1..=BAD_AFTER_MAX, faults),
    };
    let stale_after_s = match fields.get("stale_after") {
        None => every_s.map(|every_s| every_s.saturating_mul(Probe::STALE_INTERVALS).min(3 * TIMEOUT_MAX_S)),
        Some(_) => read_longer(&fields, "stale_after", every_s, faults),
    };
    Some(Probe {
        service: service?,
        environment: environment?,
        every_s: every_s?,
        bad_after: bad_after?,
        stale_after_s: stale_after_s?,
    })
}

fn read_collects(
    node: &Node,
    runbook: &Runbook,
    places: &mut Places,
    faults: &mut Faults<'_>,
) -> Option<Collects> {
    let fields = Fields::open(node, &COLLECTS_KEYS, "`collects`", faults)?;
    let (service, environment) = read_where(&fields, "collects", runbook, places, faults);
    let every_s = read_every(&fields, faults);
    fields.require("expire", "Say how long a fact counts that is not seen again: `expire: 1h`.", faults);
    let expire_s = read_longer(&fields, "expire", every_s, faults);
    Some(Collects { service: service?, environment: environment?, every_s: every_s?, expire_s: expire_s? })
}

fn read_verify(
    node: &Node,
    runbook: &Runbook,
    places: &mut Places,
    faults: &mut Faults<'_>,
) -> Option<Verify> {
    let fields = Fields::open(node, &VERIFY_KEYS, "`verify`", faults)?;
    let within = fields.require("within", "Say in which time it must hold: `within: 10m`.", faults);
    let within_s = within.and_then(|node| quantity::timeout(node, "`within`", faults));
    let hold_s = fields.get("hold").and_then(|node| quantity::timeout(node, "`hold`", faults));
    if let (Some(within_s), Some(hold_s), Some(node)) = (within_s, hold_s, fields.get("hold"))
        && hold_s >= within_s
    {
        faults.error(
            Code::BadBounds,
            node.span,
            "`hold` must be shorter than `within`, so that there is time for it.",
        );
    }
    let all = fields.require("all", "List what must hold: `all: [{probe: check-shop}]`.", faults)?;
    let items = fields::sequence(all, "`all`", faults)?;
    if items.is_empty() || items.len() > SIGNALS_MAX {
        let message = format!("`all` must list 1 to {SIGNALS_MAX} signals, but it lists {}.", items.len());
        faults.error(Code::OutOfBounds, all.span, message);
        return None;
    }
    let mut signals = Vec::with_capacity(items.len());
    for item in items {
        let key = format!("verify/{}", signals.len());
        signals.extend(read_signal(item, &key, runbook, places, faults));
    }
    Some(Verify { within_s: within_s?, hold_s, all: signals })
}

fn read_signal(
    item: &Node,
    key: &str,
    runbook: &Runbook,
    places: &mut Places,
    faults: &mut Faults<'_>,
) -> Option<Signal> {
    let before = faults.count();
    let fields = Fields::open(item, &SIGNAL_KEYS, "A signal", faults)?;
    places.put(key, item.span);
    match (fields.entry("probe"), fields.entry("fact")) {
        (Some(probe), None) => {
            for other in ["equals", "service", "environment"] {
                if let Some(entry) = fields.entry(other) {
                    let message =
                        format!("`{other}` has no meaning with `probe`, which says itself what it looks at.");
                    faults.error(Code::KeyWithoutMeaning, entry.key.span, message).hint("Leave it out.");
                }
            }
            places.put(format!("{key}/probe"), probe.value.span);
            read_name(&probe.value, "The name of a probe", faults).map(Signal::Probe)
        }
        (None, Some(fact)) => {
            let (service, environment) = read_where(&fields, key, runbook, places, faults);
            let fact_key = fields::some_text(&fact.value, "`fact`", faults);
            if let Some(text) = fact_key.filter(|text| !is_identifier(text)) {
                let message = format!(
                    "The key of a fact must be lower-case letters, digits and `_`, and begin with a letter (at most 63), but it is {}.",
                    quoted(text)
                );
                let told = faults.error(Code::BadIdentifier, fact.value.span, message);
                if let Some(better) = identifier_like(text) {
                    told.hint(format!("For example `{better}`."));
                }
            }
            let hint = "Say what it must be: `equals: '{{ inputs.version }}'`.";
            let equals = fields.require("equals", hint, faults);
            let equals = equals.and_then(|node| {
                places.put(format!("{key}/equals"), node.span);
                match &node.content {
                    // Facts are texts; a number is its own.
                    Content::Integer(_) | Content::Boolean(_) | Content::Decimal(_) => {
                        Some(faults.source.slice(node.span))
                    }
                    _ => fields::text(node, "`equals`", faults),
                }
            });
            Some(Signal::Fact {
                service: service?,
                environment: environment?,
                key: fact_key?.to_owned(),
                equals: Template(equals?.to_owned()),
            })
        }
        (Some(_), Some(fact)) => {
            faults
                .error(Code::SeveralActions, fact.key.span, "A signal is a `probe` or a `fact`, not both.")
                .hint("Make two of it.");
            None
        }
        (None, None) => {
            // One of a later stage has been told.
            if !faults.errors_since(before) {
                faults
                    .error(Code::MissingKey, item.span, "What this signal looks at is not said.")
                    .hint("Write `probe: NAME`, or `fact: KEY` with `equals`.");
            }
            None
        }
    }
}
