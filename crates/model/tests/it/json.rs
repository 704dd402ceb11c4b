//! What is written as JSON reads back the same, flattened and untagged parts included.

use std::fmt::Debug;

use model::{
    api::{Applied, ApplyOutcome, OutputChunk, OutputStream, Role, RunView, RunbookView, StartRequest},
    event::Event,
    id::{EventId, PrincipalId, RunId},
    run::{RunEvent, RunState, Stamped, transition},
    runbook::{FileMode, Input, InputKind, InputValue, Runbook, Script, Step, StepAction, VersionFile},
};
use proptest::prelude::*;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::generators::{digest, effect, end, event, input_value, inputs, instant, requested, text, uuid};

/// As text, and by way of a [`Value`] as a database column goes.
fn comes_back<T: Serialize + DeserializeOwned + PartialEq + Debug>(it: &T) {
    let text = serde_json::to_string(it).unwrap();
    assert_eq!(&serde_json::from_str::<T>(&text).unwrap(), it, "{text}");
    let value: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(&serde_json::from_value::<T>(value).unwrap(), it, "{text}");
}

fn input() -> impl Strategy<Value = Input> {
    let kind = prop_oneof![
        Just(InputKind::String),
        Just(InputKind::Integer),
        Just(InputKind::Boolean),
        prop::collection::vec(text(), 0..3).prop_map(|options| InputKind::Choice { options }),
    ];
    (text(), kind, any::<bool>(), prop::option::of(input_value()), prop::option::of(text())).prop_map(
        |(name, kind, required, default, description)| Input { name, kind, required, default, description },
    )
}

fn step() -> impl Strategy<Value = Step> {
    let script = prop_oneof![text().prop_map(Script::File), text().prop_map(Script::Body)];
    let texts = || prop::collection::vec(text(), 0..3);
    let action = prop_oneof![
        (texts(), script).prop_map(|(interpreter, script)| StepAction::Run { interpreter, script }),
        texts().prop_map(|argv| StepAction::Command { argv }),
    ];
    (text(), action, effect(), prop::option::of(any::<u64>()))
        .prop_map(|(name, action, effect, timeout_s)| Step { name, action, effect, timeout_s })
}

fn runbook() -> impl Strategy<Value = Runbook> {
    let some = || prop::option::of(text());
    let parts = (prop::collection::vec(input(), 0..3), prop::collection::vec(step(), 0..3));
    (text(), some(), some(), some(), parts, effect(), prop::option::of(any::<u64>()), any::<u64>()).prop_map(
        |(name, title, description, service, (inputs, steps), effect, timeout_s, output_limit)| Runbook {
            name,
            title,
            description,
            service,
            inputs,
            steps,
            effect,
            timeout_s,
            output_limit,
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
        let begun = transition(None, at, RunEvent::Requested(Box::new(requested))).unwrap().run;
        let started = transition(Some(&begun), at, RunEvent::StepStarted { step: 0, attempt: 1 }).unwrap().run;
        let finished = RunEvent::StepFinished { step: 0, attempt: 1, end };
        let ended = transition(Some(&started), at, finished).unwrap().run;
        for run in [begun, started, ended] {
            comes_back(&run);
            let view = RunView::new(run.clone(), waits_for.clone());
            comes_back(&view);
            let flat = serde_json::to_value(&view).unwrap();
            prop_assert_eq!(&flat["id"], &json!(run.id), "a view is the run itself and more");
            prop_assert!(flat.get("run").is_none());
        }
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
    for not_a_value in [json!(1.5), json!(u64::MAX), json!(null), json!([1]), json!({"a": 1})] {
        assert!(serde_json::from_value::<InputValue>(not_a_value).is_err());
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
    assert_eq!(RunState::from_name("waiting"), None);
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
