//! Row <-> domain type, the same for every database: a thread's state and a journal row's meta as compact
//! bytes, a thread's key as a text. The first byte is the version of the rest, so that a later program can
//! read what an earlier one wrote. What should be impossible is an error that names the place, never a guess.

use std::borrow::Cow;
use std::fmt::Display;

use baton_rules::{
    Answered, AppId, Cause, Channel, Entered, Folder, Form, Grant, Mode, Notice, PageId, Surface, Thread,
    ThreadKey, Timestamp, Waiting,
};
use serde::{Deserialize, Serialize};

use crate::{Chain, JournalRow, StoreError};

/// The version that is written, and the one of a thread that an ad brought ([`Thread::entered`]): the same, with
/// that at its end.
const VERSION: u8 = 1;
const WITH_AD: u8 = 2;
const WITH_MORE: u8 = 3;

/// What is wrong with stored bytes.
pub(crate) type Wrong = &'static str;

/// The error for a row that should be impossible.
pub(crate) fn damaged(table: &str, column: &str, row: impl Display, wrong: impl Display) -> StoreError {
    StoreError::Damaged(format!("{table}.{column} of row {row}: {wrong}"))
}

/// A thread's key as a text: `<page>/m/<person>` or `<page>/i/<person>`.
pub(crate) fn thread_text(key: &ThreadKey) -> String {
    let letter = match key.surface {
        Surface::Messenger => 'm',
        Surface::Instagram => 'i',
    };
    format!("{}/{letter}/{}", key.page, key.person)
}

/// A chain as a text: a thread's key, or `<page>/m` or `<page>/i`, the page's own.
pub(crate) fn chain_text(chain: &Chain) -> String {
    match chain {
        Chain::Thread(key) => thread_text(key),
        Chain::Page(page, Surface::Messenger) => format!("{page}/m"),
        Chain::Page(page, Surface::Instagram) => format!("{page}/i"),
    }
}

/// The chain that a text spells.
pub(crate) fn chain(text: &str) -> Result<Chain, Wrong> {
    const WRONG: Wrong = "is not <page>/<m or i> with or without /<person>";
    match text.split_once('/') {
        Some((page, "m")) => Ok(Chain::Page(page.parse().map_err(|_| WRONG)?, Surface::Messenger)),
        Some((page, "i")) => Ok(Chain::Page(page.parse().map_err(|_| WRONG)?, Surface::Instagram)),
        Some(_) => thread_key(text).map(Chain::Thread).map_err(|_| WRONG),
        None => Err(WRONG),
    }
}

/// The key that a text spells.
pub(crate) fn thread_key(text: &str) -> Result<ThreadKey, Wrong> {
    const WRONG: Wrong = "is not <page>/<m or i>/<person>";
    let mut parts = text.splitn(3, '/');
    let mut part = || parts.next().ok_or(WRONG);
    let page = part()?.parse().map_err(|_| WRONG)?;
    let surface = match part()? {
        "m" => Surface::Messenger,
        "i" => Surface::Instagram,
        _ => return Err(WRONG),
    };
    let person = part()?.parse().map_err(|_| WRONG)?;
    Ok(ThreadKey { page, surface, person })
}

/// A page's surface as one number.
pub(crate) fn side(page: PageId, surface: Surface) -> u64 {
    // Page ids are below 10^18, so the double of one fits the 63 bits that a database has.
    page.number() * 2
        + match surface {
            Surface::Messenger => 0,
            Surface::Instagram => 1,
        }
}

/// An app's number as it is kept.
pub(crate) fn app(number: u64) -> Result<AppId, Wrong> {
    AppId::new(number).ok_or("is not an app id")
}

/// A cause by its name.
pub(crate) fn cause(name: &str) -> Result<Cause, Wrong> {
    Cause::named(name).ok_or("is not the name of a cause")
}

/// A thread's state, as it is written.
pub(crate) fn encode_thread(thread: &Thread) -> Result<Vec<u8>, StoreError> {
    encode(&KeptThread::of(thread), thread, 48)
}

/// A thread's state, as it is read.
pub(crate) fn decode_thread(bytes: &[u8]) -> Result<Thread, Wrong> {
    let (kept, rest) = decode_all::<KeptThread<'_>>(bytes)?;
    kept.thread(rest)
}

/// A thread in a row of a log of changed threads.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ChangedThread<'a> {
    /// Its key as a text.
    pub(crate) thread: &'a str,
    /// Its last row.
    pub(crate) last: u64,
    /// When its last message was.
    pub(crate) at: i64,
    /// Where the list has it that the log is written ahead of.
    pub(crate) listed: Option<i64>,
    /// Its state, as it is written.
    pub(crate) state: &'a [u8],
}

/// Changed threads, as they are written.
pub(crate) fn encode_changes<'a>(
    changes: impl ExactSizeIterator<Item = ChangedThread<'a>>,
) -> Result<Vec<u8>, StoreError> {
    let mut bytes = Vec::with_capacity(1 + 96 * changes.len());
    bytes.push(VERSION);
    for change in changes {
        bytes = postcard::to_extend(&change, bytes).map_err(|error| unwritten(&error))?;
    }
    Ok(bytes)
}

/// Changed threads, as they are read.
pub(crate) fn decode_changes(bytes: &[u8]) -> Result<Vec<ChangedThread<'_>>, Wrong> {
    let mut rest = match bytes {
        [VERSION, rest @ ..] => rest,
        [_, ..] => return Err("is of a version that this program does not know"),
        [] => return Err("is empty"),
    };
    let mut changes = Vec::new();
    while !rest.is_empty() {
        let (change, after) = take(rest)?;
        changes.push(change);
        rest = after;
    }
    Ok(changes)
}

/// What of a journal row has no column of its own.
#[derive(Debug, PartialEq)]
pub(crate) struct Meta {
    pub(crate) notices: Vec<Notice>,
    pub(crate) rule: Box<str>,
    pub(crate) via: Option<Box<str>>,
    pub(crate) cause: Cause,
    pub(crate) by: Option<AppId>,
    pub(crate) event: Option<Box<str>>,
    pub(crate) after: Thread,
}

/// A journal row's meta, as it is written.
pub(crate) fn encode_meta(row: &JournalRow) -> Result<Vec<u8>, StoreError> {
    let kept = KeptMeta {
        notices: row.notices.iter().map(KeptNotice::of).collect(),
        rule: Cow::Borrowed(&row.rule),
        via: row.via.as_deref().map(Cow::Borrowed),
        cause: Cow::Borrowed(row.cause.name()),
        by: row.by.map(AppId::number),
        event: row.event.as_deref().map(Cow::Borrowed),
        after: KeptThread::of(&row.after),
    };
    encode(&kept, &row.after, 112)
}

/// A journal row's meta, as it is read.
pub(crate) fn decode_meta(bytes: &[u8]) -> Result<Meta, Wrong> {
    let (kept, rest) = decode_all::<KeptMeta<'_>>(bytes)?;
    Ok(Meta {
        notices: kept.notices.iter().map(KeptNotice::notice).collect::<Result<_, _>>()?,
        rule: kept.rule.into(),
        via: kept.via.map(Into::into),
        cause: cause(&kept.cause)?,
        by: kept.by.map(app).transpose()?,
        event: kept.event.map(Into::into),
        after: kept.after.thread(rest)?,
    })
}

/// The apps that are to hear a row, from the front of its meta and without reading the rest.
pub(crate) fn heard_by(meta: &[u8]) -> Result<Vec<AppId>, Wrong> {
    let (notices, _) = decode::<Vec<KeptNotice>>(meta)?;
    notices.iter().map(|notice| app(notice.0)).collect()
}

/// Whether a row is for an app to hear, from the front of its meta and without reading the rest.
pub(crate) fn hears(meta: &[u8], app: AppId) -> Result<bool, Wrong> {
    let (notices, _) = decode::<Vec<KeptNotice>>(meta)?;
    Ok(notices.iter().any(|notice| notice.0 == app.number()))
}

/// What few threads have.
#[derive(Default)]
struct Rest {
    entered: Option<Entered>,
    answered: Vec<Answered>,
    answer_by: Option<Timestamp>,
}

fn encode<T: Serialize>(kept: &T, thread: &Thread, room: usize) -> Result<Vec<u8>, StoreError> {
    let entered = thread.entered.as_ref().map(KeptEntered::of);
    let answered: Vec<(u64, i64)> = thread.answered.iter().map(|one| (one.digest, one.until.0)).collect();
    let answer_by = thread.answer_by.map(|at| at.0);
    let more = !answered.is_empty() || answer_by.is_some();
    let mut bytes = Vec::with_capacity(room);
    bytes.push(match &entered {
        _ if more => WITH_MORE,
        Some(_) => WITH_AD,
        None => VERSION,
    });
    let written = postcard::to_extend(kept, bytes).and_then(|bytes| match entered {
        entered if more => postcard::to_extend(&(entered, answered, answer_by), bytes),
        Some(entered) => postcard::to_extend(&entered, bytes),
        None => Ok(bytes),
    });
    written.map_err(|error| unwritten(&error))
}

fn unwritten(error: &postcard::Error) -> StoreError {
    StoreError::Unavailable(format!("a row cannot be written: {error}"))
}

/// All of it.
fn decode_all<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<(T, Rest), Wrong> {
    let (kept, after) = decode::<T>(bytes)?;
    type More<'a> = (Option<KeptEntered<'a>>, Vec<(u64, i64)>, Option<i64>);
    let ((entered, answered, answer_by), after) = match bytes.first() {
        Some(&WITH_AD) => {
            let (entered, after) = take::<KeptEntered<'_>>(after)?;
            ((Some(entered), Vec::new(), None), after)
        }
        Some(&WITH_MORE) => take::<More<'_>>(after)?,
        _ => ((None, Vec::new(), None), after),
    };
    let one = |(digest, until): (u64, i64)| Answered { digest, until: Timestamp(until) };
    let rest = Rest {
        entered: entered.map(KeptEntered::entered).transpose()?,
        answered: answered.into_iter().map(one).collect(),
        answer_by: answer_by.map(Timestamp),
    };
    if after.is_empty() { Ok((kept, rest)) } else { Err("goes on where it should end") }
}

fn decode<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<(T, &'a [u8]), Wrong> {
    match bytes {
        [VERSION | WITH_AD | WITH_MORE, rest @ ..] => take(rest),
        [_, ..] => Err("is of a version that this program does not know"),
        [] => Err("is empty"),
    }
}

fn take<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<(T, &'a [u8]), Wrong> {
    postcard::take_from_bytes(bytes).map_err(|_| "cannot be read")
}

// Mirrors of the domain's types. The order of fields is the format: a change of it is a new version.

#[derive(Serialize, Deserialize)]
struct KeptMeta<'a> {
    // First, because `hears` reads no further.
    notices: Vec<KeptNotice>,
    #[serde(borrow)]
    rule: Cow<'a, str>,
    #[serde(borrow)]
    via: Option<Cow<'a, str>>,
    #[serde(borrow)]
    cause: Cow<'a, str>,
    by: Option<u64>,
    #[serde(borrow)]
    event: Option<Cow<'a, str>>,
    #[serde(borrow)]
    after: KeptThread<'a>,
}

#[derive(Serialize, Deserialize)]
struct KeptThread<'a> {
    control: Option<(u64, u32, i64)>,
    length_days: u8,
    last_heard: Option<i64>,
    window_closes: Option<i64>,
    folder: u8,
    #[serde(borrow)]
    requests: Vec<(u64, i64, Cow<'a, str>)>,
    held: u16,
    #[serde(borrow)]
    handed: Option<Cow<'a, str>>,
    mode: Option<u8>,
}

impl<'a> KeptThread<'a> {
    fn of(thread: &'a Thread) -> Self {
        // Taken apart without `..`, so that a new field cannot be forgotten here.
        // What few threads have stands at the end of the bytes.
        let Thread {
            control,
            length_days,
            last_heard,
            window_closes,
            folder,
            requests,
            held,
            handed,
            entered: _,
            answered: _,
            answer_by: _,
            mode,
        } = thread;
        let request = |waiting: &'a Waiting| {
            (waiting.app.number(), waiting.at.0, Cow::Borrowed(waiting.metadata.as_ref()))
        };
        Self {
            control: control.map(|grant| (grant.app.number(), grant.connection, grant.until.0)),
            length_days: *length_days,
            last_heard: last_heard.map(|at| at.0),
            window_closes: window_closes.map(|at| at.0),
            folder: match folder {
                Folder::General => 0,
                Folder::Main => 1,
                Folder::Done => 2,
            },
            requests: requests.iter().map(request).collect(),
            held: *held,
            handed: handed.as_deref().map(Cow::Borrowed),
            mode: mode.map(|mode| match mode {
                Mode::HandoverPrimary => 0,
                Mode::HandoverOpen => 1,
                Mode::MessengerRouting => 2,
                Mode::InstagramRouting => 3,
                Mode::ZeroConfig => 4,
                Mode::MessengerRouting2025 => 5,
                Mode::MessengerZeroConfig => 6,
            }),
        }
    }

    fn thread(self, rest: Rest) -> Result<Thread, Wrong> {
        let grant = |(number, connection, until): (u64, u32, i64)| {
            Ok::<_, Wrong>(Grant { app: app(number)?, connection, until: Timestamp(until) })
        };
        let waiting = |(number, at, metadata): (u64, i64, Cow<'a, str>)| {
            Ok::<_, Wrong>(Waiting { app: app(number)?, at: Timestamp(at), metadata: metadata.into() })
        };
        let mode = |number: u8| match number {
            0 => Ok(Mode::HandoverPrimary),
            1 => Ok(Mode::HandoverOpen),
            2 => Ok(Mode::MessengerRouting),
            3 => Ok(Mode::InstagramRouting),
            4 => Ok(Mode::ZeroConfig),
            5 => Ok(Mode::MessengerRouting2025),
            6 => Ok(Mode::MessengerZeroConfig),
            _ => Err("names an unknown mode"),
        };
        Ok(Thread {
            control: self.control.map(grant).transpose()?,
            length_days: self.length_days,
            last_heard: self.last_heard.map(Timestamp),
            window_closes: self.window_closes.map(Timestamp),
            folder: match self.folder {
                0 => Folder::General,
                1 => Folder::Main,
                2 => Folder::Done,
                _ => return Err("names an unknown folder"),
            },
            requests: self.requests.into_iter().map(waiting).collect::<Result<_, _>>()?,
            held: self.held,
            handed: self.handed.map(Into::into),
            entered: rest.entered,
            answered: rest.answered,
            answer_by: rest.answer_by,
            mode: self.mode.map(mode).transpose()?,
        })
    }
}

#[derive(Serialize, Deserialize)]
struct KeptEntered<'a> {
    #[serde(borrow)]
    ad: Cow<'a, str>,
    app: u64,
    opened: bool,
}

impl<'a> KeptEntered<'a> {
    fn of(entered: &'a Entered) -> Self {
        let Entered { ad, app, opened } = entered;
        Self { ad: Cow::Borrowed(ad), app: app.number(), opened: *opened }
    }

    fn entered(self) -> Result<Entered, Wrong> {
        Ok(Entered { ad: self.ad.into(), app: app(self.app)?, opened: self.opened })
    }
}

/// The app, and four bits: standby, reduced, context, changes.
#[derive(Serialize, Deserialize)]
struct KeptNotice(u64, u8);

impl KeptNotice {
    const STANDBY: u8 = 1;
    const REDUCED: u8 = 2;
    const CONTEXT: u8 = 4;
    const CHANGES: u8 = 8;

    fn of(notice: &Notice) -> Self {
        let Notice { app, channel, form, context } = notice;
        let channel = match channel {
            Channel::Messaging => 0,
            Channel::Standby => Self::STANDBY,
            Channel::Changes => Self::CHANGES,
        };
        let form = match form {
            Form::Whole => 0,
            Form::Reduced => Self::REDUCED,
        };
        Self(app.number(), channel | form | if *context { Self::CONTEXT } else { 0 })
    }

    fn notice(&self) -> Result<Notice, Wrong> {
        let has = |bit: u8| self.1 & bit != 0;
        let channel = match (has(Self::STANDBY), has(Self::CHANGES)) {
            (false, false) => Channel::Messaging,
            (true, false) => Channel::Standby,
            (false, true) => Channel::Changes,
            (true, true) => return Err("has a notice on two channels"),
        };
        if self.1 > 15 {
            return Err("has a notice of an unknown kind");
        }
        Ok(Notice {
            app: app(self.0)?,
            channel,
            form: if has(Self::REDUCED) { Form::Reduced } else { Form::Whole },
            context: has(Self::CONTEXT),
        })
    }
}

#[cfg(test)]
mod tests {
    use baton_rules::PersonId;
    use bytes::Bytes;
    use proptest::collection::vec;
    use proptest::option;
    use proptest::prelude::*;

    use super::*;
    use crate::Position;

    fn app_id() -> impl Strategy<Value = AppId> {
        (1_u64..1 << 53).prop_filter_map("an app id", AppId::new)
    }

    fn time() -> impl Strategy<Value = Timestamp> {
        any::<i64>().prop_map(Timestamp)
    }

    fn text() -> impl Strategy<Value = Box<str>> {
        any::<String>().prop_map(String::into_boxed_str)
    }

    fn a_thread() -> impl Strategy<Value = Thread> {
        let grant = (app_id(), any::<u32>(), time()).prop_map(|(app, connection, until)| Grant {
            app,
            connection,
            until,
        });
        let waiting =
            (app_id(), time(), text()).prop_map(|(app, at, metadata)| Waiting { app, at, metadata });
        let modes = Mode::ALL.to_vec();
        let folders = vec![Folder::General, Folder::Main, Folder::Done];
        let times = (option::of(time()), option::of(time()));
        let rest = (proptest::sample::select(folders), option::of(proptest::sample::select(modes)));
        let entered = (text(), app_id(), any::<bool>());
        let entered = option::of(entered.prop_map(|(ad, app, opened)| Entered { ad, app, opened }));
        let sent = (any::<u64>(), time()).prop_map(|(digest, until)| Answered { digest, until });
        let rest = (
            rest.0,
            rest.1,
            option::of(text()),
            any::<u16>(),
            any::<u8>(),
            entered,
            vec(sent, 0..3),
            option::of(time()),
        );
        (option::of(grant), times, vec(waiting, 0..3), rest).prop_map(
            |(
                control,
                (last_heard, window_closes),
                requests,
                (folder, mode, handed, held, length_days, entered, answered, answer_by),
            )| {
                Thread {
                    control,
                    length_days,
                    last_heard,
                    window_closes,
                    folder,
                    requests,
                    held,
                    handed,
                    entered,
                    answered,
                    answer_by,
                    mode,
                }
            },
        )
    }

    fn a_row() -> impl Strategy<Value = JournalRow> {
        let channels = vec![Channel::Messaging, Channel::Standby, Channel::Changes];
        let notice = (app_id(), proptest::sample::select(channels), any::<[bool; 2]>());
        let notice = notice.prop_map(|(app, channel, [reduced, context])| Notice {
            app,
            channel,
            form: if reduced { Form::Reduced } else { Form::Whole },
            context,
        });
        let causes: Vec<Cause> = Cause::ALL.iter().map(|(cause, _)| *cause).collect();
        let words = (text(), option::of(text()), option::of(text()));
        (vec(notice, 0..5), words, proptest::sample::select(causes), option::of(app_id()), a_thread())
            .prop_map(|(notices, (rule, via, event), cause, by, after)| JournalRow {
                position: Position(1),
                chain: None,
                previous: None,
                at: Timestamp(0),
                rule,
                via,
                cause,
                by,
                event,
                notices,
                whole: Bytes::new(),
                reduced: None,
                context: None,
                after,
            })
    }

    proptest! {
        #[test]
        fn a_thread_comes_back(thread in a_thread()) {
            prop_assert_eq!(decode_thread(&encode_thread(&thread).unwrap()), Ok(thread));
        }

        #[test]
        fn changed_threads_come_back(
            changes in vec((any::<String>(), any::<u64>(), any::<i64>(), option::of(any::<i64>()), vec(any::<u8>(), 0..60)), 0..9),
            cut in any::<usize>(),
        ) {
            let changes: Vec<_> = changes
                .iter()
                .map(|(thread, last, at, listed, state)| ChangedThread { thread, last: *last, at: *at, listed: *listed, state })
                .collect();
            let again = changes.iter().map(|ChangedThread { thread, last, at, listed, state }| ChangedThread {
                thread, last: *last, at: *at, listed: *listed, state,
            });
            let bytes = encode_changes(again).unwrap();
            let cut = decode_changes(&bytes[..cut % bytes.len()]);
            prop_assert!(cut.is_err() || cut.is_ok_and(|some| some.len() < changes.len()));
            prop_assert_eq!(decode_changes(&bytes), Ok(changes));
        }

        #[test]
        fn meta_comes_back(row in a_row(), stranger in app_id()) {
            let bytes = encode_meta(&row).unwrap();
            let named = |app| row.notices.iter().any(|notice| notice.app == app);
            for app in row.notices.iter().map(|notice| notice.app).chain([stranger]) {
                prop_assert_eq!(hears(&bytes, app), Ok(named(app)));
            }
            let meta = decode_meta(&bytes).unwrap();
            let JournalRow { rule, via, cause, by, event, notices, after, .. } = row;
            prop_assert_eq!(meta, Meta { notices, rule, via, cause, by, event, after });
        }

        #[test]
        fn no_bytes_bring_it_down(bytes in vec(any::<u8>(), 0..200)) {
            let _ = decode_thread(&bytes);
            let _ = decode_meta(&bytes);
            let _ = decode_changes(&bytes);
        }

        #[test]
        fn what_was_cut_off_or_added_to_is_noticed(row in a_row(), more in any::<u8>(), at in any::<usize>()) {
            let bytes = encode_meta(&row).unwrap();
            prop_assert!(decode_meta(&bytes[..at % bytes.len()]).is_err());
            prop_assert!(decode_meta(&[&bytes[..], &[more]].concat()).is_err());
            let bytes = encode_thread(&row.after).unwrap();
            prop_assert!(decode_thread(&bytes[..at % bytes.len()]).is_err());
            prop_assert!(decode_thread(&[&bytes[..], &[more]].concat()).is_err());
        }

        #[test]
        fn a_key_comes_back(
            page in 1_u64..1_000_000_000_000_000_000,
            person in "[A-Za-z0-9_-]{1,64}",
            instagram in any::<bool>(),
        ) {
            let surface = if instagram { Surface::Instagram } else { Surface::Messenger };
            let key = ThreadKey { page: PageId::new(page).unwrap(), surface, person: person.parse().unwrap() };
            prop_assert_eq!(thread_key(&thread_text(&key)), Ok(key.clone()));
            for own in [Chain::Page(key.page, surface), Chain::Thread(key)] {
                prop_assert_eq!(chain(&chain_text(&own)), Ok(own));
            }
        }
    }

    #[test]
    fn an_idle_thread_is_small() {
        let now = Timestamp(1_790_000_000_123);
        let thread = Thread {
            length_days: 1,
            last_heard: Some(now),
            window_closes: Some(now.plus_seconds(86_400)),
            folder: Folder::Main,
            mode: Some(Mode::MessengerRouting),
            ..Thread::default()
        };
        assert_eq!(encode_thread(&thread).unwrap().len(), 23);
        let grant = Grant { app: AppId::PAGE_INBOX, connection: 3, until: now };
        assert_eq!(encode_thread(&Thread { control: Some(grant), ..thread }).unwrap().len(), 37);
    }

    #[test]
    fn what_this_program_writes_it_reads_for_good() {
        // Bytes of version 1, as they were first written. If this fails, the format changed: make a version 2.
        let bytes = [
            1, 1, 11, 2, 128, 176, 131, 197, 152, 104, 1, 1, 246, 177, 131, 197, 152, 104, 0, 1, 1, 12, 20,
            2, 104, 105, 0, 0, 1, 0,
        ];
        let app = |number| AppId::new(number).unwrap();
        let thread = Thread {
            control: Some(Grant { app: app(11), connection: 2, until: Timestamp(1_790_000_000_000) }),
            length_days: 1,
            last_heard: Some(Timestamp(1_790_000_000_123)),
            folder: Folder::Main,
            requests: vec![Waiting { app: app(12), at: Timestamp(10), metadata: "hi".into() }],
            mode: Some(Mode::HandoverPrimary),
            ..Thread::default()
        };
        assert_eq!(encode_thread(&thread).unwrap(), bytes);
        assert_eq!(decode_thread(&bytes), Ok(thread));
    }

    #[test]
    fn ad_6_a_thread_that_an_ad_brought_has_a_version_of_its_own() {
        // Bytes of version 2, as they were first written. If this fails, the format changed: make a version 3.
        let bytes = [2, 0, 1, 0, 0, 0, 0, 0, 0, 0, 4, 57, 48, 48, 49, 11, 1];
        let entered = Entered { ad: "9001".into(), app: AppId::new(11).unwrap(), opened: true };
        let thread = Thread { length_days: 1, entered: Some(entered), ..Thread::default() };
        assert_eq!(encode_thread(&thread).unwrap(), bytes);
        assert_eq!(decode_thread(&bytes), Ok(thread));
    }

    #[test]
    fn win_11_timer_1_a_thread_with_what_few_have_has_a_version_of_its_own() {
        // Bytes of version 3, as they were first written. If this fails, the format changed: make a version 4.
        let bytes = [3, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 7, 10, 1, 12];
        let answered = vec![Answered { digest: 7, until: Timestamp(5) }];
        let thread = Thread { length_days: 1, answered, answer_by: Some(Timestamp(6)), ..Thread::default() };
        assert_eq!(encode_thread(&thread).unwrap(), bytes);
        assert_eq!(decode_thread(&bytes), Ok(thread));
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert_eq!(decode_thread(&[]), Err("is empty"));
        assert_eq!(decode_thread(&[4, 0]), Err("is of a version that this program does not know"));
        assert_eq!(decode_thread(&[1, 0, 1, 0, 0, 9, 0, 0, 0, 0]), Err("names an unknown folder"));
        assert_eq!(decode_thread(&[1, 0, 1, 0, 0, 0, 0, 0, 0, 1, 9]), Err("names an unknown mode"));
        assert_eq!(hears(&[1, 1, 0, 9], AppId::PAGE_INBOX), Ok(false));
        let error = damaged("threads", "state", "104/m/P1", "is empty");
        assert_eq!(error.to_string(), "the database is damaged: threads.state of row 104/m/P1: is empty");
        for text in ["", "104", "104/m", "104/x/P", "0/m/P", "104/m/", "104/m/a/b", "x/m/P"] {
            assert!(thread_key(text).is_err(), "{text}");
        }
        for text in ["", "104", "104/", "104/x", "0/m", "104/m/", "104/m/a/b", "x/m", "104/m/m/"] {
            assert!(chain(text).is_err(), "{text}");
        }
        assert!("P1".parse::<PersonId>().is_ok());
    }
}
