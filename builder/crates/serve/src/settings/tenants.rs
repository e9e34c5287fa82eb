//! Who may use the service: tenants with tokens. Without any, everybody who reaches the socket is the same tenant.

use std::collections::BTreeMap;

use bundle::digest::Sha;
use serde::Deserialize;

/// A token that can be guessed protects nothing.
pub(super) const SHORTEST_TOKEN: usize = 16;

/// All tenants by the digests of their tokens: to look up a digest tells nothing of a token by the time that it takes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tenants(BTreeMap<String, Tenant>);

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tenant {
    /// Empty where there are no tenants.
    pub(crate) name: String,
    /// How many of its jobs may wait.
    pub(crate) queue: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    token: Option<String>,
    #[serde(rename = "token-sha256")]
    digest: Option<String>,
    queue: Option<usize>,
}

impl Tenants {
    pub(super) fn read(value: toml::Value) -> Result<Tenants, String> {
        let toml::Value::Table(table) = value else { return Err("`tenants` is not a table".to_owned()) };
        let mut tenants = BTreeMap::new();
        for (name, entry) in table {
            let fail = |what: &str| format!("tenant `{name}`: {what}");
            let entry: Entry = entry.try_into().map_err(|error: toml::de::Error| fail(error.message()))?;
            let digest = entry.digest().map_err(|what| fail(&what))?;
            let tenant = Tenant { name: name.clone(), queue: entry.queue };
            if let Some(other) = tenants.insert(digest, tenant) {
                return Err(fail(&format!("tenant `{}` has the same token", other.name)));
            }
        }
        Ok(Tenants(tenants))
    }

    /// Whether nobody needs a token.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Who has this token; everybody where there are no tenants.
    pub(crate) fn find(&self, token: Option<&str>) -> Option<Tenant> {
        if self.is_empty() {
            return Some(Tenant { name: String::new(), queue: None });
        }
        self.0.get(Sha::of(token?.as_bytes()).as_str()).cloned()
    }
}

impl Entry {
    fn digest(&self) -> Result<String, String> {
        match (&self.token, &self.digest) {
            (Some(token), None) if token.len() < SHORTEST_TOKEN => {
                Err(format!("a token has at least {SHORTEST_TOKEN} characters"))
            }
            (Some(token), None) => Ok(Sha::of(token.as_bytes()).as_str().to_owned()),
            (None, Some(digest)) if is_digest(digest) => Ok(digest.clone()),
            (None, Some(_)) => Err("`token-sha256` has 64 digits, 0-9 and a-f".to_owned()),
            _ => Err("it needs `token` or `token-sha256`, and not both".to_owned()),
        }
    }
}

fn is_digest(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenants(text: &str) -> Result<Tenants, String> {
        Tenants::read(toml::Value::Table(text.parse().unwrap()))
    }

    #[test]
    fn a_token_finds_its_tenant_and_no_other() {
        let digest = Sha::of(b"fedcba9876543210");
        let text = format!(
            "[a]\ntoken = \"0123456789abcdef\"\nqueue = 3\n[b]\ntoken-sha256 = \"{}\"",
            digest.as_str()
        );
        let tenants = tenants(&text).unwrap();
        let name = |token| tenants.find(token).map(|tenant| tenant.name);
        assert_eq!(name(Some("0123456789abcdef")).as_deref(), Some("a"));
        assert_eq!(name(Some("fedcba9876543210")).as_deref(), Some("b"));
        assert_eq!((name(Some("0123456789abcdeF")), name(None), name(Some(""))), (None, None, None));
    }

    #[test]
    fn without_tenants_everybody_is_one() {
        let anybody = Some(Tenant { name: String::new(), queue: None });
        assert_eq!(Tenants::default().find(None), anybody);
        assert_eq!(Tenants::default().find(Some("x")), anybody);
    }

    #[test]
    fn a_tenant_needs_one_token_of_its_own() {
        for (text, what) in [
            ("[a]", "tenant `a`: it needs `token` or `token-sha256`, and not both"),
            ("[a]\ntoken-sha256 = \"xyz\"", "tenant `a`: `token-sha256` has 64 digits, 0-9 and a-f"),
            (
                "[a]\ntoken = \"0123456789abcdef\"\n[b]\ntoken = \"0123456789abcdef\"",
                "tenant `b`: tenant `a` has the same token",
            ),
        ] {
            assert_eq!(tenants(text).err().as_deref(), Some(what));
        }
    }
}
