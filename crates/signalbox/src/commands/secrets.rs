//! `signalbox secrets`: values that steps can use and nobody can read back.

use std::{
    fs::File,
    io::{self, IsTerminal, Read},
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use model::secret::{RewrapRequest, SECRET_MAX, SecretSet, SecretValue, SecretView, SetSecret};
use zeroize::Zeroizing;

use crate::{
    args::name,
    context::Context,
    failure::{Exit, Failure},
    table::Rows,
    times, words,
};

/// Set, list, rotate and delete stored secrets: values that steps use and nobody reads back.
///
/// A step gets those that it names in `secrets:` as files, or in `secret_env:` as variables. A value is never an argument.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Set a secret; the value that it had is destroyed, unless it is kept.
    #[command(
        after_help = "Example:\n  signalbox secrets set db-root --description 'Root of the shop database' < password"
    )]
    Set {
        /// The secret's name.
        #[arg(value_parser = name)]
        secret: String,
        #[command(flatten)]
        value: ValueArgs,
        /// What it is for.
        #[arg(long, value_name = "TEXT")]
        description: Option<String>,
    },
    /// List the secrets of the project: everything but their values.
    List {
        /// Deleted ones too.
        #[arg(long)]
        retired: bool,
    },
    /// Show a secret with its versions, without its value.
    Show {
        /// The secret's name.
        #[arg(value_parser = name)]
        secret: String,
    },
    /// Give a secret that is there another value.
    #[command(after_help = "Example:\n  signalbox secrets rotate db-root --generate")]
    Rotate {
        /// The secret's name.
        #[arg(value_parser = name)]
        secret: String,
        #[command(flatten)]
        value: ValueArgs,
    },
    /// Seal everything under the newest key; what an interrupted call has left is done by the next.
    Rewrap {
        /// New data keys too, after a suspicion that old ones are known to others.
        #[arg(long)]
        new_data_keys: bool,
    },
    /// Destroy a secret with all its versions. Its name stays taken.
    Delete {
        /// The secret's name.
        #[arg(value_parser = name)]
        secret: String,
    },
}

/// Where a value comes from; the keyboard, without echo, or standard input unless said.
#[derive(Debug, clap::Args)]
struct ValueArgs {
    /// Read the value from a file, whole but for one line end.
    #[arg(long, value_name = "PATH", conflicts_with = "generate")]
    file: Option<PathBuf>,
    /// Let the server make a random value, which nobody ever sees but the steps that use it.
    #[arg(long)]
    generate: bool,
    /// Keep the version before; it is destroyed otherwise.
    #[arg(long)]
    keep: bool,
}

impl ValueArgs {
    fn request(&self, context: &Context, name: &str) -> Result<SetSecret, Failure> {
        let request = SetSecret { generate: self.generate, keep: self.keep, ..SetSecret::default() };
        if self.generate {
            return Ok(request);
        }
        let bytes = read_value(context, name, self.file.as_deref())?;
        Ok(match std::str::from_utf8(&bytes) {
            Ok(text) => SetSecret { value: Some(SecretValue::new(text)), ..request },
            Err(_) => SetSecret { base64: Some(SecretValue::new(STANDARD.encode(&*bytes))), ..request },
        })
    }
}

/// The bytes of a secret from a file, else from the keyboard without echo, else all of standard input; without one line end.
pub fn read_value(context: &Context, name: &str, file: Option<&Path>) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let broken = |error: io::Error| match file {
        Some(file) => Failure::usage(format!("{} cannot be read: {error}", file.display())),
        None => Failure::usage(format!("no value was read for the secret {name}: {error}")),
    };
    let mut bytes = Zeroizing::new(Vec::new());
    let most = SECRET_MAX as u64 + 2;
    match file {
        Some(path) => {
            File::open(path).and_then(|file| file.take(most).read_to_end(&mut bytes)).map_err(broken)?;
        }
        None if io::stdin().is_terminal() => {
            context.printer.err(&format!("{name} (not shown):"));
            bytes.extend(console::Term::stderr().read_secure_line().map_err(broken)?.into_bytes());
        }
        None => {
            io::stdin().lock().take(most).read_to_end(&mut bytes).map_err(broken)?;
        }
    }
    for end in [b'\n', b'\r'] {
        if bytes.last() == Some(&end) {
            bytes.pop();
        } else {
            break;
        }
    }
    if bytes.is_empty() {
        return Err(Failure::usage(format!("the value of the secret {name} is empty"))
            .hint("give it on standard input or with --file PATH, or let one be made with --generate"));
    }
    if bytes.len() > SECRET_MAX {
        return Err(Failure::usage(format!("the secret {name} has more than {SECRET_MAX} bytes")));
    }
    Ok(bytes)
}

pub async fn perform(context: &Context, args: Args) -> Result<Exit, Failure> {
    let client = context.client()?;
    let (printer, project) = (&context.printer, context.project());
    match args.command {
        Command::Set { secret, value, description } => {
            let request = SetSecret { description, ..value.request(context, &secret)? };
            told(context, &client.set_secret(project, &secret, &request).await?);
        }
        Command::Rotate { secret, value } => {
            let request = value.request(context, &secret)?;
            told(context, &client.rotate_secret(project, &secret, &request).await?);
        }
        Command::List { retired } => {
            let secrets = client.secrets(project, retired).await?;
            if printer.is_json() {
                printer.object(&secrets);
                return Ok(Exit::Success);
            }
            let mut rows = Rows::new(&["name", "version", "set", "by", "used", "description"]);
            for secret in secrets.items {
                let version = match secret.retired_at {
                    Some(_) => "deleted".to_owned(),
                    None => secret.version.to_string(),
                };
                rows.push(vec![
                    secret.name,
                    version,
                    times::local(secret.set_at),
                    secret.set_by,
                    secret.used_at.map_or_else(|| "never".to_owned(), times::local),
                    secret.description.unwrap_or_default(),
                ]);
            }
            printer.table(&rows);
        }
        Command::Show { secret } => {
            let secret = client.secret(project, &secret).await?;
            if printer.is_json() {
                printer.object(&secret);
            } else {
                show(context, &secret);
            }
        }
        Command::Rewrap { new_data_keys } => {
            let done = client.rewrap_secrets(&RewrapRequest { new_data_keys }).await?;
            if printer.is_json() {
                printer.object(&done);
            } else {
                let values = words::count(usize::try_from(done.values).unwrap_or(usize::MAX), "value");
                let how = if done.new_data_keys { " with new data keys" } else { "" };
                printer
                    .out(&format!("{values} sealed anew{how}; everything is under the key {}\n", done.key));
            }
        }
        Command::Delete { secret } => {
            client.delete_secret(project, &secret).await?;
            if !printer.is_json() {
                printer.out(&format!("secret {secret} is destroyed; its name stays taken\n"));
            }
        }
    }
    Ok(Exit::Success)
}

fn told(context: &Context, set: &SecretSet) {
    let printer = &context.printer;
    if printer.is_json() {
        printer.object(set);
    } else {
        printer.out(&format!("secret {} is set: version {}\n", set.secret.name, set.secret.version));
    }
    for warning in &set.warnings {
        printer.err(&format!("warning: {warning}"));
    }
}

fn show(context: &Context, secret: &SecretView) {
    let printer = &context.printer;
    printer.out(&format!("{}\n", secret.name));
    if let Some(description) = &secret.description {
        printer.out(&format!("{description}\n"));
    }
    if let Some(at) = secret.retired_at {
        printer.out(&format!("deleted {}\n", times::local(at)));
    }
    printer.out(&format!("made {} by {}\n\n", times::local(secret.created_at), secret.created_by));
    let mut rows = Rows::new(&["version", "set", "by", "used", "destroyed"]);
    for version in &secret.versions {
        rows.push(vec![
            version.version.to_string(),
            times::local(version.set_at),
            version.set_by.clone(),
            version.used_at.map_or_else(|| "never".to_owned(), times::local),
            version.destroyed_at.map(times::local).unwrap_or_default(),
        ]);
    }
    printer.table(&rows);
}
