//! How an attempt ended, in the model's terms and in words.

use std::{collections::BTreeMap, io, os::unix::process::ExitStatusExt, process::ExitStatus, time::Duration};

use model::run::{Cause, StepEnd, StepOutcome};
use nix::sys::signal::Signal;

/// An end without an exit.
pub(crate) fn ended(outcome: StepOutcome, cause: Cause, message: impl Into<String>) -> StepEnd {
    StepEnd {
        outcome,
        cause: Some(cause),
        message: Some(message.into()),
        exit_code: None,
        signal: None,
        outputs: BTreeMap::new(),
        facts: BTreeMap::new(),
    }
}

pub(crate) fn succeeded() -> StepEnd {
    StepEnd {
        outcome: StepOutcome::Succeeded,
        cause: None,
        message: None,
        exit_code: None,
        signal: None,
        outputs: BTreeMap::new(),
        facts: BTreeMap::new(),
    }
}

/// The end that the main process itself came to.
pub(crate) fn by_itself(status: io::Result<ExitStatus>) -> StepEnd {
    let status = match status {
        Ok(status) => status,
        Err(error) => {
            let message = format!("the system does not say how its process ended: {error}");
            return StepEnd::unknown(Cause::ServerLost, message);
        }
    };
    let end = match (status.code(), status.signal()) {
        (Some(0), _) => succeeded(),
        (Some(code), _) => ended(StepOutcome::Failed, Cause::Exit, format!("exit code {code}")),
        (None, signal) => {
            let name = signal_name(signal.unwrap_or(0));
            ended(StepOutcome::Failed, Cause::Signal, format!("ended by signal {name}"))
        }
    };
    with_status(end, Some(status))
}

/// The same with what is known of the main process's exit.
pub(crate) fn with_status(end: StepEnd, status: Option<ExitStatus>) -> StepEnd {
    StepEnd {
        exit_code: status.and_then(|status| status.code()),
        signal: status.and_then(|status| status.signal()),
        ..end
    }
}

/// Add a sentence to the message.
pub(crate) fn say(end: &mut StepEnd, words: &str) {
    end.message = Some(match end.message.take() {
        Some(message) => format!("{message}; {words}"),
        None => words.to_owned(),
    });
}

fn signal_name(number: i32) -> String {
    match Signal::try_from(number) {
        Ok(signal) => signal.as_str().to_owned(),
        Err(_) => number.to_string(),
    }
}

/// `1h 2m 5s`, `1.5s`, `200ms`.
pub(crate) fn span(time: Duration) -> String {
    if time < Duration::from_secs(1) {
        return format!("{}ms", time.as_millis());
    }
    let (seconds, rest) = (time.as_secs(), time.subsec_millis());
    if seconds < 60 && rest > 0 {
        return format!("{:.1}s", time.as_secs_f64());
    }
    let parts = [(seconds / 3600, 'h'), (seconds / 60 % 60, 'm'), (seconds % 60, 's')];
    let words: Vec<_> =
        parts.iter().filter(|(count, _)| *count > 0).map(|(count, unit)| format!("{count}{unit}")).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_well() {
        for (millis, words) in
            [(200, "200ms"), (1500, "1.5s"), (5000, "5s"), (120_000, "2m"), (3_725_000, "1h 2m 5s")]
        {
            assert_eq!(span(Duration::from_millis(millis)), words);
        }
    }
}
