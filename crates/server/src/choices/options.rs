//! Lists of options, as a URL or a runbook's output gives them.

use model::api::ChoiceOption;
use serde_json::Value;

/// Options of one choice.
const OPTIONS_MAX: usize = 10_000;

/// A list of texts, or of objects with `value` and perhaps `label`.
pub(super) fn options_of(list: &Value) -> Result<Vec<ChoiceOption>, String> {
    let items = list.as_array().ok_or("a list is expected")?;
    if items.len() > OPTIONS_MAX {
        return Err(format!("it has {} entries, and {OPTIONS_MAX} are the most", items.len()));
    }
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(yes) => Some(yes.to_string()),
        _ => None,
    };
    let option = |(place, item): (usize, &Value)| {
        let option = match item {
            Value::Object(fields) => fields.get("value").and_then(text).map(|value| {
                let label = fields.get("label").and_then(text).filter(|label| *label != value);
                ChoiceOption { value, label }
            }),
            item => text(item).map(|value| ChoiceOption { value, label: None }),
        };
        let option = option
            .ok_or_else(|| format!("entry {} is neither a text nor an object with a `value`", place + 1))?;
        if option.value.contains('\0') { Err(format!("entry {} holds a NUL", place + 1)) } else { Ok(option) }
    };
    items.iter().enumerate().map(option).collect()
}

/// A JSON list, or one option a line.
pub(super) fn options_in(text: &str) -> Result<Vec<ChoiceOption>, String> {
    if text.trim_start().starts_with('[') {
        let list: Value =
            serde_json::from_str(text).map_err(|error| format!("it begins as JSON, and is none: {error}"))?;
        return options_of(&list);
    }
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    options_of(&lines.map(|line| Value::String(line.to_owned())).collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    fn option(value: &str, label: Option<&str>) -> ChoiceOption {
        ChoiceOption { value: value.to_owned(), label: label.map(ToOwned::to_owned) }
    }

    #[test]
    fn options_are_lines_or_json() {
        assert_eq!(options_in(" eu \n\nus\n").unwrap(), [option("eu", None), option("us", None)]);
        let json = r#"["eu", 7, {"value": "us", "label": "United States"}, {"value": "x", "label": "x"}]"#;
        let expected =
            [option("eu", None), option("7", None), option("us", Some("United States")), option("x", None)];
        assert_eq!(options_in(json).unwrap(), expected);
        assert_eq!(options_in("").unwrap(), []);
        for bad in ["[", r#"[{"label": "x"}]"#, "[[]]", "[null]", "[\"a\\u0000\"]"] {
            assert!(options_in(bad).is_err(), "{bad}");
        }
        assert!(options_of(&json!({"a": 1})).is_err());
        assert!(options_of(&vec![json!("a"); OPTIONS_MAX + 1].into()).is_err());
    }
}
