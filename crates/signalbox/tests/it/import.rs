//! `import`: what other tools have, as definitions that `check` finds nothing wrong with.

use crate::program::Home;

const CATALOG: &str = "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata: {name: shop, tags: [java]}\n\
                       spec: {type: service, owner: web, dependsOn: ['component:default/payments']}\n---\n\
                       apiVersion: backstage.io/v1alpha1\nkind: Group\nmetadata: {name: web}\nspec: {members: [ada]}\n";

#[test]
fn a_catalog_of_backstage_goes_to_standard_output_and_its_report_beside_it() {
    let home = Home::new();
    home.write("catalog-info.yaml", CATALOG);
    let done = home.signalbox(&["import", "backstage", "catalog-info.yaml"]);
    assert_eq!(done.code, Some(0), "{}", done.err);
    let expected = "kind: Service\nname: shop\nowner: web\ndepends_on: [payments]\n---\nkind: Team\nname: web\nmembers: [ada]\n";
    assert_eq!(done.out, expected);
    assert!(
        done.err.contains("catalog-info.yaml:3:24]") && done.err.contains("`metadata.tags`"),
        "{}",
        done.err
    );
    assert!(done.err.contains("0 faults, 1 remark; 2 definitions made"), "{}", done.err);
    home.write("ops/all.yaml", &done.out);
    let checked = home.signalbox(&["check", "ops"]);
    assert_eq!((checked.code, checked.out.as_str()), (Some(0), "0 faults; 1 team and 1 service are good\n"));

    let json: serde_json::Value =
        serde_json::from_str(&home.signalbox(&["import", "backstage", "catalog-info.yaml", "--json"]).out)
            .unwrap();
    assert_eq!(json["documents"][1]["text"], "kind: Team\nname: web\nmembers: [ada]\n");
    assert_eq!(json["faults"][0]["code"], "not_carried_over");
}

#[test]
fn files_are_written_below_a_folder_and_never_over_others() {
    let home = Home::new();
    home.write("catalog-info.yaml", CATALOG);
    let import = || home.signalbox(&["import", "backstage", "catalog-info.yaml", "-o", "ops"]);
    let done = import();
    assert_eq!((done.code, done.out.as_str()), (Some(0), ""), "{}", done.err);
    let shop = std::fs::read_to_string(home.path().join("ops/services/shop.yaml")).unwrap();
    assert!(shop.starts_with("kind: Service\nname: shop\n"));
    assert!(home.path().join("ops/teams/web.yaml").exists());
    home.write("ops/services/shop.yaml", "mine");
    std::fs::remove_file(home.path().join("ops/teams/web.yaml")).unwrap();
    let again = import();
    assert_eq!(again.code, Some(2));
    assert!(again.err.contains("shop.yaml is there already, and nothing was written"), "{}", again.err);
    assert_eq!(std::fs::read_to_string(home.path().join("ops/services/shop.yaml")).unwrap(), "mine");
    assert!(!home.path().join("ops/teams/web.yaml").exists());
}

#[test]
fn what_cannot_be_read_makes_nothing() {
    let home = Home::new();
    home.write("broken.yaml", "apiVersion: backstage.io/v1alpha1\nkind: [\n");
    let done = home.signalbox(&["import", "backstage", "broken.yaml", "-o", "ops"]);
    assert_eq!((done.code, done.out.as_str()), (Some(1), ""));
    assert!(done.err.contains("1 fault in 1 file; nothing was made"), "{}", done.err);
    assert!(!home.path().join("ops").exists());
    assert_eq!(home.signalbox(&["import", "backstage", "nowhere.yaml"]).code, Some(2));
}

#[test]
fn every_kind_has_a_schema() {
    let home = Home::new();
    for kind in ["runbook", "inventory", "team", "service", "schedule"] {
        let done = home.signalbox(&["schema", kind]);
        assert!(done.code == Some(0) && done.out.contains(&format!("urn:signalbox:schema:{kind}")), "{kind}");
    }
    let done = home.signalbox(&["schema", "slo"]);
    assert_eq!(done.code, Some(2));
    assert!(done.err.contains("`team`, `service`, `schedule`"), "{}", done.err);
}
