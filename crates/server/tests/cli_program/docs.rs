//! Every command that the README and the guides print is run, in the order of the page, on what the page says: its
//! routing files, its stories, the demo where it has none yet. What is not run stands in [`NOT_RUN`], with the reason.

use std::path::{Path, PathBuf};

use super::support::{Server, World, said};

/// How commands begin that are not run here, and why.
const NOT_RUN: &[(&str, &str)] = &[
    ("baton backup", "copies what a server keeps, and `--ephemeral` keeps nothing; `serve` has a test of it"),
    ("baton copy", "needs a PostgreSQL that runs; `copy` has tests of its own"),
    ("make ", "builds, or runs these tests"),
    ("BENCH=", "measures for hours"),
    ("export PATH=", "the test does so"),
    ("cd console", "the console's own tests run these"),
    ("npm ", "the console's own tests run these"),
    ("npx ", "a generator of somebody else's, from the network"),
    ("BATON_DATA=<", "the console's own tests run this"),
    ("baton dev", "goes on until it is stopped; it is what the others talk to"),
    ("baton serve", "goes on until it is stopped; `serve` has tests of its own"),
    ("baton listen", "goes on until it is stopped; `listen` has tests of its own"),
    ("baton explain m_", "an id that the reader has; `explain` has tests of its own"),
    ("baton explain A8", "an id that the reader has; `explain` has tests of its own"),
    ("baton deliveries show", "an id that the reader has; `deliveries` has tests of its own"),
    (
        "baton deliveries resend \"Support bot\" 3-41",
        "an id that the reader has; `deliveries` has tests of its own",
    ),
    ("baton doctor", "needs a bot that runs; `doctor` has tests of its own"),
    ("baton test examples/bots/", "the example bots are played by tests of their own"),
    ("GRAPH=", "the example bots are played by tests of their own"),
    ("BATON=", "the channel's connector is played by a test of its own"),
    ("curl http://127.0.0.1:5003/said", "the channel's connector is played by a test of its own"),
    ("BATON_OTLP_ENDPOINT=", "goes on until it is stopped; traces have a test of their own"),
    ("createdb ", "needs a PostgreSQL that runs; `serve` over one has tests of its own"),
    ("BATON_DATABASE=", "needs a PostgreSQL that runs; `serve` over one has tests of its own"),
    ("BATON_TLS_LISTEN=", "goes on until it is stopped; HTTPS has tests of its own"),
    (
        "baton test handover.toml --app",
        "needs a bot that runs; the example bots are played by tests of their own",
    ),
    ("apt ", "changes the machine; packaging/try.sh installs the package in a Debian of its own"),
    ("systemctl ", "changes the machine"),
    ("systemd-run ", "needs systemd"),
    ("journalctl ", "needs systemd"),
    ("install -", "changes the machine"),
    ("nsenter ", "needs systemd"),
    ("sudo ", "needs the service; packaging/try.sh runs these commands as its user"),
    (
        "docker ",
        "needs an engine for containers; packaging/try.sh runs the program in a folder with nothing else",
    ),
    ("baton apply -f conversation-routing.toml", "a file that the reader has to write"),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// What a page has for its reader, in order.
#[derive(Debug, PartialEq)]
enum Piece {
    /// A file that is printed.
    Toml(String),
    /// A command, whole.
    Command(String),
}

/// The pieces of a page: blocks between fences, and indented ones.
fn pieces(page: &str) -> Vec<Piece> {
    let (mut found, mut block, mut fence) = (Vec::new(), String::new(), None::<String>);
    let mut after_blank = true;
    for line in page.lines().chain([""]) {
        match (&fence, line.strip_prefix("```")) {
            (None, Some(kind)) => fence = Some(kind.to_owned()),
            (Some(kind), Some(_)) => {
                match kind.as_str() {
                    "toml" => found.push(Piece::Toml(std::mem::take(&mut block))),
                    "sh" => commands(&block, &mut found),
                    _ => {}
                }
                (fence, block) = (None, String::new());
            }
            (Some(_), None) => block += &format!("{line}\n"),
            (None, None) => {
                let indented = line.strip_prefix("    ").filter(|_| after_blank || !block.is_empty());
                match indented {
                    Some(line) => block += &format!("{line}\n"),
                    None if !block.is_empty() => commands(&std::mem::take(&mut block), &mut found),
                    None => {}
                }
            }
        }
        after_blank = line.is_empty();
    }
    found
}

/// The commands of a block; one may go over several lines.
fn commands(block: &str, found: &mut Vec<Piece>) {
    let mut whole = String::new();
    for line in block.lines() {
        whole += line.trim();
        match whole.strip_suffix('\\') {
            Some(begun) => whole = begun.to_owned(),
            None if whole.is_empty() || whole.starts_with('#') => whole.clear(),
            None => found.push(Piece::Command(std::mem::take(&mut whole))),
        }
    }
}

#[test]
fn commands_are_found_whole_and_in_order() {
    let page = "Text\n    no code\n\n    baton a\n    baton b \\\n      --c   # why\n\n- item\n\n```toml\nx = 1\n```\n```sh\n# about\nbaton d\n```\n```text\nbaton e\n```\n";
    let command = |text: &str| Piece::Command(text.to_owned());
    let expected = [
        command("baton a"),
        command("baton b --c   # why"),
        Piece::Toml("x = 1\n".to_owned()),
        command("baton d"),
    ];
    assert_eq!(pieces(page), expected);
}

/// A reader who does what a page says.
struct Reader {
    world: World,
    server: Option<Server>,
    ran: usize,
}

impl Reader {
    fn new() -> Self {
        let world = World::new();
        std::os::unix::fs::symlink(root().join("examples"), world.path("home/examples")).unwrap();
        let defaults = world.run(&["check", "--defaults"]).out;
        // The bots of the guides are on this machine.
        let allowed = defaults.replace("allow_addresses = []", "allow_addresses = [\"127.0.0.0/8\"]");
        assert_ne!(allowed, defaults);
        world.write("home/baton.toml", &allowed);
        let mut reader = Self { world, server: None, ran: 0 };
        reader.start(&[]);
        reader
    }

    /// `baton dev`, anew.
    fn start(&mut self, arguments: &[&str]) {
        if let Some(server) = self.server.take() {
            server.stop();
        }
        let mut server = self.world.dev(&[&["--ephemeral"], arguments].concat());
        if arguments.is_empty() {
            // The demo's story is over before anybody types.
            server.until(|line| line["rule"] == "MCR-INBOX-3");
        }
        self.server = Some(server);
    }

    /// The story of a page is told before its commands are: its reader has it in a file.
    fn has_story(&self, pieces: &[Piece]) {
        let stories = pieces.iter().filter_map(|piece| match piece {
            Piece::Toml(text) if text.contains("title") && text.contains("[[steps]]") => Some(text),
            Piece::Toml(_) | Piece::Command(_) => None,
        });
        if let Some(story) = stories.into_iter().next() {
            self.world.write("home/handover.toml", story);
        }
    }

    /// A routing file that is printed is what runs from then on.
    fn has(&mut self, toml: &str) {
        if toml.contains("[[pages]]") && toml.contains("[[apps]]") {
            self.world.write("home/routing.toml", toml);
            self.start(&["-f", "routing.toml"]);
        }
    }

    fn types(&mut self, page: &str, command: &str) {
        let url = self.server.as_ref().map(|server| server.url.clone()).unwrap_or_default();
        let here = command.replace("http://127.0.0.1:4300", &url);
        let programs = Path::new(env!("CARGO_BIN_EXE_baton")).parent().unwrap().display().to_string();
        let path = format!("{programs}:{}", std::env::var("PATH").unwrap());
        // The environment of a user's shell, but with what the page is read in.
        let mut shell = self.world.command(&[]);
        let (variables, directory): (Vec<_>, _) = {
            let set = shell.get_envs().map(|(name, value)| (name.to_owned(), value.map(ToOwned::to_owned)));
            (set.collect(), shell.get_current_dir().unwrap().to_owned())
        };
        shell = std::process::Command::new("sh");
        shell.args(["-c", &here]).current_dir(directory).env("PATH", path);
        for (name, value) in variables {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        let token = std::fs::read(self.world.path("run/baton/server.json")).unwrap();
        let token: serde_json::Value = serde_json::from_slice(&token).unwrap();
        shell.env("BATON_OPERATOR_TOKEN", token["operator_token"].as_str().unwrap()).env_remove("http_proxy");
        let said = said(&shell.output().unwrap());
        assert_eq!(said.code, 0, "{page}: {command}\n{}{}", said.out, said.err);
        self.ran += 1;
    }
}

#[test]
fn every_command_of_the_readme_and_the_guides_works() {
    let mut pages = vec![root().join("README.md"), root().join("docs/reference/api.md")];
    let guides = std::fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    pages.extend(guides.filter(|path| path.extension().is_some_and(|end| end == "md")));
    pages.sort();
    let (mut ran, mut left_out) = (0, vec![false; NOT_RUN.len()]);
    for path in pages {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let all = pieces(&std::fs::read_to_string(&path).unwrap());
        let reason = |command: &str| NOT_RUN.iter().position(|(begins, _)| command.starts_with(begins));
        let is_run = |piece: &Piece| matches!(piece, Piece::Command(command) if reason(command).is_none());
        all.iter().for_each(|piece| {
            if let Piece::Command(command) = piece
                && let Some(index) = reason(command)
            {
                left_out[index] = true;
            }
        });
        if !all.iter().any(is_run) {
            continue;
        }
        let mut reader = Reader::new();
        reader.has_story(&all);
        for piece in &all {
            match piece {
                Piece::Toml(text) => reader.has(text),
                Piece::Command(command) if reason(command).is_none() => reader.types(&name, command),
                Piece::Command(_) => {}
            }
        }
        ran += reader.ran;
    }
    assert!(ran >= 15, "only {ran} commands were found");
    let idle: Vec<_> =
        NOT_RUN.iter().zip(&left_out).filter(|(_, used)| !**used).map(|((begins, _), _)| begins).collect();
    assert!(idle.is_empty(), "no page prints these any more: {idle:?}");
}
