//! The token reviewer's JWT, read for when it ends and whose it is. Neither it nor
//! a part of it that is secret goes on from here: no server is asked with it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde_json::Value;

/// What a Service Account's token says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReviewerToken {
    /// The namespace of the Service Account whose it is.
    pub namespace: String,
    /// That account's name.
    pub account: String,
    /// That account's UID.
    pub uid: Option<String>,
    /// `exp`; a token of a Secret has none.
    pub ends: Option<Timestamp>,
    /// `iss`.
    pub issuer: Option<String>,
    /// `aud`; a token of a Secret has none.
    pub audiences: Vec<String>,
}

/// Why a text is no such token. It never holds the text. Goes on after a file's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not three parts of base64 with JSON in them.
    #[error("holds no JWT: that is one word of three parts with dots between, as `kubectl create token` prints it")]
    NoJwt,
    /// A JWT of somebody else.
    #[error("holds a JWT that is no Service Account's: its `sub` does not begin with system:serviceaccount:")]
    NoServiceAccount,
}

impl ReviewerToken {
    /// Reads a token. Its signature is not looked at: only the cluster's keys could tell.
    ///
    /// # Errors
    /// It is no Service Account's JWT.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let parts: Vec<&str> = text.trim().split('.').collect();
        let &[head, payload, signature] = parts.as_slice() else { return Err(Error::NoJwt) };
        let decoded = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| Error::NoJwt);
        let object = |part: &str| match serde_json::from_slice(&decoded(part)?) {
            Ok(Value::Object(fields)) => Ok(Value::Object(fields)),
            _ => Err(Error::NoJwt),
        };
        object(head)?;
        decoded(signature)?;
        let claims = object(payload)?;
        let text = |name: &str| claims[name].as_str().map(str::to_owned);
        let subject = text("sub").unwrap_or_default();
        let account = subject.strip_prefix("system:serviceaccount:").and_then(|account| account.split_once(':'));
        let (namespace, name) = account.ok_or(Error::NoServiceAccount)?;
        let audiences = match &claims["aud"] {
            Value::String(audience) => vec![audience.clone()],
            Value::Array(all) => all.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            _ => Vec::new(),
        };
        // A token of a Secret has it in a claim of its own.
        let uid = claims["kubernetes.io"]["serviceaccount"]["uid"].as_str().map(str::to_owned);
        Ok(Self {
            namespace: namespace.to_owned(),
            account: name.to_owned(),
            uid: uid.or(text("kubernetes.io/serviceaccount/service-account.uid")),
            ends: claims["exp"].as_i64().and_then(|seconds| Timestamp::from_second(seconds).ok()),
            issuer: text("iss"),
            audiences,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn token(claims: &Value) -> String {
        let part = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
        format!("{}.{}.c2ln\n", part(&json!({ "alg": "RS256" })), part(claims))
    }

    #[test]
    fn a_token_says_whose_it_is_for_whom_and_how_long() {
        let claims = json!({ "sub": "system:serviceaccount:default:vault-reviewer", "exp": 1_800_000_000,
            "iss": "https://kubernetes.default.svc", "aud": ["https://kubernetes.default.svc"],
            "kubernetes.io": { "serviceaccount": { "name": "vault-reviewer", "uid": "u-1" } } });
        let read = ReviewerToken::parse(&token(&claims)).unwrap();
        assert_eq!(read.uid.as_deref(), Some("u-1"));
        assert_eq!((&*read.namespace, &*read.account), ("default", "vault-reviewer"));
        assert_eq!(read.ends, Timestamp::from_second(1_800_000_000).ok());
        assert_eq!(read.audiences, ["https://kubernetes.default.svc"]);
        let of_a_secret = json!({ "sub": "system:serviceaccount:a:b", "iss": "kubernetes/serviceaccount",
            "kubernetes.io/serviceaccount/service-account.uid": "u-2" });
        let read = ReviewerToken::parse(&token(&of_a_secret)).unwrap();
        assert_eq!(read.uid.as_deref(), Some("u-2"));
        assert_eq!((read.ends, read.audiences.len()), (None, 0));
    }

    #[test]
    fn what_is_no_service_accounts_token_is_refused_without_its_content() {
        let of_a_person = token(&json!({ "sub": "jane@canary.example" }));
        assert_eq!(ReviewerToken::parse(&of_a_person), Err(Error::NoServiceAccount));
        for text in ["", "canary", "a.b.c", "canary.canary.canary", "hvs.canary", "YQ.YQ.YQ", "-----BEGIN canary-----"]
        {
            let error = ReviewerToken::parse(text).unwrap_err();
            assert_eq!(error, Error::NoJwt, "{text}");
            assert!(!error.to_string().contains("canary"));
        }
    }
}
