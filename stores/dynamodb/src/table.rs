//! The table: making it, and whether it is one of ours.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType, TableStatus,
    TimeToLiveSpecification,
};
use nostore_signin::store::StoreError;

use crate::item::{self, EXPIRES, KIND, NAME};
use crate::{DynamoDbStore, VERSION, engine, strange};

/// So often a new table is looked at, so long apart: two minutes.
const LOOKS: u32 = 240;
const BETWEEN: Duration = Duration::from_millis(500);

const MAKING: &str = "making a table";

impl DynamoDbStore {
    /// Makes a table that is paid for by request, and waits until it is there: seconds to minutes.
    ///
    /// # Errors
    ///
    /// [`StoreError::Engine`] where there is one of that name already, the rights are missing or it takes longer.
    pub async fn create_table(client: &Client, table: &str) -> Result<(), StoreError> {
        let bad = |error: aws_sdk_dynamodb::error::BuildError| StoreError::Engine {
            doing: MAKING,
            source: error.into(),
        };
        let mut create = client.create_table().table_name(table).billing_mode(BillingMode::PayPerRequest);
        for (name, kind) in [(KIND, KeyType::Hash), (NAME, KeyType::Range)] {
            let key = KeySchemaElement::builder().attribute_name(name).key_type(kind).build();
            let of =
                AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S);
            create = create.key_schema(key.map_err(bad)?).attribute_definitions(of.build().map_err(bad)?);
        }
        create.send().await.map_err(|error| engine(MAKING, error))?;
        for _ in 0..LOOKS {
            let described = client.describe_table().table_name(table).send().await;
            let described = described.map_err(|error| engine(MAKING, error))?;
            if described.table.and_then(|table| table.table_status) == Some(TableStatus::Active) {
                return Ok(());
            }
            tokio::time::sleep(BETWEEN).await;
        }
        let source = "expected the table to become active within two minutes";
        Err(StoreError::Engine { doing: MAKING, source: source.into() })
    }

    /// Has DynamoDB remove records by itself, a day or more after their end. Nothing depends on it but what the table costs.
    ///
    /// # Errors
    ///
    /// [`StoreError::Engine`] where that is so already, or the rights are missing.
    pub async fn enable_cleaning(client: &Client, table: &str) -> Result<(), StoreError> {
        let doing = "having the table cleaned";
        let by = TimeToLiveSpecification::builder().enabled(true).attribute_name(EXPIRES).build();
        let by = by.map_err(|error| StoreError::Engine { doing, source: error.into() })?;
        let sent = client.update_time_to_live().table_name(table).time_to_live_specification(by).send().await;
        sent.map(drop).map_err(|error| engine(doing, error))
    }

    /// Looks at the version, and notes it in a new table.
    pub(crate) async fn look(&self) -> Result<(), StoreError> {
        if self.version().await? {
            return Ok(());
        }
        let mut item = item::version_key();
        item.insert(item::VERSION.to_owned(), item::number(&VERSION));
        let put = self.client.put_item().table_name(&self.table).set_item(Some(item));
        let put = put.condition_expression("attribute_not_exists(#kind)");
        let sent = put.expression_attribute_names("#kind", KIND).send().await;
        match sent {
            Ok(_) => Ok(()),
            // Somebody else was faster.
            Err(SdkError::ServiceError(error)) if error.err().is_conditional_check_failed_exception() => {
                self.version().await.map(drop)
            }
            Err(error) => Err(engine("opening", error)),
        }
    }

    /// Tells whether there is a version, and refuses that of a newer release.
    async fn version(&self) -> Result<bool, StoreError> {
        let get = self.client.get_item().table_name(&self.table).consistent_read(true);
        let answer = get.set_key(Some(item::version_key())).send().await;
        let answer = answer.map_err(|error| match error.code() {
            Some("ResourceNotFoundException") => self.unusable("no such table"),
            Some("ValidationException") => self.unusable("a table with other keys"),
            _ => engine("opening", error),
        })?;
        let Some(item) = answer.item.filter(|item| !item.is_empty()) else { return Ok(false) };
        let found = item.get(item::VERSION).and_then(|version| version.as_n().ok());
        match found.map(|found| found.parse().unwrap_or(u32::MAX)) {
            Some(found) if found > VERSION => Err(StoreError::Newer { expected: VERSION, found }),
            Some(_) => Ok(true),
            None => Err(strange("opening")),
        }
    }

    fn unusable(&self, found: &str) -> StoreError {
        StoreError::Unusable {
            expected: "a table with the keys `kind` and `name`, both text",
            place: format!("the table `{}`", self.table),
            found: found.to_owned(),
            mend: "make one with `DynamoDbStore::create_table`, or name another",
        }
    }
}
