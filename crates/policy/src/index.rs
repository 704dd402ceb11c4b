//! Policies by what their scopes name, so that a decision looks at the few that could speak and not at all of them.
//!
//! A scope names at most one principal and one resource (itself or an ancestor) and some actions. It is matched here,
//! exactly as Cedar does; only conditions are left to Cedar. Held to the whole set by a property test.

use std::{collections::HashMap, sync::Arc};

use cedar_policy::{
    Effect, EntityTypeName, EntityUid, Policy, PolicySet, PrincipalConstraint, ResourceConstraint,
};
use jiff::Timestamp;

use crate::{
    decision::{Determining, Layer, Mode},
    schema::Actions,
};

/// What a scope says of the principal, or of the resource.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scope {
    /// Must be this, or in it.
    pub anchor: Option<EntityUid>,
    /// Must be the anchor itself.
    pub exactly: bool,
    pub kind: Option<EntityTypeName>,
}

impl Scope {
    pub fn within(anchor: EntityUid) -> Self {
        Self { anchor: Some(anchor), ..Self::default() }
    }

    fn principal(constraint: PrincipalConstraint) -> Self {
        match constraint {
            PrincipalConstraint::Any => Self::default(),
            PrincipalConstraint::In(uid) => Self::within(uid),
            PrincipalConstraint::Eq(uid) => Self { exactly: true, ..Self::within(uid) },
            PrincipalConstraint::Is(kind) => Self { kind: Some(kind), ..Self::default() },
            PrincipalConstraint::IsIn(kind, uid) => Self { kind: Some(kind), ..Self::within(uid) },
        }
    }

    fn resource(constraint: ResourceConstraint) -> Self {
        match constraint {
            ResourceConstraint::Any => Self::default(),
            ResourceConstraint::In(uid) => Self::within(uid),
            ResourceConstraint::Eq(uid) => Self { exactly: true, ..Self::within(uid) },
            ResourceConstraint::Is(kind) => Self { kind: Some(kind), ..Self::default() },
            ResourceConstraint::IsIn(kind, uid) => Self { kind: Some(kind), ..Self::within(uid) },
        }
    }

    /// Whether `uid`, which is known to be in the anchor, is what the scope speaks of.
    pub fn matches(&self, uid: &EntityUid) -> bool {
        self.kind.as_ref().is_none_or(|kind| kind == uid.type_name())
            && (!self.exactly || self.anchor.as_ref() == Some(uid))
    }
}

/// One policy, ready to be asked.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub id: Arc<str>,
    pub layer: Layer,
    pub reason: Arc<str>,
    pub way_out: Option<Arc<str>>,
    pub mode: Mode,
    pub forbids: bool,
    pub actions: Actions,
    pub principal: Scope,
    pub resource: Scope,
    /// The policy alone, if more than its scope decides.
    pub condition: Option<Arc<PolicySet>>,
    pub counts_approvals: bool,
    /// Until then, and not at that instant any more.
    pub ends_at: Option<Timestamp>,
    pub role: Option<Arc<str>>,
}

impl Entry {
    /// An entry for `policy`, which is no template.
    pub fn of(policy: &Policy, named: Named) -> Result<Self, String> {
        let condition = policy.has_non_scope_constraint().then(|| alone(policy)).transpose()?;
        Ok(Self {
            id: named.id,
            layer: named.layer,
            reason: named.reason,
            way_out: named.way_out,
            mode: named.mode,
            forbids: policy.effect() == Effect::Forbid,
            actions: crate::schema::known().covered(&policy.action_constraint()),
            principal: Scope::principal(policy.principal_constraint()),
            resource: Scope::resource(policy.resource_constraint()),
            condition,
            counts_approvals: named.counts_approvals,
            ends_at: None,
            role: None,
        })
    }

    pub fn determining(&self) -> Determining {
        Determining {
            id: self.id.to_string(),
            layer: self.layer.clone(),
            reason: self.reason.to_string(),
            mode: self.mode,
            role: self.role.as_deref().map(str::to_owned),
        }
    }
}

fn alone(policy: &Policy) -> Result<Arc<PolicySet>, String> {
    PolicySet::from_policies([policy.clone()]).map(Arc::new).map_err(|fault| fault.to_string())
}

/// What a policy is called and says of itself.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    pub id: Arc<str>,
    pub layer: Layer,
    pub reason: Arc<str>,
    pub way_out: Option<Arc<str>>,
    pub mode: Mode,
    pub counts_approvals: bool,
}

/// Anchors of entities to look under: none, and each of a lineage.
#[derive(Clone, Debug)]
pub(crate) struct Lineage {
    anchors: Vec<Option<EntityUid>>,
}

impl Lineage {
    /// `lineage` begins with the entity itself.
    pub fn new(lineage: impl IntoIterator<Item = EntityUid>) -> Self {
        Self { anchors: lineage.into_iter().map(Some).chain([None]).collect() }
    }

    pub fn contains(&self, uid: &EntityUid) -> bool {
        self.anchors.iter().flatten().any(|anchor| anchor == uid)
    }

    pub fn entities(&self) -> impl Iterator<Item = &EntityUid> {
        self.anchors.iter().flatten()
    }
}

type Places = HashMap<Option<EntityUid>, Vec<u32>>;

#[derive(Clone, Debug, Default)]
pub(crate) struct Index {
    entries: Vec<Entry>,
    /// By the resource's anchor, then by the principal's.
    by_resource: HashMap<Option<EntityUid>, Places>,
}

impl Index {
    pub fn add(&mut self, entry: Entry) {
        let place = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
        self.by_resource
            .entry(entry.resource.anchor.clone())
            .or_default()
            .entry(entry.principal.anchor.clone())
            .or_default()
            .push(place);
        self.entries.push(entry);
    }

    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// All whose scope matches.
    pub fn candidates<'a, 'q>(
        &'a self,
        action: Actions,
        principal: (&'q EntityUid, &'q Lineage),
        resource: (&'q EntityUid, &'q Lineage),
    ) -> impl Iterator<Item = &'a Entry> + use<'a, 'q> {
        resource
            .1
            .anchors
            .iter()
            .filter_map(|anchor| self.by_resource.get(anchor))
            .flat_map(move |places| principal.1.anchors.iter().filter_map(|anchor| places.get(anchor)))
            .flatten()
            .filter_map(|place| self.entries.get(*place as usize))
            .filter(move |entry| {
                entry.actions & action != 0
                    && entry.principal.matches(principal.0)
                    && entry.resource.matches(resource.0)
            })
    }

    /// All that match whatever the resource is, as far as its kind goes.
    pub fn for_any_resource<'a, 'q>(
        &'a self,
        action: Actions,
        principal: (&'q EntityUid, &'q Lineage),
        kind: &'q EntityTypeName,
    ) -> impl Iterator<Item = &'a Entry> + use<'a, 'q> {
        self.by_resource
            .values()
            .flat_map(move |places| principal.1.anchors.iter().filter_map(|anchor| places.get(anchor)))
            .flatten()
            .filter_map(|place| self.entries.get(*place as usize))
            .filter(move |entry| {
                entry.actions & action != 0
                    && entry.principal.matches(principal.0)
                    && entry.resource.kind.as_ref().is_none_or(|wanted| wanted == kind)
            })
    }
}
