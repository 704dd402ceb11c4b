//! What one may see of very many things: the same answers as [`Policies::allows`] gives one by one, but the policies
//! that could speak are found once, and what of them the resource does not matter to is decided once.

use std::collections::HashMap;

use cedar_policy::{
    Decision as Answer, EntityUid, PartialEntities, PartialEntityUid, PartialRequest, Request,
};
use jiff::Timestamp;

use crate::{
    Context, Entities, EntityName, Policies, Question, context,
    decision::Mode,
    entities::uid,
    index::{Entry, Lineage},
    policies::Said,
    schema::known,
    stack::evaluating,
};

/// A policy that speaks of some of the resources.
struct Speaking<'a> {
    entry: &'a Entry,
    /// Its condition holds whatever the resource is, or there is none.
    always: bool,
}

impl Policies {
    /// Which of `resources` the principal may do `action` on. `entities` hold the principal, the resources and all
    /// that these are in. Held to the plain decision by a property test.
    pub fn visible(
        &self,
        principal: &EntityName,
        action: &str,
        resources: &[EntityName],
        context: &Context,
        at: Timestamp,
        entities: &Entities,
    ) -> Vec<bool> {
        evaluating(|| {
            let mut answers = vec![false; resources.len()];
            let mut by_kind: HashMap<crate::Kind, Vec<usize>> = HashMap::new();
            for (place, resource) in resources.iter().enumerate() {
                by_kind.entry(resource.kind).or_default().push(place);
            }
            for (kind, places) in by_kind {
                let of_kind =
                    self.visible_of_kind(principal, action, resources, &places, kind, context, at, entities);
                for (place, answer) in places.into_iter().zip(of_kind) {
                    if let Some(slot) = answers.get_mut(place) {
                        *slot = answer;
                    }
                }
            }
            answers
        })
    }

    #[expect(clippy::too_many_arguments, reason = "the question, taken apart, and the resources")]
    fn visible_of_kind(
        &self,
        principal: &EntityName,
        action: &str,
        resources: &[EntityName],
        places: &[usize],
        kind: crate::Kind,
        context: &Context,
        at: Timestamp,
        entities: &Entities,
    ) -> Vec<bool> {
        let one_by_one = || {
            places
                .iter()
                .filter_map(|place| resources.get(*place))
                .map(|resource| {
                    let question = Question {
                        principal: principal.clone(),
                        action: action.to_owned(),
                        resource: resource.clone(),
                        context: context.clone(),
                        at,
                    };
                    self.allows(&question, entities)
                })
                .collect()
        };
        // A start has inputs of its own, and a layer that cannot be read has rules of its own: both are rare here.
        if self.is_broken() || matches!(context, Context::Start(_)) {
            return one_by_one();
        }
        let Some(bit) = known().bit(action) else { return vec![false; places.len()] };
        let (Ok(cedar), true) = (context::cedar(context), entities.contains(principal)) else {
            return vec![false; places.len()];
        };
        let principal = uid(principal);
        let lineage = Lineage::new(entities.lineage(&principal));
        let kind_name = known().type_name(kind);
        let partial = PartialRequest::new(
            PartialEntityUid::from_concrete(principal.clone()),
            known().action(action),
            PartialEntityUid::new(kind_name.clone(), None),
            Some(cedar.clone()),
            &known().schema,
        );
        // The schema refuses the question for every resource of the kind.
        let Ok(partial) = partial else { return vec![false; places.len()] };
        let Some(known_entities) = entities.around(&principal) else { return one_by_one() };
        let (mut forbids, mut permits) = (Vec::new(), Vec::new());
        for index in self.indexes() {
            for entry in index.for_any_resource(bit, (&principal, &lineage), &kind_name) {
                if entry.mode != Mode::Enforce || entry.ends_at.is_some_and(|end| end <= at) {
                    continue;
                }
                match always(entry, &partial, &known_entities) {
                    Some(false) => {}
                    answer => {
                        let speaking = Speaking { entry, always: answer.is_some() };
                        if entry.forbids { forbids.push(speaking) } else { permits.push(speaking) }
                    }
                }
            }
        }
        let (forbids, permits) = (Anchored::new(forbids), Anchored::new(permits));
        places
            .iter()
            .filter_map(|place| resources.get(*place))
            .map(|resource| {
                if !entities.contains(resource) {
                    return false;
                }
                let resource = uid(resource);
                let lineage = Lineage::new(entities.lineage(&resource));
                let mut request = None;
                let mut ask = |speaking: &Speaking<'_>| {
                    if speaking.always {
                        return Said::Applies;
                    }
                    let request = request.get_or_insert_with(|| {
                        let cedar = cedar.clone();
                        Request::new(principal.clone(), known().action(action), resource.clone(), cedar, None)
                            .map_err(|fault| fault.to_string())
                    });
                    match request {
                        Ok(request) => speaking.entry.ask(request, &entities.cedar),
                        Err(fault) => Said::Failed(fault.clone()),
                    }
                };
                // Everything is asked: an error of any policy is a deny, also of a permit beside one that applies.
                let forbidden =
                    forbids.at(&resource, &lineage).any(|speaking| !matches!(ask(speaking), Said::Nothing));
                if forbidden {
                    return false;
                }
                let mut permitted = false;
                for speaking in permits.at(&resource, &lineage) {
                    match ask(speaking) {
                        Said::Nothing => {}
                        Said::Applies => permitted = true,
                        Said::Failed(_) => return false,
                    }
                }
                permitted
            })
            .collect()
    }
}

/// Whether the condition holds, or does not, whatever the resource is; none if that matters, or it fails.
fn always(entry: &Entry, request: &PartialRequest, entities: &PartialEntities) -> Option<bool> {
    let Some(policy) = &entry.condition else { return Some(true) };
    // Residuals of a policy with a resource in its scope say nothing about its condition alone.
    let response = policy.tpe(request, entities, &known().schema).ok()?;
    let errors = response.error_permits().chain(response.error_forbids()).next().is_some();
    let unclear = response.residual_permits().chain(response.residual_forbids()).next().is_some();
    if errors || unclear {
        return None;
    }
    if response.false_permits().chain(response.false_forbids()).next().is_some() {
        return Some(false);
    }
    let applies = response.true_permits().chain(response.true_forbids()).next().is_some();
    debug_assert!(response.decision() != Some(Answer::Allow) || applies);
    applies.then_some(true)
}

/// Policies by the resource that their scope names.
struct Anchored<'a> {
    anywhere: Vec<Speaking<'a>>,
    at: HashMap<EntityUid, Vec<Speaking<'a>>>,
}

impl<'a> Anchored<'a> {
    fn new(all: Vec<Speaking<'a>>) -> Self {
        let mut anchored = Self { anywhere: Vec::new(), at: HashMap::new() };
        for speaking in all {
            match &speaking.entry.resource.anchor {
                None => anchored.anywhere.push(speaking),
                Some(anchor) => anchored.at.entry(anchor.clone()).or_default().push(speaking),
            }
        }
        anchored
    }

    fn at<'s>(
        &'s self,
        resource: &'s EntityUid,
        lineage: &'s Lineage,
    ) -> impl Iterator<Item = &'s Speaking<'a>> {
        self.anywhere
            .iter()
            .chain(lineage.entities().filter_map(|uid| self.at.get(uid)).flatten())
            .filter(|speaking| speaking.entry.resource.matches(resource))
    }
}
