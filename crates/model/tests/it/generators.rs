//! Random runs, events and texts.

use std::collections::BTreeMap;

use jiff::Timestamp;
use model::{
    id::{PrincipalId, RunId, Uuid},
    name::Digest,
    run::{Cause, PlannedStep, Requested, Requester, RunEvent, RunState, StepEnd, StepOutcome},
    runbook::{Effect, InputValue, InputValues},
};
use proptest::prelude::*;

pub const CAUSES: [Cause; 8] = [
    Cause::Exit,
    Cause::Signal,
    Cause::Timeout,
    Cause::CannotStart,
    Cause::BadOutput,
    Cause::Canceled,
    Cause::ServerLost,
    Cause::LeftProcesses,
];

/// Any text at all: control characters, quotes, NUL, characters outside the basic plane; now and then a known trap.
pub fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::collection::vec(any::<char>(), 0..12).prop_map(|chars| chars.into_iter().collect()),
        1 => prop::sample::select(vec![
            "'; rm -rf / #", "$(id)", "\"", "\\", "\\u0000", "\u{0}", "\u{feff}", "🚦", "\r\n", "true", "-7", "null",
            "{{ target }}", "\u{202e}abc", "type", "data",
        ]).prop_map(str::to_owned),
    ]
}

pub fn uuid() -> impl Strategy<Value = Uuid> {
    any::<u128>().prop_map(Uuid::from_u128)
}

pub fn digest() -> impl Strategy<Value = Digest> {
    any::<[u8; 32]>().prop_map(|bytes| Digest::from_bytes(&bytes))
}

/// Any instant that RFC 3339 can write, to the nanosecond.
pub fn instant() -> impl Strategy<Value = Timestamp> {
    (0_i64..4_000_000_000, 0_i32..1_000_000_000).prop_map(|(s, ns)| Timestamp::new(s, ns).unwrap())
}

pub fn effect() -> impl Strategy<Value = Effect> {
    prop::sample::select(Effect::ALL.to_vec())
}

pub fn requester() -> impl Strategy<Value = Requester> {
    (uuid(), text()).prop_map(|(id, name)| Requester { id: PrincipalId(id), name })
}

pub fn input_value() -> impl Strategy<Value = InputValue> {
    prop_oneof![
        any::<bool>().prop_map(InputValue::Boolean),
        any::<i64>().prop_map(InputValue::Integer),
        text().prop_map(InputValue::Text),
    ]
}

pub fn inputs() -> impl Strategy<Value = InputValues> {
    prop::collection::btree_map("[a-z][a-z0-9_]{0,8}", input_value(), 0..4)
}

/// A request of a run with these numbers of steps.
pub fn requested(steps: std::ops::RangeInclusive<usize>) -> impl Strategy<Value = Requested> {
    let planned = (effect(), prop::sample::select(vec!["run", "command"]))
        .prop_map(|(effect, action)| (effect, action));
    let who = (uuid(), requester(), text(), digest(), digest());
    let what = (inputs(), prop::option::of(text()), prop::option::of(text()), prop::option::of(text()));
    (who, what, effect(), prop::option::of(any::<u64>()), prop::collection::vec(planned, steps)).prop_map(
        |(
            (id, by, via, digest, inputs_digest),
            (inputs, reason, title, service),
            effect,
            timeout_s,
            steps,
        )| {
            let steps = steps.into_iter().enumerate().map(|(place, (effect, action))| PlannedStep {
                name: format!("step_{}", place + 1),
                action: action.into(),
                effect,
            });
            Requested {
                id: RunId(id),
                project: "default".into(),
                digest,
                inputs_digest,
                inputs,
                reason,
                by,
                via,
                runbook: "restart-web".into(),
                title,
                service,
                effect,
                timeout_s,
                steps: steps.collect(),
            }
        },
    )
}

pub fn outcome() -> impl Strategy<Value = StepOutcome> {
    prop_oneof![
        6 => Just(StepOutcome::Succeeded),
        1 => Just(StepOutcome::Failed),
        1 => Just(StepOutcome::Canceled),
        1 => Just(StepOutcome::Unknown),
    ]
}

/// Any end that a runner could report, contradictory ones included.
pub fn end() -> impl Strategy<Value = StepEnd> {
    let numbers = (prop::option::of(any::<i32>()), prop::option::of(1..64_i32));
    let outputs = prop_oneof![
        2 => Just(BTreeMap::new()),
        1 => prop::collection::btree_map(text(), text(), 0..3),
    ];
    (
        outcome(),
        prop::option::of(prop::sample::select(CAUSES.to_vec())),
        prop::option::of(text()),
        numbers,
        outputs,
    )
        .prop_map(|(outcome, cause, message, (exit_code, signal), outputs)| StepEnd {
            outcome,
            cause,
            message,
            exit_code,
            signal,
            outputs,
        })
}

pub fn run_state() -> impl Strategy<Value = RunState> {
    prop::sample::select(RunState::ALL.to_vec())
}

/// An event with any places and attempts, near ones more often.
pub fn event() -> impl Strategy<Value = RunEvent> {
    let place = || prop_oneof![8 => 0..9_u32, 1 => any::<u32>()];
    let attempt = || prop_oneof![8 => 0..3_u32, 1 => any::<u32>()];
    prop_oneof![
        requested(0..=8).prop_map(|requested| RunEvent::Requested(Box::new(requested))),
        Just(RunEvent::Started {}),
        (place(), attempt()).prop_map(|(step, attempt)| RunEvent::StepStarted { step, attempt }),
        (place(), attempt(), end()).prop_map(|(step, attempt, end)| RunEvent::StepFinished {
            step,
            attempt,
            end
        }),
        requester().prop_map(|by| RunEvent::CancelRequested { by }),
        (run_state(), prop::option::of(prop::sample::select(CAUSES.to_vec())), prop::option::of(text()))
            .prop_map(|(state, cause, message)| RunEvent::Finished { state, cause, message }),
    ]
}
