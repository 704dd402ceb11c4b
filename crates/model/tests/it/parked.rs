//! A policy that forbids what was about to be performed: it waits, the policy is named, and it goes on when it may.

use model::{
    run::{RunState, StepState, WaitReason, transition},
    runbook::{Batch, Concurrency, KeyPart, Step, WhenFull},
};

use crate::{
    language::Tiny,
    programs::{Program, call, on, parallel, retry, runbook, script, targets, verify},
    story::story,
    world::World,
};

fn steps(steps: Vec<Step>) -> Program {
    Program::new(runbook("main", steps))
}

#[test]
fn a_step_that_is_refused_waits_and_goes_on_when_it_may() {
    let world = story(
        &steps(vec![script("a"), script("b")]),
        "> begin
           run begins
           a begins
         > ok a
           a succeeded
           b begins
         > park b 1.freeze
           b parks for policy 1.freeze: not now
         > park b 1.freeze
           refused: attempt 1 of step 1 is not running
         > ok b
           refused: attempt 1 of step 1 is not running
         > pass 24h
           refused: nothing is due yet",
    );
    assert_eq!(world.run.state, RunState::Waiting);
    let step = world.step(1);
    assert_eq!((step.state, step.started_at), (StepState::Waiting, None), "nothing of it has begun");
    story(
        &steps(vec![script("a")]),
        "> begin
           run begins
           a begins
         > park a 1.freeze
           a parks for policy 1.freeze: not now
         > pass 5m
           refused: nothing is due yet
         > park a 1.hours
           a parks for policy 1.hours: not now
         > unpark a
           a is permitted
           a begins, attempt 2
         > unpark a
           refused: attempt 2 of step 0 does not wait for a policy
         > ok a
           a succeeded
           run succeeded",
    );
}

/// It waits since the first refusal, whichever policy refuses it now.
#[test]
fn another_policy_takes_the_place_of_the_first_and_the_wait_goes_on() {
    let mut world = World::new(&steps(vec![script("a")]), 9);
    world.policy = Some("1.freeze".into());
    let refusal = world.ask((0, 1)).unwrap();
    world.send(refusal, 9).unwrap();
    let since = world.step(0).wait.clone().unwrap().since;
    world.pass(60_000);
    world.policy = Some("1.hours".into());
    let refusal = world.refusal((0, 1)).unwrap();
    world.send(refusal, 9).unwrap();
    let wait = world.step(0).wait.clone().unwrap();
    let policy =
        |reason| matches!(reason, WaitReason::Policy { policy: Some(policy), .. } if policy == "1.hours");
    assert!(policy(wait.reason));
    assert_eq!(wait.since, since);
}

#[test]
fn what_was_refused_is_no_try_and_the_pause_does_not_grow_by_it() {
    let mut step = Step { retry: retry(2, 5), ..script("a") };
    step.retry.as_mut().unwrap().backoff = 10.0;
    story(
        &steps(vec![step]),
        "> begin
           run begins
           a begins
         > park a 1.freeze
           a parks for policy 1.freeze: not now
         > unpark a
           a is permitted
           a begins, attempt 2
         > fail a
           a attempt 2 failed, exit
           a waits until 08:00:05 to try again
         > pass 5s
           a begins, attempt 3
         > park a 1.freeze
           a parks for policy 1.freeze: not now
         > unpark a
           a is permitted
           a begins, attempt 4
         > fail a
           a failed, exit
           run failed, exit: step `a` ended failed",
    );
}

#[test]
fn others_go_on_beside_it() {
    story(
        &steps(vec![parallel("p", vec![script("a"), script("b")]), script("c")]),
        "> begin
           run begins
           p begins
           p.a begins
           p.b begins
         > park p.a 1.freeze
           p.a parks for policy 1.freeze: not now
         > ok p.b
           p.b succeeded
         > unpark p.a
           p.a is permitted
           p.a begins, attempt 2
         > ok p.a
           p.a succeeded
           p succeeded
           c begins",
    );
}

#[test]
fn a_batch_of_targets_waits_for_the_one_that_is_refused() {
    let mut program = steps(vec![Step { on: on(Some(Batch::Count(2)), None), ..script("roll") }]);
    program.targets = targets(3);
    story(
        &program,
        "> begin
           run begins
           roll for web1 web2 web3
           roll[web1] begins
           roll[web2] begins
         > park roll[web1] 1.freeze
           roll[web1] parks for policy 1.freeze: not now
         > ok roll[web2]
           roll[web2] succeeded
         > unpark roll[web1]
           roll[web1] is permitted
           roll[web1] begins, attempt 2
         > ok roll[web1]
           roll[web1] succeeded
           roll[web3] begins",
    );
}

#[test]
fn what_is_parked_is_canceled_and_the_cleanup_waits_for_its_own_permission() {
    let mut program = steps(vec![script("a")]);
    program.runbook.cleanup = vec![script("tidy")];
    let until_the_cleanup = "> begin
           run begins
           a begins
         > park a 1.freeze
           a parks for policy 1.freeze: not now
         > cancel
           bob cancels
           a canceled, canceled: canceled while it waited for policy 1.freeze: not now
           run cleans up
           tidy begins
         > park tidy 1.freeze
           tidy parks for policy 1.freeze: not now
         > pass 24h
           refused: nothing is due yet";
    let world = story(
        &program,
        &format!(
            "{until_the_cleanup}
         > unpark tidy
           tidy is permitted
           tidy begins, attempt 2
         > ok tidy
           tidy succeeded
           run canceled, canceled: canceled by bob"
        ),
    );
    assert_eq!(world.run.state, RunState::Canceled);
    story(
        &program,
        &format!(
            "{until_the_cleanup}
         > cancel
           bob cancels
           tidy canceled, canceled: canceled while it waited for policy 1.freeze: not now
           run canceled, canceled: canceled by bob"
        ),
    );
}

/// Refused in the moment in which somebody cancels: it waits for nothing any more.
#[test]
fn what_is_refused_while_it_is_canceled_is_canceled() {
    story(
        &steps(vec![script("a"), script("b")]),
        "> begin
           run begins
           a begins
         > cancel
           bob cancels
         > park a 1.freeze
           a parks for policy 1.freeze: not now
           a canceled, canceled: canceled while it waited for policy 1.freeze: not now
           run canceled, canceled: canceled by bob",
    );
}

/// The time of the step itself is the runner's business and begins with it; the run's goes on.
#[test]
fn the_time_of_the_run_goes_on() {
    let mut program = steps(vec![Step { timeout_s: Some(5), ..script("a") }]);
    program.runbook.timeout_s = Some(60);
    program.runbook.on_failure = vec![script("alert")];
    story(
        &program,
        "> begin
           run begins
           a begins
         > park a 1.freeze
           a parks for policy 1.freeze: not now
         > pass 59s
           refused: nothing is due yet
         > pass 1s
           run is out of time
           a canceled, canceled: canceled while it waited for policy 1.freeze: not now
           run handles its failure
           alert begins",
    );
}

#[test]
fn a_called_runbook_keeps_its_lock_meanwhile() {
    let mut sub = runbook("sub", vec![script("work")]);
    let key = vec![KeyPart::Text("web".into())];
    sub.concurrency = Some(Concurrency { key, limit: 1, when_full: WhenFull::Queue });
    let mut program = steps(vec![call("do", "sub", &[])]);
    program.callees = vec![sub];
    let world = story(
        &program,
        "> begin
           run begins
           do calls
           do waits for lock web
         > grant do
           do has its lock
           do.work begins
         > park do.work 1.freeze
           do.work parks for policy 1.freeze: not now",
    );
    assert!(world.locks[&Some(0)].1, "it still has its lock");
}

/// A step that looks begins anew when it may, with all of its time.
#[test]
fn what_must_hold_is_looked_at_anew() {
    let mut program = steps(vec![script("a")]);
    program.runbook.verify = Some(verify(60, None, "1"));
    let world = story(
        &program,
        "> begin
           run begins
           a begins
         > ok a
           a succeeded
           verify waits for probe `check-shop`: not seen yet; fact `version` = `1` of shop (production): not seen yet
         > park verify 1.freeze
           verify parks for policy 1.freeze: not now
         > pass 1h
           refused: nothing is due yet
         > unpark verify
           verify is permitted
           verify waits for probe `check-shop`: not seen yet; fact `version` = `1` of shop (production): not seen yet",
    );
    assert_eq!(world.run.wake_at(), Some(world.at + jiff::SignedDuration::from_secs(60)));
}

/// Whoever had the store may have performed it since the backup was made.
#[test]
fn a_restored_run_asks_a_person_about_what_was_parked() {
    let mut world = World::new(&steps(vec![script("a")]), 9);
    world.policy = Some("1.freeze".into());
    let refusal = world.ask((0, 1)).unwrap();
    world.send(refusal, 9).unwrap();
    let permitted = world.clone().permit(0);
    world.restore();
    assert!(matches!(world.step(0).wait.as_ref().unwrap().reason, WaitReason::Lost { attempt: 2, .. }));
    assert!(transition(Some(&world.run), world.at, permitted, 9, &Tiny).is_err());
}
