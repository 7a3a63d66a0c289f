//! Baton's own API, `/baton/v1`: the list of its operations. Who may call one, it says of itself.

use std::sync::Arc;

use axum::Router;
use axum::http::request::Parts;

use crate::door::identify;
use crate::problem::{self, Problem};
use crate::serve::Shared;

mod activity;
mod answer;
mod attachments;
mod change;
mod clock;
mod comments;
mod conversations;
mod cursor;
mod deliveries;
pub(crate) mod description;
mod directory;
pub(crate) mod docs;
mod dry_run;
mod events;
mod examinations;
mod explain;
mod facts;
pub(crate) mod faults;
mod fields;
mod history;
mod inbox;
mod input;
mod live;
mod members;
mod menu;
mod messages;
mod nodes;
pub(crate) mod operation;
mod parts;
mod people;
mod person;
mod practice;
mod presence;
mod probe;
mod query;
mod routing;
mod rules;
pub(crate) mod schemas;
mod session;
mod settings;
mod statistics;
mod threads;
pub(crate) mod time;
mod tokens;
pub(crate) mod values;
mod webhooks;

pub(crate) use activity::happening;
use operation::Operation;

/// Where it is.
pub(crate) const ROOT: &str = "/baton/v1";

/// Everything that it does, in the order in which it is read about.
fn operations() -> Vec<Operation> {
    let all = [
        people::operations(),
        person::operations(),
        menu::operations(),
        comments::operations(),
        threads::operations(),
        history::operations(),
        messages::operations(),
        inbox::operations(),
        attachments::operations(),
        conversations::operations(),
        presence::operations(),
        statistics::operations(),
        rules::operations(),
        dry_run::operations(),
        settings::operations(),
        tokens::operations(),
        routing::operations(),
        directory::operations(),
        clock::operations(),
        deliveries::operations(),
        webhooks::operations(),
        probe::operations(),
        examinations::operations(),
        faults::operations(),
        activity::operations(),
        explain::operations(),
        session::operations(),
        members::operations(),
        nodes::operations(),
    ];
    all.into_iter().flatten().collect()
}

/// The router with its routes (SET-3: settings, as everything here, are an operator's to change).
pub(crate) fn routed(router: Router<Arc<Shared>>) -> Router<Arc<Shared>> {
    operations().into_iter().fold(router, |router, operation| operation.routed(router, ROOT))
}

/// Whether a path is below its root, whatever is there.
pub(crate) fn has(path: &str) -> bool {
    path.strip_prefix(ROOT).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// What is asked for a path that nothing is at. What is here and what is not, nobody learns who is not let in.
pub(crate) async fn nothing(shared: &Shared, request: &Parts) -> Problem {
    let absent = || {
        let path = request.uri.path();
        Problem::new(&problem::NOT_FOUND).detail(format!("there is nothing at {path}"))
    };
    identify(shared, &request.method, &request.headers).await.map_or_else(|problem| problem, |_| absent())
}

/// The same for a method that a path does not have.
pub(crate) async fn wrong_method(shared: &Shared, request: &Parts) -> Problem {
    let wrong = || problem::wrong_method(&request.method, request.uri.path());
    identify(shared, &request.method, &request.headers).await.map_or_else(|problem| problem, |_| wrong())
}

#[cfg(test)]
mod tests {
    use super::operations;

    #[test]
    fn every_operation_says_who_may_call_it() {
        let silent: Vec<_> =
            operations().iter().filter(|one| !one.needed().1).map(|one| one.place("")).collect();
        assert!(silent.is_empty(), "these say nothing, and are for operators only because of it: {silent:?}");
    }
}
