//! `baton dev`: a complete local platform. A clock that can be moved, receivers on this machine, and, unless
//! a file says what runs, a demo whose bots really answer. Then every decision is a line on the terminal.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use baton_engine::Activity;
use clap::{Args, ValueHint};
use serde_json::{Value, json};
use tokio::sync::{broadcast, mpsc};

use crate::cli::client::Client;
use crate::cli::document::Document;
use crate::cli::names::Names;
use crate::cli::server_file::ServerFile;
use crate::cli::{Common, Failure, apply, look, settings};
use crate::config::{ClockKind, Config, Database};
use crate::demo::{self, Demo, story};
use crate::start::{Place, Server, Signals, Wishes, start_log};

mod lapses;
mod lines;
mod screen;

use lines::Teller;

/// Between two steps of the story, where somebody reads along.
const PAUSE: Duration = Duration::from_millis(600);

/// A complete local platform with a clock that can be moved; without -f, with a demo
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  baton dev\n  baton dev -f routing.toml --listen 127.0.0.1:4400")]
pub(crate) struct Arguments {
    /// What runs on it: apps, pages, connections, links, ads
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    file: Option<String>,
    /// The server's settings; `baton check --defaults` prints them all
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    config: Option<PathBuf>,
    /// Where to listen
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
    /// Keep nothing
    #[arg(long)]
    ephemeral: bool,
    /// No demo: what is applied later, or was before
    #[arg(long)]
    no_demo: bool,
}

pub(crate) async fn run(common: &Common, arguments: &Arguments) -> Result<(), Failure> {
    #[expect(clippy::disallowed_methods, reason = "how long starting took is real time")]
    let begun = std::time::Instant::now();
    let flags = arguments.listen.iter().map(|at| ("listen", "--listen", at.clone())).collect();
    let config = settings::read(Config::dev(), arguments.config.as_deref(), flags)?;
    start_log(&config);
    let given = arguments.file.as_deref().map(Document::read).transpose()?.map(Document::with_environment);
    let mut signals = Signals::listen()?;
    let with_demo = given.is_none() && !arguments.no_demo;
    let place = place(common, arguments, &config, with_demo)?;
    let wishes = Wishes { token: common.token.as_deref(), dev: true, ..Wishes::default() };
    let mut server = Server::start(&config, place, wishes).await?;
    let ready = match prepare(&mut server, given, with_demo).await {
        Ok(applied) => server.announce().map(|()| applied),
        Err(failure) => Err(failure),
    };
    let applied = match ready {
        Ok(applied) => applied,
        Err(failure) => {
            server.stop().await;
            return Err(failure);
        }
    };
    let activity = server.engine.activity();
    if common.json {
        look::json_line(&json!({"event": "ready", "url": server.public_url, "pid": std::process::id()}));
    } else {
        screen::first(&server, &config, begun.elapsed(), with_demo);
        if let Some((answer, names)) = &applied {
            apply::outcome(answer, names);
        }
    }
    let teller = Teller::new(server.engine.clone(), common.json).await;
    let ended = {
        let watched = watch(server.file(), activity, teller, with_demo);
        tokio::select! {
            () = signals.next() => Ok(()),
            failure = server.ended() => Err(failure),
            () = watched => Ok(()),
        }
    };
    if !common.json {
        look::line("");
        look::line(look::styled(look::DIM, "stopping; once more ends it at once"));
    }
    tokio::select! {
        () = server.stop() => ended,
        () = signals.again() => Err(Failure::new("stopped at once; what was accepted is in the database")),
    }
}

/// The demo has a database of its own, so that it meets nothing of a user's, and `serve` nothing of either.
fn place(common: &Common, arguments: &Arguments, config: &Config, with_demo: bool) -> Result<Place, Failure> {
    let database = if with_demo { "demo.db" } else { "dev.db" };
    match (arguments.ephemeral, &config.database) {
        (false, _) => Place::kept(common, &config.database, database),
        (true, Database::InDataDirectory) => Place::ephemeral(common),
        (true, Database::Sqlite(path)) => {
            Err(Failure::usage("--ephemeral keeps nothing, and a database is named")
                .why(format!("`database` names {}", path.display()))
                .advice("leave out one of the two"))
        }
        (true, Database::Postgres(address)) => {
            Err(Failure::usage("--ephemeral keeps nothing, and a database is named")
                .why(format!("`database` names {address}"))
                .advice("leave out one of the two"))
        }
    }
}

/// Makes the server run what the file says, or the demo. Answers what came of the file.
async fn prepare(
    server: &mut Server,
    given: Option<Document>,
    with_demo: bool,
) -> Result<Option<(Value, Names)>, Failure> {
    let client = Client::of(vec![server.file()])?;
    if let Some(given) = given {
        let answer = apply::put(&client, &given, "").await?;
        return Ok(Some((answer, Names::of(&client).await?)));
    }
    if !with_demo {
        return Ok(None);
    }
    let cannot = |error: &dyn std::fmt::Display| Failure::new("cannot start the demo").why(error);
    let demo = Demo::prepare(server.place.private_directory(), &mut server.mint).await?;
    let mut given: Value = toml::from_str(&demo.routing_toml()).map_err(|error| cannot(&error))?;
    let settings = server.engine.settings();
    let known = |id: &str| id.parse().is_ok_and(|id| settings.app(id).is_some());
    let was_here = demo::PAGE.parse().is_ok_and(|page| settings.page(page).is_some());
    if let Some(given) = given.as_object_mut().filter(|_| was_here && demo.app_ids().all(known)) {
        // Whatever was made of the page since stays; only the apps' addresses may be new.
        given.remove("pages");
    }
    demo.start(&server.url);
    let put = apply::put(&client, &Document::made("the demo", given), "").await;
    put.map_err(|failure| {
        failure.advice("start it with --ephemeral, or name another data directory with --data")
    })?;
    Ok(None)
}

/// Tells what happens, and lets the story be played. Ends when nothing more can happen.
async fn watch(
    server: ServerFile,
    mut activity: broadcast::Receiver<Arc<Activity>>,
    mut teller: Teller,
    with_demo: bool,
) {
    let (narrator, mut narration) = mpsc::unbounded_channel();
    let play = async move {
        if with_demo {
            played(&server, &narrator).await;
        }
        // Nothing more to narrate; what others do goes on.
        std::future::pending::<()>().await;
    };
    tokio::pin!(play);
    loop {
        // What has happened is told before what comes next is announced.
        tokio::select! {
            biased;
            happened = activity.recv() => match happened {
                Ok(happened) => teller.happened(&happened).await,
                Err(broadcast::error::RecvError::Lagged(missed)) => teller.missed(missed),
                Err(broadcast::error::RecvError::Closed) => return,
            },
            Some(words) = narration.recv() => teller.narrate(&words),
            () = teller.next_lapse() => teller.tell_lapses().await,
            () = &mut play => {}
        }
    }
}

async fn played(server: &ServerFile, narrator: &mpsc::UnboundedSender<Words>) {
    let reads_along = std::io::stdout().is_terminal();
    let pause = if reads_along { PAUSE } else { Duration::ZERO };
    let telling = story::Telling { base: &server.url, token: &server.operator_token, pause };
    let say = |words: Words| {
        // The listener ends only with the program.
        let _ = narrator.send(words);
    };
    match story::play(&telling, |step| say(Words::Step(step.to_owned()))).await {
        Ok(()) => say(Words::YourTurn),
        Err(error) => say(Words::Stopped(error.to_string())),
    }
}

/// What the story's teller says.
enum Words {
    /// What happens next, and why.
    Step(String),
    /// The story did not end.
    Stopped(String),
    /// It ended well.
    YourTurn,
}
