//! Output as programs really write it: any bytes, very long lines, very many short ones.

use output::Stream;

use crate::scene::{Scene, all, at, bytes, key};

#[test]
fn any_bytes_come_back() {
    let scene = Scene::new();
    let mut log = scene.create(u64::MAX);
    let every: Vec<u8> = (0..=255).chain([0, 0, 0xff, 0xfe, b'\r', b'\n', 0xc3]).collect();
    for byte in &every {
        log.append(Stream::Stdout, at(0), &[*byte]).unwrap();
        log.flush();
    }
    log.append(Stream::Stdout, at(0), b"").unwrap();
    log.finish().unwrap();
    assert_eq!(bytes(&all(&scene.reopened(), 0)), every);
}

#[test]
fn a_line_of_10_megabytes() {
    let scene = Scene::new();
    let mut log = scene.create(u64::MAX);
    let line = vec![b'x'; 10_000_000];
    log.append(Stream::Stdout, at(0), &line).unwrap();
    log.append(Stream::Stdout, at(0), b"\n").unwrap();
    let size = log.finish().unwrap();
    assert_eq!((size.bytes, size.dropped), (10_000_001, 0));
    assert_eq!(bytes(&all(&scene.reopened(), 0)), [line, b"\n".to_vec()].concat());
}

#[test]
fn a_million_short_lines() {
    let scene = Scene::new();
    let mut log = scene.create(u64::MAX);
    for number in 0..1_000_000_u32 {
        log.append(Stream::Stdout, at(0), format!("{number}\n").as_bytes()).unwrap();
        if number % 1000 == 0 {
            log.flush();
        }
    }
    let size = log.finish().unwrap();
    let frames = all(&scene.outputs, 0);
    assert_eq!(frames.len(), 1_000_000);
    let text = String::from_utf8(bytes(&frames)).unwrap();
    assert_eq!(text.len() as u64, size.bytes);
    assert!(text.lines().enumerate().all(|(number, line)| line == number.to_string()));
    // From anywhere, by the position of a frame.
    for place in [0, 1, 499_999, 999_999] {
        let reader = &mut scene.outputs.read(&key(), frames[place].position).unwrap();
        assert_eq!(reader.try_next().unwrap().unwrap(), frames[place]);
    }
}

/// Frames longer than what they hold: the ring is bounded all the same, and the count is exact.
#[test]
fn short_lines_beyond_the_limit() {
    let scene = Scene::new();
    let mut log = scene.create(1_000_000);
    let mut written = 0;
    for number in 0..400_000_u32 {
        let line = format!("{number:06}\n");
        log.append(Stream::Stdout, at(0), line.as_bytes()).unwrap();
        written += line.len() as u64;
    }
    let size = log.finish().unwrap();
    assert_eq!(size.bytes + size.dropped, written);
    let text = String::from_utf8(bytes(&all(&scene.outputs, 0))).unwrap();
    assert!(text.starts_with("000000\n000001\n") && text.ends_with("399999\n"));
    let jumps = text.as_bytes().chunks(7).map(|line| line.to_vec()).collect::<Vec<_>>();
    assert!(jumps.len() > 80_000, "{}", jumps.len());
}
