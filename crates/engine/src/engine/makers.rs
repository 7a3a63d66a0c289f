//! What a page's profile says about a tap: whose menu, Get Started or ice breaker it was, and what it says where the
//! channel did not.

use baton_rules::{AppId, MenuLevel, ThreadKey};
use baton_store::{AssetKey, StoreError};
use baton_wire::inbound::{Kind, PersonEvent};
use baton_wire::profile;
use serde_json::Value;

use super::Engine;
use crate::receipt::{Request, Requested};

impl Engine {
    /// The request with what the profile knows of it, and the app that set what was tapped.
    pub(super) async fn by_profile(&self, request: Request) -> Result<(Request, Option<AppId>), StoreError> {
        let Request { thread, what: Requested::Person(event), key } = request else {
            return Ok((request, None));
        };
        let (event, maker) = self.tapped(&thread, event).await?;
        Ok((Request { thread, what: Requested::Person(event), key }, maker))
    }

    async fn tapped(
        &self,
        thread: &ThreadKey,
        mut event: PersonEvent,
    ) -> Result<(PersonEvent, Option<AppId>), StoreError> {
        let property = |name: &str| AssetKey::property(thread.page, thread.surface, name);
        let text = |event: &PersonEvent, key: &str| {
            event.content.get(key).and_then(Value::as_str).map(str::to_owned)
        };
        let (payload, url) = (text(&event, "payload"), text(&event, "url"));
        let places = match event.kind {
            Kind::Menu => {
                vec![
                    (AssetKey::menu(thread), MenuLevel::User),
                    (property("persistent_menu"), MenuLevel::Page),
                ]
            }
            Kind::IceBreaker => vec![(property("ice_breakers"), MenuLevel::Page)],
            Kind::GetStarted => vec![(property("get_started"), MenuLevel::Page)],
            Kind::Message
            | Kind::Postback
            | Kind::Referral
            | Kind::Optin
            | Kind::Read
            | Kind::Delivery
            | Kind::Reaction
            | Kind::Edit
            | Kind::Unsend
            | Kind::AccountLinking
            | Kind::Feedback => return Ok((event, None)),
        };
        for (key, level) in places {
            let Some(asset) = self.shared.store.asset(&key).await? else { continue };
            let document: Value = serde_json::from_str(&asset.document).unwrap_or_default();
            let value = &document["value"];
            let item = match event.kind {
                Kind::GetStarted => Some(value),
                _ => profile::tapped(value, payload.as_deref(), url.as_deref()),
            };
            let Some(item) = item else { continue };
            // What the channel says itself counts.
            for (name, known) in
                [("payload", item.get("payload")), ("title", item.get("title").or(item.get("question")))]
            {
                if let Some(known) = known.filter(|_| !event.content.contains_key(name) && url.is_none()) {
                    event.content.insert(name.to_owned(), known.clone());
                }
            }
            event.level = level;
            let maker = document["app"].as_str().and_then(|app| app.parse().ok());
            return Ok((event, maker));
        }
        Ok((event, None))
    }
}
