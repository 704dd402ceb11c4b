//! Catalogs of Backstage: what becomes of them, and that nothing is lost in silence.

use definition::{Imported, Kind, SourceText, import_backstage, read};
use model::api::Severity;
use proptest::prelude::*;

use crate::repository::listing;

const CATALOG: &str = r#"# Of the shop.
apiVersion: backstage.io/v1alpha1
kind: Component
metadata:
  name: Shop_Front
  namespace: retail
  title: "Shop: front"
  description: |
    Where people buy.

    See the *dashboard*.
  annotations:
    github.com/project-slug: example/shop
  labels: {tier: one}
  tags: [java]
  links:
    - {url: https://grafana.example/d/1, title: Dashboard, icon: dashboard}
    - url: https://wiki.example/shop
    - {url: 'mailto:shop@example.org', title: Mail}
spec:
  type: website
  lifecycle: production
  owner: group:default/Web.Team
  system: retail
  dependsOn:
    - component:default/payments
    - component:other/stock
    - resource:default/orders-db
    - payments
    - Shop_Front
  providesApis: [shop-api]
---
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: payments, description: {$text: ./README.md}}
spec: {type: service, lifecycle: beta, owner: user:default/ada}
---
apiVersion: backstage.io/v1alpha1
kind: Group
metadata: {name: web.team}
spec:
  type: team
  profile: {displayName: Web team, email: web@example.org, picture: 'https://p.example/1.png'}
  members: [user:default/ada, grace.hopper]
  children: []
---
apiVersion: backstage.io/v1alpha1
kind: Group
metadata: {name: Web-Team}
---
apiVersion: backstage.io/v1alpha1
kind: System
metadata: {name: retail}
---
apiVersion: v1
kind: Service
---
- a list
"#;

fn lines(imported: &Imported) -> Vec<String> {
    imported
        .faults
        .iter()
        .map(|fault| format!("{}:{}: {}", fault.line, fault.column, fault.message))
        .collect()
}

fn joined(imported: &Imported) -> String {
    let texts: Vec<&str> = imported.documents.iter().map(|document| document.text.as_str()).collect();
    texts.join("---\n")
}

#[test]
fn a_catalog_becomes_services_and_teams_and_a_report() {
    let imported = import_backstage(&SourceText { path: "catalog-info.yaml", text: CATALOG });
    insta::assert_snapshot!(format!("{}\n# Report\n{}\n", joined(&imported), lines(&imported).join("\n")));
    assert!(imported.faults.iter().all(|fault| fault.severity == Severity::Remark));
    let reading = read(&[SourceText { path: "catalog.yaml", text: &joined(&imported) }], &listing());
    assert_eq!(reading.faults, []);
    let kinds: Vec<_> = reading.definitions.iter().map(|it| (it.kind, it.name.as_str())).collect();
    assert_eq!(kinds, [(Kind::Service, "shop-front"), (Kind::Service, "payments"), (Kind::Team, "web-team")]);
}

#[test]
fn what_is_no_yaml_is_an_error_at_its_place() {
    let imported = import_backstage(&SourceText { path: "catalog-info.yaml", text: "kind: [" });
    assert_eq!(imported.documents, []);
    assert_eq!(imported.faults[0].severity, Severity::Error);
    let anchored = "apiVersion: backstage.io/v1alpha1\nkind: Group\nmetadata: {name: &n a}\n";
    let imported = import_backstage(&SourceText { path: "catalog-info.yaml", text: anchored });
    assert_eq!(imported.faults[0].code, "anchor");
}

#[test]
fn every_key_is_carried_over_or_told() {
    let reported = import_backstage(&SourceText { path: "c", text: CATALOG });
    for word in [
        "namespace",
        "project-slug",
        "tier",
        "tags",
        "icon",
        "mailto",
        "website",
        "system",
        "orders-db",
        "providesApis",
        "stock",
        "picture",
        "children",
        "beta",
        "user:default/ada}",
        "$text",
        "kind: System",
        "a list",
        "apiVersion: v1\n",
    ] {
        let at = CATALOG.find(word).unwrap();
        let line = CATALOG[..at].matches('\n').count() + 1;
        assert!(reported.faults.iter().any(|fault| fault.line == line), "{word} at line {line}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    /// What is written can be read, and says what was there.
    #[test]
    fn any_text_comes_back_as_it_was(
        title in "(.{0,30}|[ -~]{0,30})",
        description in prop::collection::vec("([ -~]{0,20}|.{0,10}|[\t \"'#:|>&*!%@`-]{0,6})", 0..6),
        end in "\n{0,2}",
        member in "([a-z]{1,5}|[ -~]{1,10})",
        link in "[ -~]{0,12}",
    ) {
        let description = format!("{}{end}", description.join("\n"));
        prop_assume!(!(title.clone() + &description + &member).chars().any(|c| c == '\0'));
        let catalog = serde_json::json!({
            "apiVersion": "backstage.io/v1alpha1",
            "kind": "Group",
            "metadata": {"name": "x", "title": title, "description": description, "links": [{"title": link, "url": "https://a.example/?q=1#f"}]},
            "spec": {"members": [member]},
        });
        // What JSON leaves as it is and YAML does not, stands as an escape.
        let text: String = catalog.to_string().chars().map(|c| match u32::from(c) {
            0x7F..=0xA0 | 0x2028 | 0x2029 | 0xFEFF | 0xFFFE..=0xFFFF => format!("\\u{:04X}", u32::from(c)),
            _ => c.to_string(),
        }).collect();
        let imported = import_backstage(&SourceText { path: "c.yaml", text: &text });
        let remarks = imported.faults.iter().all(|fault| fault.severity == Severity::Remark);
        prop_assert!(remarks, "{:?} {}", imported.faults, text);
        let written = joined(&imported);
        let reading = read(&[SourceText { path: "a.yaml", text: &written }], &listing());
        prop_assert_eq!(&reading.faults, &[], "{}", written);
        let document = &reading.definitions[0].document;
        let some = |text: &str| if text.trim().is_empty() { serde_json::Value::Null } else { serde_json::json!(text) };
        prop_assert_eq!(&document["description"], &some(&description), "{}", written);
        if !title.contains(char::is_control) {
            prop_assert_eq!(&document["title"], &some(&title), "{}", written);
        }
        if member.chars().all(|c| c.is_ascii_lowercase()) {
            prop_assert_eq!(&document["members"], &serde_json::json!([member]), "{}", written);
        }
    }

    #[test]
    fn any_catalog_is_answered(pieces in prop::collection::vec(prop::sample::select(vec![
        "apiVersion: backstage.io/v1alpha1\n", "kind: Component\n", "kind: Group\n", "metadata:\n", "  name: a\n", "  name: 7\n",
        "  links:\n", "    - url: x\n", "    - 3\n", "spec:\n", "  owner: a:b:c/d/e\n", "  owner: []\n", "  dependsOn: a\n",
        "  dependsOn: [1, '', '/', ':', a]\n", "  members: [{}]\n", "  profile: x\n", "---\n", "  title: \"\\u0007\"\n",
    ]), 0..14)) {
        let text = pieces.concat();
        let imported = import_backstage(&SourceText { path: "c.yaml", text: &text });
        let reading = read(&[SourceText { path: "a.yaml", text: &joined(&imported) }], &listing());
        prop_assert!(!reading.has_errors(), "{:?}\n{}", reading.faults, joined(&imported));
    }
}
