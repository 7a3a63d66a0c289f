//! A PostgreSQL for tests: made in a temporary folder, reached by a socket there and by nothing else, and gone with the
//! process that wanted it, however that ends. One server serves all tests of a process; each test has a database.

use std::fs;
use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// What to do where there is none.
const MISSING: &str = "PostgreSQL 15 or newer is missing: on Debian, apt-get install postgresql (no server of it needs \
                       to run); elsewhere, have its initdb and pg_ctl in PATH";

/// Waits in the background for the end of the process that holds the other end of its input, then stops the server and
/// removes what it kept. Signals to a terminal's whole group are that process' to heed.
const KEEPER: &str = r#"
    trap '' INT HUP TERM QUIT
    if "$1/pg_ctl" start -w -s -t 60 -D "$2/data" -l "$2/log" -o "-k $2 -c listen_addresses= $3"
    then echo ready
    else cat "$2/log"
    fi
    read -r _
    "$1/pg_ctl" stop -w -s -m immediate -D "$2/data"
    rm -rf "$2"
"#;

/// How a server keeps what it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeping {
    /// As long as the machine runs; quick.
    Loose,
    /// As in earnest: a commit is on disk.
    Durable,
}

/// A server.
pub struct Server {
    folder: PathBuf,
    programs: PathBuf,
    user: Option<User>,
    databases: AtomicU32,
    // Held for its input, which ends with this process.
    keeper: Child,
}

/// Who runs it where root may not: PostgreSQL refuses root.
#[derive(Clone, Copy)]
struct User {
    id: u32,
    group: u32,
}

impl Server {
    /// The one that all tests of this process share; started by the first that wants it.
    ///
    /// # Panics
    /// Where there is no PostgreSQL, or it does not start: with what to do.
    pub fn shared() -> &'static Server {
        static SHARED: OnceLock<Server> = OnceLock::new();
        SHARED.get_or_init(|| Server::start(Keeping::Loose))
    }

    /// Another one.
    ///
    /// # Panics
    /// As [`Server::shared`].
    pub fn start(keeping: Keeping) -> Server {
        match Self::try_start(keeping) {
            Ok(server) => server,
            Err(why) => panic!("{why}"),
        }
    }

    fn try_start(keeping: Keeping) -> Result<Server, String> {
        let programs = programs().ok_or(MISSING)?;
        let user = user()?;
        let folder = folder()?;
        if let Some(user) = user {
            chown(&folder, Some(user.id), Some(user.group)).map_err(|error| error.to_string())?;
        }
        let mut initdb = Command::new(programs.join("initdb"));
        initdb.args(["--no-sync", "--auth=trust", "--username=baton", "--encoding=UTF8", "--locale=C", "-D"]);
        run(initdb.arg(folder.join("data")), user)?;
        let settings = match keeping {
            Keeping::Loose => {
                "-c max_connections=400 -c fsync=off -c full_page_writes=off -c synchronous_commit=on"
            }
            Keeping::Durable => "-c max_connections=400",
        };
        let mut keeper = Command::new("sh");
        keeper.args(["-c", KEEPER, "keeper"]).args([&programs, &folder]).arg(settings);
        keeper.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut keeper = become_user(&mut keeper, user).spawn().map_err(|error| format!("sh: {error}"))?;
        let mut told = String::new();
        if let Some(output) = keeper.stdout.take() {
            let mut output = BufReader::new(output);
            let first = output.read_line(&mut told).map_err(|error| error.to_string())?;
            if first == 0 || told.trim() != "ready" {
                drop(keeper.stdin.take());
                // What it says is for whoever looks why.
                let _ = output.read_to_string(&mut told);
                return Err(format!("PostgreSQL did not start: {told}"));
            }
        }
        Ok(Server { folder, programs, user, databases: AtomicU32::new(0), keeper })
    }

    /// A new, empty database: its address.
    ///
    /// # Panics
    /// When the server does not make one.
    pub fn database(&self) -> String {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.tell("postgres", &format!("CREATE DATABASE {name}"));
        self.address(&name)
    }

    /// The address of a database.
    pub fn address(&self, name: &str) -> String {
        let folder = self.folder.display().to_string().replace('/', "%2F");
        format!("postgres://baton@{folder}/{name}")
    }

    /// Where its socket is.
    pub fn socket_folder(&self) -> &Path {
        &self.folder
    }

    /// Has a database do something, by PostgreSQL's own client; returns what it says, a row in a line.
    ///
    /// # Panics
    /// When it refuses.
    pub fn tell(&self, database: &str, statement: &str) -> String {
        let mut psql = Command::new(self.programs.join("psql"));
        psql.args(["-XqAt", "-v", "ON_ERROR_STOP=1", "-U", "baton", "-h"]).arg(&self.folder);
        match run(psql.args(["-d", database, "-c", statement]), self.user) {
            Ok(said) => said,
            Err(why) => panic!("{why}"),
        }
    }

    /// Leaves a database as if a newer version had used it, whose schema is a step further and lets older programs go on.
    ///
    /// # Panics
    /// When it refuses.
    pub fn go_further(&self, database: &str) {
        self.tell(database, "INSERT INTO baton.migrations VALUES (2, '0002_later', '', 1)");
    }

    /// Keeps everybody from a table for so many seconds.
    ///
    /// # Panics
    /// When it refuses.
    pub fn hold(&self, database: &str, table: &str, seconds: f64) {
        self.tell(database, &format!("BEGIN; LOCK TABLE {table}; SELECT pg_sleep({seconds}); COMMIT"));
    }

    /// Whether somebody keeps everybody from a table.
    ///
    /// # Panics
    /// When it does not say.
    pub fn is_held(&self, database: &str, table: &str) -> bool {
        let held = "granted AND mode = 'AccessExclusiveLock'";
        let asked = format!("SELECT count(*) FROM pg_locks WHERE relation = '{table}'::regclass AND {held}");
        self.tell(database, &asked) != "0"
    }

    /// How many wait for a lock with a statement that has this in it.
    ///
    /// # Panics
    /// When it does not say.
    pub fn waiting(&self, database: &str, with: &str) -> usize {
        let asked = format!(
            "SELECT count(*) FROM pg_stat_activity
             WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%{with}%'"
        );
        match self.tell(database, &asked).parse() {
            Ok(count) => count,
            Err(error) => panic!("{error}"),
        }
    }

    /// Makes each row that comes into a table, which is still to be made, take so many seconds.
    ///
    /// # Panics
    /// When it refuses.
    pub fn slow(&self, database: &str, table: &str, seconds: f64) {
        self.tell(
            database,
            &format!(
                "CREATE FUNCTION public.slow_row() RETURNS trigger LANGUAGE plpgsql
                     AS $$ BEGIN PERFORM pg_sleep({seconds}); RETURN NEW; END $$;
                 CREATE FUNCTION public.slow_table() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
                     IF to_regclass('{table}') IS NOT NULL AND NOT EXISTS (SELECT FROM pg_trigger WHERE tgname = 'slow')
                     THEN
                         CREATE TRIGGER slow BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION public.slow_row();
                     END IF;
                 END $$;
                 CREATE EVENT TRIGGER slow ON ddl_command_end WHEN TAG IN ('CREATE TABLE')
                     EXECUTE FUNCTION public.slow_table()"
            ),
        );
    }

    /// Whether a row takes its time just now.
    ///
    /// # Panics
    /// When it does not say.
    pub fn is_slowed(&self, database: &str) -> bool {
        let asked = "SELECT count(*) FROM pg_stat_activity
                     WHERE datname = current_database() AND wait_event = 'PgSleep'";
        self.tell(database, asked) != "0"
    }

    /// Tables that are made from now on take rows as fast as they can.
    ///
    /// # Panics
    /// When it refuses.
    pub fn hurry(&self, database: &str) {
        self.tell(database, "DROP EVENT TRIGGER slow");
    }

    /// Ends the server as a power cut does, and starts it again on what it kept.
    ///
    /// # Panics
    /// When it does not come back.
    pub fn crash(&self) {
        self.stop();
        self.go_on();
    }

    /// Ends the server as a power cut does.
    ///
    /// # Panics
    /// When it does not end.
    pub fn stop(&self) {
        self.control(&["stop", "-w", "-s", "-m", "immediate"]);
    }

    /// Starts it again on what it kept.
    ///
    /// # Panics
    /// When it does not start.
    pub fn go_on(&self) {
        let options = format!("-k {} -c listen_addresses= -c max_connections=400", self.folder.display());
        let log = self.folder.join("log");
        self.control(&["start", "-w", "-s", "-o", &options, "-l", &log.display().to_string()]);
    }

    fn control(&self, what: &[&str]) {
        let mut control = Command::new(self.programs.join("pg_ctl"));
        // A server that stays would hold the pipes of whoever waits for their end.
        control
            .args(what)
            .arg("-D")
            .arg(self.folder.join("data"))
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let ended = become_user(&mut control, self.user).stdin(Stdio::null()).status();
        assert!(ended.as_ref().is_ok_and(std::process::ExitStatus::success), "pg_ctl {what:?}: {ended:?}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        // It removes the folder and goes; where it did not, the folder tells.
        let _ = self.keeper.wait();
    }
}

/// A new folder. A socket's name is at most 107 bytes long, so it is no folder within folders.
fn folder() -> Result<PathBuf, String> {
    for number in 0_u32.. {
        let folder = PathBuf::from(format!("/tmp/baton-pg-{}-{number}", std::process::id()));
        match fs::create_dir(&folder) {
            Ok(()) => return Ok(folder),
            // Another server's of this process, or left over from one of the same number.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(format!("cannot make {}: {error}", folder.display())),
        }
    }
    Err("there is no room for a folder".to_owned())
}

/// Where PostgreSQL's programs are: Debian keeps them out of PATH.
fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let number = |path: &Path| path.file_name()?.to_str()?.parse::<u32>().ok();
    let debian = versions.filter_map(|entry| Some((number(&entry.path())?, entry.path().join("bin"))));
    let newest = debian.filter(|(version, folder)| *version >= 15 && folder.join("initdb").exists()).max();
    let path = std::env::var_os("PATH").unwrap_or_default();
    newest
        .map(|(_, folder)| folder)
        .or_else(|| std::env::split_paths(&path).find(|folder| folder.join("initdb").exists()))
}

/// Whom to become: nobody where this is not root.
fn user() -> Result<Option<User>, String> {
    let own = fs::metadata("/proc/self").map_err(|error| format!("/proc/self: {error}"))?;
    if std::os::unix::fs::MetadataExt::uid(&own) != 0 {
        return Ok(None);
    }
    let users = fs::read_to_string("/etc/passwd").map_err(|error| format!("/etc/passwd: {error}"))?;
    let named = |name: &str| {
        let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut numbers = line.split(':').skip(2).map(str::parse);
        Some(User { id: numbers.next()?.ok()?, group: numbers.next()?.ok()? })
    };
    let user = named("postgres").or_else(|| named("nobody"));
    user.map(Some)
        .ok_or_else(|| "PostgreSQL does not run as root, and there is no other user here".to_owned())
}

fn become_user(command: &mut Command, user: Option<User>) -> &mut Command {
    if let Some(user) = user {
        // Its folders may not be the caller's to enter.
        command.current_dir("/").uid(user.id).gid(user.group);
    }
    command
}

fn run(command: &mut Command, user: Option<User>) -> Result<String, String> {
    let ended = become_user(command, user).stdin(Stdio::null()).output();
    let ended = ended.map_err(|error| format!("{:?}: {error}", command.get_program()))?;
    if ended.status.success() {
        Ok(String::from_utf8_lossy(&ended.stdout).trim().to_owned())
    } else {
        Err(format!("{:?}: {}", command.get_program(), String::from_utf8_lossy(&ended.stderr)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_serves_and_leaves_nothing() {
        let server = Server::start(Keeping::Durable);
        let address = server.database();
        assert!(address.ends_with("/test_0"), "{address}");
        server.tell("test_0", "CREATE TABLE kept (number integer); INSERT INTO kept VALUES (7)");
        server.crash();
        assert_eq!(server.tell("test_0", "SELECT number FROM kept"), "7");
        let folder = server.folder.clone();
        drop(server);
        assert!(!folder.exists());
    }
}
