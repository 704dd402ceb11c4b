//! The API's document is a reviewed file: `docs/openapi.json`, from which the console's client is made.

#[test]
fn the_committed_document_is_what_the_handlers_say() {
    let document = server::openapi().to_pretty_json().expect("JSON") + "\n";
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, &document).expect("docs/openapi.json can be written");
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        committed == document,
        "docs/openapi.json is not what the handlers say: `make openapi` writes it, then review the difference"
    );
}

#[test]
fn it_is_openapi_3_1() {
    let document = serde_json::to_value(server::openapi()).expect("JSON");
    assert!(document["openapi"].as_str().is_some_and(|version| version.starts_with("3.1")));
}

#[test]
fn every_operation_has_a_name_of_its_own() {
    let document = serde_json::to_value(server::openapi()).expect("JSON");
    let mut seen = std::collections::BTreeSet::new();
    for item in document["paths"].as_object().expect("paths").values() {
        for operation in item.as_object().expect("operations").values() {
            let name = operation["operationId"].as_str().expect("a name");
            assert!(seen.insert(name.to_owned()), "two operations are called `{name}`");
        }
    }
}
