//! A session as somebody sees it who types: each command, what it prints, and what varies from run to run left
//! out.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::Stdio;

use super::support::{Said, World, said};

/// Commands and what they said.
pub(crate) struct Transcript<'a> {
    world: &'a World,
    text: String,
    /// What varies, and what stands in its place.
    varies: Vec<(String, &'static str)>,
}

impl<'a> Transcript<'a> {
    pub(crate) fn new(world: &'a World) -> Self {
        let home = world.path("home").display().to_string();
        let directory = world.directory.path().display().to_string();
        Self { world, text: String::new(), varies: vec![(format!("{home}/"), "~/"), (directory, "<dir>")] }
    }

    /// Shows this in the place of a text that varies.
    pub(crate) fn varies(&mut self, text: &str, shown: &'static str) {
        self.varies.push((text.to_owned(), shown));
    }

    /// Runs a command, and notes what it said.
    pub(crate) fn run(&mut self, arguments: &[&str]) -> Said {
        self.run_with(arguments, &[])
    }

    /// The same with this on standard input.
    pub(crate) fn run_reading(&mut self, arguments: &[&str], input: &str) -> Said {
        let mut command = self.world.command(arguments);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let said = said(&child.wait_with_output().unwrap());
        self.note(arguments, &[], said)
    }

    /// The same with these variables in the environment.
    pub(crate) fn run_with(&mut self, arguments: &[&str], variables: &[(&str, &str)]) -> Said {
        let mut command = self.world.command(arguments);
        command.envs(variables.iter().copied());
        let said = said(&command.output().unwrap());
        self.note(arguments, variables, said)
    }

    fn note(&mut self, arguments: &[&str], variables: &[(&str, &str)], said: Said) -> Said {
        if arguments.contains(&"--json") && !said.out.is_empty() {
            let read = serde_json::from_str::<serde_json::Value>(&said.out);
            assert!(read.is_ok(), "{arguments:?}: standard output holds JSON and nothing else: {}", said.out);
        }
        for text in [&said.out, &said.err] {
            assert!(!text.contains('\u{1b}'), "{arguments:?}: colours are for terminals: {text:?}");
        }
        let variables = variables.iter().map(|(name, value)| format!("{name}={value} ")).collect::<String>();
        let words: Vec<String> = arguments.iter().map(|word| quoted(word)).collect();
        writeln!(self.text, "{variables}baton {}", words.join(" ")).unwrap();
        said.out.lines().for_each(|line| writeln!(self.text, "  {line}").unwrap());
        said.err.lines().for_each(|line| writeln!(self.text, "! {line}").unwrap());
        writeln!(self.text, "= {}\n", said.code).unwrap();
        said
    }

    /// All of it, without what varies.
    pub(crate) fn text(&self) -> String {
        let mut text = self.text.clone();
        for (varies, shown) in &self.varies {
            text = text.replace(varies.as_str(), shown);
        }
        without_random_words(&text)
    }
}

fn quoted(word: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./:,=".contains(letter);
    if !word.is_empty() && word.chars().all(plain) { word.to_owned() } else { format!("\"{word}\"") }
}

/// Tokens, message ids and event ids, by their form.
pub(crate) fn without_random_words(text: &str) -> String {
    let (mut out, mut word) = (String::new(), String::new());
    for letter in text.chars().chain(['\n']) {
        if letter.is_ascii_alphanumeric() || letter == '_' || letter == '-' {
            word.push(letter);
            continue;
        }
        let is_uuid = word.len() == 36 && word.matches('-').count() == 4;
        out.push_str(match word.as_str() {
            long if long.starts_with("m_") && long.len() > 40 => "<message id>",
            long if long.starts_with("EAA") && long.len() == 51 => "<page token>",
            long if long.starts_with("baton_") && long.len() == 54 => "<operator token>",
            // The console's link that signs in once.
            long if long.len() == 48 => "<code>",
            _ if is_uuid => "<uuid>",
            short if short.len() == 16 && short.bytes().all(|one| one.is_ascii_hexdigit()) => "<token id>",
            other => other,
        });
        word.clear();
        out.push(letter);
    }
    out.trim_end().to_owned()
}
