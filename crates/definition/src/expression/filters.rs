//! The filters and tests that there are, and what each takes and gives.

use minijinja::{Environment, filters, tests};

use super::types::Type;

/// What a filter may be put behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Takes {
    Anything,
    Text,
    Number,
    /// A number, or a text that is one.
    NumberOrText,
    List,
    /// A text, a list or a mapping.
    Sized,
    /// A text or a list.
    TextOrList,
}

impl Takes {
    /// For a sentence: `needs …`.
    pub fn words(self) -> &'static str {
        match self {
            Self::Anything => "anything",
            Self::Text => "text",
            Self::Number => "a number",
            Self::NumberOrText => "a number or text",
            Self::List => "a list",
            Self::Sized => "text, a list or a mapping",
            Self::TextOrList => "text or a list",
        }
    }

    pub fn fits(self, kind: &Type) -> bool {
        let text = matches!(kind, Type::Text | Type::Choice(_));
        let number = matches!(kind, Type::Integer | Type::Number);
        let list = matches!(kind, Type::List(_));
        *kind == Type::Any
            || match self {
                Self::Anything => true,
                Self::Text => text,
                Self::Number => number,
                Self::NumberOrText => number || text || *kind == Type::Boolean,
                Self::List => list,
                Self::Sized => text || list || matches!(kind, Type::Map(_)),
                Self::TextOrList => text || list,
            }
    }
}

/// What a filter makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gives {
    Text,
    Boolean,
    Integer,
    Number,
    /// What it was put behind.
    Same,
    /// What the list holds.
    Element,
    /// A list of texts.
    Texts,
    Anything,
}

/// Name, what it takes, what it gives.
pub(crate) const FILTERS: [(&str, Takes, Gives); 24] = [
    ("abs", Takes::Number, Gives::Same),
    ("bool", Takes::Anything, Gives::Boolean),
    ("default", Takes::Anything, Gives::Same),
    ("first", Takes::TextOrList, Gives::Element),
    ("float", Takes::NumberOrText, Gives::Number),
    ("int", Takes::NumberOrText, Gives::Integer),
    ("join", Takes::List, Gives::Text),
    ("json", Takes::Anything, Gives::Text),
    ("last", Takes::TextOrList, Gives::Element),
    ("length", Takes::Sized, Gives::Integer),
    ("lines", Takes::Text, Gives::Texts),
    ("list", Takes::Sized, Gives::Anything),
    ("lower", Takes::Text, Gives::Text),
    ("max", Takes::List, Gives::Element),
    ("min", Takes::List, Gives::Element),
    ("replace", Takes::Text, Gives::Text),
    ("round", Takes::Number, Gives::Number),
    ("sort", Takes::List, Gives::Same),
    ("split", Takes::Text, Gives::Texts),
    ("string", Takes::Anything, Gives::Text),
    ("sum", Takes::List, Gives::Number),
    ("trim", Takes::Text, Gives::Text),
    ("unique", Takes::List, Gives::Same),
    ("upper", Takes::Text, Gives::Text),
];

pub(crate) const TESTS: [&str; 15] = [
    "boolean",
    "defined",
    "divisibleby",
    "endingwith",
    "even",
    "in",
    "integer",
    "mapping",
    "none",
    "number",
    "odd",
    "sequence",
    "startingwith",
    "string",
    "undefined",
];

/// An environment that has these, and nothing else.
pub(crate) fn environment() -> Environment<'static> {
    let mut environment = Environment::empty();
    environment.add_filter("abs", filters::abs);
    environment.add_filter("bool", filters::bool);
    environment.add_filter("default", filters::default);
    environment.add_filter("first", filters::first);
    environment.add_filter("float", filters::float);
    environment.add_filter("int", filters::int);
    environment.add_filter("join", filters::join);
    environment.add_filter("json", super::engine::json);
    environment.add_filter("last", filters::last);
    environment.add_filter("length", filters::length);
    environment.add_filter("lines", filters::lines);
    environment.add_filter("list", filters::list);
    environment.add_filter("lower", filters::lower);
    environment.add_filter("max", filters::max);
    environment.add_filter("min", filters::min);
    environment.add_filter("replace", filters::replace);
    environment.add_filter("round", filters::round);
    environment.add_filter("sort", filters::sort);
    environment.add_filter("split", filters::split);
    environment.add_filter("string", filters::string);
    environment.add_filter("sum", filters::sum);
    environment.add_filter("trim", filters::trim);
    environment.add_filter("unique", filters::unique);
    environment.add_filter("upper", filters::upper);
    environment.add_test("boolean", tests::is_boolean);
    environment.add_test("defined", tests::is_defined);
    environment.add_test("divisibleby", tests::is_divisibleby);
    environment.add_test("endingwith", tests::is_endingwith);
    environment.add_test("even", tests::is_even);
    environment.add_test("in", tests::is_in);
    environment.add_test("integer", tests::is_integer);
    environment.add_test("mapping", tests::is_mapping);
    environment.add_test("none", tests::is_none);
    environment.add_test("number", tests::is_number);
    environment.add_test("odd", tests::is_odd);
    environment.add_test("sequence", tests::is_sequence);
    environment.add_test("startingwith", tests::is_startingwith);
    environment.add_test("string", tests::is_string);
    environment.add_test("undefined", tests::is_undefined);
    environment
}
