//! A change of settings that falls into the middle of a call, every time: what the stories meet by chance.

use std::sync::Arc;

use baton_rules::{AppId, Ask, Fields, PageId};
use futures_util::FutureExt;
use serde_json::json;

use crate::checker::{is_linearizable, shown};
use crate::client::{Client, http, person};
use crate::history::{Asked, Change, Patch, Recorder, Talk, Wanted};
use crate::model::nothing;
use crate::node::{Node, OPERATOR};
use crate::witness::Meanwhile;

fn app(number: u64) -> AppId {
    AppId::new(number).unwrap()
}

fn talk() -> Talk {
    (PageId::new(2001).unwrap(), person("ann"))
}

fn act(token: &str, ask: Ask) -> Asked {
    Asked::Act { token: token.to_owned(), talk: talk(), ask, metadata: None }
}

fn owner(token: &str) -> Asked {
    Asked::Owner { token: token.to_owned(), talk: talk() }
}

/// The default app goes, and with it Conversation Routing.
fn no_default() -> Asked {
    let patch = Patch { default: Some(None), ..Patch::default() };
    Asked::Change { change: Change::Page { page: talk().0, patch }, if_match: None }
}

fn disconnect(number: u64) -> Asked {
    Asked::Change { change: Change::Disconnect { page: talk().0, app: app(number) }, if_match: None }
}

fn connect(number: u64, token: &str) -> Asked {
    let fields = Fields::MESSAGES.with(Fields::MESSAGING_HANDOVERS);
    let to = Wanted { token: token.to_owned(), fields, standby: false, take_control: false };
    Asked::Change { change: Change::Connect { page: talk().0, app: app(number), to }, if_match: None }
}

/// A node where app 102 owns ann's thread on a page with the default app 101.
struct Scene {
    node: Node,
    recorder: Arc<Recorder>,
    http: reqwest::Client,
}

impl Scene {
    async fn new() -> Self {
        let node = Node::start(1).await;
        node.set_up(json!({
            "apps": [{"id": "101", "name": "One"}, {"id": "102", "name": "Two", "human_agent": true}],
            "pages": [{"id": "2001", "name": "Market", "messenger": {"default_app": "101"}, "connections": [
                {"app": "101", "token": "one"}, {"app": "102", "token": "two"},
            ]}],
        }))
        .await;
        let scene = Self { node, recorder: Arc::default(), http: http() };
        let begin = Asked::Begin(scene.node.stands(&[talk()]).await);
        scene.recorder.record(0, begin, nothing(), scene.recorder.number());
        scene.client(0).ask(Asked::Write { talk: talk() }).await;
        let ((passed, _), _) = scene.client(0).ask(act("one", Ask::Pass { to: Some(app(102)) })).await;
        assert_eq!(passed, 200);
        scene
    }

    fn client(&self, number: usize) -> Client {
        Client {
            number,
            bases: [self.node.base.clone()].into(),
            operator_token: OPERATOR.to_owned(),
            http: self.http.clone(),
            recorder: Arc::clone(&self.recorder),
        }
    }

    /// Asks for something while other things happen in its middle. What came of it all is linearizable; the
    /// status that it was answered with.
    async fn crossed(self, asked: Asked, at: fn(&Node) -> &Meanwhile, others: Vec<Asked>) -> u16 {
        let other = self.client(1);
        let meanwhile = async move {
            for asked in others {
                let ((status, _), _) = other.ask(asked).await;
                assert!(status < 300, "{status}");
            }
        };
        *at(&self.node).lock().unwrap() = Some(meanwhile.boxed());
        let ((status, _), _) = self.client(0).ask(asked).await;
        assert!(at(&self.node).lock().unwrap().is_none(), "nothing happened in its middle");
        let end = Asked::End(self.node.stands(&[talk()]).await);
        self.recorder.record(0, end, nothing(), self.recorder.number());
        let window = self.recorder.take();
        assert!(is_linearizable(&window), "{}", shown(&window));
        self.node.stop().await;
        status
    }
}

fn before_thread(node: &Node) -> &Meanwhile {
    &node.store.before_thread
}

fn before_commit(node: &Node) -> &Meanwhile {
    &node.store.before_commit
}

#[tokio::test]
async fn a_thread_is_read_with_the_settings_of_its_moment() {
    // By the old settings with the new thread the default app would own it, which it never did.
    let others = || vec![no_default(), act("two", Ask::Release)];
    for asked in [Asked::Look { talk: talk() }, owner("two")] {
        assert_eq!(Scene::new().await.crossed(asked, before_thread, others()).await, 200);
    }
    let gone = Scene::new().await.crossed(owner("two"), before_thread, vec![disconnect(102)]).await;
    assert_eq!(gone, 400, "whoever was let in is let in no longer");
}

#[tokio::test]
async fn a_call_is_decided_by_the_settings_that_let_it_in() {
    let takes = || act("two", Ask::Pass { to: Some(app(101)) });
    let others = vec![disconnect(102), connect(102, "another")];
    assert_eq!(Scene::new().await.crossed(takes(), before_commit, others).await, 400, "by the old token");
    let others = vec![disconnect(102), connect(102, "two")];
    assert_eq!(
        Scene::new().await.crossed(takes(), before_commit, others).await,
        400,
        "of the old connection"
    );
    let others = vec![connect(101, "one")];
    assert_eq!(Scene::new().await.crossed(takes(), before_commit, others).await, 200, "it is asked again");
}
