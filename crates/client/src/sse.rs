//! An incremental parser of server-sent events, as the HTML standard has them: bytes in, events out, cut anywhere.

/// Most bytes of one event; a server that sends more is not one of ours.
const EVENT_MAX: usize = 32 * 1024 * 1024;

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// `message` unless the server said otherwise.
    pub name: String,
    pub data: String,
    /// The last id that was given, here or before; empty if none was.
    pub id: String,
}

/// An event is longer than anything this API sends.
#[derive(Debug, thiserror::Error)]
#[error("an event of more than {EVENT_MAX} bytes")]
pub struct TooLong;

/// What has been read of the event at hand.
#[derive(Debug, Default)]
pub struct Parser {
    line: Vec<u8>,
    name: String,
    data: String,
    has_data: bool,
    id: String,
    /// The line before ended with CR, so that an LF now belongs to it.
    after_cr: bool,
    /// The first line is behind, and with it a byte order mark.
    begun: bool,
}

impl Parser {
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads on, and gives every event to `event` that has become whole.
    pub fn feed(&mut self, mut bytes: &[u8], mut event: impl FnMut(Event)) -> Result<(), TooLong> {
        while !bytes.is_empty() {
            if std::mem::take(&mut self.after_cr) && bytes[0] == b'\n' {
                bytes = &bytes[1..];
                continue;
            }
            let end = bytes.iter().position(|b| matches!(b, b'\r' | b'\n'));
            let piece = &bytes[..end.unwrap_or(bytes.len())];
            if self.line.len() + self.data.len() + piece.len() > EVENT_MAX {
                return Err(TooLong);
            }
            self.line.extend_from_slice(piece);
            let Some(end) = end else { return Ok(()) };
            self.after_cr = bytes[end] == b'\r';
            bytes = &bytes[end + 1..];
            if let Some(whole) = self.take_line() {
                event(whole);
            }
        }
        Ok(())
    }

    /// The line at hand is whole; a blank one makes the event whole.
    fn take_line(&mut self) -> Option<Event> {
        let line = std::mem::take(&mut self.line);
        let mut line = String::from_utf8_lossy(&line);
        if !std::mem::replace(&mut self.begun, true)
            && let Some(rest) = line.strip_prefix('\u{feff}')
        {
            line = rest.to_owned().into();
        }
        if line.is_empty() {
            return self.dispatch();
        }
        let (field, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.name),
            "data" => {
                if self.has_data {
                    self.data.push('\n');
                }
                self.has_data = true;
                self.data.push_str(value);
            }
            "id" if !value.contains('\0') => value.clone_into(&mut self.id),
            // A comment (nothing before the colon), `retry`, and what later servers may say.
            _ => {}
        }
        None
    }

    fn dispatch(&mut self) -> Option<Event> {
        let name = std::mem::take(&mut self.name);
        let data = std::mem::take(&mut self.data);
        let name = if name.is_empty() { "message".to_owned() } else { name };
        std::mem::take(&mut self.has_data).then(|| Event { name, data, id: self.id.clone() })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn all(pieces: &[&[u8]]) -> Vec<Event> {
        let mut parser = Parser::new();
        let mut events = Vec::new();
        for piece in pieces {
            parser.feed(piece, |event| events.push(event)).unwrap();
        }
        events
    }

    fn event(name: &str, data: &str, id: &str) -> Event {
        Event { name: name.into(), data: data.into(), id: id.into() }
    }

    #[test]
    fn every_line_ending_and_every_split_reads_the_same() {
        let lines = [
            "\u{feff}: a comment",
            "id: 1",
            "event: output",
            "data: first",
            "data:second: with a colon",
            "data",
            "",
            "retry: 10",
            "",
            "data:  é€😀",
            "",
            "id",
            "data: no id",
            "",
            "data",
            "",
            "event: never whole",
            "data: x",
        ];
        let expected = vec![
            event("output", "first\nsecond: with a colon\n", "1"),
            event("message", " é€😀", "1"),
            event("message", "no id", ""),
            event("message", "", ""),
        ];
        for ending in ["\n", "\r", "\r\n"] {
            let text = lines.join(ending).into_bytes();
            assert_eq!(all(&[&text]), expected, "{ending:?}");
            for cut in 0..=text.len() {
                assert_eq!(all(&[&text[..cut], &text[cut..]]), expected, "{ending:?} cut at {cut}");
            }
            let single: Vec<&[u8]> = text.chunks(1).collect();
            assert_eq!(all(&single), expected, "{ending:?} byte by byte");
        }
    }

    #[test]
    fn a_mark_is_dropped_only_at_the_very_start() {
        assert_eq!(all(&["\u{feff}data: a\n\n\u{feff}data: b\n\n".as_bytes()]), [event("message", "a", "")]);
    }

    #[test]
    fn an_id_with_nul_is_not_one() {
        assert_eq!(
            all(&[b"id: 7\ndata: a\n\nid: 8\0\ndata: b\n\n"]),
            [event("message", "a", "7"), event("message", "b", "7")]
        );
    }

    #[test]
    fn an_event_without_end_is_refused() {
        let mut parser = Parser::new();
        let piece = vec![b'x'; EVENT_MAX / 4];
        let refused = (0..5).any(|_| parser.feed(&piece, |_| ()).is_err());
        assert!(refused);
    }
}
