//! `check`: looked at again and again until it is good or the time is up.

use std::time::{Duration, Instant};

use model::run::{Cause, StepEnd, StepOutcome};
use output::LogWriter;
use reqwest::{Method, Url};
use tokio::net::TcpStream;

use super::{
    CheckTask, Network, Probe,
    http::{Failed, shown},
    note::Notes,
};
use crate::{
    Stop,
    end::{ended, span, succeeded},
    perform::cannot_start,
    stop::Wish,
};

/// One try takes no longer than this.
const TRY: Duration = Duration::from_secs(10);
/// And no less is given to it, however little time is left.
const TRY_LEAST: Duration = Duration::from_millis(100);

/// Nobody looks more often than this.
const PAUSE_LEAST: Duration = Duration::from_millis(10);

/// What a try showed.
enum Seen {
    Good(String),
    NotYet(String),
    /// It will never be good.
    Never(String),
}

impl Network {
    /// Look until it is good. Nothing is changed by looking, so a canceled check is surely canceled.
    pub async fn check(&self, task: &CheckTask, log: LogWriter, stop: Stop) -> StepEnd {
        let mut notes = Notes::new(log, &task.mask);
        let end = tokio::select! {
            biased;
            wish = stop.at_least(Wish::Cancel) => match wish {
                Wish::Kill => StepEnd::unknown(Cause::ServerLost, "the server was stopped while it looked"),
                _ => ended(StepOutcome::Canceled, Cause::Canceled, "canceled"),
            },
            end = self.look_until_good(task, &mut notes) => end,
        };
        notes.finish(end).await
    }

    async fn look_until_good(&self, task: &CheckTask, notes: &mut Notes) -> StepEnd {
        let began = Instant::now();
        notes.note(&match &task.probe {
            Probe::Http { url, .. } => match Url::parse(url) {
                Ok(url) => format!("GET {}", shown(&url)),
                Err(error) => return cannot_start(format!("the URL cannot be read: {error}")),
            },
            Probe::Tcp { address } => format!("connect to {address}"),
        });
        for number in 1_u64.. {
            let this = Instant::now();
            let time = task.within.saturating_sub(began.elapsed()).clamp(TRY_LEAST, TRY);
            let seen = match tokio::time::timeout(time, self.look(&task.probe)).await {
                Ok(seen) => seen,
                Err(_) => Seen::NotYet(format!("no answer after {}", span(time))),
            };
            let words = match seen {
                Seen::Good(words) => {
                    notes.note(&format!("try {number}: {words}, after {}: good", span(this.elapsed())));
                    return succeeded();
                }
                Seen::Never(words) => {
                    notes.note(&words);
                    return cannot_start(words);
                }
                Seen::NotYet(words) => words,
            };
            notes.note(&format!("try {number}: {words}"));
            if began.elapsed() + task.interval > task.within {
                let tries = if number == 1 { "1 try".to_owned() } else { format!("{number} tries") };
                let message = format!("not good within {} ({tries}); the last: {words}", span(task.within));
                return ended(StepOutcome::Failed, Cause::NotAsExpected, message);
            }
            tokio::time::sleep(task.interval.max(PAUSE_LEAST)).await;
        }
        cannot_start("no try was made")
    }

    async fn look(&self, probe: &Probe) -> Seen {
        match probe {
            Probe::Tcp { address } => self.look_tcp(address).await,
            Probe::Http { url, headers, status, contains } => {
                let url = match Url::parse(url) {
                    Ok(url) => url,
                    Err(error) => return Seen::Never(format!("the URL cannot be read: {error}")),
                };
                match self.ask(Method::GET, url, headers, None).await {
                    // A name may get its address, a service its port.
                    Err(Failed::NotSent(words) | Failed::NoAnswer(words)) => Seen::NotYet(words),
                    Ok(answer) if !answer.is_good(status) => Seen::NotYet(answer.not_as_expected(status)),
                    Ok(answer) => match contains {
                        Some(text) if !holds(&answer.body, text.as_bytes()) => Seen::NotYet(format!(
                            "status {}, but the body does not hold `{text}`",
                            answer.status
                        )),
                        _ => Seen::Good(format!("status {}", answer.status)),
                    },
                }
            }
        }
    }

    async fn look_tcp(&self, address: &str) -> Seen {
        let Some((host, port)) = address.rsplit_once(':') else {
            return Seen::Never(format!("`{address}` is not `host:port`"));
        };
        let Ok(port) = port.parse() else {
            return Seen::Never(format!("`{address}` is not `host:port`: the port is no number"));
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let found = match self.resolve(host, port).await {
            Ok(found) => found,
            Err(words) => return Seen::NotYet(words),
        };
        let mut words = String::new();
        // Each of these was looked at.
        for address in found {
            match TcpStream::connect(address).await {
                Ok(_) => return Seen::Good(format!("connected to {address}")),
                Err(error) => words = format!("no connection to {address}: {error}"),
            }
        }
        Seen::NotYet(words)
    }
}

fn holds(body: &[u8], text: &[u8]) -> bool {
    text.is_empty() || body.windows(text.len()).any(|window| window == text)
}
