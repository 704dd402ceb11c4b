//! A data directory that cannot be written any more while the server runs: what the kernel makes of a disk with a fault.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::{
    machine::{Machine, wait_for},
    program::Home,
};

fn succeeds(program: &str, words: &[&str], place: &Path) -> bool {
    Command::new(program).args(words).arg(place).output().is_ok_and(|done| done.status.success())
}

/// A disk in a file, mounted as long as the value is there.
struct Disk {
    image: PathBuf,
    at: PathBuf,
}

impl Disk {
    /// None where this user may not mount, or there is no such file system.
    fn mount(home: &Path, at: &Path) -> Option<Self> {
        fs::create_dir_all(at).unwrap();
        let image = home.join("disk");
        fs::File::create(&image).unwrap().set_len(96 << 20).unwrap();
        let disk = Self { image, at: at.to_owned() };
        (succeeds("mkfs.ext4", &["-q", "-F"], &disk.image) && disk.mount_again()).then_some(disk)
    }

    fn mount_again(&self) -> bool {
        let image = self.image.display().to_string();
        succeeds("mount", &["-o", "loop,errors=remount-ro", &image], &self.at)
    }

    fn unmount(&self) -> bool {
        succeeds("umount", &[], &self.at)
    }

    /// What the kernel does when it finds the file system at fault: from now on nothing is written, not even to files that
    /// are open. A plain `remount,ro` is refused as long as there are such.
    fn break_down(&self) {
        assert!(succeeds("mount", &["-o", "remount,abort"], &self.at));
        assert!(fs::write(self.at.join("probe"), "").is_err(), "nothing can be written");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.at).output();
    }
}

/// Processes that have a file of this folder open, or work in it.
fn processes_of(folder: &Path) -> Vec<i32> {
    let of_it = |process: &Path| {
        let open = fs::read_dir(process.join("fd")).into_iter().flatten().flatten().map(|entry| entry.path());
        let mut links = open.chain([process.join("cwd")]);
        links.any(|link| fs::read_link(link).is_ok_and(|target| target.starts_with(folder)))
    };
    let all = fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
    let ids = all.filter(|path| of_it(path)).filter_map(|path| path.file_name()?.to_str()?.parse().ok());
    ids.collect()
}

#[test]
fn a_disk_that_turns_read_only_loses_nothing_and_work_goes_on_when_it_is_mounted_again() {
    let home = Home::new();
    let data = home.path().join("data");
    let ledger = home.path().join("ledger");
    let Some(disk) = Disk::mount(home.path(), &data) else {
        eprintln!("a read-only disk was not tried: this user may not mount one");
        return;
    };
    let say = |word: &str| format!("echo \"$SIGNALBOX_RUN {word}\" >> {}", ledger.display());
    let runbooks = format!(
        "kind: Runbook\nname: two\nsteps:\n  - run: echo one; {}; sleep 3\n  - run: echo two; {}\n\
         ---\nkind: Runbook\nname: parks\nsteps:\n  - wait: 3s\n  - run: {}\n",
        say("one"),
        say("two"),
        say("parked"),
    );
    let mut machine = Machine::start_in(home, &runbooks);
    let before = machine.detach(&["two"]);
    machine.finished(&before);
    let under_way = machine.detach(&["two"]);
    let parked = machine.detach(&["parks"]);
    wait_for("the step", || machine.signalbox(&["runs", "logs", &under_way]).out == "one\n");
    assert!(succeeds("sync", &["-f"], &data));
    disk.break_down();

    let refuse = |machine: &Machine| {
        let refused = machine.signalbox(&["run", "two", "--detach"]);
        assert_ne!(refused.code, Some(0), "nothing is acknowledged that cannot be kept: {}", refused.out);
        for words in ["signalbox.db cannot be written: nothing was stored", "mount", "Try again"] {
            assert!(refused.err.contains(words), "what happened, where, what next: {}", refused.err);
        }
    };
    refuse(&machine);
    // The step ends, and the parked run is due.
    thread::sleep(Duration::from_secs(4));
    refuse(&machine);
    assert_eq!(machine.show(&before)["state"], "succeeded", "what is there can be read");
    assert_eq!(machine.signalbox(&["runs", "logs", &before]).out, "one\ntwo\n");
    assert_eq!(machine.show(&under_way)["state"], "running", "an end that is not stored is none");
    assert_eq!(machine.show(&parked)["state"], "waiting");
    machine.signal(Signal::SIGTERM);
    assert!(machine.ended(Duration::from_secs(20)).success(), "it stops when it is told to");

    // The shim keeps the end as long as it lives; a disk that is to be checked must be let go.
    for id in processes_of(&data) {
        let _ = kill(Pid::from_raw(id), Signal::SIGKILL);
    }
    wait_for("the disk to be free", || disk.unmount());
    wait_for("the disk to be back", || disk.mount_again());
    assert!(succeeds("mount", &["-o", "remount,ro"], &data));
    let refused = machine.signalbox(&["server", "--data-dir", "data", "--listen", "127.0.0.1:0"]);
    assert_eq!((refused.code, refused.out.as_str()), (Some(1), ""), "{}", refused.err);
    assert!(
        refused.err.contains("Read-only file system") && refused.err.contains("hint: "),
        "{}",
        refused.err
    );
    assert!(succeeds("mount", &["-o", "remount,rw"], &data));

    machine.start_again();
    assert_eq!(machine.finished(&parked)["state"], "succeeded", "it goes on by itself");
    let lost = machine.show(&under_way);
    assert_eq!((&lost["state"], &lost["steps"][0]["wait"]["for"]), (&"waiting".into(), &"lost".into()));
    let words =
        ["step", "resolve", &under_way, "step_1", "--as", "succeeded", "--reason", "the ledger has it"];
    assert_eq!(machine.signalbox(&words).code, Some(0));
    assert_eq!(machine.finished(&under_way)["state"], "succeeded");
    let after = machine.detach(&["two"]);
    assert_eq!(machine.finished(&after)["state"], "succeeded");
    let mut expected: Vec<String> = [&before, &under_way, &after]
        .iter()
        .flat_map(|run| [format!("{run} one"), format!("{run} two")])
        .collect();
    expected.push(format!("{parked} parked"));
    expected.sort();
    let mut said: Vec<String> = fs::read_to_string(&ledger).unwrap().lines().map(str::to_owned).collect();
    said.sort();
    assert_eq!(said, expected, "each step was started once, and no run was begun that was refused");
    assert_eq!(machine.signalbox(&["runs", "logs", &under_way]).out, "one\ntwo\n");
    machine.kill_server();
    drop(machine);
}
