//! Runs the program in a world of its own: directories that are empty, no settings from outside.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct World {
    pub(crate) directory: TempDir,
}

/// What a command said.
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl World {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        for name in ["home", "run"] {
            std::fs::create_dir(directory.path().join(name)).unwrap();
        }
        Self { directory }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> String {
        std::fs::write(self.path(name), text).unwrap();
        self.path(name).display().to_string()
    }

    /// The program with these arguments, separated by spaces.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_baton"));
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("BATON_")) {
            command.env_remove(name);
        }
        command
            .args(arguments)
            .current_dir(self.path("home"))
            .env("HOME", self.path("home"))
            .env("XDG_RUNTIME_DIR", self.path("run"))
            .env_remove("XDG_DATA_HOME")
            .env_remove("NO_COLOR")
            // Terminals of CI systems are taken for ones with colours.
            .env_remove("CI")
            .env_remove("COLUMNS")
            // Not for a server on this machine.
            .env("http_proxy", "http://127.0.0.1:1")
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Said {
        said(&self.command(arguments).output().unwrap())
    }

    /// What a command prints as JSON.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let said = self.run(arguments);
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{arguments:?}");
        serde_json::from_str(&said.out).unwrap_or_else(|error| panic!("{error}: {}", said.out))
    }

    /// Starts `baton dev --json` on a free port, and waits until it can be used.
    pub(crate) fn dev(&self, arguments: &[&str]) -> Server {
        let all = [&["dev", "--json", "--listen", "127.0.0.1:0"], arguments].concat();
        Server::start(&mut self.command(&all))
    }

    /// Starts `baton serve --json` on a free port, and waits until it can be used.
    pub(crate) fn serve(&self, arguments: &[&str]) -> Server {
        let all = [&["serve", "--json", "--listen", "127.0.0.1:0"], arguments].concat();
        Server::start(&mut self.command(&all))
    }
}

pub(crate) fn said(output: &Output) -> Said {
    Said {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout.clone()).unwrap(),
        err: String::from_utf8(output.stderr.clone()).unwrap(),
    }
}

/// A server that runs; it ends with the test.
pub(crate) struct Server {
    child: Child,
    lines: mpsc::Receiver<Value>,
    pub(crate) url: String,
    /// What it said when it was ready.
    pub(crate) ready: Value,
}

impl Server {
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = read(child.stdout.take().unwrap());
        let mut server = Self { child, lines, url: String::new(), ready: Value::Null };
        server.ready = server.until(|line| line["event"] == "ready");
        server.url = server.ready["url"].as_str().unwrap().to_owned();
        server
    }

    /// The next event that is wanted.
    pub(crate) fn until(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) if wanted(&line) => return line,
                Ok(_) => {}
                Err(error) => {
                    // It may have ended, or hang: in both cases what it said is what helps.
                    let _ = self.child.kill();
                    panic!("{error}: {}", self.err());
                }
            }
        }
    }

    fn err(&mut self) -> String {
        let mut err = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        err
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    }

    /// Ends it as a service manager does; what it said on standard error.
    pub(crate) fn stop(self) -> String {
        self.signal("-TERM");
        self.ended()
    }

    /// Waits until it has ended, well; what it said on standard error.
    pub(crate) fn ended(mut self) -> String {
        let err = self.err();
        assert_eq!(self.child.wait().unwrap().code(), Some(0), "{err}");
        err
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read(out: ChildStdout) -> mpsc::Receiver<Value> {
    let (sender, lines) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(out).lines().map_while(Result::ok) {
            let line = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    lines
}

/// An answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

/// The header of a token.
pub(crate) fn bearer(token: &str) -> (&'static str, String) {
    ("authorization", format!("Bearer {token}"))
}

/// One request to a server. JSON is sent as such.
pub(crate) fn http(method: &str, url: &str, headers: &[(&'static str, String)], body: &str) -> Answer {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
        let mut request = client.request(method.parse().unwrap(), url).body(body.to_owned());
        let is_typed = headers.iter().any(|(name, _)| *name == "content-type");
        if body.starts_with('{') && !is_typed {
            request = request.header("content-type", "application/json");
        }
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let answer = request.send().await.unwrap();
        Answer { status: answer.status().as_u16(), body: answer.text().await.unwrap() }
    })
}

/// The permissions of a file.
#[cfg(unix)]
pub(crate) fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}
