//! What a copy needs of a database: to read it while no node is there, and to fill a new one.

use super::connect::{self, Address, Lent};
use super::trouble::Trouble;
use super::{Options, leases, open};
use crate::StoreError;

/// A copy takes as long as it takes, and reads all there is.
const PATIENT: &str =
    "SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0; SET enable_seqscan = on";

/// A database as it stands at one moment; no node may be there.
pub(crate) async fn look_alone(address: &Address) -> Result<Lent, StoreError> {
    let pool = connect::pool(address, 1)?;
    let looked = open::look(&pool, address).await?;
    if looked.from.is_none() {
        return Err(open::cannot(address, "there is nothing of Baton's in it"));
    }
    if looked.to > looked.known {
        let text = format!(
            "a newer baton used it (schema {}, and this one knows {}), and what that keeps would be left out: copy it with \
             that version",
            looked.to, looked.known
        );
        return Err(open::cannot(address, text));
    }
    // What it lacks of this program's schema it gets, as a server would have it.
    drop(open::open(&pool, address, Options::default()).await?);
    let looked = async {
        let lent = Lent::from(&pool).await?;
        let client = lent.client()?;
        client.batch_execute(PATIENT).await?;
        client.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
        // As long as it is held, no node can say that it is there: one that starts meanwhile does not get to serve.
        client.execute("SELECT pg_advisory_xact_lock($1)", &[&leases::TURN]).await?;
        let sql = "SELECT name FROM baton.nodes WHERE there_until > clock_timestamp() LIMIT 1";
        if let Some(row) = client.query_opt(sql, &[]).await? {
            let name: &str = row.try_get(0)?;
            return Err(Trouble::Store(open::cannot(
                address,
                format!("the node {name} uses it: stop it first"),
            )));
        }
        Ok(lent)
    };
    looked.await.map_err(|trouble| open::opening(address, trouble))
}

/// A new database with so many streams, and a transaction in it.
pub(crate) async fn begin_in_new(address: &Address, streams: u16) -> Result<Lent, StoreError> {
    let pool = connect::pool(address, 1)?;
    if open::look(&pool, address).await?.from.is_some() {
        return Err(open::cannot(
            address,
            "Baton's schema is there already: a copy is written into a new database",
        ));
    }
    let options = Options { streams, ..Options::default() };
    let begun = async {
        let lent = Lent::from(&pool).await?;
        let client = lent.client()?;
        client.batch_execute(PATIENT).await?;
        // The schema is a part of the transaction: of a copy that failed nothing is left.
        open::begin(client, address, options).await?;
        Ok(lent)
    };
    begun.await.map_err(|trouble: Trouble| open::opening(address, trouble))
}
