//! What policies speak of: the entities of Cedar, each with its parents and attributes.
//!
//! Ids are names that never change and are never given to something else; the hierarchy is by parents, never by what
//! a name begins with.

use std::{collections::BTreeSet, fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

macro_rules! kinds {
    ($($kind:ident),*) => {
        /// The kinds of entities, as the schema names them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind { $($kind),* }

        impl Kind {
            pub const ALL: &[Self] = &[$(Self::$kind),*];

            pub fn name(self) -> &'static str {
                match self { $(Self::$kind => stringify!($kind)),* }
            }
        }
    };
}

kinds! {
    Definition, Group, Inventory, Platform, Policy, Pool, Project, Register, Run, Runbook, Runner, Schedule, Secret,
    Service, ServiceAccount, Target, Trigger, User, Version
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The name of an entity: `Runbook::"shop/restart-web"`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntityName {
    pub kind: Kind,
    pub id: String,
}

impl EntityName {
    pub fn new(kind: Kind, id: impl Into<String>) -> Self {
        Self { kind, id: id.into() }
    }

    pub fn user(name: impl Into<String>) -> Self {
        Self::new(Kind::User, name)
    }

    pub fn service_account(name: impl Into<String>) -> Self {
        Self::new(Kind::ServiceAccount, name)
    }

    pub fn group(name: impl Into<String>) -> Self {
        Self::new(Kind::Group, name)
    }

    /// `id`: `shop/schedule/nightly`, also `shop/probe/NAME` and `shop/collector/NAME`.
    pub fn schedule(id: impl Into<String>) -> Self {
        Self::new(Kind::Schedule, id)
    }

    /// The one platform.
    pub fn platform() -> Self {
        Self::new(Kind::Platform, "signalbox")
    }

    /// The one register.
    pub fn register() -> Self {
        Self::new(Kind::Register, "register")
    }

    pub fn project(name: impl Into<String>) -> Self {
        Self::new(Kind::Project, name)
    }

    pub fn service(project: &str, name: &str) -> Self {
        Self::new(Kind::Service, format!("{project}/{name}"))
    }

    pub fn inventory(project: &str, name: &str) -> Self {
        Self::new(Kind::Inventory, format!("{project}/{name}"))
    }

    pub fn secret(project: &str, name: &str) -> Self {
        Self::new(Kind::Secret, format!("{project}/{name}"))
    }

    pub fn runbook(project: &str, name: &str) -> Self {
        Self::new(Kind::Runbook, format!("{project}/{name}"))
    }

    /// `project` is `platform` for the platform's own policies.
    pub fn policy(project: &str, name: &str) -> Self {
        Self::new(Kind::Policy, format!("{project}/{name}"))
    }

    /// A definition of any kind but `Runbook`, `Service`, `Inventory` and `Policy`; `kind` as in its document.
    pub fn definition(project: &str, kind: &str, name: &str) -> Self {
        Self::new(Kind::Definition, format!("{project}/{kind}/{name}"))
    }

    /// A version of the definition `of`: its id, and the digest.
    pub fn version(of: &EntityName, digest: &str) -> Self {
        Self::new(Kind::Version, format!("{}@{digest}", of.id))
    }

    pub fn target(project: &str, inventory: &str, name: &str) -> Self {
        Self::new(Kind::Target, format!("{project}/{inventory}/{name}"))
    }

    /// The runner's own machine.
    pub fn local_target() -> Self {
        Self::new(Kind::Target, "local")
    }

    pub fn run(id: impl fmt::Display) -> Self {
        Self::new(Kind::Run, id.to_string())
    }
}

impl fmt::Display for EntityName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}::\"", self.kind)?;
        for character in self.id.chars() {
            match character {
                '"' | '\\' => write!(f, "\\{character}")?,
                c if c.is_control() => write!(f, "{}", c.escape_unicode())?,
                c => write!(f, "{c}")?,
            }
        }
        f.write_str("\"")
    }
}

/// A text that names no entity.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} names no entity: write the kind and the id, as in Runbook::\"shop/restart-web\"")]
pub struct NotAnEntityName {
    text: String,
}

impl FromStr for EntityName {
    type Err = NotAnEntityName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fault = || NotAnEntityName { text: text.to_owned() };
        let (kind, rest) = text.split_once("::").ok_or_else(fault)?;
        let kind = *Kind::ALL.iter().find(|known| known.name() == kind).ok_or_else(fault)?;
        // Kinds have no namespace, so that the id is all of the rest, as Cedar writes strings.
        let parsed: cedar_policy::EntityUid = format!("{kind}::{rest}").parse().map_err(|_| fault())?;
        Ok(Self::new(kind, parsed.id().unescaped()))
    }
}

impl Serialize for EntityName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for EntityName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// One entity, with the edges to its parents.
///
/// A missing parent edge is a missing right, and a missing ban: give every ancestor, each as an entity of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entity {
    pub name: EntityName,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parents: Vec<EntityName>,
    #[serde(default, skip_serializing_if = "Attributes::is_empty")]
    pub attributes: Attributes,
}

/// What the schema gives to entities; each kind has its own of these, and the schema refuses an entity that lacks one
/// or has one too many.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Attributes {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<BTreeSet<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authors: Option<BTreeSet<EntityName>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_targets: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requesters: Option<BTreeSet<EntityName>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<EntityName>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leased_to: Option<EntityName>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secrets: Option<BTreeSet<EntityName>>,
}

impl Attributes {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What policies may know of a version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VersionFacts {
    pub digest: String,
    pub published: bool,
    /// All whose change is in it since the last published one, and whoever imported it: names of users.
    pub authors: BTreeSet<String>,
    /// As many targets as a run of it may ever act on.
    pub max_targets: i64,
}

/// What policies may know of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunFacts {
    /// Names of users: whoever asked for it.
    pub requesters: BTreeSet<String>,
    /// Names of users: whoever wrote what it runs.
    pub authors: BTreeSet<String>,
    pub pool: String,
    pub epoch: i64,
    pub leased_to: Option<String>,
    /// The secrets that are bound to it.
    pub secrets: BTreeSet<EntityName>,
}

impl Default for RunFacts {
    /// A run in the pool of the server's own runner, without a lease.
    fn default() -> Self {
        Self {
            requesters: BTreeSet::new(),
            authors: BTreeSet::new(),
            pool: "local".into(),
            epoch: 0,
            leased_to: None,
            secrets: BTreeSet::new(),
        }
    }
}

fn users(names: BTreeSet<String>) -> BTreeSet<EntityName> {
    names.into_iter().map(EntityName::user).collect()
}

impl Entity {
    fn plain(name: EntityName, parents: Vec<EntityName>) -> Self {
        Self { name, parents, attributes: Attributes::default() }
    }

    fn principal(name: EntityName, disabled: bool, groups: Vec<EntityName>) -> Self {
        let attributes = Attributes { disabled: Some(disabled), ..Attributes::default() };
        Self { name, parents: groups, attributes }
    }

    pub fn user(name: &str, disabled: bool, groups: &[&str]) -> Self {
        Self::principal(EntityName::user(name), disabled, names(groups))
    }

    pub fn service_account(name: &str, disabled: bool, groups: &[&str]) -> Self {
        Self::principal(EntityName::service_account(name), disabled, names(groups))
    }

    /// A schedule, probe or collector; `id` as in [`EntityName::schedule`].
    pub fn schedule(id: &str, disabled: bool) -> Self {
        Self::principal(EntityName::schedule(id), disabled, Vec::new())
    }

    pub fn trigger(id: &str, disabled: bool) -> Self {
        Self::principal(EntityName::new(Kind::Trigger, id), disabled, Vec::new())
    }

    pub fn runner(name: &str, disabled: bool, pool: &str) -> Self {
        let pool = EntityName::new(Kind::Pool, pool);
        Self::principal(EntityName::new(Kind::Runner, name), disabled, vec![pool])
    }

    pub fn pool(name: &str) -> Self {
        Self::plain(EntityName::new(Kind::Pool, name), Vec::new())
    }

    pub fn group(name: &str, groups: &[&str]) -> Self {
        Self::plain(EntityName::group(name), names(groups))
    }

    pub fn platform() -> Self {
        Self::plain(EntityName::platform(), Vec::new())
    }

    pub fn register() -> Self {
        Self::plain(EntityName::register(), vec![EntityName::platform()])
    }

    pub fn project(name: &str) -> Self {
        Self::plain(EntityName::project(name), vec![EntityName::platform()])
    }

    pub fn service(project: &str, name: &str) -> Self {
        Self::plain(EntityName::service(project, name), vec![EntityName::project(project)])
    }

    pub fn inventory(project: &str, name: &str) -> Self {
        Self::plain(EntityName::inventory(project, name), vec![EntityName::project(project)])
    }

    pub fn secret(project: &str, name: &str) -> Self {
        Self::plain(EntityName::secret(project, name), vec![EntityName::project(project)])
    }

    /// `service`: the name of the service in the same project that it is a runbook of.
    pub fn runbook(project: &str, name: &str, service: Option<&str>, labels: BTreeSet<String>) -> Self {
        let mut parents = vec![EntityName::project(project)];
        parents.extend(service.map(|service| EntityName::service(project, service)));
        let attributes = Attributes { labels: Some(labels), ..Attributes::default() };
        Self { name: EntityName::runbook(project, name), parents, attributes }
    }

    /// The policies of the project `platform` belong to the platform.
    pub fn policy(project: &str, name: &str) -> Self {
        let parent = match project {
            crate::PLATFORM_PROJECT => EntityName::platform(),
            project => EntityName::project(project),
        };
        Self::plain(EntityName::policy(project, name), vec![parent])
    }

    pub fn definition(project: &str, kind: &str, name: &str) -> Self {
        Self::plain(EntityName::definition(project, kind, name), vec![EntityName::project(project)])
    }

    /// A version of a runbook, a policy or another definition.
    pub fn version(of: &EntityName, facts: VersionFacts) -> Self {
        let attributes = Attributes {
            digest: Some(facts.digest.clone()),
            published: Some(facts.published),
            authors: Some(users(facts.authors)),
            max_targets: Some(facts.max_targets),
            ..Attributes::default()
        };
        Self { name: EntityName::version(of, &facts.digest), parents: vec![of.clone()], attributes }
    }

    /// `service`: the service that its label names, if it does.
    pub fn target(
        project: &str,
        inventory: &str,
        name: &str,
        service: Option<EntityName>,
        environment: &str,
        labels: BTreeSet<String>,
    ) -> Self {
        let mut parents = vec![EntityName::inventory(project, inventory)];
        parents.extend(service);
        let attributes = Attributes {
            environment: Some(environment.to_owned()),
            labels: Some(labels),
            ..Attributes::default()
        };
        Self { name: EntityName::target(project, inventory, name), parents, attributes }
    }

    /// The runner's own machine, in no environment.
    pub fn local_target() -> Self {
        let attributes = Attributes {
            environment: Some(String::new()),
            labels: Some(BTreeSet::new()),
            ..Attributes::default()
        };
        Self { name: EntityName::local_target(), parents: vec![EntityName::platform()], attributes }
    }

    pub fn run(id: impl fmt::Display, runbook: &EntityName, facts: RunFacts) -> Self {
        let attributes = Attributes {
            requesters: Some(users(facts.requesters)),
            authors: Some(users(facts.authors)),
            pool: Some(EntityName::new(Kind::Pool, facts.pool)),
            epoch: Some(facts.epoch),
            leased_to: facts.leased_to.map(|name| EntityName::new(Kind::Runner, name)),
            secrets: Some(facts.secrets),
            ..Attributes::default()
        };
        Self { name: EntityName::run(id), parents: vec![runbook.clone()], attributes }
    }
}

fn names(groups: &[&str]) -> Vec<EntityName> {
    groups.iter().map(|group| EntityName::group(*group)).collect()
}
