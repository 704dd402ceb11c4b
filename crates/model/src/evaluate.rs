//! What the state machine asks of the expression language, which lives in the definition room.

use serde_json::Value;

use crate::runbook::{Expression, Template};

/// The expression language: pure, with a limit on work, and no access to anything but the values given.
pub trait Evaluate {
    /// The names of the steps that this expression or template speaks of, so that only their values are gathered.
    fn steps(&self, text: &str) -> Vec<String>;

    /// Does it speak of this name, as `item` or `target`?
    fn mentions(&self, text: &str, name: &str) -> bool;

    /// The value of an expression; in words why it has none.
    ///
    /// # Errors
    /// A value that is not there, a type that does not fit, too much work.
    fn value(&self, expression: &Expression, values: &Value) -> Result<Value, String>;

    /// The text of a template; in words why it has none.
    ///
    /// # Errors
    /// As [`Evaluate::value`].
    fn text(&self, template: &Template, values: &Value) -> Result<String, String>;

    /// Reads the inputs of a called runbook as the types of its declarations; in words what is wrong with them.
    ///
    /// # Errors
    /// Every fault, as one text.
    fn inputs(
        &self,
        declared: &[crate::runbook::Input],
        given: &std::collections::BTreeMap<String, Value>,
    ) -> Result<crate::runbook::InputValues, String>;
}
