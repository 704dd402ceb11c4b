//! The live step list: one line for each step at the lower edge of the terminal, output above it.

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use model::run::{Run, StepRun, StepState};

use crate::{terminal, words};

/// Most lines of the list; a long run shows those around the step that moves.
const LINES_MAX: usize = 12;

/// What stands on the terminal.
pub struct StepList {
    lines: MultiProgress,
    bars: Vec<ProgressBar>,
    height: usize,
    colours: bool,
    beat: usize,
}

impl StepList {
    pub fn new(terminal_height: usize, colours: bool) -> Self {
        let lines = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        Self {
            lines,
            bars: Vec::new(),
            height: terminal_height.saturating_sub(2).clamp(1, LINES_MAX),
            colours,
            beat: 0,
        }
    }

    /// Draws the run as it stands.
    pub fn draw(&mut self, run: &Run) {
        self.beat = self.beat.wrapping_add(1);
        let texts = window(&run.steps, self.height, |step| line(step, self.beat, self.colours));
        while self.bars.len() < texts.len() {
            let bar = self.lines.add(ProgressBar::new_spinner());
            if let Ok(style) = ProgressStyle::with_template("{wide_msg}") {
                bar.set_style(style);
            }
            self.bars.push(bar);
        }
        for (bar, text) in self.bars.iter().zip(texts.into_iter().chain(std::iter::repeat(String::new()))) {
            bar.set_message(text);
        }
    }

    /// Writes something above the list; it must end its line.
    pub fn above(&self, write: impl FnOnce()) {
        self.lines.suspend(write);
    }

    /// Takes the list away.
    pub fn clear(&mut self) {
        for bar in self.bars.drain(..) {
            bar.finish_and_clear();
        }
        let _ = self.lines.clear();
    }
}

/// A step with its sign, as it stays on the terminal in the end.
pub fn line(step: &StepRun, beat: usize, colours: bool) -> String {
    const TURNS: [char; 8] = ['⣾', '⣽', '⣻', '⢿', '⡿', '⣟', '⣯', '⣷'];
    let (sign, colour) = match step.state {
        StepState::Pending => ('·', "2"),
        StepState::Running => (TURNS[beat % TURNS.len()], "36"),
        StepState::Succeeded => ('✓', "32"),
        StepState::Failed => ('✗', "31"),
        StepState::Skipped => ('-', "2"),
        StepState::Canceled => ('✗', "33"),
        StepState::Unknown => ('?', "35"),
    };
    let words = match (step.state, step.started_at) {
        (StepState::Running, Some(started)) => {
            format!("{}: running for {}", step.name, crate::times::between(started, None))
        }
        _ => words::step(step),
    };
    // Names and messages come from elsewhere, and each has one line here.
    let words = terminal::clean(&words).replace(['\n', '\r', '\t'], " ");
    if colours { format!("\x1b[{colour}m{sign}\x1b[0m {words}") } else { format!("{sign} {words}") }
}

/// At most `height` lines: all steps, or those around the one that moves.
fn window(steps: &[StepRun], height: usize, line: impl Fn(&StepRun) -> String) -> Vec<String> {
    if steps.len() <= height {
        return steps.iter().map(line).collect();
    }
    // Two lines say how many are hidden.
    let shown = height.saturating_sub(2).max(1);
    let at = steps.iter().position(|step| !step.state.is_end()).unwrap_or(steps.len());
    let first = at.saturating_sub(shown / 2).min(steps.len() - shown);
    let behind = steps.len() - first - shown;
    let mut lines: Vec<String> = steps[first..first + shown].iter().map(line).collect();
    if height > 2 {
        lines.insert(0, format!("  {first} before"));
        lines.push(format!("  {behind} to come"));
    }
    lines
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::BTreeMap;

    use model::{run::Cause, runbook::Effect};

    use super::*;

    fn step(name: &str, state: StepState) -> StepRun {
        StepRun {
            name: name.into(),
            action: "run".into(),
            effect: Effect::Read,
            state,
            attempt: 1,
            started_at: jiff::Timestamp::from_second(0).ok(),
            finished_at: jiff::Timestamp::from_second(2).ok(),
            exit_code: (state == StepState::Failed).then_some(3),
            signal: None,
            cause: (state == StepState::Failed).then_some(Cause::Exit),
            message: None,
            outputs: BTreeMap::new(),
        }
    }

    #[test]
    fn lines_say_state_how_and_how_long() {
        assert_eq!(line(&step("build", StepState::Succeeded), 0, false), "✓ build: succeeded after 2.0 s");
        assert_eq!(
            line(&step("build", StepState::Failed), 0, false),
            "✗ build: failed (exit code 3) after 2.0 s"
        );
        let mut hostile = step("build", StepState::Failed);
        hostile.message = Some("no\nroom \x1b[2J".into());
        assert_eq!(line(&hostile, 0, false), "✗ build: failed (exit code 3) after 2.0 s: no room \\x1b[2J");
    }

    #[test]
    fn a_long_run_shows_what_moves() {
        let states = |ended: usize| -> Vec<StepRun> {
            (0..30)
                .map(|n| {
                    step(&n.to_string(), if n < ended { StepState::Succeeded } else { StepState::Pending })
                })
                .collect()
        };
        for ended in 0..=30 {
            let lines = window(&states(ended), 8, |step| step.name.clone());
            assert_eq!(lines.len(), 8);
            assert!(ended == 30 || lines.contains(&ended.to_string()), "{ended}: {lines:?}");
        }
        assert_eq!(window(&states(3), 1, |step| step.name.clone()), ["3"]);
        assert_eq!(window(&states(3)[..2], 8, |step| step.name.clone()), ["0", "1"]);
    }
}
