//! What is sent to an app: the same bytes with the same signatures for the same events, whenever it is made.

use baton_rules::{AppId, PageId, Surface, Timestamp};
use baton_store::{App, Place, Settings};
use baton_wire::envelope::{Entry, envelope};
use baton_wire::signature::sign;
use bytes::Bytes;

use crate::lanes::Item;

/// What a webhook is known by (`webhook-id`): the same over retries, and so to whoever hears it twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WebhookId {
    /// The app that it goes to.
    pub app: AppId,
    /// Where its first event stands.
    pub first: Place,
    /// How many events it carries: a batch that is cut otherwise is another message.
    pub count: usize,
}

impl WebhookId {
    /// Of a webhook that carries one event.
    pub const fn single(app: AppId, first: Place) -> Self {
        Self { app, first, count: 1 }
    }

    /// The id that a text is; none where it is another text.
    pub fn read(text: &str) -> Option<Self> {
        let (app, rest) = text.strip_prefix("msg_")?.split_once('-')?;
        let (first, count) = rest.rsplit_once('-')?;
        Some(Self { app: app.parse().ok()?, first: first.parse().ok()?, count: count.parse().ok()? })
    }
}

impl std::fmt::Display for WebhookId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { app, first, count } = self;
        write!(f, "msg_{app}-{first}-{count}")
    }
}

/// A request that carries events to an app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// Where to; empty where the app has no address.
    pub url: String,
    /// Its headers, but those that HTTP makes of the body.
    pub headers: Vec<(&'static str, String)>,
    /// Its body.
    pub body: Bytes,
}

impl Webhook {
    /// Made for these events, at this moment.
    pub(crate) fn of(settings: &Settings, app: &App, items: &[Item], streams: u16, now: Timestamp) -> Self {
        let body = body(settings, app, items);
        let mut headers = Vec::with_capacity(6);
        headers.push(("content-type", "application/json".to_owned()));
        if !app.secret.reveal().is_empty() {
            let signatures = sign(app.secret.reveal(), &body);
            headers.push(("x-hub-signature", signatures.sha1));
            headers.push(("x-hub-signature-256", signatures.sha256));
            headers.extend(items.first().into_iter().flat_map(|first| {
                let first = Place { stream: first.chain.stream(streams), position: first.row.position };
                standard(app, (first, items.len()), now, &body)
            }));
        }
        Self { url: app.webhook_url.clone().unwrap_or_default(), headers, body }
    }
}

/// The headers of Standard Webhooks beside the platform's: an id that stays the same over retries, the moment of this
/// try, and a signature over both and the body.
fn standard(
    app: &App,
    (first, count): (Place, usize),
    now: Timestamp,
    body: &[u8],
) -> [(&'static str, String); 3] {
    let id = WebhookId { app: app.id, first, count }.to_string();
    let timestamp = now.seconds().to_string();
    let signature = baton_wire::signature::standard(app.secret.reveal(), &id, &timestamp, body);
    [("webhook-id", id), ("webhook-timestamp", timestamp), ("webhook-signature", signature)]
}

/// The bytes of a webhook.
fn body(settings: &Settings, app: &App, items: &[Item]) -> Bytes {
    let has = |name: &str| app.compat.iter().any(|switch| switch == name);
    let quiet = has("no-hop-context");
    let shown: Vec<std::borrow::Cow<'_, [u8]>> = items
        .iter()
        .map(|item| {
            let bytes = match (item.notice.form, &item.row.reduced) {
                (baton_rules::Form::Reduced, Some(reduced)) => reduced,
                (baton_rules::Form::Reduced | baton_rules::Form::Whole, _) => &item.row.whole,
            };
            if has("app-ids-as-numbers") {
                baton_wire::webhook::with_numbers(bytes).into()
            } else {
                bytes.as_ref().into()
            }
        })
        .collect();
    let entries: Vec<Entry<'_>> = items
        .iter()
        .zip(&shown)
        .map(|(item, shown)| Entry {
            id: account(settings, item.chain.page(), item.chain.surface()),
            time: item.row.at.0,
            channel: item.notice.channel,
            both: has("empty-messaging-beside-standby"),
            item: shown,
            context: item.row.context.as_deref().filter(|_| item.notice.context && !quiet),
        })
        .collect();
    let surface = items.first().map_or(Surface::Messenger, |item| item.chain.surface());
    envelope(surface, &entries)
}

/// The id that an entry carries: the page's, or its Instagram account's.
pub(crate) fn account(settings: &Settings, page: PageId, surface: Surface) -> PageId {
    let instagram = settings.page(page).and_then(|page| page.instagram.as_ref()).map(|side| side.id);
    match surface {
        Surface::Messenger => page,
        Surface::Instagram => instagram.unwrap_or(page),
    }
}
