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

    // What follows is known to Cedar policies alone: no route asks for it yet.

    /// See a project, and that there is one.
    ProjectRead = "project.read";
    /// See what is known of the state and configuration of things.
    FactRead = "fact.read";
    /// See inventories and their targets.
    InventoryRead = "inventory.read";
    /// See which runbooks may use a project's secrets and inventories.
    BindingRead = "binding.read";
    /// See which roles are granted to whom.
    GrantRead = "grant.read";
    /// Read the register.
    RegisterRead = "register.read";
    /// See what was decided, and why.
    DecisionRead = "decision.read";
    /// See users, groups and service accounts.
    PrincipalRead = "principal.read";
    /// Act on a target: asked of a published version, or of a person for a command of their own.
    TargetUse = "target.use";
    /// Have a secret handed to a step.
    SecretUse = "secret.use";
    /// Start a run in an emergency: without approvals, freeze and budget, never without layer 0.
    RunBreakglass = "run.breakglass";
    /// Send a definition for review.
    DefinitionPropose = "definition.propose";
    /// Put a version in force, an earlier one too.
    DefinitionPublish = "definition.publish";
    /// Take a definition out of use.
    DefinitionRetire = "definition.retire";
    /// Say yes or no to a version that somebody else wrote.
    DefinitionReview = "definition.review";
    /// Put a version of a policy in force, an earlier one too.
    PolicyPublish = "policy.publish";
    /// Turn a policy that only observes into one that stops.
    PolicyEnforce = "policy.enforce";
    /// Give a role to somebody.
    GrantCreate = "grant.create";
    /// Take a granted role back.
    GrantRevoke = "grant.revoke";
    /// Let a runbook use what one owns, and end that.
    Bind = "bind";
    /// Make, disable and enable users.
    UserManage = "user.manage";
    /// Make and retire groups, and say who is in them.
    GroupManage = "group.manage";
    /// Make, disable and enable service accounts.
    ServiceAccountManage = "service-account.manage";
    /// See and end others' tokens.
    TokenManage = "token.manage";
    /// Make a project.
    ProjectCreate = "project.create";
    /// Manage oneself: password, second factor, tokens and sessions.
    SelfManage = "self.manage";
}
