//! From the text of an expression to its tree, if it is one of ours.

use std::ops::Range;

use minijinja::{
    ErrorKind,
    machinery::{self, Span, ast, ast::Expr},
};

use super::filters::{FILTERS, TESTS};
use crate::{
    fault::quoted,
    limits::{EXPRESSION_DEPTH_MAX, EXPRESSION_MAX},
    suggest,
};

/// Why a text is no expression of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub message: String,
    pub hint: Option<String>,
    /// The part of the expression, in bytes.
    pub range: Range<usize>,
}

impl Refused {
    pub fn new(message: impl Into<String>, range: Range<usize>) -> Self {
        Self { message: message.into(), hint: None, range }
    }

    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

pub(crate) use ast::Expr as Tree;

pub(crate) fn range(span: Span) -> Range<usize> {
    span.start_offset as usize..span.end_offset as usize
}

/// All of a part of an expression: the library's place of `a.b` begins at the dot.
pub(crate) fn extent(expr: &Expr<'_>) -> Range<usize> {
    let own = range(expr.span());
    let first = match expr {
        Expr::GetAttr(it) => extent(&it.expr).start,
        Expr::GetItem(it) => extent(&it.expr).start,
        Expr::Slice(it) => extent(&it.expr).start,
        Expr::Filter(it) => it.expr.as_ref().map_or(own.start, |expr| extent(expr).start),
        Expr::Test(it) => extent(&it.expr).start,
        Expr::BinOp(it) => extent(&it.left).start,
        Expr::Compare(it) => extent(&it.expr).start,
        Expr::IfExpr(it) => extent(&it.true_expr).start,
        _ => own.start,
    };
    first.min(own.start)..own.end
}

/// The tree of an expression, every part of which this language has.
pub(crate) fn parse(text: &str) -> Result<Expr<'_>, Refused> {
    let whole = 0..text.len();
    if text.trim().is_empty() {
        return Err(Refused::new("An expression is expected here, but there is none.", whole));
    }
    if text.len() > EXPRESSION_MAX {
        let message =
            format!("This expression has {} bytes, but at most {EXPRESSION_MAX} are read.", text.len());
        return Err(Refused::new(message, whole).hint("Let a step work it out, and read its output."));
    }
    let tree = machinery::parse_expr(text).map_err(|error| unreadable(text, &error))?;
    allowed(&tree, 0)?;
    Ok(tree)
}

fn unreadable(text: &str, error: &minijinja::Error) -> Refused {
    let whole = 0..text.len();
    let place = error.range().filter(|range| range.start < range.end && range.end <= text.len());
    let detail = match error.kind() {
        ErrorKind::SyntaxError => error.detail().unwrap_or("it is no expression"),
        _ => "it is no expression",
    };
    let detail: String = detail.chars().filter(|c| !c.is_control()).take(120).collect();
    let refused = Refused::new(
        format!("This expression cannot be read: {}.", detail.trim_end_matches('.')),
        place.unwrap_or(whole),
    );
    if text.contains("&&") || text.contains("||") || text.trim_start().starts_with('!') {
        return refused.hint("Write `and`, `or` and `not`.");
    }
    if text.contains(" = ") {
        return refused.hint("Values are compared with `==`.");
    }
    refused
}

/// Every child of a part of an expression, in its order.
pub(crate) fn children<'e, 's>(expr: &'e Expr<'s>) -> Vec<&'e Expr<'s>> {
    fn arguments<'e, 's>(args: &'e [ast::CallArg<'s>]) -> impl Iterator<Item = &'e Expr<'s>> {
        args.iter().map(|argument| match argument {
            ast::CallArg::Pos(expr)
            | ast::CallArg::Kwarg(_, expr)
            | ast::CallArg::PosSplat(expr)
            | ast::CallArg::KwargSplat(expr) => expr,
        })
    }
    match expr {
        Expr::Var(_) | Expr::Const(_) => Vec::new(),
        Expr::Slice(it) => [Some(&it.expr), it.start.as_ref(), it.stop.as_ref(), it.step.as_ref()]
            .into_iter()
            .flatten()
            .collect(),
        Expr::UnaryOp(it) => vec![&it.expr],
        Expr::BinOp(it) => vec![&it.left, &it.right],
        Expr::Compare(it) => std::iter::once(&it.expr).chain(it.ops.iter().map(|op| &op.expr)).collect(),
        Expr::IfExpr(it) => {
            [Some(&it.test_expr), Some(&it.true_expr), it.false_expr.as_ref()].into_iter().flatten().collect()
        }
        Expr::Filter(it) => it.expr.iter().chain(arguments(&it.args)).collect(),
        Expr::Test(it) => std::iter::once(&it.expr).chain(arguments(&it.args)).collect(),
        Expr::GetAttr(it) => vec![&it.expr],
        Expr::GetItem(it) => vec![&it.expr, &it.subscript_expr],
        Expr::Call(it) => std::iter::once(&it.expr).chain(arguments(&it.args)).collect(),
        Expr::List(it) => it.items.iter().collect(),
        Expr::Tuple(it) => it.items.iter().collect(),
        Expr::Map(it) => it.keys.iter().chain(&it.values).collect(),
    }
}

fn allowed(expr: &Expr<'_>, depth: usize) -> Result<(), Refused> {
    let place = range(expr.span());
    if depth > EXPRESSION_DEPTH_MAX {
        let message = format!("This expression is more than {EXPRESSION_DEPTH_MAX} parts deep.");
        return Err(Refused::new(message, place).hint("Let a step work it out, and read its output."));
    }
    let no_splat = |args: &[ast::CallArg<'_>]| {
        let splat =
            args.iter().any(|arg| matches!(arg, ast::CallArg::PosSplat(_) | ast::CallArg::KwargSplat(_)));
        if splat {
            Err(Refused::new("`*` before an argument is not part of this language.", place.clone()))
        } else {
            Ok(())
        }
    };
    match expr {
        Expr::Call(_) => {
            return Err(Refused::new("Nothing can be called in an expression.", place)
                .hint("Filters stand behind what they work on: `inputs.name|lower`."));
        }
        Expr::Filter(it) => {
            no_splat(&it.args)?;
            if it.expr.is_none() {
                return Err(Refused::new("A filter must stand behind a value.", place));
            }
            let names = FILTERS.map(|(name, ..)| name);
            if !names.contains(&it.name) {
                let message = format!("There is no filter {}.", quoted(it.name));
                let hint = if it.name == "tojson" {
                    "Write `json`.".to_owned()
                } else {
                    suggest::hint(it.name, &names)
                };
                return Err(Refused::new(message, place).hint(hint));
            }
        }
        Expr::Test(it) => {
            no_splat(&it.args)?;
            if !TESTS.contains(&it.name) {
                let message = format!("There is no test {}.", quoted(it.name));
                return Err(Refused::new(message, place).hint(suggest::hint(it.name, &TESTS)));
            }
        }
        _ => {}
    }
    children(expr).into_iter().try_for_each(|child| allowed(child, depth + 1))
}

/// A name at the root of a chain, and what is read of it as far as that is written out: `steps`, `["build", "outputs"]`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Path<'s> {
    pub root: &'s str,
    pub rest: Vec<String>,
    pub range: Range<usize>,
}

/// All chains of an expression.
pub(crate) fn paths<'s>(expr: &Expr<'s>) -> Vec<Path<'s>> {
    fn visit<'s>(expr: &Expr<'s>, into: &mut Vec<Path<'s>>) {
        if let Some(path) = path(expr) {
            into.push(path);
        } else {
            children(expr).into_iter().for_each(|child| visit(child, into));
        }
    }
    let mut all = Vec::new();
    visit(expr, &mut all);
    all
}

/// The chain that this is, if all of it is written out.
fn path<'s>(expr: &Expr<'s>) -> Option<Path<'s>> {
    match expr {
        Expr::Var(it) => Some(Path { root: it.id, rest: Vec::new(), range: range(it.span()) }),
        Expr::GetAttr(it) => {
            let mut path = path(&it.expr)?;
            path.rest.push(it.name.to_owned());
            path.range.end = range(it.span()).end.max(path.range.end);
            Some(path)
        }
        Expr::GetItem(it) => {
            let Expr::Const(key) = &it.subscript_expr else { return None };
            let key = key.value.as_str()?.to_owned();
            let mut path = path(&it.expr)?;
            path.rest.push(key);
            path.range.end = range(it.span()).end.max(path.range.end);
            Some(path)
        }
        _ => None,
    }
}
