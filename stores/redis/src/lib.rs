//! Keeps the token clients of many processes in step through Redis or Valkey: of those that share a session, one asks
//! the service, and the others take what it got.
//!
//! ```no_run
//! use nostore_message::Secret;
//! use nostore_redis::RedisLink;
//! # use nostore_token::{Ask, Failure, Fetched, SessionTokens};
//! use tokio::runtime::Handle;
//!
//! # async fn ask_the_service(_: Ask) -> Result<Fetched, Failure> { Err(Failure::Offline) }
//! # fn started(url: Secret, secret: Secret) -> Result<(), nostore_redis::SettingsFault> {
//! let link = RedisLink::builder(&url, [secret])?.build_on(&Handle::current())?;
//! let tokens = SessionTokens::builder(ask_the_service).bus(link.clone()).lock(link);
//! # drop(tokens);
//! # Ok(())
//! # }
//! ```
//!
//! Besides, [`RedisStore`] keeps what a sign-in of one's own keeps: the two have nothing in common but the server, and want it
//! configured differently.
//!
//! [`RedisLink`] is a [`nostore_token::Bus`] and a [`nostore_token::Lock`] over one connection:
//!
//! | | commands |
//! |---|---|
//! | a token is told | `SET <prefix>:token:<name> <sealed> PX <until it expires>`, `PUBLISH <prefix>:tokens <name><sealed>` |
//! | a token is looked for | `GET <prefix>:token:<name>`, one for each secret |
//! | a session ends | `DEL <prefix>:token:<name> ...` |
//! | the lock is taken | `SET <prefix>:lock:<name> <owner> NX PX <a fetch and a little more>` |
//! | the lock is given back | `EVAL` of a script that deletes it where it is the owner's still |
//! | nothing happened for a second | `PING` |
//!
//! With the feature `tls` the link speaks TLS to `rediss://` and `valkeys://`, through rustls with aws-lc-rs, and never without
//! looking at the certificate.
//!
//! # Invariants
//!
//! - *Nothing waits for Redis.* While it is known to be away, everything is refused at once; an exchange that takes longer
//!   than [`RedisLinkBuilder::patience`] ends the connection, and with it everybody's waiting.
//! - *Nothing in Redis says anything to whoever lacks the secret*: tokens are sealed, and names, in which session ids are,
//!   are hidden ([`nostore_token::Seals`]). How many sessions are active and how often they refresh is seen.
//! - *Nothing that Redis says is believed* unless it was sealed with one of the secrets, under the name it is found under,
//!   and names the entry of that name itself. A Redis that lies costs fetches, and nobody a token.
//! - *In order*: commands take effect in the order in which they were given, so whoever gets the lock next finds the
//!   token that its last owner told of.
//! - *Bounded*: the queue, what is remembered, and what is read of a value.
//!
//! # Caveats
//!
//! The lock saves fetches and no more: Redis may lose it, and an owner that is frozen may lose it. Where Redis is a
//! cluster, point the link at one node's primary that serves all slots, or do without: keys are not of one slot.
//! The server must speak RESP3 (Redis from 6.0 on, Valkey). Memory that runs full must not evict what has just been
//! written: `volatile-ttl` suits. Tokens that do not say when their facts were read (`oiat`) cannot be told from older ones:
//! where Redis repeats what it was told before, each of those costs whoever hears it a fetch.
//!
//! # Not covered
//!
//! Certificates of our own towards Redis; discovery by Sentinel or Cluster.
//!
//! Specifications: [the Redis protocol, RESP3](https://redis.io/docs/latest/develop/reference/protocol-spec/), its commands
//! [SET](https://redis.io/docs/latest/commands/set/), [PUBLISH](https://redis.io/docs/latest/commands/publish/) and
//! [EVAL](https://redis.io/docs/latest/commands/eval/), and the
//! [pattern of a lock with an owner](https://redis.io/docs/latest/develop/clients/patterns/distributed-locks/); section 4,
//! items 9 and 10, of the token client's specification.

mod batch;
mod drive;
mod link;
mod pauses;
mod queue;
mod settings;
mod store;
mod waiting;

pub use link::{LinkFault, RedisLink};
pub use settings::{RedisLinkBuilder, SettingsFault};
pub use store::{OpenFault, RedisStore, RedisStoreBuilder};
