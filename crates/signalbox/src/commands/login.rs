//! `signalbox login`: keeps a token for a server, after asking the server whether it is one.

use std::{
    fs::File,
    io::{self, IsTerminal, Read},
    path::PathBuf,
};

use crate::{
    args::DEFAULT_URL,
    context::Context,
    credentials::Credentials,
    failure::{Exit, Failure},
};

/// Most bytes that are read in search of a token.
const TOKEN_MAX: u64 = 4096;

/// Sign in to a server: check a token and keep it.
///
/// The token comes from --token-file, else from standard input: asked for without echo on a terminal, read when piped.
/// It is kept in $XDG_CONFIG_HOME/signalbox/credentials.toml (else below ~/.config), readable by you alone.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  signalbox login --token-file ~/.local/state/signalbox/admin.token
  signalbox login --url https://signalbox.example.com")]
pub struct Args {
    /// A file that holds the token.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

pub async fn perform(context: &Context, args: Args) -> Result<Exit, Failure> {
    let token = read_token(context, &args)?;
    let client = context.client_with(Some(token.clone()))?;
    let session = match client.session().await {
        Err(error) if error.problem().is_some_and(|problem| problem.status == 401) => {
            return Err(Failure::usage(format!("{} does not know this token", client.url()))
                .hint("was it copied whole, and not revoked?")
                .hint("a server's first start writes the administrator's token to `admin.token` in its data directory"));
        }
        session => session?,
    };
    let mut credentials = Credentials::load()?;
    credentials.set(client.url(), token);
    let path = credentials.save()?;
    if context.printer.is_json() {
        context.printer.object(&session);
        return Ok(Exit::Success);
    }
    let (name, role) = (&session.name, session.role.name());
    context.printer.out(&format!("signed in to {} as {name} ({role})\n", client.url()));
    context.printer.err(&format!("the token is kept in {}", path.display()));
    if client.url() != DEFAULT_URL && std::env::var_os("SIGNALBOX_URL").is_none() {
        context.printer.err(&format!("set SIGNALBOX_URL={} to ask this server without --url", client.url()));
    }
    Ok(Exit::Success)
}

fn read_token(context: &Context, args: &Args) -> Result<String, Failure> {
    let mut text = String::new();
    let read = match &args.token_file {
        Some(path) => File::open(path)
            .and_then(|file| file.take(TOKEN_MAX).read_to_string(&mut text))
            .map_err(|e| Failure::usage(format!("{} cannot be read: {e}", path.display()))),
        None if io::stdin().is_terminal() => {
            context.printer.err(&format!("Token for {} (not shown):", context.global.url));
            let line = console::Term::stderr().read_secure_line();
            line.map(|line| text = line)
                .map(|()| 0)
                .map_err(|e| Failure::usage(format!("no token was read: {e}")))
        }
        None => io::stdin()
            .lock()
            .take(TOKEN_MAX)
            .read_to_string(&mut text)
            .map_err(|e| Failure::usage(format!("no token can be read from standard input: {e}"))),
    };
    read?;
    match text.trim() {
        "" => Err(Failure::usage("there is no token to sign in with").hint("give it with --token-file FILE")),
        token => Ok(token.to_owned()),
    }
}
