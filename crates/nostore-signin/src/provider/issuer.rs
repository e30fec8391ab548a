//! Which issuer is the configured one.
//!
//! # Invariants
//!
//! - Issuers are compared as text, byte for byte (OpenID Connect Discovery 1.0 section 4.3).
//! - Where every tenant has an issuer of its own, a token's issuer is the template with the token's own `tid` in it, and
//!   nothing else: not any issuer that looks like one.
//!
//! Specifications: OpenID Connect Core 1.0 section 3.1.3.7 step 2; RFC 9207 section 2.4.

/// Where a tenant's id stands in Microsoft's template.
const TENANT: &str = "{tenantid}";

/// The configured issuer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct IssuerRule {
    text: String,
    /// Other spellings in a callback's `iss`, for a provider that has two.
    also: Option<&'static str>,
}

impl IssuerRule {
    pub(crate) const fn new(text: String, also: Option<&'static str>) -> Self {
        Self { text, also }
    }

    /// The issuer as it is configured: a template, perhaps.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The issuer of a token with that tenant; nothing where a tenant is needed and there is none.
    pub(crate) fn resolve(&self, tenant: Option<&str>) -> Option<String> {
        if !self.text.contains(TENANT) {
            return Some(self.text.clone());
        }
        tenant.filter(|tenant| is_tenant(tenant)).map(|tenant| self.text.replace(TENANT, tenant))
    }

    /// Tells whether a callback's `iss` can be this provider's.
    pub(crate) fn allows(&self, iss: &str) -> bool {
        match self.text.split_once(TENANT) {
            Some((before, after)) => {
                let tenant = iss.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
                tenant.is_some_and(is_tenant)
            }
            None => iss == self.text || self.also == Some(iss),
        }
    }
}

/// A tenant's id is a UUID.
fn is_tenant(text: &str) -> bool {
    text.len() == 36 && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_takes_the_id_of_a_tenant_and_nothing_else() {
        let rule = IssuerRule::new("https://login.example/{tenantid}/v2.0".to_owned(), None);
        let tenant = "9188040d-6c67-4c5b-b112-36a304b66dad";
        assert_eq!(rule.resolve(Some(tenant)), Some(format!("https://login.example/{tenant}/v2.0")));
        for bad in [None, Some(""), Some("../evil"), Some("{tenantid}"), Some("9188040d")] {
            assert_eq!(rule.resolve(bad), None, "{bad:?}");
        }
        assert!(rule.allows(&format!("https://login.example/{tenant}/v2.0")));
        assert!(!rule.allows(&format!("https://login.example/{tenant}/v2.0/")));
        assert!(!rule.allows("https://login.example/{tenantid}/v2.0"));
    }
}
