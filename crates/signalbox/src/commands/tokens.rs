//! `signalbox tokens`: who may ask.

use clap::ValueEnum;
use client::IdempotencyKey;
use model::{
    api::{CreateToken, Page, Role},
    id::TokenId,
};

use crate::{
    args::name,
    context::Context,
    failure::{Exit, Failure},
    table::Rows,
    times,
};

/// Make, list and revoke tokens.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Make a principal and its token, which is printed this once.
    #[command(after_help = "Example:\n  signalbox tokens create ada --role member > ada.token")]
    Create {
        /// The principal's name.
        #[arg(value_parser = name)]
        name: String,
        /// What it may do: everything, see and run, or read metrics alone.
        #[arg(long)]
        role: RoleArg,
    },
    /// List tokens, without their secrets.
    List,
    /// Revoke a token and end its sessions, at once.
    Revoke {
        /// The token's id, as `tokens list` shows it.
        id: TokenId,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum RoleArg {
    Admin,
    Member,
    Monitor,
}

impl From<RoleArg> for Role {
    fn from(role: RoleArg) -> Self {
        match role {
            RoleArg::Admin => Self::Admin,
            RoleArg::Member => Self::Member,
            RoleArg::Monitor => Self::Monitor,
        }
    }
}

pub async fn perform(context: &Context, args: Args) -> Result<Exit, Failure> {
    let client = context.client()?;
    let printer = &context.printer;
    match args.command {
        Command::Create { name, role } => {
            let request = CreateToken { name, role: role.into() };
            let created = client.create_token(&request, &IdempotencyKey::random()?).await?;
            if printer.is_json() {
                printer.object(&created);
            } else {
                printer.out(&format!("{}\n", created.secret));
                let (name, role) = (&created.token.name, created.token.role.name());
                printer.err(&format!("this is the token of {name} ({role}); it is not shown again"));
            }
        }
        Command::List => {
            let mut items = Vec::new();
            let mut after = None;
            loop {
                let page = client.tokens(Some(200), after.as_deref()).await?;
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
            let mut rows = Rows::new(&["id", "name", "role", "created", "revoked"]);
            for token in items {
                rows.push(vec![
                    token.id.to_string(),
                    token.name,
                    token.role.name().to_owned(),
                    times::local(token.created_at),
                    token.revoked_at.map(times::local).unwrap_or_default(),
                ]);
            }
            printer.table(&rows);
        }
        Command::Revoke { id } => {
            client.revoke_token(id).await?;
            if !printer.is_json() {
                printer.out(&format!("token {id} is revoked\n"));
            }
        }
    }
    Ok(Exit::Success)
}
