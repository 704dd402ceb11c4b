//! The policies that come with the platform.

/// Layer 0: always from the program, never from a store.
pub const LAYER_0: &str = include_str!("../cedar/layer0.cedar");

/// Layer 1 as it is installed at first: documents of the reserved project `platform`, each with its name.
pub const DOCUMENTS: &[(&str, &str)] = &[
    ("guardrails", include_str!("../cedar/guardrails.cedar")),
    ("budget", include_str!("../cedar/budget.cedar")),
    ("grants", include_str!("../cedar/grants.cedar")),
    ("roles", include_str!("../cedar/roles.cedar")),
];

/// The ids of groups that mean something to the shipped policies: nobody can make, rename or retire them.
pub const BUILT_IN_GROUPS: &[&str] = &["root", "security", "auditors", "responders"];
