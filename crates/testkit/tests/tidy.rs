//! House rules that neither the compiler nor clippy checks. Each test names every place that breaks its rule.

#![expect(clippy::unwrap_used, reason = "the helpers of a test may unwrap like the test")]

use std::fs;
use std::path::{Path, PathBuf};

/// Functions longer than this are named in [`LONG`] or shortened.
const LINES_OF_A_FUNCTION: usize = 80;

/// Functions that may be longer, because they are tables (one `match` or one list, a row on each line) or tell one
/// story from beginning to end.
const LONG: [(&str, &str); 3] = [
    ("crates/engine/src/lanes/tests.rs", "story"),
    ("crates/wire/src/errors.rs", "of"),
    ("crates/wire/tests/requests.rs", "bad_messages_say_what_is_wrong"),
];

/// Files that measure how long something really took, beside the clock, and decide nothing by it.
const MEASURES: [&str; 5] = [
    "bench/relay/src/load.rs",
    "crates/server/src/cli/listen.rs",
    "crates/server/src/dev.rs",
    "crates/server/src/serve/log.rs",
    "crates/testkit/src/bin/commits.rs",
];

/// A file of the repository: its path from the root, with `/`, and its text.
struct File {
    path: String,
    text: String,
}

impl File {
    fn lines(&self) -> impl Iterator<Item = (String, &str)> {
        let place = |number| format!("{}:{}", self.path, number + 1);
        self.text.lines().enumerate().map(move |(number, line)| (place(number), line))
    }

    fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Whether this file is the one that holds the forbidden words because it forbids them.
    fn is_this(&self) -> bool {
        self.path == "crates/testkit/tests/tidy.rs"
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Every text file of the repository, without what was built or installed.
fn files() -> Vec<File> {
    let root = root();
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let built = name.starts_with("target")
                || ["node_modules", ".venv", ".git", ".baton", "__pycache__"].contains(&&*name);
            if built || path.is_symlink() {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(text) = fs::read_to_string(&path) {
                let path = path.strip_prefix(&root).unwrap().to_string_lossy().replace('\\', "/");
                found.push(File { path, text });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(
        found.iter().any(File::is_this),
        "the repository is not where it is expected: {}",
        root.display()
    );
    found
}

fn rust_files() -> Vec<File> {
    files().into_iter().filter(File::is_rust).collect()
}

/// Fails with all that was found.
fn none(rule: &str, found: &[String]) {
    assert!(found.is_empty(), "{rule}:\n  {}", found.join("\n  "));
}

/// Lines of the files that hold one of the words.
fn lines_with(files: &[File], words: &[&str]) -> Vec<String> {
    let holds = |line: &str| words.iter().any(|word| line.contains(word));
    files
        .iter()
        .filter(|file| !file.is_this())
        .flat_map(|file| {
            file.lines()
                .filter(|(_, line)| holds(line))
                .map(|(place, line)| format!("{place}: {}", line.trim()))
        })
        .collect()
}

#[test]
fn every_module_says_what_it_is_for() {
    let silent = rust_files().into_iter().filter(|file| !file.text.starts_with("//! ")).map(|file| file.path);
    none("opens without `//!` and a sentence", &silent.collect::<Vec<_>>());
}

#[test]
fn the_rules_are_pure() {
    let manifest = fs::read_to_string(root().join("crates/rules/Cargo.toml")).unwrap();
    let section = |line: &&str| line.starts_with('[');
    let dependencies: Vec<_> = manifest
        .lines()
        .skip_while(|line| *line != "[dependencies]")
        .skip(1)
        .take_while(|line| !section(line))
        .filter(|line| !line.trim().is_empty())
        .collect();
    assert!(dependencies.is_empty(), "crates/rules has dependencies: {dependencies:?}");

    let mut sources = rust_files();
    sources.retain(|file| file.path.starts_with("crates/rules/src/"));
    let impure = [
        "async ",
        ".await",
        "serde",
        "std::fs",
        "std::net",
        "std::io",
        "std::thread",
        "std::time::SystemTime",
    ];
    none("crates/rules does more than decide", &lines_with(&sources, &impure));
}

#[test]
fn every_crate_obeys_the_lints() {
    let manifests = files()
        .into_iter()
        .filter(|file| file.path.starts_with("crates/") && file.path.ends_with("/Cargo.toml"));
    let free =
        manifests.filter(|file| !file.text.contains("[lints]\nworkspace = true\n")).map(|file| file.path);
    none("lacks the workspace's lints", &free.collect::<Vec<_>>());
}

#[test]
fn only_the_store_knows_sql() {
    let mut others = files();
    // A server for tests is asked what it kept.
    let may = ["crates/store/", "crates/pgtest/"];
    others
        .retain(|file| file.path.starts_with("crates/") && !may.iter().any(|own| file.path.starts_with(own)));
    let migrations: Vec<_> =
        others.iter().filter(|file| file.path.ends_with(".sql")).map(|file| file.path.clone()).collect();
    none("SQL outside of crates/store", &migrations);
    others.retain(File::is_rust);
    let statements =
        ["SELECT ", "INSERT INTO", "INSERT OR", "DELETE FROM", "CREATE TABLE", "PRAGMA ", "rusqlite"];
    none("SQL outside of crates/store", &lines_with(&others, &statements));
}

#[test]
fn only_the_clock_reads_the_time() {
    let mut others = rust_files();
    others.retain(|file| file.path.contains("/src/") && file.path != "crates/engine/src/clock.rs");
    none("reads the time", &lines_with(&others, &["SystemTime::now", "Timestamp::now", "Zoned::now"]));
    others.retain(|file| !MEASURES.contains(&&*file.path));
    none("measures time", &lines_with(&others, &["Instant::now"]));
}

#[test]
fn nothing_is_left_for_later() {
    let later = ["#[ignore", "todo!(", "unimplemented!(", "FIXME", "XXX", "TODO"];
    none("is left for later", &lines_with(&rust_files(), &later));
    let mut scripts = files();
    scripts.retain(|file| file.path.ends_with(".mjs") || file.path.ends_with(".py"));
    none(
        "is skipped",
        &lines_with(&scripts, &["test.skip", "test.todo", "test.only", "skip: true", "unittest.skip"]),
    );
}

#[test]
fn documents_name_files_that_exist() {
    let mut found = Vec::new();
    for document in ["ARCHITECTURE.md", "CONTRIBUTING.md", "README.md"] {
        let Ok(text) = fs::read_to_string(root().join(document)) else {
            found.push(format!("{document} is missing"));
            continue;
        };
        for quoted in text.split('`').skip(1).step_by(2) {
            let top =
                ["crates/", "docs/", "e2e/", "benches/", ".ci/"].iter().any(|top| quoted.starts_with(top));
            let pattern = quoted.contains(['*', '<', ' ']);
            if top && !pattern && !root().join(quoted).exists() {
                found.push(format!("{document}: {quoted}"));
            }
        }
    }
    none("named and not there", &found);
}

#[test]
fn migrations_are_numbered_without_gaps() {
    let migrations = root().join("crates/store/migrations");
    for database in fs::read_dir(migrations).unwrap() {
        let names = fs::read_dir(database.unwrap().path()).unwrap();
        let mut names: Vec<_> = names.map(|name| name.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        assert!(!names.is_empty());
        for (number, name) in (1..).zip(&names) {
            assert!(
                name.starts_with(&format!("{number:04}_")) && name.ends_with(".sql"),
                "{name} is not migration {number}"
            );
        }
    }
}

#[test]
fn nothing_names_a_machine() {
    // Where this lies, unless it is a folder at the root, which may be called as anything is.
    let here = format!("{}/", root().display());
    let mut machine = vec!["/root/", "/home/"];
    machine.extend(Some(&*here).filter(|here| here.matches('/').count() > 2));
    none("names a place on one machine", &lines_with(&files(), &machine));
    let mut locks = files();
    locks.retain(|file| file.path.ends_with("package-lock.json"));
    none("names a registry", &lines_with(&locks, &["\"resolved\""]));
}

#[test]
fn functions_fit_a_screen() {
    let mut found = Vec::new();
    let mut unused = LONG.to_vec();
    for file in rust_files() {
        for (name, line, lines) in functions(&file.text) {
            if lines <= LINES_OF_A_FUNCTION {
                continue;
            }
            if LONG.contains(&(&file.path, &name)) {
                unused.retain(|entry| *entry != (&*file.path, &*name));
            } else {
                found.push(format!("{}:{line}: {name} has {lines} lines", file.path));
            }
        }
    }
    none("longer than a screen", &found);
    assert!(unused.is_empty(), "no longer long, or no longer there: {unused:?}");
}

/// Name, line and length of each function with a body. It relies on rustfmt: a function ends at the first `}` that
/// is indented as its `fn` is.
fn functions(text: &str) -> Vec<(String, usize, usize)> {
    let lines: Vec<_> = text.lines().collect();
    let mut found = Vec::new();
    for (number, line) in lines.iter().enumerate() {
        let Some(name) = function_name(line) else { continue };
        let indent = &line[..line.len() - line.trim_start().len()];
        let end = format!("{indent}}}");
        let rest = &lines[number..];
        let opens = rest.iter().position(|line| line.ends_with('{'));
        let closes = rest.iter().position(|line| *line == end);
        let ends_at_once = rest.iter().position(|line| line.ends_with(';') || line.ends_with('}'));
        if let (Some(opens), Some(closes)) = (opens, closes)
            && ends_at_once.is_none_or(|at_once| opens < at_once)
        {
            found.push((name, number + 1, closes + 1));
        }
    }
    found
}

/// The name, if a line begins a function.
fn function_name(line: &str) -> Option<String> {
    let (before, after) = line.trim_start().split_once("fn ")?;
    let qualifier =
        |word| matches!(word, "pub" | "const" | "async" | "unsafe" | "extern") || word.starts_with("pub(");
    let name: String = after.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    (before.split_whitespace().all(qualifier) && !name.is_empty()).then_some(name)
}

#[test]
fn functions_are_measured_right() {
    let text = "fn one() {\n    1\n}\n\ntrait T {\n    fn none();\n    async fn two(\n        a: u8,\n    ) -> u8 {\n        a\n    }\n}\nfn short() {}\n";
    assert_eq!(functions(text), [("one".to_owned(), 1, 3), ("two".to_owned(), 7, 5)]);
}
