//! Relying parties in a seed.

use nostore_message::Secret;

use super::reader::{Members, Node};
use super::{SeedError, Sower};
use crate::core::oidc::RelyingParty;
use crate::core::oidc::party::{
    ADDRESS, BACKCHANNEL, CLIENT_ID, MAX_PARTIES, SECRET, is_address, is_backchannel, is_client_id, is_secret,
};
use crate::core::state::Change;

impl Sower {
    pub(super) fn relying_party(&mut self, node: &Node<'_>) -> Result<(), SeedError> {
        let members = node.members(&[
            "client_id",
            "client_secret",
            "name",
            "redirect_uris",
            "post_logout_redirect_uris",
            "backchannel_logout_uri",
        ])?;
        let client_id = members.checked("client_id", CLIENT_ID, is_client_id)?;
        let client_id = client_id.ok_or_else(|| members.wrong("client_id", CLIENT_ID, "nothing"))?;
        self.once(&members, "client_id", "relying party", client_id)?;
        let known = self.state.party(client_id);
        if known.is_none() && self.state.parties().len() >= MAX_PARTIES {
            let expected = format!("at most {MAX_PARTIES} relying parties");
            return Err(members.wrong("client_id", &expected, "one more"));
        }
        let name = members.checked("name", "1 to 256 bytes", |text| (1..=256).contains(&text.len()))?;
        let backchannel = members.checked("backchannel_logout_uri", BACKCHANNEL, is_backchannel)?;
        let party = RelyingParty {
            client_id: client_id.to_owned(),
            secret: client_secret(&members)?,
            name: name.map(str::to_owned),
            redirect_uris: members.texts("redirect_uris", ADDRESS, is_address)?,
            post_logout_redirect_uris: members.texts("post_logout_redirect_uris", ADDRESS, is_address)?,
            backchannel_logout_uri: backchannel.map(str::to_owned),
        };
        if !known.is_some_and(|known| known.is_same(&party)) {
            self.put(Change::PutParty(party));
        }
        Ok(())
    }
}

/// Reads the secret of a confidential client. An error does not show it.
fn client_secret(members: &Members<'_>) -> Result<Option<Secret>, SeedError> {
    match members.optional("client_secret")? {
        Some(secret) if !is_secret(secret) => Err(members.wrong("client_secret", SECRET, "something else")),
        secret => Ok(secret.map(Secret::new)),
    }
}
