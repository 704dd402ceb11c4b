//! `signalbox`: the one program. It reads the command line, asks the API or starts the server, and prints; it has no rules
//! of its own.

#![forbid(unsafe_code)]

mod args;
mod commands;
mod context;
mod credentials;
mod failure;
mod faults;
mod folder;
mod follow;
mod health;
mod inputs;
mod instants;
mod printer;
mod prompt;
mod steps;
mod table;
mod terminal;
mod times;
mod tree;
mod words;

fn main() -> std::process::ExitCode {
    match commands::shim::asked() {
        Some(code) => code,
        None => commands::main(),
    }
}
