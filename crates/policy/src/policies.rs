//! All policies in force, and the one function that decides by them.
//!
//! Two sets must both allow. **Guardrails** (the built-in and the platform's `forbid`s) start from allow. **Grants**
//! (roles, bindings, the platform's permits, the projects' policies) deny unless something permits. So no project can
//! lift what the platform forbids. Whatever goes wrong is a deny.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
    fmt::Write as _,
    sync::Arc,
};

use cedar_policy::{Authorizer, EntityUid, PolicyId, PolicySet, Request, SlotId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    Action, Context, ContextKind, Entities, EntityName, Kind, Question, context,
    decision::{Authorized, Decision, Determining, Layer, MissingApprovals, Mode, Outcome},
    document::{self, Form, Parsed, PolicyFault},
    entities::{said, uid},
    index::{Entry, Index, Lineage, Named, Scope},
    schema::{Actions, known},
    shipped,
    stack::evaluating,
};

/// A policy document of a layer, as published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyText {
    pub name: String,
    pub text: String,
}

/// A role that somebody has on something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    pub id: String,
    pub role: String,
    /// A user, a service account or a group.
    pub principal: EntityName,
    /// The platform, a project, a service or a runbook.
    pub resource: EntityName,
    /// From this instant on it gives nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<Timestamp>,
}

/// Consent that a runbook uses a secret or an inventory or starts a runbook, or that a schedule starts one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Binding {
    pub id: String,
    /// The runbook whose versions may, or the schedule.
    pub principal: EntityName,
    /// `secret.use`, `target.use` or `run.start`.
    pub action: String,
    pub resource: EntityName,
}

/// What decisions are made by, but for layer 0, which is always the program's own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layers {
    /// Layer 1: the documents of the project `platform`.
    pub platform: Vec<PolicyText>,
    /// Layer 2: each project with its documents.
    pub projects: Vec<(String, Vec<PolicyText>)>,
    pub grants: Vec<Grant>,
    pub bindings: Vec<Binding>,
}

impl Layers {
    /// Layer 1 as it is shipped, and nothing else.
    pub fn shipped() -> Self {
        let platform = shipped::DOCUMENTS
            .iter()
            .map(|(name, text)| PolicyText { name: (*name).to_owned(), text: (*text).to_owned() })
            .collect();
        Self { platform, ..Self::default() }
    }
}

/// Something in force that could not be understood. It gives nothing, and what it may have forbidden is denied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    pub layer: Layer,
    /// The name of the document, or the id of the grant or binding.
    pub name: String,
    pub message: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<PolicyFault>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.layer, self.name, self.message)
    }
}

/// A role that can be granted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantableRole {
    pub name: String,
    pub description: String,
    pub actions: BTreeSet<String>,
    /// Whether a governor may hand it out.
    pub delegable: bool,
}

/// The policies that are built in cannot be read: a fault of the program, which a test would have found.
#[derive(Debug, thiserror::Error)]
#[error("the built-in policies cannot be read: {0}")]
pub struct BuildError(String);

/// Everything that decisions are made by. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Policies(Arc<InForce>);

#[derive(Debug)]
struct InForce {
    documents: Documents,
    /// What texts say.
    texts: Index,
    /// What grants and bindings give.
    given: Index,
    roles: BTreeMap<String, Arc<RoleTemplate>>,
    problems: Vec<Problem>,
    /// Layers with a document that cannot be read.
    broken: BTreeMap<Layer, String>,
    digest: String,
}

type Documents = HashMap<(Layer, String), Arc<Document>>;

#[derive(Debug)]
struct Document {
    text: String,
    read: Result<Vec<Parsed>, Vec<PolicyFault>>,
}

#[derive(Debug)]
struct RoleTemplate {
    parsed: Parsed,
    actions: Actions,
}

impl Policies {
    /// Reads all of them. A document that cannot be read is no error: its layer gives nothing and may deny
    /// ([`Policies::problems`]), since a server that does not start would help nobody.
    ///
    /// # Errors
    /// If the built-in policies cannot be read.
    pub fn build(layers: Layers) -> Result<Self, BuildError> {
        Self::read(shipped::LAYER_0, layers, &Documents::new())
    }

    /// The same for other layers; documents that did not change are not read again.
    ///
    /// # Errors
    /// As [`Policies::build`].
    pub fn rebuild(&self, layers: Layers) -> Result<Self, BuildError> {
        Self::read(shipped::LAYER_0, layers, &self.0.documents)
    }

    /// With another layer 0: to see what each of its policies is good for.
    #[cfg(test)]
    pub(crate) fn with_layer_0(&self, layer_0: &str, layers: Layers) -> Result<Self, BuildError> {
        Self::read(layer_0, layers, &self.0.documents)
    }

    fn read(layer_0: &str, layers: Layers, earlier: &Documents) -> Result<Self, BuildError> {
        let digest = digest(layer_0, &layers);
        let Layers { platform, projects, grants, bindings } = layers;
        let built_in = PolicyText { name: "layer0".into(), text: layer_0.into() };
        let all = [(Layer::BuiltIn, built_in)]
            .into_iter()
            .chain(platform.into_iter().map(|text| (Layer::Platform, text)))
            .chain(projects.into_iter().flat_map(|(project, texts)| {
                texts.into_iter().map(move |text| (Layer::Project(project.clone()), text))
            }));
        let mut in_force = InForce {
            documents: Documents::new(),
            texts: Index::default(),
            given: Index::default(),
            roles: BTreeMap::new(),
            problems: Vec::new(),
            broken: BTreeMap::new(),
            digest,
        };
        let mut ids = BTreeSet::new();
        for (layer, PolicyText { name, text }) in all {
            let key = (layer.clone(), name.clone());
            let document = match earlier.get(&key) {
                Some(document) if document.text == text => Arc::clone(document),
                _ => {
                    let read = document::read(&layer, &text).map(|(_, parsed)| parsed);
                    Arc::new(Document { text, read })
                }
            };
            in_force.take_document(layer, &name, &document, &mut ids);
            in_force.documents.insert(key, document);
        }
        if let Some(why) = in_force.broken.get(&Layer::BuiltIn) {
            return Err(BuildError(why.clone()));
        }
        for grant in grants {
            in_force.take_grant(grant);
        }
        for binding in bindings {
            in_force.take_binding(binding);
        }
        Ok(Self(Arc::new(in_force)))
    }

    /// Of everything that decisions are made by, layer 0 included.
    pub fn digest(&self) -> &str {
        &self.0.digest
    }

    /// What is in force and could not be understood.
    pub fn problems(&self) -> &[Problem] {
        &self.0.problems
    }

    /// The roles that can be granted.
    pub fn roles(&self) -> Vec<GrantableRole> {
        self.0.roles.keys().filter_map(|name| self.role(name)).collect()
    }

    pub fn role(&self, name: &str) -> Option<GrantableRole> {
        self.0.roles.get(name).map(|role| GrantableRole {
            name: name.to_owned(),
            description: role.parsed.reason.clone(),
            actions: known().names(role.actions),
            delegable: known().is_delegable(role.actions),
        })
    }

    /// Decides, and gives the proof that `A` is allowed.
    ///
    /// # Errors
    /// The decision, if it is no allow: with the policy, the reason and the way out.
    pub fn authorize<A: Action>(
        &self,
        question: Question,
        entities: &Entities,
    ) -> Result<Authorized<A>, Box<Decision>> {
        let decision = if question.action == A::NAME {
            self.decide(&question, entities)
        } else {
            let error = format!("{} was asked where {} is done", question.action, A::NAME);
            self.answer(&question, Verdict::failed(error))
        };
        if decision.is_allow() { Ok(Authorized::new(question, decision)) } else { Err(Box::new(decision)) }
    }

    /// Decides. Deny unless a grant permits it and no guardrail forbids it; whatever goes wrong is a deny.
    pub fn decide(&self, question: &Question, entities: &Entities) -> Decision {
        evaluating(|| {
            let verdict = self.verdict(question, entities);
            let missing = self.missing_approvals(question, entities, &verdict);
            let mut decision = self.answer(question, verdict);
            if let Some(missing) = missing {
                decision.outcome = Outcome::NeedsApproval;
                decision.way_out = Some(missing.said());
                decision.missing = Some(missing);
            }
            decision
        })
    }

    /// Allow or not, and nothing else: what filters of lists ask.
    pub fn allows(&self, question: &Question, entities: &Entities) -> bool {
        evaluating(|| self.verdict(question, entities).outcome() == Outcome::Allow)
    }

    /// Whether it would be allowed if this were granted too.
    pub(crate) fn allows_as_if(&self, question: &Question, entities: &Entities, grant: &Grant) -> bool {
        let (Ok(asked), Ok(entry)) = (Asked::new(question, entities), self.0.entry_of(grant)) else {
            return false;
        };
        evaluating(|| {
            let mut given = Index::default();
            given.add(entry);
            let mut verdict = self.0.judge(&asked, question);
            let principal = (&asked.principal, &asked.principal_lineage);
            let resource = (&asked.resource, &asked.resource_lineage);
            let applies = given
                .candidates(asked.action, principal, resource)
                .any(|entry| matches!(entry.ask(&asked.request, asked.cedar()), Said::Applies));
            if applies {
                verdict.permits.extend(given.entries());
            }
            verdict.outcome() == Outcome::Allow
        })
    }

    pub(crate) fn verdict(&self, question: &Question, entities: &Entities) -> Verdict<'_> {
        match Asked::new(question, entities) {
            Ok(asked) => self.0.judge(&asked, question),
            Err(error) => Verdict::failed(error),
        }
    }

    /// How many more approvals make an allow of a deny, if that is all it lacks.
    fn missing_approvals(
        &self,
        question: &Question,
        entities: &Entities,
        verdict: &Verdict<'_>,
    ) -> Option<MissingApprovals> {
        let Context::Start(start) = &question.context else { return None };
        if verdict.outcome() == Outcome::Allow || !verdict.could_be_lifted_by_approvals() {
            return None;
        }
        // An owner's approval is an approval too.
        const MOST: i64 = 8;
        (1..=MOST)
            .flat_map(|more| (0..=more).map(move |owners| (more, owners)))
            .filter(|(more, owners)| *owners == 0 || *owners == 1 || owners == more)
            .find(|(more, owners)| {
                let mut start = start.clone();
                start.approvals = start.approvals.saturating_add(*more);
                start.owner_approvals = start.owner_approvals.saturating_add(*owners);
                let question = Question { context: Context::Start(start), ..question.clone() };
                self.verdict(&question, entities).outcome() == Outcome::Allow
            })
            .map(|(approvals, owner_approvals)| MissingApprovals { approvals, owner_approvals })
    }

    fn answer(&self, question: &Question, verdict: Verdict<'_>) -> Decision {
        let outcome = verdict.outcome();
        let (reason, way_out) = self.said(question, &verdict);
        let mut determining: Vec<Determining> = match outcome {
            Outcome::Allow => verdict.permits.iter().map(|entry| entry.determining()).collect(),
            _ => verdict.forbids.iter().map(|entry| entry.determining()).collect(),
        };
        determining.extend(verdict.broken);
        determining.sort_by(|one, other| (&one.layer, &one.id).cmp(&(&other.layer, &other.id)));
        let mut observed = verdict.observed;
        observed.sort_by(|one, other| (&one.layer, &one.id).cmp(&(&other.layer, &other.id)));
        Decision {
            action: question.action.clone(),
            principal: question.principal.clone(),
            resource: question.resource.clone(),
            outcome,
            determining,
            observed,
            errors: verdict.errors,
            reason,
            way_out,
            missing: None,
            policies_digest: self.0.digest.clone(),
        }
    }

    /// The reason and the way out, for a person.
    fn said(&self, question: &Question, verdict: &Verdict<'_>) -> (String, Option<String>) {
        if let Some(error) = verdict.errors.first() {
            let way_out = "Whatever cannot be decided is denied. Tell whoever runs the platform; the server's log has it too.";
            return (format!("It cannot be decided: {error}."), Some(way_out.into()));
        }
        if let Some(broken) = &verdict.broken {
            let way_out = "Publish a version of that policy document that this platform can read, or an earlier one; \
                whoever holds the data directory can replace the platform's with `signalbox policy install`.";
            return (broken.reason.clone(), Some(way_out.into()));
        }
        if verdict.forbids.is_empty() {
            if verdict.permits.is_empty() {
                return (
                    format!(
                        "No policy permits {} {} on {}.",
                        question.principal, question.action, question.resource
                    ),
                    Some(self.who_could_give(question)),
                );
            }
            let permit = verdict.permits.iter().min_by_key(|entry| (&entry.layer, &entry.id));
            return (permit.map(|entry| entry.reason.to_string()).unwrap_or_default(), None);
        }
        let mut forbids: Vec<_> = verdict.forbids.iter().collect();
        forbids.sort_by_key(|entry| (&entry.layer, &entry.id));
        let mut reason = String::new();
        let mut way_out: Vec<String> = Vec::new();
        for entry in forbids {
            let space = if reason.is_empty() { "" } else { " " };
            let _ = write!(reason, "{space}{} ({}, {})", entry.reason, entry.id, entry.layer);
            way_out
                .push(entry.way_out.as_deref().map_or_else(|| entry.layer.way_out(&entry.id), str::to_owned));
        }
        way_out.dedup();
        (reason, Some(way_out.join(" ")))
    }

    /// The roles that hold the action, and who gives them.
    fn who_could_give(&self, question: &Question) -> String {
        let roles = self.roles_for(&question.action);
        if roles.is_empty() {
            return "No role gives it: it is for platform security and root.".into();
        }
        let names: Vec<&str> = roles.iter().map(|role| role.name.as_str()).collect();
        let whom = if roles.iter().any(|role| role.delegable) {
            "a governor of the project, or platform security,"
        } else {
            "platform security"
        };
        let plural = if names.len() == 1 { "The role" } else { "One of the roles" };
        format!("{plural} {} would do: ask {whom} for it.", names.join(", "))
    }

    /// Roles that hold `action`.
    pub fn roles_for(&self, action: &str) -> Vec<GrantableRole> {
        self.roles().into_iter().filter(|role| role.actions.contains(action)).collect()
    }

    pub(crate) fn indexes(&self) -> [&Index; 2] {
        [&self.0.texts, &self.0.given]
    }

    pub(crate) fn is_broken(&self) -> bool {
        !self.0.broken.is_empty()
    }
}

impl Layer {
    fn way_out(&self, id: &str) -> String {
        match self {
            Self::BuiltIn => format!("{id} is built in: nobody can lift it."),
            Self::Platform => format!("Platform security keeps the policy {id}."),
            Self::Project(project) => format!("The governors of the project {project} keep the policy {id}."),
            Self::Grant | Self::Binding => format!("Whoever gave {id} can change it."),
        }
    }
}

impl MissingApprovals {
    /// For a person.
    pub fn said(&self) -> String {
        let of = |count: i64| {
            if count == 1 { "1 more approval".to_owned() } else { format!("{count} more approvals") }
        };
        match (self.approvals, self.owner_approvals) {
            (all, 0) => format!("Ask for {}.", of(all)),
            (all, owners) if all == owners => format!("Ask an owner of the service for {}.", of(all)),
            (all, owners) => format!("Ask for {}, {owners} of it by an owner of the service.", of(all)),
        }
    }
}

/// A question that can be put to policies.
pub(crate) struct Asked<'a> {
    pub request: Request,
    /// With the inputs that policies may see, if there are any.
    with_inputs: Option<cedar_policy::Entities>,
    entities: &'a Entities,
    pub action: Actions,
    pub principal: EntityUid,
    pub resource: EntityUid,
    pub principal_lineage: Lineage,
    pub resource_lineage: Lineage,
    pub at: Timestamp,
}

impl<'a> Asked<'a> {
    fn new(question: &Question, entities: &'a Entities) -> Result<Self, String> {
        let Question { principal, action, resource, context, at } = question;
        let bit = known().bit(action).ok_or_else(|| format!("{action:?} is no action"))?;
        for name in [principal, resource] {
            if !entities.contains(name) {
                return Err(format!("{name} does not exist"));
            }
        }
        let (principal, resource) = (uid(principal), uid(resource));
        let cedar = context::cedar(context)?;
        let schema = Some(&known().schema);
        let request =
            Request::new(principal.clone(), known().action(action), resource.clone(), cedar, schema)
                .map_err(|fault| {
                    let wanted = ContextKind::of(action);
                    let hint = if context.kind() == wanted {
                        String::new()
                    } else {
                        format!(" (its context is of the kind {wanted:?})")
                    };
                    format!("the schema refuses the question: {}{hint}", said(&fault))
                })?;
        let with_inputs = match context {
            Context::Start(start) if !(start.texts.is_empty() && start.numbers.is_empty()) => {
                Some(entities.with_inputs(&start.texts, &start.numbers)?)
            }
            _ => None,
        };
        Ok(Self {
            request,
            with_inputs,
            entities,
            action: bit,
            principal_lineage: Lineage::new(entities.lineage(&principal)),
            resource_lineage: Lineage::new(entities.lineage(&resource)),
            principal,
            resource,
            at: *at,
        })
    }

    pub fn cedar(&self) -> &cedar_policy::Entities {
        self.with_inputs.as_ref().unwrap_or(&self.entities.cedar)
    }
}

/// What the policies say, before it is put into words.
#[derive(Default)]
pub(crate) struct Verdict<'a> {
    pub permits: Vec<&'a Entry>,
    pub forbids: Vec<&'a Entry>,
    pub observed: Vec<Determining>,
    pub errors: Vec<String>,
    /// A document that cannot be read, and may have forbidden it.
    pub broken: Option<Determining>,
    /// A permit that was asked counts approvals.
    pub permit_counts_approvals: bool,
}

impl Verdict<'_> {
    fn failed(error: String) -> Self {
        Self { errors: vec![error], ..Self::default() }
    }

    pub fn outcome(&self) -> Outcome {
        let stopped = !self.errors.is_empty() || self.broken.is_some() || !self.forbids.is_empty();
        if stopped || self.permits.is_empty() { Outcome::Deny } else { Outcome::Allow }
    }

    fn could_be_lifted_by_approvals(&self) -> bool {
        self.errors.is_empty()
            && self.broken.is_none()
            && self.forbids.iter().all(|entry| entry.counts_approvals)
            && (!self.permits.is_empty() || self.permit_counts_approvals)
    }
}

/// What one policy says.
pub(crate) enum Said {
    Nothing,
    Applies,
    Failed(String),
}

impl Entry {
    /// Asks the policy, whose scope matches.
    pub fn ask(&self, request: &Request, entities: &cedar_policy::Entities) -> Said {
        let Some(policy) = &self.condition else { return Said::Applies };
        let response = Authorizer::new().is_authorized(request, policy, entities);
        let diagnostics = response.diagnostics();
        // Cedar skips a policy that it cannot evaluate, also a forbid.
        if let Some(error) = diagnostics.errors().next() {
            return Said::Failed(format!("the policy {} cannot be evaluated: {}", self.id, said(error)));
        }
        if diagnostics.reason().next().is_some() { Said::Applies } else { Said::Nothing }
    }
}

impl InForce {
    fn judge<'a>(&'a self, asked: &Asked<'_>, question: &Question) -> Verdict<'a> {
        let mut verdict = Verdict { broken: self.broken_for(asked, &question.action), ..Verdict::default() };
        let principal = (&asked.principal, &asked.principal_lineage);
        let resource = (&asked.resource, &asked.resource_lineage);
        for index in [&self.texts, &self.given] {
            for entry in index.candidates(asked.action, principal, resource) {
                if entry.ends_at.is_some_and(|end| end <= asked.at) {
                    continue;
                }
                verdict.permit_counts_approvals |= !entry.forbids && entry.counts_approvals;
                match (entry.ask(&asked.request, asked.cedar()), entry.mode) {
                    (Said::Nothing, _) => {}
                    (Said::Applies, Mode::Enforce) if entry.forbids => verdict.forbids.push(entry),
                    (Said::Applies, Mode::Enforce) => verdict.permits.push(entry),
                    (Said::Failed(error), Mode::Enforce) => verdict.errors.push(error),
                    (Said::Applies, Mode::Observe | Mode::Warn) => verdict.observed.push(entry.determining()),
                    // Enforced, it would deny.
                    (Said::Failed(error), Mode::Observe | Mode::Warn) => {
                        verdict.observed.push(Determining { reason: error, ..entry.determining() });
                    }
                }
            }
        }
        verdict
    }

    /// A layer that cannot be read may have forbidden whatever it can speak of. What mends it is left out: to read,
    /// propose, review, publish and retire the layer's policies, as far as the rest permits.
    fn broken_for(&self, asked: &Asked<'_>, action: &str) -> Option<Determining> {
        if self.broken.is_empty() {
            return None;
        }
        let oneself = matches!(action, "session.read" | "session.end" | "self.manage");
        let policy_type = known().type_name(Kind::Policy);
        let mends = matches!(
            action,
            "definition.read"
                | "definition.propose"
                | "definition.review"
                | "definition.retire"
                | "policy.publish"
        ) && asked.resource_lineage.entities().any(|uid| *uid.type_name() == policy_type);
        if oneself || mends {
            return None;
        }
        self.broken.iter().find_map(|(layer, why)| {
            let speaks = match layer {
                Layer::Project(project) => {
                    known().may_be_delegated(action)
                        && asked.resource_lineage.contains(&uid(&EntityName::project(project)))
                }
                _ => true,
            };
            speaks.then(|| Determining {
                id: format!("{layer}"),
                layer: layer.clone(),
                reason: why.clone(),
                mode: Mode::Enforce,
                role: None,
            })
        })
    }

    fn take_document(&mut self, layer: Layer, name: &str, document: &Document, ids: &mut BTreeSet<String>) {
        match &document.read {
            Ok(parsed) => {
                if let Some(twice) = parsed
                    .iter()
                    .map(|policy| qualified(&layer, &policy.id))
                    .find(|id| !ids.insert(id.clone()))
                {
                    let message = format!("Two documents have a policy with the id {twice:?}.");
                    self.breaks(layer, name, message, Vec::new());
                    return;
                }
                for policy in parsed {
                    if let Err(message) = self.take_policy(&layer, policy) {
                        self.breaks(layer, name, message, Vec::new());
                        return;
                    }
                }
            }
            Err(faults) => {
                let first = faults.first().map(ToString::to_string).unwrap_or_default();
                self.breaks(layer, name, first, faults.clone());
            }
        }
    }

    fn breaks(&mut self, layer: Layer, name: &str, message: String, faults: Vec<PolicyFault>) {
        let why = match &layer {
            Layer::Project(project) => {
                format!(
                    "The policy document {name} of the project {project} cannot be read, and it may forbid this: {message}"
                )
            }
            _ => format!(
                "The platform's policy document {name} cannot be read, and it may forbid this: {message}"
            ),
        };
        self.broken.entry(layer.clone()).or_insert(why);
        self.problems.push(Problem { layer, name: name.to_owned(), message, faults });
    }

    fn take_policy(&mut self, layer: &Layer, parsed: &Parsed) -> Result<(), String> {
        let policy = match &parsed.form {
            Form::Policy(policy) => policy,
            Form::Role(_) => {
                let role =
                    RoleTemplate { actions: known().covered(&parsed.form.actions()), parsed: parsed.clone() };
                self.roles.insert(parsed.id.clone(), Arc::new(role));
                return Ok(());
            }
        };
        let named = Named {
            id: qualified(layer, &parsed.id).into(),
            layer: layer.clone(),
            reason: parsed.reason.as_str().into(),
            way_out: policy.annotation("way_out").filter(|said| !said.is_empty()).map(Into::into),
            mode: parsed.mode,
            counts_approvals: parsed.counts_approvals,
        };
        self.texts.add(Entry::of(policy, named)?);
        Ok(())
    }

    fn take_grant(&mut self, grant: Grant) {
        match self.entry_of(&grant) {
            Ok(entry) => self.given.add(entry),
            Err(message) => {
                self.problems.push(Problem {
                    layer: Layer::Grant,
                    name: grant.id,
                    message,
                    faults: Vec::new(),
                });
            }
        }
    }

    fn entry_of(&self, grant: &Grant) -> Result<Entry, String> {
        let Grant { id, role, principal, resource, ends_at } = grant;
        if !matches!(principal.kind, Kind::User | Kind::ServiceAccount | Kind::Group) {
            return Err(format!("{principal} cannot be given a role."));
        }
        if !matches!(resource.kind, Kind::Platform | Kind::Project | Kind::Service | Kind::Runbook) {
            return Err(format!("Roles are not given on {resource}."));
        }
        let template = self.roles.get(role).ok_or_else(|| format!("There is no role {role:?}."))?;
        let condition = template
            .parsed
            .form
            .has_condition()
            .then(|| linked(template, principal, resource))
            .transpose()?;
        Ok(Entry {
            id: id.as_str().into(),
            layer: Layer::Grant,
            reason: format!("{} Granted as {role} on {resource}.", template.parsed.reason).into(),
            way_out: None,
            mode: Mode::Enforce,
            forbids: false,
            actions: template.actions,
            principal: Scope::within(uid(principal)),
            resource: Scope::within(uid(resource)),
            condition,
            counts_approvals: template.parsed.counts_approvals,
            ends_at: *ends_at,
            role: Some(role.as_str().into()),
        })
    }

    fn take_binding(&mut self, binding: Binding) {
        let Binding { id, principal, action, resource } = &binding;
        let fits = match action.as_str() {
            "secret.use" => principal.kind == Kind::Runbook && resource.kind == Kind::Secret,
            "target.use" => {
                principal.kind == Kind::Runbook && matches!(resource.kind, Kind::Inventory | Kind::Target)
            }
            "run.start" => {
                matches!(principal.kind, Kind::Runbook | Kind::Schedule | Kind::Trigger)
                    && resource.kind == Kind::Runbook
            }
            _ => false,
        };
        if !fits {
            let message = format!("{principal} cannot be bound to {action} on {resource}.");
            self.problems.push(Problem {
                layer: Layer::Binding,
                name: binding.id,
                message,
                faults: Vec::new(),
            });
            return;
        }
        self.given.add(Entry {
            id: id.as_str().into(),
            layer: Layer::Binding,
            reason: format!("{resource} is bound to {principal}.").into(),
            way_out: None,
            mode: Mode::Enforce,
            forbids: false,
            actions: known().actions_of(action),
            principal: Scope::within(uid(principal)),
            resource: Scope::within(uid(resource)),
            condition: None,
            counts_approvals: false,
            ends_at: None,
            role: None,
        });
    }
}

/// A project's policies bear the project's name, so that two projects may use one id.
fn qualified(layer: &Layer, id: &str) -> String {
    match layer {
        Layer::Project(project) => format!("{project}/{id}"),
        _ => id.to_owned(),
    }
}

fn linked(
    role: &RoleTemplate,
    principal: &EntityName,
    resource: &EntityName,
) -> Result<Arc<PolicySet>, String> {
    let Form::Role(template) = &role.parsed.form else { return Err("It is no role.".into()) };
    let mut set = PolicySet::new();
    let of = template.id().clone();
    set.add_template(template.clone()).map_err(|fault| said(&fault))?;
    let slots = HashMap::from([(SlotId::principal(), uid(principal)), (SlotId::resource(), uid(resource))]);
    set.link(of, PolicyId::new("grant"), slots).map_err(|fault| said(&fault))?;
    Ok(Arc::new(set))
}

/// The same whatever order things come in.
fn digest(layer_0: &str, layers: &Layers) -> String {
    let Layers { platform, projects, grants, bindings } = layers;
    let mut parts: Vec<Vec<String>> = vec![vec!["layer0".into(), layer_0.into()]];
    for PolicyText { name, text } in platform {
        parts.push(vec!["platform".into(), name.clone(), text.clone()]);
    }
    for (project, texts) in projects {
        for PolicyText { name, text } in texts {
            parts.push(vec!["project".into(), project.clone(), name.clone(), text.clone()]);
        }
    }
    for Grant { id, role, principal, resource, ends_at } in grants {
        let ends = ends_at.map(|end| end.to_string()).unwrap_or_default();
        parts.push(vec![
            "grant".into(),
            id.clone(),
            role.clone(),
            principal.to_string(),
            resource.to_string(),
            ends,
        ]);
    }
    for Binding { id, principal, action, resource } in bindings {
        parts.push(vec![
            "binding".into(),
            id.clone(),
            principal.to_string(),
            action.clone(),
            resource.to_string(),
        ]);
    }
    parts.sort();
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        for piece in part {
            hash.update((piece.len() as u64).to_be_bytes());
            hash.update(piece.as_bytes());
        }
    }
    let mut text = String::with_capacity(64);
    for byte in hash.finalize() {
        let _ = write!(text, "{byte:02x}");
    }
    text
}
