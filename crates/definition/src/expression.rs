//! The small language of `if:`, `show_if:`, rules and `{{ }}`: an expression over the values of one run.
//!
//! minijinja parses and evaluates; what of its language is ours is decided on its tree, before anything is evaluated: no calls,
//! no statements, a fixed list of filters and tests. Work and size are bounded. A file for each stage:
//!
//! ```text
//! text ─ template ─► syntax ─► engine   values ─► value or text
//!        parts       tree  └─► types    what is declared ─► every mistake that can be known
//! ```

pub(crate) mod engine;
pub(crate) mod filters;
pub(crate) mod scope;
pub(crate) mod syntax;
pub(crate) mod template;
pub(crate) mod types;
