//! Every action there is. A route declares one of these in its handler's signature.

/// Something that somebody may or may not do.
pub trait Action: Send + Sync + 'static {
    /// As policies, the API document and refusals name it.
    const NAME: &'static str;
}

macro_rules! actions {
    ($($(#[$doc:meta])* $action:ident = $name:literal;)*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug)]
            pub struct $action;

            impl Action for $action {
                const NAME: &'static str = $name;
            }
        )*

        /// The names of all actions.
        pub const ACTIONS: &[&str] = &[$($name),*];
    };
}

actions! {
    /// See who is signed in: oneself.
    SessionRead = "session.read";
    /// Sign out.
    SessionEnd = "session.end";
    /// See which projects there are.
    ProjectList = "project.list";
    /// Send an operations repository to a project.
    DefinitionApply = "definition.apply";
    /// See definitions and their versions.
    DefinitionRead = "definition.read";
    /// Publish an earlier version again.
    DefinitionRollback = "definition.rollback";
    /// See the presets of a runbook.
    PresetRead = "preset.read";
    /// Keep inputs of a runbook under a name.
    PresetSave = "preset.save";
    /// Forget a preset.
    PresetDelete = "preset.delete";
    /// Give a file, as an input or as evidence.
    UploadCreate = "upload.create";
    /// Get a file that somebody gave.
    UploadRead = "upload.read";
    /// See services, how they are, and what is known of them.
    ServiceRead = "service.read";
    /// See schedules, and what became of their instants.
    ScheduleRead = "schedule.read";
    /// Let a schedule pause, or go on.
    SchedulePause = "schedule.pause";
    /// See what a run would do, and what can be chosen for it.
    RunPlan = "run.plan";
    /// Start a run.
    RunStart = "run.start";
    /// See runs and their events.
    RunRead = "run.read";
    /// Cancel a run.
    RunCancel = "run.cancel";
    /// Try an ended run again.
    RunRetry = "run.retry";
    /// Say what became of a manual step, or of an attempt whose end nobody can learn.
    RunAnswer = "run.answer";
    /// Say yes or no at a gate.
    RunApprove = "run.approve";
    /// Read what a run's steps wrote.
    LogRead = "log.read";
    /// See which secrets there are: everything but their values.
    SecretList = "secret.list";
    /// Set, rotate and delete secrets.
    SecretWrite = "secret.write";
    /// Seal everything under the newest key.
    SecretRewrap = "secret.rewrap";
    /// See which tokens there are.
    TokenRead = "token.read";
    /// Make a principal and its token.
    TokenCreate = "token.create";
    /// End a token and its sessions.
    TokenRevoke = "token.revoke";
    /// See how the platform itself is.
    PlatformRead = "platform.read";
    /// Read the figures that a monitoring system keeps: the platform's, and services' health and facts.
    MetricsRead = "metrics.read";
    /// Take a backup of everything.
    PlatformBackup = "platform.backup";
}
