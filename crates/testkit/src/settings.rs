//! The settings that a story begins with: a page of the Handover Protocol and a page of Conversation Routing, each with
//! an Instagram account (the first's without a default app), and apps that are connected to both.

use std::sync::Arc;

use baton_rules::build::{app, name};
use baton_rules::{AppId, Fields, PageId, Surface};
use baton_store::{
    Ad, App, Connection, InstagramSide, KeptMoveToMain, KeptSurface, Link, Page, Secret, Settings, Side,
    Token,
};

use crate::receivers::address;

const fn page_id(number: u64) -> PageId {
    match PageId::new(number) {
        Some(page) => page,
        // Zero is the one number here that is no page.
        None => page_id(1),
    }
}

/// The sides of a page.
const BOTH: [KeptSurface; 2] = [KeptSurface::Messenger, KeptSurface::Instagram];

/// A page that goes by the Handover Protocol.
pub const HANDOVER: PageId = page_id(101);
/// A page with a default app.
pub const ROUTING: PageId = page_id(202);

/// The id by which webhooks name a page's side: the page's own, or its account's.
pub const fn side_of(page: PageId, surface: Surface) -> PageId {
    match surface {
        Surface::Messenger => page,
        Surface::Instagram => page_id(page.number() + 9000),
    }
}

/// The apps of a page.
pub const fn apps_of(page: PageId) -> &'static [&'static str] {
    if page.number() == HANDOVER.number() {
        &["bot", "desk", "care", "late"]
    } else {
        &["bot", "desk", "care"]
    }
}

/// A connection with every field and standby access.
pub fn connection(app: AppId, generation: u32) -> Connection {
    Connection {
        app,
        generation,
        tokens: vec![Token {
            hash: format!("{app}-{generation}"),
            tasks: Vec::new(),
            permissions: vec!["pages_messaging".to_owned(), "instagram_manage_messages".to_owned()],
        }],
        fields: Fields::ALL.iter().map(|(_, name)| (*name).to_owned()).collect(),
        standby_messenger: true,
        standby_instagram: true,
        take_control: name(app) == "desk",
    }
}

/// An app that was never there before; each time that it is made it has another secret and address.
pub fn new_app(role: &str, number: u64) -> Arc<App> {
    let late = role == "late";
    Arc::new(App {
        id: app(role),
        name: role.to_owned(),
        secret: Secret::new(format!("secret {number} of {role}")),
        webhook_url: Some(address(app(role), number)),
        verify_token: late.then(|| Secret::new("let me in")),
        verified: !late,
        human_agent: role == "care",
        live: true,
        testers: Vec::new(),
        max_batch: if role == "desk" { 4 } else { 1 },
        compat: Vec::new(),
        subscribed: Vec::new(),
    })
}

fn new_page(id: PageId) -> Arc<Page> {
    let routes = id == ROUTING;
    let messenger = Side {
        default_app: routes.then(|| app("bot")),
        primary_receiver: (!routes).then(|| app("bot")),
        organic_app: None,
        ad_max_days: 7,
        ad_window_days: 7,
        profile: None,
        answer_within: None,
        grant: Vec::new(),
    };
    let instagram = Side {
        default_app: routes.then(|| app("bot")),
        primary_receiver: None,
        ad_max_days: 30,
        ..messenger.clone()
    };
    let link = |on| Link { on, reference: "spring".to_owned(), app: app("desk") };
    let ad = |on| Ad {
        on,
        id: "1001".to_owned(),
        name: "Spring".to_owned(),
        status: "published".to_owned(),
        audience: Vec::new(),
        template: "{}".to_owned(),
        receiving_app: Some(app("care")),
        control_days: Some(3),
    };
    Arc::new(Page {
        id,
        name: format!("page {id}"),
        messaging_enabled: true,
        inbox_move_to_main: KeptMoveToMain::Take,
        messenger,
        instagram: Some(InstagramSide {
            id: side_of(id, Surface::Instagram),
            username: format!("account_{id}"),
            side: instagram,
        }),
        connections: apps_of(id).iter().map(|role| connection(app(role), 1)).collect(),
        links: if routes { BOTH.map(link).to_vec() } else { Vec::new() },
        ads: if routes { BOTH.map(ad).to_vec() } else { Vec::new() },
        had_default: routes,
    })
}

/// The settings that a story begins with.
pub fn first() -> Settings {
    let apps = apps_of(HANDOVER).iter().map(|role| new_app(role, 0)).collect();
    Settings::new(0, apps, vec![new_page(HANDOVER), new_page(ROUTING)])
}
