//! Where the expressions, templates and names of a document are written: what is only known of a whole runbook is told there.

use std::collections::HashMap;

use crate::source::Span;

/// By a key that says what it is: `inputs/region/show_if`, `steps/3/if`. Steps are numbered as `Runbook::written_steps` has them.
#[derive(Debug, Default)]
pub(crate) struct Places(HashMap<String, Span>);

impl Places {
    pub fn put(&mut self, key: impl Into<String>, span: Span) {
        self.0.insert(key.into(), span);
    }

    /// The place of this key, else of the nearest one around it.
    pub fn get(&self, key: &str) -> Option<Span> {
        let mut key = key;
        loop {
            if let Some(span) = self.0.get(key) {
                return Some(*span);
            }
            key = key.rsplit_once('/')?.0;
        }
    }
}
