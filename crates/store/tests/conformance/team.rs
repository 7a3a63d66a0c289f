//! Who may sign in, and what they did.

use baton_store::{AuditLine, Invitation, Member, Role, Secret, Session, Team};

use crate::disk::Disk;
use crate::made::at;

every_store! {
    who_may_sign_in_is_kept_whole
    what_was_done_is_listed_newest_first
}

async fn who_may_sign_in_is_kept_whole(disk: Disk) {
    let store = disk.open().await;
    assert_eq!(store.team().await.unwrap(), Team::default());
    let mut team = Team::default();
    let id = team.new_id();
    let password = Some(Secret::new("$argon2id$…"));
    team.members.push(Member { id, name: "Nadia".to_owned(), role: Role::Agent, password, since: at(1) });
    team.invitations.push(Invitation { hash: [1; 32], member: id, until: at(2) });
    let session =
        Session { id: 2, hash: [2; 32], member: id, since: at(3), seen: at(4), browser: "…".to_owned() };
    team.sessions.push(session);
    store.keep_team(team.clone()).await.unwrap();
    assert_eq!(store.team().await.unwrap(), team);
    team.sessions.clear();
    store.keep_team(team.clone()).await.unwrap();
    drop(store);
    assert_eq!(disk.open().await.team().await.unwrap(), team);
}

async fn what_was_done_is_listed_newest_first(disk: Disk) {
    let store = disk.open().await;
    let line = |number: i64| AuditLine {
        at: at(number),
        member: (number > 1).then_some(7),
        name: "Nadia".to_owned(),
        operation: "patchApp".to_owned(),
        path: "/apps/1".to_owned(),
        status: 200,
    };
    for number in 1..=5 {
        store.audit(line(number)).await.unwrap();
    }
    let listed = store.audited(None, 2).await.unwrap();
    assert_eq!(listed, vec![(5, line(5)), (4, line(4))]);
    let rest = store.audited(Some(4), 10).await.unwrap();
    assert_eq!(rest, vec![(3, line(3)), (2, line(2)), (1, line(1))]);
}
