use std::collections::BTreeMap;
use model::{api::Fault, evaluate::Evaluate, runbook::*};
use serde_json::Value;
#[derive(Clone, Copy, Debug)]
pub struct Asking<'a> { pub now: jiff::Timestamp, pub caller: &'a str }
#[derive(Clone, PartialEq, Debug)]
pub struct SecretText(String);
impl SecretText { pub fn expose(&self) -> &str { &self.0 } }
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReadInputs { pub values: InputValues, pub secrets: BTreeMap<String, SecretText> }
pub fn read_inputs(inputs: &[Input], _rules: &[Rule], given: &BTreeMap<String, Value>, _asking: &Asking<'_>) -> Result<ReadInputs, Vec<Fault>> {
    Ok(ReadInputs { values: crate::inputs::read_inputs(inputs, given)?, secrets: BTreeMap::new() })
}
pub fn read_fields(inputs: &[Input], given: &BTreeMap<String, Value>, _asking: &Asking<'_>) -> Result<InputValues, Vec<Fault>> {
    crate::inputs::read_inputs(inputs, given)
}
#[derive(Clone, Debug, Default)]
pub struct Expressions;
impl Expressions { pub fn new() -> Self { Self } }
impl Evaluate for Expressions {
    fn steps(&self, _: &str) -> Vec<String> { Vec::new() }
    fn mentions(&self, _: &str, _: &str) -> bool { false }
    fn value(&self, e: &Expression, _: &Value) -> Result<Value, String> { Ok(Value::String(e.0.clone())) }
    fn text(&self, t: &Template, _: &Value) -> Result<String, String> { Ok(t.0.clone()) }
    fn inputs(&self, d: &[Input], g: &BTreeMap<String, Value>) -> Result<InputValues, String> { crate::inputs::read_inputs(d, g).map_err(|_| "bad".into()) }
}
