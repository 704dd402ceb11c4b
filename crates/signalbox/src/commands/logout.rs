//! `signalbox logout`: forgets the token of a server.

use crate::{
    context::Context,
    credentials::Credentials,
    failure::{Exit, Failure},
};

/// Forget the token that is kept for a server.
///
/// The token itself stays good; `signalbox tokens revoke` ends it.
#[derive(Debug, clap::Args)]
pub struct Args {}

pub fn perform(context: &Context, _: &Args) -> Result<Exit, Failure> {
    let client = context.client_with(None)?;
    let mut credentials = Credentials::load()?;
    let was = credentials.remove(client.url());
    if was {
        credentials.save()?;
    }
    if !context.printer.is_json() {
        let text = if was { "signed out of" } else { "nobody was signed in to" };
        context.printer.out(&format!("{text} {}\n", client.url()));
    }
    Ok(Exit::Success)
}
