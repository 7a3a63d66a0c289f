//! The apps' ends of the wire: receivers that are slow, down, overloaded, wrong, forgetful or poisoned by one
//! conversation, and that look at everything they are sent.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use baton_engine::{Answer, Clock, SendError, Transport};
use baton_rules::{AppId, Channel, Surface, ThreadKey, Timestamp, build};
use baton_store::memory::MemoryStore;
use baton_store::{Chain, JournalRow, Store};
use baton_wire::signature;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use rand::Rng;
use rand::rngs::SmallRng;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::clock::SimClock;
use crate::record::{Place, Record};
use crate::settings::side_of;

/// How long the node waits for an answer, in milliseconds.
const TIMEOUT: i64 = 5_000;

/// How one app's receiver behaves.
#[derive(Clone, Debug, Default)]
pub struct Manners {
    /// How often a webhook goes wrong in some way.
    pub flaky: f64,
    /// When it is down altogether.
    pub outages: Vec<(i64, i64)>,
    /// A conversation of which it takes nothing before that moment, and what it answers: a status, or none.
    pub poison: Option<(ThreadKey, Option<u16>, i64)>,
    /// From when on it answers the handshake as it must.
    pub handshake_from: i64,
    /// How long it takes at most, when it answers, in milliseconds.
    pub slow: i64,
}

/// What becomes of a webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// It is taken, and answered with 200.
    Taken,
    /// It is taken, and the answer is this status all the same.
    Lies(u16),
    /// It is taken, and no answer comes in time.
    TakenSilently,
    /// Nobody is there.
    Refused,
    /// Nobody answers, and nothing is taken.
    Silent,
}

/// The receivers of one life of a node. Their manners are those of the whole story.
#[derive(Debug)]
pub struct Receivers {
    /// How each behaves.
    pub manners: Arc<Mutex<BTreeMap<AppId, Manners>>>,
    /// What is seen.
    pub record: Arc<Record>,
    /// The time.
    pub clock: Arc<SimClock>,
    /// Where the settings can be looked at.
    pub disk: MemoryStore,
    /// Webhooks to one app at once, at most.
    pub in_flight: usize,
    /// Chance.
    pub random: Mutex<SmallRng>,
}

/// An address of an app: it has as many as it likes.
pub fn address(app: AppId, number: u64) -> String {
    format!("https://{}.test/hook/{number}", build::name(app))
}

fn whose(url: &str) -> Option<AppId> {
    let name = url.strip_prefix("https://")?.split_once(".test/hook/")?.0;
    let plain = (1..=10).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_lowercase());
    plain.then(|| build::app(name))
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    entry: Vec<Entry<'a>>,
}

#[derive(Deserialize)]
struct Entry<'a> {
    time: i64,
    id: String,
    #[serde(borrow)]
    messaging: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    standby: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    hop_context: Option<&'a RawValue>,
}

/// The side that a webhook is about; what is told of a page as such is told on Messenger.
fn surface_of(chain: &Chain) -> Surface {
    chain.thread().map_or(Surface::Messenger, |thread| thread.surface)
}

/// One event of a webhook, recognised.
struct Event {
    place: Place,
    row: Arc<JournalRow>,
    chain: Chain,
    number: usize,
}

impl Receivers {
    fn manners(&self, app: AppId) -> Manners {
        let manners = self.manners.lock().unwrap_or_else(PoisonError::into_inner);
        manners.get(&app).cloned().unwrap_or_default()
    }

    fn broken(&self, what: String) {
        self.record.broken(self.clock.now(), what);
    }

    /// What becomes of a webhook to this app, and how long it takes.
    fn draw(&self, app: AppId, events: &[Event]) -> (Fate, i64) {
        let (manners, now) = (self.manners(app), self.clock.now().0);
        let mut random = self.random.lock().unwrap_or_else(PoisonError::into_inner);
        let takes = if random.random_bool(0.3) { 0 } else { random.random_range(0..=manners.slow) };
        let what = random.random_range(0..12);
        let flaky = random.random_bool(manners.flaky);
        if let Some((thread, status, until)) = &manners.poison
            && now < *until
            && events.iter().any(|event| event.chain.thread() == Some(thread))
        {
            return status.map_or((Fate::Silent, TIMEOUT), |status| (Fate::Lies(status), takes));
        }
        if manners.outages.iter().any(|(from, to)| (*from..*to).contains(&now)) {
            return if what < 6 { (Fate::Refused, 1) } else { (Fate::Silent, TIMEOUT) };
        }
        if !flaky {
            return (Fate::Taken, takes);
        }
        match what {
            0 => (Fate::Refused, 1),
            1 => (Fate::Silent, TIMEOUT),
            2 | 3 => (Fate::TakenSilently, TIMEOUT),
            4 => (Fate::Taken, TIMEOUT - 1),
            5 => (Fate::Lies(500), takes),
            6 => (Fate::Lies(502), takes),
            7 => (Fate::Lies(503), takes),
            8 => (Fate::Lies(429), takes),
            9 => (Fate::Lies(404), takes),
            10 => (Fate::Lies(302), takes),
            _ => (Fate::Lies(400), takes),
        }
    }

    /// Looks at everything that an app is sent.
    fn look(&self, app: AppId, url: &str, headers: &[(&'static str, String)], body: &[u8]) -> Vec<Event> {
        let settings = self.disk.settings();
        let name = build::name(app);
        // What was on its way at the moment of a change is let through.
        let changed = self.record.seen().settings.last().is_some_and(|change| change.at == self.clock.now());
        match settings.app(app).filter(|known| known.webhook_url.as_deref() == Some(url)) {
            None if changed => {}
            None => self.broken(format!("{name} is sent something to {url}, which is not its address")),
            Some(known) => {
                let signed = headers.iter().find(|(name, _)| *name == "x-hub-signature-256");
                if !changed
                    && !signed.is_some_and(|(_, text)| signature::verify(known.secret.reveal(), body, text))
                {
                    self.broken(format!("{name} is sent something that is not signed with its secret"));
                }
                if !known.verified && !self.record.seen().shaken.contains(url) {
                    self.broken(format!("{name} is sent something before its address was verified"));
                }
            }
        }
        let Ok(envelope) = serde_json::from_slice::<Envelope<'_>>(body) else {
            self.broken(format!("{name} is sent something that is no webhook"));
            return Vec::new();
        };
        let mut events = Vec::new();
        let webhook = self.record.webhook();
        let mut standbys = 0;
        for entry in &envelope.entry {
            let standby = entry.standby.is_some();
            standbys += usize::from(standby);
            let items = entry.messaging.iter().flatten().chain(entry.standby.iter().flatten());
            let items: Vec<_> = items.map(|item| Bytes::copy_from_slice(item.get().as_bytes())).collect();
            let [item] = &items[..] else {
                self.broken(format!("{name} is sent an entry of {} events", items.len()));
                continue;
            };
            let Some((place, row)) = self.record.told(app, standby, item) else {
                self.broken(format!("{name} is sent what nobody decided: {}", String::from_utf8_lossy(item)));
                continue;
            };
            events.extend(self.recognised(app, entry, place, row, webhook));
        }
        if standbys != 0 && standbys != envelope.entry.len() {
            self.broken(format!("{name} is sent messaging and standby in one webhook"));
        }
        events
    }

    fn recognised(
        &self,
        app: AppId,
        entry: &Entry<'_>,
        place: Place,
        row: Arc<JournalRow>,
        webhook: u64,
    ) -> Option<Event> {
        let chain = row.chain.clone()?;
        let notice = row.notices.iter().find(|notice| notice.app == app)?;
        let context = row.context.as_deref().filter(|_| notice.context);
        let given = entry.hop_context.map(|context| context.get().as_bytes());
        let standby = notice.channel == Channel::Standby;
        if entry.time != row.at.0
            || entry.id != side_of(chain.page(), surface_of(&chain)).to_string()
            || context != given
            || standby != entry.standby.is_some()
        {
            self.broken(format!("{} is sent {place:?} in a wrong frame", build::name(app)));
        }
        Some(Event { place, row, chain, number: self.record.sent(self.clock.now(), app, place, webhook) })
    }

    /// One webhook for each conversation, and not too many for each app.
    fn enter(&self, app: AppId, events: &[Event]) {
        let mut wrong = None;
        {
            let mut seen = self.record.seen();
            let under_way = seen.under_way.entry(app).or_default();
            *under_way += 1;
            if *under_way > self.in_flight {
                wrong = Some(format!("{} has {under_way} webhooks under way", build::name(app)));
            }
            let busy = seen.busy.entry(app).or_default();
            let mut chains: Vec<_> = events.iter().map(|event| &event.chain).collect();
            chains.dedup();
            for chain in chains {
                let count = busy.entry(chain.clone()).or_default();
                *count += 1;
                if *count > 1 {
                    wrong = Some(format!("{chain:?} has two webhooks to {} under way", build::name(app)));
                }
            }
        }
        if let Some(wrong) = wrong {
            self.broken(wrong);
        }
    }

    fn leave(&self, app: AppId, events: &[Event]) {
        let mut seen = self.record.seen();
        let under_way = seen.under_way.entry(app).or_default();
        *under_way = under_way.saturating_sub(1);
        let busy = seen.busy.entry(app).or_default();
        for event in events {
            busy.remove(&event.chain);
        }
    }

    async fn receive(
        &self,
        app: AppId,
        url: &str,
        headers: Vec<(&'static str, String)>,
        body: Bytes,
    ) -> Result<Answer, SendError> {
        let events = self.look(app, url, &headers, &body);
        self.enter(app, &events);
        let (fate, takes) = self.draw(app, &events);
        let list = |event: &Event| {
            let standby = event
                .row
                .notices
                .iter()
                .any(|notice| notice.app == app && notice.channel == Channel::Standby);
            let what = event.row.event.as_deref().unwrap_or_default();
            let sign = if standby { "standby " } else { "" };
            let whose = event
                .chain
                .thread()
                .map_or_else(|| event.chain.page().to_string(), |own| own.person.to_string());
            format!("{}:{} {sign}{what} of {whose}", event.place.0.0, event.place.1.0)
        };
        let list = events.iter().map(list).collect::<Vec<_>>().join(", ");
        self.record.note(self.clock.now(), format_args!("-> {}: {list}", build::name(app)));
        if matches!(fate, Fate::Taken | Fate::Lies(_) | Fate::TakenSilently) {
            events.iter().for_each(|event| self.record.arrived(event.number));
        }
        self.clock.sleep(takes).await;
        self.leave(app, &events);
        self.record.note(self.clock.now(), format_args!("<- {}: {list}: {fate:?}", build::name(app)));
        let status = match fate {
            Fate::Taken => 200,
            Fate::Lies(status) => status,
            Fate::Refused => return Err(SendError::Failed("connection refused".to_owned())),
            Fate::TakenSilently | Fate::Silent => return Err(timeout()),
        };
        events.iter().for_each(|event| self.record.told_status(event.number, status));
        Ok(Answer { status, body: Bytes::new(), retry_after: None })
    }

    async fn shake(&self, app: AppId, url: String) -> Result<Answer, SendError> {
        let good = self.clock.now() >= Timestamp(self.manners(app).handshake_from);
        self.clock.sleep(20).await;
        let challenge = url.split(['?', '&']).find_map(|pair| pair.strip_prefix("hub.challenge="));
        self.record.note(self.clock.now(), format_args!("{} is asked to verify: {good}", build::name(app)));
        let Some(challenge) = challenge.filter(|_| good) else {
            let wrong = self.random.lock().unwrap_or_else(PoisonError::into_inner).random_range(0..3);
            return match wrong {
                0 => Err(timeout()),
                1 => Ok(Answer { status: 403, body: Bytes::new(), retry_after: None }),
                _ => Ok(Answer {
                    status: 200,
                    body: Bytes::from_static(b"<html>hello</html>"),
                    retry_after: None,
                }),
            };
        };
        let asked = url.split(['?', '&']).next().unwrap_or_default().to_owned();
        self.record.seen().shaken.insert(asked);
        Ok(Answer { status: 200, body: Bytes::copy_from_slice(challenge.as_bytes()), retry_after: None })
    }
}

fn timeout() -> SendError {
    SendError::Timeout(Duration::from_millis(TIMEOUT.unsigned_abs()))
}

impl Transport for Receivers {
    fn is_forbidden(&self, _: &str) -> Option<SendError> {
        None
    }

    fn vet(&self, url: &str) -> BoxFuture<'_, Result<(), SendError>> {
        let known = whose(url).is_some();
        Box::pin(async move { known.then_some(()).ok_or(SendError::Failed("no such host".to_owned())) })
    }

    fn post(
        &self,
        url: &str,
        headers: Vec<(&'static str, String)>,
        body: Bytes,
    ) -> BoxFuture<'_, Result<Answer, SendError>> {
        let (app, url) = (whose(url), url.to_owned());
        Box::pin(async move {
            match app {
                Some(app) => self.receive(app, &url, headers, body).await,
                None => {
                    self.broken("a webhook goes to an address that nobody has".to_owned());
                    Err(SendError::Failed("no such host".to_owned()))
                }
            }
        })
    }

    fn get(&self, url: &str) -> BoxFuture<'_, Result<Answer, SendError>> {
        let (app, url) = (whose(url), url.to_owned());
        Box::pin(async move {
            match app {
                Some(app) => self.shake(app, url).await,
                None => Err(SendError::Failed("no such host".to_owned())),
            }
        })
    }
}
