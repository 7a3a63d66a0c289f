//! One seed's story: eight apps, three people, a desk and two operators on six threads of three pages, in windows.

use std::sync::Arc;
use std::time::Duration;

use baton_rules::{AppId, PageId};
use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::apps::{self, Tokens};
use crate::checker::{not_linearizable, shown};
use crate::client::{Client, http, person};
use crate::history::{Asked, Done, Recorder, Talk};
use crate::journal::Journal;
use crate::model::nothing;
use crate::node::{Node, OPERATOR};
use crate::nodes::Nodes;
use crate::operators::Operator;
use crate::receivers::{self, Mailbox};
use crate::stage::Stage;
use crate::{deliveries, people, told};

const PAGES: [u64; 3] = [2001, 2002, 2003];
const PEOPLE: [&str; 2] = ["ann", "bob"];
const WRITERS: usize = 3;
/// What everybody asks in a window, one thing after another.
const TURNS: usize = 2;
/// How long the clock goes on between windows, now and then: for retries, and until control or windows lapse.
const STEPS: [i64; 4] = [1_000, 20_000, 13 * 3_600_000, 25 * 3_600_000];
/// How long a webhook that is under way may take to arrive before the clock goes on for those that wait.
const UNDER_WAY: Duration = Duration::from_millis(100);
/// How often the clock goes on while nothing comes of it, until the rest is taken to be lost.
const ROUNDS: usize = 100;

/// Everybody in it.
struct Cast {
    stage: Stage,
    talks: Vec<Talk>,
    tokens: Arc<Tokens>,
    recorder: Arc<Recorder>,
    http: reqwest::Client,
    operators: Vec<Operator>,
    random: SmallRng,
}

/// Plays it at one node; everything that is wrong, the first of each kind.
pub(crate) async fn play(seed: u64, windows: usize) -> Vec<String> {
    played(Stage::One(Node::start(seed).await), seed, windows).await
}

/// The same at several, one of which is in trouble again and again.
pub(crate) async fn play_at_several(seed: u64, windows: usize) -> Vec<String> {
    played(Stage::Several(Nodes::start(seed, http()).await), seed, windows).await
}

async fn played(stage: Stage, seed: u64, windows: usize) -> Vec<String> {
    let mailbox = Arc::new(Mailbox::default());
    let mut cast = Cast::start(stage, seed, &mailbox).await;
    let mut wrong = Vec::new();
    for number in 0..windows {
        let window = cast.window().await;
        let checked = tokio::task::spawn_blocking(move || not_linearizable(&window)).await.unwrap();
        if let Some(part) = checked {
            wrong.push(format!("window {number} is not linearizable:\n{}", shown(&part)));
            break;
        }
    }
    let journal = cast.stage.journal().await;
    cast.deliver(&mailbox, &journal).await;
    let repeats = cast.stage.repeats();
    cast.stage.stop().await;
    let deliveries = deliveries::check(&journal, &mailbox.all(), repeats);
    for part in [journal.check(), deliveries, told::check(&journal)] {
        wrong.extend(part.into_iter().take(5));
    }
    wrong
}

impl Cast {
    async fn start(stage: Stage, seed: u64, mailbox: &Arc<Mailbox>) -> Self {
        let tokens = Arc::new(Tokens::default());
        let mut addresses = Vec::new();
        for app in apps::all() {
            addresses.push((app, receivers::start(app, Arc::clone(mailbox), seed).await));
        }
        stage.set_up(file(&addresses, &tokens)).await;
        let pages = PAGES.map(|page| PageId::new(page).unwrap());
        let talks = pages.iter().flat_map(|page| PEOPLE.map(|id| (*page, person(id)))).collect();
        let mut cast = Self {
            stage,
            talks,
            tokens,
            recorder: Arc::default(),
            http: http(),
            operators: Vec::new(),
            random: SmallRng::seed_from_u64(seed),
        };
        cast.operators = (0..2).map(|number| cast.operator(number, &pages)).collect();
        cast
    }

    fn operator(&mut self, number: usize, pages: &[PageId]) -> Operator {
        let random = SmallRng::from_rng(&mut self.random);
        Operator::new(self.client(number), Arc::clone(&self.tokens), pages, random)
    }

    fn client(&self, number: usize) -> Client {
        Client {
            number,
            bases: self.stage.bases(),
            operator_token: OPERATOR.to_owned(),
            http: self.http.clone(),
            recorder: Arc::clone(&self.recorder),
        }
    }

    /// One window: how things stand, everybody at once, how things stand then.
    async fn window(&mut self) -> Vec<Done> {
        let begin = Asked::Begin(self.stage.stands(&self.talks).await);
        self.recorder.record(0, begin, nothing(), self.recorder.number());
        if self.random.random_ratio(2, 3) {
            let by = *STEPS.choose(&mut self.random).unwrap();
            self.client(0).ask(Asked::Clock(by)).await;
        }
        self.everybody().await;
        let end = Asked::End(self.stage.stands(&self.talks).await);
        self.recorder.record(0, end, nothing(), self.recorder.number());
        self.recorder.take()
    }

    /// Everybody asks, one thing after another; all meet on two threads at most times.
    async fn everybody(&mut self) {
        let busy: Vec<Talk> = self.talks.choose_multiple(&mut self.random, 2).cloned().collect();
        let mut tasks = JoinSet::new();
        for mut operator in std::mem::take(&mut self.operators) {
            operator.client.bases = self.stage.bases();
            tasks.spawn(async move {
                for _ in 0..TURNS {
                    operator.turn().await;
                }
                Some(operator)
            });
        }
        for (number, app) in (2..).zip(apps::all()) {
            let (client, tokens) = (self.client(number), Arc::clone(&self.tokens));
            let (mut random, talks) = (SmallRng::from_rng(&mut self.random), self.some(&busy));
            tasks.spawn(async move {
                for talk in talks {
                    apps::turn(&client, app, &tokens, talk, &mut random).await;
                }
                None
            });
        }
        for number in 0..WRITERS {
            let client = self.client(2 + usize::try_from(apps::APPS).unwrap() + number);
            let (mut random, talks) = (SmallRng::from_rng(&mut self.random), self.some(&busy));
            tasks.spawn(async move {
                for talk in talks {
                    match number {
                        0 => people::desk(&client, talk, &mut random).await,
                        _ => people::write(&client, talk).await,
                    }
                }
                None
            });
        }
        let trouble = self.stage.trouble(&self.recorder, &mut self.random);
        let (operators, ()) = tokio::join!(tasks.join_all(), trouble);
        self.operators = operators.into_iter().flatten().collect();
        self.operators.sort_by_key(|operator| operator.client.number);
    }

    fn some(&mut self, busy: &[Talk]) -> Vec<Talk> {
        (0..TURNS)
            .map(|_| {
                let few = self.random.random_ratio(4, 5);
                let talks = if few { busy } else { &self.talks };
                talks.choose(&mut self.random).unwrap().clone()
            })
            .collect()
    }

    /// Waits until everything is delivered; what was refused is due when the clock has gone on.
    async fn deliver(&self, mailbox: &Mailbox, journal: &Journal) {
        let (mut arrived, mut rounds) = (0, 0);
        while rounds < ROUNDS {
            while tokio::time::timeout(UNDER_WAY, mailbox.news.notified()).await.is_ok() {}
            let all = mailbox.all();
            if deliveries::are_complete(journal, &all) {
                return;
            }
            rounds = if all.len() > arrived { 0 } else { rounds + 1 };
            arrived = all.len();
            self.stage.advance(20_000).await;
        }
    }
}

/// A page of each mode, and every app on all of them.
fn file(addresses: &[(AppId, String)], tokens: &Tokens) -> Value {
    let apps: Vec<Value> = (addresses.iter())
        .map(|(app, url)| {
            let (name, human_agent) = (format!("App {app}"), apps::is_human_agent(*app));
            json!({"id": app.to_string(), "name": name, "webhook_url": url, "human_agent": human_agent})
        })
        .collect();
    let connections = |page: u64| -> Vec<Value> {
        let page = PageId::new(page).unwrap();
        let connect = |app: AppId| {
            let (token, takes) = (tokens.issue(page, app), app.number() == 101);
            json!({"app": app.to_string(), "token": token, "take_control": takes})
        };
        apps::all().map(connect).collect()
    };
    json!({"apps": apps, "pages": [
        {"id": "2001", "name": "Market", "messenger": {"default_app": "101"}, "connections": connections(2001)},
        {"id": "2002", "name": "Garage", "messenger": {"primary_receiver": "102"}, "connections": connections(2002)},
        {"id": "2003", "name": "Theatre", "connections": connections(2003)},
    ]})
}
