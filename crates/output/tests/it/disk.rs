//! A disk that is full or read-only, really: a small tmpfs.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use output::{Outputs, Stream};
use tempfile::TempDir;

use crate::scene::{all, at, bytes, key, noise, rest};

/// A mounted tmpfs; none where that is not allowed.
struct Disk {
    folder: TempDir,
}

impl Disk {
    fn new(options: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        if mount(&["-t", "tmpfs", "-o", options, "tmpfs"], folder.path()) {
            return Some(Self { folder });
        }
        println!("not run: a tmpfs cannot be mounted here");
        None
    }

    fn remount(&self, options: &str) {
        assert!(mount(&["-o", &format!("remount,{options}")], self.folder.path()));
    }

    fn ballast(&self) -> PathBuf {
        self.folder.path().join("ballast")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.folder.path()).status();
    }
}

fn mount(arguments: &[&str], at: &Path) -> bool {
    let done = Command::new("mount").args(arguments).arg(at).output();
    done.is_ok_and(|done| done.status.success())
}

/// Past the time in which no write is tried again.
fn wait() {
    std::thread::sleep(Duration::from_millis(300));
}

#[test]
fn a_full_disk_costs_what_found_no_room_and_says_so() {
    let Some(disk) = Disk::new("size=2m") else { return };
    let outputs = Outputs::open(disk.folder.path()).unwrap();
    let mut log = outputs.create(key(), u64::MAX).unwrap();
    let mut reader = outputs.read(&key(), 0).unwrap();
    log.append(Stream::Stdout, at(0), b"before\n").unwrap();
    log.flush();
    std::fs::write(disk.ballast(), vec![0; 4 << 20]).unwrap_err();
    let mut written = 0;
    let began = std::time::Instant::now();
    for round in 0..40 {
        let piece = noise(round + 1, 100_000);
        let _ = log.append(Stream::Stdout, at(1), &piece);
        written += piece.len();
        log.flush();
    }
    assert!(began.elapsed() < Duration::from_secs(2), "nobody waits for the disk");
    assert!(log.is_behind());
    let seen = rest(&mut reader);
    assert_eq!(seen[0].bytes, b"before\n");

    std::fs::remove_file(disk.ballast()).unwrap();
    wait();
    log.append(Stream::Stdout, at(2), b"after\n").unwrap();
    log.flush();
    assert!(!log.is_behind());
    let now = rest(&mut reader);
    assert_eq!(now.last().unwrap().bytes, b"after\n");
    let size = log.finish().unwrap();
    assert!(size.complete && size.lost > 0 && size.lost == size.dropped);
    assert_eq!(size.bytes + size.lost, written as u64 + 13);
    let frames = all(&outputs, 0);
    assert_eq!(frames, [seen, now].concat());
    let notes: Vec<_> = frames.iter().filter(|frame| frame.stream == Stream::Note).collect();
    assert_eq!(notes.len(), 1);
    let words = String::from_utf8(notes[0].bytes.clone()).unwrap();
    assert!(words.ends_with(" bytes were not kept: no space left"), "{words}");
    assert_eq!(words.split(' ').next().unwrap().replace(',', ""), size.lost.to_string());
    assert_eq!(outputs.size(&key()).unwrap(), size);
}

/// A flood on its second thread, into the ring as well.
#[test]
fn a_flood_onto_a_full_disk_goes_on() {
    // With a limit much may wait in memory, and what is left out anyway is no loss: there is room for less than the first half.
    for (limit, room) in [(u64::MAX, "size=3m"), (4_000_000, "size=1m")] {
        let Some(disk) = Disk::new(room) else { return };
        let outputs = Outputs::open(disk.folder.path()).unwrap();
        let mut log = outputs.create(key(), limit).unwrap();
        let mut written = 0;
        for round in 0..100 {
            let _ = log.append(Stream::Stdout, at(1), &noise(round + 1, 100_000));
            written += 100_000;
        }
        // All of it has met the full disk: what is still being packed would find the room to come.
        log.flush();
        disk.remount("size=16m");
        wait();
        let _ = log.append(Stream::Stdout, at(2), b"after\n");
        log.flush();
        let size = log.finish().unwrap();
        assert!(size.complete && size.lost > 0, "{size:?}");
        assert_eq!(size.bytes + size.dropped, written + 6);
        let frames = all(&outputs, 0);
        assert_eq!(bytes(&frames).len() as u64, size.bytes);
        assert!(bytes(&frames).ends_with(b"after\n"));
        assert!(frames.iter().any(|frame| frame.bytes.ends_with(b"not kept: no space left")));
    }
}

#[test]
fn a_read_only_folder_is_written_once_it_can_be() {
    let Some(disk) = Disk::new("size=2m") else { return };
    let outputs = Outputs::open(disk.folder.path()).unwrap();
    disk.remount("ro");
    let mut log = outputs.create(key(), u64::MAX).unwrap();
    log.append(Stream::Stdout, at(0), b"patient\n").unwrap();
    log.flush();
    assert!(log.is_behind());
    assert_eq!(log.position(), 0);
    assert!(!outputs.size(&key()).unwrap().complete);
    disk.remount("rw");
    wait();
    log.flush();
    assert!(!log.is_behind());
    let size = log.finish().unwrap();
    assert_eq!((size.bytes, size.lost, size.complete), (8, 0, true));
    assert_eq!(bytes(&all(&outputs, 0)), b"patient\n");
}

#[test]
fn a_folder_that_stays_read_only_is_an_error_at_the_end() {
    let Some(disk) = Disk::new("size=2m") else { return };
    let outputs = Outputs::open(disk.folder.path()).unwrap();
    disk.remount("ro");
    let mut log = outputs.create(key(), u64::MAX).unwrap();
    log.append(Stream::Stdout, at(0), b"in vain\n").unwrap();
    let error = log.finish().unwrap_err().to_string();
    assert!(error.contains("Read-only"), "{error}");
    assert!(!outputs.is_live(&key()));
}
