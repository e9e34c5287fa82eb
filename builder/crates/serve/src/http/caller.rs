//! Who asks.

use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, StatusCode};

use bundle::digest::Sha;

use super::problem::Problem;
use crate::settings::{Settings, Tenant};

/// The tenant whose token the request has.
///
/// # Errors
/// There are tenants, and the request has the token of none.
pub(crate) fn caller(headers: &HeaderMap, settings: &Settings) -> Result<Tenant, Problem> {
    settings.tenants.find(token(headers)).ok_or_else(|| {
        Problem::new(
            StatusCode::UNAUTHORIZED,
            "this needs `Authorization: Bearer TOKEN` with a token of the operator's",
        )
    })
}

/// Whether a request has this token. Their digests are compared: the time that this takes tells nothing of the token.
pub(crate) fn is_token(headers: &HeaderMap, expected: &str) -> bool {
    token(headers).is_some_and(|token| Sha::of(token.as_bytes()) == Sha::of(expected.as_bytes()))
}

/// The token of a request: `Authorization: Bearer T`, or the ways of the clients that send it bare or as `X-Auth-Token`.
fn token(headers: &HeaderMap) -> Option<&str> {
    let value = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let bearer = value(AUTHORIZATION.as_str()).map(|text| match text.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
        _ => text,
    });
    bearer.or_else(|| value("x-auth-token"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_comes_in_three_ways() {
        for (name, value, token_) in [
            ("authorization", "Bearer abc", Some("abc")),
            ("authorization", "bearer  abc ", Some("abc")),
            ("authorization", "abc", Some("abc")),
            ("x-auth-token", "abc", Some("abc")),
            ("x-other", "abc", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().unwrap());
            assert_eq!(token(&headers), token_, "{name}: {value}");
        }
    }
}
