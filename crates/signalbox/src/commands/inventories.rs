//! `signalbox inventories`: the targets that steps act on.

use model::api::{InventoryView, Page};

use crate::{
    args::name,
    context::Context,
    failure::{Exit, Failure},
    table::Rows,
    times,
};

/// List and show inventories.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List the project's inventories.
    List,
    /// Show the targets of an inventory.
    Show {
        /// The inventory's name.
        #[arg(value_parser = name)]
        name: String,
    },
}

pub async fn perform(context: &Context, args: Args) -> Result<Exit, Failure> {
    let client = context.client()?;
    let printer = &context.printer;
    match args.command {
        Command::List => {
            let mut items = Vec::new();
            let mut after: Option<String> = None;
            loop {
                let page = client.inventories(context.project(), Some(200), after.as_deref()).await?;
                items.extend(page.items);
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            if printer.is_json() {
                printer.object(&Page { items, next: None });
                return Ok(Exit::Success);
            }
            let mut rows = Rows::new(&["name", "title", "targets", "version", "published"]);
            for inventory in items {
                rows.push(vec![
                    inventory.name,
                    inventory.title.unwrap_or_default(),
                    inventory.targets.to_string(),
                    inventory.digest.short().to_owned(),
                    times::local(inventory.published_at),
                ]);
            }
            printer.table(&rows);
        }
        Command::Show { name } => {
            let view = client.inventory(context.project(), &name).await?;
            if printer.is_json() {
                printer.object(&view);
            } else {
                printer.table(&targets(&view));
            }
        }
    }
    Ok(Exit::Success)
}

fn targets(view: &InventoryView) -> Rows {
    let mut rows = Rows::new(&["target", "address", "environment", "labels"]);
    for target in &view.inventory.targets {
        let labels: Vec<String> = target.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
        rows.push(vec![
            target.name.clone(),
            target.address.clone().unwrap_or_default(),
            target.environment().to_owned(),
            labels.join(" "),
        ]);
    }
    rows
}
