//! The documents' links lead somewhere: to a file that is there, and to a heading that it has; and every page of the
//! documentation is in the book.

#![expect(clippy::unwrap_used, reason = "the helpers of a test may unwrap like the test")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

/// What matters of a document.
#[derive(Default)]
struct Document {
    /// Where its links lead, as they are written.
    links: Vec<String>,
    /// What its headings are called in links.
    headings: BTreeSet<String>,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Markdown files below a folder, as paths from the root.
fn found(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(root().join(folder)).unwrap() {
        let name = PathBuf::from(entry.unwrap().file_name());
        let path = folder.join(&name);
        let text = name.to_string_lossy();
        let built = text.starts_with("target") || text.starts_with('.') || text == "node_modules";
        if root().join(&path).is_dir() && !built {
            found(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            files.push(path);
        }
    }
}

/// What GitHub and mdBook make of a heading: small letters, digits, `-` and `_`; spaces become `-`.
fn anchor(heading: &str) -> String {
    let kept = heading.to_lowercase();
    let kept = kept.trim().chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

fn read(text: &str) -> Document {
    let mut document = Document::default();
    let mut heading: Option<String> = None;
    for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                document.links.push(dest_url.into_string());
            }
            Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
            Event::End(TagEnd::Heading(_)) => {
                let said = anchor(&heading.take().unwrap());
                // A heading that is there already gets a number.
                let again = (1..).map(|number| format!("{said}-{number}"));
                let name = std::iter::once(said.clone()).chain(again);
                let name = name.into_iter().find(|name| !document.headings.contains(name)).unwrap();
                document.headings.insert(name);
            }
            Event::Text(part) | Event::Code(part) => {
                if let Some(heading) = &mut heading {
                    heading.push_str(&part);
                }
            }
            _ => {}
        }
    }
    document
}

fn documents() -> BTreeMap<PathBuf, Document> {
    let mut files = Vec::new();
    found(Path::new(""), &mut files);
    assert!(files.iter().any(|path| path == Path::new("README.md")), "{files:?}");
    files
        .into_iter()
        .map(|path| (path.clone(), read(&std::fs::read_to_string(root().join(path)).unwrap())))
        .collect()
}

/// A path without `..`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => assert!(plain.pop(), "{} leads out of the repository", path.display()),
            Component::CurDir => {}
            part => plain.push(part),
        }
    }
    plain
}

#[test]
fn links_lead_to_files_and_headings_that_are_there() {
    let documents = documents();
    let mut broken = Vec::new();
    for (from, document) in &documents {
        let own = document.links.iter().filter(|link| !link.contains("://") && !link.starts_with("mailto:"));
        for link in own {
            let (path, heading) = link.split_once('#').unwrap_or((link, ""));
            let to = if path.is_empty() { from.clone() } else { plain(&from.with_file_name(path)) };
            if !root().join(&to).exists() {
                broken.push(format!("{}: {link}: there is no {}", from.display(), to.display()));
            } else if !heading.is_empty()
                && !documents.get(&to).is_some_and(|to| to.headings.contains(heading))
            {
                broken.push(format!("{}: {link}: no such heading", from.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn the_book_has_every_page_of_the_documentation() {
    let documents = documents();
    let contents = Path::new("docs/SUMMARY.md");
    let listed: BTreeSet<PathBuf> =
        documents[contents].links.iter().map(|link| plain(&contents.with_file_name(link))).collect();
    let pages = documents.keys().filter(|path| path.starts_with("docs") && *path != contents);
    let missing: Vec<&PathBuf> = pages.filter(|path| !listed.contains(*path)).collect();
    assert!(missing.is_empty(), "docs/SUMMARY.md has no line for {missing:?}");
}
