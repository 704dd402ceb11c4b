//! Control groups (version 2): limits that hold for all processes of a step together, and one word that kills them all.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use crate::Limits;

/// Of the CPU, in microseconds: the time over which a share is reckoned.
const PERIOD: u64 = 100_000;

/// The group of the server itself, beside that of all steps.
const OWN: &str = "signalbox-server";

/// Where groups can be made, and which limits they can hold.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Cgroups {
    root: PathBuf,
    pub memory: bool,
    pub cpu: bool,
    pub processes: bool,
}

impl Cgroups {
    /// What this process may do here; none if it can make no group whose processes can be killed at one word.
    pub fn probe() -> Option<Self> {
        let mounts = fs::read_to_string("/proc/self/mounts").ok()?;
        let mount = mounts.lines().find_map(|line| {
            let mut words = line.split(' ');
            let (_, folder, kind) = (words.next()?, words.next()?, words.next()?);
            (kind == "cgroup2").then(|| folder.to_owned())
        })?;
        let own = fs::read_to_string("/proc/self/cgroup").ok()?;
        let own = own.lines().find_map(|line| line.strip_prefix("0::"))?.trim_start_matches('/').to_owned();
        let own = own.strip_suffix(OWN).map_or(own.as_str(), |above| above.trim_end_matches('/'));
        let base = Path::new(&mount).join(own);
        let root = base.join("signalbox");
        make(&root).ok()?;
        step_aside(&base);
        // Each by itself: one that is not there must not take the others along.
        for folder in [&base, &root] {
            for controller in ["+memory", "+cpu", "+pids"] {
                let _ = fs::write(folder.join("cgroup.subtree_control"), controller);
            }
        }
        let enabled = fs::read_to_string(root.join("cgroup.subtree_control")).unwrap_or_default();
        let has = |name: &str| enabled.split_whitespace().any(|one| one == name);
        let cgroups = Self { memory: has("memory"), cpu: has("cpu"), processes: has("pids"), root };
        // A trial: rights differ from machine to machine, and only doing it tells.
        let trial = cgroups.make(&Limits::default()).ok()?;
        trial.folder.join("cgroup.kill").exists().then_some(cgroups)
    }

    /// Can a group hold all of these limits here?
    pub fn holds(&self, limits: &Limits) -> bool {
        (self.memory || limits.memory_bytes.is_none())
            && (self.cpu || limits.cpu.is_none())
            && (self.processes || limits.processes.is_none())
    }

    /// The groups that this process makes are named so, and a number.
    pub(crate) fn of_this_process(&self) -> PathBuf {
        self.root.join(std::process::id().to_string())
    }

    /// Make a group for one attempt. Limits for which the system has no controller are not held.
    pub(crate) fn make(&self, limits: &Limits) -> io::Result<Cgroup> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let cgroup = Cgroup { folder: self.root.join(format!("{}-{number}", std::process::id())) };
        make(&cgroup.folder)?;
        let set = |file: &str, value: String| fs::write(cgroup.folder.join(file), value);
        if let (Some(bytes), true) = (limits.memory_bytes, self.memory) {
            set("memory.max", bytes.to_string())?;
            // Not there without swap accounting; then there is no swap to fall back on either, or nothing to be done.
            let _ = set("memory.swap.max", "0".to_owned());
            // Half a step is worse than none.
            set("memory.oom.group", "1".to_owned())?;
        }
        if let (Some(cores), true) = (limits.cpu, self.cpu) {
            // Whole microseconds are exact enough; what is out of range becomes the nearest that is allowed.
            let quota = (cores * PERIOD as f64).max(1_000.0) as u64;
            set("cpu.max", format!("{quota} {PERIOD}"))?;
        }
        if let (Some(most), true) = (limits.processes, self.processes) {
            set("pids.max", most.to_string())?;
        }
        Ok(cgroup)
    }
}

/// A group that has processes of its own can hand no limits on to groups below it, but for the root of all. A service whose
/// group is its own, as a service manager delegates it, goes one step down for that; a process among others stays.
fn step_aside(base: &Path) {
    let read = |file: &str| fs::read_to_string(base.join(file)).unwrap_or_default();
    // The root has no type.
    let alone = read("cgroup.procs").trim() == std::process::id().to_string();
    if !base.join("cgroup.type").exists() || read("cgroup.controllers").trim().is_empty() || !alone {
        return;
    }
    let own = base.join(OWN);
    if make(&own).is_ok() {
        // That it could not shows when no controller can be had.
        let _ = fs::write(own.join("cgroup.procs"), "0");
    }
}

fn make(folder: &Path) -> io::Result<()> {
    match fs::create_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
}

/// The group of one attempt, removed when it is dropped.
#[derive(Debug)]
pub(crate) struct Cgroup {
    folder: PathBuf,
}

impl Cgroup {
    /// A process that writes its number here joins.
    pub fn procs(&self) -> PathBuf {
        self.folder.join("cgroup.procs")
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Kill all in it, those too that are just being started.
    pub fn kill(&self) {
        kill(&self.folder);
    }

    pub fn ran_out_of_memory(&self) -> bool {
        let events = fs::read_to_string(self.folder.join("memory.events")).unwrap_or_default();
        let killed = |line: &str| line.strip_prefix("oom_kill ").is_some_and(|count| count.trim() != "0");
        events.lines().any(killed)
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // Of processes that could not be ended it stays, and is tried again by nobody: an empty folder of the kernel.
        let _ = fs::remove_dir(&self.folder);
    }
}

/// Kill all in the group of a shim that is gone, then remove it.
pub(crate) fn kill(folder: &Path) {
    let _ = fs::write(folder.join("cgroup.kill"), "1");
}
