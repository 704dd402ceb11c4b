//! `signalbox plan`: what a run would do.

use model::{
    api::{PlanStepView, PlanView, StartRequest},
    run::Phase,
};

use crate::{
    args::name,
    context::Context,
    failure::{Exit, Failure},
    inputs::{InputArgs, PresetArg, ask_missing_secrets},
    table::Rows,
    words,
};

/// Show what a run would do, without doing anything.
///
/// The steps, on what they act, with which effect, and the values of conditions that are known before the run.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  signalbox plan restart-web -i region=eu")]
pub struct Args {
    /// The runbook's name.
    #[arg(value_parser = name)]
    runbook: String,
    #[command(flatten)]
    inputs: InputArgs,
    #[command(flatten)]
    preset: PresetArg,
}

pub async fn perform(context: &Context, args: Args) -> Result<Exit, Failure> {
    let client = context.client()?;
    let inputs = args.inputs.gather(context, &client, Some((&args.runbook, &args.preset))).await?;
    let mut request = StartRequest { inputs, reason: None, via: Some("cli".to_owned()) };
    let planned = match client.plan(context.project(), &args.runbook, &request).await {
        Err(error) => {
            let asked = match error.problem() {
                Some(problem) => ask_missing_secrets(context, &client, &args.runbook, problem).await?,
                None => None,
            };
            let Some(secrets) = asked else { return Err(error.into()) };
            request.inputs.extend(secrets);
            client.plan(context.project(), &args.runbook, &request).await
        }
        planned => planned,
    };
    let plan = planned?;
    if context.printer.is_json() {
        context.printer.object(&plan);
        return Ok(Exit::Success);
    }
    context.printer.out(&heading(&plan));
    context.printer.table(&steps(&plan.steps));
    for remark in &plan.remarks {
        context.printer.err(&format!("remark: {remark}"));
    }
    Ok(Exit::Success)
}

fn heading(plan: &PlanView) -> String {
    let mut lines = vec![format!("{} ({})", plan.runbook, plan.digest.short())];
    let mut line = |name: &str, value: String| lines.push(format!("  {name:<12} {value}"));
    line("effect", plan.effect.name().to_owned());
    line("environments", plan.environments.join(", "));
    line("targets", format!("{}: {}", plan.targets.len(), some(&plan.targets)));
    for (name, value) in &plan.inputs {
        let shown = if value.is_sealed() { "(sealed)".to_owned() } else { value.to_variable() };
        line("input", format!("{name}={shown}"));
    }
    if let Some(lock) = &plan.lock {
        let holders: Vec<String> = lock.held_by.iter().map(ToString::to_string).collect();
        let held =
            if holders.is_empty() { "free".to_owned() } else { format!("held by {}", holders.join(", ")) };
        line("lock", format!("{} ({} at once), {held}", lock.key, lock.limit));
    }
    lines.join("\n") + "\n\n"
}

/// The first of many names.
fn some(names: &[String]) -> String {
    const SHOWN: usize = 10;
    let more = names.len().saturating_sub(SHOWN);
    let mut text = names[..names.len() - more].join(", ");
    if more > 0 {
        text.push_str(&format!(" and {more} more"));
    }
    text
}

fn steps(steps: &[PlanStepView]) -> Rows {
    let mut rows = Rows::new(&["step", "action", "effect", "on", "when", "does"]);
    let mut phase = Phase::Main;
    for step in steps {
        if step.depth == 0 && step.phase != phase {
            phase = step.phase;
            let name = match phase {
                Phase::Main => "then",
                Phase::OnFailure => "on failure",
                Phase::Cleanup => "cleanup",
            };
            rows.push(vec![
                format!("{name}:"),
                String::new(),
                String::new(),
                String::new(),
                String::new(),
                String::new(),
            ]);
        }
        let indent = "  ".repeat(usize::try_from(step.depth).unwrap_or(0));
        rows.push(vec![
            format!("{indent}{}", step.name),
            step.action.clone(),
            step.effect.name().to_owned(),
            on(step),
            when(step),
            step.summary.clone(),
        ]);
    }
    rows
}

fn on(step: &PlanStepView) -> String {
    let mut parts = Vec::new();
    if let Some(targets) = &step.targets {
        parts.push(some(targets));
        parts.extend(step.batch.map(|batch| format!("{batch} at once")));
    }
    if let Some(items) = &step.items {
        parts.push(words::count(items.len(), "item"));
    }
    parts.join("; ")
}

fn when(step: &PlanStepView) -> String {
    match (&step.condition, step.condition_value) {
        (Some(condition), Some(value)) => format!("{condition} (is {value})"),
        (Some(condition), None) => condition.clone(),
        (None, _) => String::new(),
    }
}
