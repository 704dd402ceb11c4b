//! A policy document: Cedar text of one layer, checked before it is believed.
//!
//! What could crash the process or slip past a reviewer is refused here: too long, too deep, without an id or with
//! another's, a mode that nobody knows, a guardrail on a group of actions, and in a project's policies everything
//! that is not the project's.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    ops::Range,
    sync::LazyLock,
};

use cedar_policy::{
    ActionConstraint, Effect, EntityUid, Policy, PolicySet, ResourceConstraint, Template,
    TemplatePrincipalConstraint, TemplateResourceConstraint, ValidationMode,
};
use miette::Diagnostic;
use serde::{Deserialize, Serialize};

use crate::{
    decision::{Layer, Mode},
    schema::known,
    shipped,
    stack::parsing,
    text::{Statement, statements},
};

/// What is wrong with a policy document, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{line}:{column}: {message}")]
pub struct PolicyFault {
    /// The policy's own id, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    pub message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

/// Whether a policy gives or takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicyEffect {
    Permit,
    Forbid,
}

/// A policy of a document that was checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckedPolicy {
    pub id: String,
    pub effect: PolicyEffect,
    pub mode: Mode,
    pub reason: String,
    /// A role: to be granted to somebody, on something.
    pub role: bool,
    /// The bytes of the value of its `@mode`, without the quotation marks, so that a mode can be changed in the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode_at: Option<Range<usize>>,
    /// The bytes of all of it.
    pub at: Range<usize>,
}

/// A document that may be published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckedDocument {
    pub policies: Vec<CheckedPolicy>,
}

/// The form that decisions are made with.
#[derive(Debug, Clone)]
pub(crate) struct Parsed {
    pub id: String,
    pub reason: String,
    pub mode: Mode,
    pub form: Form,
    /// Whether its condition looks at approvals.
    pub counts_approvals: bool,
}

#[derive(Debug, Clone)]
pub(crate) enum Form {
    Policy(Policy),
    Role(Template),
}

/// Checks a document as one of `layer`: the platform's, or a project's.
///
/// # Errors
/// All that is wrong with it; what is wrong with its size or depth alone, since nothing else is looked at then.
pub fn check_document(layer: &Layer, text: &str) -> Result<CheckedDocument, Vec<PolicyFault>> {
    read(layer, text).map(|(document, _)| document).map_err(|mut faults| {
        // Whoever made so many has enough to do with these.
        faults.truncate(MOST_FAULTS);
        faults
    })
}

/// As many faults as are told at once.
const MOST_FAULTS: usize = 100;

impl CheckedDocument {
    /// The text with the mode of the policy `id` set to `mode`: what was checked, and nothing else of it changed.
    /// None: there is no such policy, or it has no mode.
    pub fn with_mode(&self, text: &str, id: &str, mode: Mode) -> Option<String> {
        let policy = self.policies.iter().find(|policy| policy.id == id)?;
        if policy.effect != PolicyEffect::Forbid {
            return None;
        }
        let (before, after, written) = match &policy.mode_at {
            Some(at) => (text.get(..at.start)?, text.get(at.end..)?, mode.name().to_owned()),
            None => {
                let start = policy.at.start;
                (text.get(..start)?, text.get(start..)?, format!("@mode(\"{}\")\n", mode.name()))
            }
        };
        Some(format!("{before}{written}{after}"))
    }
}

/// Ids that mean something already: a project's policy that bore one would be taken for it.
static RESERVED: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
    let shipped = shipped::DOCUMENTS.iter().map(|(_, text)| (Layer::Platform, *text));
    let mut ids: BTreeSet<String> = [(Layer::BuiltIn, shipped::LAYER_0)]
        .into_iter()
        .chain(shipped)
        .filter_map(|(layer, text)| read_unreserved(&layer, text).ok())
        .flat_map(|(document, _)| document.policies)
        .map(|policy| policy.id)
        .collect();
    ids.insert(BASE.to_owned());
    ids
});

/// The id of *guardrails start from allow*, which is said by the program and not by a text.
const BASE: &str = "base";

pub(crate) fn read(layer: &Layer, text: &str) -> Result<(CheckedDocument, Vec<Parsed>), Vec<PolicyFault>> {
    let (document, parsed) = read_unreserved(layer, text)?;
    let faults: Vec<PolicyFault> = document
        .policies
        .iter()
        .filter(|policy| match layer {
            Layer::BuiltIn => false,
            Layer::Platform => policy.id.starts_with("0.") || policy.id == BASE,
            _ => policy.id.starts_with("0.") || RESERVED.contains(&policy.id),
        })
        .map(|policy| {
            fault(text, policy.at.start, format!("The id {:?} is reserved.", policy.id))
                .of(&policy.id)
                .help("Give the policy an id of its own.")
        })
        .collect();
    if faults.is_empty() { Ok((document, parsed)) } else { Err(faults) }
}

fn read_unreserved(layer: &Layer, text: &str) -> Result<(CheckedDocument, Vec<Parsed>), Vec<PolicyFault>> {
    let statements =
        statements(text).map_err(|limit| vec![fault(text, limit.at, limit.message).help(limit.help)])?;
    parsing(|| Reading { layer, text, statements }.read())
}

struct Reading<'a> {
    layer: &'a Layer,
    text: &'a str,
    statements: Vec<Statement>,
}

impl Reading<'_> {
    fn read(&self) -> Result<(CheckedDocument, Vec<Parsed>), Vec<PolicyFault>> {
        let set: PolicySet = self.text.parse().map_err(|errors: cedar_policy::ParseErrors| {
            errors.iter().map(|error| self.cedars(error, None)).collect::<Vec<_>>()
        })?;
        // Cedar numbers what it reads; that is the one thing that leads from a policy to its place in the text.
        let mut forms: BTreeMap<usize, Form> = BTreeMap::new();
        for policy in set.policies().cloned() {
            forms.insert(number(policy.id())?, Form::Policy(policy));
        }
        for template in set.templates().cloned() {
            forms.insert(number(template.id())?, Form::Role(template));
        }
        if forms.len() != self.statements.len() || !forms.keys().copied().eq(0..forms.len()) {
            return Err(vec![
                fault(self.text, 0, "The document cannot be taken apart into its policies.".to_owned())
                    .help("Write each policy as one statement that ends with a semicolon, and nothing else."),
            ]);
        }
        let mut faults = Vec::new();
        let mut checked = Vec::new();
        let mut parsed = Vec::new();
        let mut taken = BTreeSet::new();
        let mut names = HashMap::new();
        for (form, statement) in forms.into_values().zip(&self.statements) {
            let policy = self.policy(&form, statement, &mut faults);
            if !policy.id.is_empty() && !taken.insert(policy.id.clone()) {
                faults.push(
                    fault(
                        self.text,
                        statement.at.start,
                        format!("Two policies have the id {:?}.", policy.id),
                    )
                    .of(&policy.id)
                    .help("Give each policy an id of its own: decisions name it."),
                );
            }
            names.insert(form.number(), policy.id.clone());
            parsed.push(Parsed {
                id: policy.id.clone(),
                reason: policy.reason.clone(),
                mode: policy.mode,
                counts_approvals: self.text[statement.at.clone()].contains("pprovals"),
                form,
            });
            checked.push(policy);
        }
        for error in known().validator.validate(&set, ValidationMode::Strict).validation_errors() {
            let id = names.get(&error.policy_id().to_string()).cloned();
            faults.push(self.cedars(error, id));
        }
        if faults.is_empty() { Ok((CheckedDocument { policies: checked }, parsed)) } else { Err(faults) }
    }

    fn policy(&self, form: &Form, statement: &Statement, faults: &mut Vec<PolicyFault>) -> CheckedPolicy {
        let start = statement.at.start;
        let id = form.annotation("id").unwrap_or_default().to_owned();
        let mut say = |message: String, help: &str| {
            let mut fault = fault(self.text, start, message).help(help);
            fault.id = Some(id.clone()).filter(|id| !id.is_empty());
            faults.push(fault);
        };
        if !is_id(&id) {
            say(
                format!("{id:?} is no id of a policy."),
                "Begin each policy with @id(\"NAME\"): letters, digits, '.', '_' and '-', at most 100.",
            );
        }
        let forbids = form.effect() == Effect::Forbid;
        let reason = form.annotation("reason").unwrap_or_default().trim().to_owned();
        if forbids && reason.is_empty() {
            say("A forbid says no reason.".into(), "Add @reason(\"…\"): whoever is refused reads it.");
        }
        let mode = match form.annotation("mode") {
            None => Mode::Enforce,
            Some(_) if !forbids => {
                say("Only a forbid has a mode.".into(), "Take @mode away: a permit permits.");
                Mode::Enforce
            }
            Some(_) if *self.layer == Layer::BuiltIn => {
                say("What is built in has no mode.".into(), "Take @mode away.");
                Mode::Enforce
            }
            Some("observe") => Mode::Observe,
            Some("warn") => Mode::Warn,
            Some("enforce") => Mode::Enforce,
            Some(other) => {
                say(
                    format!("{other:?} is no mode."),
                    "Modes are observe, warn and enforce; without @mode it is enforce.",
                );
                Mode::Enforce
            }
        };
        if forbids && let Some(group) = form.group_in_scope() {
            say(
                format!("A forbid is on the group of actions {group:?}."),
                "Name the actions one by one: a forbid on a group silently does not apply where the group is unknown.",
            );
        }
        if let Form::Role(template) = form {
            if *self.layer != Layer::Platform {
                say(
                    "Only the platform's policies have roles.".into(),
                    "Write the principal and the resource instead of ?principal and ?resource.",
                );
            }
            let slots = template.slots().count();
            let inside = matches!(template.principal_constraint(), TemplatePrincipalConstraint::In(None))
                && matches!(template.resource_constraint(), TemplateResourceConstraint::In(None));
            if forbids || slots != 2 || !inside {
                say(
                    "A role is a permit with `principal in ?principal` and `resource in ?resource`.".into(),
                    "Write both so; what a grant names is put in their place.",
                );
            }
        }
        if let Layer::Project(project) = self.layer {
            if let Some(why) = outside(form, project) {
                say(
                    why,
                    "Write `resource == …`, `resource in …` or `resource is TYPE in …` with something of the project; a condition does not count.",
                );
            }
            if let Some(why) = beyond_delegable(form) {
                say(
                    why,
                    "Name actions that a project may govern (those in Action::\"Delegable\"), or a group of only such.",
                );
            }
        }
        let reason = if reason.is_empty() { default_reason(form, &id) } else { reason };
        CheckedPolicy {
            id,
            effect: if forbids { PolicyEffect::Forbid } else { PolicyEffect::Permit },
            mode,
            reason,
            role: matches!(form, Form::Role(_)),
            mode_at: statement.mode.clone(),
            at: statement.at.clone(),
        }
    }

    /// Cedar's own words, in place.
    fn cedars(&self, error: &dyn Diagnostic, id: Option<String>) -> PolicyFault {
        let offset = error.labels().and_then(|mut labels| labels.next()).map_or(0, |label| label.offset());
        let mut fault = fault(self.text, offset, error.to_string());
        fault.help = error.help().map(|help| help.to_string());
        fault.id = id.filter(|id| !id.is_empty()).or_else(|| self.id_at(offset));
        fault
    }

    fn id_at(&self, offset: usize) -> Option<String> {
        self.statements.iter().find(|statement| statement.at.contains(&offset))?.id.clone()
    }
}

impl Form {
    fn number(&self) -> String {
        match self {
            Self::Policy(policy) => policy.id().to_string(),
            Self::Role(template) => template.id().to_string(),
        }
    }

    fn annotation(&self, key: &str) -> Option<&str> {
        match self {
            Self::Policy(policy) => policy.annotation(key),
            Self::Role(template) => template.annotation(key),
        }
    }

    pub fn effect(&self) -> Effect {
        match self {
            Self::Policy(policy) => policy.effect(),
            Self::Role(template) => template.effect(),
        }
    }

    pub fn actions(&self) -> ActionConstraint {
        match self {
            Self::Policy(policy) => policy.action_constraint(),
            Self::Role(template) => template.action_constraint(),
        }
    }

    pub fn has_condition(&self) -> bool {
        match self {
            Self::Policy(policy) => policy.has_non_scope_constraint(),
            Self::Role(template) => template.has_non_scope_constraint(),
        }
    }

    fn group_in_scope(&self) -> Option<String> {
        let named = match self.actions() {
            ActionConstraint::Any => Vec::new(),
            ActionConstraint::Eq(uid) => vec![uid],
            ActionConstraint::In(uids) => uids,
        };
        named.iter().map(|uid| uid.id().unescaped()).find(|name| known().is_group(name)).map(str::to_owned)
    }
}

/// `policy7`: the seventh that Cedar read.
fn number(id: &cedar_policy::PolicyId) -> Result<usize, Vec<PolicyFault>> {
    id.to_string().strip_prefix("policy").and_then(|number| number.parse().ok()).ok_or_else(|| {
        vec![PolicyFault {
            id: None,
            line: 1,
            column: 1,
            message: format!("Cedar names a policy {id}, which is no number of one."),
            help: Some("This is a fault of the platform: report it with the text.".into()),
        }]
    })
}

fn is_id(id: &str) -> bool {
    (1..=100).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

fn default_reason(form: &Form, id: &str) -> String {
    match form {
        Form::Role(_) => format!("The role {id} permits it."),
        Form::Policy(_) => format!("The policy {id} permits it."),
    }
}

/// Why the resources that a project's policy speaks of are not the project's alone.
fn outside(form: &Form, project: &str) -> Option<String> {
    let within = match form {
        Form::Policy(policy) => match policy.resource_constraint() {
            ResourceConstraint::Eq(uid) | ResourceConstraint::In(uid) | ResourceConstraint::IsIn(_, uid) => {
                uid
            }
            ResourceConstraint::Any | ResourceConstraint::Is(_) => {
                return Some(format!("The policy is not only about things of the project {project}."));
            }
        },
        // Refused already: a project has no roles.
        Form::Role(_) => return None,
    };
    (!belongs(&within, project)).then(|| format!("{within} does not belong to the project {project}."))
}

fn belongs(uid: &EntityUid, project: &str) -> bool {
    let id = uid.id().unescaped();
    match uid.type_name().to_string().as_str() {
        "Project" => id == project,
        "Service" | "Inventory" | "Secret" | "Runbook" | "Policy" | "Definition" | "Version" | "Target" => {
            id.strip_prefix(project).is_some_and(|rest| rest.starts_with('/'))
        }
        _ => false,
    }
}

fn beyond_delegable(form: &Form) -> Option<String> {
    let named = match form.actions() {
        ActionConstraint::Any => return Some("The policy is about all actions.".into()),
        ActionConstraint::Eq(uid) => vec![uid],
        ActionConstraint::In(uids) => uids,
    };
    named
        .iter()
        .map(|uid| uid.id().unescaped())
        .find(|name| !crate::schema::is_delegable(name))
        .map(|name| format!("A project's policies cannot be about {name:?}."))
}

impl PolicyFault {
    fn of(mut self, id: &str) -> Self {
        self.id = Some(id.to_owned());
        self
    }

    fn help(mut self, help: &str) -> Self {
        self.help = Some(help.to_owned());
        self
    }
}

fn fault(text: &str, offset: usize, message: String) -> PolicyFault {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    let before = &text[..offset];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    PolicyFault {
        id: None,
        line: before.matches('\n').count() + 1,
        column: text[line_start..offset].chars().count() + 1,
        message,
        help: None,
    }
}
