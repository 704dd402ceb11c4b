//! A step's environment: this list and nothing else, nothing of the server's own.

use std::{collections::BTreeMap, ffi::OsString, os::unix::ffi::OsStringExt};

use crate::{Task, Workspace, place::Place};

/// Where programs are looked for.
pub(crate) const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// By this variable the processes of an attempt are found wherever they went.
pub(crate) const COOKIE: &str = "SIGNALBOX_COOKIE";

/// Variables by their names. In words which one cannot be set.
pub(crate) fn environment(
    task: &Task,
    workspace: &Workspace,
    place: &Place,
    cookie: &str,
) -> Result<BTreeMap<OsString, OsString>, String> {
    let fixed: [(&str, OsString); 14] = [
        ("PATH", path(task).into()),
        ("HOME", workspace.work().into()),
        ("LANG", "C.UTF-8".into()),
        ("TMPDIR", (&place.tmp).into()),
        ("SIGNALBOX_RUN", (&task.run).into()),
        ("SIGNALBOX_PROJECT", (&task.project).into()),
        ("SIGNALBOX_RUNBOOK", (&task.runbook).into()),
        ("SIGNALBOX_STEP", (&task.step_name).into()),
        ("SIGNALBOX_ATTEMPT", task.attempt.to_string().into()),
        ("SIGNALBOX_EPOCH", task.epoch.to_string().into()),
        ("SIGNALBOX_FILES", workspace.files().into()),
        ("SIGNALBOX_OUTPUT", (&place.outputs).into()),
        ("SIGNALBOX_MASK", (&place.mask).into()),
        (COOKIE, cookie.into()),
    ];
    let mut all: BTreeMap<OsString, OsString> =
        fixed.into_iter().map(|(name, value)| (name.into(), value)).collect();
    if let Some(facts) = &place.facts {
        all.insert("SIGNALBOX_FACTS".into(), facts.into());
    }
    if let Some(user) = &task.run_as {
        all.insert("USER".into(), user.into());
        all.insert("LOGNAME".into(), user.into());
    }
    for (name, value) in &task.variables {
        may_be_set(name)?;
        all.insert(name.into(), value.into());
    }
    for (name, value) in &task.secret_variables {
        may_be_set(name)?;
        if value.bytes().contains(&0) {
            return Err(format!(
                "cannot start: the secret for `{name}` holds a NUL, which no variable can; take it as a file"
            ));
        }
        all.insert(name.into(), OsString::from_vec(value.bytes().to_vec()));
    }
    for (name, path) in place.files() {
        may_be_set(name)?;
        all.insert(name.into(), path.into());
    }
    Ok(all)
}

/// The folders in which programs are looked for: what the step says, else the default.
pub(crate) fn path(task: &Task) -> &str {
    task.variables.get("PATH").map_or(PATH, String::as_str)
}

/// What the loader obeys would run code in programs that nobody reviewed; what is ours must be true.
fn may_be_set(name: &str) -> Result<(), String> {
    let why = if name.is_empty() || name.contains(['=', '\0']) {
        "is not the name of a variable"
    } else if name.starts_with("SIGNALBOX_") {
        "is set by the platform itself; choose a name that does not begin with `SIGNALBOX_`"
    } else if name.starts_with("LD_") {
        "would change every program that the step starts; set it in the script, in front of the one that needs it"
    } else {
        return Ok(());
    };
    Err(format!("cannot start: the variable `{}` {why}", name.escape_debug()))
}
