//! Events: complete envelopes, in order.

use jiff::Timestamp;
use model::{
    event::Event,
    run::{RunEvent, StepOutcome},
};

use crate::{
    bed::contract,
    samples::{ann, cancel, finished, now, project, queued, requested_of, run_event, started, whole},
};

contract! {
    async fn the_events_of_one_transition_cause_each_other(bed: &Bed) {
        let project = project(&bed.store, "default").await;
        let id = queued(&bed.store, project, 2).await.id;
        bed.store.advance(id, now(), started(0), 0).await.unwrap();
        bed.store.advance(id, now(), finished(0, StepOutcome::Succeeded), 1).await.unwrap();
        bed.store.advance(id, now(), cancel(), 0).await.unwrap();
        bed.store.advance(id, now(), finished(1, StepOutcome::Canceled), 0).await.unwrap();
        whole(&bed.store, "default", id).await;
        let events = bed.store.run_events(id).await.unwrap();
        let causes: Vec<_> = events
            .iter()
            .map(|event| {
                let cause = event.cause.and_then(|cause| events.iter().find(|other| other.id == cause));
                (event.kind.as_str(), cause.map(|cause| cause.kind.as_str()))
            })
            .collect();
        let expected = [
            ("run.requested", None),
            ("step.waiting", Some("run.requested")),
            ("run.started", None),
            ("step.started", Some("run.started")),
            ("step.finished", None),
            ("step.started", Some("step.finished")),
            ("run.cancel_requested", None),
            ("step.finished", None),
            ("run.finished", Some("step.finished")),
        ];
        assert_eq!(causes, expected);
        assert!(events.is_sorted_by(|one, other| one.id < other.id), "ids grow with time");
        let last = run_event(&events[8]).event;
        assert!(matches!(last, RunEvent::Finished { .. }));
    }

    async fn sequences_are_contiguous_from_one(bed: &Bed) {
        let project = project(&bed.store, "default").await;
        for _ in 0..2 {
            let id = queued(&bed.store, project, 2).await.id;
            bed.store.advance(id, now(), started(0), 0).await.unwrap();
            bed.store.advance(id, now(), finished(0, StepOutcome::Succeeded), 1).await.unwrap();
        }
        let runs = bed.number("SELECT count(DISTINCT run) FROM events WHERE run IS NOT NULL").await;
        assert_eq!(runs, 2);
        let gaps = "SELECT count(*) FROM (SELECT count(*) AS n, min(run_seq) AS low, max(run_seq) AS high FROM events \
                    WHERE run IS NOT NULL GROUP BY run) AS r WHERE low <> 1 OR high <> n";
        assert_eq!(bed.number(gaps).await, 0);
    }

    /// What nothing fills yet is empty, never missing.
    async fn an_event_outside_of_runs_has_its_whole_envelope(bed: &Bed) {
        let before = now();
        project(&bed.store, "default").await;
        let events = bed.store.newest_events(10).await.unwrap();
        let [published, created]: [Event; 2] = events.try_into().unwrap();
        assert_eq!((created.kind.as_str(), created.subject.as_str()), ("project.created", "project/default"));
        assert_eq!((published.kind.as_str(), published.subject.as_str()), ("definition.published", "runbook/deploy"));
        assert_eq!((created.service, published.service.as_deref()), (None, Some("storefront")));
        for event in [bed.store.newest_events(2).await.unwrap()].concat() {
            assert_eq!(event.project.as_deref(), Some("default"));
            assert_eq!(event.principal, Some(ann().id));
            assert_eq!((event.correlation, event.cause, event.run), (event.id.0, None, None));
            assert_eq!((event.acting_team, event.requesting_team, event.environment), (None, None, None));
            assert!(event.at.as_microsecond() >= before.as_microsecond() && event.recorded_at <= Timestamp::now());
        }
    }

    async fn the_newest_events_come_first_up_to_the_limit(bed: &Bed) {
        let project = project(&bed.store, "default").await;
        let id = queued(&bed.store, project, 1).await.id;
        bed.store.advance(id, now(), cancel(), 0).await.unwrap();
        let kinds = async |limit| {
            let events = bed.store.newest_events(limit).await.unwrap();
            events.into_iter().map(|event| event.kind).collect::<Vec<_>>()
        };
        assert_eq!(kinds(2).await, ["run.finished", "step.finished"]);
        assert_eq!(kinds(50).await.len(), 7);
        assert!(kinds(0).await.is_empty());
    }

    async fn hostile_text_comes_back_as_it_went(bed: &Bed) {
        let project = project(&bed.store, "default").await;
        for text in ["'; DROP TABLE runs; --", "$1", "\\", "\\u0000", "\u{1}\u{7f}\u{feff}", "🚦\r\n", "{\"a\": 1}", ""] {
            let mut requested = requested_of("default", "deploy", 1);
            requested.reason = Some(text.into());
            requested.inputs.insert("a".into(), model::runbook::InputValue::Text(text.into()));
            requested.inputs.insert("n".into(), model::runbook::InputValue::Integer(i64::MIN));
            let id = requested.id;
            bed.store.request_run(project, requested.clone(), now(), None, 0).await.unwrap();
            let run = whole(&bed.store, "default", id).await;
            assert_eq!((&run.reason, &run.inputs), (&requested.reason, &requested.inputs));
        }
    }

    async fn attempts_are_told_once_and_in_the_order_in_which_they_ended(bed: &Bed) {
        let project = project(&bed.store, "default").await;
        let run = queued(&bed.store, project, 2).await;
        for step in 0..2 {
            let places = u32::from(step == 0);
            if step == 0 {
                bed.store.claim(now(), 1).await.unwrap();
            }
            bed.store.advance(run.id, now(), finished(step, StepOutcome::Succeeded), places).await.unwrap();
        }
        let ended = bed.store.run_by_id(run.id).await.unwrap().expect("the run is there");
        let attempts = async |after, upto| {
            let ended = bed.store.ended_attempts(run.id, after, upto).await.unwrap();
            ended.into_iter().map(|ended| (ended.revision, ended.step, ended.attempt)).collect::<Vec<_>>()
        };
        let all = attempts(0, ended.revision).await;
        assert_eq!(all.iter().map(|(_, step, attempt)| (*step, *attempt)).collect::<Vec<_>>(), [(0, 1), (1, 1)]);
        assert!(all[0].0 < all[1].0);
        assert_eq!(attempts(all[0].0, ended.revision).await, all[1..], "only what ended after");
        assert_eq!(attempts(0, all[0].0).await, all[..1], "only what ended up to there");
        let nobody = model::id::RunId(model::id::Uuid::now_v7());
        assert!(bed.store.run_by_id(nobody).await.unwrap().is_none());
    }

    async fn no_events_are_known_of_a_run_that_is_not_there(bed: &Bed) {
        let nobody = model::id::RunId(model::id::Uuid::now_v7());
        assert!(bed.store.run_events(nobody).await.unwrap().is_empty());
    }
}
