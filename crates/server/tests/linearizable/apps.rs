//! The eight apps: what each asks for, on the same threads as the others.

use std::collections::BTreeMap;
use std::sync::Mutex;

use baton_rules::{AppId, Ask, PageId, Send, Tag, ThreadControl};
use rand::Rng;
use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;

use crate::client::Client;
use crate::history::{Asked, Talk};

/// How many there are.
pub(crate) const APPS: u64 = 8;

/// All of them.
pub(crate) fn all() -> impl Iterator<Item = AppId> {
    (1..=APPS).map(|number| AppId::new(100 + number).unwrap())
}

/// Whether an app has the Human Agent feature: every second one.
pub(crate) const fn is_human_agent(app: AppId) -> bool {
    app.number().is_multiple_of(2)
}

/// The page access tokens that were ever given out, by page and app, the newest last. Apps learn of one before
/// they can know whether it works.
#[derive(Default)]
pub(crate) struct Tokens(Mutex<BTreeMap<(PageId, AppId), Vec<String>>>);

impl Tokens {
    /// A new one.
    pub(crate) fn issue(&self, page: PageId, app: AppId) -> String {
        let mut tokens = self.0.lock().unwrap();
        let known = tokens.entry((page, app)).or_default();
        let token = format!("token-{page}-{app}-{}", known.len());
        known.push(token.clone());
        token
    }

    /// The newest, or now and then an older one.
    fn pick(&self, page: PageId, app: AppId, random: &mut SmallRng) -> String {
        let tokens = self.0.lock().unwrap();
        let known = &tokens[&(page, app)];
        let old = random.random_ratio(1, 10);
        if old { known.choose(random).unwrap().clone() } else { known.last().unwrap().clone() }
    }
}

/// An app asks for something.
pub(crate) async fn turn(client: &Client, app: AppId, tokens: &Tokens, talk: Talk, random: &mut SmallRng) {
    let token = tokens.pick(talk.0, app, random);
    if random.random_ratio(1, 8) {
        client.ask(Asked::Owner { token, talk }).await;
        return;
    }
    let ask = choose(random);
    let speaks = matches!(ask, Ask::Pass { .. } | Ask::Take | Ask::Request);
    let metadata = speaks.then(|| format!("{app}-{}", random.random_range(0..1_000_000)));
    client.ask(Asked::Act { token, talk, ask, metadata }).await;
}

fn choose(random: &mut SmallRng) -> Ask {
    let other = |random: &mut SmallRng| {
        let app = AppId::new(100 + random.random_range(1..=APPS)).unwrap();
        if random.random_ratio(1, 12) { AppId::PAGE_INBOX } else { app }
    };
    let target = |random: &mut SmallRng| random.random_ratio(3, 4).then(|| other(random));
    match random.random_range(0..100) {
        0..30 => Ask::Pass { to: target(random) },
        30..48 => Ask::Take,
        48..60 => Ask::Request,
        60..72 => Ask::Release,
        72..76 => Ask::Extend { duration: Some(random.random_range(1..200_000)) },
        76..82 => {
            let to = target(random);
            let control = if random.random() { ThreadControl::Release } else { ThreadControl::Pass { to } };
            Ask::Send(Send { control: Some(control), ..Send::default() })
        }
        82..88 => Ask::Send(Send { tag: Some(Tag::HumanAgent), ..Send::default() }),
        _ => Ask::Send(Send::default()),
    }
}
