//! Who is let in to Baton's own API: programs by the operator token, people by a session that a browser keeps in a
//! cookie which no script can read. What each may do, an operation says of itself ([`Needs`]).

use std::sync::{Arc, Mutex, PoisonError};

use axum::http::{HeaderMap, Method};
use baton_engine::{Clock, Engine};
use baton_rules::Timestamp;
use baton_store::{AuditLine, Invitation, Member, Role, Secret, Session, StoreError, Team};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

mod caller;
mod cookie;
mod known;
mod origin;
mod password;
mod throttle;

pub(crate) use caller::{Caller, Gate, Gated, Needs, Recording, identify};
pub(crate) use password::{LONGEST as LONGEST_PASSWORD, SHORTEST as SHORTEST_PASSWORD};

use crate::problem::{self, Problem};
use crate::serve::Shared;
use known::Known;
use throttle::Throttle;

/// Members at most.
const MEMBERS: usize = 200;
/// Browsers in which one member is signed in; the one that began first goes.
const SESSIONS: usize = 20;
/// Passwords that are checked at once: each takes 19 MiB and a good part of a processor.
const HASHING: usize = 2;
const HOUR: i64 = 60 * 60;
const DAY: i64 = 24 * HOUR;
/// How long a session lives that nobody uses, and at most.
const IDLE: i64 = 7 * DAY;
const LONGEST: i64 = 30 * DAY;
/// How long an invitation works.
const INVITED: i64 = 3 * DAY;

/// A link that is printed when a server starts, and works once.
#[derive(Clone, Debug)]
pub struct StartLink {
    /// What stands behind `#link=`.
    pub code: Secret,
    /// Whether it signs in as it is (`baton dev`); else it makes the first operator.
    pub signs_in: bool,
}

/// What a one-time link is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Link {
    /// It signs in as it is.
    SignsIn,
    /// Whoever has it becomes the first operator.
    FirstOperator,
    /// A member chooses a password.
    Invitation(Member),
}

/// A session in the making: what goes to the browser.
pub(crate) struct SignedIn {
    /// Its code.
    pub(crate) code: Secret,
    /// How long the browser keeps it, in seconds; none: until it is closed.
    pub(crate) keep: Option<i64>,
    pub(crate) caller: Caller,
}

/// A session of whoever has the operator token, or the link of `baton dev`. It ends with the server.
struct Passing {
    hash: [u8; 32],
    name: &'static str,
}

/// Who is let in.
pub(crate) struct Door {
    engine: Engine,
    /// The system's clock: sessions do not end because somebody tries out tomorrow.
    wall: Arc<dyn Clock>,
    operator: [u8; 32],
    viewer: Option<[u8; 32]>,
    public_url: String,
    link: Mutex<Option<(StartLink, [u8; 32])>>,
    known: Known,
    passing: watch::Sender<Vec<Passing>>,
    throttle: Mutex<Throttle>,
    hashing: Semaphore,
}

impl Door {
    /// A door with everybody who was a member before.
    pub(crate) async fn open(
        engine: Engine,
        wall: Arc<dyn Clock>,
        (operator_token, viewer_token): (&Secret, Option<&Secret>),
        link: Option<StartLink>,
        public_url: &str,
    ) -> Result<Self, StoreError> {
        let known = Known::of(engine.clone()).await?;
        Ok(Self {
            engine,
            wall,
            operator: hash(operator_token.reveal()),
            viewer: viewer_token.map(|token| hash(token.reveal())),
            public_url: public_url.to_owned(),
            link: Mutex::new(link.map(|link| (link.clone(), hash(link.code.reveal())))),
            known,
            passing: watch::Sender::default(),
            throttle: Mutex::default(),
            hashing: Semaphore::new(HASHING),
        })
    }

    /// Who may sign in, as it was known last.
    fn team(&self) -> Arc<Team> {
        self.known.team()
    }

    /// Who may sign in now.
    pub(crate) async fn newest_team(&self) -> Result<Arc<Team>, StoreError> {
        self.known.newest().await
    }

    fn now(&self) -> Timestamp {
        self.wall.now()
    }

    /// Who calls. A token that is wrong is nobody's, even beside a session that is right.
    async fn caller(&self, headers: &HeaderMap) -> Result<Option<Caller>, StoreError> {
        if let Some(given) = cookie::bearer(headers) {
            return Ok(given.and_then(|given| self.program(given)));
        }
        let Some(code) = cookie::session(headers, self.is_secure()).map(hash) else { return Ok(None) };
        if let Some(name) = self.passing_name(&code) {
            return Ok(Some(Caller::Passing { name, session: code }));
        }
        // Another node may have let in who comes, or sent them away.
        let (team, now) = (self.newest_team().await?, self.now());
        let session = team.sessions.iter().find(|one| bool::from(one.hash.ct_eq(&code)));
        let alive = session.filter(|session| is_alive(session, now));
        Ok(alive.and_then(|session| {
            let member = team.member(session.member)?;
            let (id, name, role) = (member.id, member.name.clone(), member.role);
            Some(Caller::Member { id, name, role, session: session.id })
        }))
    }

    /// What a session without a member is called, if it is one.
    fn passing_name(&self, code: &[u8; 32]) -> Option<&'static str> {
        let passing = self.passing.borrow();
        passing.iter().find(|one| bool::from(one.hash.ct_eq(code))).map(|found| found.name)
    }

    /// Whether a caller is let in as before, as far as is known here.
    fn admits(&self, caller: &Caller) -> bool {
        match caller {
            Caller::Program | Caller::Onlooker => true,
            Caller::Passing { session, .. } => self.passing_name(session).is_some(),
            Caller::Member { id, role, session, .. } => {
                let (team, now) = (self.team(), self.now());
                let is_in = team.sessions.iter().any(|one| one.id == *session && is_alive(one, now));
                is_in && team.member(*id).is_some_and(|member| member.role == *role)
            }
        }
    }

    /// The program that has a token.
    fn program(&self, given: &str) -> Option<Caller> {
        let given = hash(given);
        let is = |kept: &[u8; 32]| bool::from(given.ct_eq(kept));
        if is(&self.operator) {
            return Some(Caller::Program);
        }
        self.viewer.as_ref().filter(|viewer| is(viewer)).map(|_| Caller::Onlooker)
    }

    fn is_operator_token(&self, given: &str) -> bool {
        bool::from(hash(given).ct_eq(&self.operator))
    }

    /// Whether browsers reach this server by TLS: then the session's cookie goes by nothing else.
    fn is_secure(&self) -> bool {
        self.public_url.starts_with("https://")
    }

    /// What a browser is told to keep.
    pub(crate) fn cookie(&self, signed_in: &SignedIn) -> String {
        cookie::set(signed_in.code.reveal(), signed_in.keep, self.is_secure())
    }

    /// What a browser is told to forget.
    pub(crate) fn no_cookie(&self) -> String {
        cookie::set("", Some(0), self.is_secure())
    }

    /// A session by the operator token.
    pub(crate) fn by_token(&self, token: &str, code: Secret) -> Result<SignedIn, Problem> {
        self.may_try("")?;
        if !self.is_operator_token(token) {
            self.failed("");
            return Err(wrong("this is not the operator token of this server"));
        }
        Ok(self.passing(code, "operator token"))
    }

    /// A session without a member.
    fn passing(&self, code: Secret, name: &'static str) -> SignedIn {
        let hash = hash(code.reveal());
        self.passing.send_modify(|passing| {
            if passing.len() >= SESSIONS {
                passing.remove(0);
            }
            passing.push(Passing { hash, name });
        });
        SignedIn { code, keep: None, caller: Caller::Passing { name, session: hash } }
    }

    /// What a link is for; nothing that was used before, or is too old, is a link.
    pub(crate) async fn link(&self, code: &str) -> Result<Link, Problem> {
        self.link_in(&*self.newest_team().await?, code)
    }

    fn link_in(&self, team: &Team, code: &str) -> Result<Link, Problem> {
        let (given, now) = (hash(code), self.now());
        let start = self.link.lock().unwrap_or_else(PoisonError::into_inner);
        // Another node may have printed another link, or somebody came in by the operator token: there is one first.
        let still = |link: &StartLink| link.signs_in || team.members.is_empty();
        let own = start.as_ref().filter(|(link, own)| bool::from(own.ct_eq(&given)) && still(link));
        if let Some((link, _)) = own {
            return Ok(if link.signs_in { Link::SignsIn } else { Link::FirstOperator });
        }
        drop(start);
        let found = team.invitations.iter().find(|one| bool::from(one.hash.ct_eq(&given)) && now < one.until);
        let member = found.and_then(|found| team.member(found.member));
        member.map(|member| Link::Invitation(member.clone())).ok_or_else(|| {
            wrong(
                "this link was used before, is too old, or is not this server's: ask an operator for another, or sign \
                 in with the operator token",
            )
        })
    }

    /// A session by a link that signs in as it is. The first who shows it has it.
    pub(crate) fn by_start_link(&self, code: &str, session: Secret) -> Result<SignedIn, Problem> {
        let mut start = self.link.lock().unwrap_or_else(PoisonError::into_inner);
        let given = hash(code);
        let right = start.as_ref().is_some_and(|(link, own)| link.signs_in && bool::from(own.ct_eq(&given)));
        if !right {
            return Err(wrong("this link was used before"));
        }
        *start = None;
        drop(start);
        Ok(self.passing(session, "console link"))
    }

    /// A session by a link with which a member chooses a password; the first operator a name too.
    pub(crate) async fn by_invitation(
        &self,
        code: &str,
        name: Option<&str>,
        password: &str,
        browser: &str,
        (session, salt): (Secret, [u8; 16]),
    ) -> Result<SignedIn, Problem> {
        self.link(code).await?;
        let kept = self.hashed(password, salt).await?;
        let (given, at, now) = (hash(code), self.engine.now(), self.now());
        let taken = self
            .change(|team| {
                let member = match self.link_in(team, code)? {
                    Link::SignsIn => return Err(wrong("this link signs in without a password")),
                    Link::FirstOperator => {
                        let name = name.ok_or_else(|| bad("/name", "is required: who are you?"))?;
                        let id = team.new_id();
                        let (name, role) = (name.to_owned(), Role::Operator);
                        named(team, &name, id)?;
                        team.members.push(Member { id, name, role, password: None, since: at });
                        id
                    }
                    Link::Invitation(member) => member.id,
                };
                team.invitations.retain(|one| !bool::from(one.hash.ct_eq(&given)));
                // Whoever knew the old password is out.
                team.sessions.retain(|one| one.member != member);
                let found = team.members.iter_mut().find(|one| one.id == member);
                let found = found.ok_or_else(|| wrong("this member is gone"))?;
                found.password = Some(kept.clone());
                let role = found.role;
                let name = found.name.clone();
                let id = begin(team, member, &session, browser, now);
                Ok(Caller::Member { id: member, name, role, session: id })
            })
            .await?;
        let mut start = self.link.lock().unwrap_or_else(PoisonError::into_inner);
        if start.as_ref().is_some_and(|(_, own)| bool::from(own.ct_eq(&given))) {
            *start = None;
        }
        drop(start);
        Ok(SignedIn { code: session, keep: Some(LONGEST), caller: taken })
    }

    /// A session by name and password. Takes as long for a name that nobody has.
    pub(crate) async fn by_password(
        &self,
        name: &str,
        password: &str,
        browser: &str,
        session: Secret,
    ) -> Result<SignedIn, Problem> {
        self.may_try(name)?;
        let member = self.newest_team().await?.members.iter().find(|member| member.name == name).cloned();
        let kept = member.as_ref().and_then(|member| member.password.clone());
        let right = self.verified(password, kept).await?;
        let Some(member) = member.filter(|_| right) else {
            self.failed(name);
            return Err(wrong("the name or the password is wrong"));
        };
        self.throttle.lock().unwrap_or_else(PoisonError::into_inner).forgive(name);
        let now = self.now();
        let caller = self
            .change(|team| {
                let still = team.member(member.id).filter(|one| one.password == member.password);
                let role = still.ok_or_else(|| wrong("the name or the password is wrong"))?.role;
                let id = begin(team, member.id, &session, browser, now);
                Ok(Caller::Member { id: member.id, name: member.name.clone(), role, session: id })
            })
            .await?;
        Ok(SignedIn { code: session, keep: Some(LONGEST), caller })
    }

    /// Ends the session of whoever calls.
    pub(crate) async fn sign_out(&self, caller: &Caller) -> Result<(), Problem> {
        match caller {
            Caller::Program | Caller::Onlooker => Ok(()),
            Caller::Passing { session, .. } => {
                self.passing
                    .send_modify(|passing| passing.retain(|one| !bool::from(one.hash.ct_eq(session))));
                Ok(())
            }
            Caller::Member { session, .. } => self.end_session(*session).await.map(|_| ()),
        }
    }

    /// Another password, for who knows the present one. Other browsers are signed out.
    pub(crate) async fn change_password(
        &self,
        (member, session): (u64, u64),
        (present, new): (&str, &str),
        salt: [u8; 16],
    ) -> Result<(), Problem> {
        let found = self.newest_team().await?.member(member).cloned();
        let found = found.ok_or_else(|| wrong("this member is gone"))?;
        self.may_try(&found.name)?;
        if !self.verified(present, found.password.clone()).await? {
            self.failed(&found.name);
            return Err(bad("/present", "is not your password"));
        }
        let kept = self.hashed(new, salt).await?;
        self.change(|team| {
            team.sessions.retain(|one| one.member != member || one.id == session);
            if let Some(member) = team.members.iter_mut().find(|one| one.id == member) {
                member.password = Some(kept.clone());
            }
            Ok(())
        })
        .await
    }

    /// A new member, who chooses a password by the link with this code.
    pub(crate) async fn invite(
        &self,
        name: &str,
        role: Role,
        code: &Secret,
    ) -> Result<(Member, Timestamp), Problem> {
        let (at, until) = (self.engine.now(), self.now().plus_seconds(INVITED));
        self.change(|team| {
            if team.members.len() >= MEMBERS {
                return Err(Problem::new(&problem::TOO_MANY_MEMBERS));
            }
            let id = team.new_id();
            named(team, name, id)?;
            let member = Member { id, name: name.to_owned(), role, password: None, since: at };
            team.members.push(member.clone());
            team.invitations.push(Invitation { hash: hash(code.reveal()), member: id, until });
            Ok((member, until))
        })
        .await
    }

    /// Another link for a member; what they had before works no more, and they choose a password anew.
    pub(crate) async fn invite_again(
        &self,
        member: u64,
        code: &Secret,
    ) -> Result<(Member, Timestamp), Problem> {
        let until = self.now().plus_seconds(INVITED);
        self.change(|team| {
            let found = team.member(member).cloned().ok_or_else(no_member)?;
            team.invitations.retain(|one| one.member != member);
            team.invitations.push(Invitation { hash: hash(code.reveal()), member, until });
            Ok((found, until))
        })
        .await
    }

    /// Another name or role.
    pub(crate) async fn change_member(
        &self,
        member: u64,
        name: Option<&str>,
        role: Option<Role>,
    ) -> Result<Member, Problem> {
        self.change(|team| {
            if let Some(name) = name {
                named(team, name, member)?;
            }
            let found = team.members.iter_mut().find(|one| one.id == member).ok_or_else(no_member)?;
            found.name = name.map_or_else(|| found.name.clone(), str::to_owned);
            found.role = role.unwrap_or(found.role);
            Ok(found.clone())
        })
        .await
    }

    /// A member goes, from all browsers at once.
    pub(crate) async fn remove(&self, member: u64) -> Result<(), Problem> {
        self.change(|team| {
            team.member(member).ok_or_else(no_member)?;
            team.members.retain(|one| one.id != member);
            team.sessions.retain(|one| one.member != member);
            team.invitations.retain(|one| one.member != member);
            Ok(())
        })
        .await
    }

    /// Ends a member's session.
    pub(crate) async fn end_session(&self, session: u64) -> Result<Session, Problem> {
        self.change(|team| {
            let place = team.sessions.iter().position(|one| one.id == session);
            let unknown = || Problem::new(&problem::NOT_FOUND).detail("there is no such session");
            place.map(|place| team.sessions.remove(place)).ok_or_else(unknown)
        })
        .await
    }

    /// The sessions that are alive, the newest first.
    pub(crate) async fn sessions(&self) -> Result<Vec<Session>, StoreError> {
        let now = self.now();
        let mut alive: Vec<Session> = self
            .newest_team()
            .await?
            .sessions
            .iter()
            .filter(|session| is_alive(session, now))
            .cloned()
            .collect();
        alive.reverse();
        Ok(alive)
    }

    /// Until when a member's link works, where they have one.
    pub(crate) fn invited_until(&self, member: u64) -> Option<Timestamp> {
        let now = self.now();
        let team = self.team();
        let found = team.invitations.iter().find(|one| one.member == member && now < one.until);
        found.map(|found| found.until)
    }

    /// Writes down what somebody did.
    pub(crate) async fn record(&self, caller: &Caller, operation: &str, path: &str, status: u16) {
        let line = AuditLine {
            at: self.engine.now(),
            member: caller.member(),
            name: caller.name().to_owned(),
            operation: operation.to_owned(),
            path: path.chars().take(LONGEST_PATH).collect(),
            status,
        };
        if let Err(error) = self.engine.audit(line).await {
            tracing::error!(%error, operation, "what was done is not in the audit log");
        }
    }

    /// That a session was used, to the hour, so that a list of sessions says which are.
    fn used(&self, session: u64) -> bool {
        let now = self.now();
        let team = self.team();
        team.sessions.iter().any(|one| one.id == session && one.seen.plus_seconds(HOUR) <= now)
    }

    async fn keep_used(&self, session: u64) {
        let now = self.now();
        let kept = self.change(|team| {
            if let Some(found) = team.sessions.iter_mut().find(|one| one.id == session) {
                found.seen = now;
            }
            Ok(())
        });
        // It is no reason to turn anybody away.
        let _ = kept.await;
    }

    /// Changes the team. What is too old is not kept.
    async fn change<T>(&self, make: impl Fn(&mut Team) -> Result<T, Problem>) -> Result<T, Problem> {
        let change = |team: &mut Team| {
            let now = self.now();
            team.sessions.retain(|session| is_alive(session, now));
            team.invitations.retain(|one| now < one.until);
            make(team)
        };
        self.known.change(change).await
    }

    /// Hears whom other nodes let in and sent away, until the server stops.
    pub(crate) async fn follow(&self, stopping: CancellationToken) {
        self.known.follow(&*self.wall, stopping).await;
    }

    /// Refuses a browser that says that another site asks.
    pub(crate) fn must_be_own(&self, headers: &HeaderMap) -> Result<(), Problem> {
        // Whoever signs in has no session yet, so there is nothing that the header would protect.
        if origin::is_own(&Method::GET, headers, &self.public_url) {
            Ok(())
        } else {
            Err(Problem::new(&problem::FROM_ELSEWHERE))
        }
    }

    /// Refuses who has tried too often.
    fn may_try(&self, name: &str) -> Result<(), Problem> {
        let mut throttle = self.throttle.lock().unwrap_or_else(PoisonError::into_inner);
        throttle.try_now(name, self.now()).map_err(|seconds| {
            Problem::new(&problem::TOO_MANY_TRIES)
                .detail(format!("too many wrong tries: wait {seconds} s"))
                .retry_after(seconds)
        })
    }

    fn failed(&self, name: &str) {
        self.throttle.lock().unwrap_or_else(PoisonError::into_inner).failed(name, self.now());
    }

    async fn hashed(&self, text: &str, salt: [u8; 16]) -> Result<Secret, Problem> {
        password::may_be(text)?;
        let text = text.to_owned();
        self.at_leisure(move || password::hashed(&text, &salt)).await
    }

    async fn verified(&self, text: &str, kept: Option<Secret>) -> Result<bool, Problem> {
        let text = text.to_owned();
        self.at_leisure(move || Ok(password::verified(&text, kept.as_ref()))).await
    }

    /// Does what takes a processor long, a few at once, where it holds nobody up.
    async fn at_leisure<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let _place = self.hashing.acquire().await.map_err(|_| Problem::new(&problem::STOPPING))?;
        tokio::task::spawn_blocking(work).await.map_err(|_| Problem::new(&problem::UNAVAILABLE))?
    }
}

/// The longest path in the audit log, in characters.
const LONGEST_PATH: usize = 300;

/// Ends when a caller is let in no more, or as something else: whatever goes on for longer than a call ends with it.
pub(crate) async fn gone(shared: Arc<Shared>, caller: Caller) {
    let door = &shared.door;
    let (mut team, mut passing) = (door.known.news(), door.passing.subscribe());
    while door.admits(&caller) {
        let changed = tokio::select! {
            changed = team.changed() => changed,
            changed = passing.changed() => changed,
        };
        if changed.is_err() {
            return;
        }
    }
}

/// A session begins.
fn begin(team: &mut Team, member: u64, code: &Secret, browser: &str, now: Timestamp) -> u64 {
    let id = team.new_id();
    let own = |one: &&Session| one.member == member;
    if team.sessions.iter().filter(own).count() >= SESSIONS
        && let Some(first) = team.sessions.iter().position(|one| one.member == member)
    {
        team.sessions.remove(first);
    }
    let browser = browser.chars().filter(|one| !one.is_control()).take(200).collect();
    team.sessions.push(Session { id, hash: hash(code.reveal()), member, since: now, seen: now, browser });
    id
}

/// A name may be one member's only.
fn named(team: &Team, name: &str, member: u64) -> Result<(), Problem> {
    if team.members.iter().any(|one| one.id != member && one.name == name) {
        return Err(Problem::new(&problem::EXISTS).detail("there is a member with this name"));
    }
    Ok(())
}

fn is_alive(session: &Session, now: Timestamp) -> bool {
    now < session.seen.plus_seconds(IDLE) && now < session.since.plus_seconds(LONGEST)
}

fn no_member() -> Problem {
    Problem::new(&problem::NOT_FOUND).detail("there is no such member")
}

fn wrong(detail: &str) -> Problem {
    Problem::new(&problem::UNAUTHORIZED).detail(detail)
}

fn bad(pointer: &str, detail: &str) -> Problem {
    Problem::new(&problem::BAD_BODY).error(pointer, detail)
}

fn hash(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}
