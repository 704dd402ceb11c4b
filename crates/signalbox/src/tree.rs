//! The steps of a run as they are written: each behind what it is in.

use model::run::{Body, Run, StepRun};

/// A step, and how deep it is inside of others; 0 for the outermost.
#[derive(Clone, Copy, Debug)]
pub struct Branch<'r> {
    pub depth: usize,
    pub step: &'r StepRun,
    /// Its address without that of the step that it is in.
    pub label: &'r str,
}

/// All steps that there are so far.
pub fn branches(run: &Run) -> Vec<Branch<'_>> {
    fn visit<'r>(run: &'r Run, body: &'r Body, around: &str, depth: usize, into: &mut Vec<Branch<'r>>) {
        // Places only grow from the outside in, so this ends; a damaged answer must not hang a terminal.
        for place in body.children.iter().chain(&body.on_failure).chain(&body.cleanup) {
            let Some(step) = run.step(*place).filter(|_| into.len() < run.steps.len()) else { continue };
            let label = step.path.strip_prefix(around).unwrap_or(&step.path).trim_start_matches('.');
            into.push(Branch { depth, step, label: if label.is_empty() { &step.name } else { label } });
            visit(run, &step.body, &step.path, depth + 1, into);
        }
    }
    let mut all = Vec::with_capacity(run.steps.len());
    visit(run, &run.body, "", 0, &mut all);
    all
}
