//! Facts: observed pieces of state or configuration, as the fold of what collectors wrote.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{id::RunId, name::is_identifier};

/// Most bytes of a fact's value.
pub const VALUE_MAX: usize = 4096;
/// Most facts of one collection.
pub const FACTS_MAX: usize = 10_000;

/// One piece of state or configuration, as it was last observed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Fact {
    pub service: String,
    pub environment: String,
    /// The runbook that collects it.
    pub collector: String,
    /// What it is true of; of the service as a whole unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    pub key: String,
    /// At most [`VALUE_MAX`] bytes.
    pub value: String,
    /// When it was seen last.
    #[schema(value_type = String, format = DateTime)]
    pub observed_at: Timestamp,
    /// When it came to be as it is: its value, or that it is gone.
    #[schema(value_type = String, format = DateTime)]
    pub changed_at: Timestamp,
    /// The run that saw it last, or that found it gone.
    pub run: RunId,
    /// Its value before that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<String>,
    /// A successful collection since then has not seen it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub gone: bool,
}

/// Does a fact still hold?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FactState {
    Current,
    /// It has not been seen for longer than its collector's `expire`.
    Stale,
    /// It was not there when its collector looked last.
    Gone,
}

impl Fact {
    /// `expire` is its collector's. What is gone stays gone, however long ago that was.
    pub fn state(&self, now: Timestamp, expire: SignedDuration) -> FactState {
        if self.gone {
            FactState::Gone
        } else if now.duration_since(self.observed_at) > expire {
            FactState::Stale
        } else {
            FactState::Current
        }
    }

    fn place(&self) -> Place {
        (self.target.clone(), self.key.clone())
    }
}

/// Where a fact stands among those of a service in an environment: its target and its key.
pub type Place = (Option<String>, String);

/// What one run of a collector saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collection {
    pub service: String,
    pub environment: String,
    pub collector: String,
    pub run: RunId,
    /// When it had looked.
    pub at: Timestamp,
    /// It saw all that there is: only then is what it did not see gone.
    pub succeeded: bool,
    pub seen: BTreeMap<Place, String>,
}

/// Why something is no fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoFact {
    #[error("the key of a fact is a-z first, then a-z, 0-9 and `_`, at most 63 characters")]
    BadKey,
    #[error("the value of a fact has at most {VALUE_MAX} bytes")]
    TooLarge,
    #[error("a collection has at most {FACTS_MAX} facts")]
    TooMany,
}

impl Collection {
    /// Adds what was seen; of the same fact the last value counts.
    ///
    /// # Errors
    /// If it is no fact.
    pub fn see(&mut self, target: Option<String>, key: &str, value: String) -> Result<(), NoFact> {
        if !is_identifier(key) {
            return Err(NoFact::BadKey);
        }
        if value.len() > VALUE_MAX {
            return Err(NoFact::TooLarge);
        }
        let place = (target, key.to_owned());
        if self.seen.len() >= FACTS_MAX && !self.seen.contains_key(&place) {
            return Err(NoFact::TooMany);
        }
        self.seen.insert(place, value);
        Ok(())
    }
}

/// What a collection made of a fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It was not there before, or was gone.
    Appeared,
    Changed,
    /// It was seen again as it was.
    Same,
    Gone,
}

/// Folds a collection into the facts of its collector: each fact that it touches as it is now, and what became of it, in the
/// order of targets and keys. What it does not touch stays as it is. A fact that was seen later than this collection looked is
/// not touched: collections may be told of out of their order.
pub fn fold(current: &[Fact], collection: &Collection) -> Vec<(Fact, Change)> {
    let known: BTreeMap<Place, &Fact> = current
        .iter()
        .filter(|fact| {
            (&fact.service, &fact.environment, &fact.collector)
                == (&collection.service, &collection.environment, &collection.collector)
        })
        .map(|fact| (fact.place(), fact))
        .collect();
    // What is gone was looked for last when it was found to be so.
    let looked_at = |fact: &Fact| if fact.gone { fact.changed_at } else { fact.observed_at };
    let mut touched = BTreeMap::new();
    for (place, value) in &collection.seen {
        let before = known.get(place).copied();
        if before.is_some_and(|before| looked_at(before) >= collection.at) {
            continue;
        }
        let change = match before {
            Some(before) if before.gone => Change::Appeared,
            Some(before) if before.value == *value => Change::Same,
            Some(_) => Change::Changed,
            None => Change::Appeared,
        };
        let (changed_at, previous) = match (change, before) {
            (Change::Same, Some(before)) => (before.changed_at, before.previous.clone()),
            (_, before) => (collection.at, before.map(|before| before.value.clone())),
        };
        let (target, key) = place.clone();
        let fact = Fact {
            service: collection.service.clone(),
            environment: collection.environment.clone(),
            collector: collection.collector.clone(),
            target,
            key,
            value: value.clone(),
            observed_at: collection.at,
            changed_at,
            run: collection.run,
            previous,
            gone: false,
        };
        touched.insert(place.clone(), (fact, change));
    }
    if collection.succeeded {
        for (place, fact) in known {
            let missing = !collection.seen.contains_key(&place);
            if missing && !fact.gone && fact.observed_at < collection.at {
                let fact =
                    Fact { gone: true, changed_at: collection.at, run: collection.run, ..fact.clone() };
                touched.insert(place, (fact, Change::Gone));
            }
        }
    }
    touched.into_values().collect()
}

/// One fact that two sets do not have in common.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FactDifference {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    pub key: String,
    /// None if it was not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// None if it is not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// How two sets of facts differ, by target and key: those of two moments, or of two environments. What is gone is not there.
pub fn diff<'f>(
    before: impl IntoIterator<Item = &'f Fact>,
    after: impl IntoIterator<Item = &'f Fact>,
) -> Vec<FactDifference> {
    let mut both: BTreeMap<Place, (Option<&str>, Option<&str>)> = BTreeMap::new();
    for fact in before.into_iter().filter(|fact| !fact.gone) {
        both.entry(fact.place()).or_default().0 = Some(&fact.value);
    }
    for fact in after.into_iter().filter(|fact| !fact.gone) {
        both.entry(fact.place()).or_default().1 = Some(&fact.value);
    }
    let different = both.into_iter().filter(|(_, (before, after))| before != after);
    different
        .map(|((target, key), (before, after))| FactDifference {
            target,
            key,
            before: before.map(str::to_owned),
            after: after.map(str::to_owned),
        })
        .collect()
}
