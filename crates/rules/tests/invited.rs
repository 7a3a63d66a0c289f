//! WIN-11 and WIN-13 to WIN-16: messages by what a person gave, whatever the mode.

use baton_rules::build::{Page, account, app, asks, page, person, thread};
use baton_rules::{
    Action, Answered, Ask, Decision, Invitation, Invited, Profile, Refusal, Refused, Thread, Timestamp,
    decide,
};

const NOW: Timestamp = Timestamp(1_700_000_000_000);
const DAY: i64 = 24 * 60 * 60;
const WEEK: i64 = 7 * DAY;

fn given(kind: Invited, seconds_ago: i64) -> Invitation {
    Invitation { digest: 7, at: NOW.plus_seconds(-seconds_ago), kind }
}

fn comment(seconds_ago: i64) -> Invitation {
    given(Invited::Comment, seconds_ago)
}

/// A topic with a token for a month, of which the person hears once a day.
fn topic(stopped: bool) -> Invited {
    Invited::Topic { every: DAY, until: NOW.plus_seconds(30 * DAY), stopped }
}

fn reply(by: &'static str, comment: Invitation) -> Action<'static> {
    asks(by, Ask::Answer(comment))
}

fn decided(page: &Page, thread: Option<&Thread>, action: &Action<'_>) -> Result<Decision, Refused> {
    decide(page, &person("pat"), thread, action, NOW)
}

/// A page in each mode, where `desk` is connected and leads nothing.
fn pages() -> [Page; 7] {
    let new = || page().profile(Profile::Page2025);
    let led = [page().primary("bot"), page().app("bot"), page().default_app("bot")];
    let others =
        [account().default_app("bot"), account().app("bot"), new().default_app("bot"), new().app("bot")];
    let [a, b, c] = led;
    let [d, e, f, g] = others;
    [a, b, c, d, e, f, g].map(|page| page.app("desk"))
}

#[test]
fn win_11_it_needs_no_thread_and_no_window_and_moves_nothing() {
    for page in pages() {
        let mode = page.mode();
        let new = decided(&page, None, &reply("desk", comment(60))).unwrap();
        assert_eq!((new.rule.0, new.via, new.from), ("WIN-11", None, new.to), "{mode:?}");
        assert_eq!(
            (new.thread.control, new.thread.window_closes),
            (None, None),
            "{mode:?}: it opens nothing"
        );
        // An owner whose window has closed.
        let until = Some(("desk", NOW.plus_seconds(60)));
        let owned = thread(&page, until, Some(NOW.plus_seconds(-3 * WEEK)));
        let done = decided(&page, Some(&owned), &reply("desk", comment(60))).unwrap();
        assert_eq!(
            (done.rule.0, done.to, done.expires_at),
            ("WIN-11", done.from, Some(NOW.plus_seconds(60)))
        );
        assert_eq!(done.events.iter().count(), 1, "{mode:?}: the echo, and no control event");
    }
}

#[test]
fn win_11_once_and_within_a_week() {
    for page in pages() {
        let answered = decided(&page, None, &reply("desk", comment(60))).unwrap().thread;
        let again = decided(&page, Some(&answered), &reply("desk", comment(60))).unwrap_err();
        assert_eq!((again.rule.0, again.why), ("WIN-11", Refusal::CommentInvalid));
        let another = Invitation { digest: 8, ..comment(60) };
        let kept = decided(&page, None, &reply("desk", another)).unwrap().thread.answered;
        assert_eq!(kept, [Answered { digest: 8, until: another.closes() }]);
        assert!(decided(&page, None, &reply("desk", comment(WEEK - 1))).is_ok());
        let late = decided(&page, None, &reply("desk", comment(WEEK))).unwrap_err();
        assert_eq!((late.rule.0, late.why), ("WIN-11", Refusal::CommentInvalid));
    }
}

#[test]
fn win_11_what_nobody_may_answer_any_more_is_forgotten() {
    let page = page().app("desk");
    let answered = |digest, until| Answered { digest, until };
    let old =
        Thread { answered: vec![answered(7, NOW), answered(9, NOW.plus_seconds(1))], ..Thread::default() };
    let kept = decided(&page, Some(&old), &reply("desk", Invitation { digest: 8, ..comment(60) })).unwrap();
    assert_eq!(kept.thread.answered.iter().map(|one| one.digest).collect::<Vec<_>>(), [9, 8]);
}

#[test]
fn win_11_into_a_thread_of_another_app_it_is_refused_as_a_send_is() {
    for page in pages() {
        let owned = thread(&page, Some(("bot", NOW.plus_seconds(60))), Some(NOW));
        let refused = decided(&page, Some(&owned), &reply("desk", comment(60))).unwrap_err();
        let send = decided(&page, Some(&owned), &asks("desk", Ask::Send(baton_rules::Send::default())));
        let send = send.unwrap_err();
        assert_eq!((refused.rule.0, refused.why), ("WIN-11", send.why), "{:?}", page.mode());
        assert!(refused.via.is_some());
        // Who would take control by sending takes none by this.
        let strong = page.app_with("desk", |desk| desk.take_control = true);
        if let Ok(done) = decided(&strong, Some(&owned), &reply("desk", comment(60))) {
            assert_eq!((done.to, done.rule.0), (Some(app("bot")), "WIN-11"));
        }
    }
}

/// What comes of a message by something that was given so long ago, to whoever knows `before`.
fn by(kind: Invited, seconds_ago: i64, before: Option<&Thread>) -> Result<Thread, (&'static str, Refusal)> {
    let page = page().app("desk");
    let done = decided(&page, before, &reply("desk", given(kind, seconds_ago)));
    done.map(|done| done.thread).map_err(|refused| (refused.rule.0, refused.why))
}

#[test]
fn win_13_who_ticked_the_checkbox_is_written_to_once_within_a_day() {
    let written = by(Invited::Checkbox, DAY - 1, None).unwrap();
    assert_eq!(written.window_closes, None);
    assert_eq!(by(Invited::Checkbox, DAY, None), Err(("WIN-13", Refusal::WindowClosed)));
    assert_eq!(by(Invited::Checkbox, DAY - 1, Some(&written)), Err(("WIN-13", Refusal::WindowClosed)));
}

#[test]
fn win_14_a_one_time_token_counts_once_within_a_year() {
    let written = by(Invited::Once, 365 * DAY - 1, None).unwrap();
    assert_eq!(by(Invited::Once, 365 * DAY, None), Err(("WIN-14", Refusal::WindowClosed)));
    assert_eq!(by(Invited::Once, 365 * DAY - 1, Some(&written)), Err(("WIN-14", Refusal::WindowClosed)));
}

#[test]
fn win_15_a_topic_is_told_of_as_often_as_was_agreed_until_it_ends() {
    let written = by(topic(false), 60, None).unwrap();
    assert_eq!(written.answered, [Answered { digest: 7, until: NOW.plus_seconds(DAY) }]);
    assert_eq!(by(topic(false), 60, Some(&written)), Err(("WIN-15", Refusal::NotifiedLately)));
    let page = page().app("desk");
    let next = NOW.plus_seconds(DAY);
    let again = decide(&page, &person("pat"), Some(&written), &reply("desk", given(topic(false), 60)), next);
    assert_eq!(
        again.unwrap().thread.answered,
        [Answered { digest: 7, until: next.plus_seconds(DAY) }],
        "one of each"
    );
    let over = Invited::Topic { every: DAY, until: NOW, stopped: false };
    assert_eq!(by(over, 60, Some(&written)), Err(("WIN-15", Refusal::WindowClosed)));
}

#[test]
fn win_16_a_topic_that_the_person_stopped_is_not_told_of() {
    assert_eq!(by(topic(true), 60, None), Err(("WIN-16", Refusal::NotificationsStopped)));
}

#[test]
fn win_13_win_14_win_15_into_a_thread_of_another_app_they_are_refused_as_a_send_is() {
    for page in pages() {
        let owned = thread(&page, Some(("bot", NOW.plus_seconds(60))), Some(NOW));
        let send = decided(&page, Some(&owned), &asks("desk", Ask::Send(baton_rules::Send::default())));
        for (rule, kind) in
            [("WIN-13", Invited::Checkbox), ("WIN-14", Invited::Once), ("WIN-15", topic(false))]
        {
            let refused = decided(&page, Some(&owned), &reply("desk", given(kind, 60))).unwrap_err();
            assert_eq!((refused.rule.0, refused.why), (rule, send.as_ref().unwrap_err().why));
            let done = decided(&page, Some(&owned), &reply("bot", given(kind, 60))).unwrap();
            assert_eq!((done.rule.0, done.to), (rule, Some(app("bot"))), "{:?}", page.mode());
        }
    }
}

#[test]
fn win_14_what_is_remembered_of_one_person_has_an_end() {
    let page = page().app("desk");
    let mut known = Thread::default();
    for digest in 0..300 {
        let one = Invitation { digest, ..given(Invited::Once, 0) };
        known = decided(&page, Some(&known), &reply("desk", one)).unwrap().thread;
    }
    assert_eq!(known.answered.len(), 256);
    assert!(known.answered.iter().any(|one| one.digest == 299));
}
