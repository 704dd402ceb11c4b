//! The schema that policies, entities and questions are held to, and what follows from it about actions.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::LazyLock,
};

use cedar_policy::{ActionConstraint, EntityId, EntityTypeName, EntityUid, Schema, Validator};

use crate::Kind;

/// As it is published.
pub const SCHEMA: &str = include_str!("../cedar/schema.cedarschema");

/// The schema, read once.
pub(crate) struct Known {
    pub schema: Schema,
    pub validator: Validator,
    types: HashMap<Kind, EntityTypeName>,
    action_type: EntityTypeName,
    /// Each action, and the bit that stands for it in a set of actions.
    actions: BTreeMap<String, u32>,
    /// Each group of actions, and the actions in it.
    groups: BTreeMap<String, u128>,
    delegable: u128,
}

/// A set of actions, one bit for each.
pub(crate) type Actions = u128;

static KNOWN: LazyLock<Known> = LazyLock::new(|| match Known::read() {
    Ok(known) => known,
    // It is part of the program and a test reads it: there is nothing to decide by without it.
    Err(fault) => panic!("the schema of policies that is built in cannot be read: {fault}"),
});

pub(crate) fn known() -> &'static Known {
    &KNOWN
}

impl Known {
    fn read() -> Result<Self, String> {
        let (schema, _) = Schema::from_cedarschema_str(SCHEMA).map_err(|fault| fault.to_string())?;
        let mut types = HashMap::new();
        for kind in Kind::ALL {
            types.insert(*kind, kind.name().parse().map_err(|_| format!("{kind} is no name of a type"))?);
        }
        let action_type = "Action".parse().map_err(|_| "Action is no name of a type")?;
        let groups_of = schema.action_entities().map_err(|fault| fault.to_string())?;
        let named: BTreeSet<String> =
            schema.request_envs().map(|env| env.action().id().unescaped().to_owned()).collect();
        if named.len() > Actions::BITS as usize {
            return Err(format!(
                "there are {} actions, and only {} bits for them",
                named.len(),
                Actions::BITS
            ));
        }
        let actions: BTreeMap<String, u32> = named.into_iter().zip(0..).collect();
        let mut groups: BTreeMap<String, Actions> = BTreeMap::new();
        for uid in schema.actions() {
            let Some(bit) = actions.get(uid.id().unescaped()) else {
                groups.entry(uid.id().unescaped().to_owned()).or_default();
                continue;
            };
            for group in groups_of.ancestors(uid).into_iter().flatten() {
                *groups.entry(group.id().unescaped().to_owned()).or_default() |= 1 << bit;
            }
        }
        let delegable = groups.get("Delegable").copied().unwrap_or_default();
        let validator = Validator::new(schema.clone());
        Ok(Self { schema, validator, types, action_type, actions, groups, delegable })
    }

    pub fn type_name(&self, kind: Kind) -> EntityTypeName {
        self.types[&kind].clone()
    }

    pub fn action(&self, name: &str) -> EntityUid {
        EntityUid::from_type_name_and_id(self.action_type.clone(), EntityId::new(name))
    }

    /// The bit of an action; none of a group.
    pub fn bit(&self, action: &str) -> Option<Actions> {
        self.actions.get(action).map(|bit| 1 << bit)
    }

    pub fn is_group(&self, name: &str) -> bool {
        self.groups.contains_key(name)
    }

    /// The actions that a scope speaks of.
    pub fn covered(&self, constraint: &ActionConstraint) -> Actions {
        match constraint {
            ActionConstraint::Any => Actions::MAX,
            ActionConstraint::Eq(uid) => self.bit(uid.id().unescaped()).unwrap_or_default(),
            ActionConstraint::In(uids) => {
                uids.iter().fold(0, |set, uid| set | self.actions_of(uid.id().unescaped()))
            }
        }
    }

    /// The actions that a name of an action or of a group stands for.
    pub fn actions_of(&self, name: &str) -> Actions {
        self.bit(name).or_else(|| self.groups.get(name).copied()).unwrap_or_default()
    }

    pub fn names(&self, set: Actions) -> BTreeSet<String> {
        self.actions.iter().filter(|(_, bit)| set & (1 << **bit) != 0).map(|(name, _)| name.clone()).collect()
    }

    /// Whether a governor may hand all of these out.
    pub fn is_delegable(&self, set: Actions) -> bool {
        set & !self.delegable == 0
    }

    /// Whether a layer 2 policy could speak of the action.
    pub fn may_be_delegated(&self, action: &str) -> bool {
        self.bit(action).is_some_and(|bit| bit & self.delegable != 0)
    }
}

/// The names of the groups of actions, which are also the scopes of tokens.
pub fn action_groups() -> impl Iterator<Item = &'static str> {
    known().groups.keys().map(String::as_str)
}

/// Whether `name` is an action, or a group of actions.
pub fn is_action_or_group(name: &str) -> bool {
    known().bit(name).is_some() || known().is_group(name)
}

/// Whether everything that `name`, an action or a group, stands for may be handed out by a governor.
pub fn is_delegable(name: &str) -> bool {
    is_action_or_group(name) && known().is_delegable(known().actions_of(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ACTIONS;

    #[test]
    fn every_action_but_those_that_are_going_away_is_in_the_schema() {
        let old = [
            "project.list",
            "definition.apply",
            "definition.rollback",
            "token.read",
            "token.create",
            "token.revoke",
        ];
        for action in ACTIONS.iter().filter(|action| !old.contains(*action)) {
            assert!(known().bit(action).is_some(), "{action}");
        }
        let runners = ["runner.claim", "runner.report", "runner.secret"];
        for action in known().actions.keys().filter(|action| !runners.contains(&action.as_str())) {
            assert!(ACTIONS.contains(&action.as_str()), "{action} has no type");
        }
    }

    #[test]
    fn groups_of_groups_count() {
        for group in ["Read", "View", "Delegable"] {
            assert_ne!(known().actions_of(group) & known().bit("log.read").expect("an action"), 0, "{group}");
        }
        assert!(is_delegable("View") && !is_delegable("Read") && !is_delegable("grant.create"));
        assert!(is_delegable("Author") && is_delegable("Approve") && !is_delegable("Operate"));
        assert!(!is_delegable("no.such.action"));
    }
}
