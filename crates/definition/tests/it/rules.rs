//! Rules that are best seen one at a time, and what a fixture cannot show.

use definition::{Code, Kind, SourceText, limits, read, schema};
use model::{
    api::Severity,
    definition::Compiled,
    runbook::{Effect, InputKind, InputValue, OUTPUT_LIMIT_DEFAULT, Script, StepAction},
    schedule::{CatchUp, Overlap, When},
    service::Lifecycle,
    watch::{Probe, Signal},
};

use crate::repository::{codes, listing, read_one, sound, with_step, with_top};

fn action(step: &str) -> StepAction {
    sound(&with_step(step)).runbook().unwrap().clone().steps.remove(0).action
}

fn body(interpreter: &[&str], text: &str) -> StepAction {
    let interpreter = interpreter.iter().map(|word| (*word).to_owned()).collect();
    StepAction::Run { interpreter, script: Script::Body(text.to_owned()) }
}

#[test]
fn what_is_not_written_has_its_default() {
    let definition =
        sound("kind: Runbook\nname: x\ninputs: {a: {type: string}}\nsteps: [{run: echo}, {run: echo}]\n");
    let runbook = definition.runbook().unwrap();
    assert_eq!(runbook.output_limit, OUTPUT_LIMIT_DEFAULT);
    assert_eq!(runbook.timeout_s, None);
    assert_eq!(runbook.effect, Effect::Change);
    assert_eq!((runbook.steps[0].name.as_str(), runbook.steps[1].name.as_str()), ("step_1", "step_2"));
    assert_eq!(runbook.steps[0].effect, Effect::Change);
    assert!(!runbook.inputs[0].required);
    assert_eq!(runbook.inputs[0].default, None);
    let written = serde_json::json!({
        "kind": "Runbook", "name": "x", "inputs": {"a": {"type": "string"}}, "steps": [{"run": "echo"}, {"run": "echo"}],
    });
    assert_eq!(definition.document, written, "defaults are not part of the document");
}

#[test]
fn the_effect_of_a_runbook_is_the_strongest_of_its_steps() {
    for (effects, strongest) in [
        ("[{run: a, effect: read}, {run: b, effect: read}]", Effect::Read),
        ("[{run: a, effect: read}, {run: b}]", Effect::Change),
        ("[{run: a, effect: irreversible}, {run: b, effect: read}]", Effect::Irreversible),
    ] {
        let text = format!("kind: Runbook\nname: x\nsteps: {effects}\n");
        assert_eq!(sound(&text).runbook().unwrap().clone().effect, strongest, "{effects}");
    }
}

#[test]
fn the_interpreter_is_named_by_the_script_else_by_shell_else_it_is_sh() {
    assert_eq!(action("run: echo"), body(&["/bin/sh", "-e"], "echo"));
    assert_eq!(action("run: echo\nshell: bash  -e -u"), body(&["bash", "-e", "-u"], "echo"));
    let script = "#! /usr/bin/env  python3 -u\nprint()\n";
    assert_eq!(
        action("run: |\n  #! /usr/bin/env  python3 -u\n  print()"),
        body(&["/usr/bin/env", "python3 -u"], script),
        "all the rest of the line is one argument"
    );
    let file = |words: &[&str]| StepAction::Run {
        interpreter: words.iter().map(|word| (*word).to_owned()).collect(),
        script: Script::File("scripts/drain.py".to_owned()),
    };
    assert_eq!(action("run: ./scripts/drain.py"), file(&["/bin/sh", "-e"]));
    assert_eq!(action("run: ./scripts/drain.py\nshell: python3"), file(&["python3"]));
}

#[test]
fn only_one_line_that_begins_with_a_dot_and_a_slash_names_a_file() {
    for script in [
        "run: |\n  ./scripts/drain.py\n  echo",
        "run: scripts/drain.py",
        "run: '. ./scripts/drain.py'",
        "run: ../x",
    ] {
        assert!(matches!(action(script), StepAction::Run { script: Script::Body(_), .. }), "{script}");
    }
    for script in
        ["run: ./scripts/drain.py", "run: |\n  ./scripts/drain.py", "run: './scripts/with blank.sh'"]
    {
        assert!(matches!(action(script), StepAction::Run { script: Script::File(_), .. }), "{script}");
    }
}

#[test]
fn files_are_scripts_and_matches_sorted_and_once() {
    let text = "kind: Runbook\nname: x\nfiles: [templates/*, 'lib/**', scripts/drain.py]\n\
                steps: [{run: ./scripts/drain.py}, {run: ./scripts/restart.sh}, {run: ./scripts/drain.py}]\n";
    let expected = [
        "lib/shop/cart.py",
        "lib/shop/price.py",
        "scripts/drain.py",
        "scripts/restart.sh",
        "templates/mail.txt",
    ];
    assert_eq!(sound(text).files, expected);
}

#[test]
fn a_star_stops_at_a_folder() {
    assert_eq!(codes(&with_top("files: [lib/*.py]")), ["glob_without_match"]);
    assert_eq!(sound(&with_top("files: ['lib/*/*.py']")).files.len(), 2);
}

#[test]
fn inputs_keep_their_order_and_their_types() {
    let text = with_top(
        "inputs:\n  zeta: {type: integer, default: -5}\n  alpha: {type: choice, options: [no, b], default: no}",
    );
    let inputs = sound(&text).runbook().unwrap().clone().inputs;
    assert_eq!((inputs[0].name.as_str(), &inputs[0].default), ("zeta", &Some(InputValue::Integer(-5))));
    assert_eq!(
        inputs[1].kind,
        InputKind::Choice {
            options: vec!["no".to_owned(), "b".to_owned()],
            multiple: false,
            free: false,
            from: None
        }
    );
    assert_eq!(inputs[1].default, Some(InputValue::Text("no".to_owned())));
}

#[test]
fn another_tools_document_is_passed_over_whatever_is_wrong_with_it() {
    let deep = format!("{}1{}", "[".repeat(60), "]".repeat(60));
    let foreign = format!(
        "apiVersion: v1\nkind: !custom List\nkind: again\nbase: &a {{x: 1}}\nuse: *a\ndeep: {deep}\n"
    );
    let text =
        format!("{foreign}---\nkind: Runbook\nname: x\nsteps: [{{run: echo}}]\n---\nb: !t 1\n{foreign}");
    let reading = read_one(&text);
    let told: Vec<_> = reading.faults.iter().map(|f| (f.severity, f.code.as_str(), f.line)).collect();
    assert_eq!(told, [(Severity::Remark, "foreign_document", 1), (Severity::Remark, "foreign_document", 13)]);
    assert!(!reading.has_errors());
    assert_eq!(reading.definitions.len(), 1);
    assert_eq!(reading.definitions[0].line, 8);
    assert_eq!(reading.definitions[0].text, "---\nkind: Runbook\nname: x\nsteps: [{run: echo}]\n");
}

#[test]
fn apiversion_further_down_belongs_to_nobody() {
    assert_eq!(codes("kind: Runbook\nname: x\nsteps: [{run: echo, apiVersion: v1}]\n"), ["unknown_key"]);
}

#[test]
fn nothing_is_said_of_empty_documents() {
    for text in ["", "\n\n", "# a comment\n", "---\n", "---\n---\n# x\n...\n", "\u{FEFF}"] {
        let reading = read_one(text);
        assert_eq!((reading.faults, reading.definitions), (vec![], vec![]), "{text:?}");
    }
}

#[test]
fn the_same_name_twice_is_told_with_both_places() {
    let one = "kind: Runbook\nname: same\nsteps: [{run: echo}]\n";
    let two = "kind: Runbook\nname: other\nsteps: [{run: echo}]\n---\nkind: Runbook\nname: same\nsteps: [{rum: echo}]\n";
    let reading = read(
        &[SourceText { path: "a.yaml", text: one }, SourceText { path: "b/c.yaml", text: two }],
        &listing(),
    );
    let names: Vec<_> = reading.definitions.iter().map(|d| (d.path.as_str(), d.name.as_str())).collect();
    assert_eq!(names, [("a.yaml", "same"), ("b/c.yaml", "other")]);
    let fault = reading.faults.iter().find(|fault| fault.code == "duplicate_definition").unwrap();
    assert_eq!((fault.path.as_str(), fault.line, fault.column), ("b/c.yaml", 6, 7));
    assert_eq!(
        fault.message,
        "The name `same` is taken: a.yaml:2 and b/c.yaml:6 are both a Runbook of that name."
    );
    assert!(
        reading.faults.iter().any(|fault| fault.code == "unknown_key"),
        "one fault does not hide another"
    );
}

#[test]
fn faults_stand_in_the_order_of_their_places() {
    let bad = "kind: Runbook\nname: X\nsteps: [{rum: echo}]\ntiemout: 1s\n";
    let reading = read(
        &[SourceText { path: "b.yaml", text: bad }, SourceText { path: "a.yaml", text: bad }],
        &listing(),
    );
    let places: Vec<_> = reading.faults.iter().map(|f| (f.path.clone(), f.line, f.column)).collect();
    let mut sorted = places.clone();
    sorted.sort();
    assert_eq!(places, sorted);
    assert_eq!(places.len(), 8);
}

#[test]
fn a_broken_file_yields_no_definition_and_hides_no_other_file() {
    let broken = "kind: Runbook\nname: a\nsteps: [{run: echo}]\n---\n[";
    let whole = "kind: Runbook\nname: b\nsteps: [{run: echo}]\n";
    let files = [SourceText { path: "a.yaml", text: broken }, SourceText { path: "b.yaml", text: whole }];
    let reading = read(&files, &listing());
    assert_eq!(reading.faults.len(), 1);
    assert_eq!(reading.faults[0].code, "syntax");
    assert_eq!(reading.definitions.len(), 1);
    assert_eq!(reading.definitions[0].name, "b");
}

/// The parser counts characters in its own way; none of these may throw it off.
#[test]
fn places_are_right_after_anything() {
    for before in [
        "",
        "\u{feff}",
        "# ä 😀 é\n",
        "title: 'ä 😀'\n",
        "title: \"\\u00e4 ä\"\n",
        "description: |\n  ä\n\n  😀\n",
        "description: >-\n  ä\n  ö\n\n\n",
        "title: ä # ö\r\n\r\n",
        "title: [ä,\n  ö] # €\n",
        "? title\n: ä\n",
        "# \u{85}\u{2028}\n",
        "--- # ä\n",
    ] {
        let text = format!("{before}kind: Runbook\nname: x\nsteps: [{{run: ä, colour: 1}}]\n");
        let reading = read_one(&text);
        let fault = reading.faults.iter().find(|fault| fault.code == "unknown_key");
        let fault = fault.unwrap_or_else(|| panic!("{before:?}: {:?}", reading.faults));
        assert_eq!(&text[fault.offset..fault.offset + fault.length], "colour", "{before:?}");
        assert_eq!(fault.column, 18, "{before:?}");
        assert_eq!(fault.line, text.matches('\n').count(), "{before:?}");
    }
}

#[test]
fn control_characters_are_refused_and_escapes_of_them_are_text() {
    for control in ["\0", "\u{7}", "\u{1b}", "\u{7f}", "\u{9f}"] {
        let text = with_top(&format!("# c\ntitle: ä{control}b"));
        let reading = read_one(&text);
        assert_eq!(reading.faults.len(), 1, "{control:?}");
        assert_eq!(reading.faults[0].code, Code::ControlCharacter.name());
        assert_eq!((reading.faults[0].line, reading.faults[0].column), (4, 9));
    }
    assert_eq!(codes(&with_top(r#"title: "a\0b""#)), ["nul_character"]);
    assert_eq!(
        sound(&with_top(r#"title: "a\e[0m""#)).runbook().unwrap().clone().title.as_deref(),
        Some("a\u{1b}[0m")
    );
}

#[test]
fn templates_in_scripts_are_remarked_where_they_stand() {
    for template in [
        "{{ inputs.region }}",
        "{{inputs.region}}",
        "${{ inputs.region }}",
        "@option.region@",
        "${option.region}",
    ] {
        let text = with_step(&format!("run: |\n  # ä\n  echo {template}"));
        let reading = read_one(&text);
        assert_eq!(reading.faults.len(), 1, "{template}");
        let fault = &reading.faults[0];
        assert_eq!((fault.severity, fault.code.as_str()), (Severity::Remark, "template_in_script"));
        assert_eq!((fault.line, fault.column), (6, 12), "{template}");
        assert_eq!(reading.definitions.len(), 1);
    }
    sound(&with_step("run: docker ps --format '{{.Names}}'"));
}

#[test]
fn a_command_that_names_a_script_of_the_runbook_is_remarked() {
    assert_eq!(codes(&with_step("command: [./scripts/drain.py, --now]")), ["command_names_script"]);
    sound(&with_step("command: [./elsewhere]"));
}

#[test]
fn as_many_as_the_limit_and_not_one_more() {
    let steps = |n| format!("kind: Runbook\nname: x\nsteps: [{}]\n", vec!["{run: a}"; n].join(", "));
    assert_eq!(sound(&steps(limits::STEPS_MAX)).runbook().unwrap().clone().steps.len(), limits::STEPS_MAX);
    assert_eq!(codes(&steps(limits::STEPS_MAX + 1)), ["too_many"]);

    let inputs = |n| {
        with_top(&format!(
            "inputs:\n{}",
            (0..n).map(|i| format!("  a{i}: {{type: string}}\n")).collect::<String>()
        ))
    };
    sound(&inputs(limits::INPUT_COUNT_MAX));
    assert_eq!(codes(&inputs(limits::INPUT_COUNT_MAX + 1)), ["too_many"]);

    let options = |n| {
        let options: Vec<String> = (0..n).map(|i| format!("o{i}")).collect();
        with_top(&format!("inputs: {{a: {{type: choice, options: [{}]}}}}", options.join(", ")))
    };
    sound(&options(limits::OPTIONS_MAX));
    assert_eq!(codes(&options(limits::OPTIONS_MAX + 1)), ["too_many"]);

    let command = |n| with_step(&format!("command: [{}]", vec!["a"; n].join(", ")));
    sound(&command(limits::ARGUMENTS_MAX));
    assert_eq!(codes(&command(limits::ARGUMENTS_MAX + 1)), ["too_many"]);

    let default = |n| with_top(&format!("inputs: {{a: {{type: string, default: {}}}}}", "d".repeat(n)));
    sound(&default(model::runbook::INPUT_MAX));
    assert_eq!(codes(&default(model::runbook::INPUT_MAX + 1)), ["input_too_large"]);

    let timeout = |text| with_top(&format!("timeout: {text}"));
    assert_eq!(sound(&timeout("30d")).runbook().unwrap().clone().timeout_s, Some(limits::TIMEOUT_MAX_S));
    assert_eq!(codes(&timeout("30d1s")), ["bad_duration"]);
}

#[test]
fn the_schema_is_found_by_its_kind_in_any_case() {
    for kind in Kind::ALL {
        assert!(schema(kind.name()).is_some_and(|text| text.contains(kind.name())));
    }
    assert_eq!(schema("Runbook"), schema("RUNBOOK"));
    assert_eq!(schema("slo"), None);
}

#[test]
fn what_is_not_written_of_services_schedules_and_probes_has_its_default() {
    let Compiled::Service(service) = sound("kind: Service\nname: shop\nowner: web\n").compiled else {
        panic!("a service")
    };
    assert_eq!((service.operator(), service.tier), (Some("web"), None));
    assert_eq!(
        (service.lifecycle, service.environments.as_slice()),
        (Lifecycle::Production, &["production".to_owned()][..])
    );

    let Compiled::Schedule(schedule) =
        sound("kind: Schedule\nname: x\nrunbook: y\ncron: 0 3 * * *\n").compiled
    else {
        panic!("a schedule")
    };
    assert_eq!(
        (schedule.catch_up, schedule.overlap, schedule.jitter_s),
        (CatchUp::None, Overlap::Forbid, None)
    );
    let zone = "UTC".to_owned();
    assert_eq!(schedule.when, When::Cron { expressions: vec!["0 3 * * *".to_owned()], zone });

    let runbook = |lines: &str| {
        let text =
            format!("kind: Runbook\nname: x\nservice: shop\nsteps: [{{run: echo, effect: read}}]\n{lines}\n");
        sound(&text).runbook().unwrap().clone()
    };
    let expected = Probe {
        service: "shop".into(),
        environment: "production".into(),
        every_s: 30,
        bad_after: 1,
        stale_after_s: 90,
    };
    assert_eq!(runbook("probe: {every: 30s}").probe, Some(expected.clone()));
    let staging = runbook("environment: staging\nprobe: {every: 30s}").probe;
    assert_eq!(staging, Some(Probe { environment: "staging".into(), ..expected }));
    let verify = runbook("verify: {within: 1m, all: [{fact: version, equals: 2}]}").verify.unwrap();
    let (service, environment, key) = ("shop".into(), "production".into(), "version".into());
    assert_eq!(verify.all, [Signal::Fact { service, environment, key, equals: "2".into() }]);
}

#[test]
fn a_day_of_a_schedule_is_one_of_its_zone_from_its_beginning_to_its_end() {
    let bounds = |lines: &str| {
        let text = format!("kind: Schedule\nname: x\nrunbook: y\n{lines}\n");
        let Compiled::Schedule(schedule) = sound(&text).compiled else { panic!("a schedule") };
        [schedule.from, schedule.until].map(|at| at.map(|at| at.to_string()).unwrap_or_default())
    };
    let berlin = "cron: 0 3 * * *\nzone: Europe/Berlin\nfrom: 2026-03-29\nuntil: 2026-03-29";
    assert_eq!(bounds(berlin), ["2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"], "a day of 23 hours");
    // Where there is no midnight, it begins with the first moment that there is.
    let cairo = "cron: 0 3 * * *\nzone: Africa/Cairo\nfrom: 2026-04-24";
    assert_eq!(bounds(cairo), ["2026-04-23T22:00:00Z", ""]);
    assert_eq!(bounds("every: 1h\nfrom: 2026-03-29"), ["2026-03-29T00:00:00Z", ""]);
}

#[test]
fn secrets_of_steps_are_names_of_stored_secrets() {
    let group = with_step(
        "secrets: [db-root, 2nd]\nsecret_env: {TOKEN: chat}\nsteps: [{run: a, secrets: [x], secret_env: {B: x}}]",
    );
    let step = sound(&group).runbook().unwrap().steps[0].clone();
    assert_eq!(step.secrets, ["db-root", "2nd"]);
    assert_eq!(step.secret_env["TOKEN"], "chat");
    assert_eq!(model::runbook::secret_variable("db-root"), "SECRET_DB_ROOT_FILE");
    for (step, code) in [
        ("run: a\nsecrets: [a, a]", Code::DuplicateItem),
        ("run: a\nsecrets: [Not_A_Name]", Code::BadName),
        ("run: a\nsecrets: a", Code::WrongType),
        ("run: a\nsecret_env: {SECRET_A: a}", Code::BadVariable),
        ("run: a\nsecret_env: {LD_PRELOAD: a}", Code::BadVariable),
        ("run: a\nsecret_env: {PATH: a}", Code::BadVariable),
        ("run: a\nsecret_env: {A-B: a}", Code::BadVariable),
        ("run: a\nsecret_env: {A: a}\nenv: {A: x}", Code::BadVariable),
        ("wait: 1s\nsecrets: [a]", Code::KeyWithoutMeaning),
        ("http: {url: 'http://x'}\nsecret_env: {A: a}", Code::KeyWithoutMeaning),
    ] {
        assert_eq!(codes(&with_step(step)), [code.name()], "{step}");
    }
    let both =
        "kind: Runbook\nname: x\ninputs: {db_root: {type: secret}}\nsteps: [{run: a, secrets: [db-root]}]\n";
    assert_eq!(codes(both), [Code::BadVariable.name()]);
}

#[test]
fn policies_may_see_inputs_that_say_so() {
    let text = |input: &str| {
        format!(
            "kind: Runbook\nname: x\ninputs: {{a: {{{input}, policy_visible: true}}}}\nsteps: [{{run: a}}]\n"
        )
    };
    assert!(sound(&text("type: string")).runbook().unwrap().inputs[0].policy_visible);
    for kind in ["secret", "file"] {
        assert_eq!(codes(&text(&format!("type: {kind}"))), [Code::KeyWithoutMeaning.name()]);
    }
}
