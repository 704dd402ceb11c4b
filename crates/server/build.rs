//! Releases hold the console: with `SIGNALBOX_UI=required` a build without it fails, rather than ship a page that says so.

fn main() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../console/dist/index.html");
    println!("cargo:rerun-if-env-changed=SIGNALBOX_UI");
    let release = std::env::var("PROFILE").is_ok_and(|profile| profile == "release");
    if release {
        // Debug builds read the files when they are asked for.
        println!("cargo:rerun-if-changed={page}");
    }
    let required = std::env::var("SIGNALBOX_UI").is_ok_and(|ui| ui == "required");
    if required && !std::path::Path::new(page).exists() {
        println!(
            "cargo:error=the console has not been built, and SIGNALBOX_UI=required: `make console` builds it"
        );
        std::process::exit(1);
    }
}
