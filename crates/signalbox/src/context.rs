//! What a command has at hand: how it was asked, where it prints, whom it asks.

use client::{Client, Error};

use crate::{
    args::{DEFAULT_PROJECT, DEFAULT_URL, Global},
    credentials::Credentials,
    failure::Failure,
    printer::Printer,
};

pub struct Context {
    pub global: Global,
    pub printer: Printer,
}

impl Context {
    /// A client of the server that was named, with the token that is known for it.
    pub fn client(&self) -> Result<Client, Failure> {
        let client = self.client_with(None)?;
        match token(client.url())? {
            Some(token) => self.client_with(Some(token)),
            None => Ok(client),
        }
    }

    pub fn client_with(&self, token: Option<String>) -> Result<Client, Failure> {
        if token
            .as_deref()
            .is_some_and(|token| token.is_empty() || !token.bytes().all(|b| b.is_ascii_graphic()))
        {
            return Err(Failure::usage("the token holds characters that no token has"));
        }
        Client::new(&self.global.url, token).map_err(|error| match error {
            Error::Unexpected { url, what } => {
                Failure::usage(format!("{what}: {url}")).hint(format!("an address looks like {DEFAULT_URL}"))
            }
            error => error.into(),
        })
    }

    pub fn project(&self) -> &str {
        &self.global.project
    }

    /// A command that somebody can copy, with the options that lead to the same server and project.
    pub fn command(&self, words: &str) -> String {
        let mut command = format!("signalbox {words}");
        if self.global.project != DEFAULT_PROJECT {
            command.push_str(&format!(" --project {}", self.global.project));
        }
        if self.global.url != DEFAULT_URL {
            command.push_str(&format!(" --url {}", self.global.url));
        }
        command
    }
}

/// The token of the environment, else the one that `login` kept.
fn token(url: &str) -> Result<Option<String>, Failure> {
    match std::env::var("SIGNALBOX_TOKEN") {
        Ok(token) if !token.trim().is_empty() => Ok(Some(token.trim().to_owned())),
        Err(std::env::VarError::NotUnicode(_)) => Err(Failure::usage("SIGNALBOX_TOKEN is not UTF-8")),
        _ => Ok(Credentials::load()?.token(url)),
    }
}
