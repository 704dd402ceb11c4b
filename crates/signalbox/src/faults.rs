//! Draws faults as good compilers do: the place, the source line with the fault underlined, a hint.

use std::{collections::BTreeSet, fmt};

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents,
    SourceCode, SourceSpan, SpanContents,
};
use model::api::{Fault, Severity};

use crate::{printer::Canvas, words};

/// Most characters drawn of one source line, the fault among them.
const LINE_MAX: usize = 160;

/// All faults, each with its line of source where `text` knows its document.
pub fn draw<'t>(faults: &[Fault], text: impl Fn(&str) -> Option<&'t str>, canvas: Canvas) -> String {
    let theme = if canvas.colours { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let handler =
        GraphicalReportHandler::new_themed(theme).with_width(usize::from(canvas.width)).with_links(false);
    let mut drawn = String::new();
    for fault in faults {
        let excerpt = text(&fault.path).filter(|_| fault.line > 0).map(|text| Excerpt::of(fault, text));
        let _ = handler.render_report(&mut drawn, &Drawing { fault, excerpt });
        drawn.push('\n');
    }
    drawn
}

/// `3 faults in 2 files`, and remarks if there are any.
pub fn summary(faults: &[Fault]) -> String {
    let of = |severity| -> Vec<&Fault> { faults.iter().filter(|fault| fault.severity == severity).collect() };
    let (errors, remarks) = (of(Severity::Error), of(Severity::Remark));
    let files: BTreeSet<&str> = errors.iter().map(|fault| fault.path.as_str()).collect();
    let mut line = words::count(errors.len(), "fault");
    if !files.is_empty() {
        line.push_str(&format!(" in {}", words::count(files.len(), "file")));
    }
    if !remarks.is_empty() {
        line.push_str(&format!(", {}", words::count(remarks.len(), "remark")));
    }
    line
}

pub fn has_errors(faults: &[Fault]) -> bool {
    faults.iter().any(|fault| fault.severity == Severity::Error)
}

#[derive(Debug)]
struct Drawing<'a> {
    fault: &'a Fault,
    excerpt: Option<Excerpt>,
}

impl fmt::Display for Drawing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Fault { path, line, column, message, .. } = self.fault;
        match (&self.excerpt, line) {
            (Some(_), _) => f.write_str(message),
            (None, 0) => write!(f, "{path}: {message}"),
            (None, _) => write!(f, "{path}:{line}:{column}: {message}"),
        }
    }
}

impl std::error::Error for Drawing<'_> {}

impl Diagnostic for Drawing<'_> {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(&self.fault.code))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.fault.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Remark => miette::Severity::Warning,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.fault.hint.as_ref().map(|hint| Box::new(hint) as Box<dyn fmt::Display + 'a>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.excerpt.as_ref().map(|excerpt| excerpt as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let excerpt = self.excerpt.as_ref()?;
        Some(Box::new(std::iter::once(LabeledSpan::new_with_span(None, excerpt.mark))))
    }
}

/// The faulty line with its neighbours, long lines cut, so that a line of a megabyte is never drawn.
#[derive(Debug)]
struct Excerpt {
    name: String,
    text: String,
    /// The marked part within `text`.
    mark: SourceSpan,
    /// Counted from 0: of the first line in `text`, and of the fault.
    first_line: usize,
    line: usize,
    column: usize,
}

impl Excerpt {
    fn of(fault: &Fault, source: &str) -> Self {
        let offset = floor(source, fault.offset);
        let start = source[..offset].rfind('\n').map_or(0, |at| at + 1);
        let end = source[offset..].find('\n').map_or(source.len(), |at| offset + at);
        let line = source[..start].matches('\n').count();
        let mut text = String::new();
        let before =
            source[..start].strip_suffix('\n').map(|rest| &rest[rest.rfind('\n').map_or(0, |at| at + 1)..]);
        if let Some(before) = before {
            text.push_str(&clip(before, 0));
            text.push('\n');
        }
        // A long line is shown from a little before the fault.
        let lead = source[start..offset].char_indices().rev().nth(LINE_MAX / 4).map_or(0, |(at, _)| at);
        let cut = if end - start > LINE_MAX { lead } else { 0 };
        let shown = clip(&source[start..end], cut);
        let mark = text.len() + (offset - start - cut) + if cut > 0 { '…'.len_utf8() } else { 0 };
        let length = floor(source, offset.saturating_add(fault.length).min(end)) - offset;
        let line_end = text.len() + shown.len();
        text.push_str(&shown);
        if let Some(after) = source.get(end + 1..).filter(|after| !after.is_empty()) {
            text.push('\n');
            text.push_str(&clip(&after[..after.find('\n').unwrap_or(after.len())], 0));
        }
        let mark = (mark, length.min(line_end.saturating_sub(mark))).into();
        let column = fault.column.saturating_sub(1);
        Self {
            name: fault.path.clone(),
            text,
            mark,
            first_line: line - usize::from(before.is_some()),
            line,
            column,
        }
    }
}

impl SourceCode for Excerpt {
    fn read_span<'a>(
        &'a self,
        _: &SourceSpan,
        before: usize,
        _: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        // Asked without context, it is the place of the fault that is wanted.
        let (line, column) = if before == 0 { (self.line, self.column) } else { (self.first_line, 0) };
        let span = (0, self.text.len()).into();
        let lines = self.text.lines().count();
        let contents =
            MietteSpanContents::new_named(self.name.clone(), self.text.as_bytes(), span, line, column, lines);
        Ok(Box::new(contents))
    }
}

/// At most [`LINE_MAX`] characters of a line from `from` on, with a sign where something was cut.
fn clip(line: &str, from: usize) -> String {
    let line = line.trim_end_matches('\r');
    let rest = line.get(from..).unwrap_or("");
    let mut shown = if from > 0 { "…".to_owned() } else { String::new() };
    shown.extend(rest.chars().take(LINE_MAX));
    if rest.chars().nth(LINE_MAX).is_some() {
        shown.push('…');
    }
    shown
}

/// The last place at or before `at` where a character begins.
fn floor(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(source: &str, part: &str) -> Fault {
        let offset = source.find(part).unwrap_or(0);
        let start = source[..offset].rfind('\n').map_or(0, |at| at + 1);
        Fault {
            severity: Severity::Error,
            code: "unknown_key".into(),
            path: "web/restart.yaml".into(),
            line: source[..offset].matches('\n').count() + 1,
            column: source[start..offset].chars().count() + 1,
            offset,
            length: part.len(),
            message: "a runbook has no `stpes`".into(),
            hint: Some("did you mean `steps`?".into()),
        }
    }

    fn drawn(source: &str, part: &str) -> String {
        let canvas = Canvas { colours: false, width: 100 };
        draw(&[fault(source, part)], |_| Some(source), canvas)
    }

    #[test]
    fn a_fault_is_drawn_at_its_place() {
        insta::assert_snapshot!(drawn("kind: Runbook\nname: ä\nstpes:\n  - run: x\n", "stpes"));
    }

    #[test]
    fn a_fault_on_the_first_and_on_the_last_line_is_drawn() {
        insta::assert_snapshot!(drawn("stpes: []", "stpes") + &drawn("a: b\r\n\"é\": stpes", "stpes"));
    }

    #[test]
    fn only_a_window_of_a_long_line_is_drawn() {
        let source = format!("a: b\n{}stpes{}\nz: 1\n", "é".repeat(300_000), "x".repeat(300_000));
        insta::assert_snapshot!(drawn(&source, "stpes"));
    }

    #[test]
    fn a_place_that_is_not_in_the_text_is_no_crash() {
        let mut fault = fault("é", "é");
        fault.length = usize::MAX;
        for offset in [0, 1, 2, 3, 1000, usize::MAX] {
            fault.offset = offset;
            let text = draw(std::slice::from_ref(&fault), |_| Some("é"), Canvas { colours: true, width: 40 });
            assert!(text.contains("stpes"));
        }
    }

    #[test]
    fn without_a_text_the_path_leads_the_sentence() {
        let mut fault = fault("x", "x");
        let canvas = Canvas { colours: false, width: 100 };
        assert!(draw(&[fault.clone()], |_| None, canvas).contains("web/restart.yaml:1:1: a runbook"));
        fault.line = 0;
        assert!(draw(&[fault], |_| Some("x"), canvas).contains("web/restart.yaml: a runbook"));
    }
}
