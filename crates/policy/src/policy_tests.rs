//! Tests of policies, written as data: what is, what is asked, and what the answer shall be.
//!
//! A team keeps them beside its policies. What a test does not say is as it usually is: entities exist, with parents
//! by their names, enabled and published; people are signed in with a fresh second factor; nothing is production.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    Attributes, Auth, Binding, Budget, Chain, Context, ContextKind, Entities, Entity, EntityName, Grant,
    Kind, Layers, Method, Policies, PolicyText, Question, Start, check_document,
    decision::{Decision, Layer, Mode, Outcome},
};

/// A file of tests.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyTests {
    #[serde(default)]
    pub description: String,
    /// Beyond those that are in force.
    #[serde(default)]
    pub policies: Vec<TestPolicy>,
    /// Modes to set, by id: so that one can test what enforcing a policy of the platform would do.
    #[serde(default)]
    pub modes: BTreeMap<String, Mode>,
    #[serde(default)]
    pub entities: Vec<TestEntity>,
    /// Entities that do not exist, though something names them.
    #[serde(default)]
    pub absent: BTreeSet<EntityName>,
    #[serde(default)]
    pub grants: Vec<Grant>,
    #[serde(default)]
    pub bindings: Vec<Binding>,
    pub tests: Vec<PolicyTest>,
}

/// A policy document that a test brings.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TestPolicy {
    /// `platform` for layer 1.
    pub project: String,
    #[serde(default = "tested")]
    pub name: String,
    pub text: String,
}

fn tested() -> String {
    "tested".into()
}

/// An entity, as far as it differs from what is usual.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TestEntity {
    pub entity: EntityName,
    /// All of its parents.
    #[serde(default, rename = "in")]
    pub parents: Option<Vec<EntityName>>,
    #[serde(flatten)]
    pub attributes: Attributes,
}

/// One question and its answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyTest {
    pub name: String,
    pub principal: EntityName,
    pub action: String,
    pub resource: EntityName,
    /// As far as it differs from what is usual.
    #[serde(default)]
    pub context: Map<String, Value>,
    #[serde(default)]
    pub at: Option<Timestamp>,
    pub expect: Expected,
}

/// What the answer shall be.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    pub outcome: Outcome,
    /// One of the policies that determined it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// Words of the reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// One of those that would have stopped it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed: Option<String>,
}

/// What became of a test.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TestResult {
    pub name: String,
    pub passed: bool,
    /// What was expected and is not so, for a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<Decision>,
}

/// Runs the tests on what is in force, with what the file brings.
pub fn run_tests(in_force: &Layers, tests: &PolicyTests) -> Vec<TestResult> {
    let all_fail = |fault: String| {
        let failed = |test: &PolicyTest| TestResult {
            name: test.name.clone(),
            passed: false,
            fault: Some(fault.clone()),
            decision: None,
        };
        tests.tests.iter().map(failed).collect()
    };
    let layers = match tests.layers(in_force) {
        Ok(layers) => layers,
        Err(fault) => return all_fail(fault),
    };
    match Policies::build(layers) {
        Ok(policies) => tests.run(&policies),
        Err(fault) => all_fail(fault.to_string()),
    }
}

impl PolicyTests {
    /// What is in force with what the file brings.
    ///
    /// # Errors
    /// If a mode is set of a policy that does not exist.
    pub fn layers(&self, in_force: &Layers) -> Result<Layers, String> {
        let mut layers = in_force.clone();
        for TestPolicy { project, name, text } in &self.policies {
            let text = PolicyText { name: name.clone(), text: text.clone() };
            let texts = if project == crate::PLATFORM_PROJECT {
                &mut layers.platform
            } else {
                if !layers.projects.iter().any(|(name, _)| name == project) {
                    layers.projects.push((project.clone(), Vec::new()));
                }
                match layers.projects.iter_mut().find(|(name, _)| name == project) {
                    Some((_, texts)) => texts,
                    None => continue,
                }
            };
            texts.retain(|earlier| earlier.name != text.name);
            texts.push(text);
        }
        for (id, mode) in &self.modes {
            let changed = layers.platform.iter_mut().find_map(|PolicyText { text, .. }| {
                if !text.contains(&format!("\"{id}\"")) {
                    return None;
                }
                let changed = check_document(&Layer::Platform, text).ok()?.with_mode(text, id, *mode)?;
                *text = changed;
                Some(())
            });
            if changed.is_none() {
                return Err(format!("There is no policy {id:?} of the platform whose mode could be set."));
            }
        }
        layers.grants.extend(self.grants.iter().cloned());
        layers.bindings.extend(self.bindings.iter().cloned());
        Ok(layers)
    }

    /// Runs the tests on `policies`, which have all that the file brings.
    pub fn run(&self, policies: &Policies) -> Vec<TestResult> {
        self.tests.iter().map(|test| self.run_one(policies, test)).collect()
    }

    fn run_one(&self, policies: &Policies, test: &PolicyTest) -> TestResult {
        let decided = test.question().and_then(|question| {
            let entities = Entities::new(self.entities_of(test)).map_err(|fault| fault.to_string())?;
            Ok(policies.decide(&question, &entities))
        });
        match decided {
            Err(fault) => {
                TestResult { name: test.name.clone(), passed: false, fault: Some(fault), decision: None }
            }
            Ok(decision) => {
                let fault = test.expect.fault(&decision);
                TestResult {
                    name: test.name.clone(),
                    passed: fault.is_none(),
                    fault,
                    decision: Some(decision),
                }
            }
        }
    }

    /// The entities that a test is decided from: those of the file, and what it and they name.
    pub fn entities_of(&self, test: &PolicyTest) -> Vec<Entity> {
        let mut wanted = vec![test.principal.clone(), test.resource.clone()];
        wanted.extend(self.entities.iter().map(|entity| entity.entity.clone()));
        let mut made: BTreeMap<EntityName, Entity> = BTreeMap::new();
        while let Some(name) = wanted.pop() {
            if made.contains_key(&name) || self.absent.contains(&name) {
                continue;
            }
            let mut entity = usual(&name);
            if let Some(said) = self.entities.iter().find(|entity| entity.entity == name) {
                if let Some(parents) = &said.parents {
                    entity.parents.clone_from(parents);
                }
                entity.attributes = said.attributes.clone().or(entity.attributes);
            }
            wanted.extend(entity.parents.iter().cloned());
            made.insert(name, entity);
        }
        made.into_values().collect()
    }
}

impl PolicyTest {
    /// The question with all that is usual filled in.
    ///
    /// # Errors
    /// If the context has something that its kind does not.
    pub fn question(&self) -> Result<Question, String> {
        let usual = usual_context(&self.action, &self.principal, &self.resource);
        let mut context = serde_json::to_value(usual).map_err(|fault| fault.to_string())?;
        merge(&mut context, &Value::Object(self.context.clone()));
        let context = serde_json::from_value(context)
            .map_err(|fault| format!("The context of {} is not understood: {fault}.", self.action))?;
        Ok(Question {
            principal: self.principal.clone(),
            action: self.action.clone(),
            resource: self.resource.clone(),
            context,
            at: self.at.unwrap_or(Timestamp::UNIX_EPOCH),
        })
    }
}

/// What `with` says takes the place of what `value` says; null takes it away.
fn merge(value: &mut Value, with: &Value) {
    match (value, with) {
        (Value::Object(value), Value::Object(with)) => {
            for (key, with) in with {
                if with.is_null() {
                    value.remove(key);
                } else {
                    merge(value.entry(key.clone()).or_insert(Value::Null), with);
                }
            }
        }
        (value, with) => *value = with.clone(),
    }
}

fn usual_context(action: &str, principal: &EntityName, resource: &EntityName) -> Context {
    let auth = match principal.kind {
        Kind::User => Auth::session(Some(0)),
        Kind::Schedule => Auth::of(Method::Schedule),
        Kind::Trigger => Auth::of(Method::Trigger),
        Kind::Version => Auth::of(Method::Run),
        // A token without scopes carries nothing: a test says what it carries.
        _ => Auth::of(Method::Token),
    };
    let digest = resource.id.rsplit_once('@').map(|(_, digest)| digest.to_owned()).unwrap_or_default();
    match ContextKind::of(action) {
        ContextKind::Base => Context::Base { auth },
        ContextKind::Reviewed => Context::Reviewed { auth, reviews: 0 },
        ContextKind::Grant => {
            Context::Grant { auth, granted: BTreeSet::new(), delegable: false, to_self: false }
        }
        ContextKind::Chain => Context::Chain(Chain {
            auth,
            effect: model::runbook::Effect::Change,
            initiator_disabled: false,
            depth: 0,
        }),
        ContextKind::Runner => Context::Runner { epoch: 0, secret: None },
        ContextKind::Start => Context::Start(Box::new(Start {
            auth,
            effect: model::runbook::Effect::Change,
            initiator_disabled: false,
            depth: 0,
            digest,
            change_class: model::runbook::ChangeClass::Feature,
            approvals: 0,
            owner_approvals: 0,
            targets: 1,
            environments: BTreeSet::new(),
            prod: false,
            freeze: false,
            maintenance: false,
            on_call: false,
            hour: 12,
            weekday: 3,
            budget: Budget::none(),
            incident: None,
            reason: None,
            texts: BTreeMap::new(),
            numbers: BTreeMap::new(),
        })),
    }
}

/// An entity as it usually is, by its name.
fn usual(name: &EntityName) -> Entity {
    let project = || name.id.split('/').next().map(EntityName::project).into_iter().collect::<Vec<_>>();
    let parents = match name.kind {
        Kind::Project | Kind::Register => vec![EntityName::platform()],
        Kind::Service | Kind::Inventory | Kind::Secret | Kind::Definition | Kind::Runbook => project(),
        Kind::Policy if name.id.starts_with("platform/") => vec![EntityName::platform()],
        Kind::Policy => project(),
        Kind::Version => {
            let of = name.id.split('@').next().unwrap_or_default();
            vec![EntityName::new(
                if of.matches('/').count() == 1 { Kind::Runbook } else { Kind::Definition },
                of,
            )]
        }
        Kind::Target if *name == EntityName::local_target() => vec![EntityName::platform()],
        Kind::Target => {
            let inventory = name.id.rsplit_once('/').map_or("", |(inventory, _)| inventory);
            vec![EntityName::new(Kind::Inventory, inventory)]
        }
        _ => Vec::new(),
    };
    let mut attributes = Attributes::default();
    match name.kind {
        Kind::User | Kind::ServiceAccount | Kind::Schedule | Kind::Trigger | Kind::Runner => {
            attributes.disabled = Some(false);
        }
        Kind::Runbook => attributes.labels = Some(BTreeSet::new()),
        Kind::Version => {
            let digest = name.id.rsplit_once('@').map_or("", |(_, digest)| digest);
            attributes.digest = Some(digest.to_owned());
            attributes.published = Some(true);
            attributes.authors = Some(BTreeSet::new());
            attributes.max_targets = Some(1000);
        }
        Kind::Target => {
            attributes.environment = Some(String::new());
            attributes.labels = Some(BTreeSet::new());
        }
        Kind::Run => {
            attributes.requesters = Some(BTreeSet::new());
            attributes.authors = Some(BTreeSet::new());
            attributes.pool = Some(EntityName::new(Kind::Pool, "local"));
            attributes.epoch = Some(0);
            attributes.secrets = Some(BTreeSet::new());
        }
        _ => {}
    }
    Entity { name: name.clone(), parents, attributes }
}

impl Attributes {
    /// What these do not say, as `others` say it.
    fn or(self, others: Self) -> Self {
        Self {
            disabled: self.disabled.or(others.disabled),
            labels: self.labels.or(others.labels),
            environment: self.environment.or(others.environment),
            digest: self.digest.or(others.digest),
            published: self.published.or(others.published),
            authors: self.authors.or(others.authors),
            max_targets: self.max_targets.or(others.max_targets),
            requesters: self.requesters.or(others.requesters),
            pool: self.pool.or(others.pool),
            epoch: self.epoch.or(others.epoch),
            leased_to: self.leased_to.or(others.leased_to),
            secrets: self.secrets.or(others.secrets),
        }
    }
}

impl Expected {
    fn fault(&self, decision: &Decision) -> Option<String> {
        let ids = |list: &[crate::decision::Determining]| {
            list.iter().map(|policy| policy.id.clone()).collect::<Vec<_>>()
        };
        let determining = ids(&decision.determining);
        let observed = ids(&decision.observed);
        if decision.outcome != self.outcome {
            return Some(format!("Expected {}, and it is {decision}", self.outcome.name()));
        }
        if let Some(policy) = &self.policy
            && !determining.contains(policy)
        {
            return Some(format!("Expected that {policy} determines it, and {determining:?} do: {decision}"));
        }
        if let Some(reason) = &self.reason
            && !decision.reason.contains(reason)
        {
            return Some(format!("Expected the reason {reason:?}, and it is {:?}.", decision.reason));
        }
        if let Some(policy) = &self.observed
            && !observed.contains(policy)
        {
            return Some(format!("Expected that {policy} would have stopped it, and {observed:?} would."));
        }
        None
    }
}
