//! From settings to a server that answers, and back to quiet.

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use definition::Expressions;
use jiff::Timestamp;
use model::id::Uuid;
use output::Outputs;
use runner::{Capabilities, Cgroups, Found, Program, RunnerError, Shims};
use store::{Retention, Store};
use tokio::net::TcpListener;

use crate::{
    access::{App, Surroundings},
    clock,
    data_dir::{DataDir, StartError},
    engine::{Deciding, Engine, Parts, Recovered},
    fetch::AllowedHost,
    routes,
};

/// Steps at once for each core: most wait for something else than this machine.
const SLOTS_PER_CORE: usize = 8;
const SLOTS_MIN: usize = 16;
/// Shims that are started before anything is to be performed.
const SHIMS_WARM: usize = 2;
/// How long the answer of a call that started something is kept.
const KEYS_KEPT: jiff::SignedDuration = jiff::SignedDuration::from_hours(7 * 24);
const KEYS_FORGOTTEN_EVERY: Duration = Duration::from_secs(3600);
/// How long answers in flight may take once the server is told to stop.
const ANSWERS_GRACE: Duration = Duration::from_secs(5);

/// What a server needs to know.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Made if it is not there; this server's alone while it runs.
    pub data_dir: PathBuf,
    pub listen: SocketAddr,
    /// How long a server that is told to stop waits for steps. Those that take longer are left to their shims.
    pub grace: Duration,
    /// The program that becomes the shims under which steps live: this very one.
    pub program: Program,
    /// The keys of secrets, of which the first seals; the one in the data directory if there are none.
    pub secret_keys: Vec<store::KeySource>,
    /// Hosts, with or without a port, from which choices may be fetched.
    pub choices_hosts: Vec<AllowedHost>,
    /// Bytes that the view may remember: see [`store::Retention`].
    pub history_limit: u64,
    /// How often is looked whether it remembers too much.
    pub history_looked_at_every: Duration,
}

/// What a server tells once it answers.
#[derive(Clone, Debug)]
pub struct Ready {
    pub address: SocketAddr,
    /// Where the administrator's token is.
    pub admin_token: PathBuf,
    /// It was made by this start.
    pub first_start: bool,
    /// Attempts that were running when the last server went away: they run on, ended meanwhile, or are lost.
    pub recovered: Recovered,
    /// The store was restored from a backup, and this is its first start since.
    pub restored: Option<store::Restored>,
    /// What this machine can do for the steps, in words.
    pub capabilities: Vec<String>,
}

/// Serve until `shutdown`: then take no new work, let answers and steps finish, keep every run's state.
///
/// # Errors
/// Why it cannot start, or stopped.
pub async fn serve(
    settings: Settings,
    ready: impl FnOnce(Ready) + Send,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), StartError> {
    let data_dir = DataDir::open(&settings.data_dir)?;
    // The address before the store: a port that is taken is found before anything is settled.
    let address = settings.listen;
    let listener =
        TcpListener::bind(address).await.map_err(|source| StartError::Listen { address, source })?;
    let address = listener.local_addr().map_err(|source| StartError::Listen { address, source })?;
    if !address.ip().is_loopback() {
        tracing::warn!(%address, "this address is open to the network, and the connection is not encrypted");
    }

    let evaluate = Arc::new(Expressions::default());
    let store = data_dir.store(evaluate.clone(), &settings.secret_keys).await?;
    let first_start = data_dir.ensure_administrator(&store).await?;
    let fault = |source| StartError::DataDir { path: data_dir.path().to_owned(), source };
    let outputs = Outputs::open(data_dir.output()).map_err(fault)?;
    let (shims, found) = open_shims(&data_dir.shims(), settings.program).await.map_err(StartError::Shims)?;
    let engine = Engine::new(Parts {
        store: store.clone(),
        outputs,
        shims,
        evaluate,
        work: data_dir.work(),
        forbidden: vec![address],
        slots: slots(),
        deciding: Deciding::Again,
    });
    let restored = store.after_restore(clock::now()).await.map_err(StartError::Recover)?;
    if let Some(store::Restored { backup_of, runs }) = &restored {
        tracing::warn!(%backup_of, runs, "this store was restored from a backup: no run goes on without a person's word");
    }
    let same_boot = data_dir.is_same_boot().unwrap_or_else(|error| {
        tracing::warn!(%error, "whether the machine was started again since the last server ran is not known");
        false
    });
    let recovered = engine.recover(found, same_boot).await.map_err(StartError::Recover)?;
    if let Err(error) = data_dir.keep_boot() {
        tracing::warn!(%error, "the next start will not know whether the machine was started again");
    }

    engine.sync_timetables().await.map_err(StartError::Recover)?;
    if restored.is_some() {
        engine.pass_over_restored().await.map_err(StartError::Recover)?;
        store.restore_is_over().await.map_err(StartError::Recover)?;
    }
    engine.watch_on().await.map_err(StartError::Recover)?;
    engine.write_down_left_over().await.map_err(StartError::Recover)?;

    let working = [
        tokio::spawn({
            let engine = engine.clone();
            async move { engine.run().await }
        }),
        tokio::spawn({
            let engine = engine.clone();
            async move { engine.keep_time().await }
        }),
        tokio::spawn({
            let engine = engine.clone();
            async move { engine.keep_timetable().await }
        }),
        tokio::spawn({
            let engine = engine.clone();
            async move { engine.keep_parked().await }
        }),
        tokio::spawn(forget_old_keys(store.clone())),
        tokio::spawn({
            let engine = engine.clone();
            let retention = Retention { most: settings.history_limit, ..Retention::default() };
            async move { engine.keep_history(retention, settings.history_looked_at_every).await }
        }),
    ];
    let capabilities: Vec<String> =
        Capabilities::probe().to_string().split("; ").map(str::to_owned).collect();
    let surroundings = Surroundings {
        data_dir: data_dir.path().to_owned(),
        capabilities: capabilities.clone(),
        choices_hosts: settings.choices_hosts,
    };
    let app = App::new(store.clone(), engine.clone(), surroundings);
    ready(Ready {
        address,
        admin_token: data_dir.admin_token(),
        first_start,
        recovered,
        restored,
        capabilities,
    });

    let stopping = {
        let engine = engine.clone();
        async move {
            shutdown.await;
            tracing::info!("stopping: no new work is taken");
            engine.close_followers();
        }
    };
    let mut closing = Box::pin(engine.closing());
    let serving = axum::serve(listener, routes::router(app)).with_graceful_shutdown(stopping);
    let served = tokio::select! {
        served = serving => served,
        // Answers that take longer are cut: whoever waits for one asks again with the same key.
        () = async { (&mut closing).await; tokio::time::sleep(ANSWERS_GRACE).await } => Ok(()),
    };
    engine.drain(settings.grace).await;
    for task in working {
        task.abort();
    }
    store.close().await;
    served.map_err(StartError::Serve)
}

/// The shims in this folder, with room for as many steps as there are places.
pub(crate) async fn open_shims(
    folder: &std::path::Path,
    program: Program,
) -> Result<(Shims, Vec<Found>), RunnerError> {
    let settings = runner::Settings {
        program,
        warm: SHIMS_WARM,
        idle: slots(),
        cgroups: Cgroups::probe(),
        always_cgroup: false,
    };
    Shims::open(folder, settings).await
}

pub(crate) fn slots() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    (cores * SLOTS_PER_CORE).max(SLOTS_MIN)
}

async fn forget_old_keys(store: Store) {
    loop {
        // Keys go by the time that their ids say, and that is the machine's clock.
        if clock::doubted().is_none()
            && let Some(id) =
                first_id_at(clock::now().saturating_sub(KEYS_KEPT).unwrap_or(Timestamp::UNIX_EPOCH))
            && let Err(error) = store.forget_keys_before(id).await
        {
            tracing::warn!(%error, "old idempotency keys could not be forgotten");
        }
        tokio::time::sleep(KEYS_FORGOTTEN_EVERY).await;
    }
}

/// The smallest UUIDv7 of that millisecond.
fn first_id_at(at: Timestamp) -> Option<Uuid> {
    let milliseconds = u64::try_from(at.as_millisecond()).ok()?;
    Some(Uuid::from_u128(u128::from(milliseconds) << 80))
}
