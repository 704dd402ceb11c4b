//! What a definition speaks of, held against what is there: inputs, steps, outputs, other definitions.
//!
//! A runbook is walked as it is performed, so that each expression is judged with what is known at its place.

mod watch;
mod written;

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    rc::Rc,
};

use model::{
    api::{Fault, Severity},
    definition::Compiled,
    inventory::Inventory,
    runbook::{
        CheckSubject, ChoicesFrom, Effect, Input, InputKind, Items, KeyPart, Match, On, Runbook, Step,
        StepAction, Template, secret_variable,
    },
    schedule::Schedule,
    service::{Service, Team},
};

use crate::{
    expression::{
        scope::{self, Outputs, Scope, Times},
        template::{self, Part},
        types::{self, Fields, Mistake, Type},
    },
    fault::{Code, Faults, quoted},
    places::Places,
    render,
    source::Span,
    suggest,
};

/// The definitions that others may speak of.
#[derive(Clone, Debug, Default)]
pub struct Known {
    pub runbooks: BTreeMap<String, Runbook>,
    pub inventories: BTreeMap<String, Inventory>,
    pub teams: BTreeMap<String, Team>,
    pub services: BTreeMap<String, Service>,
    pub schedules: BTreeMap<String, Schedule>,
}

impl Known {
    pub fn add(&mut self, definition: &Compiled) {
        let name = definition.name().to_owned();
        match definition {
            Compiled::Runbook(it) => drop(self.runbooks.insert(name, it.clone())),
            Compiled::Inventory(it) => drop(self.inventories.insert(name, it.clone())),
            Compiled::Team(it) => drop(self.teams.insert(name, it.clone())),
            Compiled::Service(it) => drop(self.services.insert(name, it.clone())),
            Compiled::Schedule(it) => drop(self.schedules.insert(name, it.clone())),
        }
    }
}

/// Checks a definition whose text is not at hand against all that there is: whatever it names and `known` lacks is a fault.
/// The service that a runbook names at its top is one only if `known` has services at all: a project may have none.
/// The faults have no place in a text; their path is the definition's name, and they name their step.
pub fn check_references(definition: &Compiled, known: &Known) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut tell = |told: Told<'_>| {
        let message = match told.step {
            Some(step) => format!("Step {}: {}", quoted(step), told.message),
            None => told.message,
        };
        let mut fault = Fault::without_place(told.code.name(), definition.name(), &message);
        fault.severity = told.severity;
        fault.hint = told.hint;
        faults.push(fault);
    };
    walk(definition, known, true, &mut tell);
    faults
}

/// Checks a definition that has just been read; what is not among the documents is the server's to know.
pub(crate) fn check(
    definition: &Compiled,
    places: &Places,
    root: Span,
    known: &Known,
    faults: &mut Faults<'_>,
) {
    walk(definition, known, false, &mut |told| {
        let whole = places.get(&told.key).unwrap_or(root);
        // Where the text is written as it is, the part of it.
        let part = told.range.and_then(|range| {
            let text = told.text?;
            let at = faults.source.slice(whole).find(text)? + whole.start;
            Some(Span { start: at + range.start, end: at + range.end.max(range.start) })
        });
        let place = part.filter(|span| span.start < span.end).unwrap_or(whole);
        let told_fault = match told.severity {
            Severity::Error => faults.error(told.code, place, told.message),
            Severity::Remark => faults.remark(told.code, place, told.message),
        };
        if let Some(hint) = told.hint {
            told_fault.hint(hint);
        }
    });
}

fn walk(definition: &Compiled, known: &Known, strict: bool, tell: &mut dyn FnMut(Told<'_>)) {
    match definition {
        Compiled::Runbook(runbook) => walk_runbook(runbook, known, strict, tell),
        Compiled::Inventory(_) | Compiled::Team(_) => {}
        Compiled::Service(service) => written::service(service, known, strict, tell),
        Compiled::Schedule(schedule) => written::schedule(schedule, known, strict, tell),
    }
}

struct Told<'t> {
    code: Code,
    severity: Severity,
    /// As [`Places`] has it.
    key: String,
    step: Option<&'t str>,
    text: Option<&'t str>,
    range: Option<Range<usize>>,
    message: String,
    hint: Option<String>,
}

impl Told<'_> {
    /// Something that is wrong with the whole of what stands at a place.
    fn error(code: Code, key: &str, message: String, hint: Option<String>) -> Self {
        let key = key.to_owned();
        Self { code, severity: Severity::Error, key, step: None, text: None, range: None, message, hint }
    }
}

fn walk_runbook(runbook: &Runbook, known: &Known, strict: bool, tell: &mut dyn FnMut(Told<'_>)) {
    let steps = runbook.written_steps();
    let why = "it is not before this one, nor around it, or only perhaps";
    let out_of_sight = steps.iter().map(|step| (step.name.clone(), why)).collect();
    let mut walker = Walker {
        runbook,
        known,
        strict,
        tell,
        inputs: Rc::new(scope::inputs(&runbook.inputs)),
        out_of_sight: Rc::new(out_of_sight),
        written: 0,
        step: None,
    };
    walker.declared(&runbook.inputs, "inputs");
    for (index, rule) in runbook.rules.iter().enumerate() {
        let kind = walker.expression(&format!("rules/{index}"), &rule.check.0, &walker.inputs_only());
        walker.needs_boolean(&kind, &format!("rules/{index}"), &rule.check.0, "A rule");
    }
    if let Some(concurrency) = &runbook.concurrency {
        for (index, part) in concurrency.key.iter().enumerate() {
            if let KeyPart::Input(name) = part {
                walker.input_is_there(&format!("concurrency/key/{index}"), name);
            }
        }
    }
    let mut seen = Seen::default();
    walker.list(&runbook.steps, &mut seen);
    let after = seen.clone();
    walker.list(&runbook.on_failure, &mut seen);
    walker.list(&runbook.cleanup, &mut seen);
    walker.step = None;
    let outputs = walker.scope(&after);
    for (name, template) in &runbook.outputs {
        walker.template(&format!("outputs/{name}"), &template.0, &outputs);
    }
    walker.watch(&outputs);
}

struct Walker<'w> {
    runbook: &'w Runbook,
    known: &'w Known,
    strict: bool,
    tell: &'w mut dyn FnMut(Told<'_>),
    inputs: Rc<Fields>,
    out_of_sight: Rc<BTreeMap<String, &'static str>>,
    /// Steps walked so far.
    written: usize,
    step: Option<&'w str>,
}

/// What can be spoken of at a place, beside the inputs.
#[derive(Clone)]
struct Seen {
    steps: Rc<Fields>,
    item: Option<Type>,
    target: bool,
}

impl Default for Seen {
    fn default() -> Self {
        let steps = Rc::new(Fields { of: "step", ..Fields::default() });
        Self { steps, item: None, target: false }
    }
}

impl Seen {
    fn add(&mut self, steps: impl IntoIterator<Item = (String, Type)>) {
        Rc::make_mut(&mut self.steps).known.extend(steps);
    }
}

impl<'w> Walker<'w> {
    fn scope(&self, seen: &Seen) -> Scope {
        Scope {
            inputs: Rc::clone(&self.inputs),
            steps: Rc::clone(&seen.steps),
            out_of_sight: Rc::clone(&self.out_of_sight),
            item: seen.item.clone(),
            target: seen.target,
            running: true,
        }
    }

    fn inputs_only(&self) -> Scope {
        Scope { inputs: Rc::clone(&self.inputs), ..Scope::default() }
    }

    fn say(&mut self, code: Code, key: &str, message: String, hint: Option<String>) {
        (self.tell)(Told { step: self.step, ..Told::error(code, key, message, hint) });
    }

    fn mistake(&mut self, key: &str, text: &str, from: usize, mistake: Mistake) {
        let range = mistake.range.start + from..mistake.range.end + from;
        (self.tell)(Told {
            step: self.step,
            text: Some(text),
            range: Some(range),
            ..Told::error(mistake.code, key, mistake.message, mistake.hint)
        });
    }

    fn expression(&mut self, key: &str, text: &str, scope: &Scope) -> Type {
        if text.contains("{{") {
            let message = "An expression stands here without `{{` and `}}`.".to_owned();
            self.say(Code::BadExpression, key, message, Some("Leave the braces out.".to_owned()));
            return Type::Any;
        }
        let (kind, mistakes) = types::check(text, scope);
        mistakes.into_iter().for_each(|mistake| self.mistake(key, text, 0, mistake));
        kind
    }

    fn needs_boolean(&mut self, kind: &Type, key: &str, text: &str, what: &str) {
        if !matches!(kind, Type::Any | Type::Boolean) {
            let message =
                format!("{what} must be true or false, but {} is {}.", quoted(text.trim()), kind.words());
            self.say(Code::TypeMismatch, key, message, None);
        }
    }

    fn template(&mut self, key: &str, text: &str, scope: &Scope) {
        let parts = match template::split(text) {
            Ok(parts) => parts,
            Err(refused) => return self.mistake(key, text, 0, refused.into()),
        };
        for part in parts {
            if let Part::Expression { text: expression, at } = part {
                let (_, mistakes) = types::check(expression, scope);
                mistakes.into_iter().for_each(|mistake| self.mistake(key, text, at, mistake));
            }
        }
    }

    /// `show_if` and fetched choices, which speak of the inputs before theirs.
    fn declared(&mut self, inputs: &'w [Input], key: &str) {
        for (index, input) in inputs.iter().enumerate() {
            let key = format!("{key}/{}", input.name);
            if input.show_if.is_none() && !matches!(input.kind, InputKind::Choice { from: Some(_), .. }) {
                continue;
            }
            let (before, after) = inputs.split_at(index);
            let scope = Scope {
                inputs: Rc::new(scope::inputs(before)),
                out_of_sight: Rc::new(
                    after.iter().map(|input| (input.name.clone(), "it is not before this one")).collect(),
                ),
                ..Scope::default()
            };
            if let Some(condition) = &input.show_if {
                let place = format!("{key}/show_if");
                let kind = self.expression(&place, &condition.0, &scope);
                self.needs_boolean(&kind, &place, &condition.0, "`show_if`");
            }
            let InputKind::Choice { from: Some(from), .. } = &input.kind else { continue };
            match from {
                ChoicesFrom::Url { url, .. } => self.template(&format!("{key}/from/url"), &url.0, &scope),
                ChoicesFrom::Runbook { name, output, inputs } => {
                    for (name, template) in inputs {
                        self.template(&format!("{key}/from/inputs/{name}"), &template.0, &scope);
                    }
                    let place = format!("{key}/from/runbook");
                    let Some(called) = self.called(name, &place) else { continue };
                    if called.effect != Effect::Read {
                        let message = format!(
                            "Choices come only from a runbook that reads, but {} has the effect `{}`.",
                            quoted(name),
                            called.effect.name()
                        );
                        self.say(Code::NotReading, &place, message, None);
                    }
                    if !called.outputs.contains_key(output) {
                        let known: Vec<&str> = called.outputs.keys().map(String::as_str).collect();
                        let message =
                            format!("The runbook {} has no output {}.", quoted(name), quoted(output));
                        self.say(
                            Code::UnknownReference,
                            &place,
                            message,
                            Some(hint(output, &known, "outputs")),
                        );
                    }
                    self.given(called, inputs, None, &format!("{key}/from/inputs"), &place);
                }
            }
        }
    }

    /// A stored secret, and a secret input whose file would have the same variable.
    fn not_an_input(&mut self, key: &str, secret: &str) {
        let variable = secret_variable(secret);
        let inputs = Rc::clone(&self.inputs);
        let mut secrets = inputs.known.iter().filter(|(_, kind)| matches!(kind, Type::Secret));
        if let Some((input, _)) = secrets.find(|(input, _)| secret_variable(input) == variable) {
            let message = format!(
                "The stored secret {} and the secret input {} would both be in `{variable}`.",
                quoted(secret),
                quoted(input)
            );
            let hint = "Give the input another name.".to_owned();
            self.say(Code::BadVariable, key, message, Some(hint));
        }
    }

    fn input_is_there(&mut self, key: &str, name: &str) {
        match self.inputs.known.get(name) {
            Some(Type::Secret) => {
                let message = format!("The input {} is a secret, and this would show it.", quoted(name));
                self.say(Code::SecretInExpression, key, message, None);
            }
            Some(_) => {}
            None => {
                let inputs = Rc::clone(&self.inputs);
                let known: Vec<&str> = inputs.known.keys().map(String::as_str).collect();
                let message = format!("There is no input {} here.", quoted(name));
                self.say(Code::UnknownReference, key, message, Some(hint(name, &known, "inputs")));
            }
        }
    }

    /// Steps one after the other: each sees those before it.
    fn list(&mut self, steps: &'w [Step], seen: &mut Seen) -> Vec<(String, Type)> {
        let mut all = Vec::new();
        for step in steps {
            let inside = self.one(step, seen);
            seen.add(inside.iter().cloned());
            all.extend(inside);
        }
        all
    }

    /// Everything in a step, and itself, as it is seen from outside.
    fn one(&mut self, step: &'w Step, seen: &Seen) -> Vec<(String, Type)> {
        let key = format!("steps/{}", self.written);
        self.written += 1;
        self.step = Some(&step.name);
        let mut inner = seen.clone();
        if let Some(each) = &step.for_each {
            let item = match &each.items {
                Items::List(items) => Some(Type::list_of(items.iter().map(Type::of_json))),
                Items::Of(expression) => {
                    let place = format!("{key}/for_each");
                    let kind = self.expression(&place, &expression.0, &self.scope(seen));
                    if !matches!(kind, Type::Any | Type::List(_)) {
                        let message = format!(
                            "`for_each` goes over a list, but {} is {}.",
                            quoted(expression.0.trim()),
                            kind.words()
                        );
                        let hint = matches!(kind, Type::Text | Type::Choice(_)).then(|| {
                            "A text becomes a list by `|lines` or `|split(',')`, one of JSON by a step."
                                .to_owned()
                        });
                        self.say(Code::TypeMismatch, &place, message, hint);
                    }
                    Some(kind)
                }
            };
            inner.item = match item {
                Some(Type::List(element)) => Some(*element),
                _ => Some(Type::Any),
            };
        }
        if let Some(on) = &step.on {
            self.on(on, &format!("{key}/on"));
            inner.target = true;
        }
        let scope = self.scope(&inner);
        if let Some(condition) = &step.condition {
            let place = format!("{key}/if");
            let kind = self.expression(&place, &condition.0, &scope);
            self.needs_boolean(&kind, &place, &condition.0, "`if`");
        }
        for (place, text) in render::each(&step.action) {
            self.template(&format!("{key}/{place}"), text, &scope);
        }
        for name in &step.secrets {
            self.not_an_input(&format!("{key}/secrets/{name}"), name);
        }
        for (name, template) in &step.env {
            self.template(&format!("{key}/env/{name}"), &template.0, &scope);
        }
        if let Some(Template(text)) = &step.dir {
            self.template(&format!("{key}/dir"), text, &scope);
        }
        drop(scope);
        match &step.action {
            StepAction::Manual(manual) => self.declared(&manual.fields, &format!("{key}/fields")),
            StepAction::Runbook { name, inputs, secrets } => self.call(name, inputs, secrets, &key),
            _ => {}
        }
        let own = scope::step(self.outputs(&step.action));
        inner.add([(step.name.clone(), own.clone())]);
        let mut all = match &step.action {
            StepAction::Parallel { branches } => {
                let branches: Vec<_> = branches.iter().map(|branch| self.one(branch, &inner)).collect();
                branches.into_iter().flatten().collect()
            }
            action => self.list(action.inner_steps(), &mut inner),
        };
        if matches!(step.action, StepAction::Parallel { .. }) {
            inner.add(all.iter().cloned());
        }
        all.extend(self.list(&step.on_failure, &mut inner));
        all.push((step.name.clone(), own));
        let times = [step.on.as_ref().map(|_| Times::Targets), step.for_each.as_ref().map(|_| Times::Items)];
        for times in times.into_iter().flatten() {
            all.iter_mut().for_each(|(_, kind)| *kind = scope::repeated(kind, times));
        }
        all
    }

    fn outputs(&self, action: &StepAction) -> Outputs {
        match action {
            StepAction::Run { .. } | StepAction::Command { .. } => Outputs::Any,
            StepAction::Check(check) if matches!(check.subject, CheckSubject::Script { .. }) => Outputs::Any,
            StepAction::Http(request) => Outputs::Only(request.outputs.keys().cloned().collect()),
            StepAction::Manual(manual) => {
                Outputs::Only(manual.fields.iter().map(|field| field.name.clone()).collect())
            }
            StepAction::Runbook { name, .. } => match self.known.runbooks.get(name) {
                Some(called) => Outputs::Only(called.outputs.keys().cloned().collect()),
                None => Outputs::Any,
            },
            StepAction::Check(_)
            | StepAction::Approve { .. }
            | StepAction::Wait(_)
            | StepAction::Parallel { .. }
            | StepAction::Steps { .. } => Outputs::Only(Vec::new()),
        }
    }

    fn on(&mut self, on: &'w On, key: &str) {
        for (label, wanted) in &on.selector {
            if let Match::Input(name) = wanted {
                self.input_is_there(&format!("{key}/where/{label}"), name);
            }
        }
        let Some(inventory) = self.known.inventories.get(&on.inventory) else {
            if self.strict {
                let known: Vec<&str> = self.known.inventories.keys().map(String::as_str).collect();
                let message = format!("There is no inventory {}.", quoted(&on.inventory));
                self.say(
                    Code::UnknownInventory,
                    &format!("{key}/inventory"),
                    message,
                    Some(hint(&on.inventory, &known, "inventories")),
                );
            }
            return;
        };
        let labels: BTreeSet<&str> =
            inventory.targets.iter().flat_map(|target| target.labels.keys().map(String::as_str)).collect();
        for label in on.selector.keys() {
            if !["name", "environment"].contains(&label.as_str()) && !labels.contains(label.as_str()) {
                let known: Vec<&str> =
                    ["name", "environment"].into_iter().chain(labels.iter().copied()).collect();
                let message = format!(
                    "No target of the inventory {} has the label {}.",
                    quoted(&on.inventory),
                    quoted(label)
                );
                self.say(
                    Code::UnknownLabel,
                    &format!("{key}/where/{label}"),
                    message,
                    Some(hint(label, &known, "labels")),
                );
            }
        }
    }

    fn called(&mut self, name: &str, key: &str) -> Option<&'w Runbook> {
        let found = self.known.runbooks.get(name);
        if found.is_none() && self.strict {
            let known: Vec<&str> = self.known.runbooks.keys().map(String::as_str).collect();
            let message = format!("There is no runbook {}.", quoted(name));
            self.say(Code::UnknownRunbook, key, message, Some(hint(name, &known, "runbooks")));
        }
        found
    }

    fn call(
        &mut self,
        name: &str,
        inputs: &'w BTreeMap<String, Template>,
        secrets: &'w BTreeMap<String, String>,
        key: &str,
    ) {
        let place = format!("{key}/runbook");
        for (name, own) in secrets {
            self.secret_is_there(&format!("{key}/inputs/{name}"), own);
        }
        let Some(called) = self.called(name, &place) else {
            if name == self.runbook.name {
                self.cycle(&place, &[]);
            }
            return;
        };
        if let Some(way) = self.way_back(name) {
            return self.cycle(&place, &way);
        }
        self.given(called, inputs, Some(secrets), &format!("{key}/inputs"), &place);
    }

    /// What is handed on by `{input: NAME}`.
    fn secret_is_there(&mut self, key: &str, name: &str) {
        let inputs = Rc::clone(&self.inputs);
        match inputs.known.get(name) {
            Some(Type::Secret) => {}
            Some(_) => {
                let message =
                    format!("The input {} is no secret, and only one is handed on so.", quoted(name));
                let hint = format!("Any other goes by its value: `'{{{{ inputs.{name} }}}}'`.");
                self.say(Code::TypeMismatch, key, message, Some(hint));
            }
            None => {
                let secrets = inputs.known.iter().filter(|(_, kind)| matches!(kind, Type::Secret));
                let secrets: Vec<&str> = secrets.map(|(name, _)| name.as_str()).collect();
                let message = format!("There is no input {} here.", quoted(name));
                self.say(Code::UnknownReference, key, message, Some(hint(name, &secrets, "secret inputs")));
            }
        }
    }

    fn cycle(&mut self, place: &str, way: &[String]) {
        let message = match way {
            [] | [_] => "This runbook calls itself.".to_owned(),
            way => format!("This runbook calls itself, by way of {}.", quoted(&way.join(" → "))),
        };
        self.say(Code::CallCycle, place, message, Some("Repeat steps by `for_each` or `retry`.".to_owned()));
    }

    /// The calls from a runbook back to the one being checked.
    fn way_back(&self, from: &str) -> Option<Vec<String>> {
        let mut open = vec![vec![from.to_owned()]];
        let mut seen = BTreeSet::new();
        while let Some(way) = open.pop() {
            let last = way.last()?;
            if *last == self.runbook.name {
                return Some(way);
            }
            if !seen.insert(last.clone()) {
                continue;
            }
            let Some(runbook) = self.known.runbooks.get(last) else { continue };
            for step in runbook.written_steps() {
                if let StepAction::Runbook { name, .. } = &step.action {
                    open.push(way.iter().cloned().chain([name.clone()]).collect());
                }
            }
        }
        None
    }

    /// What a runbook is called with, held against what it declares. `secrets` are those handed on; none can be where a form
    /// asks it for choices.
    fn given(
        &mut self,
        called: &'w Runbook,
        templates: &BTreeMap<String, Template>,
        secrets: Option<&BTreeMap<String, String>>,
        key: &str,
        place: &str,
    ) {
        let handed = |name: &str| secrets.is_some_and(|secrets| secrets.contains_key(name));
        let way = |name: &str| {
            secrets.map(|_| format!("Hand on a secret input of this runbook: `{name}: {{input: NAME}}`."))
        };
        for name in templates.keys().chain(secrets.into_iter().flat_map(BTreeMap::keys)) {
            let place = format!("{key}/{name}");
            match called.inputs.iter().find(|input| input.name == *name) {
                None => {
                    let known: Vec<&str> = called.inputs.iter().map(|input| input.name.as_str()).collect();
                    let message =
                        format!("The runbook {} has no input {}.", quoted(&called.name), quoted(name));
                    let hint = Some(hint(name, &known, "inputs"));
                    self.say(Code::UnknownReference, &place, message, hint);
                }
                Some(Input { kind: InputKind::Secret, .. }) if !handed(name) => {
                    let message =
                        format!("The input {} is a secret, which no template can give.", quoted(name));
                    self.say(Code::SecretInCall, &place, message, way(name));
                }
                Some(Input { kind, .. }) if handed(name) && *kind != InputKind::Secret => {
                    let message = format!(
                        "The input {} of the runbook {} is no secret, and would show one that is handed on.",
                        quoted(name),
                        quoted(&called.name)
                    );
                    let hint = Some(format!("There it must be `{name}: {{type: secret}}`."));
                    self.say(Code::SecretInCall, &place, message, hint);
                }
                Some(_) => {}
            }
        }
        let given = |name: &String| templates.contains_key(name) || handed(name);
        for input in called.inputs.iter().filter(|input| input.required && input.show_if.is_none()) {
            if given(&input.name) {
                continue;
            }
            let message =
                format!("The runbook {} needs the input {}.", quoted(&called.name), quoted(&input.name));
            match (&input.kind, way(&input.name)) {
                (InputKind::Secret, None) => {
                    let message = format!(
                        "The runbook {} cannot be asked: its input {} is a secret, which no form gives for choices.",
                        quoted(&called.name),
                        quoted(&input.name)
                    );
                    self.say(Code::SecretInCall, place, message, None);
                }
                (InputKind::Secret, way) => self.say(Code::MissingKey, place, message, way),
                _ => {
                    let hint = Some(format!("Give it under `inputs`: `{}: …`.", input.name));
                    self.say(Code::MissingKey, place, message, hint);
                }
            }
        }
    }
}

/// The one that was meant, else all, if they are few.
fn hint(word: &str, known: &[&str], what: &str) -> String {
    match suggest::nearest(word, known.iter().copied()) {
        Some(near) => format!("Did you mean {}?", quoted(near)),
        None if known.is_empty() => format!("There are no {what} at all."),
        None if known.len() > 20 => format!("There are {} other {what}.", known.len()),
        None => suggest::hint(word, known),
    }
}
