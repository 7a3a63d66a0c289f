//! A page with both surfaces, three apps and a receiver for each: what stories are played on.

use serde_json::{Value, json};

use crate::receiver::{Receiver, change};
use crate::world::{BOT, DESK, Reply, World};

/// The page, and its account on Instagram.
pub(crate) const PAGE: &str = "3001";
pub(crate) const ACCOUNT: &str = "17841400000009";
pub(crate) const MARKET: &str = "333";

/// A page with an account, three apps, and a receiver for each.
pub(crate) struct Stage {
    pub(crate) w: World,
    pub(crate) bot: Receiver,
    pub(crate) desk: Receiver,
    pub(crate) market: Receiver,
}

impl Stage {
    /// `messenger` and `instagram` are the surfaces' own settings, `desk` and `market` those of connections.
    pub(crate) async fn set(messenger: &str, instagram: &str, desk: &str, market: &str) -> Self {
        let w = World::delivering().await;
        let file = format!(
            r#"
            [[pages]]
            id = "{PAGE}"
            name = "Bakery"
            messenger = {{ {messenger} }}
            instagram = {{ id = "{ACCOUNT}", username = "bakery"{instagram} }}
            connections = [
                {{ app = "Sales bot", token = "bot" }},
                {{ app = "Desk", token = "desk"{desk} }},
                {{ app = "Draft", token = "market"{market} }},
            ]
            ads = [
                {{ on = "messenger", id = "9001", name = "Sale", template = '{{"message": {{"receiving_app_id": 333}}}}' }},
                {{ on = "instagram", id = "7001", name = "Buns", template = '{{"message": {{"receiving_app_id": 333, "receiving_app_control_expiration": 4}}}}' }},
            ]
            "#
        );
        let put = w.put("/baton/v1/routing", "application/toml", &file).await;
        assert_eq!(put.status, 200, "{}", put.text);
        let (bot, desk, market) =
            (Receiver::start("").await, Receiver::start("").await, Receiver::start("").await);
        for (app, receiver) in [(BOT, &bot), (DESK, &desk), (MARKET, &market)] {
            let url = receiver.url.clone();
            change(&w, app, move |app| (app.webhook_url, app.verified) = (Some(url.clone()), true)).await;
        }
        Self { w, bot, desk, market }
    }

    pub(crate) async fn on_instagram(settings: &str) -> Self {
        Self::set("", &format!(", {settings}"), "", "").await
    }

    /// Ann does something on Instagram.
    pub(crate) async fn ann(&self, event: Value) -> Value {
        let reply = self.w.post(&format!("/baton/v1/pages/{ACCOUNT}/people/ann/events"), event).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        reply.json()
    }

    pub(crate) async fn writes(&self) -> Value {
        self.ann(json!({"type": "message", "message": {"text": "hello"}})).await
    }

    pub(crate) async fn later(&self, span: &str) {
        let reply = self.w.post("/baton/v1/clock", json!({"advance": span})).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
    }

    /// An app's call about Ann by the account's path.
    pub(crate) async fn call(&self, app: &str, edge: &str, more: Value) -> Reply {
        let mut body = json!({"recipient": {"id": "ann"}});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.w.call(app, &format!("/{ACCOUNT}/{edge}"), body).await
    }

    pub(crate) async fn says(&self, app: &str) -> Reply {
        self.call(app, "messages", json!({"message": {"text": "hi"}})).await
    }

    pub(crate) async fn owner(&self, app: &str) -> Value {
        self.w.read(app, &format!("/{ACCOUNT}/thread_owner?recipient=ann")).await.json()
    }

    pub(crate) async fn thread(&self) -> (Value, Value) {
        let thread = self.w.get(&format!("/baton/v1/pages/{ACCOUNT}/threads/ann")).await.json();
        (thread["owner_app_id"].clone(), thread["expires_at"].clone())
    }
}
