//! Reading and listing.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use nostore_signin::store::{Key, Kind, Record, StoreError};

use crate::item::{self, Item, KIND, NAME};
use crate::{DynamoDbStore, engine, strange};

/// So many keys one request takes.
const AT_ONCE: usize = 100;
/// So long is waited before what got no answer at all is asked for again; then twice as long, and so on.
const FIRST_PAUSE: Duration = Duration::from_millis(20);

impl DynamoDbStore {
    /// Reads what is there, ended or not. Keys may be there twice.
    pub(crate) async fn fetch(&self, keys: &[Key]) -> Result<Vec<Option<Record>>, StoreError> {
        let distinct: Vec<&Key> = keys.iter().collect::<BTreeSet<_>>().into_iter().collect();
        let mut found = BTreeMap::new();
        for some in distinct.chunks(AT_ONCE) {
            self.fetch_some(some.iter().map(|key| item::key(key)).collect(), &mut found).await?;
        }
        let record = |key: &Key| found.get(&(key.kind.code().to_owned(), key.name.clone())).cloned();
        Ok(keys.iter().map(record).collect())
    }

    /// Reads until nothing is left: an answer has so much room, and may leave out as many as it likes.
    async fn fetch_some(
        &self,
        mut keys: Vec<Item>,
        found: &mut BTreeMap<(String, String), Record>,
    ) -> Result<(), StoreError> {
        let mut pause = FIRST_PAUSE;
        while !keys.is_empty() {
            let asked = keys.len();
            let wanted = KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true).build();
            let wanted =
                wanted.map_err(|error| StoreError::Engine { doing: "reading", source: error.into() })?;
            let sent = self.client.batch_get_item().request_items(&self.table, wanted).send().await;
            let answer = sent.map_err(|error| engine("reading", error))?;
            for item in answer.responses.unwrap_or_default().into_values().flatten() {
                let (Some(kind), Some(name)) = (item::part(&item, KIND), item::part(&item, NAME)) else {
                    return Err(strange("reading"));
                };
                let key = (kind.to_owned(), name.to_owned());
                found.insert(key, item::parse(&item).ok_or_else(|| strange("reading"))?);
            }
            let left = answer.unprocessed_keys.unwrap_or_default().into_values();
            keys = left.flat_map(|left| left.keys).collect();
            if keys.len() == asked {
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
        }
        Ok(())
    }

    /// Lists what is there, ended or not, page by page; each page is bounded in time.
    pub(crate) async fn query(&self, kind: Kind, prefix: &str) -> Result<Vec<(String, Record)>, StoreError> {
        let mut listed = Vec::new();
        let mut start: Option<Item> = None;
        loop {
            let page = self.bounded("listing", self.page(kind, prefix, start)).await?;
            for item in page.0 {
                let name = item::part(&item, NAME).map(str::to_owned);
                listed.push(name.zip(item::parse(&item)).ok_or_else(|| strange("listing"))?);
            }
            start = page.1;
            if start.is_none() {
                return Ok(listed);
            }
        }
    }

    /// Returns a page, and where the next one starts.
    async fn page(
        &self,
        kind: Kind,
        prefix: &str,
        start: Option<Item>,
    ) -> Result<(Vec<Item>, Option<Item>), StoreError> {
        let mut query = self.client.query().table_name(&self.table).consistent_read(true);
        query = query.expression_attribute_names("#kind", KIND);
        query = query.expression_attribute_values(":kind", AttributeValue::S(kind.code().to_owned()));
        query = if prefix.is_empty() {
            query.key_condition_expression("#kind = :kind")
        } else {
            query
                .key_condition_expression("#kind = :kind AND begins_with(#name, :prefix)")
                .expression_attribute_names("#name", NAME)
                .expression_attribute_values(":prefix", item::text(prefix))
        };
        let answer = query.set_exclusive_start_key(start).send().await;
        let answer = answer.map_err(|error| engine("listing", error))?;
        let start = answer.last_evaluated_key.filter(|start| !start.is_empty());
        Ok((answer.items.unwrap_or_default(), start))
    }
}
