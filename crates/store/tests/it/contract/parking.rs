//! Steps that a policy does not let begin, and whoever asked for their run.

use model::{
    api::Role,
    firing::TimedKind,
    id::{PrincipalId, Uuid},
    run::{RunEvent, RunState},
};
use serde_json::json;
use store::WantedSchedule;

use crate::{
    bed::contract,
    samples::{ann, cancel, now, parallel, project, requested_with, whole},
};

fn parked(step: u32, policy: &str) -> RunEvent {
    let policy = Some(policy.to_owned());
    RunEvent::StepParked { step, attempt: 1, policy, reason: "Production is frozen.".into() }
}

contract! {
    async fn what_is_parked_is_found_until_it_goes_on_or_ends(bed: &Bed) {
        let store = &bed.store;
        let id = project(store, "default").await;
        let mut runs = Vec::new();
        for _ in 0..2 {
            let requested = requested_with("default", "deploy", parallel("deploy", 3));
            runs.push(store.request_run(id, requested, now(), None, 3).await.unwrap().answer.run.id);
        }
        let [one, other] = [runs[0], runs[1]];
        assert_eq!(store.parked_steps(None, 9).await.unwrap(), []);
        for (run, step) in [(one, 1), (one, 3), (other, 2)] {
            store.advance(run, now(), parked(step, "1.freeze"), 0).await.unwrap();
        }
        assert_eq!(store.parked_steps(None, 9).await.unwrap(), [(one, 1), (one, 3), (other, 2)]);
        assert_eq!(store.parked_steps(None, 2).await.unwrap(), [(one, 1), (one, 3)]);
        assert_eq!(store.parked_steps(Some((one, 1)), 9).await.unwrap(), [(one, 3), (other, 2)]);
        let running: Vec<_> = store.running_attempts().await.unwrap().into_iter().map(|it| (it.run, it.step)).collect();
        assert_eq!(running, [(one, 2), (other, 1), (other, 3)], "nobody looks for its process");

        // Another policy: it is parked all the same.
        store.advance(one, now(), parked(1, "1.hours"), 0).await.unwrap();
        assert!(store.advance(one, now(), parked(1, "1.hours"), 0).await.is_err());
        let listed = store.runs("default", store::RunFilter { limit: 9, ..Default::default() }).await.unwrap();
        let waits = listed.runs.iter().filter_map(|run| run.waits_for.clone()).collect::<Vec<_>>();
        assert!(waits.is_empty(), "others of it run: {waits:?}");

        let unparked = RunEvent::StepUnparked { step: 1, attempt: 1 };
        store.advance(one, now(), unparked.clone(), 0).await.unwrap();
        assert!(store.advance(one, now(), unparked, 0).await.is_err(), "once");
        assert_eq!(store.parked_steps(None, 9).await.unwrap(), [(one, 3), (other, 2)]);
        assert_eq!(store.waiting_tasks().await.unwrap(), 1, "it waits for a runner again");
        whole(store, "default", one).await;
        for run in runs {
            store.advance(run, now(), cancel(), 0).await.unwrap();
            whole(store, "default", run).await;
        }
        assert_eq!(store.parked_steps(None, 9).await.unwrap(), []);
    }

    async fn a_list_names_the_policy(bed: &Bed) {
        let id = project(&bed.store, "default").await;
        let requested = requested_with("default", "deploy", parallel("deploy", 1));
        let run = bed.store.request_run(id, requested, now(), None, 1).await.unwrap().answer.run.id;
        let moved = bed.store.advance(run, now(), parked(1, "1.freeze"), 0).await.unwrap();
        assert_eq!(moved.run.state, RunState::Waiting);
        let listed = bed.store.runs("default", store::RunFilter { limit: 9, ..Default::default() }).await.unwrap();
        let waits_for = listed.runs[0].waits_for.as_deref().unwrap();
        assert!(waits_for.ends_with("policy 1.freeze: Production is frozen."), "{waits_for}");
    }

    async fn whoever_asked_is_known_as_they_stand_now(bed: &Bed) {
        let store = &bed.store;
        assert_eq!(store.initiator(PrincipalId(Uuid::now_v7())).await.unwrap(), None);
        let token = store.create_token("ada", Role::Member, "hash", now(), None).await.unwrap();
        let ada = store.identity_of_token("hash").await.unwrap().unwrap().principal;
        let known = store.initiator(ada).await.unwrap().unwrap();
        assert_eq!((known.name.as_str(), known.role, known.enabled), ("ada", Role::Member, true));
        store.revoke_token(token.id, now(), ann().id).await.unwrap();
        assert!(!store.initiator(ada).await.unwrap().unwrap().enabled);

        let id = project(store, "default").await;
        let wanted = || WantedSchedule {
            kind: TimedKind::Schedule,
            name: "nightly".into(),
            runbook: "deploy".into(),
            times: json!(60),
            next_at: None,
            watch: None,
        };
        let before = store.rights_revision().await.unwrap();
        store.sync_schedules(id, vec![wanted()], now()).await.unwrap();
        let row = store.schedule(id, TimedKind::Schedule, "nightly").await.unwrap().unwrap();
        let enabled = async || store.initiator(PrincipalId(row.id.0)).await.unwrap().unwrap().enabled;
        assert!(enabled().await);
        store.sync_schedules(id, Vec::new(), now()).await.unwrap();
        assert!(!enabled().await, "what is not published starts nothing");
        let retired = store.rights_revision().await.unwrap();
        assert!(retired > before);
        store.sync_schedules(id, vec![wanted()], now()).await.unwrap();
        assert!(enabled().await);
        assert!(store.rights_revision().await.unwrap() > retired);
        store.sync_schedules(id, vec![wanted()], now()).await.unwrap();
        assert_eq!(store.rights_revision().await.unwrap(), retired + 1, "nothing changed");
    }
}
