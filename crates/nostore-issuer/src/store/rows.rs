//! Rows: how each thing is written and read.

use nostore_message::{Secret, UnixTime};
use rusqlite::types::Type;
use rusqlite::{Connection, Row, Transaction, params};
use serde_json::{Map, Value};

use super::parties::{self, put_grant, put_party};
use super::{SecretBytes, StoreError};
use crate::core::{
    Change, Client, Entitlements, HeldKey, Machine, MachineToken, MachineTokenKind, Membership, Organization,
    Session, SessionStatus, State, Template, User,
};

/// A signing key as it is kept, not yet looked into.
#[derive(Debug)]
pub(crate) struct KeptKey {
    /// The private key in PKCS#8.
    pub(crate) pkcs8: SecretBytes,
    /// When it was made.
    pub(crate) created_at: UnixTime,
    /// From when on it is not published any more; `None` for the current one.
    pub(crate) dropped_at: Option<UnixTime>,
    /// The longest lifetime of a token that it signed, in seconds.
    pub(crate) longest_secs: i64,
}

/// Writes one change.
pub(super) fn write(transaction: &Transaction<'_>, change: &Change) -> Result<(), StoreError> {
    let execute = |sql: &str, parameters: &[&dyn rusqlite::ToSql]| {
        transaction.execute(sql, parameters).map(drop).map_err(StoreError::from)
    };
    match change {
        Change::DropClient { token } => execute("DELETE FROM clients WHERE token = ?1", &[&token.expose()]),
        Change::DropGrant { id } => execute("DELETE FROM grants WHERE id = ?1", &[id]),
        Change::DropKey { kid } => execute("DELETE FROM signing_keys WHERE kid = ?1", &[kid]),
        Change::DropMembership { organization_id, user_id } => {
            let sql = "DELETE FROM memberships WHERE organization_id = ?1 AND user_id = ?2";
            execute(sql, &[organization_id, user_id])
        }
        Change::DropOrganization { id } => {
            execute("DELETE FROM memberships WHERE organization_id = ?1", &[id])?;
            execute("DELETE FROM organizations WHERE id = ?1", &[id])
        }
        Change::DropSession { id } => execute("DELETE FROM sessions WHERE id = ?1", &[id]),
        Change::DropUser { id } => {
            execute("DELETE FROM grants WHERE user_id = ?1", &[id])?;
            execute("DELETE FROM sessions WHERE user_id = ?1", &[id])?;
            execute("DELETE FROM memberships WHERE user_id = ?1", &[id])?;
            execute("DELETE FROM users WHERE id = ?1", &[id])
        }
        Change::DropNonce { .. } | Change::PutNonce { .. } => Ok(()),
        put => write_put(transaction, put),
    }
}

fn write_put(transaction: &Transaction<'_>, change: &Change) -> Result<(), StoreError> {
    match change {
        Change::PutClient(client) => put_client(transaction, client)?,
        Change::PutGrant(grant) => put_grant(transaction, grant)?,
        Change::PutKey(held) => put_key(transaction, held)?,
        Change::PutMachine(machine) => put_machine(transaction, machine)?,
        Change::PutMachineToken(token) => put_machine_token(transaction, token)?,
        Change::PutMembership(membership) => put_membership(transaction, membership)?,
        Change::PutOrganization(organization) => put_organization(transaction, organization)?,
        Change::PutParty(party) => put_party(transaction, party)?,
        Change::PutSession(session) => put_session(transaction, session)?,
        Change::PutTemplate(template) => put_template(transaction, template)?,
        Change::PutUser(user) => put_user(transaction, user)?,
        _ => {}
    }
    Ok(())
}

fn put_user(transaction: &Transaction<'_>, user: &User) -> rusqlite::Result<()> {
    let sql = "INSERT INTO users (id, email, name, features, plan, created_ms, email_verified, in_groups)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
        ON CONFLICT (id) DO UPDATE SET email = excluded.email, name = excluded.name,
            features = excluded.features, plan = excluded.plan,
            email_verified = excluded.email_verified, in_groups = excluded.in_groups";
    let User { id, email, email_verified, name, groups, entitled, created_at } = user;
    let (features, plan, groups) = (list(&entitled.features), &entitled.plan, list(groups));
    let created = created_at.millis();
    transaction.execute(sql, params![id, email, name, features, plan, created, email_verified, groups])?;
    Ok(())
}

fn put_client(transaction: &Transaction<'_>, client: &Client) -> rusqlite::Result<()> {
    let Client { token, id, created_at, updated_at, session_id } = client;
    let sql = "INSERT OR REPLACE INTO clients (token, id, created_ms, updated_ms, session_id)
        VALUES (?1, ?2, ?3, ?4, ?5)";
    let (created, updated) = (created_at.millis(), updated_at.millis());
    transaction.execute(sql, params![token.expose(), id, created, updated, session_id])?;
    Ok(())
}

fn put_key(transaction: &Transaction<'_>, held: &HeldKey) -> Result<(), StoreError> {
    let pkcs8 = held.key.to_pkcs8().map_err(StoreError::Key)?;
    let dropped = held.dropped_at.map(UnixTime::millis);
    let sql = "INSERT OR REPLACE INTO signing_keys (kid, pkcs8, created_ms, dropped_ms, longest_secs)
        VALUES (?1, ?2, ?3, ?4, ?5)";
    let created = held.created_at.millis();
    transaction.execute(sql, params![held.key.kid(), pkcs8.expose(), created, dropped, held.longest_secs])?;
    Ok(())
}

fn put_session(transaction: &Transaction<'_>, session: &Session) -> rusqlite::Result<()> {
    let sql = "INSERT INTO sessions
            (id, client_id, user_id, status, organization_id, refresh_token, created_ms, updated_ms,
                authenticated_ms)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
        ON CONFLICT (id) DO UPDATE SET client_id = excluded.client_id, status = excluded.status,
            organization_id = excluded.organization_id, refresh_token = excluded.refresh_token,
            updated_ms = excluded.updated_ms, authenticated_ms = excluded.authenticated_ms";
    transaction.execute(
        sql,
        params![
            session.id,
            session.client_id,
            session.user_id,
            session.status.name(),
            session.organization_id,
            session.refresh_token.expose(),
            session.created_at.millis(),
            session.updated_at.millis(),
            session.authenticated_at.millis(),
        ],
    )?;
    Ok(())
}

fn put_organization(transaction: &Transaction<'_>, organization: &Organization) -> rusqlite::Result<()> {
    let sql = "INSERT INTO organizations (id, slug, name, features, plan, created_ms)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6)
        ON CONFLICT (id) DO UPDATE SET slug = excluded.slug, name = excluded.name,
            features = excluded.features, plan = excluded.plan";
    let Organization { id, slug, name, entitled, created_at } = organization;
    let features = list(&entitled.features);
    transaction.execute(sql, params![id, slug, name, features, entitled.plan, created_at.millis()])?;
    Ok(())
}

fn put_membership(transaction: &Transaction<'_>, membership: &Membership) -> rusqlite::Result<()> {
    let sql = "INSERT OR REPLACE INTO memberships (organization_id, user_id, role, permissions, created_ms)
        VALUES (?1, ?2, ?3, ?4, ?5)";
    let Membership { organization_id, user_id, role, permissions, created_at } = membership;
    let parameters = params![organization_id, user_id, role, list(permissions), created_at.millis()];
    transaction.execute(sql, parameters)?;
    Ok(())
}

fn put_machine(transaction: &Transaction<'_>, machine: &Machine) -> rusqlite::Result<()> {
    let Machine { id, name, secret_key, created_at } = machine;
    let sql = "INSERT OR REPLACE INTO machines (id, name, secret_key, created_ms) VALUES (?1, ?2, ?3, ?4)";
    transaction.execute(sql, params![id, name, secret_key.expose(), created_at.millis()])?;
    Ok(())
}

fn put_template(transaction: &Transaction<'_>, template: &Template) -> rusqlite::Result<()> {
    let Template { name, claims, lifetime_secs } = template;
    let sql = "INSERT OR REPLACE INTO templates (name, claims, lifetime_secs) VALUES (?1, ?2, ?3)";
    let claims = Value::Object(claims.clone()).to_string();
    transaction.execute(sql, params![name, claims, lifetime_secs])?;
    Ok(())
}

fn put_machine_token(transaction: &Transaction<'_>, token: &MachineToken) -> rusqlite::Result<()> {
    let sql = "INSERT OR REPLACE INTO machine_tokens
            (kind, id, token, name, subject, client_id, scopes, claims, expires_ms, revoked, created_ms)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
    transaction.execute(
        sql,
        params![
            token.kind.object(),
            token.id,
            token.token.expose(),
            token.name,
            token.subject,
            token.client_id,
            list(&token.scopes),
            token.claims.clone().map(|claims| Value::Object(claims).to_string()),
            token.expires_at.map(UnixTime::millis),
            token.revoked,
            token.created_at.millis(),
        ],
    )?;
    Ok(())
}

/// Reads the signing keys.
pub(super) fn read_keys(connection: &Connection) -> rusqlite::Result<Vec<KeptKey>> {
    let sql = "SELECT pkcs8, created_ms, dropped_ms, longest_secs FROM signing_keys";
    rows(connection, sql, |row| {
        let dropped: Option<i64> = row.get(2)?;
        Ok(KeptKey {
            pkcs8: SecretBytes(row.get(0)?),
            created_at: time(row, 1)?,
            dropped_at: dropped.map(UnixTime::from_millis),
            longest_secs: row.get(3)?,
        })
    })
}

/// Reads everything but keys.
pub(super) fn read_state(connection: &Connection) -> rusqlite::Result<State> {
    let mut changes = rows(
        connection,
        "SELECT id, email, name, features, plan, created_ms, email_verified, in_groups FROM users",
        |row| read_user(row).map(Change::PutUser),
    )?;
    changes.extend(rows(
        connection,
        "SELECT token, id, created_ms, updated_ms, session_id FROM clients",
        |row| {
            let (created_at, updated_at) = (time(row, 2)?, time(row, 3)?);
            let (token, id, session_id) = (secret(row, 0)?, row.get(1)?, row.get(4)?);
            Ok(Change::PutClient(Client { token, id, created_at, updated_at, session_id }))
        },
    )?);
    changes.extend(rows(
        connection,
        "SELECT id, client_id, user_id, status, organization_id, refresh_token, created_ms, updated_ms,
            authenticated_ms FROM sessions",
        |row| read_session(row).map(Change::PutSession),
    )?);
    changes.extend(rows(
        connection,
        "SELECT id, slug, name, features, plan, created_ms FROM organizations",
        |row| {
            let entitled = Entitlements { features: read_list(row, 3)?, plan: row.get(4)? };
            let (id, slug, name) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let created_at = time(row, 5)?;
            Ok(Change::PutOrganization(Organization { id, slug, name, entitled, created_at }))
        },
    )?);
    changes.extend(rows(
        connection,
        "SELECT organization_id, user_id, role, permissions, created_ms FROM memberships",
        |row| {
            let (organization_id, user_id, role) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let (permissions, created_at) = (read_list(row, 3)?, time(row, 4)?);
            Ok(Change::PutMembership(Membership { organization_id, user_id, role, permissions, created_at }))
        },
    )?);
    changes.extend(rows(connection, "SELECT id, name, secret_key, created_ms FROM machines", |row| {
        let (id, name, secret_key, created_at) = (row.get(0)?, row.get(1)?, secret(row, 2)?, time(row, 3)?);
        Ok(Change::PutMachine(Machine { id, name, secret_key, created_at }))
    })?);
    changes.extend(rows(
        connection,
        "SELECT kind, id, token, name, subject, client_id, scopes, claims, expires_ms, revoked, created_ms
            FROM machine_tokens",
        |row| read_machine_token(row).map(Change::PutMachineToken),
    )?);
    changes.extend(rows(connection, "SELECT name, claims, lifetime_secs FROM templates", |row| {
        let claims: String = row.get(1)?;
        let claims = serde_json::from_str(&claims).map_err(|_| unexpected(1, "a JSON object"))?;
        Ok(Change::PutTemplate(Template { name: row.get(0)?, claims, lifetime_secs: row.get(2)? }))
    })?);
    changes.extend(parties::read(connection)?);
    Ok(State::from_changes(changes))
}

fn read_user(row: &Row<'_>) -> rusqlite::Result<User> {
    Ok(User {
        id: row.get(0)?,
        email: row.get(1)?,
        email_verified: row.get(6)?,
        name: row.get(2)?,
        groups: read_list(row, 7)?,
        entitled: Entitlements { features: read_list(row, 3)?, plan: row.get(4)? },
        created_at: time(row, 5)?,
    })
}

fn read_session(row: &Row<'_>) -> rusqlite::Result<Session> {
    let status: String = row.get(3)?;
    let found = SessionStatus::ALL.into_iter().find(|known| known.name() == status);
    Ok(Session {
        id: row.get(0)?,
        client_id: row.get(1)?,
        user_id: row.get(2)?,
        status: found.ok_or_else(|| unexpected(3, "a status"))?,
        organization_id: row.get(4)?,
        refresh_token: secret(row, 5)?,
        created_at: time(row, 6)?,
        authenticated_at: time(row, 8)?,
        updated_at: time(row, 7)?,
    })
}

fn read_machine_token(row: &Row<'_>) -> rusqlite::Result<MachineToken> {
    let kind: String = row.get(0)?;
    let found = MachineTokenKind::ALL.into_iter().find(|known| known.object() == kind);
    let claims: Option<String> = row.get(7)?;
    let claims = claims.map(|text| serde_json::from_str::<Map<String, Value>>(&text)).transpose();
    let expires: Option<i64> = row.get(8)?;
    Ok(MachineToken {
        kind: found.ok_or_else(|| unexpected(0, "a kind of token"))?,
        id: row.get(1)?,
        token: secret(row, 2)?,
        name: row.get(3)?,
        subject: row.get(4)?,
        client_id: row.get(5)?,
        scopes: read_list(row, 6)?,
        claims: claims.map_err(|_| unexpected(7, "a JSON object"))?,
        expires_at: expires.map(UnixTime::from_millis),
        revoked: row.get(9)?,
        created_at: time(row, 10)?,
    })
}

pub(super) fn rows<T>(
    connection: &Connection,
    sql: &str,
    read: impl Fn(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    let mut statement = connection.prepare(sql)?;
    let found = statement.query_map((), |row| read(row))?;
    found.collect()
}

pub(super) fn time(row: &Row<'_>, column: usize) -> rusqlite::Result<UnixTime> {
    row.get(column).map(UnixTime::from_millis)
}

pub(super) fn secret(row: &Row<'_>, column: usize) -> rusqlite::Result<Secret> {
    row.get::<_, String>(column).map(Secret::new)
}

/// Writes a list of names as JSON.
pub(super) fn list(names: &[String]) -> String {
    Value::from(names.to_vec()).to_string()
}

pub(super) fn read_list(row: &Row<'_>, column: usize) -> rusqlite::Result<Vec<String>> {
    let text: String = row.get(column)?;
    serde_json::from_str(&text).map_err(|_| unexpected(column, "a JSON list of strings"))
}

fn unexpected(column: usize, expected: &str) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, format!("expected {expected}").into())
}
