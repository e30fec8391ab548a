//! A store of sign-ins in Amazon DynamoDB.
//!
//! ```no_run
//! use aws_sdk_dynamodb::Client;
//! use nostore_dynamodb::DynamoDbStore;
//! use nostore_signin::store::StoreError;
//!
//! # async fn started(client: Client) -> Result<DynamoDbStore, StoreError> {
//! DynamoDbStore::open(client, "sign-ins").await
//! # }
//! ```
//!
//! The client is the SDK's: region, credentials, TLS and the retries of reads are as it was made (mostly by the crate
//! `aws-config`). One table holds one store:
//!
//! | attribute | type | |
//! |---|---|---|
//! | `kind` | S | partition key: the kind's code |
//! | `name` | S | sort key |
//! | `content` | S | |
//! | `revision` | N | |
//! | `ends` | N | when it ends, in milliseconds since 1970; absent where it stays |
//! | `expires` | N | a day later, in seconds since 1970: for the table's time to live |
//!
//! The item of kind `version` and name `store` says in `version` what all this is.
//!
//! # Invariants
//!
//! - Every read is a consistent one, and every change one conditional write of one item.
//! - A change is sent again only where the service says that it has not looked at it (it was too busy). Where an answer is
//!   lost, the caller is told that the change may have been made.
//! - *No exchange takes longer* than [`DynamoDbStore::with_patience`] says, retries included.
//! - Time is what the caller says; `expires` cleans up, and nothing is decided by it.
//!
//! # Deployments
//!
//! The process wants the rights `dynamodb:BatchGetItem`, `GetItem`, `PutItem`, `DeleteItem` and `Query` on the table. Ended records
//! are removed by the table's time to live ([`DynamoDbStore::enable_cleaning`]), not by [`Store::sweep`]. A kind is one
//! partition key, so that it can be listed: DynamoDB serves 3,000 reads of 4 KiB and 1,000 writes of 1 KiB a second of it, and
//! more only after it has split it by name. A global table is none for this: its regions decide each for itself.
//!
//! # Not covered
//!
//! A newer release that takes the table over while it is open: who opens it looks at the version, who writes does not.
//!
//! Specifications: the operations [BatchGetItem], [Query] and [PutItem] of DynamoDB.
//!
//! [BatchGetItem]: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html
//! [Query]: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Query.html
//! [PutItem]: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_PutItem.html

mod change;
mod item;
mod read;
mod table;

use std::fmt;
use std::future::Future;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use nostore_message::UnixTime;
use nostore_signin::store::{
    Change, Key, Kind, Record, Store, StoreError, StoreFuture, Written, check_prefix,
};

/// The version of what is written. Version 1 is the first.
const VERSION: u32 = 1;

/// Keeps records in a table of DynamoDB.
pub struct DynamoDbStore {
    client: Client,
    table: String,
    patience: Duration,
}

impl DynamoDbStore {
    /// Opens the store in a table, which is there already ([`DynamoDbStore::create_table`]).
    ///
    /// # Errors
    ///
    /// - [`StoreError::Unusable`] where there is no such table, or one with other keys.
    /// - [`StoreError::Newer`] where a newer release has written there; nothing is changed.
    /// - [`StoreError::Engine`] where there is no answer in time, or the rights are missing.
    pub async fn open(client: Client, table: impl Into<String>) -> Result<Self, StoreError> {
        let store = Self { client, table: table.into(), patience: Duration::from_secs(5) };
        store.bounded("opening", store.look()).await?;
        Ok(store)
    }

    /// Waits so long for an answer, retries included. Default: 5 s.
    #[must_use]
    pub const fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    async fn bounded<T>(
        &self,
        doing: &'static str,
        exchange: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let late = || StoreError::Engine { doing, source: "expected an answer of DynamoDB in time".into() };
        tokio::time::timeout(self.patience, exchange).await.map_err(|_| late())?
    }
}

impl Store for DynamoDbStore {
    fn read<'a>(&'a self, keys: &'a [Key], now: UnixTime) -> StoreFuture<'a, Vec<Option<Record>>> {
        Box::pin(async move {
            keys.iter().try_for_each(Key::check)?;
            let records = self.bounded("reading", self.fetch(keys)).await?;
            Ok(records.into_iter().map(|record| record.filter(|record| !record.has_ended(now))).collect())
        })
    }

    fn list<'a>(
        &'a self,
        kind: Kind,
        prefix: &'a str,
        now: UnixTime,
    ) -> StoreFuture<'a, Vec<(String, Record)>> {
        Box::pin(async move {
            check_prefix(prefix)?;
            let mut listed = self.query(kind, prefix).await?;
            listed.retain(|(_, record)| !record.has_ended(now));
            Ok(listed)
        })
    }

    fn write<'a>(&'a self, change: &'a Change, now: UnixTime) -> StoreFuture<'a, Written> {
        Box::pin(async move {
            change.check()?;
            self.bounded("writing", self.change(change, now)).await
        })
    }

    /// Does nothing: the table's time to live does so by itself.
    fn sweep(&self, _: UnixTime) -> StoreFuture<'_, u64> {
        Box::pin(async { Ok(0) })
    }
}

impl fmt::Debug for DynamoDbStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DynamoDbStore")
            .field("table", &self.table)
            .field("patience", &self.patience)
            .finish_non_exhaustive()
    }
}

fn engine<E>(doing: &'static str, error: SdkError<E>) -> StoreError
where
    E: std::error::Error + Send + Sync + 'static,
{
    // What lies around it would print the answer, in which items may be.
    let source = error.into_source().unwrap_or_else(Into::into);
    StoreError::Engine { doing, source }
}

fn strange(doing: &'static str) -> StoreError {
    let source =
        "expected the items of a store, found something else: another program may use the same table";
    StoreError::Engine { doing, source: source.into() }
}
