//! A step's environment: this list and nothing else, nothing of the server's own.

use std::ffi::OsString;

use model::runbook::input_variable;

use crate::{Task, Workspace, attempt::Attempt};

/// Where programs are looked for.
pub(crate) const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

pub(crate) fn environment(
    task: &Task,
    workspace: &Workspace,
    attempt: &Attempt,
) -> Vec<(OsString, OsString)> {
    let fixed: [(&str, OsString); 11] = [
        ("PATH", PATH.into()),
        ("HOME", workspace.work().into()),
        ("LANG", "C.UTF-8".into()),
        ("TMPDIR", (&attempt.tmp).into()),
        ("SIGNALBOX_RUN", (&task.run).into()),
        ("SIGNALBOX_PROJECT", (&task.project).into()),
        ("SIGNALBOX_RUNBOOK", (&task.runbook).into()),
        ("SIGNALBOX_STEP", (&task.step_name).into()),
        ("SIGNALBOX_ATTEMPT", task.attempt.to_string().into()),
        ("SIGNALBOX_FILES", workspace.files().into()),
        ("SIGNALBOX_OUTPUT", (&attempt.outputs).into()),
    ];
    let inputs =
        task.inputs.iter().map(|(name, value)| (input_variable(name).into(), value.to_variable().into()));
    fixed.into_iter().map(|(name, value)| (name.into(), value)).chain(inputs).collect()
}
