//! How anything is written: one transaction with a lock, a look, a decision, and the writes with their commit, each
//! of the two halves sent at once. What met another's work is done again, so many times; and where the connection broke
//! while it committed, the mark that the transaction would have left says whether it did.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use deadpool_postgres::{ClientWrapper, Pool};
use futures_util::future::{join, join_all};
use futures_util::join;
use tokio::sync::Mutex;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::connect::Lent;
use super::trouble::Trouble;
use crate::{StoreError, Stream};

/// How long each further try waits. Together less than a caller waits gladly.
pub(super) const PAUSES: [Duration; 4] = [
    Duration::from_millis(5),
    Duration::from_millis(25),
    Duration::from_millis(100),
    Duration::from_millis(400),
];

/// How long one try may take. PostgreSQL's own limits are shorter; this is for a network that swallows.
pub(super) const TRY: Duration = Duration::from_secs(6);

/// How long all tries together may take; and while nothing is heard of the database, so that callers are told at once to try
/// again and do not wait behind each other for as long.
const ALL: Duration = Duration::from_secs(8);
const WHILE_SILENT: Duration = Duration::from_millis(1_500);

/// A wait for what others do, in real time.
pub(super) async fn pause(time: Duration) {
    #[expect(
        clippy::disallowed_methods,
        reason = "what is waited for is another process' doing, in real time"
    )]
    tokio::time::sleep(time).await;
}

/// A statement that changes something, and its values.
pub(super) struct Write {
    pub(super) sql: &'static str,
    pub(super) values: Vec<Value>,
}

/// A value, whatever its type.
pub(super) type Value = Box<dyn ToSql + Send + Sync>;

/// `write!(sql, value, …)`: a statement with its values.
macro_rules! statement {
    ($sql:expr $(, $value:expr)* $(,)?) => {
        $crate::postgres::work::Write { sql: $sql, values: vec![$(Box::new($value)),*] }
    };
}
pub(super) use statement;

/// What is read of a stream by whoever locks it: with the time, which is one for all nodes.
macro_rules! heads {
    () => {
        "SELECT stream, head, last_at, settings, (extract(epoch FROM clock_timestamp()) * 1000)::bigint
         FROM baton.streams"
    };
}

/// What a transaction locks, and so what may not happen beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lock {
    /// A stream: no other decision in it. The row is its head, time and settings.
    Stream(Stream),
    /// A stream, with all that is written beside it: no decision in it, and nothing about its delivery.
    Alone(Stream),
    /// All streams: no decision, and nothing else that goes by the settings. A row for each.
    Everything,
    /// A process' own place beside a stream: its writes that are no decisions follow one another; the settings stay.
    Beside(Stream),
}

impl Lock {
    /// Where the mark of what it covers is kept: in which stream, and in which of its lanes.
    const fn place(self) -> (Stream, i16) {
        match self {
            Lock::Stream(stream) | Lock::Alone(stream) => (stream, 0),
            Lock::Everything => (Stream(0), 0),
            Lock::Beside(stream) => (stream, 1),
        }
    }

    const fn sql(self) -> &'static str {
        match self {
            Lock::Stream(_) => {
                concat!(heads!(), " WHERE stream = $1 FOR NO KEY UPDATE")
            }
            Lock::Alone(_) => {
                concat!(heads!(), " WHERE stream = $1 FOR UPDATE")
            }
            Lock::Everything => {
                concat!(heads!(), " ORDER BY stream FOR UPDATE")
            }
            Lock::Beside(_) => {
                "SELECT marks.number FROM baton.streams
                     JOIN baton.marks ON marks.stream = streams.stream AND marks.process = $2 AND marks.lane = 1
                 WHERE streams.stream = $1 FOR KEY SHARE OF streams FOR UPDATE OF marks"
            }
        }
    }

    async fn take(self, client: &ClientWrapper, process: &[u8; 16]) -> Result<Vec<Row>, Trouble> {
        let statement = client.prepare_cached(self.sql()).await?;
        let rows = match self {
            Lock::Stream(stream) | Lock::Alone(stream) => {
                client.query(&statement, &[&i32::from(stream.0)]).await?
            }
            Lock::Everything => client.query(&statement, &[]).await?,
            Lock::Beside(stream) => {
                let values: [&(dyn ToSql + Sync); 2] = [&i32::from(stream.0), &process.as_slice()];
                let rows = client.query(&statement, &values).await?;
                if rows.is_empty() {
                    // A place that nobody wrote to for long was taken away.
                    client.execute(PLACE, &values).await?;
                    client.query(&statement, &values).await?
                } else {
                    rows
                }
            }
        };
        match self {
            Lock::Stream(stream) | Lock::Alone(stream) | Lock::Beside(stream) if rows.is_empty() => {
                Err(no_stream(stream).into())
            }
            _ => Ok(rows),
        }
    }
}

/// Makes a process' place beside a stream.
const PLACE: &str = "INSERT INTO baton.marks (stream, process, lane, number)
                     SELECT stream, $2, 1, 0 FROM baton.streams WHERE stream = $1 ON CONFLICT DO NOTHING";

fn no_stream(stream: Stream) -> StoreError {
    StoreError::Unavailable(format!("there is no stream {}", stream.0))
}

/// Something to be written.
pub(super) trait Work: Send + Sync {
    /// What is found out before it is decided.
    type Found: Send;
    /// What whoever asked is told.
    type Done: Send;

    fn lock(&self) -> Lock;

    /// Reads, behind the lock and in the same breath: what it sees cannot change any more.
    fn look(&self, client: &ClientWrapper) -> impl Future<Output = Result<Self::Found, Trouble>> + Send;

    /// Decides what is written; nothing: then nothing happened. It may be run more than once.
    fn decide(
        &self,
        client: &ClientWrapper,
        locked: Vec<Row>,
        found: Self::Found,
    ) -> impl Future<Output = Result<(Self::Done, Vec<Write>), Trouble>> + Send;
}

/// What this process writes by.
pub(super) struct Writer {
    pool: Pool,
    process: [u8; 16],
    /// The number of the next transaction's mark.
    next: AtomicU64,
    /// By stream and lane: one transaction of this process at a time, so that none holds a connection to wait for
    /// another one's lock, and so that a mark is not overwritten before it is read.
    lanes: Vec<[Mutex<()>; 2]>,
    /// Nothing was heard of the database for as long as anybody waits.
    is_silent: AtomicBool,
}

/// How a try ended.
enum Tried<T> {
    Done(T),
    Failed(Trouble),
    /// The connection broke after the commit was sent: it is done or it is not.
    InDoubt(T, u64, Trouble),
}

impl Writer {
    pub(super) fn new(pool: Pool, process: [u8; 16], streams: u16) -> Self {
        let lanes = (0..streams).map(|_| [Mutex::new(()), Mutex::new(())]).collect();
        Self { pool, process, next: AtomicU64::new(1), lanes, is_silent: AtomicBool::new(false) }
    }

    pub(super) fn close(&self) {
        self.pool.close();
    }

    /// Waits for what is under way.
    pub(super) async fn drain(&self) {
        for lane in self.lanes.iter().flatten() {
            drop(lane.lock().await);
        }
    }

    /// Does it, and says whether it is durable.
    pub(super) async fn write<W: Work>(&self, work: W) -> Result<W::Done, StoreError> {
        let (stream, lane) = work.lock().place();
        let lanes = self.lanes.get(usize::from(stream.0)).ok_or_else(|| no_stream(stream))?;
        let _turn = match lane {
            0 => lanes[0].lock().await,
            _ => lanes[1].lock().await,
        };
        let most = if self.is_silent.load(Ordering::Relaxed) { WHILE_SILENT } else { ALL };
        let written = tokio::time::timeout(most, self.tried(&work)).await;
        self.is_silent.store(written.is_err(), Ordering::Relaxed);
        // Whether it is written is not known then, which is what the error says.
        written.unwrap_or_else(|_| Err(Trouble::TooLong.into_error()))
    }

    /// Tries it, several times where that may help.
    async fn tried<W: Work>(&self, work: &W) -> Result<W::Done, StoreError> {
        let (stream, _) = work.lock().place();
        let mut pauses = PAUSES.iter();
        let mut doubt: Option<(W::Done, u64)> = None;
        loop {
            let trouble = match doubt.take() {
                None => match self.attempt(work).await {
                    Tried::Done(done) => return Ok(done),
                    Tried::Failed(trouble) if !trouble.may_pass() => return Err(trouble.into_error()),
                    Tried::Failed(trouble) => trouble,
                    Tried::InDoubt(done, number, trouble) => {
                        doubt = Some((done, number));
                        trouble
                    }
                },
                Some((done, number)) => match self.is_marked(work.lock(), number).await {
                    Ok(true) => return Ok(done),
                    // It is not written, and never will be: its transaction has ended.
                    Ok(false) => Trouble::Store(StoreError::Unavailable("the connection broke".to_owned())),
                    Err(trouble) => {
                        doubt = Some((done, number));
                        trouble
                    }
                },
            };
            let Some(time) = pauses.next() else {
                if doubt.is_some() {
                    tracing::warn!(stream = stream.0, "whether a transaction was written is not known");
                }
                return Err(trouble.into_error());
            };
            tracing::debug!(stream = stream.0, ?trouble, "a transaction is tried again");
            pause(*time).await;
        }
    }

    /// One try. A connection that is not whole afterwards is closed.
    async fn attempt<W: Work>(&self, work: &W) -> Tried<W::Done> {
        let lent = match Lent::from(&self.pool).await {
            Ok(lent) => lent,
            Err(trouble) => return Tried::Failed(trouble),
        };
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let tried = match lent.client() {
            Ok(client) => self.transaction(client, work, number).await,
            Err(trouble) => Tried::Failed(trouble),
        };
        let is_whole = match &tried {
            Tried::Done(_) => true,
            Tried::Failed(trouble) if !trouble.breaks_connection() => {
                let undone = async { lent.client()?.batch_execute("ROLLBACK").await.map_err(Trouble::from) };
                matches!(tokio::time::timeout(TRY, undone).await, Ok(Ok(())))
            }
            Tried::Failed(_) | Tried::InDoubt(..) => false,
        };
        if is_whole {
            lent.give_back();
        }
        tried
    }

    async fn transaction<W: Work>(&self, client: &ClientWrapper, work: &W, number: u64) -> Tried<W::Done> {
        let decided = tokio::time::timeout(TRY, self.decided(client, work)).await;
        let (done, mut writes) = match decided.unwrap_or(Err(Trouble::TooLong)) {
            Ok(decided) => decided,
            Err(trouble) => return Tried::Failed(trouble),
        };
        if writes.is_empty() {
            let ended = tokio::time::timeout(TRY, client.batch_execute("ROLLBACK")).await;
            return match ended {
                Ok(Ok(())) => Tried::Done(done),
                Ok(Err(error)) => Tried::Failed(error.into()),
                Err(_) => Tried::Failed(Trouble::TooLong),
            };
        }
        let (stream, lane) = work.lock().place();
        writes.push(self.mark(stream, lane, number));
        let mut prepared = Vec::with_capacity(writes.len());
        for write in &writes {
            match client.prepare_cached(write.sql).await {
                Ok(statement) => prepared.push(statement),
                Err(error) => return Tried::Failed(error.into()),
            }
        }
        let sent = join_all(writes.iter().zip(&prepared).map(|(write, statement)| async move {
            let values = write.values.iter().map(|value| -> &(dyn ToSql + Sync) { value.as_ref() });
            client.execute_raw(statement, values).await
        }));
        // All of it is sent at once, in this order. After a statement that fails, COMMIT undoes.
        let ended = tokio::time::timeout(TRY, join(sent, client.batch_execute("COMMIT"))).await;
        let Ok((written, committed)) = ended else { return Tried::InDoubt(done, number, Trouble::TooLong) };
        let refused = written.into_iter().find_map(Result::err).map(Trouble::Postgres);
        match (refused, committed) {
            (None, Ok(())) => Tried::Done(done),
            (Some(trouble), _) if !trouble.breaks_connection() => Tried::Failed(trouble),
            (Some(trouble), _) => Tried::InDoubt(done, number, trouble),
            (None, Err(error)) => {
                let trouble = Trouble::Postgres(error);
                if trouble.breaks_connection() {
                    Tried::InDoubt(done, number, trouble)
                } else {
                    Tried::Failed(trouble)
                }
            }
        }
    }

    /// The first half: begins, locks and looks in one go, then decides.
    async fn decided<W: Work>(
        &self,
        client: &ClientWrapper,
        work: &W,
    ) -> Result<(W::Done, Vec<Write>), Trouble> {
        // Prepared before anything is sent, so that nothing overtakes the lock.
        client.prepare_cached(work.lock().sql()).await?;
        let (begun, locked, found) =
            join!(client.batch_execute("BEGIN"), work.lock().take(client, &self.process), work.look(client));
        begun?;
        work.decide(client, locked?, found?).await
    }

    fn mark(&self, stream: Stream, lane: i16, number: u64) -> Write {
        statement!(
            "INSERT INTO baton.marks (stream, process, lane, number) VALUES ($1, $2, $3, $4)
             ON CONFLICT (stream, process, lane) DO UPDATE SET number = excluded.number, since = now()",
            i32::from(stream.0),
            self.process.to_vec(),
            lane,
            number.cast_signed(),
        )
    }

    /// Whether the transaction that would have left this mark was committed. The lock is had only when it has ended.
    async fn is_marked(&self, lock: Lock, number: u64) -> Result<bool, Trouble> {
        let lent = Lent::from(&self.pool).await?;
        let client = lent.client()?;
        let asked = async {
            client.batch_execute("BEGIN").await?;
            lock.take(client, &self.process).await?;
            let sql = "SELECT number FROM baton.marks WHERE stream = $1 AND process = $2 AND lane = $3";
            let (stream, lane) = lock.place();
            let statement = client.prepare_cached(sql).await?;
            let values: [&(dyn ToSql + Sync); 3] = [&i32::from(stream.0), &self.process.as_slice(), &lane];
            let found = client.query_opt(&statement, &values).await?;
            client.batch_execute("ROLLBACK").await?;
            let marked: Option<i64> = found.map(|row| row.try_get(0)).transpose()?;
            Ok(marked == Some(number.cast_signed()))
        };
        let answer = tokio::time::timeout(TRY, asked).await.unwrap_or(Err(Trouble::TooLong))?;
        lent.give_back();
        Ok(answer)
    }
}

/// Writes that were decided before: nothing is read, and nothing is told.
pub(super) struct Plain {
    pub(super) stream: Stream,
    pub(super) writes: Arc<dyn Fn() -> Vec<Write> + Send + Sync>,
}

impl Work for Plain {
    type Found = ();
    type Done = ();

    fn lock(&self) -> Lock {
        Lock::Beside(self.stream)
    }

    async fn look(&self, _: &ClientWrapper) -> Result<(), Trouble> {
        Ok(())
    }

    async fn decide(&self, _: &ClientWrapper, _: Vec<Row>, (): ()) -> Result<((), Vec<Write>), Trouble> {
        Ok(((), (self.writes)()))
    }
}
