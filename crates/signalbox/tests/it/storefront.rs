//! The story that the README tells: the example's shop falls ill by one runbook and is mended by another, for real.

use std::{
    fs,
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
};

use serde_json::Value;

use crate::{
    machine::{Machine, wait_for},
    program::Home,
};

/// The example's shop, served until this is dropped.
struct Shop(Child);

impl Drop for Shop {
    fn drop(&mut self) {
        // It ends with its input.
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// The example with ports of its own, where the real ones may be taken.
fn copy(from: &Path, to: &Path, ports: &[(&str, String)]) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy(&path, &target, ports);
            continue;
        }
        fs::copy(&path, &target).unwrap();
        let mut text = fs::read_to_string(&path).unwrap();
        for (port, other) in ports {
            text = text.replace(port, other);
        }
        fs::write(&target, text).unwrap();
    }
}

fn free_port() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string()
}

fn healths(machine: &Machine) -> Vec<(String, String)> {
    let listed = machine.json(&["services", "list"]).remove(0);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    listed["items"].as_array().unwrap().iter().map(|it| (text(&it["name"]), text(&it["health"]))).collect()
}

#[test]
fn the_shop_falls_ill_and_is_mended() {
    let home = Home::new();
    let ports = [("8490", free_port()), ("8491", free_port())];
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/storefront");
    copy(&example, &home.path().join("storefront"), &ports);
    let serving = Command::new("node")
        .arg(home.path().join("storefront/scripts/serve.js"))
        .arg("--until-input-ends")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn();
    let _shop = Shop(serving.unwrap());
    let machine = Machine::start_in(home, "kind: Runbook\nname: nothing\nsteps: [{run: ':'}]\n");
    let applied = machine.signalbox(&["apply", "storefront"]);
    assert_eq!(applied.code, Some(0), "{}", applied.err);

    let is = |service: &str, health: &str| {
        wait_for(&format!("{service} to be {health}"), || {
            healths(&machine).contains(&(service.to_owned(), health.to_owned()))
        });
    };
    for service in ["storefront", "catalogue", "machine"] {
        is(service, "ok");
    }
    wait_for("facts", || {
        machine.signalbox(&["facts", "storefront"]).out.contains("edition\t\tproduction\treviewed")
    });

    let broken = machine.signalbox(&["run", "publish-catalogue", "-i", "edition=spreadsheet"]);
    assert_eq!(broken.code, Some(0), "{}", broken.err);
    is("storefront", "bad");
    is("catalogue", "bad");
    assert_eq!(healths(&machine)[2], ("machine".to_owned(), "ok".to_owned()), "worst first");
    let shown = machine.signalbox(&["services", "show", "storefront"]).out;
    assert!(shown.contains("likely cause: catalogue is ✗ bad"), "{shown}");
    let history = machine.signalbox(&["services", "health", "storefront", "--environment", "production"]).out;
    assert!(history.contains(" before: in catalogue: publish-catalogue succeeded for admin"), "{history}");
    wait_for("the fact", || {
        machine
            .signalbox(&["facts", "storefront"])
            .out
            .contains("edition\t\tproduction\tspreadsheet\t✓ current")
    });

    let mended = machine.signalbox(&["run", "roll-back-catalogue"]);
    assert_eq!(mended.code, Some(0), "{}", mended.err);
    is("storefront", "ok");
    is("catalogue", "ok");
}
