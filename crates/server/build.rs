//! Says when the console that is embedded has changed: cargo does not see files that come and go.

fn main() {
    let built = "../../console/dist";
    // A path that is not there counts as changed with every build.
    let watched = if std::path::Path::new(built).exists() { built } else { "../../console/index.html" };
    println!("cargo::rerun-if-changed={watched}");
    println!("cargo::rerun-if-changed=build.rs");
}
