//! `kind: Schedule`: when a runbook is run, and with what.

use std::collections::BTreeMap;

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use model::schedule::{CatchUp, Overlap, Schedule, When};
use schedule::{BadTiming, Timing};

use crate::{
    fault::{Code, Faults, quoted},
    fields::{self, Fields, Keys},
    input::read_name,
    limits::{CRON_MAX, REASON_MAX},
    places::Places,
    quantity, suggest,
    tree::{Content, Node},
    value,
};

pub(crate) const KEYS: Keys = Keys {
    of: "a schedule",
    known: &[
        "kind",
        "name",
        "title",
        "description",
        "runbook",
        "inputs",
        "reason",
        "cron",
        "every",
        "zone",
        "jitter",
        "catch_up",
        "overlap",
        "from",
        "until",
    ],
    later: &["calendar"],
};

pub(crate) fn read_schedule(root: &Node, faults: &mut Faults<'_>) -> Option<(Schedule, Places)> {
    let fields = Fields::open(root, &KEYS, "A schedule", faults)?;
    let mut places = Places::default();
    let name = fields
        .require("name", "Add a name, like `name: nightly-restart`.", faults)
        .and_then(|node| read_name(node, "The name of a schedule", faults));
    let runbook = fields.require("runbook", "Say what is run: `runbook: restart-web`.", faults);
    let runbook = runbook.and_then(|node| {
        places.put("runbook", node.span);
        read_name(node, "The name of a runbook", faults)
    });
    let inputs = fields.get("inputs").map(|node| read_inputs(node, &mut places, faults)).unwrap_or_default();
    let before = faults.count();
    let (zone_name, zone) = read_zone(&fields, faults);
    let when = read_when(&fields, &zone_name, faults);
    let from = fields.get("from").and_then(|node| read_moment(node, "`from`", &zone, false, faults));
    let until = fields.get("until").and_then(|node| read_moment(node, "`until`", &zone, true, faults));
    let jitter_s = fields.get("jitter").and_then(|node| quantity::timeout(node, "`jitter`", faults));
    let one_of = |key: &str, known: &[&'static str], faults: &mut Faults<'_>| {
        let name = fields.get(key).and_then(|node| fields::one_of(node, &format!("`{key}`"), known, faults));
        name.unwrap_or_default()
    };
    let catch_up = one_of("catch_up", &CatchUp::ALL.map(CatchUp::name), faults);
    let overlap = one_of("overlap", &Overlap::ALL.map(Overlap::name), faults);
    let mut schedule = Schedule {
        name: name.unwrap_or_default(),
        title: fields.text("title", faults).map(str::to_owned),
        description: fields.text("description", faults).map(str::to_owned),
        runbook: runbook.unwrap_or_default(),
        inputs,
        reason: fields.get("reason").and_then(|node| read_reason(node, faults)),
        when: When::Every { every_s: 1 },
        jitter_s,
        catch_up: CatchUp::ALL.into_iter().find(|it| it.name() == catch_up).unwrap_or_default(),
        overlap: Overlap::ALL.into_iter().find(|it| it.name() == overlap).unwrap_or_default(),
        from,
        until,
    };
    // What is wrong has been told, and what depends on it is not judged.
    if let Some(when) = when.filter(|_| !faults.errors_since(before)) {
        schedule.when = when;
        check_timing(&schedule, &fields, faults);
    }
    Some((schedule, places))
}

/// Values as they are written; what they must be, the runbook says.
fn read_inputs(
    node: &Node,
    places: &mut Places,
    faults: &mut Faults<'_>,
) -> BTreeMap<String, serde_json::Value> {
    places.put("inputs", node.span);
    let mut inputs = BTreeMap::new();
    for entry in fields::entries(node, "`inputs`", faults).unwrap_or_default() {
        places.put(format!("inputs/{}", entry.key.text), entry.value.span);
        inputs.insert(entry.key.text.clone(), entry.value.to_json());
    }
    inputs
}

fn read_reason(node: &Node, faults: &mut Faults<'_>) -> Option<String> {
    let text = fields::some_text(node, "`reason`", faults)?;
    if text.chars().count() > REASON_MAX {
        let message = format!("`reason` has at most {REASON_MAX} characters.");
        faults.error(Code::OutOfBounds, node.span, message);
        return None;
    }
    Some(text.to_owned())
}

/// The zone and its name; UTC if there is none or none that can be found.
fn read_zone(fields: &Fields<'_>, faults: &mut Faults<'_>) -> (String, TimeZone) {
    let utc = || ("UTC".to_owned(), TimeZone::UTC);
    let Some(entry) = fields.entry("zone") else { return utc() };
    if fields.entry("every").is_some() && fields.entry("cron").is_none() {
        faults
            .error(
                Code::KeyWithoutMeaning,
                entry.key.span,
                "`zone` has no meaning with `every`: intervals run on absolute time.",
            )
            .hint("Leave it out, or write `cron`.");
        return utc();
    }
    let Some(name) = fields::some_text(&entry.value, "`zone`", faults) else { return utc() };
    if let Some(zone) = schedule::zone(name) {
        return (name.to_owned(), zone);
    }
    let names = schedule::zone_names();
    let told =
        faults.error(Code::UnknownZone, entry.value.span, format!("There is no time zone {}.", quoted(name)));
    match suggest::nearest(name, names.iter().map(String::as_str)) {
        Some(near) => told.hint(format!("Did you mean {}?", quoted(near))),
        None => told.hint("Zones are named as IANA does: `Europe/Berlin`, `America/New_York`, `UTC`."),
    }
    utc()
}

fn read_when(fields: &Fields<'_>, zone: &str, faults: &mut Faults<'_>) -> Option<When> {
    match (fields.entry("cron"), fields.entry("every")) {
        (Some(cron), None) => {
            let expressions = read_cron(&cron.value, faults)?;
            Some(When::Cron { expressions, zone: zone.to_owned() })
        }
        (None, Some(every)) => {
            let every_s = quantity::timeout(&every.value, "`every`", faults)?;
            Some(When::Every { every_s })
        }
        (Some(cron), Some(every)) => {
            let second = if cron.key.span.start < every.key.span.start { every } else { cron };
            faults
                .error(Code::SeveralActions, second.key.span, "A schedule has `cron` or `every`, not both.")
                .hint("Make two schedules of it: several may name one runbook.");
            None
        }
        (None, None) => {
            faults
                .error(Code::MissingKey, fields.span, "When this schedule fires is not said.")
                .hint("Write `cron: '0 3 * * *'`, or `every: 15m`.");
            None
        }
    }
}

/// One expression, or a list of them.
fn read_cron(node: &Node, faults: &mut Faults<'_>) -> Option<Vec<String>> {
    let items: Vec<&Node> = match &node.content {
        Content::Sequence(items) => items.iter().collect(),
        _ => vec![node],
    };
    if items.is_empty() || items.len() > CRON_MAX {
        let message = format!("`cron` must have 1 to {CRON_MAX} expressions, but it has {}.", items.len());
        faults.error(Code::OutOfBounds, node.span, message);
        return None;
    }
    let read = items.into_iter().map(|item| {
        let text = fields::some_text(item, "`cron`", faults)?;
        if let Err(BadTiming::Expression { why, .. }) = Timing::cron(&[text], "UTC") {
            let message = format!("The cron expression {} cannot be used: {why}.", quoted(text));
            faults
                .error(Code::BadCron, item.span, message)
                .hint("Minute, hour, day, month and weekday: `0 3 * * 1-5` is 03:00 from Monday to Friday.");
            return None;
        }
        Some(text.to_owned())
    });
    let read: Vec<Option<String>> = read.collect();
    read.into_iter().collect()
}

/// An instant, or a day in the schedule's zone: from its beginning on, and up to its end.
fn read_moment(
    node: &Node,
    what: &str,
    zone: &TimeZone,
    end: bool,
    faults: &mut Faults<'_>,
) -> Option<Timestamp> {
    let text = fields::some_text(node, what, faults)?;
    let day = value::date(text).and_then(|text| text.parse::<Date>().ok());
    let instant = match day {
        Some(day) => {
            let day = if end { day.tomorrow().ok() } else { Some(day) };
            day.and_then(|day| schedule::start_of_day(day, zone))
        }
        None => value::datetime(text).and_then(|text| text.parse().ok()),
    };
    if instant.is_none() {
        let message = format!("{what} must be a day or a moment, but it is {}.", quoted(text));
        faults
            .error(Code::BadMoment, node.span, message)
            .hint("For example `2026-12-01`, or with its offset `2026-12-01T06:00:00+01:00`.");
    }
    instant
}

fn check_timing(schedule: &Schedule, fields: &Fields<'_>, faults: &mut Faults<'_>) {
    // All that could be wrong with it has been told.
    let Ok(timing) = Timing::of(schedule) else { return };
    if let (Some(from), Some(until), Some(node)) = (schedule.from, schedule.until, fields.get("until"))
        && from >= until
    {
        faults.error(Code::BadBounds, node.span, "`until` is not after `from`, so that it never fires.");
        return;
    }
    // Any moment will do where none is given: what is looked at is longer than a year.
    let start =
        schedule.from.or_else(|| Timestamp::from_second(1_767_225_600).ok()).unwrap_or(Timestamp::UNIX_EPOCH);
    let just_before = start.checked_sub(jiff::SignedDuration::from_nanos(1)).unwrap_or(start);
    if let (Some(_), Some(node)) = (schedule.from, fields.get("until"))
        && timing.after(just_before).is_none()
    {
        faults.error(Code::BadBounds, node.span, "Between `from` and `until` it never fires.");
        return;
    }
    let (Some(jitter_s), Some(node)) = (schedule.jitter_s, fields.get("jitter")) else { return };
    if let Some(shortest) = timing.shortest_interval_s(just_before)
        && jitter_s >= shortest
    {
        let message = format!(
            "`jitter` must be shorter than the shortest time between two firings, which is {shortest} s."
        );
        faults
            .error(Code::OutOfBounds, node.span, message)
            .hint("Else a firing could be performed after the next one.");
    }
}
