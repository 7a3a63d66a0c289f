//! The first screen: every address and id that somebody wants to copy, and what to type next.

use std::time::Duration;

use baton_rules::{AppId, Surface};
use baton_store::{Page, Settings};

use super::{ClockKind, Config, Server};
use crate::cli::look;

/// Shows it.
pub(super) fn first(server: &Server, config: &Config, took: Duration, with_demo: bool) {
    let settings = server.engine.settings();
    let version = env!("CARGO_PKG_VERSION");
    look::line("");
    look::line(format!(
        "  {} {version}, a local platform, ready in {} ms",
        look::styled(look::STRONG, "Baton"),
        took.as_millis()
    ));
    look::line("");
    let url = &server.public_url;
    row("Graph API", &format!("{url}/v25.0"), "your client's base URL");
    row("Baton API", &format!("{url}/baton/v1"), "");
    if let Some(https) = &server.https {
        let trust = https.authority.as_ref().map(|file| format!("trust {}", file.display()));
        row("HTTPS", &https.url, &trust.unwrap_or_default());
    }
    match &server.console_link {
        Some(code) => row("Console", &format!("{url}/console/#link={code}"), "signs in, once"),
        None => row("Console", &format!("{url}/console/"), "sign in with the operator token"),
    }
    for page in &settings.pages {
        show_page(page, &settings);
    }
    lonely_apps(&settings);
    let clock = match (config.clock, server.engine.clock()) {
        (ClockKind::Virtual, Ok(state)) => {
            let now = format!("{} {} UTC", look::day(state.now.0), look::clock_time(state.now.0));
            format!("virtual, {now}{}", if state.frozen { ", frozen" } else { "" })
        }
        (ClockKind::System | ClockKind::Virtual, _) => "the system's".to_owned(),
    };
    row("Clock", &clock, "");
    let place = &server.place;
    let kept = if place.is_ephemeral() { "gone when it stops" } else { "" };
    row("Data", &place.private_directory().display().to_string(), kept);
    row("Tokens", &secrets(server, with_demo), "");
    if let Some(other) = &place.beside {
        let set = format!("export BATON_DATA={}", place.directory.display());
        row("Commands", &set, &format!("without it they find the one at {other}, which was there first"));
    }
    look::line("");
    if settings.pages.is_empty() {
        look::line("  Nothing runs here yet. In a second terminal:");
        look::line(format!("    {}", look::styled(look::STRONG, "baton apply -f routing.toml")));
        look::line("");
    } else if !with_demo {
        let page = settings.pages.first().map(|page| page.id.to_string()).unwrap_or_default();
        look::line("  In a second terminal, be a person:");
        look::line(format!("    {}", look::styled(look::STRONG, format!("baton send {page} you \"hello\""))));
        look::line("");
    }
}

fn secrets(server: &Server, with_demo: bool) -> String {
    let operator = server.place.directory.join("server.json");
    let operator = format!("operator: {}", operator.display());
    if with_demo {
        let demo = server.place.private_file("demo.json");
        format!("{operator}, the demo's apps: {}", demo.display())
    } else {
        operator
    }
}

fn row(word: &str, text: &str, remark: &str) {
    let remark =
        if remark.is_empty() { String::new() } else { format!("  {}", look::styled(look::DIM, remark)) };
    look::line(format!("  {} {text}{remark}", look::column(look::DIM, word, 10)));
}

fn entry(word: &str, id: &str, name: &str, remark: &str) {
    let remark = look::styled(look::DIM, remark);
    let line = format!("  {} {id:<16} {name:<18} {remark}", look::column(look::DIM, word, 10));
    look::line(line.trim_end());
}

fn name(app: AppId, settings: &Settings) -> String {
    let known = settings.app(app).map(|app| app.name.clone());
    known.unwrap_or_else(|| if app.is_inbox() { "Inbox".to_owned() } else { app.to_string() })
}

fn show_page(page: &Page, settings: &Settings) {
    let mode = |surface| {
        let mode = settings.routing(page.id, surface).map(|routing| routing.mode());
        match mode {
            Some(mode) if mode.is_routing() => "Conversation Routing",
            Some(mode) if mode.is_handover() => "Handover Protocol",
            Some(_) => "without a default app",
            None => "",
        }
    };
    entry("Page", &page.id.to_string(), &page.name, mode(Surface::Messenger));
    if let Some(account) = &page.instagram {
        entry("Instagram", &account.id.to_string(), &account.username, mode(Surface::Instagram));
    }
    for (index, connection) in page.connections.iter().enumerate() {
        let mut remarks = Vec::new();
        if page.messenger.default_app == Some(connection.app) {
            remarks.push("default app");
        }
        if page.messenger.primary_receiver == Some(connection.app) {
            remarks.push("primary receiver");
        }
        if connection.take_control {
            remarks.push("may take control");
        }
        match settings.app(connection.app).map(|app| app.webhook_url.as_deref()) {
            Some(Some(url)) => remarks.push(url),
            Some(None) => remarks.push("no webhook_url: `baton listen` shows what it is told"),
            None => {}
        }
        let word = if index == 0 { "Apps" } else { "" };
        entry(word, &connection.app.to_string(), &name(connection.app, settings), &remarks.join(", "));
    }
    for ad in &page.ads {
        let to = ad.receiving_app.map(|app| format!("→ {}", name(app, settings)));
        // By an ad that is not published nobody comes in.
        let status = Some(ad.status.clone()).filter(|status| status != "published");
        entry("Ad", &ad.id, &ad.name, &to.into_iter().chain(status).collect::<Vec<_>>().join(", "));
    }
    for link in &page.links {
        entry("Link", &link.reference, "", &format!("→ {}", name(link.app, settings)));
    }
}

/// Apps that are connected to nothing would otherwise not be seen.
fn lonely_apps(settings: &Settings) {
    for app in &settings.apps {
        let connected = settings.pages.iter().flat_map(|page| &page.connections).any(|one| one.app == app.id);
        if !connected {
            entry("App", &app.id.to_string(), &app.name, "connected to no page");
        }
    }
}
