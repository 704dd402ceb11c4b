//! All processes of a step.
//!
//! Under a shim these are all that descend from it: the kernel makes a subreaper the parent of every orphan below it, so
//! neither a session of its own nor a double fork leads out. Without one, as [`perform`](crate::perform) is called
//! directly, it is the process group.

use std::time::{Duration, Instant};

use nix::{
    errno::Errno,
    sys::{
        signal::{Signal, killpg},
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::Pid,
};

use crate::{
    cgroup::Cgroup,
    process::{self, Process},
};

/// Which processes belong to a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Those in the group of the first.
    Group,
    /// All below this process, which is a subreaper and has no other children.
    Descendants,
}

/// Dropped before it is known to be gone, all in it is killed.
pub(crate) struct Tree {
    group: Pid,
    reach: Reach,
    cookie: String,
    cgroup: Option<Cgroup>,
    gone: bool,
}

impl Tree {
    /// All that comes from the process `pid`, which leads a group.
    pub fn of(pid: u32, reach: Reach, cookie: String, cgroup: Option<Cgroup>) -> Option<Self> {
        let pid = i32::try_from(pid).ok().filter(|pid| *pid > 1)?;
        Some(Self { group: Pid::from_raw(pid), reach, cookie, cgroup, gone: false })
    }

    /// Send a signal to all.
    pub fn signal(&self, signal: Signal) {
        if self.gone {
            return;
        }
        // That nobody is left, or nobody whom we may signal, shows when we look who is left.
        let _ = killpg(self.group, signal);
        if signal == Signal::SIGKILL
            && let Some(cgroup) = &self.cgroup
        {
            cgroup.kill();
        }
        if self.reach == Reach::Descendants {
            for process in process::descendants(own()) {
                // The group has it already: a second signal might find a handler that has just put things away.
                if process.group != self.group.as_raw() || signal == Signal::SIGKILL {
                    process.signal(signal);
                }
            }
        }
    }

    /// Ask all to end; those that were stopped are woken, so that they can.
    pub fn ask(&self) {
        self.signal(Signal::SIGTERM);
        self.signal(Signal::SIGCONT);
    }

    /// Who is left, once the first process has ended. Only what the kernel itself says counts as gone.
    pub fn left(&mut self) -> Vec<Process> {
        if self.gone {
            return Vec::new();
        }
        let left = match self.reach {
            Reach::Group => self.left_in_group(),
            Reach::Descendants => self.left_below(),
        };
        self.gone = left.is_empty();
        left
    }

    /// Whoever lost its parent is our child, so who has no child has no descendant: one call says it.
    fn left_below(&self) -> Vec<Process> {
        loop {
            match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::Exited(..) | WaitStatus::Signaled(..)) | Err(Errno::EINTR) => {}
                Err(_) => return Vec::new(),
                Ok(_) => break,
            }
        }
        let mut left = process::descendants(own());
        if left.is_empty() {
            // It ended between the two looks; the next one will not find it.
            left.extend(process::all().into_iter().filter(|process| process.parent == own()));
        }
        left
    }

    /// The leader's number cannot be given to others while a member lives, and is not given again soon when the last
    /// has ended: looking right after the leader's end, and again and again after that, cannot meet a stranger.
    fn left_in_group(&self) -> Vec<Process> {
        let there = killpg(self.group, None);
        if there == Err(Errno::ESRCH) {
            return Vec::new();
        }
        // Orphans come to us if we are the first process of a container.
        while matches!(
            waitpid(Pid::from_raw(-self.group.as_raw()), Some(WaitPidFlag::WNOHANG)),
            Ok(WaitStatus::Exited(..) | WaitStatus::Signaled(..))
        ) {}
        let mut left = self.members();
        if left.is_empty() && there == Err(Errno::EPERM) {
            // They took another user's rights, and the system hides such processes from us.
            left.push(Process {
                pid: self.group.as_raw(),
                parent: 0,
                group: self.group.as_raw(),
                started: 0,
                name: "group of another user".to_owned(),
                ended: false,
            });
        }
        // Ended, though whoever is their parent has not asked after them: the group has an entry, but no process.
        left
    }

    /// Wait until nobody is left, at most until `deadline`.
    pub async fn wait_gone(&mut self, deadline: Instant) -> Vec<Process> {
        self.wait(deadline, false).await
    }

    /// Kill all, those too that are started meanwhile, until nobody is left or `deadline` has come.
    pub async fn kill_until_gone(&mut self, deadline: Instant) -> Vec<Process> {
        self.wait(deadline, true).await
    }

    async fn wait(&mut self, deadline: Instant, kill: bool) -> Vec<Process> {
        let mut pause = Duration::from_millis(1);
        loop {
            if kill {
                self.signal(Signal::SIGKILL);
            }
            let left = self.left();
            if left.is_empty() || Instant::now() >= deadline {
                return left;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(20));
        }
    }

    /// Look once more, and another way, for those that carry the step's cookie; kill what is found, until two looks
    /// found nobody. Answers who is left even so.
    pub async fn verify(&mut self, deadline: Instant) -> Vec<Process> {
        if self.reach == Reach::Group {
            return Vec::new();
        }
        let mut quiet = 0;
        loop {
            let found = process::with_cookie(&self.cookie);
            quiet = if found.is_empty() { quiet + 1 } else { 0 };
            if quiet == 2 || Instant::now() >= deadline {
                return found;
            }
            for process in &found {
                process.signal(Signal::SIGKILL);
            }
            tokio::time::sleep(Duration::from_millis(if found.is_empty() { 5 } else { 10 })).await;
            self.left();
        }
    }

    /// Those that have not ended.
    pub fn members(&self) -> Vec<Process> {
        match self.reach {
            Reach::Descendants => process::descendants(own()),
            Reach::Group => {
                let of_group = |process: &Process| process.group == self.group.as_raw() && !process.ended;
                process::all().into_iter().filter(of_group).collect()
            }
        }
    }

    /// Was a process killed because the step used too much memory?
    pub fn ran_out_of_memory(&self) -> bool {
        self.cgroup.as_ref().is_some_and(Cgroup::ran_out_of_memory)
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        self.signal(Signal::SIGKILL);
    }
}

fn own() -> i32 {
    // Pids of Linux fit.
    i32::try_from(std::process::id()).unwrap_or(0)
}
