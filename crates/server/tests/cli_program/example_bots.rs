//! The bots of `examples/bots`, as they are, played against the scenario beside them.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::support::World;

/// A bot that runs until it is dropped.
struct Bot {
    process: Child,
    webhook: String,
}

impl Drop for Bot {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// Starts a bot that finds the Graph API there.
fn bot(program: &str, file: &Path, graph: &str) -> Bot {
    let mut command = Command::new(program);
    command.arg(file).env("GRAPH", graph).env("PORT", "0").stdout(Stdio::piped());
    command.env("TOKEN", "EAA-bot").env("SECRET", "bot-secret").env("VERIFY", "bot-verify");
    let mut process = command
        .spawn()
        .unwrap_or_else(|error| panic!("{program} is needed to run {}: {error}", file.display()));
    let mut line = String::new();
    BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let webhook = line.trim().strip_prefix("bot listens at ").unwrap().to_owned();
    Bot { process, webhook }
}

#[test]
fn they_answer_and_hand_over_as_their_scenario_says() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/bots");
    let story = examples.join("hand-over.toml").display().to_string();
    for (program, file) in [("python3", "bot.py"), ("node", "bot.mjs")] {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let bot = bot(program, &examples.join(file), &format!("http://{free}"));
        let app = format!("Bot={}", bot.webhook);
        let said = World::new().run(&["test", &story, "--listen", &free, "--app", &app]);
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{file}: {}", said.out);
        assert!(said.out.ends_with("1 passed, 0 failed\n"), "{file}: {}", said.out);
    }
}
