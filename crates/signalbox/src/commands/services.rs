//! `signalbox services`: how everything is, worst first, and all that is known of one.

use client::{Client, ServicesQuery};
use jiff::Timestamp;
use model::{
    api::{Page, RunSummary},
    fact::FactState,
    firing::TimedKind,
    health::Health,
    view::{
        EnvironmentHealth, FactsView, Happening, HealthHistory, ServiceSummary, ServiceView, UptimeStrip,
        What,
    },
};

use crate::{
    args::name,
    commands::facts,
    context::Context,
    failure::{Exit, Failure},
    health,
    table::Rows,
    times, words,
};

/// What happened last, as far as `show` tells it.
const LATELY: usize = 15;

/// List services worst first, and show how one is and what happened to it.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List the project's services, worst first.
    #[command(after_help = "Example:\n  signalbox services list --health bad --team web")]
    List {
        /// Only those in this state somewhere.
        #[arg(long, value_name = "STATE", value_parser = state)]
        health: Option<Health>,
        /// Only those that this team owns or operates.
        #[arg(long, value_name = "NAME", value_parser = name)]
        team: Option<String>,
        /// Only those with this text in their name or title.
        #[arg(long, value_name = "TEXT")]
        text: Option<String>,
    },
    /// Show a service: is it well, since when and why, what is known of it, what changed lately, what may be done.
    Show {
        /// The service's name.
        #[arg(value_parser = name)]
        name: String,
    },
    /// Show how a service was: ninety days of each probe, and each change with what came shortly before it.
    Health {
        /// The service's name.
        #[arg(value_parser = name)]
        name: String,
        /// Only in this environment.
        #[arg(long, value_name = "NAME")]
        environment: Option<String>,
    },
    /// List what happened to a service, newest first: runs, changes of health, changed facts, firings without a run.
    #[command(after_help = "Example:\n  signalbox services happenings shop --from 2h")]
    Happenings {
        /// The service's name.
        #[arg(value_parser = name)]
        name: String,
        /// At this moment or later, as `2026-11-26`, `2026-11-26T10:00:00Z`, or `2h` ago [default: a day ago]
        #[arg(long, value_name = "TIME", value_parser = times::past)]
        from: Option<Timestamp>,
        /// Before this moment [default: now]
        #[arg(long, value_name = "TIME", value_parser = times::past)]
        to: Option<Timestamp>,
    },
}

fn state(text: &str) -> Result<Health, String> {
    let names: Vec<&str> = Health::ALL.iter().rev().map(|health| health.name()).collect();
    Health::from_name(text).ok_or_else(|| format!("a state is one of {}", names.join(", ")))
}

pub async fn perform(context: &Context, args: Args) -> Result<Exit, Failure> {
    let client = context.client()?;
    let printer = &context.printer;
    match args.command {
        Command::List { health, team, text } => {
            let query = ServicesQuery { health, team, text, limit: Some(200), after: None };
            list(context, all(context, &client, query).await?);
        }
        Command::Show { name } => {
            let view = client.service(context.project(), &name).await?;
            if printer.is_json() {
                printer.object(&view);
                return Ok(Exit::Success);
            }
            let facts = client.facts(context.project(), &name, None).await?;
            let happenings = client.happenings(context.project(), &name, None, None).await?;
            describe(context, &view, facts, &happenings.items);
        }
        Command::Health { name, environment } => {
            let history = client.service_health(context.project(), &name, environment.as_deref()).await?;
            if printer.is_json() {
                printer.object(&history);
            } else {
                draw_history(context, &name, &history);
            }
        }
        Command::Happenings { name, from, to } => {
            let (from, to) = (from.map(|from| from.to_string()), to.map(|to| to.to_string()));
            let page = client.happenings(context.project(), &name, from.as_deref(), to.as_deref()).await?;
            if printer.is_json() {
                printer.object(&page);
                return Ok(Exit::Success);
            }
            let mut rows = Rows::new(&["at", "environment", "what"]);
            for happening in &page.items {
                rows.push(vec![
                    times::local(happening.at),
                    environment_of(happening).to_owned(),
                    what(&happening.what),
                ]);
            }
            printer.table(&rows);
        }
    }
    Ok(Exit::Success)
}

async fn all(
    context: &Context,
    client: &Client,
    mut query: ServicesQuery,
) -> Result<Vec<ServiceSummary>, Failure> {
    let mut items = Vec::new();
    loop {
        let page = client.services(context.project(), &query).await?;
        items.extend(page.items);
        query.after = page.next;
        if query.after.is_none() {
            return Ok(items);
        }
    }
}

fn list(context: &Context, services: Vec<ServiceSummary>) {
    if context.printer.is_json() {
        context.printer.object(&Page { items: services, next: None });
        return;
    }
    let mut rows = Rows::new(&["name", "health", "since", "environments", "tier", "owner", "cause"]);
    for service in services {
        let known =
            |place: &EnvironmentHealth| format!("{} {}", place.environment, health::word(place.health));
        let environments: Vec<String> = service.environments.iter().map(known).collect();
        let cause = service.environments.iter().find(|place| place.health == service.health).map(cause);
        rows.push(vec![
            service.name,
            health::word(service.health),
            service.since.map(times::local).unwrap_or_default(),
            environments.join(", "),
            service.tier.map(|tier| tier.to_string()).unwrap_or_default(),
            service.owner.unwrap_or_default(),
            cause.filter(|_| service.health != Health::Ok).unwrap_or_default(),
        ]);
    }
    context.printer.table(&rows);
}

fn cause(place: &EnvironmentHealth) -> String {
    let ill: Vec<String> = place
        .ill_dependencies
        .iter()
        .map(|other| format!("{} is {}", other.service, other.health.name().replace('_', " ")))
        .collect();
    if ill.is_empty() {
        place.cause.clone()
    } else {
        format!("{}; likely because {}", place.cause.trim_end_matches('.'), ill.join(", "))
    }
}

fn describe(context: &Context, view: &ServiceView, facts: FactsView, happenings: &[Happening]) {
    let colours = context.printer.canvas(false).colours;
    let service = &view.service;
    let mut lines = vec![match &service.title {
        Some(title) => format!("{}: {title}", service.name),
        None => service.name.clone(),
    }];
    for place in &view.environments {
        let known = &place.health;
        lines.push(format!(
            "  {:<11} {}: {}",
            place.environment,
            health::since(known.health, known.since, colours),
            known.cause
        ));
        // That one is the cause of the other is likely only where both are ill.
        let is_ill = |health: Health| !matches!(health, Health::Ok | Health::Unknown);
        for other in &place.dependencies {
            let said = health::since(other.health, other.since, colours);
            if is_ill(other.health) && is_ill(known.health) {
                lines.push(format!("    likely cause: {} is {said}: {}", other.service, other.cause));
            } else {
                lines.push(format!("    depends on {}: {said}", other.service));
            }
        }
        for evidence in &known.evidence {
            let run = evidence.run.map(|run| format!(" (run {run})")).unwrap_or_default();
            let said = health::since(evidence.health, evidence.since, colours);
            lines.push(format!("    probe {}: {said}{run}", evidence.probe));
        }
    }
    let mut line = |name: &str, value: String| lines.push(format!("  {name:<11} {value}"));
    line("project", view.project.clone());
    match (&service.owner, service.operator()) {
        (Some(owner), Some(operator)) if owner != operator => {
            line("owner", format!("{owner}, operated by {operator}"));
        }
        (Some(owner), _) => line("owner", owner.clone()),
        (None, Some(operator)) => line("operator", operator.to_owned()),
        (None, None) => {}
    }
    if let Some(tier) = service.tier {
        line("tier", tier.to_string());
    }
    line("lifecycle", service.lifecycle.name().to_owned());
    line("version", view.digest.short().to_owned());
    line("published", format!("{} by {}", times::local(view.published_at), view.published_by));
    if !view.dependents.is_empty() {
        line("needed by", view.dependents.join(", "));
    }
    for link in &service.links {
        line("link", format!("{} {}", link.title, link.url));
    }
    for runbook in &view.runbooks {
        let kind = runbook.watches.map(TimedKind::name).unwrap_or(runbook.effect.name());
        let title = runbook.title.as_ref().map(|title| format!(": {title}")).unwrap_or_default();
        line("runbook", format!("{} ({kind}){title}", runbook.name));
    }
    for schedule in view.schedules.iter().filter(|schedule| schedule.kind == TimedKind::Schedule) {
        let next = match (&schedule.paused, schedule.next_at) {
            (Some(pause), _) => format!("paused by {}", pause.by),
            (None, Some(at)) => format!("next {}", times::local(at)),
            (None, None) => "no further instant".to_owned(),
        };
        let (name, runbook, when) = (&schedule.name, &schedule.runbook, &schedule.when);
        line("schedule", format!("{name} runs {runbook}, {when}: {next}"));
    }
    if let Some(description) = &service.description {
        lines.push(format!("\n{}", description.trim_end()));
    }
    context.printer.out(&(lines.join("\n") + "\n"));

    context.printer.out("\nfacts\n");
    if facts.facts.is_empty() {
        context.printer.out("  none\n");
    } else {
        context.printer.table(&facts::table(&facts));
    }
    context.printer.out("\nthe last day\n");
    let mut lines: Vec<String> = happenings.iter().take(LATELY).map(|it| format!("  {}", told(it))).collect();
    if happenings.len() > LATELY {
        let all = context.command(&format!("services happenings {}", service.name));
        lines.push(format!("  and {} more: `{all}`", happenings.len() - LATELY));
    }
    if lines.is_empty() {
        lines.push("  nothing happened".to_owned());
    }
    context.printer.out(&(lines.join("\n") + "\n"));
    facts::warn_of_failing(context, &facts);
    let stale = facts.facts.iter().filter(|fact| fact.state == FactState::Stale).count();
    if stale > 0 {
        let (count, verb) = (words::count(stale, "fact"), if stale == 1 { "is" } else { "are" });
        context.printer.err(&format!("{count} {verb} stale: too old to say anything of now"));
    }
}

/// `2026-11-26 10:00:00 production: ✓ ok → ✗ bad: …`.
fn told(happening: &Happening) -> String {
    let environment = environment_of(happening);
    let place = if environment.is_empty() { String::new() } else { format!(" {environment}:") };
    format!("{}{place} {}", times::local(happening.at), one_line(&what(&happening.what)))
}

/// Values of facts may have many.
fn one_line(text: &str) -> String {
    text.replace(['\n', '\r', '\t'], " ")
}

fn environment_of(happening: &Happening) -> &str {
    match &happening.what {
        What::Health { environment, .. } | What::Fact { environment, .. } => environment,
        What::Run { .. } | What::Firing { .. } => "",
    }
}

fn what(what: &What) -> String {
    match what {
        What::Run { run } => described(run),
        What::Health { before, health, cause, .. } => {
            format!("{} → {}: {cause}", health::word(*before), health::word(*health))
        }
        What::Fact { target, key, value, previous, .. } => {
            let of = target.as_ref().map(|target| format!(" of {target}")).unwrap_or_default();
            match (previous, value) {
                (Some(previous), Some(value)) => format!("{key}{of}: {previous} → {value}"),
                (None, Some(value)) => format!("{key}{of}: {value} (new)"),
                (_, None) => format!("{key}{of}: gone"),
            }
        }
        What::Firing { schedule, reason } => format!("schedule {schedule} did not run: {reason}"),
    }
}

fn described(run: &RunSummary) -> String {
    let reason = run.reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
    format!("{} {} for {}{reason}, run {}", run.runbook, run.state.name(), run.requested_by, run.id)
}

fn draw_history(context: &Context, name: &str, history: &HealthHistory) {
    let canvas = context.printer.canvas(false);
    let mut lines = Vec::new();
    for strip in &history.strips {
        let UptimeStrip { probe, environment, days } = strip;
        // The newest days are what fits.
        let shown = days.len().min(usize::from(canvas.width).saturating_sub(2));
        let newest = &days[days.len() - shown..];
        let (first, last) = (newest.first(), newest.last());
        let span = first.zip(last).map(|(first, last)| format!(", {} to {}", first.day, last.day));
        lines.push(format!("{probe} in {environment}{}", span.unwrap_or_default()));
        lines.push(format!("  {}", health::strip(newest)));
        lines.push(format!("  {}", health::sums(newest)));
    }
    if history.strips.is_empty() {
        lines.push(format!("Nothing watches {name}."));
    } else {
        lines.push(health::LEGEND.to_owned());
    }
    lines.push(String::new());
    for change in &history.changes {
        let run = change.run.map(|run| format!(" (run {run})")).unwrap_or_default();
        lines.push(format!(
            "{} {}: {} → {}: {}{run}",
            times::local(change.at),
            change.environment,
            health::coloured(change.before, canvas.colours),
            health::coloured(change.health, canvas.colours),
            change.cause
        ));
        for before in &change.preceded_by {
            let ago = times::between(before.at, Some(change.at));
            // The service itself is not named again.
            let other = Some(before.service.as_str()).filter(|service| *service != name);
            let environment = Some(environment_of(before)).filter(|environment| !environment.is_empty());
            let place: String = other.into_iter().chain(environment).map(|word| format!(" {word}")).collect();
            let place = if place.is_empty() { place } else { format!(" in{place}:") };
            lines.push(format!("    {ago} before:{place} {}", one_line(&what(&before.what))));
        }
    }
    if history.changes.is_empty() {
        lines.push("Its health has not changed in ninety days.".to_owned());
    }
    context.printer.out(&(lines.join("\n") + "\n"));
}
