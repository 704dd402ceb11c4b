//! `signalbox teams`: the people behind the services.

use model::view::TeamView;

use crate::{
    args::name,
    context::Context,
    failure::{Exit, Failure},
    table::Rows,
    times,
};

/// List and show teams, and what is theirs.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List the project's teams.
    List,
    /// Show a team: its members, how it is reached, what it owns and operates.
    Show {
        /// The team's name.
        #[arg(value_parser = name)]
        name: String,
    },
}

pub async fn perform(context: &Context, args: Args) -> Result<Exit, Failure> {
    let client = context.client()?;
    let printer = &context.printer;
    match args.command {
        Command::List => {
            let teams = client.teams(context.project()).await?;
            if printer.is_json() {
                printer.object(&teams);
                return Ok(Exit::Success);
            }
            let mut rows = Rows::new(&["name", "title", "members", "contact", "owns", "operates"]);
            for view in teams.items {
                rows.push(vec![
                    view.team.name,
                    view.team.title.unwrap_or_default(),
                    view.team.members.join(" "),
                    view.team.contact.unwrap_or_default(),
                    view.owns.join(" "),
                    view.operates.join(" "),
                ]);
            }
            printer.table(&rows);
        }
        Command::Show { name } => {
            let view = client.team(context.project(), &name).await?;
            if printer.is_json() {
                printer.object(&view);
            } else {
                printer.out(&describe(&view));
            }
        }
    }
    Ok(Exit::Success)
}

fn describe(view: &TeamView) -> String {
    let team = &view.team;
    let mut lines = vec![match &team.title {
        Some(title) => format!("{}: {title}", team.name),
        None => team.name.clone(),
    }];
    let mut line = |name: &str, value: String| {
        if !value.is_empty() {
            lines.push(format!("  {name:<10} {value}"));
        }
    };
    line("project", view.project.clone());
    line("version", view.digest.short().to_owned());
    line("published", format!("{} by {}", times::local(view.published_at), view.published_by));
    line("members", team.members.join(", "));
    line("contact", team.contact.clone().unwrap_or_default());
    line("owns", view.owns.join(", "));
    line("operates", view.operates.join(", "));
    for link in &team.links {
        line("link", format!("{} {}", link.title, link.url));
    }
    if let Some(description) = &team.description {
        lines.push(format!("\n{}", description.trim_end()));
    }
    lines.join("\n") + "\n"
}
