//! `signalbox presets`: inputs kept under a name.

use model::api::SavePreset;

use crate::{
    args::name,
    context::Context,
    failure::{Exit, Failure},
    inputs::InputArgs,
    table::Rows,
    times,
};

/// List, save and delete presets: inputs of a runbook, kept under a name.
///
/// `signalbox run NAME --preset PRESET` uses one. Secrets and files are never in it.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List the presets of a runbook.
    List {
        /// The runbook's name.
        #[arg(value_parser = name)]
        runbook: String,
    },
    /// Keep inputs under a name; what was kept under it is replaced.
    #[command(after_help = "Example:\n  signalbox presets save restart-web europe -i region=eu")]
    Save {
        /// The runbook's name.
        #[arg(value_parser = name)]
        runbook: String,
        /// The preset's name.
        #[arg(value_parser = name)]
        preset: String,
        /// A value for an input; once for each.
        #[arg(short, long = "input", value_name = "NAME=VALUE", value_parser = crate::args::input)]
        inputs: Vec<crate::args::InputArg>,
    },
    /// Forget a preset.
    Delete {
        /// The runbook's name.
        #[arg(value_parser = name)]
        runbook: String,
        /// The preset's name.
        #[arg(value_parser = name)]
        preset: String,
    },
}

pub async fn perform(context: &Context, args: Args) -> Result<Exit, Failure> {
    let client = context.client()?;
    let printer = &context.printer;
    match args.command {
        Command::List { runbook } => {
            let presets = client.presets(context.project(), &runbook).await?;
            if printer.is_json() {
                printer.object(&presets);
                return Ok(Exit::Success);
            }
            let mut rows = Rows::new(&["name", "inputs", "saved", "by"]);
            for preset in presets.items {
                let value = |value: &serde_json::Value| match value {
                    serde_json::Value::String(text) => text.clone(),
                    value => value.to_string(),
                };
                let inputs: Vec<String> =
                    preset.inputs.iter().map(|(name, given)| format!("{name}={}", value(given))).collect();
                rows.push(vec![
                    preset.name,
                    inputs.join(" "),
                    times::local(preset.saved_at),
                    preset.saved_by,
                ]);
            }
            printer.table(&rows);
        }
        Command::Save { runbook, preset, inputs } => {
            let given = InputArgs { inputs, ..InputArgs::default() };
            let save = SavePreset { inputs: given.local(context)? };
            let saved = client.save_preset(context.project(), &runbook, &preset, &save).await?;
            if printer.is_json() {
                printer.object(&saved);
            } else {
                printer.out(&format!("preset {} of {runbook} is saved\n", saved.name));
            }
        }
        Command::Delete { runbook, preset } => {
            client.delete_preset(context.project(), &runbook, &preset).await?;
            if !printer.is_json() {
                printer.out(&format!("preset {preset} of {runbook} is deleted\n"));
            }
        }
    }
    Ok(Exit::Success)
}
