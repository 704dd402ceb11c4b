//! `signalbox shim` and `signalbox launch`: the processes around a step. The server starts them; they are no commands for
//! people, so neither help nor completions name them.

use std::process::ExitCode;

/// The exit code, if this process is one of them. Asked before anything else: a step waits for it.
pub fn asked() -> Option<ExitCode> {
    if let Some(code) = runner::helper() {
        return Some(code);
    }
    match std::env::args_os().nth(1)?.to_str()? {
        "shim" => Some(runner::shim()),
        "launch" => Some(runner::launch()),
        _ => None,
    }
}
