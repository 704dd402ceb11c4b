//! Expressions evaluated: what they mean, and what they can never do.

use std::time::{Duration, Instant};

use definition::{Expressions, render};
use model::{
    evaluate::Evaluate,
    runbook::{Expression, HttpBody, HttpRequest, StepAction, Template},
};
use proptest::prelude::*;
use serde_json::{Value, json};

fn values() -> Value {
    json!({
        "inputs": {"region": "eu", "count": 3, "ratio": 0.5, "names": ["b", "a", "b"], "ok": true, "evil": "a/../b?c=d&e#f é\r\nX: y",
            "settings": {"deep": [{"x": 1}]}},
        "steps": {"one": {"state": "succeeded", "outputs": {"n": "41"}}, "many": {"outputs": {"n": ["1", "2"]}}},
        "item": "it", "index": 0, "target": {"name": "web-1", "address": "10.0.0.1", "labels": {"role": "web"}},
        "run": {"id": "7"},
    })
}

fn value(text: &str) -> Result<Value, String> {
    Expressions::new().value(&Expression(text.to_owned()), &values())
}

fn text(template: &str) -> Result<String, String> {
    Expressions::new().text(&Template(template.to_owned()), &values())
}

#[test]
fn they_mean_what_the_documentation_says() {
    for (expression, expected) in [
        ("inputs.region == 'eu' and not inputs.count > 3", json!(true)),
        ("inputs.count * 2 + 1", json!(7)),
        ("inputs.names|unique|sort", json!(["a", "b"])),
        ("inputs.names|join(', ')", json!("b, a, b")),
        ("'a' in inputs.names", json!(true)),
        ("inputs.missing|default('x')", json!("x")),
        ("inputs.missing is defined", json!(false)),
        ("steps.one.outputs.n|int + 1", json!(42)),
        ("steps.many.outputs.n|length", json!(2)),
        ("'yes' if inputs.ok else 'no'", json!("yes")),
        ("inputs.settings.deep[0].x", json!(1)),
        ("target.labels['role'] ~ '-' ~ index", json!("web-0")),
        ("inputs.region is startingwith('e')", json!(true)),
        ("'a,b'|split(',')", json!(["a", "b"])),
        ("inputs.settings|json", json!("{\"deep\":[{\"x\":1}]}")),
        ("1 < inputs.count <= 3", json!(true)),
        ("['1', '2']|first", json!("1")),
        ("2.6|round|int", json!(3)),
        ("[3, 1]|max", json!(3)),
        ("' x '|trim|upper|replace('X', 'y')", json!("y")),
        ("none", json!(null)),
    ] {
        assert_eq!(value(expression), Ok(expected), "{expression}");
    }
    assert_eq!(
        text("{{ item }}: {{ inputs.count }} {{ inputs.ok }} {{ inputs.names }}"),
        Ok("it: 3 true [\"b\",\"a\",\"b\"]".to_owned())
    );
    assert_eq!(text("no {# braces #} %{x}"), Ok("no {# braces #} %{x}".to_owned()));
}

#[test]
fn what_is_not_there_is_named() {
    assert_eq!(value("inputs.note == 'x'"), Err("`inputs.note` has no value here".to_owned()));
    assert_eq!(text("{{ steps.two.outputs.n }}"), Err("`steps.two` has no value here".to_owned()));
    assert_eq!(text("{{ none }}"), Err("`none` is none, which is no text".to_owned()));
}

#[test]
fn nothing_but_the_values_can_be_reached() {
    for escape in [
        "inputs.__class__.__mro__",
        "''.__class__",
        "inputs.region.upper()",
        "range(10)",
        "self",
        "loop",
        "inputs|attr('region')",
        "inputs|map('upper')|list",
        "cycler('a')",
        "namespace()",
        "dict(a=1)",
        "joiner()",
        "lipsum()",
        "inputs.items()",
        "env",
        "debug()",
    ] {
        assert!(value(escape).is_err(), "{escape}: {:?}", value(escape));
    }
    for statement in ["{% set x = 1 %}", "{% include 'a' %}", "{% for x in y %}{% endfor %}", "{{ a"] {
        assert!(text(statement).is_err(), "{statement}");
    }
    // A value that looks like a template is a value.
    let sly = json!({"inputs": {"a": "{{ run.id }}"}, "run": {"id": "7"}});
    assert_eq!(
        Expressions::new().text(&Template::from("{{ inputs.a }}"), &sly),
        Ok("{{ run.id }}".to_owned())
    );
}

#[test]
fn work_and_size_have_an_end() {
    let large = json!({"inputs": {"a": "a".repeat(64 * 1024), "l": vec!["x"; 15_000]}});
    let begun = Instant::now();
    for bomb in [
        "'a' * 100000000",
        "inputs.a|replace('a', inputs.a)",
        "inputs.l|join(inputs.a)",
        "['a' * 1000] * 1000000",
        "inputs.a|split('')|join(inputs.a)",
        "9 ** 9 ** 9 ** 9",
        "10 ** 40 * 10 ** 40",
        "[inputs.a, inputs.a, inputs.a, inputs.a, inputs.a, inputs.a, inputs.a, inputs.a, inputs.a, inputs.a, inputs.a, inputs.a, inputs.a, inputs.a, inputs.a, inputs.a, inputs.a]",
        &"(".repeat(2000),
        &"not ".repeat(900),
        &format!("1{}", "+1".repeat(1500)),
        &format!("a{}", ".b".repeat(1500)),
        &format!("'{}'", "a".repeat(5000)),
    ] {
        let answer = Expressions::new().value(&Expression(bomb.to_owned()), &large);
        assert!(answer.is_err(), "{}: {answer:?}", &bomb[..bomb.len().min(40)]);
    }
    let many = "{{ inputs.a }}".repeat(100);
    assert!(Expressions::new().text(&Template(many), &large).is_err());
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
}

#[test]
fn what_they_speak_of_is_known_before() {
    let expressions = Expressions::new();
    assert_eq!(
        expressions.steps("{{ steps.one.outputs.n }}{{ steps['two'].state }}{{ inputs.steps }}"),
        ["one", "two"]
    );
    assert_eq!(expressions.steps("steps.a.state == 'x' or 'steps.b' == ''"), ["a"]);
    assert!(expressions.mentions("item.x > 1", "item") && !expressions.mentions("inputs.item", "item"));
    assert!(expressions.mentions("{{ target.name }}", "target"));
}

#[test]
fn each_place_has_its_own_escape() {
    let url = |template: &str| Expressions::new().url(&Template::from(template), &values());
    assert_eq!(
        url("http://{{ target.address }}:80/a/{{ inputs.evil }}?q={{ inputs.evil }}").as_deref(),
        Ok(
            "http://10.0.0.1:80/a/a%2F..%2Fb%3Fc%3Dd%26e%23f%20%C3%A9%0D%0AX%3A%20y?q=a%2F..%2Fb%3Fc%3Dd%26e%23f%20%C3%A9%0D%0AX%3A%20y"
        )
    );
    for bad in [
        "http://{{ inputs.evil }}/",
        "{{ inputs.region }}",
        "{{ inputs.evil }}",
        "ht{{ inputs.region }}://x/",
        "http://x/{{ '..' }}/y",
        "http:///x",
    ] {
        assert!(url(bad).is_err(), "{bad}: {:?}", url(bad));
    }
    assert_eq!(url("{{ 'https://a.example/x' }}/{{ index }}").as_deref(), Ok("https://a.example/x/0"));

    let request = |header: &str, body: HttpBody| {
        StepAction::Http(HttpRequest {
            method: "POST".to_owned(),
            url: "http://a.example/".into(),
            headers: [("X".to_owned(), Template::from(header))].into(),
            body: Some(body),
            status: Vec::new(),
            outputs: Default::default(),
        })
    };
    let evil = request("{{ inputs.evil }}", HttpBody::Json(json!(null)));
    assert!(render(&evil, &values(), &Expressions::new()).unwrap_err().contains("header `X`"));
    let body = json!({"n": "{{ inputs.count }}", "t": "{{ inputs.count }}!", "l": ["{{ inputs.names }}"], "{{ x }}": 1, "e": "{{ inputs.evil }}"});
    let rendered = render(&request("a", HttpBody::Json(body)), &values(), &Expressions::new()).unwrap();
    let StepAction::Http(HttpRequest { body: Some(HttpBody::Json(body)), .. }) = rendered else { panic!() };
    assert_eq!(
        body,
        json!({"n": 3, "t": "3!", "l": [["b", "a", "b"]], "{{ x }}": 1, "e": values()["inputs"]["evil"]})
    );
    let command =
        StepAction::Command { argv: vec!["echo".into(), "{{ inputs.evil }}".into(), "$(id)".into()] };
    let StepAction::Command { argv } = render(&command, &values(), &Expressions::new()).unwrap() else {
        panic!()
    };
    assert_eq!((argv.len(), argv[1].0.as_str()), (3, values()["inputs"]["evil"].as_str().unwrap()));
}

fn word() -> impl Strategy<Value = String> {
    let words = [
        "inputs.region",
        "inputs.count",
        "inputs.names",
        "inputs",
        "steps.one",
        "item",
        "1",
        "0",
        "'a'",
        "\"b\"",
        "2.5",
        "none",
        "true",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        ".",
        ",",
        ":",
        "|",
        "|upper",
        "|int",
        "|length",
        "|default(1)",
        "|sort",
        "|join",
        "|replace('a', 'b')",
        " + ",
        " - ",
        " * ",
        " / ",
        " // ",
        " % ",
        " ** ",
        " ~ ",
        " == ",
        " < ",
        " in ",
        " not ",
        " and ",
        " or ",
        " if ",
        " else ",
        " is ",
        "defined",
        "even",
        "{{",
        "}}",
        "{%",
        "%}",
        "'",
        "\\",
        "é",
        "\u{202e}",
        "999999999999",
    ];
    prop_oneof![9 => prop::sample::select(words.map(str::to_owned).to_vec()), 1 => ".{0,6}"]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_expression_is_answered(words in prop::collection::vec(word(), 0..14)) {
        let text = words.concat();
        let expressions = Expressions::new();
        for answer in [value(&text), expressions.render_json(&json!(text), &values())] {
            if let Err(message) = answer {
                prop_assert!(!message.chars().any(char::is_control), "{message:?}");
            }
        }
        let _ = (self::text(&text), expressions.steps(&text), expressions.url(&Template(text.clone()), &values()));
        let quoted = serde_json::to_string(&text).unwrap();
        let document = format!(
            "kind: Runbook\nname: x\ninputs: {{region: {{type: choice, options: [eu]}}, count: {{type: integer}}, names: {{type: list}}}}\n\
             steps: [{{name: one, run: echo}}, {{if: {quoted}, for_each: {quoted}, command: [echo, {quoted}]}}]\n"
        );
        for fault in crate::repository::read_one(&document).faults {
            prop_assert!(document.get(fault.offset..fault.offset + fault.length).is_some());
        }
    }

    #[test]
    fn a_url_keeps_its_parts(value in ".{0,40}") {
        let values = json!({"inputs": {"a": value}});
        if let Ok(url) = Expressions::new().url(&Template::from("http://h.example/p/{{ inputs.a }}/q?x={{ inputs.a }}&y=1"), &values) {
            let (path, query) = url.split_once('?').unwrap();
            prop_assert_eq!(path.split('/').count(), 6);
            prop_assert_eq!(query.split('&').count(), 2);
            prop_assert!(url.is_ascii() && !url.contains(['#', ' ', '\r', '\n']));
        }
    }
}
