//! The process group of a step: all its processes but those that left it on purpose.

use std::{
    fs,
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    sys::{
        signal::{Signal, killpg},
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::Pid,
};

/// Dropped before it is known to be gone, all in it is killed.
pub(crate) struct Group {
    id: Pid,
    gone: bool,
}

/// A process of the group.
pub(crate) struct Member {
    pid: i32,
    name: String,
}

impl Group {
    /// The group whose leader is the process `pid`.
    pub fn led_by(pid: u32) -> Option<Self> {
        let pid = i32::try_from(pid).ok().filter(|pid| *pid > 1)?;
        Some(Self { id: Pid::from_raw(pid), gone: false })
    }

    /// Send a signal to all members.
    pub fn signal(&self, signal: Signal) {
        if !self.gone {
            // That nobody is left, or nobody whom we may signal, shows when we look who is left.
            let _ = killpg(self.id, signal);
        }
    }

    /// Ask all members to end; those that were stopped are woken, so that they can.
    pub fn ask(&self) {
        self.signal(Signal::SIGTERM);
        self.signal(Signal::SIGCONT);
    }

    /// Who is left, once the leader has ended. Only what the kernel itself says counts as gone.
    ///
    /// The leader's number cannot be given to others while a member lives, and is not given again soon when the last
    /// has ended: looking right after the leader's end, and again and again after that, cannot meet a stranger.
    pub fn left(&mut self) -> Vec<Member> {
        let there = killpg(self.id, None);
        if self.gone || there == Err(Errno::ESRCH) {
            self.gone = true;
            return Vec::new();
        }
        // Orphans come to us if we are the first process of a container.
        while matches!(
            waitpid(Pid::from_raw(-self.id.as_raw()), Some(WaitPidFlag::WNOHANG)),
            Ok(WaitStatus::Exited(..) | WaitStatus::Signaled(..))
        ) {}
        let mut left = self.members();
        if left.is_empty() && there == Err(Errno::EPERM) {
            // They took another user's rights, and the system hides such processes from us.
            left.push(Member { pid: self.id.as_raw(), name: "group of another user".to_owned() });
        }
        // Ended, though whoever is their parent has not asked after them: the group has an entry, but no process.
        self.gone = left.is_empty();
        left
    }

    /// Wait until nobody is left, at most until `deadline`.
    pub async fn wait_gone(&mut self, deadline: Instant) -> Vec<Member> {
        let mut pause = Duration::from_millis(1);
        loop {
            let left = self.left();
            if left.is_empty() || Instant::now() >= deadline {
                return left;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(20));
        }
    }

    /// The members that have not ended.
    pub fn members(&self) -> Vec<Member> {
        let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
        processes
            .filter_map(|process| {
                let pid = process.file_name().to_str()?.parse().ok()?;
                let stat = fs::read_to_string(process.path().join("stat")).ok()?;
                let (name, state, group) = parse_stat(&stat)?;
                let lives = group == self.id.as_raw() && !matches!(state, "Z" | "X");
                lives.then(|| Member { pid, name: name.to_owned() })
            })
            .collect()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::SIGKILL);
    }
}

/// `12 (sleep), 13 (sh)`.
pub(crate) fn names(members: &[Member]) -> String {
    let names: Vec<_> = members.iter().map(|member| format!("{} ({})", member.pid, member.name)).collect();
    names.join(", ")
}

/// Name, state and group: `12 (a name) S 1 12 …`. The name may hold anything, brackets too.
fn parse_stat(stat: &str) -> Option<(&str, &str, i32)> {
    let (front, back) = stat.rsplit_once(')')?;
    let (_, name) = front.split_once('(')?;
    let mut fields = back.split_ascii_whitespace();
    let state = fields.next()?;
    let group = fields.nth(1)?.parse().ok()?;
    Some((name, state, group))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_hides_nothing() {
        assert_eq!(parse_stat("12 (a) Z 1 (b) S 1 77 77 0"), Some(("a) Z 1 (b", "S", 77)));
        assert_eq!(parse_stat("nonsense"), None);
    }
}
