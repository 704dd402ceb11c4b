//! What a runner is given.

use std::time::Duration;

use model::runbook::{InputValues, StepAction};

/// How long processes that were asked to end may take, unless the task says otherwise.
pub const GRACE_DEFAULT: Duration = Duration::from_secs(10);

/// One step attempt.
#[derive(Clone, Debug)]
pub struct Task {
    /// The run's UUID.
    pub run: String,
    pub project: String,
    pub runbook: String,
    /// The step's place.
    pub step: u32,
    pub step_name: String,
    pub attempt: u32,
    pub action: StepAction,
    pub inputs: InputValues,
    /// How long the attempt may take.
    pub timeout: Option<Duration>,
    /// From SIGTERM to SIGKILL.
    pub grace: Duration,
}
