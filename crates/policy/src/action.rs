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
    /// Start a run.
    RunStart = "run.start";
    /// See runs and their events.
    RunRead = "run.read";
    /// Cancel a run.
    RunCancel = "run.cancel";
    /// Read what a run's steps wrote.
    LogRead = "log.read";
    /// See which tokens there are.
    TokenRead = "token.read";
    /// Make a principal and its token.
    TokenCreate = "token.create";
    /// End a token and its sessions.
    TokenRevoke = "token.revoke";
    /// See how the platform itself is.
    PlatformRead = "platform.read";
}
