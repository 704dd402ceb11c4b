//! Whoever looks at the files, at whatever moment of the writing, sees the log up to some place, and nothing else.

use std::{cell::RefCell, fs, path::Path};

use jiff::Timestamp;
use proptest::prelude::*;
use tempfile::TempDir;

use crate::{Frame, LogKey, LogReader, LogWriter, Outputs, Stream};

thread_local! {
    static LOOK: RefCell<Option<Box<dyn FnMut()>>> = const { RefCell::new(None) };
}

/// Something in a file has changed.
pub(crate) fn step() {
    // Taken out, so that closing an abandoned copy is not looked at in turn.
    if let Some(mut look) = LOOK.take() {
        look();
        LOOK.set(Some(look));
    }
}

fn key() -> LogKey {
    LogKey { run: "0198c0de-0000-7000-8000-000000000001".into(), step: 0, attempt: 1 }
}

fn rest(reader: &mut LogReader) -> Vec<Frame> {
    let mut frames = Vec::new();
    while let Some(frame) = reader.try_next().unwrap() {
        frames.push(frame);
    }
    frames
}

fn all(folder: &Path) -> Vec<Frame> {
    rest(&mut Outputs::open(folder).unwrap().read(&key(), 0).unwrap())
}

fn own_bytes(frames: &[Frame]) -> Vec<u8> {
    frames.iter().filter(|frame| frame.stream != Stream::Note).flat_map(|frame| frame.bytes.clone()).collect()
}

/// As a backup, or the death of the writer at this moment, would leave it.
fn copy(folder: &Path) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    let run = key().run;
    fs::create_dir(copy.path().join(&run)).unwrap();
    for entry in fs::read_dir(folder.join(&run)).unwrap() {
        let from = entry.unwrap().path();
        fs::copy(&from, copy.path().join(&run).join(from.file_name().unwrap())).unwrap();
    }
    copy
}

#[derive(Default)]
struct Looked {
    steps: usize,
    followed: Vec<Frame>,
    /// What a fresh reader saw, each time that it saw more: how many frames, and the last.
    fresh: Vec<(usize, Option<Frame>)>,
    /// Bytes of the step's own output that were flushed.
    flushed: usize,
    /// What a log held that was closed in a copy, and how much had been flushed then.
    closed: Vec<(Vec<Frame>, usize)>,
}

#[derive(Clone, Debug)]
enum Act {
    Append(Stream, usize),
    Flush,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let stream = prop_oneof![3 => Just(Stream::Stdout), 2 => Just(Stream::Stderr), 1 => Just(Stream::Note)];
    let len = prop_oneof![4 => 1..200_usize, 3 => 20_000..70_000_usize, 2 => 200_000..300_000_usize];
    let act = prop_oneof![
        3 => (stream, len).prop_map(|(stream, len)| Act::Append(stream, len)),
        2 => Just(Act::Flush),
    ];
    prop::collection::vec(act, 1..16)
}

fn look_at_every_step(acts: &[Act], limit: u64) {
    let folder = tempfile::tempdir().unwrap();
    let outputs = Outputs::open(folder.path()).unwrap();
    let looked = std::rc::Rc::new(RefCell::new(Looked::default()));
    let mut log = LogWriter::create(folder.path(), key(), limit).unwrap();
    let look = {
        let (looked, path) = (std::rc::Rc::clone(&looked), folder.path().to_path_buf());
        let mut follower = outputs.read(&key(), 0).unwrap();
        move || {
            let mut looked = looked.borrow_mut();
            looked.steps += 1;
            let new = rest(&mut follower);
            looked.followed.extend(new);
            let fresh = all(&path);
            assert_eq!(fresh, looked.followed, "whoever comes now sees what a follower has seen");
            if looked.fresh.last().is_none_or(|(count, _)| *count < fresh.len()) {
                looked.fresh.push((fresh.len(), fresh.last().cloned()));
            }
            if looked.steps % 5 == 0 {
                let copy = copy(&path);
                let outputs = Outputs::open(copy.path()).unwrap();
                let size = outputs.close_abandoned(&key()).unwrap();
                let closed = all(copy.path());
                assert_eq!(closed[..fresh.len()], fresh);
                assert_eq!(outputs.close_abandoned(&key()).unwrap(), size, "once is enough");
                assert_eq!(outputs.size(&key()).unwrap(), size);
                assert_eq!(size.bytes, own_bytes(&closed).len() as u64);
                assert_eq!(all(copy.path()), closed);
                let flushed = looked.flushed;
                looked.closed.push((closed, flushed));
            }
        }
    };
    LOOK.set(Some(Box::new(look)));
    let mut written = Vec::new();
    let mut state = 7_u64;
    for act in acts {
        match act {
            Act::Append(stream, len) => {
                let mut bytes = vec![0; *len];
                for chunk in bytes.chunks_mut(8) {
                    state =
                        state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    chunk.copy_from_slice(&state.to_be_bytes()[..chunk.len()]);
                }
                log.append(*stream, Timestamp::UNIX_EPOCH, &bytes).unwrap();
                if *stream != Stream::Note {
                    written.extend(bytes);
                }
            }
            Act::Flush => {
                log.flush();
                looked.borrow_mut().flushed = written.len();
                // What a flush showed, everybody saw before it came back.
                let seen = looked.borrow().followed.last().map_or(0, |frame| frame.next);
                assert_eq!(seen, log.position());
            }
        }
    }
    log.finish().unwrap();
    LOOK.set(None);
    let looked = looked.borrow();
    let whole = all(folder.path());
    assert_eq!(looked.followed, whole);
    for (count, last) in &looked.fresh {
        assert_eq!(whole[..*count].last(), last.as_ref());
    }
    for (closed, flushed) in &looked.closed {
        let words = b"the log breaks off here: the supervisor of the step died";
        let finished = closed.len() == whole.len() && closed.last() == whole.last();
        assert!(finished || closed.last().unwrap().bytes == words);
        // A part from the begin and perhaps one from later on, each in one piece.
        let kept = own_bytes(closed);
        let head = kept.iter().zip(&written).take_while(|(kept, written)| kept == written).count();
        let tail = &kept[head..];
        let at = if tail.is_empty() {
            Some(head)
        } else {
            written.windows(tail.len()).position(|window| window == tail)
        };
        let end = at.unwrap() + tail.len();
        assert!(end >= *flushed, "{flushed} bytes were flushed, and what is there ends at {end}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_step_of_the_writing_leaves_a_log(acts in acts()) {
        look_at_every_step(&acts, u64::MAX);
    }

    #[test]
    fn every_step_beyond_the_limit_leaves_a_log(acts in acts(), limit in 0..500_000_u64) {
        look_at_every_step(&acts, limit);
    }
}
