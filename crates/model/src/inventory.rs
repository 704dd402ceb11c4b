//! Inventories: the targets that steps act on.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    name::Digest,
    runbook::{InputValue, InputValues, Match, On},
};

/// The name of the built-in target of steps without `on:`: the runner's own machine.
pub const LOCAL: &str = "local";
/// Where a target counts as being when nobody said.
pub const PRODUCTION: &str = "production";

/// A definition of targets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Inventory {
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Each name once.
    pub targets: Vec<Target>,
}

/// A machine or endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Target {
    pub name: String,
    /// As steps use it: a host, a URL, whatever they need.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

impl Target {
    /// The environment, production unless said.
    pub fn environment(&self) -> &str {
        self.environment.as_deref().unwrap_or(PRODUCTION)
    }

    fn label(&self, key: &str) -> Option<&str> {
        match key {
            "name" => Some(&self.name),
            "environment" => Some(self.environment()),
            label => self.labels.get(label).map(String::as_str),
        }
    }
}

/// An inventory as a run is pinned to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PinnedInventory {
    pub digest: Digest,
    pub targets: Vec<Target>,
}

impl On {
    /// Those of `targets` that this means with these inputs, in their order.
    pub fn select<'t>(&self, targets: &'t [Target], inputs: &InputValues) -> Vec<&'t Target> {
        let holds = |target: &Target| {
            self.selector.iter().all(|(key, wanted)| {
                target.label(key).is_some_and(|label| match wanted {
                    Match::OneOf(values) => values.iter().any(|value| value == label),
                    Match::Input(input) => inputs.get(input).is_some_and(|value| is_or_has(value, label)),
                })
            })
        };
        targets.iter().filter(|target| holds(target)).collect()
    }
}

fn is_or_has(value: &InputValue, label: &str) -> bool {
    match value {
        InputValue::Json(serde_json::Value::Array(items)) => {
            items.iter().any(|item| item.as_str() == Some(label))
        }
        value => value.to_variable() == label,
    }
}
