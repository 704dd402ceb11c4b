//! What can be known of an expression without any values: that what it speaks of is there, and that types fit.
//!
//! Only certain mistakes are told. What is not known is [`Type::Any`], which fits everywhere.

use std::{collections::BTreeMap, ops::Range, rc::Rc};

use minijinja::{
    machinery::ast::{self, BinOpKind, CompareOpKind, Expr, UnaryOpKind},
    value::ValueKind,
};

use super::{
    filters::{FILTERS, Gives},
    scope::{self, ROOTS, Scope},
    syntax::{self, Refused, extent},
};
use crate::{
    fault::{Code, listed, quoted},
    suggest,
};

/// The type of a value, as far as it is known.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Type {
    Any,
    Nothing,
    Boolean,
    Integer,
    Number,
    Text,
    /// A text out of these.
    Choice(Rc<[String]>),
    List(Box<Type>),
    Map(Rc<Fields>),
    /// A secret: there, and not to be spoken of.
    Secret,
}

/// What a mapping has.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Fields {
    /// What each of them is: `input`.
    pub of: &'static str,
    pub known: BTreeMap<String, Type>,
    /// The type of any other; none if there is no other.
    pub open: Option<Type>,
}

impl Type {
    /// For a sentence.
    pub fn words(&self) -> &'static str {
        match self {
            Self::Any => "anything",
            Self::Nothing => "none",
            Self::Boolean => "true or false",
            Self::Integer => "an integer",
            Self::Number => "a number",
            Self::Text => "text",
            Self::Choice(_) => "a choice",
            Self::List(_) => "a list",
            Self::Map(_) => "a mapping",
            Self::Secret => "a secret",
        }
    }

    fn is_number(&self) -> bool {
        matches!(self, Self::Integer | Self::Number)
    }

    fn is_text(&self) -> bool {
        matches!(self, Self::Text | Self::Choice(_))
    }

    /// Can a value of one type be equal to one of the other?
    fn comparable(&self, other: &Self) -> bool {
        let any = |kind: &Self| matches!(kind, Self::Any | Self::Nothing | Self::Secret);
        any(self)
            || any(other)
            || self.is_number() && other.is_number()
            || self.is_text() && other.is_text()
            || matches!(
                (self, other),
                (Self::Boolean, Self::Boolean)
                    | (Self::List(_), Self::List(_))
                    | (Self::Map(_), Self::Map(_))
            )
    }

    /// What both are.
    fn or(self, other: Self) -> Self {
        if self == other {
            self
        } else if self.is_number() && other.is_number() {
            Self::Number
        } else if self.is_text() && other.is_text() {
            Self::Text
        } else {
            Self::Any
        }
    }

    /// The type of a JSON value that is written out.
    pub fn of_json(value: &serde_json::Value) -> Self {
        match value {
            serde_json::Value::Null => Self::Nothing,
            serde_json::Value::Bool(_) => Self::Boolean,
            serde_json::Value::Number(number) if number.is_f64() => Self::Number,
            serde_json::Value::Number(_) => Self::Integer,
            serde_json::Value::String(_) => Self::Text,
            serde_json::Value::Array(items) => Self::list_of(items.iter().map(Self::of_json)),
            serde_json::Value::Object(map) => Self::Map(Rc::new(Fields {
                of: "key",
                known: map.iter().map(|(key, value)| (key.clone(), Self::of_json(value))).collect(),
                open: None,
            })),
        }
    }

    /// A list of these.
    pub fn list_of(items: impl Iterator<Item = Self>) -> Self {
        Self::List(Box::new(items.reduce(Self::together).unwrap_or(Self::Any)))
    }

    /// Of elements of one list: a key that only some mappings have may be there.
    fn together(self, other: Self) -> Self {
        match (&self, &other) {
            (Self::Map(one), Self::Map(two)) if one != two => {
                Self::Map(Rc::new(Fields { of: "key", known: BTreeMap::new(), open: Some(Self::Any) }))
            }
            _ => self.or(other),
        }
    }
}

/// A mistake in an expression, and where in it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Mistake {
    pub code: Code,
    pub message: String,
    pub hint: Option<String>,
    pub range: Range<usize>,
}

impl From<Refused> for Mistake {
    fn from(refused: Refused) -> Self {
        Self { code: Code::BadExpression, message: refused.message, hint: refused.hint, range: refused.range }
    }
}

/// The type of an expression, and every mistake in it.
pub(crate) fn check(text: &str, scope: &Scope) -> (Type, Vec<Mistake>) {
    match syntax::parse(text) {
        Err(refused) => (Type::Any, vec![refused.into()]),
        Ok(tree) => {
            let mut checker = Checker { text, scope, mistakes: Vec::new() };
            let kind = checker.infer(&tree);
            (kind, checker.mistakes)
        }
    }
}

struct Checker<'c> {
    text: &'c str,
    scope: &'c Scope,
    mistakes: Vec<Mistake>,
}

impl Checker<'_> {
    fn tell(&mut self, code: Code, expr: &Expr<'_>, message: String, hint: Option<String>) -> Type {
        self.mistakes.push(Mistake { code, message, hint, range: extent(expr) });
        Type::Any
    }

    fn written(&self, expr: &Expr<'_>) -> String {
        quoted(self.text.get(extent(expr)).unwrap_or(self.text).trim())
    }

    fn infer(&mut self, expr: &Expr<'_>) -> Type {
        match expr {
            Expr::Const(it) => constant(&it.value),
            Expr::Var(it) => self.root(expr, it.id),
            Expr::GetAttr(it) => {
                let of = self.infer(&it.expr);
                self.field(expr, &of, it.name)
            }
            Expr::GetItem(it) => self.item(expr, it),
            Expr::Slice(it) => {
                let of = self.infer(&it.expr);
                for bound in [&it.start, &it.stop, &it.step].into_iter().flatten() {
                    let kind = self.infer(bound);
                    self.needs_number(bound, &kind, "A place in a list");
                }
                match of {
                    Type::Choice(_) => Type::Text,
                    other => other,
                }
            }
            Expr::UnaryOp(it) => {
                let kind = self.infer(&it.expr);
                match it.op {
                    UnaryOpKind::Not => {
                        self.needs_boolean(&it.expr, &kind, "`not`");
                        Type::Boolean
                    }
                    UnaryOpKind::Neg => {
                        self.needs_number(&it.expr, &kind, "`-`");
                        kind
                    }
                }
            }
            Expr::BinOp(it) => self.operation(it),
            Expr::Compare(it) => {
                let mut left = &it.expr;
                let mut left_kind = self.infer(left);
                for op in &it.ops {
                    let kind = self.infer(&op.expr);
                    self.compare(op.op, (left, &left_kind), (&op.expr, &kind));
                    (left, left_kind) = (&op.expr, kind);
                }
                Type::Boolean
            }
            Expr::IfExpr(it) => {
                let condition = self.infer(&it.test_expr);
                self.needs_boolean(&it.test_expr, &condition, "`if`");
                let yes = self.infer(&it.true_expr);
                match &it.false_expr {
                    Some(no) => yes.or(self.infer(no)),
                    None => Type::Any,
                }
            }
            Expr::Filter(it) => self.filter(expr, it),
            Expr::Test(it) => {
                let of = self.infer(&it.expr);
                for argument in syntax::children(expr).into_iter().skip(1) {
                    let kind = self.infer(argument);
                    if it.name == "in" {
                        self.compare(CompareOpKind::In, (&it.expr, &of), (argument, &kind));
                    }
                }
                Type::Boolean
            }
            Expr::List(it) => {
                let kinds: Vec<Type> = it.items.iter().map(|item| self.infer(item)).collect();
                Type::list_of(kinds.into_iter())
            }
            Expr::Tuple(it) => {
                let kinds: Vec<Type> = it.items.iter().map(|item| self.infer(item)).collect();
                Type::list_of(kinds.into_iter())
            }
            Expr::Map(_) | Expr::Call(_) => {
                for child in syntax::children(expr) {
                    self.infer(child);
                }
                Type::Map(Rc::new(Fields { of: "key", known: BTreeMap::new(), open: Some(Type::Any) }))
            }
        }
    }

    fn root(&mut self, expr: &Expr<'_>, name: &str) -> Type {
        let scope = self.scope;
        match name {
            "inputs" => return Type::Map(Rc::clone(&scope.inputs)),
            "steps" if scope.running => {
                return Type::Map(Rc::clone(&scope.steps));
            }
            "run" if scope.running => return scope::run(),
            "item" | "index" => {
                if let Some(item) = &scope.item {
                    return if name == "item" { item.clone() } else { Type::Integer };
                }
                let message =
                    format!("`{name}` is only there where a step or a group around it has `for_each`.");
                return self.tell(Code::UnknownReference, expr, message, None);
            }
            "target" => {
                if scope.target {
                    return scope::target();
                }
                let message = "`target` is only there where a step or a group around it has `on`.".to_owned();
                return self.tell(Code::UnknownReference, expr, message, None);
            }
            "steps" | "run" => {
                let message = format!("`{name}` is not there where inputs are read: nothing has begun.");
                return self.tell(Code::UnknownReference, expr, message, None);
            }
            _ => {}
        }
        let hint = if scope.inputs.known.contains_key(name) {
            format!("Did you mean `inputs.{name}`?")
        } else if scope.steps.known.contains_key(name) {
            format!("Did you mean `steps.{name}`?")
        } else {
            suggest::hint(name, &ROOTS)
        };
        let message = format!("There is nothing of the name {} here.", quoted(name));
        self.tell(Code::UnknownReference, expr, message, Some(hint))
    }

    fn field(&mut self, expr: &Expr<'_>, of: &Type, name: &str) -> Type {
        match of {
            Type::Any => Type::Any,
            Type::Map(fields) => match (fields.known.get(name), &fields.open) {
                (Some(Type::Secret), _) => {
                    let message =
                        format!("The input {} is a secret, and expressions never see one.", quoted(name));
                    let hint = format!(
                        "Steps read it from the file that `$SECRET_{}_FILE` names.",
                        name.to_ascii_uppercase()
                    );
                    self.tell(Code::SecretInExpression, expr, message, Some(hint))
                }
                (Some(kind), _) => kind.clone(),
                (None, Some(kind)) => kind.clone(),
                (None, None) => self.unknown(expr, fields, name),
            },
            other => {
                let message = format!("There is no {} in {}.", quoted(name), other.words());
                self.tell(Code::UnknownReference, expr, message, None)
            }
        }
    }

    fn unknown(&mut self, expr: &Expr<'_>, fields: &Fields, name: &str) -> Type {
        if fields.of == "step"
            && let Some(why) = self.scope.out_of_sight.get(name)
        {
            let message = format!("The step {} cannot be spoken of here: {why}.", quoted(name));
            return self.tell(Code::UnknownReference, expr, message, None);
        }
        if fields.of == "input"
            && let Some(why) = self.scope.out_of_sight.get(name).filter(|_| !self.scope.running)
        {
            let message = format!("The input {} cannot be spoken of here: {why}.", quoted(name));
            return self.tell(Code::UnknownReference, expr, message, None);
        }
        let known: Vec<&str> = fields.known.keys().map(String::as_str).collect();
        let message = format!("There is no {} {} here.", fields.of, quoted(name));
        let hint = match known.is_empty() {
            true => format!("There is no {} at all.", fields.of),
            false if known.len() > 20 => {
                let near = suggest::nearest(name, known.iter().copied());
                return self.tell(
                    Code::UnknownReference,
                    expr,
                    message,
                    near.map(|near| format!("Did you mean {}?", quoted(near))),
                );
            }
            false => suggest::hint(name, &known),
        };
        self.tell(Code::UnknownReference, expr, message, Some(hint))
    }

    fn item(&mut self, expr: &Expr<'_>, it: &ast::GetItem<'_>) -> Type {
        let of = self.infer(&it.expr);
        if let Expr::Const(key) = &it.subscript_expr
            && let Some(name) = key.value.as_str()
        {
            return self.field(expr, &of, name);
        }
        let key = self.infer(&it.subscript_expr);
        match &of {
            Type::Map(fields) if ["input", "step"].contains(&fields.of) => {
                let message = format!("Which {} is meant must be written out.", fields.of);
                self.tell(Code::UnknownReference, expr, message, None)
            }
            Type::List(element) => {
                self.needs_number(&it.subscript_expr, &key, "A place in a list");
                (**element).clone()
            }
            Type::Map(fields) => match &fields.open {
                Some(open) if fields.known.is_empty() => open.clone(),
                _ => Type::Any,
            },
            kind if kind.is_text() => Type::Text,
            Type::Any => Type::Any,
            other => {
                let message = format!("{} is {}, which has no parts.", self.written(&it.expr), other.words());
                self.tell(Code::TypeMismatch, expr, message, None)
            }
        }
    }

    fn needs_boolean(&mut self, expr: &Expr<'_>, kind: &Type, what: &str) {
        if !matches!(kind, Type::Any | Type::Boolean) {
            let message =
                format!("{what} needs true or false, but {} is {}.", self.written(expr), kind.words());
            let hint = match kind {
                kind if kind.is_text() => {
                    Some(format!("Compare it: {} == '…'.", self.written(expr)).replace('`', ""))
                }
                Type::List(_) => Some("Ask for its length: `…|length > 0`.".to_owned()),
                _ => None,
            };
            self.tell(Code::TypeMismatch, expr, message, hint);
        }
    }

    fn needs_number(&mut self, expr: &Expr<'_>, kind: &Type, what: &str) {
        if *kind == Type::Any || kind.is_number() {
            return;
        }
        let message = format!("{what} needs a number, but {} is {}.", self.written(expr), kind.words());
        let hint =
            kind.is_text().then(|| "A text that is a number becomes one by `|int` or `|float`.".to_owned());
        self.tell(Code::TypeMismatch, expr, message, hint);
    }

    fn operation(&mut self, it: &ast::BinOp<'_>) -> Type {
        let left = self.infer(&it.left);
        let right = self.infer(&it.right);
        let compared = match it.op {
            BinOpKind::Eq => Some(CompareOpKind::Eq),
            BinOpKind::Ne => Some(CompareOpKind::Ne),
            BinOpKind::Lt => Some(CompareOpKind::Lt),
            BinOpKind::Lte => Some(CompareOpKind::Lte),
            BinOpKind::Gt => Some(CompareOpKind::Gt),
            BinOpKind::Gte => Some(CompareOpKind::Gte),
            BinOpKind::In => Some(CompareOpKind::In),
            _ => None,
        };
        if let Some(op) = compared {
            self.compare(op, (&it.left, &left), (&it.right, &right));
            return Type::Boolean;
        }
        match it.op {
            BinOpKind::ScAnd | BinOpKind::ScOr => {
                let what = if matches!(it.op, BinOpKind::ScAnd) { "`and`" } else { "`or`" };
                self.needs_boolean(&it.left, &left, what);
                self.needs_boolean(&it.right, &right, what);
                Type::Boolean
            }
            BinOpKind::Concat => Type::Text,
            BinOpKind::Add => match (&left, &right) {
                (Type::List(one), Type::List(two)) => {
                    Type::List(Box::new((**one).clone().or((**two).clone())))
                }
                (one, two) if one.is_text() && two.is_text() => {
                    let message = "`+` adds numbers, but both sides are text.".to_owned();
                    let range = extent(&it.left).start..extent(&it.right).end;
                    let hint = Some("Texts are put together with `~`.".to_owned());
                    self.mistakes.push(Mistake { code: Code::TypeMismatch, message, hint, range });
                    Type::Text
                }
                _ => self.arithmetic(it, &left, &right),
            },
            _ => self.arithmetic(it, &left, &right),
        }
    }

    fn arithmetic(&mut self, it: &ast::BinOp<'_>, left: &Type, right: &Type) -> Type {
        self.needs_number(&it.left, left, "Arithmetic");
        self.needs_number(&it.right, right, "Arithmetic");
        match (it.op, left, right) {
            (BinOpKind::Div, ..) => Type::Number,
            (_, Type::Integer, Type::Integer) => Type::Integer,
            (_, left, right) if left.is_number() && right.is_number() => Type::Number,
            _ => Type::Any,
        }
    }

    fn compare(&mut self, op: CompareOpKind, left: (&Expr<'_>, &Type), right: (&Expr<'_>, &Type)) {
        match op {
            CompareOpKind::Eq | CompareOpKind::Ne => {
                if left.1.comparable(right.1) {
                    self.is_option(left.1, right.0);
                    self.is_option(right.1, left.0);
                } else {
                    self.never(left, right, "are never equal");
                }
            }
            CompareOpKind::In | CompareOpKind::NotIn => match right.1 {
                Type::List(element) => {
                    if !left.1.comparable(element) {
                        self.never(left, (right.0, element), "are never equal");
                    } else if let Expr::List(list) = right.0 {
                        list.items.iter().for_each(|item| self.is_option(left.1, item));
                    } else {
                        self.is_option(element, left.0);
                    }
                }
                Type::Any | Type::Map(_) => {}
                kind if kind.is_text() => {
                    if !left.1.comparable(&Type::Text) {
                        self.never(left, right, "do not go together");
                    }
                }
                other => {
                    let message = format!(
                        "`in` needs a list or text, but {} is {}.",
                        self.written(right.0),
                        other.words()
                    );
                    self.tell(Code::TypeMismatch, right.0, message, None);
                }
            },
            CompareOpKind::Lt | CompareOpKind::Lte | CompareOpKind::Gt | CompareOpKind::Gte => {
                let ordered = |kind: &Type| *kind == Type::Any || kind.is_number() || kind.is_text();
                if !left.1.comparable(right.1) || !ordered(left.1) || !ordered(right.1) {
                    self.never(left, right, "have no order");
                }
            }
        }
    }

    fn never(&mut self, left: (&Expr<'_>, &Type), right: (&Expr<'_>, &Type), what: &str) {
        let message = format!(
            "{} is {} and {} is {}: they {what}.",
            self.written(left.0),
            left.1.words(),
            self.written(right.0),
            right.1.words()
        );
        let numbers = left.1.is_number() && right.1.is_text() || left.1.is_text() && right.1.is_number();
        let hint = numbers.then(|| {
            "A number stands without quotes; a text that is one becomes one by `|int` or `|float`.".to_owned()
        });
        let range = extent(left.0).start..extent(right.0).end;
        self.mistakes.push(Mistake { code: Code::TypeMismatch, message, hint, range });
    }

    /// A text that a choice is compared with has to be one of its options.
    fn is_option(&mut self, choice: &Type, expr: &Expr<'_>) {
        let Type::Choice(options) = choice else { return };
        let Expr::Const(it) = expr else { return };
        let Some(text) = it.value.as_str() else { return };
        if !options.iter().any(|option| option == text) {
            let known: Vec<&str> = options.iter().map(String::as_str).take(20).collect();
            let hint = match suggest::nearest(text, known.iter().copied()) {
                Some(near) => format!("Did you mean {}?", quoted(near)),
                None => format!("Its options are {}.", listed(&known, "and")),
            };
            let message = format!("{} is none of the options of this choice.", quoted(text));
            self.tell(Code::TypeMismatch, expr, message, Some(hint));
        }
    }

    fn filter(&mut self, expr: &Expr<'_>, it: &ast::Filter<'_>) -> Type {
        let mut kinds: Vec<Type> =
            syntax::children(expr).into_iter().map(|child| self.infer(child)).collect();
        if kinds.is_empty() {
            return Type::Any;
        }
        let of = kinds.remove(0);
        let Some((name, takes, gives)) = FILTERS.iter().find(|(name, ..)| *name == it.name) else {
            return Type::Any;
        };
        if !takes.fits(&of) {
            let on = it.expr.as_ref().map(|on| self.written(on)).unwrap_or_default();
            let message = format!("The filter `{name}` needs {}, but {on} is {}.", takes.words(), of.words());
            let hint = (*name == "round" || *name == "abs")
                .then(|| "A text that is a number becomes one by `|int` or `|float`.".to_owned())
                .filter(|_| of.is_text());
            return self.tell(Code::TypeMismatch, expr, message, hint);
        }
        if *name == "default" {
            return match kinds.into_iter().next() {
                Some(other) => of.or(other),
                None => of,
            };
        }
        match gives {
            Gives::Text => Type::Text,
            Gives::Boolean => Type::Boolean,
            Gives::Integer => Type::Integer,
            Gives::Number => Type::Number,
            Gives::Same => of,
            Gives::Element => match of {
                Type::List(element) => *element,
                kind if kind.is_text() => Type::Text,
                _ => Type::Any,
            },
            Gives::Texts => Type::List(Box::new(Type::Text)),
            Gives::Anything => Type::Any,
        }
    }
}

fn constant(value: &minijinja::Value) -> Type {
    match value.kind() {
        ValueKind::None => Type::Nothing,
        ValueKind::Bool => Type::Boolean,
        ValueKind::Number if value.is_integer() => Type::Integer,
        ValueKind::Number => Type::Number,
        ValueKind::String => Type::Text,
        _ => Type::Any,
    }
}
