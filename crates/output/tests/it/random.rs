//! Whatever is appended in whatever order comes back byte for byte, from wherever one resumes.

use output::Stream;
use proptest::prelude::*;

use crate::scene::{Scene, all, at, key, noise, rest};

#[derive(Clone, Debug)]
enum Act {
    Append(Stream, usize),
    Flush,
    /// Read on with the reader that has been there from the begin.
    Read,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let stream = prop_oneof![Just(Stream::Stdout), Just(Stream::Stderr), Just(Stream::Note)];
    let len = prop_oneof![4 => 0..200_usize, 2 => 60_000..70_000_usize, 1 => 200_000..600_000_usize];
    let act = prop_oneof![
        5 => (stream, len).prop_map(|(stream, len)| Act::Append(stream, len)),
        2 => Just(Act::Flush),
        2 => Just(Act::Read),
    ];
    prop::collection::vec(act, 0..30)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_appended_comes_back_from_any_frame(acts in acts(), resume in any::<prop::sample::Index>()) {
        let scene = Scene::new();
        let mut log = scene.create(u64::MAX);
        let mut follower = scene.outputs.read(&key(), 0).unwrap();
        let mut written: Vec<(Stream, u8)> = Vec::new();
        let mut flushed = 0;
        let mut followed = Vec::new();
        for (place, act) in acts.iter().enumerate() {
            match act {
                Act::Append(stream, len) => {
                    let bytes = noise(place as u64, *len);
                    log.append(*stream, at(place as i64), &bytes).unwrap();
                    written.extend(bytes.iter().map(|byte| (*stream, *byte)));
                }
                Act::Flush => {
                    log.flush();
                    flushed = written.len();
                }
                Act::Read => {
                    followed.extend(rest(&mut follower));
                    let seen: usize = followed.iter().map(|frame| frame.bytes.len()).sum();
                    prop_assert!(seen >= flushed);
                    // Another process finds what was shown, were this one to die now.
                    let found: usize = all(&scene.reopened(), 0).iter().map(|frame| frame.bytes.len()).sum();
                    prop_assert!(found >= seen);
                }
            }
        }
        let size = log.finish().unwrap();
        followed.extend(rest(&mut follower));

        let frames = all(&scene.outputs, 0);
        prop_assert_eq!(&followed, &frames);
        let read: Vec<(Stream, u8)> =
            frames.iter().flat_map(|frame| frame.bytes.iter().map(|byte| (frame.stream, *byte))).collect();
        prop_assert!(read == written, "{} bytes read, {} written", read.len(), written.len());

        let own = written.iter().filter(|(stream, _)| *stream != Stream::Note).count();
        prop_assert_eq!(size.bytes, own as u64);
        prop_assert_eq!(size, scene.reopened().size(&key()).unwrap());
        prop_assert!(size.complete);

        prop_assert_eq!(frames.first().map_or(0, |frame| frame.position), 0);
        prop_assert!(frames.windows(2).all(|pair| pair[0].next == pair[1].position));
        prop_assert_eq!(frames.last().map_or(0, |frame| frame.next), size.position_end);
        if !frames.is_empty() {
            let place = resume.index(frames.len());
            let frame = &frames[place];
            prop_assert_eq!(&all(&scene.outputs, frame.position), &frames[place..]);
            prop_assert_eq!(&all(&scene.outputs, frame.next), &frames[place + 1..]);
            // A position that nobody was given: on from the frame after it.
            prop_assert_eq!(&all(&scene.outputs, frame.position + 1), &frames[place + 1..]);
            let before_end = size.position_end - frame.position - 1;
            prop_assert_eq!(scene.outputs.position_before_end(&key(), before_end), frame.position);
        }
        prop_assert!(all(&scene.outputs, u64::MAX).is_empty());
    }
}
