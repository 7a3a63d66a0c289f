//! The Graph calls: what the rules are asked, and what never comes so far.

#![expect(clippy::unwrap_used, reason = "the helpers of a test may unwrap like the test")]

use baton_rules::{AppId, Ask, Send, Surface, Tag, ThreadControl};
use baton_wire::GraphError;
use baton_wire::params::{Limits, Params};
use baton_wire::requests::{self, Call};
use serde_json::{Value, json};

type Endpoint = fn(&Params) -> Result<Call, GraphError>;

fn params(value: &Value) -> Params {
    Params::from_object(value.as_object().unwrap().clone(), Limits::default())
}

/// A send with some parameters more.
fn send(more: &Value) -> Result<Call, GraphError> {
    let mut call = json!({"recipient": {"id": "4001"}, "message": {"text": "hi"}});
    call.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    requests::messages(&params(&call))
}

/// The message that comes of one.
fn message(given: &Value) -> Result<Value, GraphError> {
    let call = send(&json!({"message": given}))?;
    Ok(Value::Object(call.message.unwrap().content))
}

fn app(number: u64) -> AppId {
    AppId::new(number).unwrap()
}

fn text_of<T: std::fmt::Debug>(result: Result<T, GraphError>) -> String {
    let error = result.unwrap_err();
    assert_eq!((error.status, error.code), (400, 100), "{error}");
    error.message
}

#[test]
fn a_send_is_asked_as_one() {
    let call = send(&json!({"messaging_type": "RESPONSE", "id": "2001", "metadata": "no"})).unwrap();
    assert_eq!(call.person.as_str(), "4001");
    assert_eq!(call.ask, Ask::Send(Send::default()));
    assert_eq!(call.metadata, None);
    assert_eq!(call.message, Some(requests::Message::of_text("hi")));
    let call = send(&json!({"reply_to": {"mid": "m_1"}})).unwrap();
    let content = json!({"text": "hi", "reply_to": {"mid": "m_1"}});
    assert_eq!(Value::Object(call.message.unwrap().content), content);
}

#[test]
fn types_and_tags() {
    let tag = |more: Value| match send(&more).map(|call| call.ask) {
        Ok(Ask::Send(send)) => Ok(send.tag),
        Ok(other) => panic!("{other:?}"),
        Err(error) => Err(error.message),
    };
    for kind in ["Response", "UPDATE", "utility", " response "] {
        assert_eq!(tag(json!({"messaging_type": kind, "tag": null})), Ok(None), "{kind}");
    }
    assert_eq!(
        tag(json!({"messaging_type": "MESSAGE_TAG", "tag": "human_agent"})),
        Ok(Some(Tag::HumanAgent))
    );
    assert_eq!(tag(json!({"tag": "HUMAN_AGENT"})), Ok(Some(Tag::HumanAgent)));
    for retired in ["ACCOUNT_UPDATE", "CONFIRMED_EVENT_UPDATE", "POST_PURCHASE_UPDATE", "ISSUE_RESOLUTION"] {
        assert_eq!(tag(json!({"messaging_type": "MESSAGE_TAG", "tag": retired})), Ok(Some(Tag::Retired)));
    }
    for (more, expected) in [
        (json!({"messaging_type": "MESSAGE_TAG"}), "(#100) The parameter tag is required"),
        (json!({"messaging_type": "MESSAGE_TAG", "tag": ""}), "(#100) The parameter tag is required"),
        (
            json!({"messaging_type": "LETTER"}),
            "(#100) Param messaging_type must be one of {RESPONSE, UPDATE, MESSAGE_TAG, UTILITY}",
        ),
        (json!({"messaging_type": 5}), "(#100) Param messaging_type must be a string"),
        (json!({"tag": "NO_SUCH_TAG"}), "(#100) Param tag must be one of {HUMAN_AGENT, CUSTOMER_FEEDBACK}"),
        (
            json!({"tag": "CUSTOMER_FEEDBACK"}),
            "(#100) The tag CUSTOMER_FEEDBACK is only for messages with the customer_feedback template",
        ),
    ] {
        assert_eq!(tag(more), Err(expected.to_owned()));
    }
}

#[test]
fn a_survey_is_known_by_its_template() {
    let survey = json!({
        "template_type": "customer_feedback", "title": "How was it?", "subtitle": "Rate us", "button_title": "Rate",
        "feedback_screens": [{"questions": [{"id": "q1", "type": "csat", "title": "Happy?"}]}],
        "business_privacy": {"url": "https://example.com/privacy"}, "expires_in_days": 3,
    });
    let sent = |payload: &Value, more: Value| {
        let mut body = json!({"message": {"attachment": {"type": "template", "payload": payload}}});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        send(&body).map(|call| (call.ask, call.message.unwrap())).map_err(|error| error.message)
    };
    let (ask, message) = sent(&survey, json!({})).unwrap();
    assert_eq!(ask, Ask::Send(Send { tag: None, control: None, survey: true }));
    assert_eq!(message.content["attachment"]["payload"], survey, "as it was given");
    let tagged =
        sent(&survey, json!({"messaging_type": "MESSAGE_TAG", "tag": "CUSTOMER_FEEDBACK"})).unwrap().0;
    assert_eq!(tagged, Ask::Send(Send { tag: Some(Tag::CustomerFeedback), control: None, survey: true }));
    let name = "message[attachment][payload]";
    for (pointer, value, wrong) in [
        ("/title", json!("x".repeat(66)), "Length of param {}[title] must be less than or equal to 65"),
        (
            "/button_title",
            json!("x".repeat(21)),
            "Length of param {}[button_title] must be less than or equal to 20",
        ),
        ("/feedback_screens", json!([]), "The parameter {}[feedback_screens] is required"),
        ("/feedback_screens", json!([{}, {}]), "Param {}[feedback_screens] must have at most 1 elements"),
        (
            "/feedback_screens/0/questions/0/type",
            json!("quiz"),
            "Param {}[feedback_screens][0][questions][0][type] must be one of {csat, nps, ces, free_form}",
        ),
        (
            "/feedback_screens/0/questions/0/id",
            json!(""),
            "The parameter {}[feedback_screens][0][questions][0][id] is required",
        ),
        ("/business_privacy", json!({}), "The parameter {}[business_privacy][url] is required"),
        ("/expires_in_days", json!(8), "Param {}[expires_in_days] must be an integer between 1 and 7"),
    ] {
        let mut other = survey.clone();
        *other.pointer_mut(pointer).unwrap() = value;
        assert_eq!(
            sent(&other, json!({})),
            Err(format!("(#100) {}", wrong.replace("{}", name))),
            "{pointer}"
        );
    }
}

#[test]
fn thread_control_means_what_the_table_says() {
    let control = |value: Value| match send(&json!({"thread_control": value})).map(|call| call.ask) {
        Ok(Ask::Send(send)) => Ok(send.control),
        Ok(other) => panic!("{other:?}"),
        Err(error) => Err(error.message),
    };
    let pass = |to| Ok(Some(ThreadControl::Pass { to }));
    let (release, both, unknown) =
        (Ok(Some(ThreadControl::Release)), Ok(Some(ThreadControl::Both)), Ok(Some(ThreadControl::Unknown)));
    for (rule, value, expected) in [
        ("TC-1", json!({"payload": "pass_thread_control"}), pass(None)),
        ("TC-1", json!("{\"payload\":\"pass_thread_control\"}"), pass(None)),
        ("TC-1", json!({"payload": "pass_thread_control", "app_id": null}), pass(None)),
        ("TC-2", json!({"payload": "release_thread_control"}), release.clone()),
        ("TC-3", json!({"app_id": 222, "control_type": "pass"}), pass(Some(app(222)))),
        ("TC-3", json!({"app_id": "222", "control_type": "pass"}), pass(Some(app(222)))),
        ("TC-3", json!("{app_id:222,control_type:'pass'}"), pass(Some(app(222)))),
        ("TC-4", json!({"control_type": "pass"}), pass(None)),
        ("TC-5", json!({"control_type": "release"}), release.clone()),
        ("TC-5", json!({"control_type": "release", "app_id": "222"}), release.clone()),
        ("TC-6", json!({"app_id": 222}), release),
        ("TC-7", json!({"payload": "pass_thread_control", "app_id": 222}), both.clone()),
        ("TC-7", json!({"payload": "pass_thread_control", "control_type": "pass"}), both.clone()),
        ("TC-7", json!({"payload": "nonsense", "app_id": "x", "control_type": 1}), both),
        ("TC-8", json!({"payload": "take_thread_control"}), unknown.clone()),
        ("TC-8", json!({"payload": 1}), unknown.clone()),
        ("TC-8", json!({"control_type": "take"}), unknown.clone()),
        ("TC-8", json!({"control_type": "take", "app_id": 222}), unknown.clone()),
        ("TC-8", json!({}), unknown.clone()),
        ("TC-8", json!("pass"), unknown.clone()),
        ("TC-8", json!([]), unknown.clone()),
        ("TC-8", json!({"other": 1}), unknown),
        ("none", json!(null), Ok(None)),
    ] {
        assert_eq!(control(value.clone()), expected, "{rule} {value}");
    }
    for value in [
        json!({"control_type": "release", "app_id": "x"}),
        json!({"control_type": "pass", "app_id": {}}),
        json!({"app_id": -1}),
    ] {
        let expected = "(#100) Param thread_control[app_id] must be an app id";
        assert_eq!(control(value), Err(expected.to_owned()));
    }
}

#[test]
fn messages_are_checked_and_kept() {
    let replies = |count: usize| json!({"text": "?", "quick_replies": vec![json!({"title": "t", "payload": "p"}); count]});
    for (given, kept) in [
        (
            json!({"text": "hi", "attachment": null, "quick_replies": null, "metadata": null, "x": 1}),
            json!({"text": "hi"}),
        ),
        (json!("{\"text\":\"hi\"}"), json!({"text": "hi"})),
        (json!({"text": 5}), json!({"text": "5"})),
        (json!({"metadata": "ours", "text": "hi"}), json!({"text": "hi", "metadata": "ours"})),
        (json!({"text": "?", "quick_replies": []}), json!({"text": "?"})),
        (
            json!({"text": "?", "quick_replies": "[{\"title\":\"a title of more than twenty letters\",\"payload\":7}]"}),
            json!({"text": "?", "quick_replies": [{"title": "a title of more than", "payload": "7", "content_type": "text"}]}),
        ),
        (
            json!({"text": "?", "quick_replies": [{"content_type": "user_email"}]}),
            json!({"text": "?", "quick_replies": [{"content_type": "user_email"}]}),
        ),
        (
            json!({"attachment": {"type": "TEMPLATE", "payload": {"template_type": "generic", "elements": [{"title": "a", "subtitle": "b", "buttons": null}]}}}),
            json!({"attachment": {"type": "template", "payload": {"template_type": "generic", "elements": [{"title": "a", "subtitle": "b"}]}}}),
        ),
        (
            json!({"attachment": "{type:'template',payload:{template_type:'button',text:'b',buttons:[{type:'postback',title:'t',payload:7}]}}"}),
            json!({"attachment": {"type": "template", "payload": {"template_type": "button", "text": "b",
                "buttons": [{"type": "postback", "title": "t", "payload": "7"}]}}}),
        ),
    ] {
        assert_eq!(message(&given).unwrap(), kept, "{given}");
    }
    assert!(message(&json!({"text": "ä".repeat(2000)})).is_ok());
    assert!(message(&replies(13)).is_ok());
    assert!(message(&replies(14)).is_err());
}

#[test]
fn bad_messages_say_what_is_wrong() {
    let button = |buttons: Value| json!({"attachment": {"type": "template", "payload": {"template_type": "button", "text": "b", "buttons": buttons}}});
    let generic = |elements: Value| json!({"attachment": {"type": "template", "payload": {"template_type": "generic", "elements": elements}}});
    let empty = "param message must be non-empty.";
    for (given, expected) in [
        (json!({}), empty),
        (json!({"text": null}), empty),
        (json!({"text": ""}), empty),
        (json!({"metadata": "x"}), empty),
        (json!([]), "param message must be non-empty."),
        (json!([1]), "Param message must be a JSON object"),
        (json!({"text": {}}), "Param message[text] must be a string"),
        (
            json!({"text": "a".repeat(2001)}),
            "Length of param message[text] must be less than or equal to 2000",
        ),
        (
            json!({"text": "a", "metadata": "m".repeat(1001)}),
            "Length of param message[metadata] must be less than or equal to 1000",
        ),
        (
            json!({"text": "a", "attachment": {"type": "image"}}),
            "Param message[attachment][payload] must have a url or an attachment_id, or filedata must come with the call",
        ),
        (
            json!({"text": "a", "attachment": {"type": "image", "payload": {"url": "http://x/"}}}),
            "Param message cannot have both text and attachment",
        ),
        (
            json!({"sticker_id": 1, "attachment": {"type": "image", "payload": {"url": "http://x/"}}}),
            "Param message cannot have both attachment and sticker_id",
        ),
        (
            json!({"attachment": {"type": "image", "payload": {"url": "http://x/", "attachment_id": 1}}}),
            "Param message[attachment][payload] must have one of url, attachment_id and filedata, not several",
        ),
        (
            json!({"attachment": {"type": "image", "payload": {"url": "javascript:alert(1)"}}}),
            "Param message[attachment][payload][url] must be a web address",
        ),
        (json!({"attachments": []}), "The parameter message[attachments] is required"),
        (
            json!({"attachments": {"type": "video"}}),
            "Param message[attachments][0][type] must be one of {image}",
        ),
        (
            json!({"attachments": [{"type": "image", "payload": {"url": "ftp://x"}}]}),
            "Param message[attachments][0][payload][url] must be a web address",
        ),
        (
            json!({"text": "t", "attachments": [{"type": "image"}]}),
            "Param message can have only one of text, attachment, sticker_id and attachments",
        ),
        (json!({"sticker_id": "thumb"}), "Param message[sticker_id] must be a number"),
        (
            json!({"attachment": {"type": "media_share"}}),
            "The parameter message[attachment][payload] is required",
        ),
        (json!({"attachment": {}}), "The parameter message[attachment][type] is required"),
        (
            json!({"attachment": {"type": "hologram"}}),
            "Param message[attachment][type] must be one of {image, audio, video, file, template}",
        ),
        (
            json!({"attachment": {"type": "template"}}),
            "The parameter message[attachment][payload] is required",
        ),
        (
            json!({"attachment": {"type": "template", "payload": {}}}),
            "The parameter message[attachment][payload][template_type] is required",
        ),
        (
            json!({"attachment": {"type": "template", "payload": {"template_type": "customer_feedback"}}}),
            "The parameter message[attachment][payload][title] is required",
        ),
        (button(json!([])), "The parameter message[attachment][payload][buttons] is required"),
        (
            button(json!([{"type": "postback", "title": "t"}])),
            "The parameter message[attachment][payload][buttons][0][payload] is required",
        ),
        (
            button(json!([{"type": "web_url", "title": "t"}])),
            "The parameter message[attachment][payload][buttons][0][url] is required",
        ),
        (
            button(json!([{"title": "t"}])),
            "The parameter message[attachment][payload][buttons][0][type] is required",
        ),
        (
            button(json!(vec![json!({}); 4])),
            "Param message[attachment][payload][buttons] must have at most 3 elements",
        ),
        (generic(json!([])), "The parameter message[attachment][payload][elements] is required"),
        (generic(json!([{}])), "The parameter message[attachment][payload][elements][0][title] is required"),
        (
            generic(json!([{"title": "t"}])),
            "Incomplete element data: title and at least one other field (image url, subtitle or buttons) is required with non-empty value",
        ),
        (
            generic(json!([{"title": "t".repeat(81), "subtitle": "s"}])),
            "Length of param message[attachment][payload][elements][0][title] must be less than or equal to 80",
        ),
        (
            generic(json!([{"title": "t", "subtitle": "s".repeat(81)}])),
            "Length of param message[attachment][payload][elements][0][subtitle] must be less than or equal to 80",
        ),
        (
            button(json!([{"type": "postback", "title": "t".repeat(21), "payload": "p"}])),
            "Length of param message[attachment][payload][buttons][0][title] must be less than or equal to 20",
        ),
        (
            button(json!([{"type": "teleport", "title": "t"}])),
            "Param message[attachment][payload][buttons][0][type] must be one of {web_url, postback, phone_number, account_link, account_unlink, game_play, element_share, nested, payment}",
        ),
        (
            generic(json!(vec![json!({"title": "t"}); 11])),
            "Param message[attachment][payload][elements] must have at most 10 elements",
        ),
        (
            json!({"text": "?", "quick_replies": [{"payload": "p"}]}),
            "The parameter message[quick_replies][0][title] is required",
        ),
        (
            json!({"text": "?", "quick_replies": [{"title": "t"}]}),
            "The parameter message[quick_replies][0][payload] is required",
        ),
        (
            json!({"text": "?", "quick_replies": [{"title": "t", "payload": "p".repeat(1001)}]}),
            "Length of param message[quick_replies][0][payload] must be less than or equal to 1000",
        ),
        (
            json!({"text": "?", "quick_replies": [{"content_type": "x"}]}),
            "Param message[quick_replies][0][content_type] must be one of {text, user_phone_number, user_email}",
        ),
        (json!({"text": "?", "quick_replies": {"a": 1}}), "Param message[quick_replies] must be an array"),
    ] {
        assert_eq!(text_of(message(&given)), format!("(#100) {expected}"), "{given}");
    }
}

#[test]
fn a_message_or_an_action_and_never_both() {
    let asked = |more: Value| requests::sender_action(&params(&more));
    let action = |more: Value| asked(more).unwrap().unwrap_err();
    let both =
        action(json!({"recipient": {"id": "1"}, "message": {"text": "x"}, "sender_action": "typing_on"}));
    assert_eq!((both.code, both.subcode), (100, Some(2018014)));
    for name in ["typing_on", "TYPING_OFF", "Mark_Seen", "react", "UNREACT"] {
        // What deployed clients send beside it: fbmq nulls, others types that mean nothing here.
        let only = json!({"recipient": {"id": "1"}, "message": null, "tag": null, "messaging_type": "x",
            "notification_type": "REGULAR", "sender_action": name, "payload": {"message_id": "m_1", "reaction": "love"}});
        let about = requests::reacted_to(&params(&only)).unwrap();
        assert_eq!(about.is_some(), name.to_lowercase().ends_with("react"), "{name}");
        let call = asked(only).unwrap().unwrap();
        assert_eq!((call.person.as_str(), call.message), ("1", None), "{name}");
    }
    for (name, expected) in [
        ("react", "The parameter payload is required"),
        ("UNREACT", "The parameter payload is required"),
        ("wave", "Param sender_action must be one of {typing_on, typing_off, mark_seen, react, unreact}"),
    ] {
        let wrong = action(json!({"recipient": {"id": "1"}, "sender_action": name}));
        assert!(wrong.code == 100 && wrong.message.contains(expected), "{}", wrong.message);
    }
    for (payload, expected) in [
        (json!({"reaction": "love"}), "The parameter payload[message_id] is required"),
        (json!({"message_id": "m_1"}), "The parameter payload[reaction] is required"),
        (json!({"message_id": "m_1", "reaction": ""}), "The parameter payload[reaction] is required"),
        (json!({"message_id": "m_1", "reaction": "x".repeat(33)}), "Length of param payload[reaction]"),
    ] {
        let wrong = action(json!({"recipient": {"id": "1"}, "sender_action": "react", "payload": payload}));
        assert!(wrong.message.contains(expected), "{}", wrong.message);
    }
    assert!(action(json!({"sender_action": "typing_on"})).message.contains("recipient is required"));
    assert_eq!(asked(json!({"recipient": {"id": "1"}, "sender_action": null})), None);
    let none = requests::messages(&params(&json!({"recipient": {"id": "1"}}))).unwrap_err();
    assert_eq!(none.message, "(#100) param message must be non-empty.");
}

#[test]
fn every_call_says_whom_it_is_about() {
    let calls: [Endpoint; 7] = [
        requests::messages,
        requests::pass_thread_control,
        requests::take_thread_control,
        requests::request_thread_control,
        requests::release_thread_control,
        requests::extend_thread_control,
        requests::pass_thread_metadata,
    ];
    let call = |recipient: &Value| {
        params(
            &json!({"recipient": recipient, "message": {"text": "x"}, "target_app_id": 222, "metadata": "m"}),
        )
    };
    for recipient in [
        json!({"id": "4001"}),
        json!({"id": 4001}),
        json!("{id:4001}"),
        json!("{'id':'4001'}"),
        json!({"id": "4001", "user_ref": null, "name": {}}),
    ] {
        for endpoint in calls {
            assert_eq!(endpoint(&call(&recipient)).unwrap().person.as_str(), "4001", "{recipient}");
        }
        assert_eq!(requests::thread_owner(&call(&recipient)).unwrap().as_str(), "4001");
    }
    for (recipient, expected) in [
        (json!(null), "The parameter recipient is required"),
        (json!({}), "The parameter recipient[id] is required"),
        (json!({"name": "x"}), "The parameter recipient[id] is required"),
        (json!({"id": "1", "user_ref": "2"}), "Param recipient must have exactly one key, not id, user_ref"),
        (json!({"user_ref": "2"}), "No matching user found"),
        (json!({"post_id": "2"}), "The comment is invalid for a private reply"),
        (
            json!({"id": "a b"}),
            "Invalid parameter recipient[id]: a person id is 1 to 64 of the characters A-Z a-z 0-9 _ -",
        ),
        (
            json!({"id": {}}),
            "Invalid parameter recipient[id]: a person id is 1 to 64 of the characters A-Z a-z 0-9 _ -",
        ),
        (json!([]), "The parameter recipient[id] is required"),
        (json!([1]), "Param recipient must be a JSON object"),
    ] {
        for endpoint in calls {
            assert_eq!(text_of(endpoint(&call(&recipient))), format!("(#100) {expected}"), "{recipient}");
        }
        assert_eq!(text_of(requests::thread_owner(&call(&recipient))), format!("(#100) {expected}"));
    }
    // A bare id is the documents' form for one call only.
    assert_eq!(requests::thread_owner(&call(&json!("4001"))).unwrap().as_str(), "4001");
    assert_eq!(requests::thread_owner(&call(&json!(4001))).unwrap().as_str(), "4001");
    assert!(requests::take_thread_control(&call(&json!("4001"))).is_err());
}

#[test]
fn control_calls_ask_the_rules() {
    let ask = |endpoint: Endpoint, more: Value| {
        let mut call = json!({"recipient": {"id": "4001"}});
        call.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        endpoint(&params(&call)).map(|call| (call.ask, call.metadata))
    };
    let said = Some("said".to_owned());
    for (endpoint, more, expected) in [
        (requests::pass_thread_control as Endpoint, json!({}), (Ask::Pass { to: None }, None)),
        (
            requests::pass_thread_control,
            json!({"target_app_id": 263_902_037_430_900_u64, "metadata": "said"}),
            (Ask::Pass { to: Some(AppId::PAGE_INBOX) }, said.clone()),
        ),
        (
            requests::pass_thread_control,
            json!({"target_app_id": "222"}),
            (Ask::Pass { to: Some(app(222)) }, None),
        ),
        (requests::take_thread_control, json!({"metadata": ""}), (Ask::Take, Some(String::new()))),
        (requests::request_thread_control, json!({"metadata": "said"}), (Ask::Request, said.clone())),
        (requests::release_thread_control, json!({}), (Ask::Release, None)),
        (
            requests::extend_thread_control,
            json!({"duration": 60}),
            (Ask::Extend { duration: Some(60) }, None),
        ),
        (
            requests::extend_thread_control,
            json!({"duration": "60"}),
            (Ask::Extend { duration: Some(60) }, None),
        ),
        (
            requests::extend_thread_control,
            json!({"duration": -1}),
            (Ask::Extend { duration: Some(-1) }, None),
        ),
        (requests::extend_thread_control, json!({"duration": 1.5}), (Ask::Extend { duration: None }, None)),
        (
            requests::extend_thread_control,
            json!({"duration": "soon"}),
            (Ask::Extend { duration: None }, None),
        ),
        (requests::extend_thread_control, json!({}), (Ask::Extend { duration: None }, None)),
        (
            requests::pass_thread_metadata,
            json!({"target_app_id": 222, "metadata": "said"}),
            (Ask::Metadata { to: app(222) }, said),
        ),
        (
            requests::take_thread_control,
            json!({"metadata": "ä".repeat(2000)}),
            (Ask::Take, Some("ä".repeat(2000))),
        ),
    ] {
        assert_eq!(ask(endpoint, more.clone()).unwrap(), expected, "{more}");
    }
    for (endpoint, more, expected) in [
        (
            requests::pass_thread_metadata as Endpoint,
            json!({"metadata": "x"}),
            "The parameter target_app_id is required",
        ),
        (requests::pass_thread_metadata, json!({"target_app_id": 222}), "The parameter metadata is required"),
        (requests::take_thread_control, json!({"metadata": {"a": 1}}), "Param metadata must be a string"),
        (
            requests::take_thread_control,
            json!({"metadata": "m".repeat(2001)}),
            "Length of param metadata must be less than or equal to 2000 (limits.metadata)",
        ),
        (
            requests::pass_thread_control,
            json!({"target_app_id": "desk"}),
            "Param target_app_id must be an app id",
        ),
    ] {
        assert_eq!(text_of(ask(endpoint, more.clone())), format!("(#100) {expected}"), "{more}");
    }
}

#[test]
fn api_3_app_ids_are_numbers_or_texts() {
    for value in [json!(222), json!("222"), json!(" 222 ")] {
        assert_eq!(requests::app_id("target_app_id", &value), Ok(app(222)), "{value}");
    }
    for value in [json!(-1), json!(2.5), json!("x1"), json!("+222"), json!(""), json!(true), json!([222])] {
        let text = text_of(requests::app_id("target_app_id", &value));
        assert_eq!(text, "(#100) Param target_app_id must be an app id", "{value}");
    }
    // Digits, but none that an app can have: an app that is not connected.
    for value in [json!("99999999999999999999"), json!(9_007_199_254_740_992_u64), json!("0"), json!("0222")]
    {
        let error = requests::app_id("target_app_id", &value).unwrap_err();
        assert_eq!((error.code, error.subcode), (100, Some(2018164)), "{value}");
    }
}

#[test]
fn files_are_addresses_ids_or_come_with_the_call() {
    let file = |payload: Value| message(&json!({"attachment": {"type": "IMAGE", "payload": payload}}));
    for (payload, kept) in [
        (json!({"url": "https://x.test/a.png"}), json!({"url": "https://x.test/a.png"})),
        (
            json!({"url": "http://x/", "is_reusable": "true"}),
            json!({"url": "http://x/", "is_reusable": true}),
        ),
        (json!({"url": "http://x/", "is_reusable": false}), json!({"url": "http://x/"})),
        (json!({"attachment_id": 1_857_777_774_821_032_u64}), json!({"attachment_id": "1857777774821032"})),
    ] {
        let expected = json!({"attachment": {"type": "image", "payload": kept}});
        assert_eq!(file(payload.clone()).unwrap(), expected, "{payload}");
    }
    let with_file = |message: &str| {
        let part = |name: &str, text: &str| {
            format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n")
        };
        let body = format!(
            "{}{}{}--x--\r\n",
            part("filedata", "bytes"),
            part("recipient", "{id:1}"),
            part("message", message)
        );
        let kind = Some("multipart/form-data; boundary=x");
        let params = Params::read("", kind, &body.into(), Limits::default()).unwrap();
        let sent = requests::messages(&params).map(|call| Value::Object(call.message.unwrap().content));
        (sent, requests::message_attachment(&params))
    };
    for payload in ["", ",payload:{}", ",payload:null", ",payload:{is_reusable:false}"] {
        let (sent, kept) = with_file(&format!("{{attachment:{{type:'video'{payload}}}}}"));
        assert_eq!(sent.unwrap()["attachment"], json!({"type": "video", "payload": {}}), "{payload}");
        assert_eq!(kept.unwrap(), json!({"type": "video", "payload": {}}));
    }
    let (sent, _) = with_file("{attachment:{type:'video',payload:{url:'http://x/'}}}");
    assert!(text_of(sent).contains("not several"));
    let sticker = message(&json!({"sticker_id": "369239263222822"})).unwrap();
    assert_eq!(
        sticker["attachment"],
        json!({"type": "sticker", "payload": {"sticker_id": 369_239_263_222_822_u64}})
    );
    let keep = |attachment: Value| {
        requests::message_attachment(&params(&json!({"message": {"attachment": attachment}})))
    };
    assert!(keep(json!({"type": "file", "payload": {"url": "http://x/"}})).is_ok());
    for attachment in [
        json!({"type": "file", "payload": {"attachment_id": "1"}}),
        json!({"type": "template", "payload": {"template_type": "list"}}),
    ] {
        assert!(text_of(keep(attachment)).contains("must be a file"));
    }
}

#[test]
fn every_template_has_its_limits() {
    let sent = |payload: &Value| message(&json!({"attachment": {"type": "template", "payload": payload}}));
    let images = |count: usize| json!([{"title": "t", "images": vec![json!({"url": "http://x/"}); count]}]);
    let receipt = json!({"template_type": "receipt", "recipient_name": "Ann", "order_number": 5, "currency": "EUR",
        "payment_method": "Visa", "summary": {"total_cost": 7.5}, "elements": [{"title": "t", "price": 0}]});
    for good in [
        json!({"template_type": "media", "elements": [{"media_type": "image", "url": "http://x/", "buttons": [{"type": "web_url", "title": "t", "url": "http://x/"}]}]}),
        json!({"template_type": "media", "elements": [{"media_type": "video", "attachment_id": "5"}]}),
        receipt.clone(),
        json!({"template_type": "coupon", "title": "t", "coupon_code": "SPRING"}),
        json!({"template_type": "coupon", "title": "t", "coupon_url": "http://x/"}),
        json!({"template_type": "product", "elements": [{"id": "5"}]}),
        json!({"template_type": "one_time_notif_req", "title": "t", "payload": "p"}),
        json!({"template_type": "notification_messages", "payload": "p"}),
        json!({"template_type": "notification_messages", "elements": [{"title": "t", "subtitle": "s"}]}),
        json!({"template_type": "customer_information", "countries": ["US"]}),
        json!({"template_type": "image_grid", "elements": images(6)}),
        json!({"template_type": "instant_form", "form_id": 5}),
        json!({"template_type": "list", "elements": []}),
        json!({"template_type": "airline_boardingpass"}),
    ] {
        assert_eq!(sent(&good).unwrap()["attachment"]["payload"], good);
    }
    let with = |key: &str, value: Value| {
        let mut payload = receipt.clone();
        payload[key] = value;
        payload
    };
    for (bad, expected) in [
        (json!({"template_type": "media", "elements": []}), "[elements] is required"),
        (
            json!({"template_type": "media", "elements": [{"media_type": "audio", "url": "x"}]}),
            "[elements][0][media_type] must be one of",
        ),
        (
            json!({"template_type": "media", "elements": [{"media_type": "image"}]}),
            "either attachment_id or url",
        ),
        (
            json!({"template_type": "media", "elements": [{"media_type": "image", "url": "x", "attachment_id": "5"}]}),
            "either attachment_id or url",
        ),
        (json!({"template_type": "media", "elements": vec![json!({}); 2]}), "at most 1 elements"),
        (with("currency", json!(null)), "[currency] is required"),
        (with("summary", json!({"total_tax": 5})), "[summary][total_cost] is required"),
        (with("elements", json!([{"title": "t"}])), "[elements][0][price] is required"),
        (with("elements", json!(vec![json!({"title": "t", "price": 1}); 101])), "at most 100 elements"),
        (json!({"template_type": "coupon", "title": "t"}), "[coupon_code] is required"),
        (
            json!({"template_type": "coupon", "title": "t", "coupon_code": "A B"}),
            "[coupon_code] must have no spaces",
        ),
        (json!({"template_type": "coupon", "title": "t".repeat(81), "coupon_code": "A"}), "equal to 80"),
        (json!({"template_type": "product", "elements": [{}]}), "[elements][0][id] is required"),
        (json!({"template_type": "product", "elements": vec![json!({"id": 1}); 11]}), "at most 10 elements"),
        (
            json!({"template_type": "one_time_notif_req", "title": "t".repeat(66), "payload": "p"}),
            "equal to 65",
        ),
        (json!({"template_type": "one_time_notif_req", "title": "t"}), "[payload] is required"),
        (json!({"template_type": "notification_messages"}), "[payload] is required"),
        (json!({"template_type": "notification_messages", "elements": []}), "[elements] is required"),
        (json!({"template_type": "customer_information", "countries": []}), "[countries] is required"),
        (json!({"template_type": "image_grid", "elements": images(1)}), "at least 2 elements"),
        (json!({"template_type": "image_grid", "elements": images(7)}), "at most 6 elements"),
        (json!({"template_type": "instant_form"}), "[form_id] is required"),
        (json!({"template_type": "hologram"}), "The template hologram is not built yet"),
    ] {
        let wrong = text_of(sent(&bad));
        assert!(wrong.contains(expected), "{wrong} has {expected}");
    }
}

#[test]
fn a_surface_has_its_own_limits() {
    let call = |length: usize| send(&json!({"message": {"text": "ä".repeat(length)}})).unwrap();
    assert!(requests::fits(&call(500), Surface::Instagram).is_ok());
    assert!(requests::fits(&call(501), Surface::Messenger).is_ok());
    let wrong = requests::fits(&call(501), Surface::Instagram).unwrap_err();
    assert_eq!(wrong.message, "(#100) Length of param message[text] must be less than or equal to 1000");
    for loudness in ["REGULAR", "silent_push", "NO_PUSH"] {
        assert!(send(&json!({"notification_type": loudness})).is_ok(), "{loudness}");
    }
    assert!(text_of(send(&json!({"notification_type": "LOUD"}))).contains("{REGULAR, SILENT_PUSH, NO_PUSH}"));
}
