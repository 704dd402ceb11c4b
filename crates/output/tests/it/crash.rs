//! Files as a dead process, a power loss or a bad disk leaves them.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use output::{Frame, OutputError, Outputs, Stream};
use tempfile::TempDir;

use crate::scene::{RUN, Scene, all, at, bytes, key, noise, out};

/// The files of a process that died with two blocks sealed, three flushes behind them and an unflushed rest.
fn dead() -> (Scene, Vec<Frame>) {
    let scene = Scene::new();
    let mut log = scene.create(u64::MAX);
    for block in 0..2 {
        for piece in 0..4 {
            log.append(Stream::Stdout, at(block), &noise(piece + 1, 64 * 1024)).unwrap();
        }
    }
    for line in ["one\n", "two\n", "three\n"] {
        out(&mut log, line);
        log.flush();
    }
    out(&mut log, "never shown\n");
    let shown = all(&scene.outputs, 0);
    // As `kill -9` would: no end is written.
    std::mem::forget(log);
    (scene, shown)
}

/// A copy of the run's files in which one is cut.
fn cut(scene: &Scene, file: &str, len: usize) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    let to = copy.path().join(RUN);
    fs::create_dir(&to).unwrap();
    for entry in fs::read_dir(scene.folder.path().join(RUN)).unwrap() {
        let from = entry.unwrap().path();
        let name = from.file_name().unwrap();
        let mut content = fs::read(&from).unwrap();
        if name == file {
            content.truncate(len);
        }
        fs::write(to.join(name), content).unwrap();
    }
    copy
}

fn len(scene: &Scene, file: &str) -> usize {
    fs::metadata(scene.folder.path().join(RUN).join(file)).unwrap().len() as usize
}

fn reopen(folder: &Path) -> Outputs {
    Outputs::open(folder).unwrap()
}

#[test]
fn what_was_shown_survives_a_kill() {
    let (scene, shown) = dead();
    let outputs = scene.reopened();
    assert_eq!(all(&outputs, 0), shown);
    let size = outputs.size(&key()).unwrap();
    assert!(!size.complete);
    assert_eq!(size.bytes, bytes(&shown).len() as u64);
    assert_eq!(size.position_end, shown.last().unwrap().next);
    let refused = outputs.create(key(), 1);
    assert!(matches!(refused, Err(OutputError::Exists(_))));
}

#[test]
fn a_file_cut_anywhere_leaves_the_frames_before_the_cut() {
    let (scene, shown) = dead();
    let block = 4;
    for file in ["0-1.idx", "0-1.tail"] {
        let mut most = 0;
        for len in 0..=len(&scene, file) {
            let copy = cut(&scene, file, len);
            let found = all(&reopen(copy.path()), 0);
            assert_eq!(found, shown[..found.len()], "{file} cut to {len}");
            assert!(found.len() >= most, "{file} cut to {len}");
            most = found.len();
        }
        assert_eq!(most, shown.len());
    }
    let whole = len(&scene, "0-1.seg");
    for len in [0, 1, whole / 2 - 1, whole / 2, whole / 2 + 1, whole - 1] {
        let copy = cut(&scene, "0-1.seg", len);
        let found = all(&reopen(copy.path()), 0);
        assert_eq!(found, shown[..found.len()]);
        assert_eq!(found.len() % block, 0, "whole blocks only");
    }
}

#[test]
fn a_stale_tail_doubles_nothing() {
    let scene = Scene::new();
    let mut log = scene.create(u64::MAX);
    out(&mut log, "early\n");
    log.flush();
    let tail = scene.folder.path().join(RUN).join("0-1.tail");
    let before = fs::read(&tail).unwrap();
    log.append(Stream::Stdout, at(1), &noise(7, 300_000)).unwrap();
    let shown = all(&scene.outputs, 0);
    std::mem::forget(log);
    // Death between the record in the index and the clearing of the tail.
    fs::write(&tail, before).unwrap();
    assert_eq!(all(&scene.reopened(), 0), shown);
}

#[test]
fn a_flipped_bit_is_named_not_shown() {
    let (scene, shown) = dead();
    let run = scene.folder.path().join(RUN);
    let seg = run.join("0-1.seg");
    let sound = fs::read(&seg).unwrap();
    let mut bad = sound.clone();
    let second = bad.len() * 3 / 4;
    bad[second] ^= 1;
    fs::write(&seg, bad).unwrap();
    let outputs = scene.reopened();
    let mut reader = outputs.read(&key(), 0).unwrap();
    for frame in &shown[..4] {
        assert_eq!(reader.try_next().unwrap().as_ref(), Some(frame));
    }
    let error = reader.try_next().unwrap_err().to_string();
    assert!(error.contains("0-1.seg is damaged at byte"), "{error}");
    assert!(error.contains("restore the file from a backup"), "{error}");
    fs::write(&seg, sound).unwrap();

    let idx = run.join("0-1.idx");
    let mut bad = fs::read(&idx).unwrap();
    bad[12] ^= 1;
    fs::write(&idx, bad).unwrap();
    let error = scene.reopened().size(&key()).unwrap_err().to_string();
    assert!(error.contains("0-1.idx is damaged at byte 0"), "{error}");
}

#[test]
fn a_finished_log_that_lost_its_blocks_is_damaged() {
    let scene = Scene::new();
    let mut log = scene.create(u64::MAX);
    log.append(Stream::Stdout, at(0), &noise(3, 300_000)).unwrap();
    log.finish().unwrap();
    let copy = cut(&scene, "0-1.seg", 1000);
    let error = reopen(copy.path()).read(&key(), 0).err().unwrap();
    assert!(matches!(error, OutputError::Damaged { at: 1000, .. }), "{error}");
}

#[test]
fn dropping_the_writer_finishes_the_log() {
    for len in [10, 100_000] {
        let scene = Scene::new();
        let mut log = scene.create(u64::MAX);
        log.append(Stream::Stderr, at(0), &noise(3, len)).unwrap();
        drop(log);
        assert_eq!(bytes(&all(&scene.reopened(), 0)), noise(3, len));
        assert!(scene.reopened().size(&key()).unwrap().complete);
    }
}

#[test]
fn nobody_else_may_read_the_files() {
    for len in [10, 300_000] {
        let scene = Scene::new();
        let mut log = scene.create(u64::MAX);
        log.append(Stream::Stdout, at(0), &noise(3, len)).unwrap();
        log.finish().unwrap();
        let run = scene.folder.path().join(RUN);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&run), 0o700);
        for entry in fs::read_dir(&run).unwrap() {
            assert_eq!(mode(&entry.unwrap().path()), 0o600);
        }
    }
}

#[test]
fn files_follow_the_size_of_the_log() {
    let names = |scene: &Scene| {
        let run = scene.folder.path().join(RUN);
        let mut names: Vec<_> = fs::read_dir(run)
            .into_iter()
            .flatten()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    for (len, files) in [
        (0, vec![]),
        (10, vec!["0-1.tail"]),
        (20_000, vec!["0-1.idx", "0-1.seg"]),
        (600_000, vec!["0-1.idx", "0-1.seg"]),
    ] {
        let scene = Scene::new();
        let mut log = scene.create(u64::MAX);
        log.append(Stream::Stdout, at(0), &noise(1, len)).unwrap();
        assert_eq!(log.is_empty(), len == 0);
        log.flush();
        log.finish().unwrap();
        assert_eq!(names(&scene), files, "{len}");
        assert_eq!(scene.reopened().size(&key()).unwrap().bytes, len as u64);
        scene.outputs.remove_run(RUN).unwrap();
        assert!(all(&scene.outputs, 0).is_empty());
        scene.outputs.remove_run(RUN).unwrap();
    }
}
