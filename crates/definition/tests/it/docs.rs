//! The examples of the documentation: every whole document of these pages is without a fault, and every key has one.

use definition::{Kind, SourceText, read};

use crate::repository::listing;

const RUNBOOKS: &str = include_str!("../../../../docs/runbooks.md");
const SERVICES: &str = include_str!("../../../../docs/services.md");
const SCHEDULES: &str = include_str!("../../../../docs/schedules.md");

/// The fenced blocks of YAML.
fn blocks(page: &str) -> Vec<&str> {
    let fenced = page.split("```yaml\n").skip(1);
    fenced.map(|rest| rest.split("```").next().unwrap()).collect()
}

#[test]
fn every_example_is_without_a_fault() {
    for (page, fewest) in [(RUNBOOKS, 7), (SERVICES, 3), (SCHEDULES, 1)] {
        assert!(blocks(page).len() >= fewest);
        for block in blocks(page).into_iter().filter(|block| !block.starts_with("# fragment")) {
            let reading = read(&[SourceText { path: "example.yaml", text: block }], &listing());
            assert_eq!(reading.faults, [], "{block}");
            assert!(!reading.definitions.is_empty(), "{block}");
        }
    }
}

#[test]
fn every_key_has_an_example() {
    fn keys(value: &serde_json::Value, into: &mut Vec<String>) {
        match value {
            serde_json::Value::Object(map) => map.iter().for_each(|(key, value)| {
                if key == "properties" {
                    into.extend(value.as_object().unwrap().keys().cloned());
                }
                keys(value, into);
            }),
            serde_json::Value::Array(items) => items.iter().for_each(|item| keys(item, into)),
            _ => {}
        }
    }
    for kind in Kind::ALL {
        let page = match kind {
            Kind::Runbook | Kind::Inventory => RUNBOOKS,
            Kind::Team | Kind::Service => SERVICES,
            Kind::Schedule => SCHEDULES,
        };
        let all = blocks(page).concat();
        let mut known = Vec::new();
        keys(&serde_json::from_str(definition::schema(kind.name()).unwrap()).unwrap(), &mut known);
        let without: Vec<&String> = known
            .iter()
            .filter(|key| !all.contains(&format!("{key}:")) && !page.contains(&format!("`{key}`")))
            .collect();
        assert_eq!(without, Vec::<&String>::new(), "{kind:?}");
    }
}

#[test]
fn the_new_procedures_of_the_storefront_are_without_a_fault() {
    let documents = [
        include_str!("../../../../examples/storefront/inventories/shop.yaml"),
        include_str!("../../../../examples/storefront/runbooks/roll-web.yaml"),
        include_str!("../../../../examples/storefront/runbooks/hand-over.yaml"),
    ];
    let sources = documents.map(|text| SourceText { path: "storefront.yaml", text });
    let reading = read(&sources, &listing());
    assert_eq!(reading.faults, []);
    assert_eq!(reading.definitions.len(), 3);
}
