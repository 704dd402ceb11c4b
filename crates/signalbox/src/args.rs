//! The command line. Names, flags and exit codes are kept: people script against them.

use clap::{Args, Parser, Subcommand};

use crate::commands::{
    apply, backup, check, completions, facts, import, inventories, login, logout, plan, presets, projects,
    restore, run, runbooks, runs, schedules, schema, secrets, server, services, step, teams, tokens,
    try_file, versions,
};

/// The address of a server unless another is given.
pub const DEFAULT_URL: &str = "http://127.0.0.1:8480";
/// The project unless another is given.
pub const DEFAULT_PROJECT: &str = "default";

const EXAMPLES: &str = "\
Examples:
  signalbox server                                  start a server on this machine
  signalbox login --token-file admin.token          sign in
  signalbox check .                                 check the runbooks of this folder
  signalbox apply .                                 publish them
  signalbox run restart-web -i region=eu --reason OPS-7
                                                    run one and watch it

Exit codes: 0 success; 1 the run failed or was canceled, or documents have faults;
2 nothing was done (usage, inputs, rights); 3 nobody knows how the run ended;
4 the server cannot be reached; 130 Ctrl-C.";

/// Operations as a service: write runbooks, run them, watch them.
#[derive(Debug, Parser)]
#[command(name = "signalbox", version, after_help = EXAMPLES, subcommand_required = true, arg_required_else_help = true)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// Understood by every command.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// The server's address.
    #[arg(long, global = true, env = "SIGNALBOX_URL", hide_env_values = true, default_value = DEFAULT_URL, value_name = "URL")]
    pub url: String,
    /// The project.
    #[arg(
        long,
        global = true,
        env = "SIGNALBOX_PROJECT",
        hide_env_values = true,
        default_value = DEFAULT_PROJECT,
        value_name = "NAME",
        value_parser = name
    )]
    pub project: String,
    /// Print the API's own objects on standard output, and nothing else.
    #[arg(long, global = true)]
    pub json: bool,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    Server(server::Args),
    Check(check::Args),
    Apply(apply::Args),
    Schema(schema::Args),
    Import(import::Args),
    Try(try_file::Args),
    Plan(plan::Args),
    Run(run::Args),
    Runs(runs::Args),
    Step(step::Args),
    Presets(presets::Args),
    Services(services::Args),
    Facts(facts::Args),
    Schedules(schedules::Args),
    Runbooks(runbooks::Args),
    Versions(versions::Args),
    Inventories(inventories::Args),
    Teams(teams::Args),
    Projects(projects::Args),
    Secrets(secrets::Args),
    Tokens(tokens::Args),
    Backup(backup::Args),
    Restore(restore::Args),
    Login(login::Args),
    Logout(logout::Args),
    Completions(completions::Args),
}

/// A name of a definition, project or token.
pub fn name(text: &str) -> Result<String, String> {
    if model::name::is_name(text) {
        Ok(text.to_owned())
    } else {
        Err("a name has 1 to 63 small letters, digits and `-`, and does not begin with `-`".to_owned())
    }
}

/// A value for an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputArg {
    pub key: String,
    pub value: String,
}

/// `key=value`; everything behind the first `=` is the value, as it stands.
pub fn input(text: &str) -> Result<InputArg, String> {
    match text.split_once('=') {
        Some(("", _)) => Err("there is no name before the `=`".to_owned()),
        Some((key, value)) => Ok(InputArg { key: key.to_owned(), value: value.to_owned() }),
        None => Err("an input is written `name=value`".to_owned()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_contradicts_itself_nowhere() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_value_is_everything_behind_the_first_sign() {
        for (text, key, value) in [
            ("a=b=c", "a", "b=c"),
            ("a=", "a", ""),
            ("a=@/etc/passwd", "a", "@/etc/passwd"),
            ("a= b\n", "a", " b\n"),
        ] {
            assert_eq!(input(text), Ok(InputArg { key: key.into(), value: value.into() }));
        }
        assert!(input("a").is_err() && input("=b").is_err());
    }
}
