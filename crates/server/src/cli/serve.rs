//! `baton serve`: the server, with the system's clock and the defaults of production.

use std::path::PathBuf;

use clap::{Args, ValueHint};
use serde_json::json;

use super::{Common, Failure, look, settings};
use crate::config::Config;
use crate::start::{Hangups, Place, Server, Signals, Wishes, start_log};

/// The server, with the defaults of production
#[derive(Debug, Args)]
#[command(
    after_help = "With BATON_OPERATOR_TOKEN set, that is its operator token; else it has one of its own, kept in the \
        data directory. Clients on this machine find it by server.json there. SIGTERM and SIGINT let what is under \
        way end, within ten seconds. SIGHUP reads the certificate again.\n\n\
        Examples:\n  baton serve\n  BATON_LOG__FORMAT=json baton serve -c baton.toml"
)]
pub(crate) struct Arguments {
    /// The server's settings; `baton check --defaults` prints them all
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    config: Option<PathBuf>,
    /// Where to listen
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
}

pub(crate) async fn run(common: &Common, arguments: &Arguments) -> Result<(), Failure> {
    let flags = arguments.listen.iter().map(|at| ("listen", "--listen", at.clone())).collect();
    let config = settings::read(Config::default(), arguments.config.as_deref(), flags)?;
    start_log(&config);
    let (mut signals, mut hangups) = (Signals::listen()?, Hangups::listen()?);
    let place = Place::kept(common, &config.database, Place::SERVED)?;
    let wishes = Wishes { token: common.token.as_deref(), ..Wishes::default() };
    let mut server = Server::start(&config, place, wishes).await?;
    if let Err(failure) = server.announce() {
        server.stop().await;
        return Err(failure);
    }
    if common.json {
        look::json_line(
            &json!({"event": "ready", "url": server.public_url, "database": server.place.database.to_string()}),
        );
    } else {
        let version = env!("CARGO_PKG_VERSION");
        look::line(format!("Baton {version} serves {}", look::styled(look::STRONG, &server.public_url)));
        look::line(format!("  Graph API  {}/v25.0", server.public_url));
        if let Some(https) = &server.https {
            look::line(format!("  HTTPS      {}", https.url));
        }
        look::line(format!("  database   {}", server.place.database));
        look::line(format!(
            "  clients    find it by {}",
            server.place.directory.join("server.json").display()
        ));
        if let Some(code) = &server.console_link {
            // Only on the terminal, and only as long as nobody has used it: whoever has it may do everything.
            let link = format!("{}/console/#link={code}", server.public_url);
            look::line(format!("  console    {}", look::styled(look::STRONG, link)));
            look::line("             makes the first operator, once; you choose a name and a password");
        }
    }
    let (url, database) = (server.public_url.as_str(), server.place.database.to_string());
    tracing::info!(version = env!("CARGO_PKG_VERSION"), url, database, "serving");
    for app in server.engine.settings().apps.iter().filter(|app| app.webhook_url.is_some() && !app.verified) {
        tracing::warn!(app = %app.id, name = app.name, "the address is not verified, so its webhooks wait until it is");
    }
    let ended = loop {
        tokio::select! {
            () = signals.next() => break Ok(()),
            failure = server.ended() => break Err(failure),
            () = hangups.next() => {}
        }
        if let Some(https) = &server.https {
            https.renew();
        }
    };
    tracing::info!("stopping: requests and webhooks that are under way may end");
    tokio::select! {
        () = server.stop() => {
            tracing::info!("stopped");
            ended
        }
        () = signals.again() => Err(Failure::new("stopped at once; what was accepted is in the database")),
    }
}
