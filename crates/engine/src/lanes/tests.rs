//! What delivery promises, shown without a network, a store or a clock: rows and answers go in by hand.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use baton_rules::build::{app, person};
use baton_rules::{Cause, Form, PageId, Thread, ThreadKey};
use bytes::Bytes;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use super::*;

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;

fn key(name: &str) -> Chain {
    ThreadKey { page: PageId::new(1).unwrap(), surface: Surface::Messenger, person: person(name) }.into()
}

fn row(
    stream: Stream,
    position: u64,
    chain: Option<Chain>,
    hears: &[AppId],
    channel: Channel,
) -> Arc<JournalRow> {
    let notice = |app: &AppId| Notice { app: *app, channel, form: Form::Whole, context: false };
    Arc::new(JournalRow {
        position: Position(position),
        chain,
        previous: None,
        at: Timestamp(0),
        // Tells rows of different streams apart.
        rule: stream.0.to_string().into(),
        via: None,
        cause: Cause::Message,
        by: None,
        event: Some("messages".into()),
        notices: hears.iter().map(notice).collect(),
        whole: Bytes::from_static(b"{}"),
        reduced: None,
        context: None,
        after: Thread::default(),
    })
}

const fn bounds() -> Bounds {
    Bounds {
        in_flight: 4,
        read_ahead: 100,
        bytes: 1 << 20,
        max_batch: 1,
        profile: Profile::NeverDisable,
        eager: false,
    }
}

/// What a store would hold of an app.
#[derive(Clone, Default)]
struct Kept {
    cursors: BTreeMap<Stream, Position>,
    parked: HashMap<Chain, Parked>,
    dead: BTreeSet<(Stream, Position)>,
}

impl Kept {
    fn apply(&mut self, round: Round) {
        for cursor in round.cursors {
            self.cursors.insert(cursor.stream, cursor.served);
        }
        for (_, _, chain) in round.unpark {
            self.parked.remove(&chain);
        }
        for parked in round.park {
            self.parked.insert(parked.chain.clone(), parked);
        }
        for dead in round.dead {
            self.dead.insert((dead.stream, dead.position));
        }
    }
}

/// An app's lanes with the journals they read and what was recorded of them.
struct Rig {
    lanes: Lanes,
    bounds: Bounds,
    journals: BTreeMap<Stream, Vec<Arc<JournalRow>>>,
    kept: Kept,
    now: Timestamp,
    /// The most rows that a walk brings.
    piece: usize,
    under_way: Vec<Vec<Item>>,
    /// Positions in the order in which they were posted.
    posted: Vec<(Stream, Position)>,
    served: BTreeSet<(Stream, Position)>,
    /// The same, since the last start.
    served_now: BTreeSet<(Stream, Position)>,
    tried_now: HashMap<Chain, Position>,
    /// Up to where rows were deleted.
    gone: BTreeMap<Stream, Position>,
}

impl Rig {
    fn new(bounds: Bounds, streams: u16) -> Self {
        let kept =
            Kept { cursors: (0..streams).map(|at| (Stream(at), Position(0))).collect(), ..Kept::default() };
        Self {
            lanes: lanes_of(bounds, &kept),
            bounds,
            journals: (0..streams).map(|at| (Stream(at), Vec::new())).collect(),
            kept,
            now: Timestamp(0),
            piece: 3,
            under_way: Vec::new(),
            posted: Vec::new(),
            served: BTreeSet::new(),
            served_now: BTreeSet::new(),
            tried_now: HashMap::new(),
            gone: (0..streams).map(|at| (Stream(at), Position(0))).collect(),
        }
    }

    /// One stream, and rows of these conversations in it.
    fn of(bounds: Bounds, talks: &[&str]) -> Self {
        let mut rig = Self::new(bounds, 1);
        rig.say(talks);
        rig
    }

    fn say(&mut self, talks: &[&str]) {
        for talk in talks {
            self.write(Stream(0), Some(key(talk)), &[app("bot")], Channel::Messaging);
        }
    }

    fn write(&mut self, stream: Stream, chain: Option<Chain>, hears: &[AppId], channel: Channel) {
        let journal = self.journals.get_mut(&stream).unwrap();
        journal.push(row(stream, journal.len() as u64 + 1, chain, hears, channel));
    }

    /// Writes one of so many bytes for the app.
    fn write_large(&mut self, stream: Stream, talk: &str, bytes: usize) {
        self.write(stream, Some(key(talk)), &[app("bot")], Channel::Messaging);
        let row = self.journals.get_mut(&stream).and_then(|journal| journal.last_mut()).unwrap();
        let whole = Bytes::from(vec![b'x'; bytes]);
        *row = Arc::new(JournalRow { whole, ..JournalRow::clone(row) });
    }

    fn forget(&mut self, stream: Stream, up_to: u64) {
        let gone = self.gone.get_mut(&stream).unwrap();
        *gone = Position(up_to).max(*gone);
        self.lanes.forget(stream, Position(up_to));
        self.record();
    }

    fn head(&self, stream: Stream) -> Position {
        Position(self.journals[&stream].len() as u64)
    }

    fn record(&mut self) {
        if let Some(round) = self.lanes.take_round() {
            self.kept.apply(round);
            self.check();
        }
    }

    /// The cursor passes no row that is neither served, nor given up, nor a parked conversation's.
    fn check(&self) {
        for (stream, served) in &self.kept.cursors {
            for row in &self.journals[stream][..usize::try_from(served.0).unwrap()] {
                let place = (*stream, row.position);
                let mine = row.notices.iter().any(|notice| notice.app == app("bot"));
                let walks = row.chain.as_ref().and_then(|chain| self.kept.parked.get(chain));
                let safe = !mine
                    || row.position <= self.gone[stream]
                    || self.served.contains(&place)
                    || self.kept.dead.contains(&place)
                    || walks.is_some_and(|parked| parked.next <= row.position);
                assert!(safe, "the cursor {served:?} of {stream:?} passed {:?}", row.position);
            }
        }
        for lane in &self.lanes.lanes {
            assert!(lane.read_to.0 - lane.served.0 <= self.bounds.read_ahead, "read too far");
        }
        let (rows, bytes) = self.held();
        let streams = self.journals.len() as u64;
        // One of each stream, and each that is under way, may be beyond what there is room for.
        let beyond = streams + self.bounds.in_flight as u64;
        assert!(rows <= self.bounds.read_ahead + beyond, "{rows} events in memory");
        let heaviest = self.journals.values().flatten().map(|row| row.weight()).max().unwrap_or(0) as u64;
        assert!(bytes <= self.bounds.bytes + beyond * heaviest, "{bytes} bytes in memory");
    }

    /// The events in memory, and what they weigh.
    fn held(&self) -> (u64, u64) {
        let rows = || self.lanes.talks.values().flat_map(|talk| &talk.queue);
        let counted = self.lanes.lanes.iter().map(|lane| lane.held).chain([self.lanes.walking]);
        let counted = counted.fold((0, 0), |(rows, bytes), held| (rows + held.rows, bytes + held.bytes));
        assert_eq!(
            counted,
            (rows().count() as u64, rows().map(|row| row.weight() as u64).sum()),
            "miscounted"
        );
        counted
    }

    /// Reads and walks until there is something to post, or nothing to do: `None`, and until when.
    fn step(&mut self) -> Result<Vec<Item>, Option<Timestamp>> {
        loop {
            let journals = &self.journals;
            let head = |stream: Stream| Position(journals[&stream].len() as u64);
            match self.lanes.next(self.now, head) {
                Step::Post(items) => {
                    self.posting(&items);
                    return Ok(items);
                }
                Step::Read { stream, after, limit } => self.read(stream, after, limit),
                Step::Walk { chain, after, until, pieces } => {
                    let rows = self.rows_of(&chain, after, until);
                    self.lanes.walked(&chain, until, rows, pieces);
                }
                Step::Wait(until) => return Err(until),
            }
            self.record();
        }
    }

    fn read(&mut self, stream: Stream, after: Position, limit: usize) {
        assert!(limit > 0, "a read of nothing");
        let journal = self.journals[&stream].iter();
        let looked: Vec<_> = journal.skip(usize::try_from(after.0).unwrap()).take(limit).cloned().collect();
        let scanned = looked.last().map_or(after, |row| row.position);
        let gone = self.gone[&stream];
        let mine = |row: &Arc<JournalRow>| {
            row.position > gone && row.notices.iter().any(|notice| notice.app == app("bot"))
        };
        let rows = looked.into_iter().filter(mine).collect();
        self.lanes.loaded(stream, &Slice { rows, scanned });
    }

    fn rows_of(&self, chain: &Chain, after: Position, until: Position) -> Vec<Arc<JournalRow>> {
        let left = |(stream, journal): (&Stream, &Vec<Arc<JournalRow>>)| {
            let gone = self.gone[stream];
            journal.iter().filter(|row| row.position > gone).cloned().collect::<Vec<_>>()
        };
        let all: Vec<_> = self.journals.iter().flat_map(left).collect();
        let own = all.iter().filter(|row| row.chain.as_ref() == Some(chain));
        let own = own.filter(|row| row.position > after && row.position <= until);
        own.filter(|row| row.notices.iter().any(|notice| notice.app == app("bot")))
            .take(self.piece)
            .cloned()
            .collect()
    }

    /// What holds of every webhook that is sent.
    fn posting(&mut self, items: &[Item]) {
        assert!(!items.is_empty() && items.len() <= self.bounds.max_batch, "{} events", items.len());
        for item in items {
            let other = self.under_way.iter().flatten().any(|busy| busy.chain == item.chain);
            assert!(!other, "two webhooks of {:?} under way", item.chain);
            assert_eq!(
                (item.notice.channel, item.chain.surface()),
                (items[0].notice.channel, items[0].chain.surface()),
                "two kinds in one webhook"
            );
            let place = (stream_of(item), item.row.position);
            assert!(!self.served_now.contains(&place), "{place:?} is sent again");
            assert!(place.1 > self.gone[&place.0], "{place:?} is deleted");
            let before = self.tried_now.entry(item.chain.clone()).or_default();
            if item.row.position > *before {
                let journal = &self.journals[&place.0];
                let missed = journal.iter().find(|row| {
                    row.chain.as_ref() == Some(&item.chain)
                        && row.notices.iter().any(|notice| notice.app == app("bot"))
                        && *before != Position(0)
                        && row.position > self.gone[&place.0]
                        && row.position > *before
                        && row.position < item.row.position
                });
                assert!(missed.is_none(), "{:?} was left out", missed.map(|row| row.position));
                *before = item.row.position;
            }
            self.posted.push(place);
        }
        self.under_way.push(items.to_vec());
        assert!(self.under_way.len() <= self.bounds.in_flight, "{} under way", self.under_way.len());
    }

    fn answer(&mut self, items: &[Item], answer: &Answered) -> Option<Timestamp> {
        let same = |busy: &Vec<Item>| Arc::ptr_eq(&busy[0].row, &items[0].row);
        self.under_way.retain(|busy| !same(busy));
        if *answer == Answered::Served {
            for item in items {
                let place = (stream_of(item), item.row.position);
                self.served.insert(place);
                self.served_now.insert(place);
            }
        }
        let became = self.lanes.answered(items, answer, "it failed", self.now, 0.5);
        let dead_before = self.kept.dead.clone();
        self.record();
        self.served_now.extend(self.kept.dead.difference(&dead_before));
        assert_eq!(became.given_up.is_some(), self.kept.dead != dead_before);
        became.again
    }

    fn restart(&mut self) {
        self.lanes = lanes_of(self.bounds, &self.kept);
        self.under_way.clear();
        self.served_now.clear();
        self.tried_now.clear();
    }

    /// Serves whatever is sent, except where `answers` says otherwise, until nothing is to be done before
    /// `end`. One webhook at a time.
    fn run(&mut self, end: i64, mut answers: impl FnMut(&Item, Timestamp) -> Answered) {
        loop {
            match self.step() {
                Ok(items) => {
                    let bad = items.iter().map(|item| answers(item, self.now));
                    let answer = bad.fold(
                        Answered::Served,
                        |all, one| {
                            if all == Answered::Served { one } else { all }
                        },
                    );
                    self.answer(&items, &answer);
                }
                Err(Some(until)) if until.0 <= end => self.now = self.now.max(until),
                Err(_) => {
                    self.now = self.now.max(Timestamp(end));
                    return;
                }
            }
        }
    }

    fn positions(&self) -> Vec<u64> {
        self.posted.iter().map(|(_, position)| position.0).collect()
    }

    fn cursor(&self) -> u64 {
        self.kept.cursors[&Stream(0)].0
    }

    fn is_idle(&self) -> bool {
        self.lanes.is_idle(|stream| self.head(stream))
    }
}

fn stream_of(item: &Item) -> Stream {
    Stream(item.row.rule.parse().unwrap())
}

fn lanes_of(bounds: Bounds, kept: &Kept) -> Lanes {
    let cursors: Vec<Cursor> = (kept.cursors.iter())
        .map(|(stream, served)| Cursor { app: app("bot"), stream: *stream, served: *served })
        .collect();
    let mut parked: Vec<Parked> = kept.parked.values().cloned().collect();
    parked.sort_by(|a, b| a.chain.cmp(&b.chain));
    Lanes::new(app("bot"), Source::Journal, bounds, &cursors, parked)
}

/// Answers by conversation: `bad` gets this, everybody else is served.
fn except<'a>(bad: &'a str, answer: Answered) -> impl FnMut(&Item, Timestamp) -> Answered + 'a {
    let chain = key(bad);
    move |item, _| if item.chain == chain { answer.clone() } else { Answered::Served }
}

#[test]
fn a_conversation_has_one_webhook_under_way_and_keeps_its_order() {
    let mut rig = Rig::of(bounds(), &["ann", "ann", "bob", "ann"]);
    let first = rig.step().unwrap();
    let second = rig.step().unwrap();
    assert_eq!(rig.positions(), [1, 3]);
    assert!(rig.step().is_err(), "what is left is ann's, and ann has one under way");
    rig.answer(&second, &Answered::Served);
    assert!(rig.step().is_err());
    rig.answer(&first, &Answered::Served);
    let third = rig.step().unwrap();
    rig.answer(&third, &Answered::Served);
    let fourth = rig.step().unwrap();
    rig.answer(&fourth, &Answered::Served);
    assert_eq!(rig.positions(), [1, 3, 2, 4]);
    assert!(rig.is_idle());
    assert_eq!(rig.cursor(), 4);
}

#[test]
fn no_more_webhooks_are_under_way_than_allowed() {
    let talks = ["ann", "bob", "cyd", "dan", "eve", "fay"];
    let mut rig = Rig::of(bounds(), &talks);
    let under_way: Vec<_> = std::iter::from_fn(|| rig.step().ok()).collect();
    assert_eq!(under_way.len(), bounds().in_flight);
    rig.answer(&under_way[0], &Answered::Served);
    assert!(rig.step().is_ok());
    assert!(rig.step().is_err());
}

#[test]
fn rows_of_others_move_the_cursor() {
    let mut rig = Rig::of(bounds(), &["ann"]);
    rig.write(Stream(0), None, &[], Channel::Messaging);
    rig.write(Stream(0), Some(key("ann")), &[app("desk")], Channel::Standby);
    let items = rig.step().unwrap();
    assert_eq!(rig.cursor(), 0);
    rig.answer(&items, &Answered::Served);
    assert_eq!(rig.cursor(), 3);
    assert!(rig.is_idle());
}

#[test]
fn the_cursor_stays_before_the_oldest_row_that_is_open() {
    let mut rig = Rig::of(bounds(), &["ann", "bob", "cyd"]);
    let [ann, bob, cyd] = [(); 3].map(|()| rig.step().unwrap());
    rig.answer(&cyd, &Answered::Served);
    assert_eq!(rig.cursor(), 0);
    rig.answer(&ann, &Answered::Served);
    assert_eq!(rig.cursor(), 1);
    rig.answer(&bob, &Answered::Served);
    assert_eq!(rig.cursor(), 3);
}

#[test]
fn a_conversation_that_fails_while_others_succeed_is_parked_and_passed() {
    let mut rig = Rig::of(bounds(), &["bad", "ann", "bad", "bob"]);
    rig.run(2 * SECOND, except("bad", Answered::Status(503)));
    assert_eq!(rig.cursor(), 4, "everything else is served, and the cursor passed the parked conversation");
    let parked = &rig.kept.parked[&key("bad")];
    assert_eq!((parked.next, parked.attempts), (Position(1), 2));
    rig.run(MINUTE, |_, _| Answered::Served);
    assert!(rig.kept.parked.is_empty());
    assert!(rig.is_idle());
    assert_eq!(rig.served.len(), 4);
}

#[test]
fn a_parked_conversation_walks_in_order_and_rejoins_while_more_of_it_arrives() {
    let mut rig = Rig::of(bounds(), &["bad", "ann", "bad", "bad", "bad", "bad", "bob"]);
    rig.run(2 * SECOND, except("bad", Answered::Nothing));
    assert!(rig.kept.parked.contains_key(&key("bad")));
    rig.say(&["bad", "ann", "bad"]);
    let mut told = 0;
    let mut late = 3;
    loop {
        match rig.step() {
            Ok(items) => {
                told += usize::from(items[0].chain == key("bad"));
                if told > 2 && late > 0 {
                    // It goes on while it catches up.
                    late -= 1;
                    rig.say(&["bad", "cyd"]);
                }
                rig.answer(&items, &Answered::Served);
            }
            Err(Some(until)) => rig.now = until,
            Err(None) => break,
        }
    }
    assert!(rig.kept.parked.is_empty(), "it rejoined");
    let walked: Vec<_> = rig.served.iter().map(|(_, position)| position.0).collect();
    assert_eq!(walked, (1..=16).collect::<Vec<_>>());
    rig.say(&["bad"]);
    rig.run(rig.now.0, |_, _| Answered::Served);
    assert_eq!(rig.cursor(), 17);
    assert!(rig.is_idle());
}

#[test]
fn what_is_told_of_a_page_is_in_order_and_holds_up_no_conversation() {
    let mut rig = Rig::new(bounds(), 1);
    let page = Chain::Page(PageId::new(1).unwrap(), Surface::Messenger);
    for talk in [page.clone(), key("ann"), page.clone(), key("ann"), page.clone()] {
        rig.write(Stream(0), Some(talk), &[app("bot")], Channel::Messaging);
    }
    let of_page = |item: &Item| item.chain.thread().is_none();
    rig.run(2 * SECOND, |item, _| if of_page(item) { Answered::Status(503) } else { Answered::Served });
    assert_eq!(rig.cursor(), 5, "it is parked, and passed");
    assert_eq!(rig.kept.parked[&page].next, Position(1));
    rig.restart();
    rig.run(MINUTE, |_, _| Answered::Served);
    assert!(rig.kept.parked.is_empty() && rig.is_idle());
    let mut own: Vec<_> =
        rig.posted.iter().map(|(_, position)| position.0).filter(|at| at % 2 == 1).collect();
    own.dedup();
    assert_eq!(own, [1, 3, 5]);
}

#[test]
fn a_stop_in_the_middle_of_a_parked_conversation_repeats_nothing() {
    let mut rig = Rig::of(bounds(), &["bad", "ann", "bad", "bad", "bad"]);
    rig.run(2 * SECOND, except("bad", Answered::Status(503)));
    rig.now = Timestamp(MINUTE);
    for _ in 0..2 {
        let items = rig.step().unwrap();
        rig.answer(&items, &Answered::Served);
    }
    rig.lanes.stop(rig.now);
    rig.record();
    rig.restart();
    rig.posted.clear();
    rig.run(2 * MINUTE, |_, _| Answered::Served);
    assert_eq!(rig.positions(), [4, 5], "1 and 3 were served before");
    assert!(rig.kept.parked.is_empty() && rig.is_idle());
}

#[test]
fn a_stop_behind_a_row_that_is_still_open_repeats_nothing() {
    let mut rig = Rig::of(bounds(), &["bad", "ann", "bob", "ann"]);
    // Tried once, so not parked; the others were served behind it.
    rig.run(0, except("bad", Answered::Status(503)));
    assert_eq!((rig.cursor(), rig.served.len()), (0, 3));
    rig.say(&["cyd"]);
    rig.lanes.stop(rig.now);
    rig.record();
    rig.restart();
    rig.posted.clear();
    rig.run(MINUTE, |_, _| Answered::Served);
    assert_eq!(rig.posted.iter().map(|(_, at)| at.0).collect::<BTreeSet<_>>(), BTreeSet::from([1, 5]));
    // When nothing was served behind what is open, nothing is parked.
    let mut down = Rig::of(bounds(), &["ann", "bob"]);
    down.run(0, |_, _| Answered::Nothing);
    down.lanes.stop(down.now);
    down.record();
    assert!(down.kept.parked.is_empty());
}

#[test]
fn a_stop_repeats_nothing_of_a_conversation_that_was_parked_and_came_back() {
    let mut rig = Rig::of(bounds(), &["bad", "ann"]);
    rig.run(2 * SECOND, except("bad", Answered::Status(503)));
    assert_eq!(rig.cursor(), 2, "it is parked, and passed");
    // Its next row arrives behind one that is tried once, and stays open.
    rig.say(&["cyd", "bad"]);
    rig.now = Timestamp(MINUTE);
    rig.run(MINUTE, except("cyd", Answered::Status(503)));
    assert!(rig.kept.parked.is_empty() && rig.cursor() == 2);
    rig.lanes.stop(rig.now);
    rig.record();
    rig.restart();
    rig.posted.clear();
    rig.run(2 * MINUTE, |_, _| Answered::Served);
    assert_eq!(rig.positions(), [3]);
    assert!(rig.is_idle());
}

#[test]
fn what_was_given_up_of_a_parked_conversation_is_not_tried_again_after_a_restart() {
    let mut rig = Rig::of(bounds(), &["bad", "bad"]);
    let mut crumbs = 0;
    while rig.kept.dead.is_empty() {
        // Others succeed all the while, so it is the conversation.
        crumbs += 1;
        rig.say(&["ann"]);
        rig.run(crumbs * 10 * SECOND, except("bad", Answered::Status(410)));
    }
    rig.restart();
    rig.posted.clear();
    rig.run(rig.now.0 + MINUTE, |_, _| Answered::Served);
    assert!(!rig.positions().contains(&1), "{:?}", rig.positions());
    assert!(rig.positions().contains(&2), "{:?}", rig.positions());
}

#[test]
fn what_more_tries_will_not_change_is_given_up_after_six_and_its_conversation_goes_on() {
    let mut rig = Rig::of(bounds(), &["bad", "ann", "bad"]);
    for minute in 1..=4 {
        rig.run(minute * MINUTE, |item, _| match item.row.position.0 {
            1 => Answered::Status(500),
            _ => Answered::Served,
        });
        rig.say(&["ann"]);
    }
    assert_eq!(rig.kept.dead, BTreeSet::from([(Stream(0), Position(1))]));
    assert_eq!(rig.posted.iter().filter(|place| place.1 == Position(1)).count(), 6);
    assert!(rig.served.contains(&(Stream(0), Position(3))), "the conversation goes on");
    assert!(rig.kept.parked.is_empty());
}

#[test]
fn overload_is_never_given_up() {
    let mut rig = Rig::of(bounds(), &["bad", "ann"]);
    for minute in 1..=60 {
        rig.run(minute * MINUTE, except("bad", Answered::Status(503)));
        rig.say(&["ann"]);
    }
    assert!(rig.kept.dead.is_empty());
    assert!(rig.kept.parked[&key("bad")].attempts > 100);
}

#[test]
fn nothing_is_given_up_while_the_whole_app_fails() {
    let mut rig = Rig::of(bounds(), &["bad"]);
    let bad = rig.step().unwrap();
    rig.answer(&bad, &Answered::Status(500));
    rig.say(&["ann"]);
    rig.run(SECOND / 2, except("bad", Answered::Status(500)));
    rig.say(&["ann", "bob", "cyd"]);
    rig.run(60 * MINUTE, |_, _| Answered::Status(500));
    assert!(rig.kept.dead.is_empty());
    rig.run(62 * MINUTE, |_, _| Answered::Served);
    assert_eq!(rig.served.len(), 5);
    assert!(rig.is_idle());
}

#[test]
fn when_the_whole_app_fails_nothing_is_parked_and_one_probe_at_a_time_is_sent() {
    let mut rig = Rig::of(bounds(), &["ann", "bob", "cyd", "dan", "eve", "ann"]);
    let under_way: Vec<_> = std::iter::from_fn(|| rig.step().ok()).collect();
    for items in &under_way {
        rig.answer(items, &Answered::Nothing);
    }
    let mut probes = 0;
    while rig.now < Timestamp(10 * MINUTE) {
        match rig.step() {
            Ok(items) => {
                probes += 1;
                assert!(matches!(rig.step(), Err(None)), "a second one beside the probe");
                rig.answer(&items, &Answered::Nothing);
            }
            Err(until) => rig.now = until.unwrap(),
        }
    }
    assert!((30..60).contains(&probes), "{probes} probes, at most 15 seconds apart");
    assert_eq!((rig.cursor(), rig.kept.parked.len()), (0, 0));
    rig.run(11 * MINUTE, |_, _| Answered::Served);
    assert_eq!(rig.cursor(), 6);
    assert!(rig.is_idle());
}

#[test]
fn webhooks_that_fail_together_are_no_reason_to_wait_longer() {
    let patient = Bounds { profile: Profile::Patient, in_flight: 64, ..bounds() };
    let people: Vec<String> = (0..64).map(|number| format!("p{number}")).collect();
    let mut rig = Rig::of(patient, &people.iter().map(String::as_str).collect::<Vec<_>>());
    let under_way: Vec<_> = std::iter::from_fn(|| rig.step().ok()).collect();
    assert_eq!(under_way.len(), 64);
    // The network is cut, and comes back while the last of them wait for an answer.
    for items in &under_way {
        rig.now.0 += 100;
        rig.answer(items, &Answered::Nothing);
    }
    let back = rig.now.0;
    rig.run(back + 20_000, |_, _| Answered::Served);
    assert!(rig.is_idle(), "{} of 64 came", rig.served.len());
}

#[test]
fn a_single_failing_conversation_holds_up_no_untried_one() {
    for answer in [Answered::Nothing, Answered::Status(500), Answered::Status(503)] {
        let mut rig = Rig::of(bounds(), &["bad"]);
        rig.run(30 * MINUTE, except("bad", answer.clone()));
        rig.say(&["ann"]);
        let at = rig.now;
        let items = rig.step().unwrap_or_else(|until| panic!("{answer:?}: waits until {until:?}"));
        assert_eq!((items[0].chain.clone(), rig.now), (key("ann"), at));
    }
}

#[test]
fn what_was_not_tried_waits_a_minute_at_most_for_an_app_that_fails() {
    let patient = Bounds { profile: Profile::Patient, ..bounds() };
    let mut rig = Rig::of(patient, &["ann", "bob"]);
    rig.run(20 * 60 * MINUTE, |_, _| Answered::Nothing);
    rig.say(&["cyd"]);
    let from = rig.now.0;
    rig.run(from + MINUTE + 1, |_, _| Answered::Served);
    assert_eq!(rig.served.len(), 3, "one that is served is news for all");
}

#[test]
fn with_eager_bounds_what_is_new_has_what_failed_tried_again_at_once() {
    let mut rig = Rig::of(Bounds { eager: true, ..bounds() }, &["ann", "bob"]);
    rig.run(0, |_, _| Answered::Nothing);
    rig.run(0, |_, _| Answered::Served);
    assert!(rig.served.is_empty(), "the time of the next try has not come");
    rig.say(&["ann"]);
    rig.run(0, |_, _| Answered::Served);
    assert_eq!(rig.served, BTreeSet::from([1, 3].map(|at| (Stream(0), Position(at)))));
}

#[test]
fn reading_stops_at_its_bound_and_one_failing_conversation_does_not_hold_it_there() {
    for answer in [Answered::Nothing, Answered::Status(500), Answered::Status(429)] {
        let small = Bounds { read_ahead: 8, ..bounds() };
        let mut rig = Rig::of(small, &["bad"]);
        for _ in 0..40 {
            rig.say(&["ann", "bob"]);
        }
        // It is the last of the first eight to be answered: everything else there is served by then.
        let bad = rig.step().unwrap();
        while let Ok(items) = rig.step() {
            rig.answer(&items, &Answered::Served);
        }
        rig.answer(&bad, &answer);
        rig.run(MINUTE, except("bad", answer.clone()));
        assert_eq!(rig.cursor(), 81, "{answer:?}");
    }
}

#[test]
fn several_failing_conversations_at_the_bound_do_not_hold_it_either() {
    let small = Bounds { read_ahead: 8, ..bounds() };
    let mut rig = Rig::of(small, &["bad", "worse"]);
    for _ in 0..40 {
        rig.say(&["ann", "bob"]);
    }
    let [bad, worse] = [(); 2].map(|()| rig.step().unwrap());
    while let Ok(items) = rig.step() {
        rig.answer(&items, &Answered::Served);
    }
    rig.answer(&bad, &Answered::Nothing);
    rig.answer(&worse, &Answered::Nothing);
    let fail = [key("bad"), key("worse")];
    rig.run(
        2 * MINUTE,
        |item, _| {
            if fail.contains(&item.chain) { Answered::Nothing } else { Answered::Served }
        },
    );
    assert_eq!(rig.cursor(), 82);
}

#[test]
fn a_backlog_takes_so_much_memory_and_no_more_whatever_the_number_of_streams() {
    for (large, most) in [(0, 1 << 20), (2_000, 200_000), (50_000, 200_000)] {
        let mut rig = Rig::new(Bounds { bytes: most, ..bounds() }, 16);
        for (stream, talk) in (0..16).flat_map(|at| (0..90).map(move |talk| (at, talk))) {
            rig.write_large(Stream(stream), &format!("{stream}-{talk}"), large);
        }
        let begun: Vec<_> = (0..4).map(|_| rig.step().unwrap()).collect();
        assert_eq!(rig.step().unwrap_err(), None);
        let (rows, bytes) = rig.held();
        assert!(rows <= 100, "{large}: {rows} events");
        assert!(bytes <= most + 16 * (large as u64 + 500), "{large}: {bytes} bytes");
        for lane in &rig.lanes.lanes {
            assert!(!lane.open.is_empty(), "{large}: nothing of {:?} is read", lane.stream);
        }
        begun.iter().for_each(|items| _ = rig.answer(items, &Answered::Served));
        rig.run(MINUTE, |_, _| Answered::Served);
        assert_eq!((rig.served.len(), rig.held()), (16 * 90, (0, 0)));
    }
}

#[test]
fn what_there_was_no_room_for_and_is_deleted_since_leaves_nothing_behind() {
    let mut rig = Rig::new(Bounds { bytes: 1, ..bounds() }, 1);
    rig.say(&["ann", "bob"]);
    rig.read(Stream(0), Position(0), 2);
    let ann = rig.step().unwrap();
    assert_eq!(rig.held().0, 1);
    rig.answer(&ann, &Answered::Served);
    rig.lanes.loaded(Stream(0), &Slice { rows: Vec::new(), scanned: Position(2) });
    assert!(rig.is_idle());
}

#[test]
fn what_is_deleted_while_it_waits_is_not_sent_and_leaves_nothing_behind() {
    let mut rig = Rig::of(bounds(), &["ann", "bob", "ann", "cyd", "ann"]);
    rig.run(2 * SECOND, |_, _| Answered::Nothing);
    let before = rig.posted.len();
    assert!(rig.lanes.failures(&key("ann")) > 0);
    // Whatever was said before the last: of ann that is left, which never failed.
    rig.forget(Stream(0), 4);
    assert_eq!((rig.held().0, rig.cursor(), rig.lanes.failures(&key("ann"))), (1, 4, 0));
    rig.run(10 * MINUTE, |_, _| Answered::Served);
    assert!(rig.is_idle() && rig.positions()[before..] == [5]);
    // What is under way ends as it does, and is not tried again.
    rig.say(&["bob", "bob"]);
    let under_way = rig.step().unwrap();
    rig.forget(Stream(0), 6);
    rig.answer(&under_way, &Answered::Nothing);
    rig.run(20 * MINUTE, |_, _| Answered::Served);
    assert!(rig.is_idle() && rig.positions()[before + 1..] == [6, 7]);
}

#[test]
fn a_conversation_of_which_all_is_deleted_begins_anew() {
    let mut rig = Rig::of(bounds(), &["ann"]);
    let first = rig.step().unwrap();
    assert!(rig.answer(&first, &Answered::Status(503)).is_some(), "it is to be tried again");
    rig.forget(Stream(0), 1);
    assert!(rig.is_idle());
    rig.say(&["ann"]);
    rig.step().unwrap();
    // When the first would have been tried again, the second is still under way.
    rig.now = Timestamp(10 * MINUTE);
    assert!(rig.step().is_err());
}

#[test]
fn what_is_deleted_while_it_was_under_way_is_passed_when_it_fails() {
    let mut rig = Rig::new(Bounds { read_ahead: 1, in_flight: 2, ..bounds() }, 2);
    rig.say(&["ann", "cyd"]);
    rig.write(Stream(1), Some(key("bob")), &[app("bot")], Channel::Messaging);
    let mut first = [rig.step().unwrap(), rig.step().unwrap()];
    first.sort_by_key(|items| items[0].chain == key("ann"));
    first.iter().for_each(|items| _ = rig.answer(items, &Answered::Nothing));
    // The app is away: the only way on is by a try of ann, of whom nothing is left when it fails.
    let ann = loop {
        rig.now = rig.now.plus_seconds(1);
        match rig.step() {
            Ok(items) if items[0].chain == key("ann") => break items,
            Ok(items) => _ = rig.answer(&items, &Answered::Nothing),
            Err(_) => {}
        }
    };
    rig.forget(Stream(0), 1);
    rig.answer(&ann, &Answered::Nothing);
    rig.run(rig.now.0 + 60 * MINUTE, |_, _| Answered::Served);
    assert!(rig.is_idle() && rig.served.contains(&(Stream(0), Position(2))), "cyd's is read and sent");
}

#[test]
fn what_is_deleted_goes_with_no_other_conversation_either() {
    let mut rig = Rig::of(Bounds { max_batch: 2, in_flight: 1, ..bounds() }, &["ann", "ann", "ann"]);
    let two = rig.step().unwrap();
    rig.say(&["bob"]);
    assert!(rig.step().is_err());
    rig.forget(Stream(0), 3);
    rig.answer(&two, &Answered::Served);
    rig.run(MINUTE, |_, _| Answered::Served);
    assert!(rig.is_idle() && rig.positions() == [1, 2, 4]);
}

#[test]
fn what_waits_for_one_conversation_stops_no_other_stream() {
    let mut rig = Rig::new(bounds(), 16);
    for _ in 0..200 {
        rig.write(Stream(0), Some(key("slow")), &[app("bot")], Channel::Messaging);
    }
    let slow = rig.step().unwrap();
    for (stream, talk) in (1..16).flat_map(|at| (0..50).map(move |talk| (at, talk))) {
        rig.write(Stream(stream), Some(key(&format!("{stream}-{talk}"))), &[app("bot")], Channel::Messaging);
    }
    while let Ok(items) = rig.step() {
        assert_ne!(items[0].chain, key("slow"));
        rig.answer(&items, &Answered::Served);
    }
    assert_eq!(rig.served.len(), 15 * 50, "all but the conversation that waits for its answer");
    rig.answer(&slow, &Answered::Served);
    rig.run(MINUTE, |_, _| Answered::Served);
    assert_eq!(rig.served.len(), 15 * 50 + 200);
}

#[test]
fn parked_conversations_that_catch_up_take_no_more_memory_either() {
    let mut rig = Rig::new(Bounds { read_ahead: 40, ..bounds() }, 4);
    rig.piece = 30;
    for round in 0..30 {
        for person in 0..20_u16 {
            let talk = format!("bad{person}");
            rig.write(Stream(person % 4), Some(key(&talk)), &[app("bot")], Channel::Messaging);
        }
        rig.write(Stream(0), Some(key(&format!("ann{round}"))), &[app("bot")], Channel::Messaging);
        let now = rig.now.0;
        rig.run(now + MINUTE, |item, _| {
            if item.row.position.0 > 0
                && item.chain.thread().is_some_and(|key| key.person.as_str().starts_with("bad"))
            {
                Answered::Nothing
            } else {
                Answered::Served
            }
        });
    }
    assert_eq!(rig.kept.parked.len(), 20, "all of them are parked");
    let now = rig.now.0;
    // `check` looks at what is held all the way.
    rig.run(now + 10 * MINUTE, |_, _| Answered::Served);
    assert_eq!((rig.served.len(), rig.held()), (30 * 21, (0, 0)));
}

#[test]
fn a_long_backlog_is_read_in_pieces_and_not_row_by_row() {
    let mut rig = Rig::new(Bounds { read_ahead: 64, ..bounds() }, 1);
    for number in 0..640 {
        rig.say(&[format!("p{}", number % 7).as_str()]);
    }
    let mut reads = 0;
    loop {
        let head = rig.head(Stream(0));
        match rig.lanes.next(rig.now, |_| head) {
            Step::Read { stream, after, limit } => {
                reads += 1;
                rig.read(stream, after, limit);
            }
            Step::Post(items) => {
                rig.posting(&items);
                rig.answer(&items, &Answered::Served);
            }
            Step::Walk { .. } => panic!("nothing is parked"),
            Step::Wait(_) => break,
        }
    }
    assert_eq!(rig.cursor(), 640);
    assert!(reads <= 40, "{reads} reads");
}

#[test]
fn a_batch_holds_one_kind_and_keeps_each_conversations_order() {
    let mut rig = Rig::new(Bounds { max_batch: 4, ..bounds() }, 1);
    for (talk, channel) in [
        ("ann", Channel::Messaging),
        ("ann", Channel::Messaging),
        ("ann", Channel::Standby),
        ("bob", Channel::Standby),
        ("cyd", Channel::Messaging),
        ("dan", Channel::Messaging),
        ("eve", Channel::Messaging),
    ] {
        rig.write(Stream(0), Some(key(talk)), &[app("bot")], channel);
    }
    let instagram = Chain::Page(PageId::new(1).unwrap(), Surface::Instagram);
    rig.write(Stream(0), Some(instagram), &[app("bot")], Channel::Messaging);
    let first = rig.step().unwrap();
    let positions = |items: &[Item]| items.iter().map(|item| item.row.position.0).collect::<Vec<_>>();
    assert_eq!(positions(&first), [1, 2, 5, 6]);
    let rest = [(); 3].map(|()| positions(&rig.step().unwrap()));
    assert_eq!(rest, [vec![4], vec![7], vec![8]], "each in its turn");
    rig.answer(&first, &Answered::Served);
    assert_eq!(positions(&rig.step().unwrap()), [3]);
}

#[test]
fn a_batch_that_failed_is_tried_again_as_singles() {
    let mut rig = Rig::of(Bounds { max_batch: 10, ..bounds() }, &["ann", "bob", "ann", "bad"]);
    let batch = rig.step().unwrap();
    assert_eq!(batch.len(), 4);
    rig.answer(&batch, &Answered::Status(400));
    let mut sizes = Vec::new();
    rig.run(2 * SECOND, |item, _| {
        sizes.push(item.row.position.0);
        if item.chain == key("bad") { Answered::Status(400) } else { Answered::Served }
    });
    assert!(rig.posted.len() > 4);
    assert_eq!(rig.served.len(), 3, "one bad event takes the others of its batch along once only");
    assert_eq!(rig.cursor(), 4);
}

#[test]
fn a_restart_goes_on_from_the_cursor_and_from_what_is_parked() {
    let mut rig = Rig::of(bounds(), &["bad", "ann", "bad", "bob"]);
    rig.run(2 * SECOND, except("bad", Answered::Nothing));
    rig.say(&["cyd", "bad", "dan"]);
    rig.restart();
    rig.run(MINUTE, |_, _| Answered::Served);
    assert_eq!(rig.served.len(), 7);
    assert_eq!(rig.cursor(), 7);
    assert!(rig.kept.parked.is_empty());
    let bad: Vec<u64> = rig.positions().into_iter().filter(|at| [1, 3, 6].contains(at)).collect();
    assert_eq!(bad[bad.len() - 3..], [1, 3, 6], "in order after the restart");
}

#[test]
fn a_parked_conversation_that_cannot_be_read_is_read_later() {
    let mut rig = Rig::of(bounds(), &["bad", "ann", "bad", "bob"]);
    rig.run(2 * SECOND, except("bad", Answered::Nothing));
    rig.restart();
    let mut refused = 3;
    loop {
        let head = rig.head(Stream(0));
        match rig.lanes.next(rig.now, |_| head) {
            Step::Walk { chain, .. } if refused > 0 => {
                refused -= 1;
                rig.lanes.not_walked(&chain, Timestamp(rig.now.0 + SECOND));
                assert_eq!(rig.lanes.under_way(), 0);
            }
            Step::Walk { chain, after, until, pieces } => {
                let rows = rig.rows_of(&chain, after, until);
                rig.lanes.walked(&chain, until, rows, pieces);
            }
            Step::Read { stream, after, limit } => rig.read(stream, after, limit),
            Step::Post(items) => {
                rig.posting(&items);
                rig.answer(&items, &Answered::Served);
            }
            Step::Wait(Some(until)) => rig.now = until,
            Step::Wait(None) => break,
        }
        rig.record();
    }
    assert_eq!((refused, rig.served.len()), (0, 4));
    assert!(rig.is_idle());
}

#[test]
fn what_the_lane_passes_during_a_walk_is_walked_too() {
    let mut rig = Rig::of(bounds(), &["bad", "ann"]);
    rig.run(2 * SECOND, except("bad", Answered::Nothing));
    rig.restart();
    rig.now = Timestamp(MINUTE);
    let last = rig.head(Stream(0));
    let mut late = false;
    loop {
        let head = rig.head(Stream(0));
        match rig.lanes.next(rig.now, |_| head) {
            Step::Walk { chain, after, until, pieces } => {
                let rows = rig.rows_of(&chain, after, until);
                if rows.is_empty() && !late {
                    // The walk found nothing more, and meanwhile there is more.
                    late = true;
                    rig.say(&["bad", "bad"]);
                    rig.read(Stream(0), last, 10);
                }
                rig.lanes.walked(&chain, until, rows, pieces);
            }
            Step::Read { stream, after, limit } => rig.read(stream, after, limit),
            Step::Post(items) => {
                rig.posting(&items);
                rig.answer(&items, &Answered::Served);
            }
            Step::Wait(Some(until)) => rig.now = until,
            Step::Wait(None) => break,
        }
        rig.record();
    }
    assert!(late && rig.kept.parked.is_empty());
    assert_eq!((rig.served.len(), rig.cursor()), (4, 4));
}

#[test]
fn tries_that_came_fast_make_nobody_wait_for_hours() {
    let patient = Bounds { profile: Profile::Patient, ..bounds() };
    let mut rig = Rig::of(patient, &["ann"]);
    // As a restart finds it: ten tries within three minutes, by the delays of a hopeless answer.
    rig.now = Timestamp(3 * MINUTE);
    let first = Parked {
        app: app("bot"),
        stream: Stream(0),
        chain: key("ann"),
        next: Position(1),
        attempts: 10,
        since: Timestamp(0),
        due: rig.now,
    };
    rig.kept.cursors.insert(Stream(0), Position(1));
    rig.kept.parked.insert(key("ann"), first);
    rig.lanes = lanes_of(patient, &rig.kept);
    let items = rig.step().unwrap();
    let again = rig.lanes.answered(&items, &Answered::Nothing, "", rig.now, 0.5).again.unwrap();
    assert_eq!(again.0 - rig.now.0, 2 * MINUTE, "the sixth delay, as after three minutes of failing");
}

#[test]
fn an_address_that_does_not_verify_is_an_app_that_fails() {
    let mut rig = Rig::of(bounds(), &["ann", "bob"]);
    let items = rig.step().unwrap();
    rig.under_way.clear();
    let again = rig.lanes.unverified(&items, rig.now, 0.5);
    assert!(again.again > Some(rig.now));
    rig.run(MINUTE, |_, _| Answered::Served);
    assert!(rig.is_idle());
}

/// How receivers behave in the long run of a random story.
struct Mood {
    random: SmallRng,
    /// Fails this one conversation for ever, with this answer.
    poison: Option<(Chain, Answered)>,
    /// Fails everything between these moments.
    outage: (i64, i64),
    /// Fails anything, so often.
    flaky: f64,
    /// Stops to be flaky at this moment.
    until: i64,
}

impl Mood {
    fn answer(&mut self, items: &[Item], now: Timestamp) -> Answered {
        let failure = |random: &mut SmallRng| match random.random_range(0..4) {
            0 => Answered::Nothing,
            1 => Answered::Status(500),
            2 => Answered::Status(404),
            _ => Answered::Status(503),
        };
        if let Some((chain, answer)) = &self.poison
            && items.iter().any(|item| item.chain == *chain)
        {
            return answer.clone();
        }
        let down = (self.outage.0..self.outage.1).contains(&now.0);
        if down || (now.0 < self.until && self.random.random_bool(self.flaky)) {
            return failure(&mut self.random);
        }
        Answered::Served
    }
}

/// Tells a random story: rows arrive, webhooks are answered in any order, what was recorded is lost in part
/// at restarts. [`Rig`] checks at every step what always holds.
fn story(seed: u64) {
    let mut random = SmallRng::seed_from_u64(seed);
    let bounds = Bounds {
        in_flight: random.random_range(1..6),
        read_ahead: random.random_range(1..40),
        bytes: random.random_range(1..20_000),
        max_batch: if random.random_bool(0.5) { 1 } else { random.random_range(2..8) },
        profile: if random.random_bool(0.5) { Profile::NeverDisable } else { Profile::Patient },
        eager: random.random_bool(0.3),
    };
    let people: Vec<String> = (0..random.random_range(2..9)).map(|number| format!("p{number}")).collect();
    let streams = random.random_range(1..6);
    let mut rig = Rig::new(bounds, streams);
    rig.piece = random.random_range(1..5);
    let end = 20 * MINUTE;
    let forgets = random.random_bool(0.3);
    let poison = random.random_bool(0.4).then(|| {
        let answer = [Answered::Status(500), Answered::Status(503), Answered::Nothing];
        (key(&people[0]), answer[random.random_range(0..3)].clone())
    });
    let from = random.random_range(0..2 * end);
    let mut mood = Mood {
        outage: (from, from + random.random_range(0..end)),
        flaky: random.random_range(0.0..0.5),
        until: end,
        random: SmallRng::seed_from_u64(seed ^ 1),
        poison,
    };
    // What is done, and recorded only later: a crash loses the rest.
    let mut answers: Vec<(Timestamp, Vec<Item>)> = Vec::new();
    let mut next_row = 0;
    while rig.now.0 < end {
        while rig.now.0 >= next_row {
            next_row += random.random_range(0..20 * SECOND);
            let person = random.random_range(0..people.len());
            let stream = Stream(u16::try_from(person).unwrap() % streams);
            let channel = if random.random_bool(0.7) { Channel::Messaging } else { Channel::Standby };
            let hears = [app("bot"), app("desk")];
            let hears = if random.random_bool(0.9) { &hears[..] } else { &hears[1..] };
            if random.random_bool(0.1) {
                rig.write_large(stream, &people[person], random.random_range(0..8_000));
            } else {
                rig.write(stream, Some(key(&people[person])), hears, channel);
            }
        }
        if forgets && random.random_bool(0.02) {
            let stream = Stream(random.random_range(0..streams));
            rig.forget(stream, random.random_range(0..=rig.head(stream).0));
        }
        if random.random_bool(0.002) {
            rig.restart();
            answers.clear();
        }
        let until = loop {
            match rig.step() {
                Ok(items) => {
                    let takes = random.random_range(0..6 * SECOND);
                    answers.push((Timestamp(rig.now.0 + takes), items));
                }
                Err(until) => break until,
            }
        };
        let due = answers.iter().map(|(at, _)| *at).chain(until).min();
        rig.now = due.unwrap_or(Timestamp(next_row)).min(Timestamp(next_row)).max(rig.now);
        let mut index = 0;
        while index < answers.len() {
            if answers[index].0 <= rig.now {
                let (_, items) = answers.remove(index);
                let answer = mood.answer(&items, rig.now);
                rig.answer(&items, &answer);
            } else {
                index += 1;
            }
        }
    }
    for (_, items) in answers {
        let answer = mood.answer(&items, rig.now);
        rig.answer(&items, &answer);
    }
    // The receivers recover; whatever is still pending is served, but for the poison.
    let later = rig.now.0.max(mood.outage.1);
    rig.now = Timestamp(later);
    let patience = if bounds.profile == Profile::Patient { 30 * 60 * MINUTE } else { 10 * MINUTE };
    rig.run(later + patience, |item, now| mood.answer(std::slice::from_ref(item), now));
    for (stream, journal) in &rig.journals {
        for row in journal {
            let place = (*stream, row.position);
            let mine = row.notices.iter().any(|notice| notice.app == app("bot"));
            let poisoned = mood.poison.as_ref().is_some_and(|(chain, _)| row.chain.as_ref() == Some(chain));
            let done = rig.served.contains(&place) || rig.kept.dead.contains(&place);
            let done = done || place.1 <= rig.gone[stream];
            assert!(!mine || poisoned || done, "seed {seed}: {place:?} was never served");
        }
        let held = mood.poison.as_ref().is_some_and(|(chain, _)| !rig.kept.parked.contains_key(chain));
        let head = rig.head(*stream);
        assert!(held || rig.kept.cursors[stream] == head, "seed {seed}: the cursor stays behind {head:?}");
    }
}

#[test]
fn every_row_is_served_or_given_up_in_order_whatever_happens() {
    for seed in 0..400 {
        story(seed);
    }
}

#[test]
fn a_receiver_that_wants_to_be_left_alone_is() {
    let mut rig = Rig::of(bounds(), &["ann", "bob"]);
    let items = rig.step().unwrap();
    let again = rig.answer(&items, &Answered::Busy(120_000));
    assert_eq!(again, Some(Timestamp(120_000)));
    assert_eq!(rig.step().unwrap_err(), Some(Timestamp(120_000)), "bob's waits too");
    rig.now = Timestamp(120_000);
    assert!(rig.step().is_ok());
}

#[test]
fn one_conversation_that_is_told_to_wait_holds_up_no_other_while_those_are_served() {
    let busy = Answered::Busy(HOUR);
    let mut rig = Rig::of(bounds(), &["bad"]);
    rig.run(HOUR, except("bad", busy.clone()));
    rig.say(&["ann", "bob"]);
    rig.run(3 * HOUR, except("bad", busy));
    assert_eq!(rig.served.len(), 2);
    rig.say(&["ann"]);
    let now = rig.now;
    rig.run(now.0 + MINUTE, except("bad", Answered::Busy(HOUR)));
    assert_eq!((rig.served.len(), rig.kept.parked.len()), (3, 1), "ann waits for nobody");
    let tries = rig.posted.iter().filter(|(_, position)| *position == Position(1)).count();
    assert_eq!(tries, 4, "bad's is tried each hour, and not more often");
}

#[test]
fn a_receiver_is_not_left_alone_for_days_because_it_says_so() {
    let mut rig = Rig::of(bounds(), &["ann"]);
    let items = rig.step().unwrap();
    assert_eq!(rig.answer(&items, &Answered::Busy(i64::MAX)), Some(Timestamp(3_600_000)));
}

#[test]
fn what_waits_too_long_while_others_succeed_is_given_up_for_its_age() {
    let mut rig = Rig::of(Bounds { profile: Profile::Patient, ..bounds() }, &["bad", "ann", "bad"]);
    rig.run(36 * HOUR - 1, except("bad", Answered::Status(503)));
    assert_eq!(rig.kept.dead, BTreeSet::new());
    let tries = rig.posted.len();
    rig.run(48 * HOUR, except("bad", Answered::Status(503)));
    assert_eq!(rig.kept.dead, BTreeSet::from([(Stream(0), Position(1)), (Stream(0), Position(3))]));
    let of_last = rig.posted.iter().filter(|place| **place == (Stream(0), Position(3))).count();
    assert_eq!(of_last, 1, "what stands behind it is as old, and gets a try: {tries}");
    assert_eq!(rig.kept.parked, HashMap::new());
}

#[test]
fn what_is_sent_again_and_is_answered_wrongly_is_given_up_whatever_becomes_of_others() {
    let mut rig = Rig::of(bounds(), &["bad", "bad"]);
    let cursors = [Cursor { app: app("bot"), stream: Stream(0), served: Position(0) }];
    rig.lanes = Lanes::new(app("bot"), Source::Resends("".into()), bounds(), &cursors, Vec::new());
    rig.run(3_600_000, except("bad", Answered::Status(500)));
    let both = [(Stream(0), Position(1)), (Stream(0), Position(2))];
    assert_eq!(rig.kept.dead, BTreeSet::from(both));
    assert_eq!(rig.posted.len(), 12, "six tries each");
    assert_eq!((rig.cursor(), rig.kept.parked.len()), (0, 0), "the app's own cursor is nothing to it");
}
