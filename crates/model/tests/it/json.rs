//! What is written as JSON reads back the same, flattened and untagged parts included.

use std::{collections::BTreeMap, fmt::Debug, sync::Arc};

use model::{
    api::{
        Applied, ApplyOutcome, OutputChunk, OutputStream, Role, RunChange, RunView, RunbookView, StartRequest,
    },
    event::Event,
    id::{EventId, PrincipalId, RunId},
    run::{AnswerVerdict, Run, RunEvent, RunState, Stamped, StepState, transition},
    runbook::{
        ChoicesFrom, ComputedDefault, Expression, FileMode, Input, InputKind, InputValue, Limits, Rule,
        Runbook, StepAction, Template, VersionFile,
    },
    watch::{Probe, Signal, Verify},
};
use proptest::prelude::*;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{
    generators::{answer, digest, end, event, input_value, inputs, instant, requested, text, uuid, wait},
    language::Tiny,
    programs::{Choices, program},
};

/// As text, and by way of a [`Value`] as a database column goes.
fn comes_back<T: Serialize + DeserializeOwned + PartialEq + Debug>(it: &T) {
    let text = serde_json::to_string(it).unwrap();
    assert_eq!(&serde_json::from_str::<T>(&text).unwrap(), it, "{text}");
    let value: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(&serde_json::from_value::<T>(value).unwrap(), it, "{text}");
}

fn input() -> impl Strategy<Value = Input> {
    let some = || prop::option::of(text());
    let number = || prop::option::of(any::<u32>());
    let kind = prop_oneof![
        (some(), number(), number()).prop_map(|(pattern, min_length, max_length)| InputKind::String {
            pattern,
            min_length,
            max_length
        }),
        (number(), number()).prop_map(|(min_length, max_length)| InputKind::Text { min_length, max_length }),
        (any::<Option<i64>>(), any::<Option<i64>>()).prop_map(|(min, max)| InputKind::Integer { min, max }),
        Just(InputKind::Number { min: Some(-0.5), max: Some(1e300) }),
        Just(InputKind::Boolean),
        (prop::collection::vec(text(), 0..3), any::<bool>(), any::<bool>(), text()).prop_map(
            |(options, multiple, free, name)| {
                let from =
                    free.then(|| ChoicesFrom::Runbook { name, output: "o".into(), inputs: BTreeMap::new() });
                InputKind::Choice { options, multiple, free, from }
            }
        ),
        Just(InputKind::Date),
        Just(InputKind::Datetime),
        any::<Option<u64>>().prop_map(|min_s| InputKind::Duration { min_s, max_s: min_s }),
        Just(InputKind::Percentage),
        number().prop_map(|min_items| InputKind::List { min_items, max_items: None }),
        Just(InputKind::Json),
        any::<Option<u64>>().prop_map(|max_bytes| InputKind::File { max_bytes }),
        Just(InputKind::Secret),
    ];
    let from = prop::option::of(prop::sample::select(ComputedDefault::ALL.to_vec()));
    (text(), kind, any::<[bool; 2]>(), prop::option::of(input_value()), from, some(), some()).prop_map(
        |(name, kind, [required, policy_visible], default, default_from, description, show_if)| {
            let show_if = show_if.map(Expression);
            Input { name, kind, required, default, default_from, description, show_if, policy_visible }
        },
    )
}

/// Runbooks with steps of every kind, and any texts.
fn runbook() -> impl Strategy<Value = Runbook> {
    let numbers = prop::collection::vec(any::<u16>(), 0..120);
    let inputs = prop::collection::vec(input(), 0..3);
    (numbers, inputs, text(), any::<Option<u64>>(), any::<u64>()).prop_map(
        |(numbers, inputs, text, memory_bytes, output_limit)| {
            let mut runbook = program(&mut Choices::new(numbers)).runbook;
            runbook.title = Some(text.clone());
            runbook.labels.insert(text.clone(), text.clone());
            runbook.rules = vec![Rule { check: Expression(text.clone()), message: text.clone() }];
            runbook.limits = Limits { memory_bytes, ..Limits::default() };
            let (service, environment) = (text.clone(), text.clone());
            let probe = Probe { service, environment, every_s: 1, bad_after: 2, stale_after_s: output_limit };
            let (service, environment, key) = (text.clone(), text.clone(), text.clone());
            let equals = Template(text.clone());
            let signals =
                vec![Signal::Probe(text.clone()), Signal::Fact { service, environment, key, equals }];
            runbook.verify = Some(Verify { within_s: 9, hold_s: memory_bytes, all: signals });
            runbook.probe = memory_bytes.map(|_| probe);
            runbook.snapshot = vec![text.clone()];
            for step in &mut runbook.steps {
                step.secrets = vec![text.clone()];
                step.secret_env.insert(text.clone(), text.clone());
                if let StepAction::Runbook { secrets, .. } = &mut step.action {
                    secrets.insert(text.clone(), text.clone());
                }
            }
            Runbook { inputs, output_limit, run_as: Some(text), ..runbook }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn events_come_back_and_their_tag_is_their_kind(event in event(), at in instant()) {
        comes_back(&event);
        comes_back(&Stamped { at, event: event.clone() });
        let tagged = serde_json::to_value(&event).unwrap();
        prop_assert_eq!(&tagged["type"], &Value::from(event.kind()));
        prop_assert!(tagged["data"].is_object(), "each type says what it says as an object");
        prop_assert_eq!(tagged.as_object().unwrap().len(), 2);
    }

    #[test]
    fn runs_and_views_of_them_come_back(
        requested in requested(1..=4), at in instant(), end in end(), waits_for in prop::option::of(text()),
    ) {
        let begun = transition(None, at, RunEvent::Requested(Box::new(requested)), 0, &Tiny).unwrap().run;
        let started = transition(Some(&begun), at, RunEvent::StepStarted { step: 0, attempt: 1 }, 0, &Tiny).unwrap().run;
        let finished = RunEvent::StepFinished { step: 0, attempt: 1, end };
        let ended = transition(Some(&started), at, finished, 0, &Tiny).unwrap().run;
        for run in [begun, started, ended] {
            // The plan is kept beside the run.
            let run = Run { plan: Arc::default(), ..run };
            comes_back(&run);
            let view = RunView::new(run.clone(), waits_for.clone());
            comes_back(&view);
            let flat = serde_json::to_value(&view).unwrap();
            prop_assert_eq!(&flat["id"], &json!(run.id), "a view is the run itself and more");
            prop_assert!(flat.get("run").is_none());
            let steps = run.steps.iter().take(1).cloned().collect();
            comes_back(&RunChange { run: Run { steps, ..run }, waits_for: waits_for.clone(), places: vec![0] });
        }
    }

    #[test]
    fn runs_of_before_bundles_were_written_down_are_read(requested in requested(1..=2), at in instant()) {
        let mut stored = serde_json::to_value(RunEvent::Requested(Box::new(requested))).unwrap();
        stored["data"].as_object_mut().unwrap().remove("bundle").unwrap();
        let event: RunEvent = serde_json::from_value(stored).unwrap();
        let run = model::run::fold([&Stamped { at, event }]).unwrap();
        prop_assert_eq!(&run.bundle, &None);
        let mut kept = serde_json::to_value(&run).unwrap();
        kept.as_object_mut().unwrap().remove("bundle").unwrap();
        prop_assert_eq!(serde_json::from_value::<Run>(kept).unwrap().bundle, None);
    }

    #[test]
    fn plans_come_back(numbers in prop::collection::vec(any::<u16>(), 0..120)) {
        comes_back(&program(&mut Choices::new(numbers)).plan());
    }

    #[test]
    fn waits_and_answers_come_back(wait in wait(), answer in answer()) {
        comes_back(&wait);
        comes_back(&answer);
    }

    #[test]
    fn runbooks_come_back_with_inputs_of_each_kind(runbook in runbook(), at in instant(), digest in digest()) {
        comes_back(&runbook);
        let file = VersionFile { path: "a".into(), mode: FileMode::Executable, size: 1, sha256: digest.clone() };
        comes_back(&RunbookView {
            project: "default".into(),
            digest,
            published_at: at,
            published_by: "ann".into(),
            retired_at: Some(at),
            path: "a.yaml".into(),
            text: "\u{0}".into(),
            files: vec![file],
            runbook,
        });
    }

    #[test]
    fn values_keep_their_type(value in input_value(), inputs in inputs()) {
        comes_back(&value);
        comes_back(&inputs);
        let inputs = inputs.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
        comes_back(&StartRequest { inputs, ..StartRequest::default() });
    }

    #[test]
    fn envelopes_come_back(id in uuid(), at in instant(), subject in text(), some in prop::option::of(text()), data in event()) {
        let data = serde_json::to_value(data).unwrap();
        comes_back(&Event {
            id: EventId(id),
            at,
            recorded_at: at,
            kind: "run.requested".into(),
            principal: some.as_ref().map(|_| PrincipalId(id)),
            acting_team: some.clone(),
            requesting_team: some.clone(),
            project: some.clone(),
            service: some.clone(),
            environment: some.clone(),
            subject,
            run: some.as_ref().map(|_| RunId(id)),
            correlation: id,
            cause: some.map(|_| EventId(id)),
            data,
        });
    }
}

#[test]
fn text_that_looks_like_a_number_or_a_truth_stays_text() {
    for text in ["5", "true", "null", "1.5", ""] {
        let value = InputValue::Text(text.into());
        assert_eq!(serde_json::to_value(&value).unwrap(), Value::from(text));
        comes_back(&value);
    }
    comes_back(&InputValue::Integer(i64::MIN));
    comes_back(&InputValue::Integer(i64::MAX));
    for json in [json!(1.5), json!(u64::MAX), json!(null), json!(["1"]), json!({"a": 1})] {
        comes_back(&InputValue::Json(json.clone()));
        assert_eq!(serde_json::from_value::<InputValue>(json.clone()).unwrap(), InputValue::Json(json));
    }
}

#[test]
fn names_are_those_of_the_json() {
    for state in RunState::ALL {
        assert_eq!(serde_json::to_value(state).unwrap(), Value::from(state.name()));
        assert_eq!(RunState::from_name(state.name()), Some(state));
        comes_back(&state);
    }
    for cause in crate::generators::CAUSES {
        assert_eq!(serde_json::to_value(cause).unwrap(), Value::from(cause.name()));
    }
    for role in [Role::Admin, Role::Member] {
        assert_eq!(serde_json::to_value(role).unwrap(), Value::from(role.name()));
        assert_eq!(Role::from_name(role.name()), Some(role));
    }
    use ApplyOutcome::{Proposed, Published, Retired, Unchanged};
    for outcome in [Proposed, Published, Unchanged, Retired] {
        assert_eq!(serde_json::to_value(outcome).unwrap(), Value::from(outcome.name()));
    }
    assert_eq!(RunState::from_name("paused"), None);
    for verdict in AnswerVerdict::ALL {
        assert_eq!(serde_json::to_value(verdict).unwrap(), Value::from(verdict.name()));
    }
    use StepState::{Canceled, Failed, Pending, Running, Skipped, Succeeded, Unknown, Waiting};
    for state in [Pending, Running, Waiting, Succeeded, Failed, Skipped, Canceled, Unknown] {
        assert_eq!(serde_json::to_value(state).unwrap(), Value::from(state.name()));
        assert_eq!(state.is_end(), !matches!(state, Pending | Running | Waiting));
    }
}

#[test]
fn what_a_field_leaves_out_is_not_lost() {
    let chunk = OutputChunk {
        step: "build".into(),
        attempt: 1,
        stream: OutputStream::Note,
        at: "2026-11-05T12:00:00.000000001Z".parse().unwrap(),
        text: None,
        bytes_base64: Some("/w==".into()),
    };
    comes_back(&chunk);
    let digest = model::name::Digest::from_bytes(&[7; 32]);
    let outcome = ApplyOutcome::Retired;
    comes_back(&Applied { kind: "Runbook".into(), name: "a".into(), path: None, digest, outcome });
}
