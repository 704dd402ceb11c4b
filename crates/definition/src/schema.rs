//! The JSON Schema of each kind, for editors.

const RUNBOOK: &str = include_str!("../schemas/runbook.json");
const INVENTORY: &str = include_str!("../schemas/inventory.json");

/// The schema of a kind, draft 2020-12; the kind in any case.
pub fn schema(kind: &str) -> Option<&'static str> {
    [("runbook", RUNBOOK), ("inventory", INVENTORY)]
        .into_iter()
        .find(|(name, _)| kind.eq_ignore_ascii_case(name))
        .map(|(_, schema)| schema)
}

#[cfg(test)]
mod tests;
