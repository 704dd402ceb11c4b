//! Performs the attempts of steps: a folder to work in, a process started behind one function, its output read, its
//! whole process group ended.
//!
//! Knows neither store nor server: a [`Task`] in, a `StepEnd` out.

mod attempt;
mod bundle;
mod end;
mod ending;
mod environment;
mod error;
mod group;
mod interpreter;
mod outputs;
mod perform;
mod program;
mod pump;
mod remove;
mod spawn;
mod stop;
mod task;
mod workspace;

pub use bundle::BundleFile;
pub use error::RunnerError;
pub use interpreter::interpreter;
pub use perform::perform;
pub use stop::Stop;
pub use task::{GRACE_DEFAULT, Task};
pub use workspace::Workspace;
