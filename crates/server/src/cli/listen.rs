//! `baton listen`: an app's webhooks live, and forwarded to a receiver on this machine with the bytes and the headers
//! that the app would get. The server makes the signatures: the app's secret never leaves it.

use std::time::Duration;

use clap::{Args, ValueHint};
use serde_json::{Value, json};

use super::client::{Client, cannot_make, innermost, is_local, part};
use super::keys::{Key, Keys};
use super::live::{Came, Live};
use super::names::Names;
use super::{Common, Failure, look, webhook};
use crate::start::Signals;

/// An app's webhooks live; forward them, signed, to a local receiver
#[derive(Debug, Args)]
#[command(
    after_help = "Works also for an app without a webhook address, and for one that is down: what the app is \
    told is decided, and shown here, before it is delivered. On a terminal: r forwards the last one again, b shows its \
    body, q ends.\n\n\
    Examples:\n  \
    baton listen --app \"Support bot\"\n  \
    baton listen --app \"Support bot\" --forward-to localhost:3000/webhook"
)]
pub(crate) struct Arguments {
    /// The app's id or name
    #[arg(long)]
    app: String,
    /// Post each webhook here too, one after another, as the app would get it
    #[arg(long, value_name = "URL", value_hint = ValueHint::Url, value_parser = address)]
    forward_to: Option<String>,
    /// Begin with those since a time, or not older than this by the server's clock, as in 10m
    #[arg(long, value_name = "AGO")]
    since: Option<String>,
    /// Show the whole body of each
    #[arg(long)]
    print_body: bool,
}

/// How long a receiver may take to answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// An address as people type it: `5001/webhook` and `localhost:5001/webhook` too.
fn address(text: &str) -> Result<String, String> {
    let whole = if text.starts_with("http://") || text.starts_with("https://") {
        text.to_owned()
    } else if text.starts_with(|first: char| first.is_ascii_digit()) && !text.contains(['.', ':']) {
        format!("http://127.0.0.1:{text}")
    } else {
        format!("http://{text}")
    };
    match url::Url::parse(&whole) {
        Ok(url) if url.has_host() => Ok(whole),
        Ok(_) | Err(_) => Err("an address looks like http://127.0.0.1:5001/webhook".to_owned()),
    }
}

pub(crate) async fn run(common: &Common, arguments: &Arguments) -> Result<(), Failure> {
    let client = Client::find(common)?;
    let names = Names::of(&client).await?;
    let app = names.app_id(&arguments.app)?;
    let since = arguments.since.as_ref().map(|since| format!("?since={}", part(since))).unwrap_or_default();
    let mut live = Live::open(common, &format!("/apps/{}/webhooks", part(&app)), &since).await?;
    let mut listener = Listener {
        client,
        names,
        forward: arguments.forward_to.as_deref().map(Forward::to).transpose()?,
        json: common.json,
        print_body: arguments.print_body,
        last: None,
    };
    let mut signals = Signals::listen()?;
    tokio::select! {
        () = signals.next() => Ok(()),
        () = listener.listen(&app, &mut live) => Ok(()),
    }
}

struct Listener {
    client: Client,
    names: Names,
    forward: Option<Forward>,
    json: bool,
    print_body: bool,
    last: Option<Value>,
}

impl Listener {
    /// Until somebody has had enough.
    async fn listen(&mut self, app: &str, live: &mut Live<'_>) {
        let mut keys = if self.json { None } else { Keys::of_terminal() };
        self.greet(app, keys.is_some());
        loop {
            let key = async {
                match &mut keys {
                    Some(keys) => keys.next().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                came = live.next() => self.came(came).await,
                key = key => if !self.pressed(key).await { return },
            }
        }
    }

    fn greet(&self, app: &str, has_keys: bool) {
        if self.json {
            return;
        }
        let to = self.forward.as_ref().map(|forward| format!(", forwarded to {}", forward.url));
        look::note(format!(
            "listening to what {} is told{}{}",
            look::styled(look::APP, self.names.app(app)),
            to.unwrap_or_default(),
            if has_keys { "   r again · b body · q quit" } else { "" }
        ));
    }

    async fn came(&mut self, came: Came) {
        match came {
            Came::Event(name, webhook) if name == "webhook" => {
                self.learn(&webhook).await;
                let result = self.forwarded(&webhook).await;
                self.show(&webhook, result.as_ref());
                self.last = Some(webhook);
            }
            Came::Event(_, missed) => {
                look::warning(missed["detail"].as_str().unwrap_or("some were missed"));
            }
            Came::Lost => look::warning("the server is gone; waiting until it is back"),
            Came::Back => look::note("the server is back"),
        }
    }

    /// Names that came since: a page may be new.
    async fn learn(&mut self, webhook: &Value) {
        let page = webhook["page_id"].as_str().unwrap_or_default();
        if !self.names.knows_page(page)
            && let Ok(names) = Names::of(&self.client).await
        {
            self.names = names;
        }
    }

    /// What a key asks for; false: it ends.
    async fn pressed(&mut self, key: Key) -> bool {
        match (key, self.last.clone()) {
            (Key::Letter('q') | Key::Ended, _) => return false,
            (Key::Letter('r'), Some(last)) => {
                let result = self.forwarded(&last).await;
                if result.is_none() {
                    look::note("nothing is forwarded: give --forward-to URL");
                }
                self.show(&last, result.as_ref());
            }
            (Key::Letter('b' | '\n'), Some(last)) => webhook::body(&last).iter().for_each(look::line),
            (Key::Letter('r' | 'b' | '\n'), None) => look::note("nothing came yet"),
            (Key::Letter(_), _) => look::note("r: forward the last one again · b: its body · q: quit"),
        }
        true
    }

    async fn forwarded(&self, webhook: &Value) -> Option<Forwarded> {
        match &self.forward {
            Some(forward) => Some(forward.post(webhook).await),
            None => None,
        }
    }

    fn show(&self, webhook: &Value, result: Option<&Forwarded>) {
        if self.json {
            let mut whole = webhook.clone();
            if self.forward.is_some() {
                whole["forwarded"] = result.map_or(Value::Null, Forwarded::json);
            }
            look::json_line(&whole);
            return;
        }
        let result = result.map(|result| format!("  {}", result.said())).unwrap_or_default();
        look::line(format!("{}{result}", webhook::line(webhook, &self.names)).trim_end());
        if self.print_body {
            webhook::body(webhook).iter().for_each(look::line);
        }
    }
}

/// Where webhooks are posted too.
struct Forward {
    url: String,
    http: reqwest::Client,
}

/// What came of it.
struct Forwarded {
    status: Option<u16>,
    took_ms: u64,
    error: Option<String>,
}

impl Forward {
    fn to(url: &str) -> Result<Self, Failure> {
        let builder =
            reqwest::Client::builder().timeout(PATIENCE).redirect(reqwest::redirect::Policy::none());
        let builder = if is_local(url) { builder.no_proxy() } else { builder };
        let http = builder.build().map_err(|error| cannot_make("forwarding", innermost(&error)))?;
        Ok(Self { url: url.to_owned(), http })
    }

    async fn post(&self, webhook: &Value) -> Forwarded {
        let mut request = self.http.post(&self.url);
        for (name, value) in webhook["headers"].as_object().into_iter().flatten() {
            request = request.header(name, value.as_str().unwrap_or_default());
        }
        let request = request.body(webhook["body"].as_str().unwrap_or_default().to_owned());
        #[expect(clippy::disallowed_methods, reason = "how long a receiver took is real time")]
        let begun = std::time::Instant::now();
        let answered = request.send().await;
        let took_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        match answered {
            Ok(response) => Forwarded { status: Some(response.status().as_u16()), took_ms, error: None },
            Err(error) if error.is_timeout() => {
                let error = format!("no answer within {} s", PATIENCE.as_secs());
                Forwarded { status: None, took_ms, error: Some(error) }
            }
            Err(error) => Forwarded { status: None, took_ms, error: Some(innermost(&error)) },
        }
    }
}

impl Forwarded {
    fn said(&self) -> String {
        let status = self.status.map(|status| status.to_string());
        let what = status.or_else(|| self.error.clone()).unwrap_or_default();
        let is_good = self.status.is_some_and(|status| (200..300).contains(&status));
        let style = if is_good { look::PERSON } else { look::BAD };
        let took = look::styled(look::DIM, format!("{} ms", self.took_ms));
        format!("→ {} {took}", look::styled(style, what))
    }

    fn json(&self) -> Value {
        json!({"status": self.status, "duration_ms": self.took_ms, "error": self.error})
    }
}

#[cfg(test)]
mod tests {
    use super::address;

    #[test]
    fn addresses_are_taken_as_people_type_them() {
        for (typed, meant) in [
            ("5001/webhook", "http://127.0.0.1:5001/webhook"),
            ("localhost:3000/webhook", "http://localhost:3000/webhook"),
            ("127.0.0.1:3000", "http://127.0.0.1:3000"),
            ("https://bot.example/hook", "https://bot.example/hook"),
        ] {
            assert_eq!(address(typed).unwrap(), meant);
        }
        assert!(address("http://").is_err() && address("").is_err());
    }
}
