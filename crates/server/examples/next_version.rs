//! The program of a version that is yet to come: `baton` with a schema that is further, by the files of the folder that
//! `NEXT_STEPS` names, each a step whose first line is `-- needs N`. `e2e/nodes` puts it in the place of running nodes.

use std::path::Path;
use std::process::ExitCode;

use baton_store::postgres::{Step, go_further};

/// The steps of a folder, by name. They are there as long as the program runs.
fn steps_of(folder: &Path) -> Result<Vec<Step>, String> {
    let told = |error: std::io::Error| format!("{}: {error}", folder.display());
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(told)? {
        files.push(entry.map_err(told)?.path());
    }
    files.sort();
    files.iter().map(|file| step_of(file).ok_or_else(|| format!("{} is no step", file.display()))).collect()
}

fn step_of(file: &Path) -> Option<Step> {
    let name = file.file_stem()?.to_str()?.to_owned();
    let sql = std::fs::read_to_string(file).ok()?;
    let needs = sql.lines().next()?.strip_prefix("-- needs ")?.parse().ok()?;
    Some(Step { name: name.leak(), sql: sql.leak(), needs })
}

#[expect(clippy::print_stderr, reason = "it is read by whoever wrote the steps")]
fn main() -> ExitCode {
    match steps_of(Path::new(&std::env::var_os("NEXT_STEPS").unwrap_or_default())) {
        Ok(steps) => {
            go_further(steps);
            baton_server::cli::main()
        }
        Err(wrong) => {
            eprintln!("{wrong}");
            ExitCode::from(2)
        }
    }
}
