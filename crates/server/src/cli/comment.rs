//! `baton comment`: be the person who comments under a post.

use clap::Args;
use serde_json::{Map, Value};

use super::client::{Client, part};
use super::names::Names;
use super::{Common, Failure, look};

/// Comment under a post, change what was said, or take it back
#[derive(Debug, Args)]
#[command(
    after_help = "Apps that are subscribed to `feed` hear of it (on Instagram `comments`, or `live_comments`), and \
    may answer it in private.\n\n\
    Examples:\n  \
    baton comment 2001 77_1 you \"do you have it in blue?\"\n  \
    baton comment 2001 77_1 you \"do you have it in red?\"\n  \
    baton comment 2001 77_1 --remove"
)]
pub(crate) struct Arguments {
    /// The page's id or name; for Instagram the account's id
    page: String,
    /// The comment's id: the platform's are POST_COMMENT
    comment: String,
    /// The person's id: any of A-Z a-z 0-9 _ and -
    #[arg(required_unless_present = "remove")]
    person: Option<String>,
    /// What it says
    #[arg(required_unless_present = "remove")]
    text: Option<String>,
    /// Under this post
    #[arg(long, value_name = "ID")]
    post: Option<String>,
    /// In answer to this comment
    #[arg(long, value_name = "ID")]
    parent: Option<String>,
    /// Under a live broadcast
    #[arg(long)]
    live: bool,
    /// Take it back
    #[arg(long, conflicts_with_all = ["person", "text", "post", "parent", "live"])]
    remove: bool,
}

pub(crate) async fn run(common: &Common, arguments: &Arguments) -> Result<(), Failure> {
    let client = Client::find(common)?;
    let names = Names::of(&client).await?;
    let page = names.page_id(&arguments.page)?;
    let path = format!("/pages/{}/comments/{}", part(&page), part(&arguments.comment));
    let answer = if arguments.remove {
        client.delete(&path).await?
    } else {
        client.put(&path, &said(arguments)).await?
    };
    if common.json {
        look::json(&answer);
        return Ok(());
    }
    let text = |key: &str| answer[key].as_str().unwrap_or_default();
    let person = look::styled(look::PERSON, text("person_id"));
    look::line(format!("{person} under a post of {}", look::styled(look::STRONG, names.page(&page))));
    if arguments.remove {
        look::line("  taken back: it cannot be answered any more");
        return Ok(());
    }
    let closes = look::milliseconds_of(text("closes_at")).unwrap_or_default();
    let now = look::milliseconds_of(text("at")).unwrap_or_default();
    let answered = if answer["answered"] == true { "answered in private" } else { "not answered" };
    look::line(format!("  comment  {}", text("comment_id")));
    look::line(format!("  private  {answered}; open until {}", look::moment(closes, now)));
    Ok(())
}

fn said(arguments: &Arguments) -> Value {
    let texts = [
        ("person_id", &arguments.person),
        ("message", &arguments.text),
        ("post_id", &arguments.post),
        ("parent_id", &arguments.parent),
    ];
    let given = texts.into_iter().filter_map(|(key, text)| Some((key.to_owned(), text.clone()?.into())));
    let mut body: Map<String, Value> = given.collect();
    if arguments.live {
        body.insert("live".to_owned(), true.into());
    }
    body.into()
}
