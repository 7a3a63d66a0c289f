//! WIN-11: comments are answered in private, whatever the mode.

use baton_rules::build::{Page, account, app, asks, page, person, thread};
use baton_rules::{Action, Ask, Comment, Decision, Profile, Refusal, Refused, Thread, Timestamp, decide};

const NOW: Timestamp = Timestamp(1_700_000_000_000);
const WEEK: i64 = 7 * 24 * 60 * 60;

fn comment(seconds_ago: i64) -> Comment {
    Comment { digest: 7, at: NOW.plus_seconds(-seconds_ago) }
}

fn reply(by: &'static str, comment: Comment) -> Action<'static> {
    asks(by, Ask::ReplyPrivately(comment))
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
        let another = Comment { digest: 8, ..comment(60) };
        assert_eq!(decided(&page, None, &reply("desk", another)).unwrap().thread.answered, [another]);
        assert!(decided(&page, None, &reply("desk", comment(WEEK - 1))).is_ok());
        let late = decided(&page, None, &reply("desk", comment(WEEK))).unwrap_err();
        assert_eq!((late.rule.0, late.why), ("WIN-11", Refusal::CommentInvalid));
    }
}

#[test]
fn win_11_what_nobody_may_answer_any_more_is_forgotten() {
    let page = page().app("desk");
    let old =
        Thread { answered: vec![comment(WEEK), Comment { digest: 9, ..comment(60) }], ..Thread::default() };
    let kept = decided(&page, Some(&old), &reply("desk", Comment { digest: 8, ..comment(60) })).unwrap();
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
