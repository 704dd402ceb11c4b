//! Performs the attempts of steps.
//!
//! Knows neither store nor server: a [`Task`] in, a `StepEnd` out. Process steps live under [`Shims`], small processes that
//! outlive the server; `http` and `check` steps need no process and are performed by a [`Network`].
//!
//! # How a server uses it
//!
//! Once, at start, behind the lock of the data directory:
//!
//! ```no_run
//! # use runner::{Capabilities, Found, Network, Program, Settings, Shims, Stop};
//! # async fn start(data: &std::path::Path, listening: std::net::SocketAddr) -> Result<(), runner::RunnerError> {
//! println!("{}", Capabilities::probe());
//! let (shims, found) = Shims::open(&data.join("shims"), Settings::new(Program::this())).await?;
//! for found in found {
//!     match found {
//!         // Its log is being written: tell the followers to expect more, then wait for the end like for any other.
//!         Found::Running(attached) => {
//!             let id = attached.id().clone();
//!             let end = attached.follow(Stop::new(), |_progress| { /* wake followers of id.log_key() */ }).await;
//!             // store (id, end), then:
//!             shims.acknowledge(&id).ok();
//!         }
//!         // Store the end, if this attempt is still open in the store; acknowledge in any case.
//!         Found::Ended { id, end } => { /* store */ shims.acknowledge(&id).ok(); }
//!         // The same with an end that is `unknown`. Its log breaks off, and nobody writes it any more.
//!         Found::Lost { id, end } => { /* store */ shims.acknowledge(&id).ok(); }
//!     }
//! }
//! // An attempt that the store has as started and that is not among those found never began, or its record fell to a
//! // power cut: `unknown`.
//! let network = Network::new([listening]);
//! # Ok(()) }
//! ```
//!
//! For each attempt, once `step.started` is committed:
//!
//! ```no_run
//! # use runner::{Progress, Shims, Stop, Task};
//! # async fn perform(shims: &Shims, task: Task, stop: Stop) {
//! let end = shims.perform(&task, stop, |progress| match progress {
//!     Progress::Started { pid } => { /* for the curious */ }
//!     Progress::Grew => { /* wake followers of task.id().log_key() */ }
//! }).await;
//! // store the end under task.id(), then:
//! shims.acknowledge(&task.id()).ok();
//! # }
//! ```
//!
//! [`Stop::cancel`] asks processes to end and kills them after the grace; [`Stop::kill_now`] kills at once and answers
//! `unknown`. To leave steps running, as a server does that stops for an upgrade, drop the future: the step goes on and is
//! found by the next [`Shims::open`]. A service manager must not kill what the server started (`KillMode=process`).
//!
//! The program must hand its process over when it is started as shim or launcher, before anything else it does:
//! [`helper`] answers whether it was. Tests name a test of their own that does so, with [`Program::test`].
//!
//! # What holds
//!
//! - Until [`Shims::acknowledge`] an end is on the disk. If the same attempt is reported twice, both say the same.
//! - `canceled` means that no process is left. What could not be ended is named, and the end is `unknown`.
//! - A task's secrets are in memory, in the socket between server and shim, and in files that only the step can read
//!   while it runs: never in journal, record, argv, environment or log.
//!
mod asks;
mod bundle;
mod capabilities;
mod cgroup;
mod end;
mod ending;
mod environment;
mod error;
mod launch;
mod mask;
mod net;
mod outputs;
mod patterns;
mod perform;
mod place;
mod process;
mod program;
mod pump;
mod remove;
mod secret;
mod shim;
mod spawn;
mod stop;
mod task;
mod tree;
mod user;
mod workspace;

pub use bundle::BundleFile;
pub use capabilities::Capabilities;
pub use cgroup::Cgroups;
pub use error::RunnerError;
pub use launch::launch;
pub use mask::{Masker, Masks};
pub use net::{ANSWER_MAX, CheckTask, Field, HTTP_TIMEOUT_DEFAULT, HttpTask, Network, Probe};
pub use perform::perform;
pub use secret::Secret;
pub use shim::{Attached, Found, Program, Progress, Settings, Shims, helper, shim};
pub use stop::Stop;
pub use task::{Action, AttemptId, GRACE_DEFAULT, Limits, OUTPUT_LIMIT_DEFAULT, Repeat, Task, TaskFile};
pub use workspace::Workspace;
