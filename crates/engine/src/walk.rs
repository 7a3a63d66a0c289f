//! A parked conversation's backlog, read forwards although its chain leads backwards. Where its pieces begin is
//! found once and remembered, so that each visit reads the piece that is next and not all that is behind it.

use std::sync::Arc;

use baton_rules::AppId;
use baton_store::{JournalRow, Position};

/// A backlog is read in pieces of this many rows.
pub(crate) const PIECE: usize = 200;

/// Where the pieces of a backlog begin: the newest row of each, the oldest piece last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pieces(Vec<Position>);

impl Pieces {
    /// Rows for an app in (after, until], the oldest first: those of the next piece that has any; none where no
    /// piece has. `read` brings [`PIECE`] rows of the chain, newest first, from one of them on or from its newest.
    pub(crate) async fn next<E, R>(
        &mut self,
        app: AppId,
        (after, until): (Position, Position),
        read: impl Fn(Option<Position>) -> R,
    ) -> Result<Vec<Arc<JournalRow>>, E>
    where
        R: Future<Output = Result<Vec<Arc<JournalRow>>, E>>,
    {
        let mut found = false;
        loop {
            // What is done is behind it.
            while self.0.pop_if(|newest| *newest <= after).is_some() {}
            let Some(newest) = self.0.last().copied() else {
                if found {
                    return Ok(Vec::new());
                }
                // Everything that was known is done: what came since is found now.
                self.find(after, &read).await?;
                found = true;
                continue;
            };
            let mut rows = read(Some(newest)).await?;
            rows.retain(|row| {
                row.position > after
                    && row.position <= until
                    && row.notices.iter().any(|notice| notice.app == app)
            });
            if !rows.is_empty() {
                rows.reverse();
                return Ok(rows);
            }
            self.0.pop();
        }
    }

    /// Walks back from the chain's newest row to the last one that is done.
    async fn find<E, R>(&mut self, after: Position, read: impl Fn(Option<Position>) -> R) -> Result<(), E>
    where
        R: Future<Output = Result<Vec<Arc<JournalRow>>, E>>,
    {
        let mut newest = None;
        loop {
            let rows = read(newest).await?;
            self.0.extend(rows.first().map(|row| row.position));
            newest = rows.last().and_then(|row| row.previous).filter(|previous| *previous > after);
            if newest.is_none() {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use baton_rules::{Cause, Channel, Form, Notice, Thread, Timestamp, build::app};
    use bytes::Bytes;
    use futures_util::FutureExt;

    use super::*;

    /// A conversation of every second position; every third of its rows is for somebody else.
    fn backlog(length: u64) -> Vec<Arc<JournalRow>> {
        let row = |number: u64| {
            let hears = app(if number.is_multiple_of(3) { "desk" } else { "bot" });
            Arc::new(JournalRow {
                position: Position(number * 2),
                chain: None,
                previous: (number > 1).then(|| Position(number * 2 - 2)),
                at: Timestamp(0),
                rule: "HOP-MSG-1".into(),
                via: None,
                cause: Cause::Message,
                by: None,
                event: None,
                notices: vec![Notice {
                    app: hears,
                    channel: Channel::Messaging,
                    form: Form::Whole,
                    context: false,
                }],
                whole: Bytes::new(),
                reduced: None,
                context: None,
                after: Thread::default(),
            })
        };
        (1..=length).map(row).collect()
    }

    /// A chain that counts how many rows were read of it.
    struct Chain {
        rows: Vec<Arc<JournalRow>>,
        read: AtomicUsize,
    }

    impl Chain {
        async fn read(&self, newest: Option<Position>) -> Result<Vec<Arc<JournalRow>>, ()> {
            let own = self.rows.iter().rev().filter(|row| newest.is_none_or(|newest| row.position <= newest));
            let rows: Vec<_> = own.take(PIECE).cloned().collect();
            self.read.fetch_add(rows.len(), Ordering::Relaxed);
            Ok(rows)
        }

        fn next(&self, pieces: &mut Pieces, after: Position, until: Position) -> Vec<Position> {
            let rows = pieces.next(app("bot"), (after, until), |newest| self.read(newest));
            rows.now_or_never().unwrap().unwrap().iter().map(|row| row.position).collect()
        }
    }

    #[test]
    fn a_long_backlog_is_read_in_order_and_not_again_and_again() {
        let mut chain = Chain { rows: backlog(5_000), read: AtomicUsize::new(0) };
        let (mut pieces, mut after, mut until) = (Pieces::default(), Position(0), Position(9_000));
        let mut heard = Vec::new();
        loop {
            let rows = chain.next(&mut pieces, after, until);
            assert!(rows.len() <= PIECE && rows.iter().all(|row| *row <= until), "{rows:?}");
            heard.extend(rows.iter().copied());
            match rows.last() {
                Some(last) => after = *last,
                None if until < Position(12_000) => {
                    // More came meanwhile.
                    chain.rows = backlog(6_000);
                    (after, until) = (until, Position(12_000));
                }
                None => break,
            }
        }
        let all = backlog(6_000);
        let mine = all.iter().filter(|row| row.notices[0].app == app("bot")).map(|row| row.position);
        assert_eq!(heard, mine.collect::<Vec<_>>());
        let read = chain.read.load(Ordering::Relaxed);
        assert!(read <= 4 * 6_000, "{read} rows were read of 6,000");
        assert_eq!(pieces, Pieces::default());
    }

    #[test]
    fn a_piece_that_was_begun_goes_on_where_it_stood() {
        let chain = Chain { rows: backlog(300), read: AtomicUsize::new(0) };
        let mut pieces = Pieces::default();
        let rows = chain.next(&mut pieces, Position(0), Position(600));
        assert_eq!(rows.first(), Some(&Position(2)));
        chain.read.store(0, Ordering::Relaxed);
        let rest = chain.next(&mut pieces, rows[10], Position(600));
        assert_eq!(rest, rows[11..]);
        assert!(chain.read.load(Ordering::Relaxed) <= PIECE);
    }
}
