//! What is wrong with a document, gathered so that one fault never hides another.

use model::api::{Fault, Severity};

use crate::{
    limits::FAULTS_MAX,
    source::{Source, Span},
};

/// Declares the codes once: the enumeration, their stable names and the list of all.
macro_rules! codes {
    ($($variant:ident $name:literal,)*) => {
        /// The kinds of fault. Their names are stable: editors and scripts go by them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Code { $(#[doc = $name] $variant,)* }

        impl Code {
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

codes! {
    // The file and its YAML.
    DocumentTooLarge "document_too_large",
    TooManyDocuments "too_many_documents",
    ControlCharacter "control_character",
    Syntax "syntax",
    TooDeep "too_deep",
    TooManyNodes "too_many_nodes",
    TooManyFaults "too_many_faults",
    Tag "tag",
    Anchor "anchor",
    Alias "alias",
    MergeKey "merge_key",
    ComplexKey "complex_key",
    DuplicateKey "duplicate_key",
    NulCharacter "nul_character",
    NumberOutOfRange "number_out_of_range",
    // The document.
    ForeignDocument "foreign_document",
    NotAMapping "not_a_mapping",
    MissingKind "missing_kind",
    UnknownKind "unknown_kind",
    DuplicateDefinition "duplicate_definition",
    // Any key.
    UnknownKey "unknown_key",
    MissingKey "missing_key",
    WrongType "wrong_type",
    BadName "bad_name",
    BadIdentifier "bad_identifier",
    BadDuration "bad_duration",
    BadSize "bad_size",
    UnknownValue "unknown_value",
    Empty "empty",
    TooMany "too_many",
    OutOfBounds "out_of_bounds",
    // Inputs.
    RequiredWithDefault "required_with_default",
    BadDefault "bad_default",
    OptionsWithoutChoice "options_without_choice",
    DuplicateOption "duplicate_option",
    BadPattern "bad_pattern",
    BadBounds "bad_bounds",
    KeyOfOtherType "key_of_other_type",
    // Steps.
    DuplicateStep "duplicate_step",
    NoAction "no_action",
    SeveralActions "several_actions",
    KeyWithoutMeaning "key_without_meaning",
    TooManyGroups "too_many_groups",
    EffectTooWeak "effect_too_weak",
    UnsafeRetry "unsafe_retry",
    BadUrl "bad_url",
    BadHeader "bad_header",
    BadStatus "bad_status",
    BadPointer "bad_pointer",
    BadVariable "bad_variable",
    BadAddress "bad_address",
    UnknownRunbook "unknown_runbook",
    UnknownInventory "unknown_inventory",
    UnknownService "unknown_service",
    UnknownTeam "unknown_team",
    UnknownEnvironment "unknown_environment",
    UnknownLabel "unknown_label",
    NotReading "not_reading",
    CallCycle "call_cycle",
    SecretInCall "secret_in_call",
    // Services, schedules and what is watched.
    DuplicateItem "duplicate_item",
    DependsOnItself "depends_on_itself",
    DependencyCycle "dependency_cycle",
    BadCron "bad_cron",
    BadMoment "bad_moment",
    UnknownZone "unknown_zone",
    WaitsForPerson "waits_for_person",
    NoProbe "no_probe",
    NoCollector "no_collector",
    // What comes from another tool.
    NotCarriedOver "not_carried_over",
    NameChanged "name_changed",
    // Inventories.
    DuplicateTarget "duplicate_target",
    // Scripts.
    ShellWithoutScript "shell_without_script",
    ShellAndInterpreter "shell_and_interpreter",
    BadShell "bad_shell",
    BadInterpreter "bad_interpreter",
    ScriptArguments "script_arguments",
    BadExpression "bad_expression",
    UnknownReference "unknown_reference",
    TypeMismatch "type_mismatch",
    SecretInExpression "secret_in_expression",
    TemplateInProgram "template_in_program",
    TemplateInList "template_in_list",
    TemplateInSelector "template_in_selector",
    TemplateInScript "template_in_script",
    CommandNamesScript "command_names_script",
    // Files.
    BadPath "bad_path",
    FileMissing "file_missing",
    FileOutside "file_outside",
    FileTooLarge "file_too_large",
    FilesTooLarge "files_too_large",
    TooManyFiles "too_many_files",
    BadGlob "bad_glob",
    GlobWithoutMatch "glob_without_match",
    // The inputs of a run.
    UnknownInput "unknown_input",
    MissingInput "missing_input",
    NotAnOption "not_an_option",
    HiddenInput "hidden_input",
    BadValue "bad_value",
    RuleBroken "rule_broken",
    NoComputedDefault "no_computed_default",
    InputTooLarge "input_too_large",
    InputsTooLarge "inputs_too_large",
}

/// The faults of one file.
pub(crate) struct Faults<'s> {
    pub source: &'s Source<'s>,
    list: Vec<Fault>,
}

/// A fault just told, to which a hint can be added.
pub(crate) struct Told<'f>(&'f mut Fault);

impl Told<'_> {
    pub fn hint(self, hint: impl Into<String>) {
        self.0.hint = Some(hint.into());
    }
}

impl<'s> Faults<'s> {
    pub fn new(source: &'s Source<'s>) -> Self {
        Self { source, list: Vec::new() }
    }

    pub fn error(&mut self, code: Code, span: Span, message: impl Into<String>) -> Told<'_> {
        self.tell(Severity::Error, code, span, message.into())
    }

    pub fn remark(&mut self, code: Code, span: Span, message: impl Into<String>) -> Told<'_> {
        self.tell(Severity::Remark, code, span, message.into())
    }

    /// How many there are: a mark for [`Self::forget`] and [`Self::errors_since`].
    pub fn count(&self) -> usize {
        self.list.len()
    }

    /// Takes back what was told since: it was said of a document that turned out to be none of ours.
    pub fn forget(&mut self, since: usize) {
        self.list.truncate(since);
    }

    pub fn errors_since(&self, since: usize) -> bool {
        self.list.iter().skip(since).any(|fault| fault.severity == Severity::Error)
    }

    /// All of them in the order of the text, with their places.
    pub fn finish(mut self) -> Vec<Fault> {
        self.list.sort_by_key(|fault| fault.offset);
        if self.list.len() > FAULTS_MAX {
            let left = self.list.split_off(FAULTS_MAX);
            let severity = if left.iter().any(|fault| fault.severity == Severity::Error) {
                Severity::Error
            } else {
                Severity::Remark
            };
            let last = left.first().map_or(0, |fault| fault.offset);
            let message = format!("This file has {} more faults, which are not shown.", left.len());
            self.tell(severity, Code::TooManyFaults, Span { start: last, end: last }, message);
        }
        for fault in &mut self.list {
            (fault.line, fault.column) = self.source.place(fault.offset);
        }
        self.list
    }

    fn tell(&mut self, severity: Severity, code: Code, span: Span, message: String) -> Told<'_> {
        let marked = self.source.first_line(span);
        // Places are found at the end: of thousands of faults only the first ones are shown.
        let fault = Fault {
            severity,
            code: code.name().to_owned(),
            path: self.source.path.to_owned(),
            line: 0,
            column: 0,
            offset: marked.start,
            length: marked.end - marked.start,
            message,
            hint: None,
        };
        let at = self.list.len();
        self.list.push(fault);
        Told(&mut self.list[at])
    }
}

/// A text of the document inside a sentence: short, on one line, in backticks.
pub(crate) fn quoted(text: &str) -> String {
    const SHOWN: usize = 60;
    let mut shown: String = text.chars().take(SHOWN).flat_map(visible).collect();
    if text.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    format!("`{shown}`")
}

/// Control characters as escapes: a sentence may end on a terminal.
fn visible(character: char) -> impl Iterator<Item = char> {
    let text = if character.is_control() || is_format(character) {
        character.escape_default().to_string()
    } else {
        character.to_string()
    };
    text.chars().collect::<Vec<_>>().into_iter()
}

/// Characters that turn or hide the text around them (bidirectional controls, zero width, byte order mark).
fn is_format(character: char) -> bool {
    matches!(character, '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{2069}' | '\u{FEFF}')
}

/// `a`, `b` or `c`.
pub(crate) fn listed(names: &[&str], last: &str) -> String {
    match names {
        [] => String::new(),
        [one] => quoted(one),
        [head @ .., tail] => {
            let head: Vec<String> = head.iter().map(|name| quoted(name)).collect();
            format!("{} {last} {}", head.join(", "), quoted(tail))
        }
    }
}
