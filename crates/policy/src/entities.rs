//! A slice of the store as entities: what one question, or many about the same things, can be decided from.

use std::collections::{BTreeMap, HashMap, HashSet};

use cedar_policy::{EntityId, EntityUid, RestrictedExpression};

use crate::{Attributes, Entity, EntityName, Kind, schema::known};

/// Entities that the schema accepted.
#[derive(Clone, Debug)]
pub struct Entities {
    pub(crate) cedar: cedar_policy::Entities,
}

/// Entities that cannot be decided from.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the entities do not fit the schema of policies: {0}")]
pub struct EntitiesFault(String);

impl Entities {
    /// Loads entities with the schema, and with the actions and their groups: policies on a group of actions would
    /// silently not apply without.
    ///
    /// # Errors
    /// If the schema refuses one, two differ under one name, groups contain each other, or a parent is not among
    /// them: what that is in would be lost, and with it whatever is forbidden there.
    pub fn new(entities: impl IntoIterator<Item = Entity>) -> Result<Self, EntitiesFault> {
        let entities: Vec<_> = entities.into_iter().collect();
        let there: HashSet<&EntityName> = entities.iter().map(|entity| &entity.name).collect();
        complete(&entities, |name| there.contains(name))?;
        let entities: Vec<_> = entities.into_iter().map(cedar).collect::<Result<_, _>>()?;
        let cedar = cedar_policy::Entities::from_entities(entities, Some(&known().schema))
            .map_err(|fault| EntitiesFault(said(&fault)))?;
        Ok(Self { cedar })
    }

    /// The same, and these.
    ///
    /// # Errors
    /// As [`Entities::new`].
    pub fn with(&self, entities: impl IntoIterator<Item = Entity>) -> Result<Self, EntitiesFault> {
        let entities: Vec<_> = entities.into_iter().collect();
        let there: HashSet<&EntityName> = entities.iter().map(|entity| &entity.name).collect();
        complete(&entities, |name| there.contains(name) || self.contains(name))?;
        let entities: Vec<_> = entities.into_iter().map(cedar).collect::<Result<_, _>>()?;
        let cedar = self
            .cedar
            .clone()
            .add_entities(entities, Some(&known().schema))
            .map_err(|fault| EntitiesFault(said(&fault)))?;
        Ok(Self { cedar })
    }

    pub fn contains(&self, name: &EntityName) -> bool {
        self.cedar.get(&uid(name)).is_some()
    }

    /// Itself, and everything that it is in.
    pub(crate) fn lineage(&self, uid: &EntityUid) -> Vec<EntityUid> {
        let mut lineage = vec![uid.clone()];
        lineage.extend(self.cedar.ancestors(uid).into_iter().flatten().cloned());
        lineage
    }

    /// The same as names, as far as they are kinds that have one.
    pub(crate) fn names_above(&self, name: &EntityName) -> Vec<EntityName> {
        let lineage = self.lineage(&uid(name));
        lineage
            .iter()
            .filter_map(|uid| {
                let kind = Kind::ALL.iter().find(|kind| kind.name() == uid.type_name().basename())?;
                Some(EntityName::new(*kind, uid.id().unescaped()))
            })
            .collect()
    }

    /// The principal with all that it is in, and the actions: as much as is known while the resource is not.
    pub(crate) fn around(&self, principal: &EntityUid) -> Option<cedar_policy::PartialEntities> {
        let lineage = self.lineage(principal);
        let mut known_entities = Vec::new();
        for uid in &lineage {
            known_entities.push(self.cedar.get(uid)?.clone());
        }
        let known_entities =
            cedar_policy::Entities::from_entities(known_entities, Some(&known().schema)).ok()?;
        cedar_policy::PartialEntities::from_concrete(known_entities, &known().schema).ok()
    }

    /// With the inputs that policies may see.
    pub(crate) fn with_inputs(
        &self,
        texts: &BTreeMap<String, String>,
        numbers: &BTreeMap<String, i64>,
    ) -> Result<cedar_policy::Entities, String> {
        let texts =
            texts.iter().map(|(key, value)| (key.clone(), RestrictedExpression::new_string(value.clone())));
        let numbers =
            numbers.iter().map(|(key, value)| (key.clone(), RestrictedExpression::new_long(*value)));
        let texts = cedar_policy::Entity::new_with_tags(inputs("Texts")?, [], [], texts);
        let numbers = cedar_policy::Entity::new_with_tags(inputs("Numbers")?, [], [], numbers);
        let both = [texts.map_err(|fault| said(&fault))?, numbers.map_err(|fault| said(&fault))?];
        self.cedar.clone().add_entities(both, Some(&known().schema)).map_err(|fault| said(&fault))
    }
}

fn complete(entities: &[Entity], there: impl Fn(&EntityName) -> bool) -> Result<(), EntitiesFault> {
    for entity in entities {
        if let Some(parent) = entity.parents.iter().find(|parent| !there(parent)) {
            return Err(EntitiesFault(format!("{} is in {parent}, which is not among them", entity.name)));
        }
    }
    Ok(())
}

/// The name of the pair of entities that bears a request's inputs.
pub(crate) fn inputs(kind: &str) -> Result<EntityUid, String> {
    let kind = kind.parse().map_err(|_| format!("{kind} is no kind of entity"))?;
    Ok(EntityUid::from_type_name_and_id(kind, EntityId::new("inputs")))
}

/// A fault of Cedar's with what caused it.
pub(crate) fn said(fault: &(dyn std::error::Error + 'static)) -> String {
    let mut said = fault.to_string();
    let mut cause = fault.source();
    while let Some(fault) = cause {
        let more = fault.to_string();
        if !said.contains(&more) {
            said = format!("{said}: {more}");
        }
        cause = fault.source();
    }
    said
}

pub(crate) fn uid(name: &EntityName) -> EntityUid {
    EntityUid::from_type_name_and_id(known().type_name(name.kind), EntityId::new(&name.id))
}

fn cedar(entity: Entity) -> Result<cedar_policy::Entity, EntitiesFault> {
    let name = uid(&entity.name);
    let parents: HashSet<EntityUid> = entity.parents.iter().map(uid).collect();
    cedar_policy::Entity::new(name, attributes(entity.attributes), parents)
        .map_err(|fault| EntitiesFault(said(&fault)))
}

fn attributes(attributes: Attributes) -> HashMap<String, RestrictedExpression> {
    let Attributes {
        disabled,
        labels,
        environment,
        digest,
        published,
        authors,
        max_targets,
        requesters,
        pool,
        epoch,
        leased_to,
        secrets,
    } = attributes;
    let entity = |name: EntityName| RestrictedExpression::new_entity_uid(uid(&name));
    let strings = |set: std::collections::BTreeSet<String>| {
        RestrictedExpression::new_set(set.into_iter().map(RestrictedExpression::new_string))
    };
    let entities = |set: std::collections::BTreeSet<EntityName>| {
        RestrictedExpression::new_set(set.into_iter().map(entity))
    };
    [
        ("disabled", disabled.map(RestrictedExpression::new_bool)),
        ("labels", labels.map(strings)),
        ("environment", environment.map(RestrictedExpression::new_string)),
        ("digest", digest.map(RestrictedExpression::new_string)),
        ("published", published.map(RestrictedExpression::new_bool)),
        ("authors", authors.map(entities)),
        ("maxTargets", max_targets.map(RestrictedExpression::new_long)),
        ("requesters", requesters.map(entities)),
        ("pool", pool.map(entity)),
        ("epoch", epoch.map(RestrictedExpression::new_long)),
        ("leasedTo", leased_to.map(entity)),
        ("secrets", secrets.map(entities)),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name.to_owned(), value?)))
    .collect()
}
