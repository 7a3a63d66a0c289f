//! What goes wrong on purpose, so that an app can be shown to bear it: webhooks twice, late, out of order with those of
//! other conversations, answers that are lost or slow, calls that are refused. Only beside a virtual clock, and by seeded
//! chance: the same seed draws the same again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use baton_rules::{AppId, Timestamp};
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use crate::clock::{Clock, ClockRefused};
use crate::engine::Engine;
use crate::transport::{Answer, SendError, Transport};
use crate::webhook::WebhookId;

/// How long a webhook is held back so that others overtake it, in milliseconds: at least, and at most.
const HELD_BACK: (i64, i64) = (200, 1_500);

/// What goes wrong for an app. Chances are from 0 (never) to 1 (always).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Faults {
    /// A webhook is sent a second time, right after it was answered.
    pub duplicates: f64,
    /// A webhook arrives, and its answer counts as lost: it is sent again later.
    pub lost: f64,
    /// A webhook is held back for a moment, so that those of other conversations overtake it. Those of its own never do.
    pub reorder: f64,
    /// A webhook is sent later, by [`delay_ms`](Self::delay_ms).
    pub delay: f64,
    /// By how much, in milliseconds of the server's clock.
    pub delay_ms: i64,
    /// A webhook's answer arrives later, by [`slow_ms`](Self::slow_ms).
    pub slow: f64,
    /// By how much, in milliseconds of the server's clock.
    pub slow_ms: i64,
    /// A call of the Graph API is answered with an error, before it is decided.
    pub errors: f64,
    /// The platform's code of that error.
    pub error_code: u32,
    /// What the draws begin with.
    pub seed: u64,
}

/// What becomes of one webhook.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Fate {
    wait_ms: i64,
    twice: bool,
    late_ms: i64,
    lost: bool,
}

impl Fate {
    /// Draws as often whatever comes of it, so that another chance does not change the other draws.
    fn drawn(faults: &Faults, random: &mut SmallRng) -> Self {
        let mut comes = |chance: f64| random.random::<f64>() < chance;
        let (delay, reorder, twice) = (comes(faults.delay), comes(faults.reorder), comes(faults.duplicates));
        let (slow, lost) = (comes(faults.slow), comes(faults.lost));
        let held = random.random_range(HELD_BACK.0..=HELD_BACK.1);
        let wait_ms = if delay { faults.delay_ms } else { 0 } + if reorder { held } else { 0 };
        Self { wait_ms, twice, late_ms: if slow { faults.slow_ms } else { 0 }, lost }
    }
}

/// The faults of each app that has some, and where its draws are.
#[derive(Default)]
pub(crate) struct Table(Mutex<HashMap<AppId, (Faults, SmallRng, SmallRng)>>);

impl Table {
    fn apps(&self) -> MutexGuard<'_, HashMap<AppId, (Faults, SmallRng, SmallRng)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fate(&self, app: AppId) -> Option<Fate> {
        let mut apps = self.apps();
        let (faults, webhooks, _) = apps.get_mut(&app)?;
        Some(Fate::drawn(faults, webhooks))
    }
}

/// A transport on which things go wrong.
pub(crate) struct Faulty {
    pub(crate) inner: Arc<dyn Transport>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) table: Arc<Table>,
}

impl Faulty {
    async fn wait(&self, milliseconds: i64) {
        if milliseconds > 0 {
            self.clock.sleep_until(Timestamp(self.clock.now().0.saturating_add(milliseconds))).await;
        }
    }
}

/// The app that a webhook is for: its id says so.
fn app_of(headers: &[(&'static str, String)]) -> Option<AppId> {
    let (_, id) = headers.iter().find(|(name, _)| *name == "webhook-id")?;
    WebhookId::read(id).map(|id| id.app)
}

impl Transport for Faulty {
    fn is_forbidden(&self, url: &str) -> Option<SendError> {
        self.inner.is_forbidden(url)
    }

    fn post(
        &self,
        url: &str,
        headers: Vec<(&'static str, String)>,
        body: Bytes,
    ) -> BoxFuture<'_, Result<Answer, SendError>> {
        let Some(fate) = app_of(&headers).and_then(|app| self.table.fate(app)) else {
            return self.inner.post(url, headers, body);
        };
        let url = url.to_owned();
        async move {
            self.wait(fate.wait_ms).await;
            let answer = self.inner.post(&url, headers.clone(), body.clone()).await;
            if fate.twice {
                // What is said to the second one changes nothing.
                let _ = self.inner.post(&url, headers, body).await;
            }
            self.wait(fate.late_ms).await;
            match answer {
                Ok(_) if fate.lost => {
                    Err(SendError::Failed("the answer was lost, on purpose (faults)".to_owned()))
                }
                answer => answer,
            }
        }
        .boxed()
    }

    fn vet(&self, url: &str) -> BoxFuture<'_, Result<(), SendError>> {
        self.inner.vet(url)
    }

    fn get(&self, url: &str) -> BoxFuture<'_, Result<Answer, SendError>> {
        self.inner.get(url)
    }
}

impl Engine {
    /// Lets things go wrong for an app from now on; all chances zero: no more. Refused where the clock is the system's:
    /// there things are meant to go well.
    pub fn set_faults(&self, app: AppId, faults: Faults) -> Result<(), ClockRefused> {
        self.clock()?;
        let mut apps = self.shared().faults.apps();
        let none = Faults { seed: faults.seed, ..Faults::default() };
        let of_calls = SmallRng::seed_from_u64(faults.seed ^ u64::MAX);
        if faults.only_chances() == none.only_chances() {
            apps.remove(&app);
        } else {
            apps.insert(app, (faults, SmallRng::seed_from_u64(faults.seed), of_calls));
        }
        Ok(())
    }

    /// What goes wrong for an app.
    pub fn faults(&self, app: AppId) -> Option<Faults> {
        self.shared().faults.apps().get(&app).map(|(faults, _, _)| *faults)
    }

    /// The error with which a call of this app is to be answered, if that goes wrong now.
    pub fn faulty_call(&self, app: AppId) -> Option<u32> {
        let mut apps = self.shared().faults.apps();
        let (faults, _, calls) = apps.get_mut(&app)?;
        (calls.random::<f64>() < faults.errors).then_some(faults.error_code)
    }
}

impl Faults {
    const fn only_chances(&self) -> [f64; 6] {
        [self.duplicates, self.lost, self.reorder, self.delay, self.slow, self.errors]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;

    /// Notes what is posted, and answers 200.
    #[derive(Default)]
    struct Noted(Mutex<Vec<Bytes>>);

    impl Transport for Noted {
        fn is_forbidden(&self, _url: &str) -> Option<SendError> {
            None
        }

        fn post(
            &self,
            _url: &str,
            _headers: Vec<(&'static str, String)>,
            body: Bytes,
        ) -> BoxFuture<'_, Result<Answer, SendError>> {
            self.0.lock().unwrap().push(body);
            async { Ok(Answer { status: 200, body: Bytes::new(), retry_after: None }) }.boxed()
        }

        fn vet(&self, _url: &str) -> BoxFuture<'_, Result<(), SendError>> {
            async { Ok(()) }.boxed()
        }

        fn get(&self, _url: &str) -> BoxFuture<'_, Result<Answer, SendError>> {
            async { Ok(Answer { status: 200, body: Bytes::new(), retry_after: None }) }.boxed()
        }
    }

    fn app() -> AppId {
        AppId::new(111).unwrap()
    }

    async fn posted(faults: Faults, for_app: &str) -> (Vec<Bytes>, Result<Answer, SendError>) {
        let (noted, table) = (Arc::new(Noted::default()), Arc::new(Table::default()));
        let random = || SmallRng::seed_from_u64(faults.seed);
        table.apps().insert(app(), (faults, random(), random()));
        let inner = Arc::clone(&noted);
        let faulty = Faulty { inner, clock: Arc::new(SystemClock), table };
        let headers = vec![("webhook-id", format!("msg_{for_app}-3-17-1"))];
        let answer = faulty.post("http://x", headers, Bytes::from_static(b"x")).await;
        let posts = noted.0.lock().unwrap().clone();
        (posts, answer)
    }

    #[tokio::test]
    async fn a_duplicate_is_the_same_bytes_again_and_a_lost_answer_is_an_error() {
        let always = Faults { duplicates: 1.0, lost: 1.0, ..Faults::default() };
        let (posts, answer) = posted(always, "111").await;
        assert_eq!(posts, [Bytes::from_static(b"x"), Bytes::from_static(b"x")]);
        assert!(answer.unwrap_err().to_string().contains("on purpose"));
        let (posts, answer) = posted(always, "222").await;
        assert_eq!((posts.len(), answer.unwrap().status), (1, 200), "another app has none");
    }

    #[test]
    fn chances_are_kept_and_the_same_seed_draws_the_same() {
        let faults = Faults { duplicates: 0.2, lost: 0.5, delay: 0.1, delay_ms: 700, ..Faults::default() };
        let draws = |faults: Faults, seed: u64| {
            let mut random = SmallRng::seed_from_u64(seed);
            (0..10_000).map(|_| Fate::drawn(&faults, &mut random)).collect::<Vec<_>>()
        };
        let drawn = draws(faults, 7);
        assert_eq!(drawn, draws(faults, 7));
        assert_ne!(drawn, draws(faults, 8));
        let many = |is: fn(&Fate) -> bool| drawn.iter().filter(|fate| is(fate)).count();
        assert!((1_800..2_200).contains(&many(|fate| fate.twice)));
        assert!((4_800..5_200).contains(&many(|fate| fate.lost)));
        assert!((800..1_200).contains(&many(|fate| fate.wait_ms == 700)));
        assert_eq!(many(|fate| fate.late_ms > 0), 0);
        // What else may go wrong changes nothing about it.
        let more = draws(Faults { reorder: 1.0, slow: 0.3, slow_ms: 5, ..faults }, 7);
        assert!(
            drawn.iter().zip(&more).all(|(one, other)| one.twice == other.twice && one.lost == other.lost)
        );
        assert!(more.iter().all(|fate| fate.wait_ms >= HELD_BACK.0));
    }
}
