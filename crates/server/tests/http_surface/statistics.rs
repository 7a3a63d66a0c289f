//! How conversations went: who has control, where it went, how long answers took, what was refused.

use serde_json::json;

use crate::expect;
use crate::world::{BOT, DESK, World};

#[tokio::test]
async fn what_happened_in_a_while_is_counted() {
    let w = World::start().await;
    w.writes("2001", "ada").await;
    w.post("/baton/v1/clock", json!({"advance": "10s"})).await;
    let says = |person: &str| json!({"recipient": {"id": person}, "messaging_type": "RESPONSE", "message": {"text": "Hi"}});
    assert_eq!(w.call("market-bot", "/v25.0/me/messages", says("ada")).await.status, 200);
    let pass = json!({"recipient": {"id": "ada"}, "target_app_id": BOT});
    assert_eq!(w.call("market-desk", "/v25.0/me/pass_thread_control", pass).await.status, 400);
    w.writes("2001", "bob").await;
    w.post("/baton/v1/clock", json!({"advance": "90s"})).await;
    let reply = json!({"action": "reply", "text": "Here I am"});
    assert_eq!(w.post("/baton/v1/pages/2001/threads/bob/inbox", reply).await.status, 200);
    let told = w.get("/baton/v1/statistics?page=2001").await.json();
    let inbox = "263902037430900";
    assert_eq!(told["conversations"], 2);
    let owners = json!([{"app_id": BOT, "count": 1}, {"app_id": inbox, "count": 1}]);
    assert_eq!(told["owners"], owners);
    assert_eq!(told["changes"].as_array().unwrap().iter().filter(|one| one["to_app_id"] == inbox).count(), 1);
    let first = &told["first_answer"];
    assert_eq!((&first["count"], &first["inbox_median_ms"]), (&json!(2), &json!(90_000)), "{told}");
    assert_eq!(first["steps"][3], json!({"up_to_ms": 15_000, "count": 1}));
    assert_eq!(told["refusals"][0]["app_id"], DESK);
    assert_eq!((&told["refusals"][0]["count"], &told["at_least"]), (&json!(1), &json!(false)));
    // After a day nothing of it lies in the last hour; who has control is still told.
    w.post("/baton/v1/clock", json!({"advance": "30h"})).await;
    let later = w.get("/baton/v1/statistics?page=2001&range=1h").await.json();
    assert_eq!((&later["conversations"], &later["first_answer"]["count"]), (&json!(0), &json!(0)), "{later}");
    assert!(!later["owners"].as_array().unwrap().is_empty());
    expect!(w.get("/baton/v1/statistics?range=31d").await, 400, "up to 30 days");
    expect!(w.get("/baton/v1/statistics?page=9").await, 400, "no page");
    w.stop().await;
}
