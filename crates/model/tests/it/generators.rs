//! Random runs, events and texts.

use std::collections::BTreeMap;

use jiff::Timestamp;
use model::{
    id::{PrincipalId, RunId, Uuid},
    name::Digest,
    run::{
        Answer, AnswerVerdict, Awaited, Branch, Cause, Expected, Phase, Requested, Requester, RunEvent,
        RunState, Seen, StepEnd, StepOutcome, Stopping, UploadedFile, Verifying, Wait, WaitReason,
    },
    runbook::{Effect, Evidence, InputKind, InputValue, InputValues, Step},
};
use proptest::prelude::*;
use serde_json::json;

use crate::programs::{Program, input, runbook, script, targets};

pub const CAUSES: [Cause; 16] = [
    Cause::Exit,
    Cause::Signal,
    Cause::Timeout,
    Cause::CannotStart,
    Cause::BadOutput,
    Cause::Canceled,
    Cause::ServerLost,
    Cause::LeftProcesses,
    Cause::OutOfMemory,
    Cause::Lost,
    Cause::BadExpression,
    Cause::Declined,
    Cause::NotAsExpected,
    Cause::Verify,
    Cause::Busy,
    Cause::StepFailed,
];

/// Any text at all: control characters, quotes, NUL, characters outside the basic plane; now and then a known trap.
pub fn text() -> BoxedStrategy<String> {
    prop_oneof![
        4 => prop::collection::vec(any::<char>(), 0..12).prop_map(|chars| chars.into_iter().collect()),
        1 => prop::sample::select(vec![
            "'; rm -rf / #", "$(id)", "\"", "\\", "\\u0000", "\u{0}", "\u{feff}", "🚦", "\r\n", "true", "-7", "null",
            "{{ target }}", "\u{202e}abc", "type", "data",
        ]).prop_map(str::to_owned),
    ]
    .boxed()
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

pub fn input_value() -> BoxedStrategy<InputValue> {
    prop_oneof![
        any::<bool>().prop_map(InputValue::Boolean),
        any::<i64>().prop_map(InputValue::Integer),
        text().prop_map(InputValue::Text),
        prop::collection::vec(text(), 0..3).prop_map(|items| InputValue::Json(json!(items))),
        Just(InputValue::Json(json!(0.5))),
        Just(InputValue::sealed()),
    ]
    .boxed()
}

pub fn inputs() -> BoxedStrategy<InputValues> {
    prop::collection::btree_map("[a-z][a-z0-9_]{0,8}", input_value(), 0..4).boxed()
}

/// A request of a run of such scripts, one after the other.
pub fn requested(steps: std::ops::RangeInclusive<usize>) -> BoxedStrategy<Requested> {
    let planned = (effect(), any::<bool>());
    let who = (uuid(), requester(), text(), digest(), (prop::option::of(digest()), digest()));
    let what = (inputs(), prop::option::of(text()), prop::option::of(text()), prop::option::of(text()));
    (who, what, prop::option::of(any::<u64>()), prop::collection::vec(planned, steps))
        .prop_map(
            |(
                (id, by, via, digest, (bundle, inputs_digest)),
                (inputs, reason, title, service),
                timeout_s,
                steps,
            )| {
                let steps = (1..).zip(steps).map(|(place, (effect, idempotent))| Step {
                    effect,
                    idempotent,
                    ..script(&format!("step_{place}"))
                });
                let program = Program::new(runbook("restart-web", steps.collect()));
                let id = RunId(id);
                Requested {
                    id,
                    by,
                    via,
                    digest,
                    bundle,
                    inputs_digest,
                    inputs,
                    reason,
                    title,
                    service,
                    timeout_s,
                    ..program.requested()
                }
            },
        )
        .boxed()
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
pub fn end() -> BoxedStrategy<StepEnd> {
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
            facts: BTreeMap::new(),
        })
        .boxed()
}

pub fn run_state() -> impl Strategy<Value = RunState> {
    prop::sample::select(RunState::ALL.to_vec())
}

fn json_value() -> impl Strategy<Value = serde_json::Value> {
    prop_oneof![
        text().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        Just(json!(null)),
        text().prop_map(|text| json!({"a": [text, 1.5]})),
    ]
}

pub fn wait_reason() -> BoxedStrategy<WaitReason> {
    let fields =
        || vec![input("n", InputKind::Number { min: Some(0.5), max: None }), input("b", InputKind::Boolean)];
    prop_oneof![
        Just(WaitReason::Runner),
        Just(WaitReason::Time),
        text().prop_map(move |instructions| WaitReason::Person {
            instructions,
            fields: fields(),
            evidence: Evidence::Optional
        }),
        text().prop_map(|message| WaitReason::Approval { message }),
        text().prop_map(|message| WaitReason::Retry { message }),
        (text(), any::<u32>()).prop_map(|(key, limit)| WaitReason::Lock { key, limit }),
        (any::<u32>(), text()).prop_map(|(attempt, message)| WaitReason::Lost { attempt, message }),
        text().prop_map(|collector| WaitReason::Snapshot { collectors: vec![collector] }),
        (prop::option::of(text()), text()).prop_map(|(policy, reason)| WaitReason::Policy { policy, reason }),
        (text(), prop::option::of(any::<u32>()), any::<bool>()).prop_map(|(says, hold, holds)| {
            let held_since = holds.then_some(Timestamp::UNIX_EPOCH);
            let seen = Seen { holds, says: says.clone(), holds_until: held_since };
            let probe = Awaited { signal: Expected::Probe { probe: says.clone() }, seen };
            let (service, environment, key, equals) = (says.clone(), says.clone(), says.clone(), says);
            let signal = Expected::Fact { service, environment, key, equals };
            let fact = Awaited { signal, seen: Seen::nothing() };
            let hold_s = hold.map(u64::from);
            let deadline = Timestamp::UNIX_EPOCH;
            WaitReason::Verify(Verifying { signals: vec![probe, fact], hold_s, held_since, deadline })
        }),
    ]
    .boxed()
}

pub fn wait() -> BoxedStrategy<Wait> {
    (wait_reason(), instant(), prop::option::of(instant()))
        .prop_map(|(reason, since, until)| Wait { reason, since, until })
        .boxed()
}

pub fn answer() -> BoxedStrategy<Answer> {
    let verdict = prop::sample::select(AnswerVerdict::ALL.to_vec());
    let file =
        (digest(), text(), any::<u64>()).prop_map(|(sha256, name, size)| UploadedFile { sha256, name, size });
    (requester(), instant(), verdict, prop::option::of(text()), prop::option::of(file))
        .prop_map(|(by, at, verdict, comment, evidence)| Answer { by, at, verdict, comment, evidence })
        .boxed()
}

fn branches() -> impl Strategy<Value = Vec<Branch>> {
    let items = prop::collection::vec(json_value(), 0..3)
        .prop_map(|values| (0..).zip(values).map(|(index, value)| Branch::Item { index, value }).collect());
    let on = (0..3_usize).prop_map(|count| targets(count).into_iter().map(Branch::Target).collect());
    prop_oneof![items, on]
}

/// An event with any places and attempts, near ones more often.
pub fn event() -> BoxedStrategy<RunEvent> {
    let place = || prop_oneof![8 => 0..9_u32, 1 => any::<u32>()];
    let attempt = || prop_oneof![8 => 0..3_u32, 1 => any::<u32>()];
    let owner = || prop::option::of(place());
    let cause = || prop::sample::select(CAUSES.to_vec());
    let outputs = prop::collection::btree_map(text(), text(), 0..3);
    let given = prop_oneof![
        requested(0..=8).prop_map(|requested| RunEvent::Requested(Box::new(requested))),
        (place(), attempt()).prop_map(|(step, attempt)| RunEvent::StepStarted { step, attempt }),
        (place(), attempt(), end()).prop_map(|(step, attempt, end)| RunEvent::StepFinished {
            step,
            attempt,
            end
        }),
        (place(), attempt(), cause(), text())
            .prop_map(|(step, attempt, cause, message)| RunEvent::StepLost { step, attempt, cause, message }),
        (place(), answer(), outputs).prop_map(|(step, answer, outputs)| RunEvent::StepAnswered {
            step,
            answer,
            outputs
        }),
        (place(), attempt(), answer()).prop_map(|(step, attempt, answer)| RunEvent::StepResolved {
            step,
            attempt,
            answer
        }),
        (place(), attempt(), prop::option::of(text()), text()).prop_map(|(step, attempt, policy, reason)| {
            RunEvent::StepParked { step, attempt, policy, reason }
        }),
        (place(), attempt()).prop_map(|(step, attempt)| RunEvent::StepUnparked { step, attempt }),
        requester().prop_map(|by| RunEvent::CancelRequested { by }),
        owner().prop_map(|step| RunEvent::LockGranted { step }),
        (place(), text()).prop_map(|(step, message)| RunEvent::LockRefused { step, message }),
        any::<u32>()
            .prop_map(|at| RunEvent::Restored { backup_of: Timestamp::from_second(i64::from(at)).unwrap() }),
        Just(RunEvent::Due {}),
        (place(), text(), any::<bool>()).prop_map(|(step, says, holds)| {
            let seen = vec![Seen { holds, says, holds_until: holds.then_some(Timestamp::UNIX_EPOCH) }];
            RunEvent::SignalsSeen { step, seen }
        }),
        (place(), prop::option::of(text())).prop_map(|(step, message)| RunEvent::Collected { step, message }),
    ];
    let phase = prop::sample::select(vec![Phase::Main, Phase::OnFailure, Phase::Cleanup]);
    let why = prop::sample::select(vec![Stopping::Canceled, Stopping::Timeout]);
    let derived = prop_oneof![
        Just(RunEvent::Started {}),
        (place(), attempt(), wait()).prop_map(|(step, attempt, wait)| RunEvent::StepWaiting {
            step,
            attempt,
            wait
        }),
        wait().prop_map(|wait| RunEvent::Waiting { wait }),
        (place(), branches()).prop_map(|(step, branches)| RunEvent::StepExpanded { step, branches }),
        (place(), inputs()).prop_map(|(step, inputs)| RunEvent::StepCalled { step, inputs }),
        (place(), text()).prop_map(|(step, message)| RunEvent::StepSkipped { step, message }),
        (place(), attempt(), end()).prop_map(|(step, attempt, end)| RunEvent::AttemptFinished {
            step,
            attempt,
            end
        }),
        (owner(), phase, end()).prop_map(|(step, phase, verdict)| RunEvent::PhaseEntered {
            step,
            phase,
            verdict
        }),
        (owner(), why).prop_map(|(step, why)| RunEvent::StoppingBegan { step, why }),
        (run_state(), prop::option::of(cause()), prop::option::of(text()))
            .prop_map(|(state, cause, message)| RunEvent::Finished { state, cause, message }),
    ];
    prop_oneof![given.boxed(), derived.boxed()].boxed()
}
