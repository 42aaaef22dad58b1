//! Who may use the API.
//!
//! Where there is a token, whoever has it. Where there is none only this machine can connect, and what has to be kept
//! out are web pages in its users' browsers: a page may send requests to loopback addresses, under its own site's name
//! (`Origin`), or under a name of its own that it lets point here (`Host`).

use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, HOST, HeaderName, ORIGIN, WWW_AUTHENTICATE};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use subtle::ConstantTimeEq;

use super::refusal::Refusal;
use crate::config::Token;

/// The token that is asked for; can be replaced while the API is served.
#[derive(Debug, Default)]
pub struct Access {
    token: RwLock<Option<Arc<Token>>>,
}

impl Access {
    /// Asks for this token.
    pub fn new(token: Option<Token>) -> Self {
        let access = Self::default();
        access.replace(token);
        access
    }

    /// From now on asks for this one.
    pub fn replace(&self, token: Option<Token>) {
        *self.token.write().unwrap_or_else(PoisonError::into_inner) = token.map(Arc::new);
    }

    fn token(&self) -> Option<Arc<Token>> {
        self.token.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Why a request with these headers is not served.
    fn refuse(&self, headers: &HeaderMap) -> Option<Refusal> {
        if let Some(token) = self.token() {
            return (!bears(headers, &token)).then(|| {
                Refusal::new(StatusCode::UNAUTHORIZED, "the API asks for its token: send `Authorization: Bearer TOKEN`")
            });
        }
        let host = authority(headers, &HOST);
        if !host.as_ref().is_some_and(|host| is_loopback(host.host())) {
            let words = "without a token the API is served under the names of this machine only, such as localhost: \
                         give it a token to serve it under others";
            return Some(Refusal::new(StatusCode::FORBIDDEN, words));
        }
        let foreign = headers.contains_key(ORIGIN) && origin(headers) != host;
        foreign.then(|| Refusal::new(StatusCode::FORBIDDEN, "the API serves no other site's web pages"))
    }
}

/// Lets a request through to the API, or answers why not.
pub(super) async fn check(State(access): State<Arc<Access>>, request: Request, next: Next) -> Response {
    match access.refuse(request.headers()) {
        None => next.run(request).await,
        Some(refusal) => {
            let is_unknown = refusal.status == StatusCode::UNAUTHORIZED;
            let mut response = refusal.into_response();
            if is_unknown {
                response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            response
        }
    }
}

fn bears(headers: &HeaderMap, token: &Token) -> bool {
    let given = headers.get(AUTHORIZATION).map(HeaderValue::as_bytes).unwrap_or_default();
    let given = match given.split_at_checked(7) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case(b"bearer ") => rest.trim_ascii(),
        _ => return false,
    };
    // In the same time whatever is wrong with it: how long a comparison takes must not tell how much was right.
    given.ct_eq(token.reveal().as_bytes()).into()
}

fn authority(headers: &HeaderMap, name: &HeaderName) -> Option<Authority> {
    headers.get(name)?.to_str().ok()?.parse().ok()
}

/// The authority of the site that a web page is from. `null`, which hides it, is none.
fn origin(headers: &HeaderMap) -> Option<Authority> {
    headers.get(ORIGIN)?.to_str().ok()?.strip_prefix("http://")?.parse().ok()
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(HeaderName, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect()
    }

    #[test]
    fn without_a_token_web_pages_are_kept_out() {
        let access = Access::default();
        for (given, served) in [
            (headers(&[(HOST, "localhost:9180")]), true),
            (headers(&[(HOST, "127.0.0.1:9180")]), true),
            (headers(&[(HOST, "[::1]:9180")]), true),
            (headers(&[(HOST, "127.0.0.1:9180"), (ORIGIN, "http://127.0.0.1:9180")]), true),
            (headers(&[]), false),
            (headers(&[(HOST, "evil.example:9180")]), false),
            (headers(&[(HOST, "localhost.evil.example")]), false),
            (headers(&[(HOST, "10.0.0.1:9180")]), false),
            (headers(&[(HOST, "127.0.0.1:9180"), (ORIGIN, "http://evil.example")]), false),
            (headers(&[(HOST, "127.0.0.1:9180"), (ORIGIN, "http://127.0.0.1:8081")]), false),
            (headers(&[(HOST, "127.0.0.1:9180"), (ORIGIN, "null")]), false),
        ] {
            assert_eq!(access.refuse(&given).is_none(), served, "{given:?}");
        }
    }

    #[test]
    fn with_a_token_nothing_else_counts() {
        let access = Access::new(Some(Token::new("s3cret")));
        for (given, served) in [
            (headers(&[(AUTHORIZATION, "Bearer s3cret"), (HOST, "tidegate.internal")]), true),
            (headers(&[(AUTHORIZATION, "bearer  s3cret ")]), true),
            (headers(&[(HOST, "localhost")]), false),
            (headers(&[(AUTHORIZATION, "Bearer s3cre")]), false),
            (headers(&[(AUTHORIZATION, "Bearer s3cret2")]), false),
            (headers(&[(AUTHORIZATION, "Bearer")]), false),
            (headers(&[(AUTHORIZATION, "s3cret")]), false),
            (headers(&[(AUTHORIZATION, "Basic s3cret")]), false),
        ] {
            assert_eq!(access.refuse(&given).is_none(), served, "{given:?}");
        }
        access.replace(Some(Token::new("other")));
        assert!(access.refuse(&headers(&[(AUTHORIZATION, "Bearer s3cret")])).is_some());
    }
}
