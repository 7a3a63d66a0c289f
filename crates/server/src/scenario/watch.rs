//! Watches what the server says that it does: decisions, refusals, deliveries. What a decision owes each app
//! is kept until it is delivered, so a scenario knows when a step has ended.

use std::sync::Arc;
use std::time::Duration;

use baton_engine::{Activity, ActivityKind, Carried};
use baton_rules::{AppId, Channel, ThreadKey};
use baton_store::Chain;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::time::timeout;

use crate::cli::Failure;

/// What happened so far, and what is still to be delivered.
pub(super) struct Watch {
    lines: Receiver<Arc<Activity>>,
    log: Vec<Arc<Activity>>,
    owed: Vec<Webhook>,
    troubles: Vec<Trouble>,
}

/// An event that an app is to hear.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Webhook {
    app: AppId,
    chain: Chain,
    event: Box<str>,
    channel: Channel,
}

/// A receiver that did not take what it was sent.
#[derive(Clone, Debug)]
pub(super) struct Trouble {
    pub(super) app: AppId,
    pub(super) events: Vec<Box<str>>,
    pub(super) channel: Channel,
    pub(super) error: Box<str>,
    pub(super) duration_ms: u64,
}

/// A place in the log: after so many of its lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Mark(usize);

impl Mark {
    /// The place one line earlier.
    pub(super) const fn before(self) -> Self {
        Self(self.0.saturating_sub(1))
    }
}

impl Watch {
    pub(super) fn new(lines: Receiver<Arc<Activity>>) -> Self {
        Self { lines, log: Vec::new(), owed: Vec::new(), troubles: Vec::new() }
    }

    /// Where the log ends now.
    pub(super) fn mark(&mut self) -> Result<Mark, Failure> {
        loop {
            match self.lines.try_recv() {
                Ok(line) => self.note(line),
                Err(TryRecvError::Empty | TryRecvError::Closed) => return Ok(Mark(self.log.len())),
                Err(TryRecvError::Lagged(_)) => return Err(too_much()),
            }
        }
    }

    /// The first line from a mark on that is looked for, and the mark after it; none when it does not come in
    /// time.
    pub(super) async fn find<T>(
        &mut self,
        from: Mark,
        within: Duration,
        wanted: impl Fn(&Activity) -> Option<T>,
    ) -> Result<Option<(T, Mark)>, Failure> {
        match timeout(within, self.search(from, wanted)).await {
            Ok(found) => found.map(Some),
            Err(_) => Ok(None),
        }
    }

    async fn search<T>(
        &mut self,
        from: Mark,
        wanted: impl Fn(&Activity) -> Option<T>,
    ) -> Result<(T, Mark), Failure> {
        let mut looked = from.0;
        loop {
            while let Some(line) = self.log.get(looked) {
                looked += 1;
                if let Some(found) = wanted(line) {
                    return Ok((found, Mark(looked)));
                }
            }
            self.next().await?;
        }
    }

    /// The lines from a mark on that are looked for.
    pub(super) fn all<T>(&self, from: Mark, wanted: impl Fn(&Activity) -> Option<T>) -> Vec<T> {
        self.log.iter().skip(from.0).filter_map(|line| wanted(line)).collect()
    }

    /// Waits until everything of a conversation that is owed to these apps was taken, or one of them did not
    /// take it. Answers the troubles, and what did not even begin in time.
    pub(super) async fn settle(
        &mut self,
        thread: &ThreadKey,
        apps: &[AppId],
        within: Duration,
    ) -> Result<(Vec<Trouble>, Vec<(AppId, Box<str>)>), Failure> {
        let ours = |app: &AppId| apps.contains(app);
        let all = async {
            while self.open(thread, apps).next().is_some()
                && !self.troubles.iter().any(|trouble| ours(&trouble.app))
            {
                self.next().await?;
            }
            Ok(())
        };
        if let Ok(ended) = timeout(within, all).await {
            ended?;
            let (ours, others) = self.troubles.drain(..).partition(|trouble| ours(&trouble.app));
            self.troubles = others;
            return Ok((ours, Vec::new()));
        }
        Ok((Vec::new(), self.open(thread, apps).map(|owed| (owed.app, owed.event.clone())).collect()))
    }

    /// What is still to be delivered to these apps, of one conversation.
    fn open<'a>(&'a self, thread: &'a ThreadKey, apps: &'a [AppId]) -> impl Iterator<Item = &'a Webhook> {
        let ours = Chain::from(thread.clone());
        self.owed.iter().filter(move |owed| owed.chain == ours && apps.contains(&owed.app))
    }

    /// Waits for the next line, and takes it in.
    async fn next(&mut self) -> Result<(), Failure> {
        match self.lines.recv().await {
            Ok(line) => {
                self.note(line);
                Ok(())
            }
            Err(RecvError::Lagged(_)) => Err(too_much()),
            Err(RecvError::Closed) => Err(Failure::new("the server stopped")),
        }
    }

    fn note(&mut self, line: Arc<Activity>) {
        match &line.kind {
            ActivityKind::Decision { thread, rows, .. } => {
                for row in rows {
                    let event = row.event.as_deref().unwrap_or_default();
                    let owed = row.notices.iter().map(|notice| Webhook {
                        app: notice.app,
                        chain: thread.clone().into(),
                        event: event.into(),
                        channel: notice.channel,
                    });
                    self.owed.extend(owed);
                }
            }
            ActivityKind::Delivery { app, events, channel, error, duration_ms, .. } => match error {
                None => events.iter().for_each(|Carried { chain, event, .. }| {
                    let is = |owed: &Webhook| {
                        owed.app == *app
                            && owed.chain == *chain
                            && owed.event == *event
                            && owed.channel == *channel
                    };
                    if let Some(at) = self.owed.iter().position(is) {
                        self.owed.remove(at);
                    }
                }),
                Some(error) => self.troubles.push(Trouble {
                    app: *app,
                    events: events.iter().map(|one| one.event.clone()).collect(),
                    channel: *channel,
                    error: error.clone(),
                    duration_ms: *duration_ms,
                }),
            },
            ActivityKind::Refusal { .. }
            | ActivityKind::Verification { .. }
            | ActivityKind::Standing { .. }
            | ActivityKind::Settings { .. }
            | ActivityKind::Comment { .. }
            | ActivityKind::Clock { .. } => {}
        }
        self.log.push(line);
    }
}

fn too_much() -> Failure {
    Failure::new("more happened at once than could be watched")
}
