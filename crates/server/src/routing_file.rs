//! `routing.toml`: the apps, pages, connections, links and ads that run on a server. [`RoutingInput`] is the
//! file as it was written, [`apply`] says what the settings become by it, [`render`] writes settings in the
//! file's own form. `PUT /routing`, `baton apply` and `baton dev -f` all come through here.
//!
//! Nothing is accepted in part: every problem is reported at once, each with a JSON pointer, and then
//! nothing changes.

mod checks;
mod difference;
mod edit;
mod entries;
mod examine;
mod input;
mod mint;
mod pages;
mod plan;
mod render;
mod sides;
mod tokens;
mod warnings;

pub(crate) use difference::changed;
pub(crate) use edit::{Edit, Item, change, create, table_of, told};
pub(crate) use examine::{Examined, examine};
pub use input::RoutingInput;
pub(crate) use input::look_up_in;
pub(crate) use input::{AdTable, AppTable, ConnectionTable, FileTable, LinkTable, PageTable, TokenTable};
pub use mint::Mint;
pub(crate) use pages::{PERMISSIONS, TASKS, USUAL_FIELDS, with_others};
pub use plan::{Change, Generated, GeneratedApp, GeneratedPage, GeneratedToken, Plan, Warning, apply};
pub use render::render;
pub(crate) use render::{AdShown, AppShown, ConnectionShown, LinkShown, PageShown, RoutingShown, shown};
pub(crate) use tokens::{NotEnded, TokenMade, TokenShown, add_token, end_token, token_id, tokens_of};

/// SHA-256 of a page access token, as a connection keeps it.
pub fn token_hash(token: &str) -> String {
    use sha2::{Digest, Sha256};
    hex::encode(Sha256::digest(token.as_bytes()))
}

/// The known word that is most like a given one, if one is like it at all.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let alike = known.into_iter().map(|known| (strsim::jaro_winkler(&word, &known.to_lowercase()), known));
    alike.filter(|(alike, _)| *alike > 0.75).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, known)| known)
}

/// What is allowed and not advisable in some settings (CHK-*).
pub fn warnings_of(settings: &baton_store::Settings) -> Vec<Warning> {
    warnings::of(settings)
}

#[cfg(test)]
mod tests;
