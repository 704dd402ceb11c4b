//! `signalbox completions`: what a shell needs to complete the command line.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::{
    args::Cli,
    context::Context,
    failure::{Exit, Failure},
};

/// Print a completion script for a shell.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  signalbox completions bash > ~/.local/share/bash-completion/completions/signalbox"
)]
pub struct Args {
    shell: Shell,
}

pub fn perform(context: &Context, args: &Args) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "signalbox", &mut script);
    context.printer.out_bytes(&script);
    Ok(Exit::Success)
}
