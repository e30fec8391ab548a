//! Changing a record where what is expected holds.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure as OnFailure;
use aws_sdk_dynamodb::types::error::ConditionalCheckFailedException;
use nostore_message::UnixTime;
use nostore_signin::store::{Change, Expected, Key, Record, StoreError, Written};

use crate::item::{self, ENDS, Item, KIND, REVISION};
use crate::{DynamoDbStore, engine, strange};

/// What the service says where it was too busy to look at a request.
const TOO_BUSY: [&str; 4] =
    ["ProvisionedThroughputExceededException", "RequestLimitExceeded", "Throttling", "ThrottlingException"];
/// So long is waited then; then twice as long, and so on.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// What became of one request.
enum Sent {
    Done,
    /// With what is there, where the service tells.
    Failed(Option<Item>),
    TooBusy,
}

/// A condition as DynamoDB reads it.
struct Condition {
    text: &'static str,
    names: HashMap<String, String>,
    values: Item,
}

impl Condition {
    /// Writes down what is expected at `now`. A record that has ended is not there.
    fn of(expected: Expected, now: UnixTime) -> Option<Self> {
        let names = |names: &[(&str, &str)]| {
            names.iter().map(|(short, name)| ((*short).to_owned(), (*name).to_owned())).collect()
        };
        let now = (":now".to_owned(), item::number(&now.millis()));
        match expected {
            Expected::Anything => None,
            Expected::Absent => Some(Self {
                text: "attribute_not_exists(#kind) OR #ends <= :now",
                names: names(&[("#kind", KIND), ("#ends", ENDS)]),
                values: HashMap::from([now]),
            }),
            Expected::Revision(revision) => Some(Self {
                text: "#revision = :revision AND (attribute_not_exists(#ends) OR #ends > :now)",
                names: names(&[("#revision", REVISION), ("#ends", ENDS)]),
                values: HashMap::from([now, (":revision".to_owned(), item::number(&revision.0))]),
            }),
        }
    }
}

impl DynamoDbStore {
    pub(crate) async fn change(&self, change: &Change, now: UnixTime) -> Result<Written, StoreError> {
        let mut pause = FIRST_PAUSE;
        loop {
            let condition = Condition::of(change.expected, now);
            let sent = match &change.record {
                Some(record) => self.put(item::print(&change.key, record), condition).await?,
                None => self.delete(item::key(&change.key), condition).await?,
            };
            match sent {
                Sent::Done => return Ok(Written::Done),
                Sent::Failed(there) => {
                    let there = self.there(&change.key, there).await?;
                    return Ok(Written::Conflict(there.filter(|record| !record.has_ended(now))));
                }
                // Whoever calls bounds the time.
                Sent::TooBusy => tokio::time::sleep(pause).await,
            }
            pause *= 2;
        }
    }

    /// Reads what is there instead, where the service did not tell.
    async fn there(&self, key: &Key, told: Option<Item>) -> Result<Option<Record>, StoreError> {
        match told {
            Some(item) => item::parse(&item).map(Some).ok_or_else(|| strange("writing")),
            None => Ok(self.fetch(std::slice::from_ref(key)).await?.pop().flatten()),
        }
    }

    async fn put(&self, item: Item, condition: Option<Condition>) -> Result<Sent, StoreError> {
        let mut put = self.client.put_item().table_name(&self.table).set_item(Some(item));
        if let Some(Condition { text, names, values }) = condition {
            put = put
                .condition_expression(text)
                .set_expression_attribute_names(Some(names))
                .set_expression_attribute_values(Some(values))
                .return_values_on_condition_check_failure(OnFailure::AllOld);
        }
        let sent = put.customize().config_override(once()).send().await;
        came(sent, |error| match error {
            PutItemError::ConditionalCheckFailedException(failed) => Some(failed),
            _ => None,
        })
    }

    async fn delete(&self, key: Item, condition: Option<Condition>) -> Result<Sent, StoreError> {
        let mut delete = self.client.delete_item().table_name(&self.table).set_key(Some(key));
        if let Some(Condition { text, names, values }) = condition {
            delete = delete
                .condition_expression(text)
                .set_expression_attribute_names(Some(names))
                .set_expression_attribute_values(Some(values))
                .return_values_on_condition_check_failure(OnFailure::AllOld);
        }
        let sent = delete.customize().config_override(once()).send().await;
        came(sent, |error| match error {
            DeleteItemError::ConditionalCheckFailedException(failed) => Some(failed),
            _ => None,
        })
    }
}

/// Sends nothing twice: of a change whose answer was lost the second one would say that the first was in its way.
fn once() -> aws_sdk_dynamodb::config::Builder {
    aws_sdk_dynamodb::Config::builder().retry_config(RetryConfig::disabled())
}

fn came<T, E>(
    sent: Result<T, SdkError<E>>,
    failed: impl FnOnce(&E) -> Option<&ConditionalCheckFailedException>,
) -> Result<Sent, StoreError>
where
    E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    let error = match sent {
        Ok(_) => return Ok(Sent::Done),
        Err(SdkError::ServiceError(error)) => error.into_err(),
        Err(error) => return Err(engine("writing", error)),
    };
    if let Some(failed) = failed(&error) {
        return Ok(Sent::Failed(failed.item.clone().filter(|item| !item.is_empty())));
    }
    if error.code().is_some_and(|code| TOO_BUSY.contains(&code)) {
        return Ok(Sent::TooBusy);
    }
    Err(StoreError::Engine { doing: "writing", source: error.into() })
}
