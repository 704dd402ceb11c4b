//! `signalbox projects`: the namespaces.

use model::api::Page;

use crate::{
    context::Context,
    failure::{Exit, Failure},
    table::Rows,
    times,
};

/// List projects.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List all projects.
    List,
}

pub async fn perform(context: &Context, args: Args) -> Result<Exit, Failure> {
    let Command::List = args.command;
    let client = context.client()?;
    let mut items = Vec::new();
    let mut after = None;
    loop {
        let page = client.projects(Some(200), after.as_deref()).await?;
        items.extend(page.items);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    if context.printer.is_json() {
        context.printer.object(&Page { items, next: None });
        return Ok(Exit::Success);
    }
    let mut rows = Rows::new(&["name", "created"]);
    for project in items {
        rows.push(vec![project.name, times::local(project.created_at)]);
    }
    context.printer.table(&rows);
    Ok(Exit::Success)
}
