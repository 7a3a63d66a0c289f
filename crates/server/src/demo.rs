//! The demo of `baton dev`: a page, two bots and a human desk. They are what any app is: each has a webhook
//! address of its own, checks signatures, and answers through the Graph API with its page token. Nothing here
//! reaches into the server; the story is played over HTTP as well.
//!
//! `dev` calls [`Demo::prepare`], then [`Demo::start`] (the apps answer the handshake of their addresses),
//! applies [`Demo::routing_toml`], then [`story::play`].

mod bot;
mod characters;
mod credentials;
pub mod story;

use std::path::Path;

use tokio::net::TcpListener;

use crate::cli::Failure;
use crate::routing_file::Mint;
use bot::Bot;
use characters::Character;
use credentials::Credentials;

/// The demo's page.
pub const PAGE: &str = "2001";
/// The ad that leads to the marketing bot.
pub const AD: &str = "9001";

fn no_address(error: std::io::Error) -> Failure {
    Failure::new("an app of the demo has no address to listen on").why(error)
}

/// The demo, its addresses open and its apps not yet talking.
pub struct Demo {
    cast: Vec<(Credentials, TcpListener, Character)>,
}

impl Demo {
    /// Opens the bots' addresses; who they are is kept in `demo.json`, so that a restart finds them again.
    pub(crate) async fn prepare(data: &Path, mint: &mut Mint) -> Result<Self, Failure> {
        let file = data.join("demo.json");
        let mut kept = credentials::load(&file).unwrap_or_else(|| credentials::made(mint));
        let mut cast = Vec::new();
        for (who, character) in kept.iter_mut().zip(Character::ALL) {
            // The address of last time, if it is free: then nothing about the app changes.
            let listener = match TcpListener::bind(("127.0.0.1", who.port)).await {
                Ok(listener) => listener,
                Err(_) => TcpListener::bind(("127.0.0.1", 0)).await.map_err(no_address)?,
            };
            who.port = listener.local_addr().map_err(no_address)?.port();
            cast.push((who.clone(), listener, *character));
        }
        credentials::save(&file, &kept)?;
        Ok(Self { cast })
    }

    /// What runs on the server, as a routing file.
    pub fn routing_toml(&self) -> String {
        let mut text = String::new();
        for (who, _, character) in &self.cast {
            text += &format!(
                "[[apps]]\nid = \"{}\"\nname = \"{}\"\nsecret = \"{}\"\nwebhook_url = \
                 \"http://127.0.0.1:{}/webhook\"\nverify_token = \"{}\"\nhuman_agent = {}\n\n",
                who.app,
                character.name(),
                who.secret,
                who.port,
                who.verify_token,
                *character == Character::HelpDesk
            );
        }
        let id = |wanted: Character| {
            let found = self.cast.iter().find(|(_, _, character)| *character == wanted);
            found.map(|(who, _, _)| who.app.clone()).unwrap_or_default()
        };
        text += &format!(
            "[[pages]]\nid = \"{PAGE}\"\nname = \"Jasper's Market\"\n\n[pages.messenger]\ndefault_app = \"{}\"\n\n",
            id(Character::Support)
        );
        for (who, _, character) in &self.cast {
            text += &format!(
                "[[pages.connections]]\napp = \"{}\"\ntoken = \"{}\"\nfields = [\"messages\", \
                 \"messaging_postbacks\", \"messaging_referrals\", \"messaging_handovers\", \"standby\", \
                 \"message_echoes\"]\ntake_control = {}\n\n",
                who.app,
                who.token,
                *character == Character::HelpDesk
            );
        }
        text += &format!(
            "[[pages.links]]\non = \"messenger\"\nref = \"spring\"\napp = \"{}\"\n\n",
            id(Character::Marketing)
        );
        text += &format!(
            "[[pages.ads]]\non = \"messenger\"\nid = \"{AD}\"\nname = \"Spring sale\"\ntemplate = \
             '''{{\"message\": {{\"attachment\": {{\"type\": \"template\", \"payload\": {{\"template_type\": \
             \"button\", \"text\": \"20 % off everything green\", \"buttons\": [{{\"type\": \"postback\", \
             \"title\": \"Show me\", \"payload\": \"SPRING\"}}]}}}}, \"receiving_app_id\": {}}}}}'''\n",
            id(Character::Marketing)
        );
        text
    }

    /// The apps' ids.
    pub fn app_ids(&self) -> impl Iterator<Item = &str> {
        self.cast.iter().map(|(who, _, _)| who.app.as_str())
    }

    /// Lets the apps answer: `base` is the server's address.
    pub fn start(self, base: &str) {
        for (who, listener, character) in self.cast {
            tokio::spawn(bot::serve(listener, Bot::new(who, character, base.to_owned())));
        }
    }
}

/// A client of a server on this machine: the environment's proxies are not for it.
fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap_or_default()
}
