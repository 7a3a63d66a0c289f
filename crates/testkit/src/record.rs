//! What was seen from outside while a story ran: what the disk took, what receivers got, what callers were
//! told, and a trace of it all. It outlives every node.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::fmt::Display;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use baton_engine::Receipt;
use baton_rules::{AppId, Channel, Form, ThreadKey, Timestamp};
use baton_store::{Chain, Configured, DeadLetter, Forgotten, JournalRow, Position, Settings, Stream};
use bytes::Bytes;

/// How many lines of the trace are kept unless all are.
const TAIL: usize = 400;

/// Where a row stands.
pub type Place = (Stream, Position);

/// A row as one app is told of it: in standby or not, and the exact bytes.
type Told = (AppId, bool, Bytes);

/// Everything that was seen.
#[derive(Debug, Default)]
pub struct Seen {
    /// Orders what happened: each thing that is recorded gets the next number.
    pub count: u64,
    /// Which life of the node it is, from 1.
    pub life: u32,
    /// What is wrong.
    pub broken: Vec<String>,
    /// Every row that the disk took, by stream.
    pub rows: BTreeMap<Stream, Vec<Arc<JournalRow>>>,
    /// Every change of settings that the disk took.
    pub settings: Vec<Changed>,
    /// Every event that the disk was told was given up for an app, and whether for its age.
    pub dead: BTreeMap<(AppId, Place), bool>,
    /// How many rows the disk deleted for their age.
    pub forgotten: u64,
    /// Every attempt to deliver something.
    pub tries: Vec<Try>,
    /// Everything that was asked, by its number.
    pub ops: Vec<Op>,
    /// How often the node crashed.
    pub crashes: u32,
    /// Lives that ended with a stop and without trouble with the disk: from when to when.
    pub stopped: Vec<(u64, u64)>,
    /// When this life began.
    pub born: u64,
    /// Addresses that answered the handshake in this life.
    pub shaken: BTreeSet<String>,
    /// Webhooks under way now, by app and conversation.
    pub busy: BTreeMap<AppId, BTreeMap<Chain, usize>>,
    /// The same, counted.
    pub under_way: BTreeMap<AppId, usize>,
    told: HashMap<Told, Vec<Place>>,
    acked: BTreeSet<(AppId, Place)>,
    trace: VecDeque<String>,
    all: bool,
    hash: u64,
}

/// A change of settings.
#[derive(Clone, Debug)]
pub struct Changed {
    /// When, by the clock.
    pub at: Timestamp,
    /// When, among everything that is recorded.
    pub count: u64,
    /// Where it stands in each stream.
    pub positions: Vec<Position>,
    /// The settings before.
    pub before: Arc<Settings>,
    /// The settings since.
    pub after: Arc<Settings>,
}

impl Changed {
    /// Whether delivery to an app begins with this change: it is new, or has its first address. What was before
    /// is nothing to it.
    pub fn begins(&self, app: AppId) -> bool {
        let reached = |settings: &Settings| settings.app(app).map(|app| app.webhook_url.is_some());
        match (reached(&self.before), reached(&self.after)) {
            (None, Some(_)) | (Some(false), Some(true)) => true,
            (_, _) => false,
        }
    }
}

/// One attempt to deliver one event.
#[derive(Clone, Debug)]
pub struct Try {
    /// To whom.
    pub app: AppId,
    /// Which row.
    pub place: Place,
    /// When it was sent.
    pub sent: u64,
    /// The same, by the clock.
    pub at: Timestamp,
    /// In which webhook.
    pub webhook: u64,
    /// When the node was told 2xx, if it was.
    pub acked: Option<u64>,
    /// Whether it reached the receiver.
    pub arrived: bool,
    /// The status that the node was told, if any.
    pub status: Option<u16>,
}

/// Something that was asked of the node, perhaps several times.
#[derive(Clone, Debug)]
pub struct Op {
    /// Whose.
    pub thread: ThreadKey,
    /// What, in short.
    pub what: String,
    /// Each time it was asked.
    pub asked: Vec<Asked>,
}

/// One time that something was asked.
#[derive(Clone, Debug)]
pub struct Asked {
    /// When.
    pub at: u64,
    /// The answer and when it came; none when the node crashed or the caller left.
    pub answer: Option<(u64, Outcome)>,
    /// Whether it came with the same key and another body.
    pub other_body: bool,
}

/// What a caller was told.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It is done.
    Done(Box<Receipt>),
    /// A rule refuses: nothing changed.
    Refused(&'static str),
    /// It was not done for another reason.
    NotDone,
    /// The key came with another body before.
    KeyReused,
    /// It may have been done or not.
    Unknown,
}

impl Seen {
    fn next(&mut self) -> u64 {
        self.count += 1;
        self.count
    }
}

/// The record of one story.
#[derive(Debug)]
pub struct Record(Mutex<Seen>);

impl Record {
    /// An empty record; `all` keeps the whole trace and not only its tail.
    pub fn new(all: bool) -> Arc<Self> {
        let seen = Seen { all, hash: 0xcbf2_9ce4_8422_2325, ..Seen::default() };
        Arc::new(Self(Mutex::new(seen)))
    }

    /// Everything, to look at.
    pub fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a line to the trace.
    pub fn note(&self, at: Timestamp, what: impl Display) {
        let mut seen = self.seen();
        let line =
            format!("{:>11}.{:03} life {} {what}", at.0.div_euclid(1000), at.0.rem_euclid(1000), seen.life);
        for byte in line.bytes() {
            seen.hash = (seen.hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        seen.trace.push_back(line);
        if !seen.all && seen.trace.len() > TAIL {
            seen.trace.pop_front();
        }
    }

    /// Something is wrong.
    pub fn broken(&self, at: Timestamp, what: impl Display) {
        let what = what.to_string();
        self.note(at, format_args!("BROKEN {what}"));
        self.seen().broken.push(what);
    }

    /// The trace's hash: the same story has the same.
    pub fn hash(&self) -> u64 {
        self.seen().hash
    }

    /// The trace, or its tail.
    pub fn trace(&self) -> Vec<String> {
        self.seen().trace.iter().cloned().collect()
    }

    /// A new life of the node begins: nothing is under way.
    pub fn born(&self) {
        let mut seen = self.seen();
        seen.life += 1;
        seen.born = seen.next();
        seen.busy.clear();
        seen.under_way.clear();
        seen.shaken.clear();
    }

    /// The node was stopped, and its disk had no trouble.
    pub fn stopped(&self) {
        let mut seen = self.seen();
        let life = (seen.born, seen.next());
        seen.stopped.push(life);
    }

    /// The disk took rows.
    pub fn wrote(&self, stream: Stream, rows: &[Arc<JournalRow>]) {
        let mut seen = self.seen();
        for row in rows {
            for notice in &row.notices {
                let bytes = match (notice.form, &row.reduced) {
                    (Form::Reduced, Some(reduced)) => reduced.clone(),
                    (Form::Reduced | Form::Whole, _) => row.whole.clone(),
                };
                let told = (notice.app, notice.channel == Channel::Standby, bytes);
                seen.told.entry(told).or_default().push((stream, row.position));
            }
            seen.rows.entry(stream).or_default().push(Arc::clone(row));
        }
    }

    /// The disk was told that events were given up.
    pub fn gave_up(&self, dead: &[DeadLetter]) {
        let letters = dead.iter().map(|dead| ((dead.app, (dead.stream, dead.position)), dead.expired));
        self.seen().dead.extend(letters);
    }

    /// The disk deleted the oldest rows of a stream. Nobody is given up in a story, so nobody waits for them.
    pub fn forgot(&self, at: Timestamp, stream: Stream, gone: &Forgotten) {
        if gone.rows > 0 {
            self.note(at, format_args!("{} rows of {stream:?} are deleted", gone.rows));
            self.seen().forgotten += gone.rows;
        }
        if !gone.expired.is_empty() {
            self.broken(at, format_args!("rows of {stream:?} are deleted that {:?} wait for", gone.expired));
        }
    }

    /// The disk took settings.
    pub fn configured(&self, at: Timestamp, configured: &Configured) {
        if !configured.positions.is_empty() {
            let mut seen = self.seen();
            let count = seen.next();
            let (before, after) = (Arc::clone(&configured.before), Arc::clone(&configured.after));
            let positions = configured.positions.clone();
            seen.settings.push(Changed { at, count, positions, before, after });
            drop(seen);
            for (stream, row) in &configured.told {
                self.wrote(*stream, std::slice::from_ref(row));
            }
        }
    }

    /// The row of which an app was told with these bytes. Where several look alike, the first that it has
    /// not accepted.
    pub fn told(&self, app: AppId, standby: bool, item: &Bytes) -> Option<(Place, Arc<JournalRow>)> {
        let seen = self.seen();
        let places = seen.told.get(&(app, standby, item.clone()))?;
        let open = places.iter().find(|place| !seen.acked.contains(&(app, **place)));
        let place = *open.or(places.last())?;
        let rows = seen.rows.get(&place.0)?;
        let at = rows.binary_search_by_key(&place.1, |row| row.position).ok()?;
        Some((place, Arc::clone(rows.get(at)?)))
    }

    /// A webhook is sent. Returns its number.
    pub fn webhook(&self) -> u64 {
        self.seen().next()
    }

    /// An event is sent in it. Returns the number of the attempt.
    pub fn sent(&self, at: Timestamp, app: AppId, place: Place, webhook: u64) -> usize {
        let mut seen = self.seen();
        let sent = seen.next();
        seen.tries.push(Try { app, place, sent, at, webhook, acked: None, arrived: false, status: None });
        seen.tries.len() - 1
    }

    /// It reached the receiver.
    pub fn arrived(&self, number: usize) {
        if let Some(attempt) = self.seen().tries.get_mut(number) {
            attempt.arrived = true;
        }
    }

    /// The node is told a status.
    pub fn told_status(&self, number: usize, status: u16) {
        let mut seen = self.seen();
        let now = seen.next();
        let Some(attempt) = seen.tries.get_mut(number) else { return };
        attempt.status = Some(status);
        if (200..300).contains(&status) {
            attempt.acked = Some(now);
            let acked = (attempt.app, attempt.place);
            seen.acked.insert(acked);
        }
    }

    /// Something new is going to be asked. Returns its number.
    pub fn op(&self, thread: &ThreadKey, what: String) -> usize {
        let mut seen = self.seen();
        seen.ops.push(Op { thread: thread.clone(), what, asked: Vec::new() });
        seen.ops.len() - 1
    }

    /// It is asked.
    pub fn asked(&self, number: usize, other_body: bool) -> usize {
        let mut seen = self.seen();
        let at = seen.next();
        let Some(op) = seen.ops.get_mut(number) else { return 0 };
        op.asked.push(Asked { at, answer: None, other_body });
        op.asked.len() - 1
    }

    /// It is answered.
    pub fn answered(&self, number: usize, time: usize, told: Outcome) {
        let mut seen = self.seen();
        let at = seen.next();
        let op = seen.ops.get_mut(number);
        if let Some(asked) = op.and_then(|op| op.asked.get_mut(time)) {
            asked.answer = Some((at, told));
        }
    }
}
