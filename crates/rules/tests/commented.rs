//! WH-CMT: who is told of comments.

use baton_rules::build::{Page, account, app, page};
use baton_rules::{Channel, CommentTold, Fields, Heard, Profile, Unheard, Verb, commented, unheard};

const VERBS: [Verb; 3] = [Verb::Add, Verb::Edited, Verb::Remove];

/// These are subscribed to these fields, the others to messages.
fn subscribed(page: Page, fields: &[(&str, Fields)]) -> Page {
    page.with(|routing| {
        for connected in &mut routing.apps {
            let own = fields.iter().find(|(name, _)| app(name) == connected.id);
            connected.fields = own.map_or(Fields::MESSAGES, |(_, fields)| *fields);
        }
    })
}

fn told(told: &CommentTold) -> Vec<(baton_rules::AppId, Channel)> {
    told.notices.iter().map(|notice| (notice.app, notice.channel)).collect()
}

#[test]
fn wh_cmt_1_whoever_is_subscribed_to_feed_hears_it_in_every_mode() {
    let pages = [page().primary("bot"), page().app("bot"), page().default_app("bot")];
    for page in pages.into_iter().chain([page().profile(Profile::Page2025).default_app("bot")]) {
        let page = subscribed(page.app("desk").app("deaf"), &[("bot", Fields::FEED), ("desk", Fields::FEED)]);
        for (verb, live) in VERBS.into_iter().flat_map(|verb| [(verb, false), (verb, true)]) {
            let found = commented(&page, verb, live).unwrap();
            assert_eq!((found.rule.0, found.field), ("WH-CMT-1", "feed"));
            assert_eq!(told(&found), [(app("bot"), Channel::Changes), (app("desk"), Channel::Changes)]);
        }
        let why = |name| unheard(&page, app(name), Heard { event: "feed", by: None, owner: None });
        assert_eq!([why("deaf"), why("bot")], [Unheard::NotSubscribed("feed"), Unheard::NotAnyMore]);
    }
}

#[test]
fn wh_cmt_2_instagram_tells_new_ones_and_those_of_a_broadcast_by_another_field() {
    let account = account().default_app("bot").app("desk");
    let account = subscribed(account, &[("bot", Fields::COMMENTS), ("desk", Fields::LIVE_COMMENTS)]);
    let heard =
        |verb, live| commented(&account, verb, live).map(|found| (found.rule.0, found.field, told(&found)));
    let by = |field, name| Some(("WH-CMT-2", field, vec![(app(name), Channel::Changes)]));
    assert_eq!(heard(Verb::Add, false), by("comments", "bot"));
    assert_eq!(heard(Verb::Add, true), by("live_comments", "desk"));
    for verb in [Verb::Edited, Verb::Remove] {
        assert_eq!((heard(verb, false), heard(verb, true)), (None, None));
    }
}
