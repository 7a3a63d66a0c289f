//! What opening does to a database's schema, whatever the database is.

/// What opening does to a database's schema, or would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Migration {
    /// The schema that it had; none: there was no database.
    pub from: Option<usize>,
    /// The schema that it has then: this version's, or a newer one that this version can use.
    pub to: usize,
    /// This version's schema.
    pub known: usize,
    /// The steps between, oldest first.
    pub steps: Vec<&'static str>,
}
