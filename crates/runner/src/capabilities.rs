//! What this machine can do for the steps, in words: said when the server starts, and in its status.

use crate::Cgroups;

/// One sentence each.
pub fn capabilities() -> Vec<String> {
    let Some(cgroups) = Cgroups::probe() else {
        return vec![
            "processes are ended by looking through all descendants of their shim; control groups (cgroup v2) are not to be had"
                .to_owned(),
            "limits of memory and processes are held by setrlimit, for each process apart; limits of the processor are not held"
                .to_owned(),
        ];
    };
    let held = [(cgroups.memory, "memory"), (cgroups.cpu, "processor"), (cgroups.processes, "processes")];
    let names = |wanted: bool| {
        let names: Vec<&str> = held.iter().filter(|(has, _)| *has == wanted).map(|(_, name)| *name).collect();
        names.join(", ")
    };
    let mut words =
        vec!["processes with limits are ended with their control group (cgroup v2), all others by looking through all \
              descendants of their shim"
            .to_owned()];
    if !names(true).is_empty() {
        words.push(format!("limits are held by control groups: {}", names(true)));
    }
    if !names(false).is_empty() {
        words.push(format!(
            "control groups of this machine lack controllers: limits of {} are held by setrlimit as far as it goes",
            names(false)
        ));
    }
    words
}
