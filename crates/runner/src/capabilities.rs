//! What this machine lets a runner do, for the server to say when it starts.

use std::{fmt, path::PathBuf};

use crate::{Cgroups, place};

/// What steps can be held to here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// None if no control group with `cgroup.kill` can be made.
    pub cgroups: Option<Cgroups>,
    /// Steps can run as other users.
    pub users: bool,
    /// Where secrets are while a step has them, if that is memory and no disk.
    pub memory: Option<PathBuf>,
}

impl Capabilities {
    /// Try it.
    pub fn probe() -> Self {
        Self {
            cgroups: Cgroups::probe(),
            users: nix::unistd::geteuid().is_root(),
            memory: place::in_memory().map(Into::into),
        }
    }
}

/// One sentence for each, divided by `; `.
impl fmt::Display for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ways = "cancel and timeout reach every descendant of a step";
        match &self.cgroups {
            Some(groups) => {
                let limits =
                    [("memory", groups.memory), ("CPU", groups.cpu), ("processes", groups.processes)];
                let names = |has: bool| {
                    let names: Vec<_> =
                        limits.iter().filter(|(_, there)| *there == has).map(|(name, _)| *name).collect();
                    names.join(", ")
                };
                write!(f, "{ways}, by control group where a step has one")?;
                match (names(true).as_str(), names(false).as_str()) {
                    (held, "") => write!(f, "; limits held by control group: {held}")?,
                    ("", _) => write!(
                        f,
                        "; no controller for limits is there: memory is limited for each process, CPU not at all, \
                         processes only for steps of other users"
                    )?,
                    (held, missing) => write!(f, "; limits held by control group: {held}, not: {missing}")?,
                }
            }
            None => write!(
                f,
                "{ways}, as a subreaper; no control groups can be made (version 2, with a folder that this user may write \
                 to): memory is limited for each process, CPU not at all, processes only for steps of other users"
            )?,
        }
        match self.users {
            true => f.write_str("; steps can run as other users")?,
            false => f.write_str("; steps cannot run as other users, since the server is not root")?,
        }
        match &self.memory {
            Some(folder) => write!(f, "; secrets of steps are in memory ({})", folder.display()),
            None => {
                f.write_str("; no folder in memory is there: secrets of steps are on the disk while they run")
            }
        }
    }
}
