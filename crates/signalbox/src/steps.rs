//! The live step list: one line for each step at the lower edge of the terminal, output above it.

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use model::run::{Run, StepState};

use crate::{
    terminal,
    tree::{self, Branch},
    words,
};

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
        let texts = window(&tree::branches(run), self.height, |branch| line(branch, self.beat, self.colours));
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

/// A step with its sign, as it stays on the terminal in the end; behind what it is in by its depth.
pub fn line(branch: &Branch<'_>, beat: usize, colours: bool) -> String {
    const TURNS: [char; 8] = ['⣾', '⣽', '⣻', '⢿', '⡿', '⣟', '⣯', '⣷'];
    let Branch { depth, step, label } = *branch;
    let (sign, colour) = match step.state {
        StepState::Pending => ('·', "2"),
        StepState::Running => (TURNS[beat % TURNS.len()], "36"),
        StepState::Waiting => ('…', "33"),
        StepState::Succeeded => ('✓', "32"),
        StepState::Failed => ('✗', "31"),
        StepState::Skipped => ('-', "2"),
        StepState::Canceled => ('✗', "33"),
        StepState::Unknown => ('?', "35"),
    };
    let words = match (step.state, step.started_at) {
        (StepState::Running, Some(started)) => {
            format!("{label}: running for {}", crate::times::between(started, None))
        }
        _ => words::step_named(label, step),
    };
    // Names and messages come from elsewhere, and each has one line here.
    let words = terminal::clean(&words).replace(['\n', '\r', '\t'], " ");
    let indent = "  ".repeat(depth);
    if colours {
        format!("{indent}\x1b[{colour}m{sign}\x1b[0m {words}")
    } else {
        format!("{indent}{sign} {words}")
    }
}

/// At most `height` lines: all steps, or those around the one that moves.
fn window<'r>(steps: &[Branch<'r>], height: usize, line: impl Fn(&Branch<'r>) -> String) -> Vec<String> {
    if steps.len() <= height {
        return steps.iter().map(line).collect();
    }
    // Two lines say how many are hidden.
    let shown = height.saturating_sub(2).max(1);
    // Groups around it move too, but it is the innermost that is looked for.
    let moves = |branch: &Branch<'_>| {
        matches!(branch.step.state, StepState::Running | StepState::Waiting)
            && branch.step.body.children.is_empty()
    };
    let first_open = || steps.iter().position(|branch| !branch.step.state.is_end());
    let at = steps.iter().position(moves).or_else(first_open).unwrap_or(steps.len());
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
    use model::{
        run::{Cause, StepRun},
        runbook::Effect,
    };

    use super::*;

    fn step(name: &str, state: StepState) -> StepRun {
        let step = serde_json::json!({
            "name": name,
            "path": name,
            "action": "run",
            "effect": Effect::Read,
            "state": state,
            "attempt": 1,
            "started_at": "1970-01-01T00:00:00Z",
            "finished_at": "1970-01-01T00:00:02Z",
            "exit_code": (state == StepState::Failed).then_some(3),
            "cause": (state == StepState::Failed).then_some(Cause::Exit),
            "outputs": {},
        });
        serde_json::from_value(step).unwrap()
    }

    fn plain(step: &StepRun) -> String {
        line(&Branch { depth: 0, step, label: &step.name }, 0, false)
    }

    #[test]
    fn lines_say_state_how_and_how_long() {
        assert_eq!(plain(&step("build", StepState::Succeeded)), "✓ build: succeeded after 2.0 s");
        assert_eq!(plain(&step("build", StepState::Failed)), "✗ build: failed (exit code 3) after 2.0 s");
        let mut hostile = step("build", StepState::Failed);
        hostile.message = Some("no\nroom \x1b[2J".into());
        assert_eq!(plain(&hostile), "✗ build: failed (exit code 3) after 2.0 s: no room \\x1b[2J");
        let inner = step("drain", StepState::Pending);
        assert_eq!(
            line(&Branch { depth: 2, step: &inner, label: "drain" }, 0, false),
            "    · drain: pending"
        );
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
        fn names(steps: &[StepRun], height: usize) -> Vec<String> {
            let branches: Vec<Branch<'_>> =
                steps.iter().map(|step| Branch { depth: 0, step, label: &step.name }).collect();
            window(&branches, height, |branch| branch.label.to_owned())
        }
        for ended in 0..=30 {
            let lines = names(&states(ended), 8);
            assert_eq!(lines.len(), 8);
            assert!(ended == 30 || lines.contains(&ended.to_string()), "{ended}: {lines:?}");
        }
        assert_eq!(names(&states(3), 1), ["3"]);
        assert_eq!(names(&states(3)[..2], 8), ["0", "1"]);
    }
}
