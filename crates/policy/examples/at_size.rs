//! How long decisions take at 10, 1,000 and 10,000 policies, and what one may see of 10,000 runbooks under 1,000.
//!
//! `cargo run --release -p policy --example at_size`

#![allow(clippy::print_stdout, clippy::expect_used, reason = "it measures, and stops at the first surprise")]

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use policy::{
    Auth, Budget, Context, Entities, Entity, EntityName, Grant, Layers, Method, Policies, PolicyText,
    Question, Start, VersionFacts,
};

const TEAMS: usize = 50;

fn main() {
    for size in [10, 1_000, 10_000] {
        decisions(size);
    }
    sight();
}

fn project(place: usize) -> String {
    format!("p{}", place % TEAMS)
}

/// Half of them policies of projects with conditions, half of them grants.
fn layers(size: usize) -> Layers {
    let mut layers = Layers::shipped();
    let texts = size / 2;
    let mut documents: Vec<Vec<String>> = vec![Vec::new(); TEAMS];
    for place in 0..texts {
        documents[place % TEAMS].push(format!(
            "@id(\"t{place}\") permit(principal in Group::\"g{}\", action == Action::\"run.start\", resource in Runbook::\"{}/r{place}\") \
             when {{ context.environments == [\"staging\"] && context.targets <= 10 }};\n",
            place % 100,
            project(place),
        ));
    }
    for (place, policies) in documents.into_iter().enumerate() {
        let documents = policies
            .chunks(100)
            .enumerate()
            .map(|(number, chunk)| PolicyText { name: format!("d{number}"), text: chunk.concat() })
            .collect();
        layers.projects.push((project(place), documents));
    }
    for place in 0..size - texts {
        layers.grants.push(Grant {
            id: format!("grant-{place}"),
            role: ["viewer", "operator", "author"][place % 3].into(),
            principal: EntityName::group(format!("g{}", place % 100)),
            resource: EntityName::runbook(&project(place), &format!("r{place}")),
            ends_at: None,
        });
    }
    layers
}

fn slice(project: &str, runbook: &str, groups: &[&str]) -> Vec<Entity> {
    let name = EntityName::runbook(project, runbook);
    let facts =
        VersionFacts { digest: "d".into(), published: true, max_targets: 1000, ..VersionFacts::default() };
    let mut entities = vec![
        Entity::platform(),
        Entity::project(project),
        Entity::runbook(project, runbook, None, BTreeSet::new()),
        Entity::version(&name, facts),
        Entity::user("ada", false, groups),
    ];
    entities.extend(groups.iter().map(|group| Entity::group(group, &[])));
    entities
}

fn decisions(size: usize) {
    let begun = Instant::now();
    let layers = layers(size);
    let policies = Policies::build(layers.clone()).expect("built in");
    assert!(policies.problems().is_empty(), "{:?}", policies.problems().first());
    let built = begun.elapsed();
    let begun = Instant::now();
    let policies = policies.rebuild(layers).expect("built in");
    let rebuilt = begun.elapsed();
    let mut with_slice = Vec::new();
    let mut decided = Vec::new();
    let mut allowed = 0;
    for round in 0..20_000 {
        let place = round * 7919 % (size / 2);
        let (project, runbook) = (project(place), format!("r{place}"));
        let group = format!("g{}", round % 100);
        let groups = [group.as_str(), "web", "all"];
        let question = Question {
            principal: EntityName::user("ada"),
            action: "run.start".into(),
            resource: EntityName::version(&EntityName::runbook(&project, &runbook), "d"),
            context: Context::Start(Box::new(start())),
            at: Timestamp::UNIX_EPOCH,
        };
        let begun = Instant::now();
        let entities = Entities::new(slice(&project, &runbook, &groups)).expect("entities");
        let sliced = Instant::now();
        allowed += usize::from(policies.decide(&question, &entities).is_allow());
        decided.push(sliced.elapsed());
        with_slice.push(begun.elapsed());
    }
    println!(
        "{size} policies beyond the shipped: built in {built:?}, again in {rebuilt:?}, {allowed} of 20000 allowed"
    );
    say("  a decision", decided);
    say("  with its entities", with_slice);
}

fn say(what: &str, mut times: Vec<Duration>) {
    times.sort();
    let at = |per_mille: usize| times[(times.len() - 1) * per_mille / 1000];
    println!("{what}: p50 {:?}, p99 {:?}, p99.9 {:?}", at(500), at(990), at(999));
}

fn start() -> Start {
    Start {
        auth: Auth::session(Some(0)),
        effect: model::runbook::Effect::Change,
        initiator_disabled: false,
        depth: 0,
        digest: "d".into(),
        change_class: model::runbook::ChangeClass::Feature,
        approvals: 0,
        owner_approvals: 0,
        targets: 3,
        environments: BTreeSet::from(["staging".to_owned()]),
        prod: false,
        freeze: false,
        maintenance: false,
        on_call: false,
        hour: 12,
        weekday: 3,
        budget: Budget::none(),
        incident: None,
        reason: None,
        texts: [("region".to_owned(), "eu".to_owned())].into(),
        numbers: [("batch".to_owned(), 10)].into(),
    }
}

fn sight() {
    const RUNBOOKS: usize = 10_000;
    let mut layers = layers(1_000);
    // Some that look at the resource itself.
    layers.projects[0].1.push(PolicyText {
        name: "labels".into(),
        text: "@id(\"safe\") permit(principal in Group::\"g1\", action in Action::\"View\", resource is Runbook in Project::\"p0\") when { resource.labels.contains(\"safe\") };"
            .into(),
    });
    for place in 0..20 {
        layers.grants.push(Grant {
            id: format!("whole-{place}"),
            role: "viewer".into(),
            principal: EntityName::group("g1"),
            resource: EntityName::project(project(place + 1)),
            ends_at: None,
        });
    }
    let policies = Policies::build(layers).expect("built in");
    assert!(policies.problems().is_empty(), "{:?}", policies.problems().first());
    let mut all = vec![Entity::platform(), Entity::user("ada", false, &["g1"]), Entity::group("g1", &[])];
    all.extend((0..TEAMS).map(|place| Entity::project(&project(place))));
    let mut resources = Vec::new();
    for place in 0..RUNBOOKS {
        let labels = if place % 3 == 0 { BTreeSet::from(["safe".to_owned()]) } else { BTreeSet::new() };
        let runbook = Entity::runbook(&project(place), &format!("r{place}"), None, labels);
        resources.push(runbook.name.clone());
        all.push(runbook);
    }
    let mut seen = 0;
    let (mut loads, mut sights) = (Vec::new(), Vec::new());
    for _ in 0..20 {
        let begun = Instant::now();
        let entities = Entities::new(all.clone()).expect("entities");
        let loaded = Instant::now();
        let context = Context::base(Auth::of(Method::Session));
        let ada = EntityName::user("ada");
        let answers =
            policies.visible(&ada, "preset.read", &resources, &context, Timestamp::UNIX_EPOCH, &entities);
        sights.push(loaded.elapsed());
        loads.push(loaded - begun);
        seen = answers.into_iter().filter(|answer| *answer).count();
    }
    println!("{seen} of {RUNBOOKS} runbooks are seen under 1000 policies");
    say("  as entities", loads);
    say("  what one may see", sights);
}
