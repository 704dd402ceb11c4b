//! How quickly output is masked, beside copying it: `cargo run --release -p runner --example masking`.

use std::{
    io::{self, Write},
    time::{Duration, Instant},
};

use runner::{Masker, Masks};

const ROUNDS: usize = 5;
/// Bytes that are written at once, as a pipe gives them.
const PIECE: usize = 64 * 1024;
const TEXT: usize = 64 << 20;

/// A number that looks like chance and is the same each time.
fn next(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

fn word(state: &mut u64, length: usize) -> String {
    const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
    (0..length).map(|_| char::from(LETTERS[next(state) as usize % LETTERS.len()])).collect()
}

/// Lines as programs write them; in every thousandth stands a secret.
fn text(secrets: &[String], state: &mut u64) -> Vec<u8> {
    let mut text = Vec::with_capacity(TEXT + 200);
    let mut line = 0;
    while text.len() < TEXT {
        line += 1;
        let shown = if line % 1000 == 0 { secrets.first().map_or("", String::as_str) } else { "none" };
        let said = format!(
            "2026-11-26T10:00:{:02}Z INFO request {} took {} ms: {shown}\n",
            line % 60,
            word(state, 24),
            line % 997
        );
        text.extend_from_slice(said.as_bytes());
    }
    text
}

fn fastest(mut once: impl FnMut() -> usize) -> (Duration, usize) {
    let (mut best, mut length) = (Duration::MAX, 0);
    for _ in 0..ROUNDS {
        let began = Instant::now();
        length = once();
        best = best.min(began.elapsed());
    }
    (best, length)
}

fn main() -> io::Result<()> {
    let mut state = 0x5eed_u64;
    let mut out = io::stdout().lock();
    let rate = |took: Duration| (TEXT as f64 / took.as_secs_f64() / 1e6).round();
    for number in [1, 10, 50, 200] {
        let secrets: Vec<String> = (0..number).map(|_| word(&mut state, 32)).collect();
        let text = text(&secrets, &mut state);
        let (copied, _) = fastest(|| {
            let mut to = Vec::with_capacity(2 * PIECE);
            text.chunks(PIECE).fold(0, |length, piece| {
                to.clear();
                to.extend_from_slice(piece);
                length + std::hint::black_box(&to).len()
            })
        });
        let masks = Masks::new(secrets.iter().map(String::as_bytes));
        let (masked, left) = fastest(|| {
            let mut masker = Masker::default();
            let mut to = Vec::with_capacity(2 * PIECE);
            let mut length = 0;
            for piece in text.chunks(PIECE) {
                to.clear();
                masker.feed(&masks, piece, &mut to);
                length += std::hint::black_box(&to).len();
            }
            to.clear();
            masker.finish(&masks, &mut to);
            length + to.len()
        });
        assert!(left < text.len(), "something was masked");
        writeln!(
            out,
            "{number:>4} secrets: masked at {:>5} MB/s, copied at {:>6} MB/s",
            rate(masked),
            rate(copied)
        )?;
    }
    Ok(())
}
