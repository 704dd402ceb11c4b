//! One file for each command.

pub mod apply;
pub mod backup;
pub mod check;
pub mod completions;
pub mod facts;
pub mod import;
pub mod inventories;
pub mod login;
pub mod logout;
pub mod plan;
pub mod presets;
pub mod projects;
pub mod restore;
pub mod run;
pub mod runbooks;
pub mod runs;
pub mod schedules;
pub mod schema;
pub mod secrets;
pub mod server;
pub mod services;
pub mod shim;
pub mod step;
pub mod teams;
pub mod tokens;
pub mod try_file;
pub mod versions;

use std::process::ExitCode;

use clap::Parser;

use crate::{
    args::{Cli, Command},
    context::Context,
    failure::{Exit, Failure},
    faults,
    printer::Printer,
};

/// Reads the command line, does what it says, and gives the exit code.
pub fn main() -> ExitCode {
    if let Some(code) = shim::asked() {
        return code;
    }
    let cli = Cli::parse();
    if matches!(cli.command, Command::Server(_)) {
        server::close_inherited();
    }
    let context = Context { printer: Printer::new(cli.global.json), global: cli.global };
    let done = match runtime(&cli.command) {
        Ok(runtime) => runtime.block_on(perform(&context, cli.command)),
        Err(error) => Err(Failure::usage(format!("no work can be started on this machine: {error}"))),
    };
    let exit = done.unwrap_or_else(|failure| {
        if !failure.faults.is_empty() {
            context.printer.err(&faults::draw(&failure.faults, |_| None, context.printer.canvas(true)));
        }
        context.printer.failure(&failure);
        failure.exit
    });
    let exit = if exit == Exit::Success && context.printer.out_has_failed() { Exit::Failed } else { exit };
    exit.into()
}

/// The server has many things to do at once, a command one.
fn runtime(command: &Command) -> std::io::Result<tokio::runtime::Runtime> {
    match command {
        Command::Server(_) | Command::Try(_) => {
            tokio::runtime::Builder::new_multi_thread().enable_all().build()
        }
        _ => tokio::runtime::Builder::new_current_thread().enable_all().build(),
    }
}

async fn perform(context: &Context, command: Command) -> Result<Exit, Failure> {
    match command {
        Command::Server(args) => server::perform(context, args).await,
        Command::Check(args) => check::perform(context, &args),
        Command::Apply(args) => apply::perform(context, &args).await,
        Command::Schema(args) => schema::perform(context, &args),
        Command::Import(args) => import::perform(context, &args),
        Command::Try(args) => try_file::perform(context, args).await,
        Command::Plan(args) => plan::perform(context, args).await,
        Command::Run(args) => run::perform(context, args).await,
        Command::Runs(args) => runs::perform(context, args).await,
        Command::Step(args) => step::perform(context, args).await,
        Command::Presets(args) => presets::perform(context, args).await,
        Command::Services(args) => services::perform(context, args).await,
        Command::Facts(args) => facts::perform(context, args).await,
        Command::Schedules(args) => schedules::perform(context, args).await,
        Command::Runbooks(args) => runbooks::perform(context, args).await,
        Command::Versions(args) => versions::perform(context, args).await,
        Command::Inventories(args) => inventories::perform(context, args).await,
        Command::Teams(args) => teams::perform(context, args).await,
        Command::Projects(args) => projects::perform(context, args).await,
        Command::Secrets(args) => secrets::perform(context, args).await,
        Command::Tokens(args) => tokens::perform(context, args).await,
        Command::Backup(args) => backup::perform(context, args).await,
        Command::Restore(args) => restore::perform(context, args).await,
        Command::Login(args) => login::perform(context, args).await,
        Command::Logout(args) => logout::perform(context, &args),
        Command::Completions(args) => completions::perform(context, &args),
    }
}
