//! The parts of a template: text as it is, and expressions between `{{` and `}}`.

use super::syntax::Refused;
use crate::limits::TEMPLATE_PARTS_MAX;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part<'t> {
    Text(&'t str),
    /// Without its braces; where it begins in the template, in bytes.
    Expression {
        text: &'t str,
        at: usize,
    },
}

/// Cuts a template. `{#` and `{%` are text; only a whole `{% … %}`, which somebody may take for a statement, is refused.
pub(crate) fn split(template: &str) -> Result<Vec<Part<'_>>, Refused> {
    let mut parts = Vec::new();
    let mut from = 0;
    while let Some(open) = template.get(from..).and_then(|rest| rest.find("{{")).map(|at| from + at) {
        push_text(template, from, open, &mut parts)?;
        let begin = open + 2;
        let Some(end) = closing(template, begin) else {
            return Err(Refused::new("`{{` is opened here, and never closed by `}}`.", open..begin)
                .hint("For the two braces themselves write `{{ '{{' }}`."));
        };
        let text = template.get(begin..end).unwrap_or_default();
        if text.starts_with('-') && text.get(1..2).is_some_and(|next| next == " ") || text.ends_with(" -") {
            return Err(Refused::new("`{{-` and `-}}` are not part of this language.", open..end + 2)
                .hint("Write `{{` and `}}`; blanks around them stay as they are."));
        }
        parts.push(Part::Expression { text, at: begin });
        from = end + 2;
        if parts.len() > TEMPLATE_PARTS_MAX {
            let message = format!("This template has more than {TEMPLATE_PARTS_MAX} parts.");
            return Err(Refused::new(message, 0..template.len()));
        }
    }
    push_text(template, from, template.len(), &mut parts)?;
    Ok(parts)
}

fn push_text<'t>(
    template: &'t str,
    from: usize,
    to: usize,
    parts: &mut Vec<Part<'t>>,
) -> Result<(), Refused> {
    let text = template.get(from..to).unwrap_or_default();
    if let Some(open) = text.find("{%")
        && let Some(close) = text.get(open..).and_then(|rest| rest.find("%}"))
    {
        let range = from + open..from + open + close + 2;
        return Err(Refused::new("Statements (`{% %}`) are not part of this language.", range)
            .hint("`if:` and `for_each:` of a step do that; `{{ a if b else c }}` chooses a value."));
    }
    if !text.is_empty() {
        parts.push(Part::Text(text));
    }
    Ok(())
}

/// Where the expression that begins at `begin` ends: `}}` outside of quotes and brackets.
fn closing(template: &str, begin: usize) -> Option<usize> {
    let bytes = template.as_bytes();
    let mut quote = None;
    let mut depth = 0usize;
    let mut at = begin;
    while let Some(byte) = bytes.get(at).copied() {
        match (quote, byte) {
            (Some(_), b'\\') => at += 1,
            (Some(open), _) if open == byte => quote = None,
            (Some(_), _) => {}
            (None, b'\'' | b'"') => quote = Some(byte),
            (None, b'{' | b'[' | b'(') => depth += 1,
            (None, b'}') if depth == 0 && bytes.get(at + 1) == Some(&b'}') => return Some(at),
            (None, b'}' | b']' | b')') => depth = depth.saturating_sub(1),
            (None, _) => {}
        }
        at += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_cut_at_its_braces_and_nowhere_else() {
        let cut = |text| split(text).unwrap();
        assert_eq!(cut(""), []);
        assert_eq!(cut("plain {x} {# %}"), [Part::Text("plain {x} {# %}")]);
        assert_eq!(
            cut("a{{ b }}c{{d}}"),
            [
                Part::Text("a"),
                Part::Expression { text: " b ", at: 3 },
                Part::Text("c"),
                Part::Expression { text: "d", at: 11 },
            ]
        );
        for (template, inside) in [
            ("{{ '}}' }}", " '}}' "),
            ("{{ {'a': {'b': 1}} }}", " {'a': {'b': 1}} "),
            (r#"{{ "\"}}" }}"#, r#" "\"}}" "#),
        ] {
            assert_eq!(cut(template), [Part::Expression { text: inside, at: 2 }], "{template}");
        }
        for bad in ["{{", "{{ a }", "{{ 'a }}", "{% if x %}", "a {%set x%} b", "{{- a }}", "{{ a -}}"] {
            assert!(split(bad).is_err(), "{bad}");
        }
        assert_eq!(cut("{{ -1 }}"), [Part::Expression { text: " -1 ", at: 2 }]);
    }
}
