//! What a run does, told as stories.

use model::{
    run::{RetryOf, RunState, StepState, values, values_before},
    runbook::{
        Batch, Concurrency, Expression, ForEach, InputKind, Items, KeyPart, OnLost, Retry, Runbook, Step,
        WhenFull,
    },
};
use serde_json::{Value, json};

use crate::{
    programs::{
        Program, approve, call, group, input, items, manual, on, parallel, retry, runbook, script, targets,
        wait,
    },
    story::story,
    world::World,
};

fn steps(steps: Vec<Step>) -> Program {
    Program::new(runbook("main", steps))
}

fn seen(world: &World, from: &str, name: &str) -> Value {
    let place = world.run.place_of(from);
    values(&world.run, place, &[name.to_owned()])["steps"][name].clone()
}

#[test]
fn one_step_after_the_other() {
    story(
        &steps(vec![script("a"), script("b")]),
        "> begin
           run begins
           a begins
         > ok a
           a succeeded
           b begins
         > fail b 3
           b failed, exit
           run failed, exit: step `b` ended failed",
    );
}

#[test]
fn batches_stop_after_failures() {
    let mut program =
        steps(vec![Step { on: on(Some(Batch::Percent(25)), Some(2)), ..script("roll") }, script("after")]);
    program.targets = targets(8);
    let world = story(
        &program,
        "> begin
           run begins
           roll for web1 web2 web3 web4 web5 web6 web7 web8
           roll[web1] begins
           roll[web2] begins
         > fail roll[web1]
           roll[web1] failed, exit
         > ok roll[web2]
           roll[web2] succeeded
           roll[web3] begins
           roll[web4] begins
         > ok roll[web4]
           roll[web4] succeeded
         > fail roll[web3]
           roll[web3] failed, exit
           roll failed, exit: 2 of 8 targets failed (web1, web3); 4 were not begun
           run failed, exit: step `roll`: 2 of 8 targets failed (web1, web3); 4 were not begun",
    );
    assert_eq!(world.step(world.run.place_of("roll[web5]").unwrap()).state, StepState::Skipped);
}

#[test]
fn a_group_on_targets_is_performed_whole_for_each() {
    let mut program = steps(vec![Step {
        on: on(Some(Batch::Count(1)), None),
        ..group("roll", vec![script("drain"), script("restart")])
    }]);
    program.targets = targets(2);
    let world = story(
        &program,
        "> begin
           run begins
           roll for web1 web2
           roll[web1] begins
           roll[web1].drain begins
         > ok roll[web1].drain pid=7
           roll[web1].drain succeeded
           roll[web1].restart begins
         > ok roll[web1].restart
           roll[web1].restart succeeded
           roll[web1] succeeded
           roll[web2] begins
           roll[web2].drain begins
         > ok roll[web2].drain pid=8
           roll[web2].drain succeeded
           roll[web2].restart begins",
    );
    // From outside by target; from inside of a target that one.
    assert_eq!(seen(&world, "roll", "drain")["targets"]["web1"]["outputs"]["pid"], "7");
    assert_eq!(seen(&world, "roll", "drain")["outputs"]["pid"], json!(["7", "8"]));
    assert_eq!(seen(&world, "roll[web2].restart", "drain")["outputs"]["pid"], "8");
    let inside = values(&world.run, world.run.place_of("roll[web2].restart"), &[]);
    assert_eq!(inside["target"]["name"], "web2");
    assert_eq!(inside["target"]["environment"], "production");
}

#[test]
fn outputs_of_a_loop_are_a_list_in_the_order_of_the_items() {
    let again = ForEach { items: Items::Of(Expression("steps.each.outputs.n".into())), width: 1 };
    let world = story(
        &steps(vec![
            Step { for_each: items(&["x", "y", "z"], 2), ..script("each") },
            Step { for_each: Some(again), ..manual("look") },
        ]),
        "> begin
           run begins
           each for x y z
           each[x] begins
           each[y] begins
         > ok each[y] n=2
           each[y] succeeded
           each[z] begins
         > ok each[z]
           each[z] succeeded
         > ok each[x] n=1
           each[x] succeeded
           each succeeded
           look for 1 2 null
           look[1] waits for a person: look",
    );
    assert_eq!(seen(&world, "look", "each")["outputs"], json!({"n": ["1", "2", null]}));
    assert_eq!(seen(&world, "look", "each")["items"][1]["outputs"]["n"], "2");
    assert_eq!(values(&world.run, world.run.place_of("look[1]"), &[])["item"], "1");
}

#[test]
fn items_alike_have_addresses_of_their_own() {
    let world = story(
        &steps(vec![Step { for_each: items(&["x", "x"], 1), ..script("each") }]),
        "> begin
           run begins
           each for x x
           each[0] begins
         > ok each[0]
           each[0] succeeded
           each[1] begins
         > ok each[1]
           each[1] succeeded
           each succeeded
           run succeeded",
    );
    assert_eq!(world.run.steps.len(), 3);
}

#[test]
fn a_loop_over_nothing_is_done_at_once_and_what_is_in_it_can_be_spoken_of() {
    let mut each = group("each", vec![script("inner")]);
    each.for_each = items(&[], 1);
    let world = story(
        &steps(vec![each, manual("look")]),
        "> begin
           run begins
           each for
           each succeeded
           look waits for a person: look",
    );
    assert_eq!(seen(&world, "look", "inner")["items"], json!([]));
    assert_eq!(seen(&world, "look", "each")["items"], json!([]));
}

#[test]
fn an_end_that_nobody_knows_stops_a_loop() {
    let mut program =
        steps(vec![Step { for_each: items(&["x", "y"], 1), continue_on_failure: true, ..script("each") }]);
    program.runbook.on_lost = OnLost::Unknown;
    story(
        &program,
        "> begin
           run begins
           each for x y
           each[x] begins
         > lose each[x]
           each[x] attempt 1 lost
           each[x] unknown, server_lost: runner r1 is silent
           each unknown, server_lost: step `each`: runner r1 is silent
           run unknown, server_lost: step `each`: step `each`: runner r1 is silent",
    );
}

/// Calls `sub` with `x`, which says back what its step said.
fn caller(of: impl FnOnce(&mut Runbook)) -> Program {
    let mut sub = runbook("sub", vec![script("work")]);
    sub.inputs = vec![input("x", InputKind::Integer { min: None, max: None })];
    sub.outputs.insert("y".into(), "{{ inputs.x }}-{{ steps.work.outputs.n }}".into());
    of(&mut sub);
    let mut program = steps(vec![script("work"), call("do", "sub", &[("x", "{{ steps.work.outputs.n }}")])]);
    program.callees = vec![sub];
    program
}

#[test]
fn a_called_runbook_has_names_inputs_and_outputs_of_its_own() {
    let mut program = caller(|_| {});
    program.runbook.steps.push(manual("look"));
    let world = story(
        &program,
        "> begin
           run begins
           work begins
         > ok work n=5
           work succeeded
           do calls x=5
           do.work begins
         > ok do.work n=6
           do.work succeeded
           do succeeded
           look waits for a person: look",
    );
    assert_eq!(seen(&world, "look", "do")["outputs"], json!({"y": "5-6"}));
    assert_eq!(seen(&world, "look", "work")["outputs"]["n"], "5");
    assert_eq!(values(&world.run, world.run.place_of("do.work"), &[])["inputs"], json!({"x": 5}));
}

#[test]
fn inputs_that_a_called_runbook_does_not_take_fail_the_call_and_nothing_of_it_is_handled_or_cleaned_up() {
    let mut program = caller(|sub| {
        sub.on_failure = vec![script("sub_handler")];
        sub.cleanup = vec![script("sub_cleanup")];
    });
    program.runbook.steps[1].on_failure = vec![manual("own_handler")];
    story(
        &program,
        "> begin
           run begins
           work begins
         > ok work n=many
           work succeeded
           do attempt 0 failed, bad_expression: input `x` is no integer
           do handles its failure
           do.own_handler waits for a person: look
         > done do.own_handler
           do.own_handler: bob says done
           do.own_handler succeeded
           do failed, bad_expression: input `x` is no integer
           run failed, bad_expression: step `do`: input `x` is no integer",
    );
}

#[test]
fn handlers_of_a_call_see_what_whoever_wrote_them_sees() {
    let mut program = caller(|sub| sub.on_failure = vec![manual("theirs")]);
    program.runbook.steps[1].on_failure = vec![manual("ours")];
    let world = story(
        &program,
        "> begin
           run begins
           work begins
         > ok work n=5
           work succeeded
           do calls x=5
           do.work begins
         > fail do.work
           do.work failed, exit
           do handles its failure
           do.theirs waits for a person: look
         > done do.theirs
           do.theirs: bob says done
           do.theirs succeeded
           do.ours waits for a person: look",
    );
    assert_eq!(seen(&world, "do.theirs", "work")["state"], "failed");
    assert_eq!(seen(&world, "do.ours", "work")["state"], "succeeded");
    assert_eq!(values(&world.run, world.run.place_of("do.theirs"), &[])["inputs"], json!({"x": 5}));
    assert_eq!(values(&world.run, world.run.place_of("do.ours"), &[])["inputs"], json!({}));
}

fn lock(when_full: WhenFull) -> Option<Concurrency> {
    let key = vec![KeyPart::Text("web".into()), KeyPart::Input("x".into())];
    Some(Concurrency { key, limit: 1, when_full })
}

#[test]
fn each_attempt_of_a_call_cleans_up_and_has_its_own_lock() {
    let mut program = caller(|sub| {
        sub.cleanup = vec![script("tidy")];
        sub.concurrency = lock(WhenFull::Queue);
    });
    program.runbook.steps[1].retry = retry(2, 60);
    let world = story(
        &program,
        "> begin
           run begins
           work begins
         > ok work n=5
           work succeeded
           do calls x=5
           do waits for lock web/5
         > grant do
           do has its lock
           do.work begins
         > fail do.work
           do.work failed, exit
           do cleans up
           do.tidy begins
         > ok do.tidy
           do.tidy succeeded
           do attempt 1 failed, exit: step `work` ended failed
           do waits until 08:01:00 to try again
         > pass 1m
           do begins, attempt 2
           do calls x=5
           do waits for lock web/5
         > grant do
           do has its lock
           do.work begins
         > ok do.work n=1
           do.work succeeded
           do cleans up
           do.tidy begins
         > ok do.tidy
           do.tidy succeeded
           do succeeded
           run succeeded",
    );
    assert_eq!(world.run.steps.iter().filter(|step| step.path == "do.tidy").count(), 2);
}

#[test]
fn a_refused_lock_is_a_failure_that_can_be_tried_again() {
    let mut program = caller(|sub| {
        sub.cleanup = vec![script("tidy")];
        sub.concurrency = lock(WhenFull::Refuse);
    });
    program.runbook.steps[1].retry = retry(2, 60);
    story(
        &program,
        "> begin
           run begins
           work begins
         > ok work n=5
           work succeeded
           do calls x=5
           do waits for lock web/5
         > refuse do
           do is refused its lock
           do attempt 1 failed, busy: lock a, held by run 1
           do waits until 08:01:00 to try again
         > pass 1m
           do begins, attempt 2
           do calls x=5
           do waits for lock web/5
         > refuse do
           do is refused its lock
           do failed, busy: lock a, held by run 1
           run failed, busy: step `do`: lock a, held by run 1",
    );
}

#[test]
fn the_time_of_a_called_runbook_begins_with_its_lock() {
    let program = caller(|sub| {
        sub.timeout_s = Some(60);
        sub.concurrency = lock(WhenFull::Queue);
    });
    story(
        &program,
        "> begin
           run begins
           work begins
         > ok work n=5
           work succeeded
           do calls x=5
           do waits for lock web/5
         > pass 1h
           refused: nothing is due yet
         > grant do
           do has its lock
           do.work begins
         > pass 1m
           do is out of time
         > canceled do.work
           do.work canceled, canceled
           do failed, timeout: it took longer than it may; what was under way was ended
           run failed, timeout: step `do`: it took longer than it may; what was under way was ended",
    );
}

#[test]
fn a_run_waits_for_its_lock_and_can_be_canceled_there() {
    let mut program = steps(vec![script("a")]);
    program.runbook.concurrency =
        Some(Concurrency { key: vec![KeyPart::Text("web".into())], limit: 1, when_full: WhenFull::Queue });
    program.runbook.cleanup = vec![script("tidy")];
    program.runbook.timeout_s = Some(60);
    story(
        &program,
        "> begin
           run waits for lock web
         > pass 1h
           refused: nothing is due yet
         > cancel
           bob cancels
           run canceled, canceled: canceled by bob",
    );
    story(
        &program,
        "> begin
           run waits for lock web
         > grant run
           run has its lock
           run begins
           a begins",
    );
}

#[test]
fn time_is_up_for_a_run() {
    let mut program = steps(vec![parallel("both", vec![script("a"), manual("b")]), script("c")]);
    program.runbook.timeout_s = Some(60);
    program.runbook.on_failure = vec![script("alert")];
    program.runbook.cleanup = vec![script("tidy")];
    story(
        &program,
        "> begin
           run begins
           both begins
           both.a begins
           both.b waits for a person: look
         > pass 59s
           refused: nothing is due yet
         > pass 1s
           run is out of time
           both.b canceled, canceled: canceled while it waited
         > canceled both.a
           both.a canceled, canceled
           both canceled, canceled: step `a` ended canceled
           run handles its failure
           alert begins
         > pass 1h
           refused: nothing is due yet
         > ok alert
           alert succeeded
           run cleans up
           tidy begins
         > ok tidy
           tidy succeeded
           run failed, timeout: it took longer than it may; what was under way was ended",
    );
}

#[test]
fn time_is_up_for_a_group_and_the_rest_goes_on() {
    let slow = Step {
        timeout_s: Some(60),
        continue_on_failure: true,
        ..group("slow", vec![script("a"), script("b")])
    };
    story(
        &steps(vec![slow, script("c")]),
        "> begin
           run begins
           slow begins
           slow.a begins
         > pass 1m
           slow is out of time
         > canceled slow.a
           slow.a canceled, canceled
           slow failed, timeout: it took longer than it may; what was under way was ended
           c begins",
    );
}

#[test]
fn what_is_canceled_is_not_late_as_well() {
    let slow = Step { timeout_s: Some(60), ..group("slow", vec![script("a")]) };
    let world = story(
        &steps(vec![slow]),
        "> begin
           run begins
           slow begins
           slow.a begins
         > cancel
           bob cancels
         > pass 1h
           refused: nothing is due yet
         > canceled slow.a
           slow.a canceled, canceled
           slow canceled, canceled: step `a` ended canceled
           run canceled, canceled: canceled by bob",
    );
    assert_eq!(world.run.wake_at(), None);
}

#[test]
fn time_is_up_for_a_person_and_for_a_wait() {
    let look = Step { timeout_s: Some(60), continue_on_failure: true, ..manual("look") };
    let long = Step { timeout_s: Some(60), continue_on_failure: true, ..wait("long", "1h") };
    let short = Step { timeout_s: Some(60), ..wait("short", "30s") };
    story(
        &steps(vec![look, long, short]),
        "> begin
           run begins
           look waits for a person: look
         > pass 1m
           look failed, timeout: nobody answered in time
           long waits until 08:02:00
         > pass 1m
           long failed, timeout: it would wait longer than it may
           short waits until 08:02:30
         > pass 30s
           short succeeded
           run succeeded",
    );
}

#[test]
fn a_failure_is_handled_before_the_cleanup() {
    let mut program = steps(vec![Step { on_failure: vec![script("undo")], ..script("a") }, script("b")]);
    program.runbook.on_failure = vec![script("alert")];
    program.runbook.cleanup = vec![script("tidy")];
    let world = story(
        &program,
        "> begin
           run begins
           a begins
         > fail a 3
           a attempt 1 failed, exit
           a handles its failure
           a.undo begins
         > ok a.undo
           a.undo succeeded
           a failed, exit
           run handles its failure
           alert begins
         > fail alert
           alert failed, exit
           run cleans up
           tidy begins
         > ok tidy
           tidy succeeded
           run failed, exit: step `a` ended failed; its `on_failure` did not succeed either: step `alert` ended failed",
    );
    assert_eq!(world.step(0).exit_code, Some(3));
    assert_eq!(seen(&world, "tidy", "alert")["state"], "failed");
}

#[test]
fn handlers_that_were_not_needed_can_be_spoken_of() {
    let mut program = steps(vec![script("a")]);
    program.runbook.on_failure = vec![script("alert")];
    program.runbook.cleanup = vec![Step {
        condition: Some(Expression("steps.alert.state == 'succeeded'".into())),
        ..script("tidy")
    }];
    story(
        &program,
        "> begin
           run begins
           a begins
         > ok a
           a succeeded
           run cleans up
           tidy skipped: `if: steps.alert.state == 'succeeded'` is false
           run succeeded",
    );
}

#[test]
fn a_cleanup_that_fails_fails_the_run_and_hides_no_other_failure() {
    let mut program = steps(vec![script("a")]);
    program.runbook.cleanup = vec![script("tidy")];
    story(
        &program,
        "> begin
           run begins
           a begins
         > ok a
           a succeeded
           run cleans up
           tidy begins
         > fail tidy
           tidy failed, exit
           run failed, exit: its `cleanup`: step `tidy` ended failed",
    );
}

#[test]
fn a_cancel_reaches_every_kind_of_wait() {
    let mut queued = steps(vec![Step { retry: retry(3, 60), ..script("a") }]);
    queued.runbook.cleanup = vec![script("tidy")];
    story(
        &queued,
        "> begin
           run begins
           a begins
         > fail a
           a attempt 1 failed, exit
           a waits until 08:01:00 to try again
         > cancel
           bob cancels
           a failed, exit:
           run cleans up
           tidy begins
         > ok tidy
           tidy succeeded
           run failed, exit: step `a`:",
    );
    for step in [manual("a"), approve("a"), wait("a", "1h")] {
        let mut program = steps(vec![step, script("b")]);
        program.runbook.cleanup = vec![script("tidy")];
        let mut world = World::new(&program, 0);
        let by = crate::programs::bob();
        world.send(model::run::RunEvent::CancelRequested { by }, 1).unwrap();
        assert_eq!(world.step(0).state, StepState::Canceled);
        assert_eq!(world.step(1).state, StepState::Canceled);
        assert_eq!(world.run.state, RunState::Canceling);
        world.finish();
        assert_eq!(world.run.state, RunState::Canceled);
        assert_eq!(world.run.message.as_deref(), Some("canceled by bob"));
    }
}

#[test]
fn what_is_queued_is_taken_back_and_nothing_that_never_began_is_cleaned_up() {
    let mut program = steps(vec![script("a")]);
    program.runbook.cleanup = vec![script("tidy")];
    let mut world = World::new(&program, 0);
    assert_eq!(world.queue.len(), 1);
    world.send(model::run::RunEvent::CancelRequested { by: crate::programs::bob() }, 0).unwrap();
    assert!(world.queue.is_empty());
    assert_eq!(world.run.state, RunState::Canceled);
    assert_eq!(world.run.started_at, None);
}

#[test]
fn a_second_cancel_ends_the_cleanup_and_a_third_is_refused() {
    let mut program = steps(vec![script("a"), script("b")]);
    program.runbook.cleanup = vec![script("tidy"), script("more")];
    story(
        &program,
        "> begin
           run begins
           a begins
         > cancel
           bob cancels
         > cancel
           refused: the run is being canceled already
         > canceled a
           a canceled, canceled
           run cleans up
           tidy begins
         > cancel
           bob cancels
         > cancel
           refused: the run is being canceled already
         > canceled tidy
           tidy canceled, canceled
           run canceled, canceled: canceled by bob",
    );
}

#[test]
fn a_second_cancel_ends_what_a_called_runbook_cleans_up_and_the_run_still_cleans_up() {
    let mut program = caller(|sub| sub.cleanup = vec![manual("tidy")]);
    program.runbook.cleanup = vec![script("last")];
    story(
        &program,
        "> begin
           run begins
           work begins
         > ok work n=5
           work succeeded
           do calls x=5
           do.work begins
         > cancel
           bob cancels
         > canceled do.work
           do.work canceled, canceled
           do cleans up
           do.tidy waits for a person: look
         > cancel
           bob cancels
           do.tidy canceled, canceled: canceled while it waited
           do canceled, canceled: step `work` ended canceled; its `cleanup` did not succeed either: step `tidy`: canceled while it waited
           run cleans up
           last begins
         > ok last
           last succeeded
           run canceled, canceled: canceled by bob",
    );
}

#[test]
fn a_lost_once_step_is_resolved_by_a_person_each_way() {
    let mut program = steps(vec![script("a")]);
    program.runbook.cleanup = vec![script("tidy")];
    let lost = "> begin
           run begins
           a begins
         > lose a
           a attempt 1 lost
           a waits for whoever knows how attempt 1 ended
         > done a
           refused: step `a` does not wait for that: it is waiting
         > pass 23h
           refused: nothing is due yet";
    let and = |rest: &str| story(&program, &format!("{lost}\n{rest}"));
    and("> resolved_succeeded a
           a: bob says resolved_succeeded
           a succeeded: bob says that it succeeded: so it is
           run cleans up
           tidy begins");
    and("> resolved_failed a
           a: bob says resolved_failed
           a failed, lost: bob says that it failed: so it is
           run cleans up
           tidy begins");
    and("> resolved_retry a
           a: bob says resolved_retry
           a attempt 1 unknown, lost: nobody knows how it ended; it is tried again
           a begins, attempt 2");
    and("> ok a n=1
           a succeeded
           run cleans up
           tidy begins
         > ok a
           refused: attempt 1 of step 0 is not running");
    and("> cancel
           bob cancels
         > resolved_retry a
           refused: the run is ending, so nothing is tried again
         > resolved_failed a
           a: bob says resolved_failed
           a failed, lost: bob says that it failed: so it is
           run cleans up
           tidy begins");
    let world = and("> pass 1h
           a unknown, server_lost: runner r1 is silent; nobody said how it ended in time
           run unknown, server_lost: step `a`: runner r1 is silent; nobody said how it ended in time");
    assert_eq!(world.run.steps.len(), 1, "nothing was cleaned up");
}

#[test]
fn a_lost_safe_step_is_tried_again_by_itself_but_not_for_ever() {
    story(
        &steps(vec![Step { idempotent: true, ..script("a") }]),
        "> begin
           run begins
           a begins
         > lose a
           a attempt 1 lost
           a attempt 1 unknown, server_lost: runner r1 is silent
           a begins, attempt 2
         > lose a
           a attempt 2 lost
           a attempt 2 unknown, server_lost: runner r1 is silent
           a begins, attempt 3
         > lose a
           a attempt 3 lost
           a attempt 3 unknown, server_lost: runner r1 is silent
           a begins, attempt 4
         > lose a
           a attempt 4 lost
           a waits for whoever knows how attempt 4 ended
         > resolved_retry a
           a: bob says resolved_retry
           a attempt 4 unknown, lost: nobody knows how it ended; it is tried again
           a begins, attempt 5",
    );
}

#[test]
fn only_the_exit_codes_named_are_tried_again() {
    let retry = Retry { attempts: 3, wait_s: 10, backoff: 2.0, on_exit: vec![75] };
    story(
        &steps(vec![Step { retry: Some(retry), ..script("a") }]),
        "> begin
           run begins
           a begins
         > fail a 75
           a attempt 1 failed, exit
           a waits until 08:00:10 to try again
         > pass 10s
           a begins, attempt 2
         > fail a 75
           a attempt 2 failed, exit
           a waits until 08:00:30 to try again
         > pass 20s
           a begins, attempt 3
         > fail a 1
           a failed, exit
           run failed, exit: step `a` ended failed",
    );
}

#[test]
fn a_group_tried_again_has_new_steps() {
    let world = story(
        &steps(vec![Step { retry: retry(2, 0), ..group("g", vec![script("a"), script("b")]) }]),
        "> begin
           run begins
           g begins
           g.a begins
         > ok g.a
           g.a succeeded
           g.b begins
         > fail g.b
           g.b failed, exit
           g attempt 1 failed, exit: step `b` ended failed
           g begins, attempt 2
           g.a begins
         > ok g.a
           g.a succeeded
           g.b begins
         > ok g.b
           g.b succeeded
           g succeeded
           run succeeded",
    );
    let b: Vec<StepState> =
        world.run.steps.iter().filter(|step| step.path == "g.b").map(|step| step.state).collect();
    assert_eq!(b, [StepState::Failed, StepState::Succeeded]);
}

#[test]
fn a_retry_from_a_step_takes_over_what_came_before() {
    let each = Step { for_each: items(&["x", "y"], 1), ..script("each") };
    let program = steps(vec![
        script("a"),
        each,
        script("c"),
        Step { condition: Some(Expression("steps.a.outputs.n == '5'".into())), ..script("d") },
    ]);
    let mut world = story(
        &program,
        "> begin
           run begins
           a begins
         > ok a n=5
           a succeeded
           each for x y
           each[x] begins
         > ok each[x] k=1
           each[x] succeeded
           each[y] begins
         > ok each[y] k=2
           each[y] succeeded
           each succeeded
           c begins
         > fail c
           c failed, exit
           run failed, exit: step `c` ended failed",
    );
    let taken = values_before(&world.run, "c");
    assert_eq!(taken.keys().collect::<Vec<_>>(), ["a", "each"]);
    let retry_of = RetryOf { run: world.run.id, from: Some("c".into()), taken };
    let program = Program { retry_of: Some(retry_of), ..program };
    world = story(
        &program,
        "> begin
           run begins
           c begins
         > ok c
           c succeeded
           d begins",
    );
    assert_eq!(seen(&world, "d", "each")["outputs"]["k"], json!(["1", "2"]));
    let skipped = world.step(0);
    assert_eq!(skipped.state, StepState::Skipped);
    assert!(skipped.message.as_deref().unwrap().starts_with("taken over from run"));
}

#[test]
fn conditions_and_what_has_no_value() {
    let asks = |condition: &str, step: Step| Step { condition: Some(Expression(condition.into())), ..step };
    let each = Step { for_each: items(&["x", "y"], 2), ..asks("item == 'y'", script("each")) };
    story(
        &steps(vec![asks("false", script("a")), each, asks("steps.a.outputs.nothing", script("b"))]),
        "> begin
           a skipped: `if: false` is false
           run begins
           each for x y
           each[x] skipped: `if: item == 'y'` is false
           each[y] begins
         > ok each[y]
           each[y] succeeded
           each succeeded
           b failed, bad_expression: `if`: `steps.a.outputs.nothing` is not there
           run failed, bad_expression: step `b`: `if`: `steps.a.outputs.nothing` is not there",
    );
}

#[test]
fn parallel_branches_all_end_and_the_worst_counts() {
    story(
        &steps(vec![parallel(
            "p",
            vec![script("a"), Step { continue_on_failure: true, ..script("b") }, script("c")],
        )]),
        "> begin
           run begins
           p begins
           p.a begins
           p.b begins
           p.c begins
         > fail p.b
           p.b failed, exit
         > fail p.c
           p.c failed, exit
         > ok p.a
           p.a succeeded
           p failed, exit: step `c` ended failed
           run failed, exit: step `p`: step `c` ended failed",
    );
}
