//! What holds for any policies, any questions and any acts.

use std::collections::{BTreeSet, HashMap};

use cedar_policy::{Authorizer, Effect, EntityUid, Policy, PolicyId, PolicySet, Request};
use jiff::Timestamp;
use proptest::{collection::vec, prelude::*, sample::select};

use crate::{
    Auth, Binding, Context, Entities, Entity, EntityName, Grant, Kind, Layers, Method, Policies, PolicyText,
    Question, check_document, context,
    decision::{Layer, Mode},
    entities::uid,
    index::{Entry, Index, Lineage, Named},
    policies::Said,
    schema::known,
};

// ---- the index answers as the whole set does

const PRINCIPALS: &[&str] = &[
    "principal",
    "principal == User::\"ada\"",
    "principal in Group::\"a\"",
    "principal in Group::\"b\"",
    "principal == Group::\"a\"",
    "principal is User",
    "principal is ServiceAccount",
    "principal is User in Group::\"b\"",
    "principal is Group in Group::\"b\"",
    "principal in User::\"ada\"",
    "principal in Group::\"nowhere\"",
];
const ACTS: &[&str] = &[
    "action",
    "action == Action::\"preset.read\"",
    "action == Action::\"preset.save\"",
    "action in Action::\"View\"",
    "action in Action::\"Read\"",
    "action in [Action::\"Operate\", Action::\"run.plan\"]",
    "action in [Action::\"preset.read\", Action::\"Delegable\"]",
];
const RESOURCES: &[&str] = &[
    "resource",
    "resource == Runbook::\"shop/r\"",
    "resource in Runbook::\"shop/r\"",
    "resource in Service::\"shop/web\"",
    "resource in Project::\"shop\"",
    "resource in Platform::\"signalbox\"",
    "resource == Project::\"shop\"",
    "resource is Runbook",
    "resource is Project",
    "resource is Runbook in Project::\"shop\"",
    "resource is Runbook in Project::\"pay\"",
];
/// Some fail whenever they are evaluated, some for some entities.
const CONDITIONS: &[&str] = &[
    "",
    " when { true }",
    " when { false }",
    " when { context.auth.mfaAge <= 900 }",
    " unless { context.auth.method == \"session\" }",
    " when { context.nothing == 1 }",
    " when { 9223372036854775807 + context.auth.mfaAge > 0 }",
    " when { resource.labels.contains(\"safe\") }",
    " when { resource has labels && resource.labels.contains(\"safe\") }",
    " when { principal.disabled }",
    " unless { principal in Group::\"a\" }",
    " when { resource in Service::\"shop/web\" }",
];

fn world() -> Vec<Entity> {
    let labels = |label: &str| BTreeSet::from([label.to_owned()]);
    vec![
        Entity::platform(),
        Entity::project("shop"),
        Entity::project("pay"),
        Entity::service("shop", "web"),
        Entity::runbook("shop", "r", Some("web"), labels("safe")),
        Entity::runbook("shop", "s", None, labels("unsafe")),
        Entity::runbook("pay", "r", None, labels("safe")),
        Entity::group("a", &["b"]),
        Entity::group("b", &[]),
        Entity::user("ada", false, &["a"]),
        Entity::user("ben", true, &["b"]),
        Entity::user("cleo", false, &[]),
        Entity::service_account("ci", false, &["a"]),
    ]
}

fn principals() -> impl Strategy<Value = EntityName> {
    select(vec![
        EntityName::user("ada"),
        EntityName::user("ben"),
        EntityName::user("cleo"),
        EntityName::service_account("ci"),
    ])
}

fn runbooks() -> Vec<EntityName> {
    vec![EntityName::runbook("shop", "r"), EntityName::runbook("shop", "s"), EntityName::runbook("pay", "r")]
}

fn policy() -> impl Strategy<Value = String> {
    (any::<bool>(), select(PRINCIPALS), select(ACTS), select(RESOURCES), select(CONDITIONS)).prop_map(
        |(permits, principal, action, resource, condition)| {
            let effect = if permits { "permit" } else { "forbid" };
            format!("{effect}({principal}, {action}, {resource}){condition};")
        },
    )
}

fn auths() -> impl Strategy<Value = Auth> {
    let scopes = BTreeSet::from(["View".to_owned(), "preset.save".to_owned()]);
    let kept = |auth: Auth| Auth { projects: Some(BTreeSet::from(["shop".to_owned()])), ..auth };
    select(vec![
        Auth::session(Some(0)),
        Auth::session(None),
        Auth::of(Method::Token),
        Auth::token(scopes.clone()),
        kept(Auth::token(scopes)),
    ])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn the_index_answers_as_the_whole_set(
        texts in vec(policy(), 0..40),
        principal in principals(),
        resource in select(runbooks()),
        action in select(vec!["preset.read", "preset.save", "run.plan", "bind"]),
        auth in auths(),
    ) {
        let entities = Entities::new(world()).expect("entities");
        let (mut whole, mut index) = (PolicySet::new(), Index::default());
        for (number, text) in texts.iter().enumerate() {
            let id = format!("p{number}");
            // Not validated: what validation refuses must not make a difference either.
            let policy = Policy::parse(Some(PolicyId::new(&id)), text).expect("policies");
            let named = Named {
                id: id.as_str().into(),
                layer: Layer::Platform,
                reason: "".into(),
                way_out: None,
                mode: Mode::Enforce,
                counts_approvals: false,
            };
            index.add(Entry::of(&policy, named).expect("an entry"));
            whole.add(policy).expect("its id is its own");
        }
        let (principal, resource) = (uid(&principal), uid(&resource));
        let cedar = context::cedar(&Context::base(auth)).expect("a context");
        let request = Request::new(principal.clone(), known().action(action), resource.clone(), cedar, None)
            .expect("a request");
        let (mut applies, mut fails) = (BTreeSet::new(), BTreeSet::new());
        let lineages = (Lineage::new(entities.lineage(&principal)), Lineage::new(entities.lineage(&resource)));
        let bit = known().bit(action).expect("an action");
        for entry in index.candidates(bit, (&principal, &lineages.0), (&resource, &lineages.1)) {
            match entry.ask(&request, &entities.cedar) {
                Said::Nothing => {}
                Said::Applies => prop_assert!(applies.insert((entry.id.to_string(), entry.forbids)), "twice"),
                Said::Failed(_) => prop_assert!(fails.insert(entry.id.to_string()), "twice"),
            }
        }
        let response = Authorizer::new().is_authorized(&request, &whole, &entities.cedar);
        let errors: BTreeSet<String> = response
            .diagnostics()
            .errors()
            .map(|error| match error {
                cedar_policy::AuthorizationError::PolicyEvaluationError(error) => error.policy_id().to_string(),
            })
            .collect();
        prop_assert_eq!(fails, errors);
        // Cedar names only those of the effect that won.
        let determining: BTreeSet<String> = response.diagnostics().reason().map(ToString::to_string).collect();
        let forbidden = applies.iter().any(|(_, forbids)| *forbids);
        let won: BTreeSet<String> =
            applies.iter().filter(|(_, forbids)| *forbids == forbidden).map(|(id, _)| id.clone()).collect();
        prop_assert_eq!(won, determining);
        let kinds_agree = applies.iter().all(|(id, forbids)| {
            let effect = if *forbids { Effect::Forbid } else { Effect::Permit };
            whole.policy(&PolicyId::new(id)).map(Policy::effect) == Some(effect)
        });
        prop_assert!(kinds_agree);
    }
}

// ---- what one may see is what is decided

/// Policies of the project `shop` that validation lets through.
const SHOPS: &[&str] = &[
    "permit(principal in Group::\"b\", action in Action::\"View\", resource in Project::\"shop\")",
    "permit(principal, action in Action::\"View\", resource is Runbook in Project::\"shop\") when { resource.labels.contains(\"safe\") }",
    "permit(principal == User::\"cleo\", action == Action::\"preset.read\", resource == Runbook::\"shop/s\")",
    "permit(principal, action == Action::\"preset.read\", resource in Project::\"shop\") when { context.auth.mfaAge <= 900 }",
    "permit(principal, action == Action::\"preset.save\", resource in Service::\"shop/web\") unless { principal in Group::\"a\" }",
    "permit(principal, action == Action::\"run.plan\", resource in Project::\"shop\") when { 9223372036854775807 + context.auth.mfaAge > 0 }",
    "forbid(principal, action == Action::\"preset.read\", resource in Project::\"shop\") when { resource.labels.contains(\"unsafe\") }",
    "forbid(principal in Group::\"a\", action == Action::\"preset.save\", resource == Runbook::\"shop/r\")",
    "forbid(principal, action == Action::\"run.plan\", resource in Service::\"shop/web\") when { context.auth.method == \"token\" }",
    "forbid(principal, action == Action::\"preset.save\", resource in Service::\"shop/web\") when { 9223372036854775807 + context.auth.mfaAge > 0 && resource.labels.contains(\"safe\") }",
];

fn named(place: usize, policy: &str) -> String {
    let mode = if place % 7 == 6 && policy.starts_with("forbid") { "@mode(\"observe\") " } else { "" };
    format!("@id(\"s{place}\") @reason(\"r\") {mode}{policy};")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_one_may_see_is_what_is_decided(
        chosen in proptest::sample::subsequence((0..SHOPS.len()).collect::<Vec<_>>(), 0..SHOPS.len()),
        grants in vec((select(vec!["viewer", "operator"]), select(vec!["a", "b", "root"]), any::<bool>(), 0..3_i64), 0..4),
        broken in proptest::bool::weighted(0.1),
        principal in principals(),
        action in select(vec!["preset.read", "preset.save", "run.plan", "bind", "project.read", "no.such"]),
        auth in auths(),
    ) {
        static SHIPPED: std::sync::LazyLock<Policies> =
            std::sync::LazyLock::new(|| Policies::build(Layers::shipped()).expect("built in"));
        let mut layers = Layers::shipped();
        let mut texts: Vec<PolicyText> = chosen
            .iter()
            .map(|place| PolicyText { name: format!("d{place}"), text: named(*place, SHOPS[*place]) })
            .collect();
        if broken {
            texts.push(PolicyText { name: "broken".into(), text: "permit(".into() });
        }
        layers.projects.push(("shop".into(), texts));
        for (number, (role, group, whole, end)) in grants.into_iter().enumerate() {
            layers.grants.push(Grant {
                id: format!("g{number}"),
                role: role.into(),
                principal: EntityName::group(group),
                resource: if whole { EntityName::platform() } else { EntityName::runbook("pay", "r") },
                ends_at: (end > 0).then(|| Timestamp::from_second(end).expect("a time")),
            });
        }
        let policies = SHIPPED.rebuild(layers).expect("built in");
        prop_assert_eq!(policies.problems().len(), usize::from(broken), "{:?}", policies.problems());
        let entities = Entities::new(world()).expect("entities");
        let mut resources = runbooks();
        resources.extend([EntityName::project("shop"), EntityName::runbook("shop", "gone")]);
        let context = Context::base(auth);
        let at = Timestamp::from_second(1).expect("a time");
        let seen = policies.visible(&principal, action, &resources, &context, at, &entities);
        let decided: Vec<bool> = resources
            .iter()
            .map(|resource| {
                let question = Question {
                    principal: principal.clone(),
                    action: action.into(),
                    resource: resource.clone(),
                    context: context.clone(),
                    at,
                };
                policies.decide(&question, &entities).is_allow()
            })
            .collect();
        prop_assert_eq!(seen, decided);
    }
}

// ---- no acts of a governor leave Delegable

/// What a governor may try.
#[derive(Clone, Debug)]
enum Act {
    Grant { by: &'static str, role: &'static str, to: EntityName, on: EntityName },
    Bind { by: &'static str, secret: EntityName },
    Policy { by: &'static str, text: String },
}

fn acts() -> impl Strategy<Value = Act> {
    let by = || select(vec!["gus", "eve"]);
    let whom = select(vec![
        EntityName::user("gus"),
        EntityName::user("eve"),
        EntityName::group("friends"),
        EntityName::group("root"),
        EntityName::group("security"),
    ]);
    let on = select(vec![
        EntityName::project("shop"),
        EntityName::project("pay"),
        EntityName::platform(),
        EntityName::runbook("shop", "r"),
    ]);
    let roles = vec!["viewer", "operator", "author", "reviewer", "approver", "governor"];
    let secret = select(vec![EntityName::secret("shop", "s"), EntityName::secret("pay", "s")]);
    prop_oneof![
        (by(), select(roles), whom, on).prop_map(|(by, role, to, on)| Act::Grant { by, role, to, on }),
        (by(), secret).prop_map(|(by, secret)| Act::Bind { by, secret }),
        (by(), policy()).prop_map(|(by, text)| Act::Policy { by, text }),
    ]
}

fn realm() -> Entities {
    let mut entities = world();
    entities.extend([
        Entity::group("friends", &[]),
        Entity::group("root", &[]),
        Entity::group("security", &[]),
        Entity::user("gus", false, &["friends"]),
        Entity::user("eve", false, &["friends"]),
        Entity::secret("shop", "s"),
        Entity::secret("pay", "s"),
        Entity::policy("shop", "own"),
        Entity::register(),
        Entity::version(
            &EntityName::policy("shop", "own"),
            crate::VersionFacts { digest: "d".into(), ..crate::VersionFacts::default() },
        ),
    ]);
    Entities::new(entities).expect("entities")
}

fn ask(by: &str, action: &str, resource: EntityName, context: Context) -> Question {
    let principal = EntityName::user(by);
    Question { principal, action: action.into(), resource, context, at: Timestamp::UNIX_EPOCH }
}

/// Does what is allowed, as the server would.
fn perform(act: Act, policies: &Policies, layers: &mut Layers, entities: &Entities, number: usize) -> bool {
    let auth = Auth::session(Some(0));
    match act {
        Act::Grant { by, role, to, on } => {
            let held = policies.role(role).expect("shipped");
            let groups = entities.names_above(&EntityName::user(by));
            let context = Context::Grant {
                auth,
                granted: held.actions,
                delegable: held.delegable,
                to_self: groups.contains(&to),
            };
            let allowed = policies.decide(&ask(by, "grant.create", on.clone(), context), entities).is_allow();
            if allowed {
                let id = format!("act-{number}");
                layers.grants.push(Grant {
                    id,
                    role: role.into(),
                    principal: to,
                    resource: on,
                    ends_at: None,
                });
            }
            allowed
        }
        Act::Bind { by, secret } => {
            let allowed =
                policies.decide(&ask(by, "bind", secret.clone(), Context::base(auth)), entities).is_allow();
            if allowed {
                layers.bindings.push(Binding {
                    id: format!("act-{number}"),
                    principal: EntityName::runbook("shop", "r"),
                    action: "secret.use".into(),
                    resource: secret,
                });
            }
            allowed
        }
        Act::Policy { by, text } => {
            let text = format!("@id(\"own{number}\") @reason(\"r\") {text}");
            let version = EntityName::version(&EntityName::policy("shop", "own"), "d");
            let context = Context::Reviewed { auth, reviews: 2 };
            let allowed = check_document(&Layer::Project("shop".into()), &text).is_ok()
                && policies.decide(&ask(by, "policy.publish", version, context), entities).is_allow();
            if allowed {
                let text = PolicyText { name: format!("own{number}"), text };
                match layers.projects.iter_mut().find(|(project, _)| project == "shop") {
                    Some((_, texts)) => texts.push(text),
                    None => layers.projects.push(("shop".into(), vec![text])),
                }
            }
            allowed
        }
    }
}

/// Every right outside of what a governor of `shop` may hand out.
fn beyond(policies: &Policies, entities: &Entities) -> Vec<(String, String, String)> {
    let mut rights = Vec::new();
    let shop: EntityUid = uid(&EntityName::project("shop"));
    let resources: Vec<EntityName> = realm_names();
    for principal in ["gus", "eve", "cleo"] {
        for action in
            crate::ACTIONS.iter().filter(|action| crate::ContextKind::of(action) == crate::ContextKind::Base)
        {
            for resource in &resources {
                let own = entities.lineage(&uid(resource)).contains(&shop);
                if own && crate::is_delegable(action) {
                    continue;
                }
                let question =
                    ask(principal, action, resource.clone(), Context::base(Auth::session(Some(0))));
                if policies.allows(&question, entities) {
                    rights.push((principal.into(), (*action).to_owned(), resource.to_string()));
                }
            }
        }
    }
    rights
}

fn realm_names() -> Vec<EntityName> {
    let mut names = runbooks();
    names.extend([
        EntityName::platform(),
        EntityName::register(),
        EntityName::project("shop"),
        EntityName::project("pay"),
        EntityName::secret("shop", "s"),
        EntityName::secret("pay", "s"),
        EntityName::policy("shop", "own"),
    ]);
    assert!(names.iter().all(|name| name.kind != Kind::User));
    names
}

#[test]
fn no_sequence_of_acts_allowed_to_a_governor_leaves_delegable() {
    let mut start = Layers::shipped();
    start.grants.push(Grant {
        id: "gus".into(),
        role: "governor".into(),
        principal: EntityName::user("gus"),
        resource: EntityName::project("shop"),
        ends_at: None,
    });
    let base = Policies::build(start.clone()).expect("built in");
    let entities = realm();
    let before = beyond(&base, &entities);
    let mut done: HashMap<&str, usize> = HashMap::new();
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(12));
    let (count, reached) = (std::cell::RefCell::new(&mut done), &before);
    runner
        .run(&vec(acts(), 1..12), |sequence| {
            let (mut layers, mut policies) = (start.clone(), base.clone());
            for (number, act) in sequence.into_iter().enumerate() {
                let sort = match &act {
                    Act::Grant { .. } => "grant",
                    Act::Bind { .. } => "bind",
                    Act::Policy { .. } => "policy",
                };
                if perform(act, &policies, &mut layers, &entities, number) {
                    *count.borrow_mut().entry(sort).or_default() += 1;
                    policies = policies.rebuild(layers.clone()).expect("built in");
                }
            }
            prop_assert_eq!(&beyond(&policies, &entities), reached);
            Ok(())
        })
        .unwrap_or_else(|fault| panic!("{fault}"));
    assert!(done.len() == 3, "each sort of act was done at least once: {done:?}");
}
