//! Ending processes: asked with SIGTERM, then killed, then looked after until the kernel says that they are gone.

use std::{
    future::Future,
    time::{Duration, Instant},
};

use model::run::{Cause, StepEnd, StepOutcome};
use nix::sys::signal::Signal;
use tokio::process::Child;

use crate::{
    Stop, Task,
    end::{ended, span, with_status},
    process::{Process, names, unite},
    pump::Pump,
    stop::Wish,
    tree::Tree,
};

/// How long what runs beside the main process, such as a `tee`, may take to end by itself.
const BY_ITSELF: Duration = Duration::from_millis(500);
/// How long it may take to end once asked, at most.
const LEFT_BEHIND_GRACE: Duration = Duration::from_secs(2);
/// How long the kernel may take to end killed processes.
const KILL_WAIT: Duration = Duration::from_secs(5);

/// Why processes must end before they want to.
#[derive(Clone, Copy)]
pub(crate) enum Reason {
    Timeout(Duration),
    Canceled,
    ServerStops,
}

impl Reason {
    /// Said in the log as it happens.
    fn note(self) -> String {
        match self {
            Self::Timeout(time) => format!("still running after {}: ending its processes", span(time)),
            Self::Canceled => "canceled: ending its processes".to_owned(),
            Self::ServerStops => "the server is stopping: killing its processes".to_owned(),
        }
    }

    /// The end when all processes are gone.
    fn end(self) -> StepEnd {
        match self {
            Self::Timeout(time) => {
                let message = format!("still running after {}; its processes were ended", span(time));
                ended(StepOutcome::Failed, Cause::Timeout, message)
            }
            Self::Canceled => {
                ended(StepOutcome::Canceled, Cause::Canceled, "canceled; its processes were ended")
            }
            Self::ServerStops => StepEnd::unknown(
                Cause::ServerLost,
                "the server was stopped while it ran; its processes were killed",
            ),
        }
    }
}

/// End a step before its time.
pub(crate) async fn end_early(
    task: &Task,
    reason: Reason,
    child: &mut Child,
    tree: &mut Tree,
    pump: &mut Pump,
    stop: &Stop,
) -> StepEnd {
    pump.note(&reason.note());
    let grace = if matches!(reason, Reason::ServerStops) { Duration::ZERO } else { task.grace };
    let deadline = Instant::now() + grace;
    if !grace.is_zero() {
        tree.ask();
        pump.meanwhile(until(deadline, stop, child.wait())).await;
    }
    // The main process comes first: as long as it was not asked how it ended, it counts as a member.
    if child.try_wait().is_ok_and(|status| status.is_none()) {
        tree.signal(Signal::SIGKILL);
        pump.meanwhile(until(Instant::now() + KILL_WAIT, &Stop::new(), child.wait())).await;
    }
    let status = child.try_wait().ok().flatten();
    let left = match status {
        Some(_) => {
            let mut left = end_tree(deadline, tree, pump, stop).await;
            unite(&mut left, pump.meanwhile(tree.verify(Instant::now() + KILL_WAIT)).await);
            left
        }
        None => tree.members(),
    };
    let end = if left.is_empty() {
        reason.end()
    } else {
        let message = format!("{}; these could not be ended: {}", reason.note(), names(&left));
        StepEnd::unknown(Cause::LeftProcesses, message)
    };
    with_status(end, status)
}

/// End what the main process, which has ended, left behind in its tree. Names what could not be ended.
pub(crate) async fn end_left_behind(
    task: &Task,
    tree: &mut Tree,
    pump: &mut Pump,
    stop: &Stop,
) -> Option<String> {
    if tree.left().is_empty() {
        return None;
    }
    let left = pump.meanwhile(tree.wait_gone(Instant::now() + BY_ITSELF)).await;
    if left.is_empty() {
        return None;
    }
    pump.note(&format!("the step has ended: ending what it left behind: {}", names(&left)));
    tree.ask();
    let deadline = Instant::now() + task.grace.min(LEFT_BEHIND_GRACE);
    let left = end_tree(deadline, tree, pump, stop).await;
    (!left.is_empty()).then(|| names(&left))
}

/// Wait for all, who were asked to end, and kill them at `deadline`. Answers who is left even so.
async fn end_tree(deadline: Instant, tree: &mut Tree, pump: &mut Pump, stop: &Stop) -> Vec<Process> {
    pump.meanwhile(until(deadline, stop, tree.wait_gone(deadline))).await;
    if tree.left().is_empty() {
        return Vec::new();
    }
    pump.meanwhile(tree.kill_until_gone(Instant::now() + KILL_WAIT)).await
}

/// Wait for `what` until `deadline`, no longer than the server lives.
async fn until<T>(deadline: Instant, stop: &Stop, what: impl Future<Output = T>) {
    tokio::select! {
        biased;
        _ = what => {}
        () = tokio::time::sleep_until(deadline.into()) => {}
        _ = stop.at_least(Wish::Kill) => {}
    }
}
