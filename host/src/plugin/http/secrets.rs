//! Puts secrets into a request on its way out.

use std::borrow::Cow;

use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Uri};

use super::super::grants::Secret;
use super::Endpoint;

/// How a guest refers to a secret, plainly and as URL libraries write it.
const OPENINGS: [&str; 2] = ["{{secret:", "%7B%7Bsecret:"];
const CLOSINGS: [&str; 2] = ["}}", "%7D%7D"];

/// Replaces what stands for a secret in the path and in headers. An error says why the request must not leave.
pub(super) fn fill(
    uri: &mut Uri,
    headers: &mut HeaderMap,
    to: &Endpoint,
    secrets: &[Secret],
) -> Result<(), &'static str> {
    let path = uri.path_and_query().map_or("", PathAndQuery::as_str);
    if let Cow::Owned(filled) = filled(path, to, secrets)? {
        let mut parts = uri.clone().into_parts();
        parts.path_and_query = Some(filled.parse().map_err(|_| "a secret cannot be part of a URL")?);
        *uri = Uri::from_parts(parts).map_err(|_| "a secret cannot be part of a URL")?;
    }
    for value in headers.values_mut() {
        let Ok(text) = value.to_str() else { continue };
        if let Cow::Owned(filled) = filled(text, to, secrets)? {
            let mut secret = HeaderValue::from_str(&filled).map_err(|_| "a secret cannot be part of a header")?;
            secret.set_sensitive(true);
            *value = secret;
        }
    }
    Ok(())
}

fn filled<'a>(text: &'a str, to: &Endpoint, secrets: &[Secret]) -> Result<Cow<'a, str>, &'static str> {
    let mut rest = text;
    let mut filled = String::new();
    while let Some((before, name, after)) = next(rest) {
        let secret = secrets.iter().find(|secret| secret.name == name).ok_or("it names a secret that it has not")?;
        if secret.to != *to {
            return Err("it names a secret that is for another place");
        }
        filled.push_str(before);
        filled.push_str(&secret.value);
        rest = after;
    }
    if rest.len() == text.len() {
        return Ok(Cow::Borrowed(text));
    }
    filled.push_str(rest);
    Ok(Cow::Owned(filled))
}

/// What is before the next name of a secret, the name, and what is after it.
fn next(text: &str) -> Option<(&str, &str, &str)> {
    let pairs = OPENINGS.iter().zip(CLOSINGS);
    let found = pairs.filter_map(|(opening, closing)| {
        let (before, rest) = text.split_once(opening)?;
        let (name, after) = rest.split_once(closing)?;
        Some((before, name, after))
    });
    found.min_by_key(|(before, ..)| before.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(name: &str, to: &str, value: &str) -> Secret {
        Secret { name: name.to_owned(), to: to.parse().unwrap(), value: value.to_owned() }
    }

    #[test]
    fn what_stands_for_a_secret_is_replaced() {
        let secrets = [secret("A", "hooks:443", "T1/B2"), secret("B", "hooks:443", "xyz")];
        let mut uri: Uri = "https://hooks/services/%7B%7Bsecret:A%7D%7D?k={{secret:B}}&l=1".parse().unwrap();
        let mut headers = HeaderMap::new();
        headers.insert("authorization", HeaderValue::from_static("Bearer {{secret:B}}"));
        headers.insert("plain", HeaderValue::from_static("{{secret"));
        fill(&mut uri, &mut headers, &"hooks:443".parse().unwrap(), &secrets).unwrap();
        assert_eq!(uri, "https://hooks/services/T1/B2?k=xyz&l=1");
        assert_eq!(headers["authorization"], "Bearer xyz");
        assert!(headers["authorization"].is_sensitive());
        assert_eq!(headers["plain"], "{{secret");
    }

    #[test]
    fn a_secret_goes_nowhere_else() {
        let secrets = [secret("A", "hooks:443", "x"), secret("B", "hooks:443", "x\ny")];
        for (uri, to, words) in [
            ("https://other/{{secret:A}}", "other:443", "for another place"),
            ("http://hooks:443/{{secret:A}}", "http://hooks:443", "for another place"),
            ("https://hooks/{{secret:C}}", "hooks:443", "has not"),
            ("https://hooks/{{secret:B}}", "hooks:443", "part of a URL"),
        ] {
            let refused = fill(&mut uri.parse().unwrap(), &mut HeaderMap::new(), &to.parse().unwrap(), &secrets);
            assert!(refused.unwrap_err().contains(words), "{uri}");
        }
    }
}
