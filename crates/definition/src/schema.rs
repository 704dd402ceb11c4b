//! The JSON Schema of each kind, for editors.

use crate::read::Kind;

/// The schema of a kind, draft 2020-12; the kind in any case.
pub fn schema(kind: &str) -> Option<&'static str> {
    Kind::ALL.into_iter().find(|known| kind.eq_ignore_ascii_case(known.name())).map(of)
}

fn of(kind: Kind) -> &'static str {
    match kind {
        Kind::Runbook => include_str!("../schemas/runbook.json"),
        Kind::Inventory => include_str!("../schemas/inventory.json"),
        Kind::Team => include_str!("../schemas/team.json"),
        Kind::Service => include_str!("../schemas/service.json"),
        Kind::Schedule => include_str!("../schemas/schedule.json"),
    }
}

#[cfg(test)]
mod tests;
