//! `signalbox schema`: the JSON Schema of a kind of definition.

use crate::{
    context::Context,
    failure::{Exit, Failure},
};

/// Print the JSON Schema of a kind of definition, for editors.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  signalbox schema runbook > runbook.schema.json")]
pub struct Args {
    /// The kind: `runbook`, `inventory`, `team`, `service` or `schedule`.
    kind: String,
}

pub fn perform(context: &Context, args: &Args) -> Result<Exit, Failure> {
    let schema = definition::schema(&args.kind);
    let schema = schema.ok_or_else(|| {
        let kinds: Vec<String> =
            definition::Kind::ALL.iter().map(|kind| format!("`{}`", kind.name().to_lowercase())).collect();
        Failure::usage(format!("there is no kind {}", args.kind))
            .hint(format!("there are {}", kinds.join(", ")))
    })?;
    context.printer.out(schema);
    if !schema.ends_with('\n') {
        context.printer.out("\n");
    }
    Ok(Exit::Success)
}
