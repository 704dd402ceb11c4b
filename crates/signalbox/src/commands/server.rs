//! `signalbox server`: the server, until a signal ends it.

use std::{io::IsTerminal, net::SocketAddr, path::PathBuf, time::Duration};

use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::{
    context::Context,
    credentials::xdg,
    failure::{Exit, Failure},
    words,
};

/// How long answers that are under way may take after the signal.
const GRACE: Duration = Duration::from_secs(10);

/// How often is looked whether the view remembers too much.
const HISTORY_LOOKED_AT_EVERY: Duration = Duration::from_secs(3600);
/// With less, nothing that is worth a look would be left.
const HISTORY_LEAST: u64 = 16 * 1024 * 1024;

/// Start a server on this machine.
///
/// The first start writes the administrator's token to `admin.token` in the data directory. SIGTERM and Ctrl-C
/// take no new work, let answers finish and keep every run's state. Logs go to standard error; SIGNALBOX_LOG
/// sets how much, as `info` or `server=debug`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  signalbox server --data-dir /var/lib/signalbox --listen 127.0.0.1:8480")]
pub struct Args {
    /// Where everything is kept [default: $XDG_STATE_HOME/signalbox, else ~/.local/state/signalbox]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// The address to listen on.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8480")]
    listen: SocketAddr,
    /// A key under which secrets are sealed: a key file, or `age:FILE` with an age identity. Several may be given: the first
    /// seals, and is made if it is a key file that is not there; all open [default: `key` in the data directory]
    #[arg(long = "secret-key", value_name = "FILE", env = "SIGNALBOX_KEYS", value_delimiter = ',')]
    secret_keys: Vec<server::KeySource>,
    /// A host from which choices of inputs may be fetched, with or without a port; may be given several times.
    #[arg(long, value_name = "HOST[:PORT]", env = "SIGNALBOX_CHOICES_HOSTS", value_delimiter = ',')]
    choices_host: Vec<server::AllowedHost>,
    /// How much health, facts and runs of probes the view may remember; beyond that the oldest goes before its time.
    #[arg(long, value_name = "SIZE", env = "SIGNALBOX_HISTORY_LIMIT", default_value = "1GiB", value_parser = size)]
    history_limit: u64,
    /// Write logs as JSON, one object a line.
    #[arg(long)]
    log_json: bool,
}

pub async fn perform(context: &Context, args: Args) -> Result<Exit, Failure> {
    let data_dir = args.data_dir.or_else(|| Some(xdg("XDG_STATE_HOME", ".local/state")?.join("signalbox")));
    let data_dir = data_dir.ok_or_else(|| {
        Failure::usage("there is no place for data: neither XDG_STATE_HOME nor HOME is set")
            .hint("give --data-dir DIR")
    })?;
    start_log(args.log_json)?;
    let broken = |e| Failure::new(Exit::Failed, format!("signals cannot be waited for: {e}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(broken)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(broken)?;
    let shutdown = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    let settings = server::Settings {
        data_dir,
        listen: args.listen,
        grace: GRACE,
        program: server::Program::this(),
        secret_keys: args.secret_keys,
        choices_hosts: args.choices_host,
        history_limit: args.history_limit,
        history_looked_at_every: HISTORY_LOOKED_AT_EVERY,
    };
    server::serve(settings, |what| ready(context, &what), shutdown)
        .await
        .map_err(|error| Failure::new(Exit::Failed, error.to_string()))?;
    Ok(Exit::Success)
}

/// A size as `1GiB`, large enough for a history.
fn size(text: &str) -> Result<u64, String> {
    let bytes = definition::size_in_bytes(text).ok_or("write it as `1GiB` or `500MB`")?;
    if bytes < HISTORY_LEAST { Err("it must be at least 16MiB".to_owned()) } else { Ok(bytes) }
}

/// Close what whoever started this program left open: the server has no use for it, and steps would have it too. Before
/// anything of its own is open.
pub fn close_inherited() {
    let Ok(open) = std::fs::read_dir("/proc/self/fd") else { return };
    let open: Vec<i32> =
        open.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    for descriptor in open.into_iter().filter(|descriptor| *descriptor > 2) {
        // The folder that was just read is closed already.
        let _ = nix::unistd::close(descriptor);
    }
}

fn ready(context: &Context, ready: &server::Ready) {
    let printer = &context.printer;
    printer.err(&format!("signalbox {} is ready at http://{}", env!("CARGO_PKG_VERSION"), ready.address));
    if let Some(restored) = ready.restored {
        let runs = words::count(usize::try_from(restored.runs).unwrap_or(usize::MAX), "run");
        printer.err(&format!(
            "this is a backup of {}: nothing of {runs} that had not ended goes on without a person's word; see `signalbox runs list --state waiting,unknown`",
            restored.backup_of
        ));
    }
    let server::Recovered { taken_up, ended, begun, lost } = ready.recovered;
    if taken_up + ended > 0 {
        let (all, gone) = (words::count(taken_up + ended, "step"), words::count(ended, "step"));
        printer.err(&format!("{all} outlived the last server; {gone} ended meanwhile"));
    }
    if begun > 0 {
        printer.err(&format!(
            "{} had been asked for and not begun when the last server went away; begun now",
            words::count(begun, "step")
        ));
    }
    if lost > 0 {
        printer.err(&format!(
            "{} that ran when the last server went away: nobody knows how it ended; see `signalbox runs list --state waiting,unknown`",
            words::count(lost, "step")
        ));
    }
    for line in &ready.capabilities {
        printer.err(&format!("steps: {line}"));
    }
    if ready.first_start {
        printer.err(&format!("the administrator's token is in {}", ready.admin_token.display()));
    }
}

fn start_log(json: bool) -> Result<(), Failure> {
    let words = std::env::var("SIGNALBOX_LOG").unwrap_or_default();
    let words = if words.is_empty() { "info" } else { &words };
    let filter = EnvFilter::try_new(words).map_err(|e| {
        Failure::usage(format!("SIGNALBOX_LOG cannot be read: {e}"))
            .hint("it looks like `info` or `info,server=debug`")
    })?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = if json {
        log.json().try_init()
    } else {
        log.with_ansi(std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none()).try_init()
    };
    started.map_err(|e| Failure::usage(format!("no log can be written: {e}")))
}
