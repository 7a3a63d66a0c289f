//! How many decisions a core makes in a second, in each mode: over a million conversations in random order, so that
//! what is remembered of them is in no cache, and over a thousand, which says what the rules cost without that wait.
//! `make bench-core` prints them as items.

use std::hint::black_box;

use baton_rules::build::{Page, account, app, asks, desk, did, did_by_ad, page, person, thread};
use baton_rules::{Action, Ask, Desk, Mode, PersonId, Profile, Send, Thread, Timestamp, What, decide};
use divan::Bencher;
use divan::counter::ItemsCount;

/// A million and a bit, and a thousand and a bit: powers of two, for the order below.
const THREADS: usize = 1 << 20;
const FEW: usize = 1 << 10;
const NOW: Timestamp = Timestamp(1_700_000_000_000);
const MODES: [Mode; 7] = [
    Mode::HandoverPrimary,
    Mode::HandoverOpen,
    Mode::MessengerRouting,
    Mode::InstagramRouting,
    Mode::ZeroConfig,
    Mode::MessengerRouting2025,
    Mode::MessengerZeroConfig,
];

fn main() {
    divan::main();
}

/// A page of five apps in this mode.
fn page_in(mode: Mode) -> Page {
    let blank = match mode {
        Mode::InstagramRouting | Mode::ZeroConfig => account(),
        Mode::MessengerRouting2025 | Mode::MessengerZeroConfig => page().profile(Profile::Page2025),
        Mode::HandoverPrimary | Mode::HandoverOpen | Mode::MessengerRouting => page(),
    };
    let led = match mode {
        Mode::HandoverPrimary => blank.primary("bot"),
        Mode::MessengerRouting | Mode::InstagramRouting | Mode::MessengerRouting2025 => {
            blank.default_app("bot")
        }
        Mode::HandoverOpen | Mode::ZeroConfig | Mode::MessengerZeroConfig => blank.app("bot"),
    };
    let page = led.app("shop").app("survey").app("archive");
    page.app_with("desk", |desk| (desk.take_control, desk.human_agent) = (true, true)).ad(
        "sale",
        Some("shop"),
        None,
    )
}

/// Conversations that stand in all the ways: idle, the bot's, another's, and some that lapsed.
fn threads(page: &Page, count: usize) -> Vec<Thread> {
    let owners = [None, Some("bot"), Some("desk"), Some("shop")];
    let made = (0_i64..).zip(0..count).map(|(number, place)| {
        let until = NOW.plus_seconds(number % 86_400 - 3_600);
        let owner = owners.get(place % owners.len()).copied().flatten().map(|owner| (owner, until));
        thread(page, owner, Some(NOW.plus_seconds(-(number % 100_000))))
    });
    made.collect()
}

/// What is asked: of sixteen things nine are said by people, four sent by apps, three about control.
fn actions() -> [Action<'static>; 16] {
    let message = did(What::Message);
    [
        message,
        asks("bot", Ask::Send(Send::default())),
        message,
        message,
        asks("desk", Ask::Send(Send::default())),
        message,
        did(What::QuickReply),
        asks("bot", Ask::Pass { to: Some(app("desk")) }),
        message,
        asks("bot", Ask::Send(Send::default())),
        did(What::Postback { creator: Some(app("shop")) }),
        desk(Desk::Reply),
        did_by_ad(What::Message, "sale"),
        asks("desk", Ask::Take),
        message,
        asks("shop", Ask::Release),
    ]
}

/// Makes a million decisions about these conversations, in an order that visits each and looks like none.
fn all(page: &Page, person: &PersonId, threads: &[Thread], actions: &[Action<'_>]) {
    let mut at = 1_usize;
    for number in 0..THREADS {
        at = (at.wrapping_mul(1_664_525).wrapping_add(1_013_904_223)) % threads.len();
        if let (Some(thread), Some(action)) = (threads.get(at), actions.get(number % actions.len())) {
            let _ = black_box(decide(page, person, Some(thread), action, NOW));
        }
    }
}

fn measure(bencher: Bencher<'_, '_>, mode: &str, count: usize, actions: &[Action<'_>]) {
    let Some(mode) = MODES.into_iter().find(|known| known.name() == mode) else { return };
    let (page, person) = (page_in(mode), person("pat"));
    let threads = threads(&page, count);
    bencher.counter(ItemsCount::new(THREADS)).bench_local(|| all(&page, &person, &threads, actions));
}

/// What a busy page sees, all kinds of things among one another.
#[divan::bench(args = MODES.map(Mode::name), sample_count = 5, sample_size = 1)]
fn everything(bencher: Bencher<'_, '_>, mode: &str) {
    measure(bencher, mode, THREADS, &actions());
}

/// People write, and nothing else happens.
#[divan::bench(args = MODES.map(Mode::name), sample_count = 5, sample_size = 1)]
fn messages(bencher: Bencher<'_, '_>, mode: &str) {
    measure(bencher, mode, THREADS, &[did(What::Message)]);
}

/// The same about so few that they stay in the cache.
#[divan::bench(args = MODES.map(Mode::name), sample_count = 5, sample_size = 1)]
fn messages_of_few(bencher: Bencher<'_, '_>, mode: &str) {
    measure(bencher, mode, FEW, &[did(What::Message)]);
}
