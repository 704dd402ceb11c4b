//! What the kernel says about processes, read from `/proc`.

use std::{
    collections::{HashMap, HashSet},
    fs,
    path::Path,
    sync::OnceLock,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

/// A process that has not ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Process {
    pub pid: i32,
    pub parent: i32,
    pub group: i32,
    /// When it started, in the kernel's ticks after boot: with the pid and the boot it is a name for ever.
    pub started: u64,
    pub name: String,
    pub ended: bool,
}

impl Process {
    pub fn of(pid: i32) -> Option<Self> {
        let stat = fs::read(Path::new("/proc").join(pid.to_string()).join("stat")).ok()?;
        parse(pid, &String::from_utf8_lossy(&stat))
    }

    /// That it is gone, or not ours to signal, shows when we look who is left.
    pub fn signal(&self, signal: Signal) {
        if self.pid > 1 {
            let _ = kill(Pid::from_raw(self.pid), signal);
        }
    }
}

/// All processes, those that have ended and were not asked how included.
pub(crate) fn all() -> Vec<Process> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| Process::of(entry.file_name().to_str()?.parse().ok()?)).collect()
}

/// Those that descend from `ancestor` and have not ended.
pub(crate) fn descendants(ancestor: i32) -> Vec<Process> {
    let mut children: HashMap<i32, Vec<Process>> = HashMap::new();
    for process in all() {
        children.entry(process.parent).or_default().push(process);
    }
    let mut found = Vec::new();
    let mut parents = vec![ancestor];
    while let Some(parent) = parents.pop() {
        for process in children.remove(&parent).unwrap_or_default() {
            parents.push(process.pid);
            if !process.ended {
                found.push(process);
            }
        }
    }
    found
}

/// Those whose environment, as it was when they were started, has this cookie.
pub(crate) fn with_cookie(cookie: &str) -> Vec<Process> {
    let own = i32::try_from(std::process::id()).unwrap_or(0);
    let variable = format!("{}={cookie}", crate::environment::COOKIE).into_bytes();
    all()
        .into_iter()
        .filter(|process| !process.ended && process.pid != own)
        .filter(|process| {
            let environment = fs::read(Path::new("/proc").join(process.pid.to_string()).join("environ"));
            environment.is_ok_and(|all| all.split(|byte| *byte == 0).any(|one| one == variable))
        })
        .collect()
}

/// Which boot of the machine this is: pids mean nothing in another.
pub(crate) fn boot() -> &'static str {
    static BOOT: OnceLock<String> = OnceLock::new();
    BOOT.get_or_init(|| {
        let read = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        read.trim_end().to_owned()
    })
}

/// `12 (sleep), 13 (sh)`.
pub(crate) fn names(processes: &[Process]) -> String {
    let names: Vec<_> =
        processes.iter().map(|process| format!("{} ({})", process.pid, process.name)).collect();
    names.join(", ")
}

/// Add those that are not there yet.
pub(crate) fn unite(to: &mut Vec<Process>, more: Vec<Process>) {
    let there: HashSet<i32> = to.iter().map(|process| process.pid).collect();
    to.extend(more.into_iter().filter(|process| !there.contains(&process.pid)));
}

/// `12 (a name) S 1 12 …`. The name may hold anything, brackets too.
fn parse(pid: i32, stat: &str) -> Option<Process> {
    let (front, back) = stat.rsplit_once(')')?;
    let (_, name) = front.split_once('(')?;
    let mut fields = back.split_ascii_whitespace();
    let state = fields.next()?;
    let parent = fields.next()?.parse().ok()?;
    let group = fields.next()?.parse().ok()?;
    // The 22nd of all fields, the pid being the first.
    let started = fields.nth(16)?.parse().ok()?;
    Some(Process { pid, parent, group, started, name: name.to_owned(), ended: matches!(state, "Z" | "X") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_hides_nothing() {
        let stat = "12 (a) Z 1 (b) S 1 77 77 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 5432 9 9";
        let process = parse(12, stat).unwrap();
        assert_eq!(process.name, "a) Z 1 (b");
        assert_eq!((process.parent, process.group, process.started, process.ended), (1, 77, 5432, false));
        assert_eq!(parse(1, "nonsense"), None);
        assert!(parse(12, &stat.replace(") S", ") Z")).unwrap().ended);
    }

    #[test]
    fn a_process_is_found_by_its_ancestor_and_by_its_cookie() {
        let cookie = format!("test-{}", std::process::id());
        let mut child = std::process::Command::new("sh")
            .args(["-c", "env -i sleep 100 & exec sleep 100"])
            .env(crate::environment::COOKIE, &cookie)
            .spawn()
            .unwrap();
        let own = i32::try_from(std::process::id()).unwrap();
        let mut tries = 0;
        while descendants(own).iter().filter(|process| process.name == "sleep").count() < 2 {
            tries += 1;
            assert!(tries < 500);
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        let mut found = with_cookie(&cookie);
        while found.is_empty() && tries < 500 {
            // Between two programs a process has no environment.
            tries += 1;
            std::thread::sleep(std::time::Duration::from_millis(10));
            found = with_cookie(&cookie);
        }
        assert_eq!(found.iter().map(|process| process.pid).collect::<Vec<_>>(), [child.id() as i32]);
        for process in descendants(own) {
            process.signal(Signal::SIGKILL);
        }
        child.wait().unwrap();
    }
}
