//! The ways in which Cedar, used plainly, would answer *allow* or end the process; each must not work here.

use jiff::Timestamp;

use crate::{
    Auth, Context, Entities, Entity, EntityName, Layers, Policies, PolicyFault, PolicyTests, PolicyText,
    Question, check_document,
    decision::{Layer, Mode, Outcome},
    shipped,
};

fn platform(text: &str) -> Result<crate::CheckedDocument, Vec<PolicyFault>> {
    check_document(&Layer::Platform, text)
}

fn shop(text: &str) -> Result<crate::CheckedDocument, Vec<PolicyFault>> {
    check_document(&Layer::Project("shop".into()), text)
}

fn only(faults: Result<crate::CheckedDocument, Vec<PolicyFault>>) -> PolicyFault {
    let faults = faults.expect_err("it is refused");
    assert_eq!(faults.len(), 1, "{faults:?}");
    faults.into_iter().next().expect("one")
}

fn cancels(condition: &str) -> String {
    format!(
        "@id(\"x\") @reason(\"It is forbidden.\") forbid(principal, action == Action::\"secret.rewrap\", resource) when {{ {condition} }};"
    )
}

/// Root asks for something that only `text` could forbid.
fn root_asks(text: String) -> crate::decision::Decision {
    let mut layers = Layers::shipped();
    layers.platform.push(PolicyText { name: "tried".into(), text });
    let policies = Policies::build(layers).expect("built in");
    assert_eq!(policies.problems(), []);
    policies.decide(&rewrap(), &root())
}

fn rewrap() -> Question {
    Question {
        principal: EntityName::user("rita"),
        action: "secret.rewrap".into(),
        resource: EntityName::platform(),
        context: Context::base(Auth::session(Some(0))),
        at: Timestamp::UNIX_EPOCH,
    }
}

fn root() -> Entities {
    let rita = Entity::user("rita", false, &["root"]);
    Entities::new([rita, Entity::group("root", &[]), Entity::platform()]).expect("entities")
}

#[test]
fn a_forbid_that_cannot_be_evaluated_denies_though_cedar_skips_it() {
    // Without the fault it is an allow.
    assert_eq!(root_asks(cancels("context.auth.mfaAge > 5")).outcome, Outcome::Allow);
    let denied = root_asks(cancels("9223372036854775807 + 1 + context.auth.mfaAge > 5"));
    assert_eq!(denied.outcome, Outcome::Deny);
    assert_eq!(denied.errors.len(), 1);
    assert!(
        denied.reason.contains("cannot be decided") && denied.reason.contains("the policy x"),
        "{denied}"
    );
}

#[test]
fn an_observing_policy_that_cannot_be_evaluated_is_recorded_and_stops_nothing() {
    let text = cancels("9223372036854775807 + 1 > 0").replace("@reason", "@mode(\"observe\") @reason");
    let allowed = root_asks(text);
    assert_eq!(allowed.outcome, Outcome::Allow);
    assert!(allowed.observed.iter().any(|one| one.id == "x" && one.reason.contains("cannot be evaluated")));
}

#[test]
fn a_text_that_is_too_long_or_too_deep_is_refused_before_it_is_parsed() {
    let long = format!("// {}\n", "x".repeat(64 << 10));
    assert!(only(platform(&long)).message.contains("65536 are the limit"));
    let nested = |depth: usize| cancels(&format!("{}true{}", "(".repeat(depth), ")".repeat(depth)));
    // The braces of the condition are one.
    assert!(platform(&nested(31)).is_ok());
    let fault = only(platform(&nested(32)));
    assert!(fault.message.contains("nested more than 32 deep") && fault.column > 100, "{fault:?}");
    // What would abort the process on 2 MiB of stack.
    assert!(platform(&nested(5000)).is_err());
    let chain = |count: usize| cancels(&vec!["true"; count].join(" && "));
    assert!(platform(&chain(100)).is_ok());
    assert!(only(platform(&chain(5000))).message.contains("operators"));
    let ifs = cancels(&format!("{}true", "if true then true else ".repeat(2000)));
    assert!(only(platform(&ifs)).message.contains("operators"));
}

#[test]
fn brackets_in_strings_and_comments_are_no_depth_and_quotes_in_comments_no_strings() {
    let text = format!(
        "// ((((( \" {{{{\n{}",
        cancels(&format!("context.auth.method == \"{}\\\"[[[[\"", "(".repeat(100)))
    );
    platform(&text).expect("it is fine");
}

#[test]
fn the_deepest_text_that_passes_is_read_and_evaluated_on_a_small_stack() {
    let worst = cancels(&format!(
        "{}context.auth.mfaAge == 0{}{}",
        "(true && ".repeat(31),
        ")".repeat(31),
        " && context.auth.mfaAge == 0".repeat(30)
    ));
    let small = std::thread::Builder::new().stack_size(256 << 10);
    let denied = small.spawn(move || root_asks(worst)).expect("a thread").join().expect("it ends");
    assert_eq!(denied.outcome, Outcome::Deny);
    assert_eq!(denied.errors, Vec::<String>::new());
    assert_eq!(denied.determining.first().map(|one| one.id.as_str()), Some("x"));
}

#[test]
fn a_forbid_on_a_group_of_actions_is_refused() {
    let fault = only(platform(
        "@id(\"x\") @reason(\"No.\") forbid(principal, action in Action::\"Read\", resource);",
    ));
    assert!(fault.message.contains("group of actions \"Read\"") && fault.help.is_some(), "{fault:?}");
}

#[test]
fn ids_modes_and_reasons_are_what_they_must_be() {
    let forbid = "forbid(principal, action == Action::\"run.start\", resource)";
    let permit = "permit(principal, action == Action::\"run.start\", resource)";
    let refused = [
        (format!("{permit};"), "is no id"),
        (format!("@id(\"a b\") {permit};"), "is no id"),
        (format!("@id(\"a\") {permit}; @id(\"a\") {permit};"), "Two policies have the id"),
        (format!("@id(\"0.mine\") {permit};"), "reserved"),
        (format!("@id(\"base\") {permit};"), "reserved"),
        (format!("@id(\"a\") {forbid};"), "says no reason"),
        (format!("@id(\"a\") @reason(\"r\") @mode(\"of\") {forbid};"), "is no mode"),
        (format!("@id(\"a\") @reason(\"r\") @mode {forbid};"), "is no mode"),
        (format!("@id(\"a\") @mode(\"observe\") {permit};"), "Only a forbid has a mode"),
    ];
    for (text, message) in refused {
        let fault = only(platform(&text));
        assert!(fault.message.contains(message) && fault.help.is_some(), "{text}: {fault:?}");
    }
    let built_in = format!("@id(\"0.a\") @reason(\"r\") @mode(\"observe\") {forbid};");
    assert!(only(check_document(&Layer::BuiltIn, &built_in)).message.contains("built in has no mode"));
    // A project's cannot pass for the platform's.
    let text = "@id(\"1.approvals\") permit(principal, action == Action::\"run.start\", resource in Project::\"shop\");";
    assert!(only(shop(text)).message.contains("reserved"));
}

#[test]
fn cedars_own_words_come_with_their_place() {
    let text = "// one\n@id(\"a\")\npermit(principal, action == Action::\"run.start\", resource)\n  when { context.aprovals > 1 };";
    let fault = only(platform(text));
    assert_eq!((fault.line, fault.id.as_deref()), (4, Some("a")), "{fault:?}");
    assert!(fault.message.contains("aprovals"), "{fault:?}");
    assert!(fault.help.is_some_and(|help| help.contains("approvals")));
    let fault = only(platform("@id(\"a\")\npermit(principal, action, resource) when { 1 + };"));
    assert_eq!(fault.line, 2);
    // Reading what may be absent is refused by strict validation.
    assert!(platform(&cancels("context.auth.scopes.isEmpty()")).is_err());
}

#[test]
fn a_project_speaks_of_its_own_and_of_what_is_delegable() {
    let policy = |action: &str, resource: &str, when: &str| {
        format!("@id(\"a\") permit(principal, {action}, {resource}){when};")
    };
    let start = "action == Action::\"run.start\"";
    for resource in [
        "resource in Project::\"shop\"",
        "resource in Runbook::\"shop/restart-web\"",
        "resource == Version::\"shop/restart-web@d1\"",
        "resource is Version in Service::\"shop/web\"",
    ] {
        shop(&policy(start, resource, "")).unwrap_or_else(|faults| panic!("{resource}: {faults:?}"));
    }
    for (resource, when) in [
        ("resource", ""),
        ("resource is Version", ""),
        ("resource", " when { resource in Project::\"shop\" }"),
        ("resource in Project::\"pay\"", ""),
        ("resource in Project::\"shopping\"", ""),
        ("resource in Runbook::\"shopping/x\"", ""),
        ("resource in Runbook::\"shop\"", ""),
        ("resource in Policy::\"platform/guardrails\"", ""),
    ] {
        let faults = shop(&policy(start, resource, when)).expect_err(resource);
        assert!(faults.iter().any(|fault| fault.message.contains("project shop")), "{resource}: {faults:?}");
    }
    let own = "resource in Project::\"shop\"";
    for action in ["action in Action::\"View\"", "action in [Action::\"Author\", Action::\"run.cancel\"]"] {
        shop(&policy(action, own, "")).unwrap_or_else(|faults| panic!("{action}: {faults:?}"));
    }
    for action in [
        "action",
        "action in Action::\"Read\"",
        "action in Action::\"Operate\"",
        "action == Action::\"run.breakglass\"",
        "action in [Action::\"run.start\", Action::\"grant.create\"]",
        "action == Action::\"policy.publish\"",
    ] {
        assert!(shop(&policy(action, own, "")).is_err(), "{action}");
    }
    let role =
        "@id(\"a\") permit(principal in ?principal, action == Action::\"run.start\", resource in ?resource);";
    assert!(shop(role).is_err());
    platform(role).expect("a role of the platform");
}

#[test]
fn a_mode_is_changed_in_the_text_and_nothing_else_is() {
    let (_, text) = shipped::DOCUMENTS.iter().find(|(name, _)| *name == "guardrails").expect("shipped");
    let document = platform(text).expect("shipped");
    let enforced = document.with_mode(text, "1.mfa", Mode::Enforce).expect("it has a mode");
    assert_eq!(enforced.len(), text.len() + "enforce".len() - "observe".len());
    let changed = platform(&enforced).expect("still fine");
    for (before, after) in document.policies.iter().zip(&changed.policies) {
        let expected = if before.id == "1.mfa" { Mode::Enforce } else { before.mode };
        assert_eq!((after.id.as_str(), after.mode), (before.id.as_str(), expected));
    }
    assert_eq!(document.with_mode(text, "no-such", Mode::Enforce), None);
}

#[test]
fn groups_that_contain_each_other_and_slices_with_holes_are_refused() {
    let round = [Entity::group("a", &["b"]), Entity::group("b", &["a"])];
    assert!(Entities::new(round).is_err());
    let hole = Entities::new([Entity::user("ada", false, &["web-team"])]).expect_err("the group is missing");
    assert!(hole.to_string().contains("Group::\"web-team\", which is not among them"), "{hole}");
    let bare = Entity { attributes: crate::Attributes::default(), ..Entity::user("ada", false, &[]) };
    assert!(Entities::new([bare]).is_err(), "whether it is disabled must be said");
}

#[test]
fn a_token_without_scopes_has_no_rights_and_another_question_is_no_proof() {
    let policies = Policies::build(Layers::shipped()).expect("built in");
    let denied = policies
        .authorize::<crate::RunStart>(rewrap(), &root())
        .expect_err("a decision about one thing is no proof of another");
    assert!(denied.errors.first().is_some_and(|error| error.contains("secret.rewrap was asked")), "{denied}");
    let proof = policies.authorize::<crate::SecretRewrap>(rewrap(), &root()).expect("root may");
    assert_eq!(proof.decision().determining.first().map(|one| one.id.as_str()), Some("root"));
    assert_eq!(proof.principal(), &EntityName::user("rita"));
}

#[test]
fn the_digest_tells_any_change_and_no_order() {
    let shipped = Policies::build(Layers::shipped()).expect("built in");
    let mut layers = Layers::shipped();
    layers.platform.reverse();
    assert_eq!(shipped.rebuild(layers.clone()).expect("built in").digest(), shipped.digest());
    layers.platform[0].text.push('\n');
    assert_ne!(shipped.rebuild(layers).expect("built in").digest(), shipped.digest());
}

#[test]
fn a_grant_of_nothing_that_exists_gives_nothing_and_is_said() {
    let tests: PolicyTests = serde_json::from_value(serde_json::json!({
        "grants": [
            {"id": "g1", "role": "emperor", "principal": "User::\"ada\"", "resource": "Project::\"shop\""},
            {"id": "g2", "role": "operator", "principal": "Runbook::\"shop/x\"", "resource": "Project::\"shop\""},
            {"id": "g3", "role": "operator", "principal": "User::\"ada\"", "resource": "Secret::\"shop/x\""},
        ],
        "bindings": [
            {"id": "b1", "principal": "User::\"ada\"", "action": "secret.use", "resource": "Secret::\"shop/x\""},
            {"id": "b2", "principal": "Runbook::\"shop/x\"", "action": "grant.create", "resource": "Runbook::\"shop/x\""},
        ],
        "tests": [],
    }))
    .expect("tests");
    let policies = Policies::build(tests.layers(&Layers::default()).expect("layers")).expect("built in");
    let named: Vec<_> = policies.problems().iter().map(|problem| problem.name.as_str()).collect();
    assert_eq!(named, ["g1", "g2", "g3", "b1", "b2"]);
}

#[test]
fn names_of_entities_read_as_they_are_written() {
    for id in ["shop/restart-web@d1", "with \"quotes\" and \\", "ünï/cödé", ""] {
        let name = EntityName::new(crate::Kind::Runbook, id);
        assert_eq!(name.to_string().parse::<EntityName>().expect("a name"), name);
    }
    for text in ["Runbook::shop", "Texts::\"inputs\"", "Runbook::\"a\" in x", "shop"] {
        assert!(text.parse::<EntityName>().is_err(), "{text}");
    }
}
