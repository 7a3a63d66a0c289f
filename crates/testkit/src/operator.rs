//! The operator: changes the settings, has addresses verified, and moves the clock, while everybody else is busy.

use std::sync::Arc;

use baton_engine::{Clock, Engine};
use baton_rules::build::{app, name};
use baton_rules::{AppId, PageId, Timestamp};
use baton_store::{App, Page, Settings};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use crate::people::Crowd;
use crate::receivers::address;
use crate::settings::{HANDOVER, ROUTING, apps_of, connection, new_app};

/// A change that an operator makes.
#[derive(Clone, Copy, Debug)]
enum Deed {
    /// Disconnects an app from a page, or connects it again.
    Connect(&'static str, PageId),
    /// Sets or removes who leads a page: its default app, or its primary receiver.
    Lead(PageId, Option<&'static str>),
    /// How many events an app takes at once.
    MaxBatch(u16),
    /// An app does without control events, or has them again.
    Handovers(&'static str, PageId),
    /// Another address.
    Move(&'static str),
    /// No address, or one where there was none.
    Reach(&'static str),
    /// An app goes, with its connections.
    Delete(&'static str),
    /// An app that went is made again, with another secret, and connected anew.
    Make(&'static str),
}

/// Acts until the end.
pub async fn operate(crowd: Crowd, seed: u64, end: Timestamp) {
    let mut random = SmallRng::seed_from_u64(seed);
    while crowd.clock.lived() < end {
        crowd.clock.sleep(random.random_range(1_000..20_000)).await;
        let now = crowd.clock.now();
        match random.random_range(0..14) {
            0 | 1 => {
                let jump = match random.random_range(0..4) {
                    0 => 26 * 3_600_000,
                    1 => random.random_range(0..3_600_000),
                    _ => random.random_range(0..60_000),
                };
                crowd.record.note(now, format_args!("the clock jumps by {jump}"));
                crowd.clock.jump(jump);
            }
            2 => {
                let failed = crowd.engine.verify(app("late")).await;
                crowd.record.note(crowd.clock.now(), format_args!("late is verified: {failed:?}"));
            }
            3 | 4 => {
                // Gone and made again at once, or after a while.
                let role = ["desk", "care", "late"][random.random_range(0..3)];
                act(&crowd, Deed::Delete(role)).await;
                let pause = if random.random_bool(0.5) { 0 } else { random.random_range(0..8_000) };
                crowd.clock.sleep(pause).await;
                act(&crowd, Deed::Make(role)).await;
            }
            what => {
                let deed = deed(&mut random, what);
                act(&crowd, deed).await;
            }
        }
    }
}

/// A change of who is connected, who leads, where apps are reached and what they hear; nobody goes by it.
pub fn change(random: &mut SmallRng) -> impl Fn(&Settings) -> Settings + Clone + Send + Sync + 'static {
    let kinds = [5, 6, 7, 8, 9, 10, 12, 13];
    let what = kinds[random.random_range(0..kinds.len())];
    let deed = deed(random, what);
    move |settings| changed(settings, deed)
}

fn deed(random: &mut SmallRng, what: u32) -> Deed {
    let page = if random.random_bool(0.5) { HANDOVER } else { ROUTING };
    let role = apps_of(page)[random.random_range(0..apps_of(page).len())];
    match what {
        5 => Deed::Connect("care", page),
        6 => Deed::Connect("desk", page),
        7 | 8 if page == ROUTING => {
            Deed::Lead(page, Some(["bot", "desk", "care"][random.random_range(0..3)]))
        }
        7..=9 => Deed::Lead(HANDOVER, [Some("bot"), Some("desk"), None][random.random_range(0..3)]),
        10 => Deed::Move(role),
        11 => Deed::Reach(role),
        12 => Deed::Handovers(role, page),
        _ => Deed::MaxBatch([1, 3, 10][random.random_range(0..3)]),
    }
}

async fn act(crowd: &Crowd, deed: Deed) {
    let change = move |settings: &Settings| Ok(changed(settings, deed));
    let done = crowd.engine.configure(Box::new(change)).await;
    let done = done.map(|applied| applied.configured.positions.len());
    crowd.record.note(crowd.clock.now(), format_args!("{deed:?}: {done:?}"));
}

/// Every app is there again and has an address, so that all that is pending can be delivered.
pub async fn everybody_back(engine: &Engine) {
    let change = |settings: &Settings| {
        let missing = |role: &&&str| settings.app(app(role)).is_none();
        let made = apps_of(HANDOVER)
            .iter()
            .filter(missing)
            .fold(settings.clone(), |settings, role| changed(&settings, Deed::Make(role)));
        let silent = |role: &&&str| made.app(app(role)).is_some_and(|known| known.webhook_url.is_none());
        let reached: Vec<_> = apps_of(HANDOVER).iter().filter(silent).collect();
        Ok(reached.into_iter().fold(made.clone(), |settings, role| changed(&settings, Deed::Reach(role))))
    };
    // The disk has no more trouble by then; what is not changed shows as never delivered.
    let _ = engine.configure(Box::new(change)).await;
}

/// Other settings than these.
fn changed(settings: &Settings, deed: Deed) -> Settings {
    let (mut apps, mut pages) = (settings.apps.clone(), settings.pages.clone());
    let number = settings.version + 1;
    match deed {
        // Nobody connects an app that is not there.
        Deed::Connect(role, _) if settings.app(app(role)).is_none() => {}
        Deed::Connect(role, page) => on(&mut pages, page, |page| connect(page, app(role))),
        Deed::Lead(page, role) if page == ROUTING => {
            on(&mut pages, page, |page| {
                page.messenger.default_app = role.map(app);
                lead_account(page, role);
            });
        }
        Deed::Lead(page, role) => {
            on(&mut pages, page, |page| {
                page.messenger.primary_receiver = role.map(app);
                // Its account has a default app now and then, and else none.
                lead_account(page, role.filter(|role| *role == "desk"));
            });
        }
        Deed::MaxBatch(size) => of(&mut apps, "bot", |known| known.max_batch = size),
        Deed::Handovers(role, page) => on(&mut pages, page, |page| {
            for known in page.connections.iter_mut().filter(|known| known.app == app(role)) {
                let had = known.fields.len();
                known.fields.retain(|field| field != "messaging_handovers");
                if known.fields.len() == had {
                    known.fields.push("messaging_handovers".to_owned());
                }
            }
        }),
        Deed::Move(role) => of(&mut apps, role, |known| {
            if known.webhook_url.is_some() {
                moved(known, number);
            }
        }),
        Deed::Reach(role) => of(&mut apps, role, |known| match known.webhook_url {
            Some(_) => known.webhook_url = None,
            None => moved(known, number),
        }),
        Deed::Delete(role) => {
            apps.retain(|known| known.id != app(role));
            for page in [HANDOVER, ROUTING] {
                on(&mut pages, page, |page| disconnect(page, app(role)));
            }
        }
        Deed::Make(role) if settings.app(app(role)).is_some() => {}
        Deed::Make(role) => {
            apps.push(new_app(role, number));
            for page in [HANDOVER, ROUTING].into_iter().filter(|page| apps_of(*page).contains(&role)) {
                on(&mut pages, page, |page| connect(page, app(role)));
            }
        }
    }
    Settings::new(settings.version, apps, pages)
}

fn lead_account(page: &mut Page, role: Option<&'static str>) {
    if let Some(account) = &mut page.instagram {
        account.side.default_app = role.map(app);
    }
}

/// Another address, which must be verified where the app wants that.
fn moved(known: &mut App, number: u64) {
    known.webhook_url = Some(address(known.id, number));
    known.verified = known.verify_token.is_none();
}

fn of(apps: &mut [Arc<App>], role: &str, to: impl Fn(&mut App)) {
    apps.iter_mut().filter(|known| name(known.id) == role).map(Arc::make_mut).for_each(to);
}

fn on(pages: &mut [Arc<Page>], page: PageId, to: impl Fn(&mut Page)) {
    pages.iter_mut().filter(|known| known.id == page).map(Arc::make_mut).for_each(to);
}

/// An app without a token is not connected; what it was is remembered for its generation.
fn disconnect(page: &mut Page, wanted: AppId) {
    for known in page.connections.iter_mut().filter(|known| known.app == wanted) {
        known.tokens.clear();
    }
}

/// Disconnects an app, or connects it again: a new connection, which has nothing of the old one's control.
fn connect(page: &mut Page, wanted: AppId) {
    match page.connections.iter_mut().find(|known| known.app == wanted) {
        Some(known) if known.tokens.is_empty() => *known = connection(wanted, known.generation + 1),
        Some(_) => disconnect(page, wanted),
        None => page.connections.push(connection(wanted, 1)),
    }
}
