//! Rows of relying parties and their grants.

use nostore_message::{Secret, UnixTime};
use rusqlite::{Connection, Row, Transaction, params};

use super::rows::{list, read_list, rows, secret, time};
use crate::core::{Change, Grant, RelyingParty, Scopes};

pub(super) fn put_party(transaction: &Transaction<'_>, party: &RelyingParty) -> rusqlite::Result<()> {
    let sql = "INSERT OR REPLACE INTO relying_parties
            (client_id, secret, name, redirect_uris, post_logout_redirect_uris, backchannel_logout_uri)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    transaction.execute(
        sql,
        params![
            party.client_id,
            party.secret.as_ref().map(Secret::expose),
            party.name,
            list(&party.redirect_uris),
            list(&party.post_logout_redirect_uris),
            party.backchannel_logout_uri,
        ],
    )?;
    Ok(())
}

pub(super) fn put_grant(transaction: &Transaction<'_>, grant: &Grant) -> rusqlite::Result<()> {
    let sql = "INSERT OR REPLACE INTO grants
            (id, secret, client_id, user_id, session_id, scopes, redirect_uri, nonce, challenge,
                authenticated_ms, created_ms, issued_ms, generation)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)";
    transaction.execute(
        sql,
        params![
            grant.id,
            grant.secret.expose(),
            grant.client_id,
            grant.user_id,
            grant.session_id,
            grant.scopes.to_string(),
            grant.redirect_uri,
            grant.nonce,
            grant.challenge,
            grant.authenticated_at.millis(),
            grant.created_at.millis(),
            grant.issued_at.map(UnixTime::millis),
            grant.generation,
        ],
    )?;
    Ok(())
}

/// Reads relying parties and grants.
pub(super) fn read(connection: &Connection) -> rusqlite::Result<Vec<Change>> {
    let sql =
        "SELECT client_id, secret, name, redirect_uris, post_logout_redirect_uris, backchannel_logout_uri
        FROM relying_parties";
    let mut changes = rows(connection, sql, |row| read_party(row).map(Change::PutParty))?;
    let sql = "SELECT id, secret, client_id, user_id, session_id, scopes, redirect_uri, nonce, challenge,
            authenticated_ms, created_ms, issued_ms, generation
        FROM grants";
    changes.extend(rows(connection, sql, |row| read_grant(row).map(Change::PutGrant))?);
    Ok(changes)
}

fn read_party(row: &Row<'_>) -> rusqlite::Result<RelyingParty> {
    Ok(RelyingParty {
        client_id: row.get(0)?,
        secret: row.get::<_, Option<String>>(1)?.map(Secret::new),
        name: row.get(2)?,
        redirect_uris: read_list(row, 3)?,
        post_logout_redirect_uris: read_list(row, 4)?,
        backchannel_logout_uri: row.get(5)?,
    })
}

fn read_grant(row: &Row<'_>) -> rusqlite::Result<Grant> {
    let scopes: String = row.get(5)?;
    let issued: Option<i64> = row.get(11)?;
    Ok(Grant {
        id: row.get(0)?,
        secret: secret(row, 1)?,
        client_id: row.get(2)?,
        user_id: row.get(3)?,
        session_id: row.get(4)?,
        scopes: Scopes::parse(&scopes),
        redirect_uri: row.get(6)?,
        nonce: row.get(7)?,
        challenge: row.get(8)?,
        authenticated_at: time(row, 9)?,
        created_at: time(row, 10)?,
        issued_at: issued.map(UnixTime::from_millis),
        generation: row.get(12)?,
    })
}
