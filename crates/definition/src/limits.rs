//! How much of anything is read. Each is a fault with its place, never a wait or a crash.

/// Bytes of one YAML file.
pub const DOCUMENT_MAX: usize = 1024 * 1024;
/// YAML files read together.
pub const DOCUMENTS_MAX: usize = 10_000;
/// Mappings and lists within each other.
pub const DEPTH_MAX: usize = 32;
/// Scalars, mappings and lists of one YAML file.
pub const NODES_MAX: usize = 50_000;
/// Faults told of one YAML file; nobody reads more, and an answer has to hold them.
pub const FAULTS_MAX: usize = 1000;

/// Steps of a runbook.
pub const STEPS_MAX: usize = 1000;
/// Inputs of a runbook.
pub const INPUT_COUNT_MAX: usize = 200;
/// Options of a choice.
pub const OPTIONS_MAX: usize = 1000;
/// Elements of a `command`.
pub const ARGUMENTS_MAX: usize = 1000;

/// Patterns under `files`.
pub const GLOBS_MAX: usize = 200;
/// Bytes of one pattern.
pub const GLOB_MAX: usize = 512;
/// Bytes of one file of a version.
pub const FILE_MAX: u64 = 4 * 1024 * 1024;
/// Bytes of all files of a version.
pub const FILES_MAX_TOTAL: u64 = 16 * 1024 * 1024;
/// Files of a version.
pub const FILES_MAX: usize = 1000;

/// Shortest and longest timeout, in seconds.
pub const TIMEOUT_MIN_S: u64 = 1;
pub const TIMEOUT_MAX_S: u64 = 30 * 24 * 60 * 60;
/// Smallest and largest `output_limit`, in bytes.
pub const OUTPUT_LIMIT_MIN: u64 = 1;
pub const OUTPUT_LIMIT_MAX: u64 = 1024 * 1024 * 1024 * 1024;

/// Integers beyond this, either way, are not the same in every JSON reader.
pub const INTEGER_MAX: i64 = (1 << 53) - 1;

/// Bytes of one expression.
pub const EXPRESSION_MAX: usize = 4096;
/// Parts of an expression within each other.
pub const EXPRESSION_DEPTH_MAX: usize = 64;
/// Pieces of text and expressions of one template.
pub const TEMPLATE_PARTS_MAX: usize = 1000;
/// What one expression may take: about one for each operation, and for each 64 bytes.
pub const FUEL: u64 = 100_000;
/// Bytes that an expression or a template may make.
pub const VALUE_MAX: usize = 1024 * 1024;

/// Bytes of a pattern, and of what it is compiled to.
pub const PATTERN_MAX: usize = 1000;
pub const PATTERN_SIZE_MAX: usize = 1024 * 1024;
/// Lists and mappings within each other of a JSON input.
pub const JSON_DEPTH_MAX: usize = 64;
/// Targets of an inventory.
pub const TARGETS_MAX: usize = 20_000;
/// Labels of a runbook or a target, keys of `where`, variables of a step, headers of a request.
pub const ENTRIES_MAX: usize = 200;
/// Groups within each other. Each takes two of the [`DEPTH_MAX`] lists and mappings.
pub const GROUPS_MAX: usize = 12;
/// Attempts of a step.
pub const ATTEMPTS_MAX: i64 = 100;
/// Items that a step is performed for at once.
pub const WIDTH_MAX: i64 = 1000;
/// Runs with one key at once.
pub const CONCURRENCY_MAX: i64 = 10_000;
/// Rules of a runbook.
pub const RULES_MAX: usize = 200;
/// Steps that a plan shows, and calls inside of calls that it follows; the model refuses more when a run is asked for.
pub const PLANNED_MAX: usize = 20_000;
pub const CALLS_MAX: usize = 8;
/// Least critical tier of a service.
pub const TIER_MAX: i64 = 4;
/// Cron expressions of a schedule.
pub const CRON_MAX: usize = 20;
/// Characters of the reason of a schedule's runs.
pub const REASON_MAX: usize = 4096;
/// Bad slices in a row that make a probe bad.
pub const BAD_AFTER_MAX: i64 = 1000;
/// Signals of a `verify`.
pub const SIGNALS_MAX: usize = 50;
/// Stored secrets of one step, as files and as variables each.
pub const SECRETS_MAX: usize = 50;
