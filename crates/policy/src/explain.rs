//! Why, and what would change it.

use serde::{Deserialize, Serialize};

use crate::{
    Auth, Context, Entities, Grant, GrantableRole, Kind, Layers, Method, Policies, Question,
    decision::{Decision, Layer, MissingApprovals, Outcome},
};

/// A decision with all that a person may want to know of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    pub decision: Decision,
    /// If nothing permits it: the roles that would do.
    pub roles: Vec<GrantableRole>,
    /// The smallest thing that would make it an allow, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counterfactual: Option<Counterfactual>,
}

/// What would make it an allow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counterfactual {
    /// All of these together, the smallest set that was found.
    pub changes: Vec<Change>,
    /// For a person.
    pub words: String,
}

/// A fact that somebody can change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "change")]
pub enum Change {
    /// More approvals, some of them by owners of the service.
    Approvals { approvals: i64, owner_approvals: i64 },
    /// Reviews by others.
    Reviews { reviews: i64 },
    /// Give the second factor again.
    FreshFactor,
    /// Sign in and do it oneself, not by a token.
    InPerson,
    /// Wait until no freeze is in force.
    AfterFreeze,
    /// Do it with at most so many targets.
    FewerTargets { targets: i64 },
    /// Do it where no target is production.
    OffProduction,
    /// Name an open incident and the reason.
    IncidentAndReason,
    /// Have a role granted.
    Role { role: String, on: crate::EntityName },
}

impl Change {
    /// How much is asked of people: smaller is tried first.
    fn cost(&self) -> i64 {
        match self {
            Self::FreshFactor => 1,
            Self::InPerson => 2,
            Self::IncidentAndReason => 3,
            Self::Approvals { approvals, owner_approvals } => 3 + 2 * approvals + owner_approvals,
            Self::Reviews { reviews } => 3 + 2 * reviews,
            Self::FewerTargets { .. } => 10,
            Self::AfterFreeze => 12,
            Self::Role { .. } => 14,
            Self::OffProduction => 20,
        }
    }

    fn words(&self) -> String {
        match self {
            Self::Approvals { approvals, owner_approvals } => {
                let missing = MissingApprovals { approvals: *approvals, owner_approvals: *owner_approvals };
                missing.said().trim_end_matches('.').replacen("Ask", "ask", 1)
            }
            Self::Reviews { reviews: 1 } => "have it reviewed by another person".into(),
            Self::Reviews { reviews } => format!("have it reviewed by {reviews} other people"),
            Self::FreshFactor => "give your second factor again".into(),
            Self::InPerson => "sign in and do it yourself, not by a token".into(),
            Self::AfterFreeze => "wait until the freeze is over".into(),
            Self::FewerTargets { targets: 1 } => "do it on 1 target".into(),
            Self::FewerTargets { targets } => format!("do it on at most {targets} targets"),
            Self::OffProduction => "do it where no target is production".into(),
            Self::IncidentAndReason => "name an open incident and the reason".into(),
            Self::Role { role, on } => format!("have the role {role} granted on {on}"),
        }
    }

    fn apply(&self, question: &mut Question) {
        match self {
            Self::FreshFactor => {
                if let Some(auth) = question.context.auth_mut() {
                    auth.mfa_age_s = 0;
                }
            }
            Self::InPerson => {
                if let Some(auth) = question.context.auth_mut() {
                    *auth = Auth { mfa_age_s: auth.mfa_age_s, ..Auth::of(Method::Session) };
                }
            }
            Self::Reviews { reviews } => {
                if let Context::Reviewed { reviews: counted, .. } = &mut question.context {
                    *counted = counted.saturating_add(*reviews);
                }
            }
            Self::Role { .. } => {}
            _ => {
                if let Context::Start(start) = &mut question.context {
                    match self {
                        Self::Approvals { approvals, owner_approvals } => {
                            start.approvals = start.approvals.saturating_add(*approvals);
                            start.owner_approvals = start.owner_approvals.saturating_add(*owner_approvals);
                        }
                        Self::AfterFreeze => start.freeze = false,
                        Self::FewerTargets { targets } => start.targets = *targets,
                        Self::OffProduction => start.prod = false,
                        Self::IncidentAndReason => {
                            start.incident.get_or_insert_with(|| "incident".into());
                            start.reason.get_or_insert_with(|| "reason".into());
                        }
                        _ => {}
                    }
                }
            }
        }
    }
}

impl Policies {
    /// Decides, and says why and what would change it.
    pub fn explain(&self, question: &Question, entities: &Entities) -> Explanation {
        let decision = self.decide(question, entities);
        let nothing_permits = decision.outcome == Outcome::Deny
            && decision.determining.is_empty()
            && decision.errors.is_empty();
        let roles = if nothing_permits { self.roles_for(&question.action) } else { Vec::new() };
        let counterfactual = self.counterfactual(question, entities);
        Explanation { decision, roles, counterfactual }
    }

    /// Decides again with each liftable fact changed, alone and in pairs and threes, and reports the smallest change
    /// that makes an allow. None: it is an allow already, or no such change helps.
    pub fn counterfactual(&self, question: &Question, entities: &Entities) -> Option<Counterfactual> {
        let now = self.decide(question, entities);
        if now.is_allow() || !now.errors.is_empty() {
            return None;
        }
        let (mut changes, roles) = (self.changes(question), self.role_changes(question, entities));
        changes.extend(roles);
        let mut sets: Vec<(i64, Vec<&Change>)> = Vec::new();
        for (place, one) in changes.iter().enumerate() {
            sets.push((one.cost(), vec![one]));
            for (next, two) in changes.iter().enumerate().skip(place + 1) {
                if !one.goes_with(two) {
                    continue;
                }
                // More things to do are worse than one.
                sets.push((5 + one.cost() + two.cost(), vec![one, two]));
                for three in changes.iter().skip(next + 1) {
                    if one.goes_with(three) && two.goes_with(three) {
                        sets.push((10 + one.cost() + two.cost() + three.cost(), vec![one, two, three]));
                    }
                }
            }
        }
        sets.sort_by_key(|(cost, _)| *cost);
        sets.into_iter().find_map(|(_, set)| {
            let mut changed = question.clone();
            set.iter().for_each(|change| change.apply(&mut changed));
            let role = set.iter().find_map(|change| match change {
                Change::Role { role, on } => Some((role, on)),
                _ => None,
            });
            let allowed = match role {
                None => self.allows(&changed, entities),
                Some((role, on)) => self.allows_with_role(&changed, entities, role, on),
            };
            allowed.then(|| Counterfactual::of(set.into_iter().cloned().collect()))
        })
    }

    fn changes(&self, question: &Question) -> Vec<Change> {
        let mut changes = Vec::new();
        if let Some(auth) = question.context.auth() {
            if auth.method == Method::Session && auth.mfa_age_s > 0 {
                changes.push(Change::FreshFactor);
            }
            if auth.method == Method::Token && question.principal.kind == Kind::User {
                changes.push(Change::InPerson);
            }
        }
        match &question.context {
            Context::Reviewed { .. } => {
                changes.extend([1, 2].map(|reviews| Change::Reviews { reviews }));
            }
            Context::Start(start) => {
                for (approvals, owner_approvals) in [(1, 0), (1, 1), (2, 0), (2, 1), (2, 2)] {
                    changes.push(Change::Approvals { approvals, owner_approvals });
                }
                if start.freeze {
                    changes.push(Change::AfterFreeze);
                }
                if start.prod {
                    changes.push(Change::OffProduction);
                }
                if start.incident.is_none() || start.reason.is_none() {
                    changes.push(Change::IncidentAndReason);
                }
                // The most that would do, from the bounds that people write.
                for targets in [100, 50, 20, 10, 5, 1] {
                    if targets < start.targets {
                        changes.push(Change::FewerTargets { targets });
                    }
                }
            }
            _ => {}
        }
        changes
    }

    fn role_changes(&self, question: &Question, entities: &Entities) -> Vec<Change> {
        if !matches!(question.principal.kind, Kind::User | Kind::ServiceAccount) {
            return Vec::new();
        }
        // On as little as can be granted.
        let on = [Kind::Runbook, Kind::Service, Kind::Project, Kind::Platform].into_iter().find_map(|kind| {
            entities.names_above(&question.resource).into_iter().find(|name| name.kind == kind)
        });
        let Some(on) = on else { return Vec::new() };
        let mut roles = self.roles_for(&question.action);
        roles.sort_by_key(|role| role.actions.len());
        roles.into_iter().map(|role| Change::Role { role: role.name, on: on.clone() }).collect()
    }

    fn allows_with_role(
        &self,
        question: &Question,
        entities: &Entities,
        role: &str,
        on: &crate::EntityName,
    ) -> bool {
        let grant = Grant {
            id: "as if".into(),
            role: role.to_owned(),
            principal: question.principal.clone(),
            resource: on.clone(),
            ends_at: None,
        };
        self.allows_as_if(question, entities, &grant)
    }

    /// Who of `principals` may do `action` on `resource`, each with the decision; `ask` makes the question for one.
    pub fn who_can<'p>(
        &self,
        principals: impl IntoIterator<Item = &'p crate::EntityName>,
        entities: &Entities,
        ask: impl Fn(&crate::EntityName) -> Question,
    ) -> Vec<Decision> {
        principals.into_iter().map(|principal| self.decide(&ask(principal), entities)).collect()
    }

    /// Asks recorded questions again, of policies that are proposed, and gives those whose answer flips.
    pub fn simulate<'q>(
        &self,
        proposed: &Policies,
        recorded: impl IntoIterator<Item = (&'q Question, &'q Entities)>,
    ) -> Vec<Flip> {
        recorded
            .into_iter()
            .filter_map(|(question, entities)| {
                let before = self.decide(question, entities);
                let after = proposed.decide(question, entities);
                (before.outcome != after.outcome).then(|| Flip { question: question.clone(), before, after })
            })
            .collect()
    }
}

/// A question that proposed policies answer otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flip {
    pub question: Question,
    pub before: Decision,
    pub after: Decision,
}

impl Change {
    fn goes_with(&self, other: &Self) -> bool {
        // Two of one sort say the same fact twice.
        std::mem::discriminant(self) != std::mem::discriminant(other)
    }
}

impl Counterfactual {
    fn of(changes: Vec<Change>) -> Self {
        let words: Vec<String> = changes.iter().map(Change::words).collect();
        let words = format!("It would be allowed: {}.", words.join(", and "));
        Self { changes, words }
    }
}

impl Layers {
    /// The documents of a layer, to be changed: the platform's, or a project's.
    pub fn texts_mut(&mut self, layer: &Layer) -> Option<&mut Vec<crate::PolicyText>> {
        match layer {
            Layer::Platform => Some(&mut self.platform),
            Layer::Project(project) => {
                self.projects.iter_mut().find(|(name, _)| name == project).map(|(_, texts)| texts)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PolicyTests;

    fn explained(context: serde_json::Value, role: bool) -> Explanation {
        let mut file = serde_json::json!({
            "modes": {"1.approvals": "enforce", "1.mfa": "enforce"},
            "tests": [{
                "name": "a start", "principal": "User::\"ada\"", "action": "run.start",
                "resource": "Version::\"shop/restart-web@d1\"", "context": context,
                "expect": {"outcome": "deny"},
            }],
        });
        if role {
            file["grants"] = serde_json::json!([
                {"id": "g", "role": "operator", "principal": "User::\"ada\"", "resource": "Project::\"shop\""}
            ]);
        }
        let tests: PolicyTests = serde_json::from_value(file).expect("tests");
        let policies = Policies::build(tests.layers(&Layers::shipped()).expect("modes")).expect("built in");
        let entities = Entities::new(tests.entities_of(&tests.tests[0])).expect("entities");
        policies.explain(&tests.tests[0].question().expect("a question"), &entities)
    }

    fn flip(explanation: &Explanation) -> Vec<Change> {
        explanation.counterfactual.clone().expect("something would do").changes
    }

    #[test]
    fn the_smallest_thing_that_would_change_it_is_told() {
        let one = explained(serde_json::json!({"prod": true}), true);
        assert_eq!(one.decision.outcome, Outcome::NeedsApproval);
        assert_eq!(flip(&one), [Change::Approvals { approvals: 1, owner_approvals: 0 }]);
        let old =
            explained(serde_json::json!({"prod": true, "approvals": 2, "auth": {"mfaAge": 4000}}), true);
        assert_eq!(flip(&old), [Change::FreshFactor]);
        let frozen = explained(serde_json::json!({"prod": true, "approvals": 2, "freeze": true}), true);
        assert_eq!(flip(&frozen), [Change::AfterFreeze]);
        let many = explained(serde_json::json!({"targets": 5000}), true);
        assert_eq!(flip(&many), [Change::FewerTargets { targets: 100 }]);
        let nothing = explained(serde_json::json!({}), false);
        assert_eq!(nothing.roles.iter().map(|role| role.name.as_str()).collect::<Vec<_>>(), ["operator"]);
        let on = crate::EntityName::runbook("shop", "restart-web");
        assert_eq!(flip(&nothing), [Change::Role { role: "operator".into(), on }]);
        // Nothing that anybody can change makes another thing of what was published.
        assert_eq!(explained(serde_json::json!({"digest": "d9"}), true).counterfactual, None);
        assert_eq!(explained(serde_json::json!({}), true).counterfactual, None);
    }
}
