//! The two operators, who change the same settings at once. What an operator read is remembered as it was, so that
//! `If-Match` fails where the other one came first.

use std::collections::BTreeMap;
use std::sync::Arc;

use baton_rules::{AppId, Fields, MoveToMain, PageId};
use rand::Rng;
use rand::rngs::SmallRng;
use rand::seq::{IndexedRandom, SliceRandom};

use crate::apps::{self, APPS, Tokens};
use crate::client::Client;
use crate::history::{Asked, Change, Document, Item, Patch, Wanted, Whole};
use crate::settings;

/// One of the two.
pub(crate) struct Operator {
    pub(crate) client: Client,
    pub(crate) tokens: Arc<Tokens>,
    pub(crate) pages: Vec<PageId>,
    pub(crate) random: SmallRng,
    /// What it read last.
    known: BTreeMap<Item, Document>,
}

impl Operator {
    pub(crate) fn new(client: Client, tokens: Arc<Tokens>, pages: &[PageId], random: SmallRng) -> Self {
        Self { client, tokens, pages: pages.to_vec(), random, known: BTreeMap::new() }
    }

    /// Changes something, or reads.
    pub(crate) async fn turn(&mut self) {
        let page = *self.pages.choose(&mut self.random).unwrap();
        let app = self.app();
        let change = match self.random.random_range(0..100) {
            0..15 => {
                let items = [Item::Page(page), Item::Connection(page, app), Item::Routing];
                let item = items.choose(&mut self.random).unwrap().clone();
                let document = self.client.read(item.clone()).await;
                self.know(item, document);
                return;
            }
            15..50 => Change::Page { page, patch: self.patch() },
            50..70 => Change::Connect { page, app, to: wanted(&self.tokens, page, app, &mut self.random) },
            70..88 => Change::Disconnect { page, app },
            _ => self.routing(page),
        };
        self.make(change).await;
    }

    async fn make(&mut self, change: Change) {
        let item = settings::item(&change);
        let careful = self.random.random_ratio(2, 5);
        let if_match = self.known.get(&item).filter(|_| careful).cloned();
        let shows = matches!(change, Change::Page { .. } | Change::Connect { .. });
        let ((status, body), tag) = self.client.ask(Asked::Change { change, if_match }).await;
        if let (200 | 201, true, Some(tag)) = (status, shows, tag) {
            self.know(item, Some(Document { tag, body }));
        }
    }

    fn know(&mut self, item: Item, document: Option<Document>) {
        match document {
            Some(document) => drop(self.known.insert(item, document)),
            None => drop(self.known.remove(&item)),
        }
    }

    fn app(&mut self) -> AppId {
        AppId::new(100 + self.random.random_range(1..=APPS)).unwrap()
    }

    fn patch(&mut self) -> Patch {
        let mut patch = Patch::default();
        let app = self.app();
        let is_inbox = self.random.random_ratio(1, 5);
        match self.random.random_range(0..8) {
            0 => (patch.default, patch.primary) = (Some(None), Some(Some(app))),
            1 => (patch.default, patch.primary) = (Some(Some(app)), Some(None)),
            2 => patch.default = Some(Some(if is_inbox { AppId::PAGE_INBOX } else { app })),
            3 => patch.primary = Some(Some(app)),
            4 => (patch.default, patch.primary) = (Some(None), Some(None)),
            5 => patch.enabled = Some(self.random.random_ratio(4, 5)),
            6 => patch.move_to_main = Some(MoveToMain::Request),
            _ => (patch.move_to_main, patch.enabled) = (Some(MoveToMain::Take), Some(true)),
        }
        patch
    }

    /// A file of one or two pages.
    fn routing(&mut self, page: PageId) -> Change {
        let mut pages = vec![page];
        let others = self.pages.iter().filter(|other| **other != page && self.random.random());
        pages.extend(others.take(1));
        let tokens = Arc::clone(&self.tokens);
        let whole = |page: PageId| (page, whole(&tokens, page, &mut self.random));
        Change::Routing { pages: pages.into_iter().map(whole).collect() }
    }
}

/// A connection with some fields, and always a token of its own.
pub(crate) fn wanted(tokens: &Tokens, page: PageId, app: AppId, random: &mut SmallRng) -> Wanted {
    let mut fields = Fields::MESSAGES;
    for (field, most) in [(Fields::MESSAGING_HANDOVERS, 9), (Fields::STANDBY, 8), (Fields::MESSAGE_ECHOES, 5)]
    {
        if random.random_ratio(most, 10) {
            fields = fields.with(field);
        }
    }
    let (standby, take_control) = (random.random_ratio(4, 5), random.random_ratio(1, 3));
    Wanted { token: tokens.issue(page, app), fields, standby, take_control }
}

/// A page with most apps, in one of the three modes.
pub(crate) fn whole(tokens: &Tokens, page: PageId, random: &mut SmallRng) -> Whole {
    let mut connected: Vec<AppId> = apps::all().filter(|_| random.random_ratio(6, 7)).collect();
    connected.shuffle(random);
    let (mut default, mut primary) = (None, None);
    match random.random_range(0..3) {
        0 => default = connected.choose(random).copied(),
        1 => primary = connected.choose(random).copied(),
        _ => {}
    }
    let connections = connected.iter().map(|app| (*app, wanted(tokens, page, *app, random))).collect();
    let move_to_main = if random.random() { MoveToMain::Take } else { MoveToMain::Request };
    Whole { enabled: true, move_to_main, default, primary, connections }
}
