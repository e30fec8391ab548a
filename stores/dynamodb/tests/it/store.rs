//! The store under the suite of all engines, and what is particular about this one.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::ProvideErrorMetadata as _;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};
use nostore_dynamodb::DynamoDbStore;
use nostore_message::UnixTime;
use nostore_signin::store::suite::{self, Ground, NOW};
use nostore_signin::store::{
    Change, Expected, Key, Kind, MAX_CONTENT_BYTES, Record, Revision, Store, StoreError, StoreFuture, Written,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::time::Instant;

use crate::server::{Dynalite, client, free_port};

struct Server(Dynalite);

/// Opens a table, which is made where there is none.
async fn made(client: Client, table: &str) -> Result<DynamoDbStore, StoreError> {
    match DynamoDbStore::open(client.clone(), table).await {
        Err(StoreError::Unusable { .. }) => {
            DynamoDbStore::create_table(&client, table).await?;
            DynamoDbStore::open(client, table).await
        }
        opened => opened,
    }
}

async fn note_version(client: &Client, table: &str, version: &str) {
    let [kind, name] = ["version", "store"].map(|text| AttributeValue::S(text.to_owned()));
    let put = client.put_item().table_name(table).item("kind", kind).item("name", name);
    put.item("version", AttributeValue::N(version.to_owned())).send().await.unwrap();
}

impl Ground for Server {
    fn open<'a>(&'a self, name: &'a str) -> StoreFuture<'a, Arc<dyn Store>> {
        // Each with a client of its own, as in another process.
        Box::pin(async move { Ok(Arc::new(made(self.0.client(), name).await?) as Arc<dyn Store>) })
    }

    fn take_over<'a>(&'a self, name: &'a str, version: u32) -> StoreFuture<'a, bool> {
        Box::pin(async move {
            note_version(&self.0.client(), name, &version.to_string()).await;
            Ok(true)
        })
    }

    fn guards_writes(&self) -> bool {
        false
    }

    fn sweeps(&self) -> bool {
        false
    }
}

fn put(name: &str, content: &str, ends: Option<UnixTime>) -> Change {
    let record = Record { content: content.to_owned(), revision: Revision(u64::MAX), ends };
    Change { key: Key::new(Kind::Session, name), expected: Expected::Anything, record: Some(record) }
}

#[tokio::test(flavor = "multi_thread")]
async fn dynamodb_passes_the_suite() {
    let report = suite::run(Arc::new(Server(Dynalite::start()))).await;
    assert!(report.failures.is_empty(), "{report}");
}

/// An answer has so much room: what is left out is asked for again.
#[tokio::test]
async fn what_was_left_out_is_asked_for_again() {
    let server = Dynalite::start();
    let store = made(server.client(), "big").await.unwrap();
    let names: Vec<String> = (0..60).map(|number| format!("{number:02}")).collect();
    for name in &names {
        let content = format!("{name}{}", "x".repeat(MAX_CONTENT_BYTES - 2));
        assert_eq!(store.write(&put(name, &content, None), NOW).await.unwrap(), Written::Done);
    }
    let keys: Vec<Key> = names.iter().map(|name| Key::new(Kind::Session, name)).collect();
    let found = store.read(&keys, NOW).await.unwrap();
    assert_eq!(found.len(), names.len());
    for (name, found) in names.iter().zip(found) {
        assert!(found.is_some_and(|record| record.content.starts_with(name)), "{name}");
    }
}

/// What is in the table, as its time to live reads it.
#[tokio::test]
async fn items_expire_a_day_after_their_end() {
    let server = Dynalite::start();
    let store = made(server.client(), "items").await.unwrap();
    let rows = [
        (None, None),
        (Some(NOW), Some("4102531200")),
        (Some(UnixTime::from_millis(NOW.millis() + 999)), Some("4102531200")),
        (Some(UnixTime::from_secs(-100_000)), Some("1")),
        (None, None),
    ];
    for (ends, expires) in rows {
        assert_eq!(store.write(&put("one", "{}", ends), NOW).await.unwrap(), Written::Done);
        let [kind, name] = ["session", "one"].map(|text| AttributeValue::S(text.to_owned()));
        let key = HashMap::from([("kind".to_owned(), kind), ("name".to_owned(), name)]);
        let client = server.client();
        let item =
            client.get_item().table_name("items").set_key(Some(key)).send().await.unwrap().item.unwrap();
        let number = |name: &str| item.get(name).map(|value| value.as_n().unwrap().as_str());
        assert_eq!(number("expires"), expires, "{ends:?}");
        assert_eq!(number("ends").map(str::to_owned), ends.map(|ends| ends.millis().to_string()));
        assert_eq!(number("revision"), Some("18446744073709551615"));
    }
}

#[tokio::test]
async fn what_is_no_store_is_refused() {
    let server = Dynalite::start();
    let client = server.client();
    let told = "expected a table with the keys `kind` and `name`, both text at the table";
    let error = DynamoDbStore::open(client.clone(), "missing").await.unwrap_err();
    assert_eq!(error.code(), "store-unusable");
    assert!(
        error.to_string().starts_with(&format!("{told} `missing`, found no such table: make one")),
        "{error}"
    );

    let key = KeySchemaElement::builder().attribute_name("id").key_type(KeyType::Hash).build().unwrap();
    let of = AttributeDefinition::builder().attribute_name("id").attribute_type(ScalarAttributeType::S);
    let create = client.create_table().table_name("theirs").billing_mode(BillingMode::PayPerRequest);
    create.key_schema(key).attribute_definitions(of.build().unwrap()).send().await.unwrap();
    while DynamoDbStore::open(client.clone(), "theirs").await.unwrap_err().to_string().contains("no such") {}
    let error = DynamoDbStore::open(client.clone(), "theirs").await.unwrap_err();
    assert!(error.to_string().contains("found a table with other keys"), "{error}");

    drop(made(client.clone(), "newer").await.unwrap());
    for version in ["2", "99999999999"] {
        note_version(&client, "newer", version).await;
        let error = DynamoDbStore::open(client.clone(), "newer").await.unwrap_err();
        assert_eq!(error.code(), "store-newer", "{version}");
    }
    let again = DynamoDbStore::create_table(&client, "newer").await.unwrap_err();
    assert_eq!(again.code(), "store-engine");
    // Dynalite knows nothing of the time to live: that it is asked is all that is seen here.
    assert_eq!(DynamoDbStore::enable_cleaning(&client, "newer").await.unwrap_err().code(), "store-engine");
}

/// A server that is gone, or never answers, costs no more than the patience.
#[tokio::test]
async fn nobody_waits_longer_than_the_patience() {
    let mut server = Dynalite::start();
    let patience = Duration::from_millis(300);
    let store = made(server.client(), "away").await.unwrap().with_patience(patience);
    server.kill();
    let start = Instant::now();
    let keys = [Key::new(Kind::Session, "one")];
    assert_eq!(store.read(&keys, NOW).await.unwrap_err().code(), "store-engine");
    assert_eq!(store.list(Kind::Session, "", NOW).await.unwrap_err().code(), "store-engine");
    assert_eq!(store.write(&put("one", "{}", None), NOW).await.unwrap_err().code(), "store-engine");
    assert!(start.elapsed() < Duration::from_secs(10));
}

/// Answers each request in turn with a status and a content, and counts what it was sent.
async fn answers(mut rows: Vec<(u16, &'static str)>) -> (u16, tokio::task::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    rows.reverse();
    let serving = tokio::spawn(async move {
        let mut asked = Vec::new();
        while let Some((status, content)) = rows.pop() {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            let mut some = [0; 4_096];
            // Head and content are short, and come whole: the content is JSON, and ends so.
            while !request.ends_with(b"}") {
                let read = stream.read(&mut some).await.unwrap();
                request.extend_from_slice(&some[..read]);
            }
            asked.push(String::from_utf8(request).unwrap());
            if status == 0 {
                continue;
            }
            let length = content.len();
            let answer = format!(
                "HTTP/1.1 {status} OK\r\nconnection: close\r\ncontent-type: application/x-amz-json-1.0\r\ncontent-length: {length}\r\n\r\n{content}"
            );
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
        asked
    });
    (port, serving)
}

const VERSION: (u16, &str) =
    (200, r#"{"Item":{"kind":{"S":"version"},"name":{"S":"store"},"version":{"N":"1"}}}"#);
const BUSY: (u16, &str) = (
    400,
    r#"{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException","message":"busy"}"#,
);

/// A change is sent again where the service did not look at it, and nowhere else.
#[tokio::test]
async fn a_change_is_sent_again_only_where_nobody_looked_at_it() {
    let (port, serving) = answers(vec![VERSION, BUSY, BUSY, (200, "{}")]).await;
    let store = DynamoDbStore::open(client(port), "busy").await.unwrap();
    assert_eq!(store.write(&put("one", "{}", None), NOW).await.unwrap(), Written::Done);
    assert_eq!(serving.await.unwrap().len(), 4);

    for lost in [(500, r#"{"__type":"InternalServerError"}"#), (503, ""), (0, "")] {
        let (port, serving) = answers(vec![VERSION, lost]).await;
        let store = DynamoDbStore::open(client(port), "lost").await.unwrap();
        let error = store.write(&put("one", "{}", None), NOW).await.unwrap_err();
        assert_eq!(error.code(), "store-engine", "{lost:?}");
        assert_eq!(serving.await.unwrap().len(), 2, "{lost:?}");
    }
}

/// Where the service tells what is there, nothing else is asked; and every request is a consistent one.
#[tokio::test]
async fn a_conflict_tells_what_is_there() {
    let failed = (
        400,
        r#"{"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException","message":"no","Item":{"kind":{"S":"session"},"name":{"S":"one"},"content":{"S":"hush"},"revision":{"N":"7"}}}"#,
    );
    let rows = vec![VERSION, failed, (200, r#"{"Responses":{}}"#), (200, r#"{"Items":[]}"#)];
    let (port, serving) = answers(rows).await;
    let store = DynamoDbStore::open(client(port), "told").await.unwrap();
    let change = Change { expected: Expected::Absent, ..put("one", "{}", None) };
    let there = Record { content: "hush".to_owned(), revision: Revision(7), ends: None };
    assert_eq!(store.write(&change, NOW).await.unwrap(), Written::Conflict(Some(there)));
    assert_eq!(store.read(std::slice::from_ref(&change.key), NOW).await.unwrap(), [None]);
    assert_eq!(store.list(Kind::Session, "", NOW).await.unwrap(), []);
    let asked = serving.await.unwrap();
    for (at, asks) in [(0, "GetItem"), (1, "PutItem"), (2, "BatchGetItem"), (3, "Query")] {
        assert!(asked[at].contains(asks), "{}", asked[at]);
        let consistent = asked[at].contains(r#""ConsistentRead":true"#);
        assert!(consistent || asks == "PutItem", "{}", asked[at]);
    }
    assert!(asked[1].contains(r#""ReturnValuesOnConditionCheckFailure":"ALL_OLD""#), "{}", asked[1]);
}

#[tokio::test]
async fn neither_contents_nor_credentials_are_printed() {
    let strange = (
        200,
        r#"{"Responses":{"told":[{"kind":{"S":"session"},"name":{"S":"one"},"content":{"S":"hush"}}]}}"#,
    );
    let (port, serving) = answers(vec![VERSION, strange]).await;
    let store = DynamoDbStore::open(client(port), "told").await.unwrap();
    let error = store.read(&[Key::new(Kind::Session, "one")], NOW).await.unwrap_err();
    assert_eq!(error.code(), "store-engine");
    assert!(!format!("{store:?} {error} {error:?}").contains("hush"));
    serving.await.unwrap();
    let away = DynamoDbStore::open(client(free_port()), "away").await.unwrap_err();
    assert!(!format!("{away} {away:?}").contains("hush"), "{away:?}");
    let busy = client(free_port()).get_item().table_name("away").send().await.unwrap_err();
    assert_eq!(busy.code(), None);
}
