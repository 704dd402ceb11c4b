//! What can be spoken of at a place of a runbook, and what type it has.

use std::{collections::BTreeMap, rc::Rc};

use model::runbook::{Input, InputKind};

use super::types::{Fields, Type};

/// The names at the root.
pub(crate) const ROOTS: [&str; 6] = ["inputs", "steps", "run", "item", "index", "target"];

/// What can be spoken of at a place.
#[derive(Clone, Default)]
pub(crate) struct Scope {
    pub inputs: Rc<Fields>,
    pub steps: Rc<Fields>,
    /// Steps that are there, and why they cannot be spoken of here.
    pub out_of_sight: Rc<BTreeMap<String, &'static str>>,
    /// Of the nearest loop.
    pub item: Option<Type>,
    pub target: bool,
    /// Has anything begun? Not where inputs are read: there are no steps then, and no run.
    pub running: bool,
}

/// What inputs are, once they are read.
pub(crate) fn inputs(inputs: &[Input]) -> Fields {
    let known = inputs.iter().map(|input| (input.name.clone(), of_input(&input.kind))).collect();
    Fields { of: "input", known, ..Fields::default() }
}

fn of_input(kind: &InputKind) -> Type {
    match kind {
        InputKind::String { .. } | InputKind::Text { .. } | InputKind::Date | InputKind::Datetime => {
            Type::Text
        }
        InputKind::Integer { .. } | InputKind::Duration { .. } => Type::Integer,
        InputKind::Number { .. } | InputKind::Percentage => Type::Number,
        InputKind::Boolean => Type::Boolean,
        InputKind::Choice { options, multiple, free, from } => {
            let one = if *free || from.is_some() { Type::Text } else { Type::Choice(options.clone().into()) };
            if *multiple { Type::List(Box::new(one)) } else { one }
        }
        InputKind::List { .. } => Type::List(Box::new(Type::Text)),
        InputKind::Json => Type::Any,
        InputKind::File { .. } => Type::Map(Rc::new(Fields {
            of: "key of a file",
            known: [("file", Type::Text), ("name", Type::Text), ("size", Type::Integer)]
                .map(|(name, kind)| (name.to_owned(), kind))
                .into(),
            ..Fields::default()
        })),
        InputKind::Secret => Type::Secret,
    }
}

/// `target`.
pub(crate) fn target() -> Type {
    let labels = Type::Map(Rc::new(Fields { of: "label", open: Some(Type::Text), ..Fields::default() }));
    Type::Map(Rc::new(Fields {
        of: "key of a target",
        known: [
            ("name", Type::Text),
            ("address", Type::Text),
            ("environment", Type::Text),
            ("labels", labels),
        ]
        .map(|(name, kind)| (name.to_owned(), kind))
        .into(),
        ..Fields::default()
    }))
}

/// `run`.
pub(crate) fn run() -> Type {
    Type::Map(Rc::new(Fields {
        of: "key of a run",
        known: [
            ("id", Type::Text),
            ("runbook", Type::Text),
            ("reason", Type::Any),
            ("requested_by", Type::Text),
        ]
        .map(|(name, kind)| (name.to_owned(), kind))
        .into(),
        ..Fields::default()
    }))
}

/// `steps.NAME` of a step that is performed once. Outputs are texts.
pub(crate) fn step(outputs: Outputs) -> Type {
    let outputs = match outputs {
        Outputs::Any => Fields { of: "output", open: Some(Type::Text), ..Fields::default() },
        Outputs::Only(names) => Fields {
            of: "output",
            known: names.into_iter().map(|name| (name, Type::Text)).collect(),
            ..Fields::default()
        },
    };
    Type::Map(Rc::new(Fields {
        of: "key of a step",
        known: [
            ("state", Type::Text),
            ("outputs", Type::Map(Rc::new(outputs))),
            ("exit_code", Type::Any),
            ("message", Type::Any),
        ]
        .map(|(name, kind)| (name.to_owned(), kind))
        .into(),
        ..Fields::default()
    }))
}

/// Which outputs a step may have.
pub(crate) enum Outputs {
    Any,
    Only(Vec<String>),
}

/// How a step is repeated.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Times {
    Items,
    Targets,
}

/// `steps.NAME` of a repeated step, seen from outside of its loop.
pub(crate) fn repeated(one: &Type, times: Times) -> Type {
    let outputs = match one {
        Type::Map(fields) => match fields.known.get("outputs") {
            Some(Type::Map(outputs)) => Fields {
                of: outputs.of,
                known: outputs
                    .known
                    .iter()
                    .map(|(name, kind)| (name.clone(), Type::List(Box::new(kind.clone()))))
                    .collect(),
                open: outputs.open.clone().map(|kind| Type::List(Box::new(kind))),
            },
            _ => Fields { of: "output", open: Some(Type::Any), ..Fields::default() },
        },
        _ => Fields { of: "output", open: Some(Type::Any), ..Fields::default() },
    };
    let (name, each) = match times {
        Times::Items => ("items", Type::List(Box::new(one.clone()))),
        Times::Targets => (
            "targets",
            Type::Map(Rc::new(Fields { of: "target", open: Some(one.clone()), ..Fields::default() })),
        ),
    };
    Type::Map(Rc::new(Fields {
        of: "key of a repeated step",
        known: [("state", Type::Any), ("outputs", Type::Map(Rc::new(outputs))), (name, each)]
            .map(|(name, kind)| (name.to_owned(), kind))
            .into(),
        ..Fields::default()
    }))
}
