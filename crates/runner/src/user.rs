//! Local users that steps can run as.

use nix::unistd;

/// A user of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct User {
    pub uid: u32,
    pub gid: u32,
    pub name: String,
}

impl User {
    /// The user that a task names, if it is another one than ours. In words why it cannot be had.
    pub fn of(name: Option<&str>) -> Result<Option<Self>, String> {
        let Some(name) = name else { return Ok(None) };
        let found = unistd::User::from_name(name)
            .map_err(|error| format!("cannot start: the user `{name}` cannot be looked up: {error}"))?
            .ok_or_else(|| {
                format!(
                    "cannot start: there is no user `{name}` on this machine; make it, or correct `run_as`"
                )
            })?;
        let own = unistd::geteuid();
        if found.uid == own {
            return Ok(None);
        }
        if !own.is_root() {
            return Err(format!(
                "cannot start as `{name}`: only a server that runs as root can run steps as other users"
            ));
        }
        Ok(Some(Self { uid: found.uid.as_raw(), gid: found.gid.as_raw(), name: found.name }))
    }
}
