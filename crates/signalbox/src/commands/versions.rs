//! `signalbox versions`: what a runbook was, how it changed, and back.

use client::Client;
use model::{api::VersionSummary, name::Digest};

use crate::{
    args::name,
    context::Context,
    failure::{Exit, Failure},
    table::Rows,
    times,
};

/// Show the versions of a runbook and their differences, and publish an earlier one again.
///
/// A version is named by its digest; the beginning of it will do while only one version begins so.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List the versions of a runbook, newest first.
    History {
        /// The runbook's name.
        #[arg(value_parser = name)]
        runbook: String,
    },
    /// Show how two versions differ.
    #[command(after_help = "Example:\n  signalbox versions diff restart-web 4f1c 9a20")]
    Diff {
        /// The runbook's name.
        #[arg(value_parser = name)]
        runbook: String,
        /// The older version's digest, or its beginning.
        #[arg(value_parser = prefix)]
        from: String,
        /// The newer version's [default: the current one]
        #[arg(value_parser = prefix)]
        to: Option<String>,
    },
    /// Publish an earlier version again.
    #[command(after_help = "Example:\n  signalbox versions rollback restart-web 4f1c")]
    Rollback {
        /// The runbook's name.
        #[arg(value_parser = name)]
        runbook: String,
        /// The version's digest, or its beginning.
        #[arg(value_parser = prefix)]
        digest: String,
    },
}

/// The beginning of a digest.
fn prefix(text: &str) -> Result<String, String> {
    let fits = (4..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit());
    if fits {
        Ok(text.to_ascii_lowercase())
    } else {
        Err("a digest is given by 4 to 64 hexadecimal digits".to_owned())
    }
}

pub async fn perform(context: &Context, args: Args) -> Result<Exit, Failure> {
    let client = context.client()?;
    let printer = &context.printer;
    match args.command {
        Command::History { runbook } => {
            let items = all(context, &client, &runbook).await?;
            if printer.is_json() {
                printer.object(&model::api::Page { items, next: None });
                return Ok(Exit::Success);
            }
            let mut rows = Rows::new(&["version", "published", "by", ""]);
            for version in items {
                rows.push(vec![
                    version.digest.short().to_owned(),
                    times::local(version.published_at),
                    version.published_by,
                    if version.current { "current".to_owned() } else { String::new() },
                ]);
            }
            printer.table(&rows);
        }
        Command::Diff { runbook, from, to } => {
            let versions = all(context, &client, &runbook).await?;
            let from = whole(&versions, &from)?;
            let to = match to {
                Some(to) => whole(&versions, &to)?,
                None => current(&versions, &runbook)?,
            };
            let diff = client.diff(context.project(), &runbook, &from, &to).await?;
            if printer.is_json() {
                printer.object(&diff);
                return Ok(Exit::Success);
            }
            for file in &diff.files {
                if file.binary {
                    printer.out(&format!("{}: the bytes differ\n", file.path));
                } else {
                    printer.out(&file.text);
                    if !file.text.is_empty() && !file.text.ends_with('\n') {
                        printer.out("\n");
                    }
                }
            }
            if diff.files.is_empty() {
                printer.err("the two are the same");
            }
        }
        Command::Rollback { runbook, digest } => {
            let versions = all(context, &client, &runbook).await?;
            let applied = client.rollback(context.project(), &runbook, &whole(&versions, &digest)?).await?;
            if printer.is_json() {
                printer.object(&applied);
            } else {
                let (outcome, digest) = (applied.outcome.name(), applied.digest.short());
                printer.out(&format!("{outcome:<9}  runbook {}  {digest}\n", applied.name));
            }
        }
    }
    Ok(Exit::Success)
}

async fn all(context: &Context, client: &Client, runbook: &str) -> Result<Vec<VersionSummary>, Failure> {
    let mut items = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let page = client.versions(context.project(), runbook, Some(200), after.as_deref()).await?;
        items.extend(page.items);
        after = page.next;
        if after.is_none() {
            return Ok(items);
        }
    }
}

/// The one version whose digest begins so.
fn whole(versions: &[VersionSummary], prefix: &str) -> Result<Digest, Failure> {
    let mut found: Vec<&Digest> = versions
        .iter()
        .map(|version| &version.digest)
        .filter(|digest| digest.as_str().starts_with(prefix))
        .collect();
    found.sort();
    found.dedup();
    match found.as_slice() {
        [digest] => Ok((*digest).clone()),
        [] => Err(Failure::usage(format!("there is no version {prefix}"))
            .hint("`signalbox versions history NAME` lists all")),
        several => {
            let digests: Vec<&str> = several.iter().map(|digest| &digest.as_str()[..16]).collect();
            Err(Failure::usage(format!("{} versions begin with {prefix}", several.len()))
                .hint(format!("give more of its digest: {}", digests.join(", "))))
        }
    }
}

fn current(versions: &[VersionSummary], runbook: &str) -> Result<Digest, Failure> {
    let current = versions.iter().find(|version| version.current).map(|version| version.digest.clone());
    current.ok_or_else(|| Failure::usage(format!("{runbook} has no current version")))
}
