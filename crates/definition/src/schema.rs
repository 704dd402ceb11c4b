//! The JSON Schema of each kind, for editors.

const RUNBOOK: &str = include_str!("../schemas/runbook.json");

/// The schema of a kind, draft 2020-12; the kind in any case.
pub fn schema(kind: &str) -> Option<&'static str> {
    kind.eq_ignore_ascii_case("runbook").then_some(RUNBOOK)
}

#[cfg(test)]
mod tests;
