//! What people do most costs no memory: a decision about a message takes nothing from the allocator, in any mode and
//! whoever is in control, on a page with as many apps as fit into it in place.

use allocation_counter::measure;
use baton_rules::build::{Page, account, asks, did, page, person, thread};
use baton_rules::{Action, Ask, Profile, Send, Timestamp, What, decide};

const NOW: Timestamp = Timestamp(1_700_000_000_000);

/// Pages in every mode, with six apps.
fn pages() -> Vec<Page> {
    let apps = |page: Page| {
        ["desk", "shop", "care", "archive", "survey"].into_iter().fold(page.app("bot"), Page::app)
    };
    let later = || page().profile(Profile::Page2025);
    vec![
        apps(page().primary("bot")),
        apps(page()),
        apps(page().default_app("bot")),
        apps(account().default_app("bot")),
        apps(account()),
        apps(later().default_app("bot")),
        apps(later()),
    ]
}

/// How many times memory is taken while something is decided, whoever is in control.
fn taken(page: &Page, action: &Action<'_>) -> u64 {
    let (until, heard) = (NOW.plus_seconds(3600), Some(NOW.plus_seconds(-3600)));
    let owners = [None, Some(("bot", until)), Some(("desk", until)), Some(("desk", NOW))];
    let pat = person("pat");
    let count = |owner| {
        let thread = thread(page, owner, heard);
        measure(|| drop(decide(page, &pat, Some(&thread), action, NOW))).count_total
    };
    owners.into_iter().map(count).sum()
}

#[test]
fn a_message_takes_no_memory() {
    for page in pages() {
        assert_eq!(taken(&page, &did(What::Message)), 0, "{}", page.mode().name());
        assert_eq!(taken(&page, &did(What::Postback { creator: None })), 0, "{}", page.mode().name());
        assert_eq!(taken(&page, &asks("bot", Ask::Send(Send::default()))), 0, "{}", page.mode().name());
    }
    // The counter counts: a seventh app has no place that is there already.
    let larger =
        page().default_app("bot").app("one").app("two").app("three").app("four").app("five").app("six");
    assert_ne!(taken(&larger, &did(What::Message)), 0);
}
