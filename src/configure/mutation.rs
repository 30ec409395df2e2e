//! One field of one documented object, broken in one way: what the self-test
//! puts in the way of a scenario. An ordinary run has none.

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// A documented object, as the page's commands make it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Object {
    /// The KV mount.
    KvMount,
    /// The central secret.
    Secret,
    /// The policy: path and capabilities.
    Policy,
    /// The auth mount.
    AuthMount,
    /// `auth/kubernetes/config`, method 2.
    ReviewerConfig,
    /// `auth/kubernetes/config`, method 1.
    IssuerConfig,
    /// The role.
    Role,
    /// The app's Service Account.
    ServiceAccount,
    /// The token reviewer's Service Account.
    ReviewerAccount,
    /// Its ClusterRoleBinding.
    ReviewerBinding,
    /// The request for its token.
    ReviewerToken,
    /// `OperatorConfiguration`.
    OperatorConfiguration,
    /// `Runtime`.
    Runtime,
}

impl Object {
    /// The word used in names of mutants; never to be changed.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::KvMount => "kv-mount",
            Self::Secret => "secret",
            Self::Policy => "policy",
            Self::AuthMount => "auth-mount",
            Self::ReviewerConfig => "reviewer-config",
            Self::IssuerConfig => "issuer-config",
            Self::Role => "role",
            Self::ServiceAccount => "service-account",
            Self::ReviewerAccount => "reviewer-account",
            Self::ReviewerBinding => "reviewer-binding",
            Self::ReviewerToken => "reviewer-token",
            Self::OperatorConfiguration => "operator-configuration",
            Self::Runtime => "runtime",
        }
    }
}

/// How a field is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum How {
    /// It is left out.
    Missing,
    /// It has another value of the same kind.
    Wrong,
    /// Its case is another; of a secret's key the name's.
    CaseChanged,
    /// It covers more.
    Widened,
    /// It is an empty string.
    Emptied,
}

impl How {
    /// Every way.
    pub const ALL: [Self; 5] = [Self::Missing, Self::Wrong, Self::CaseChanged, Self::Widened, Self::Emptied];

    /// The word used in names of mutants; never to be changed.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Wrong => "wrong",
            Self::CaseChanged => "case-changed",
            Self::Widened => "widened",
            Self::Emptied => "emptied",
        }
    }
}

/// One broken field.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mutation {
    /// Of which object.
    pub object: Object,
    /// Which field: a JSON pointer (RFC 6901).
    pub field: String,
    /// In which way.
    pub how: How,
}

impl fmt::Display for Mutation {
    /// Such as `role/bound_service_account_names/0 widened`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{} {}", self.object.as_str(), self.field, self.how.as_str())
    }
}

impl Mutation {
    /// The object with its field broken; none where the field is not there or
    /// cannot be broken in that way.
    #[must_use]
    pub fn broken(&self, object: &Value) -> Option<Value> {
        let (parent, name) = self.field.rsplit_once('/')?;
        let name = name.replace("~1", "/").replace("~0", "~");
        let mut broken = object.clone();
        let found = object.pointer(&self.field)?;
        let holder = broken.pointer_mut(parent)?;
        match (self.how, holder) {
            (How::Missing, Value::Object(fields)) => {
                fields.remove(&name)?;
            }
            (How::Missing, Value::Array(items)) => {
                items.remove(name.parse().ok()?);
            }
            (How::Widened, Value::Array(items)) if self.object == Object::Policy => {
                items.extend(["create", "update", "patch", "delete", "list"].map(Value::from));
            }
            // The names of a secret's keys are the customer's data, so their case is what counts.
            (How::CaseChanged, Value::Object(fields)) if self.object == Object::Secret => {
                let value = fields.remove(&name)?;
                fields.insert(other_case(&name)?, value);
            }
            (how, holder) => {
                let new = self.other_value(how, found)?;
                match holder {
                    Value::Object(fields) => fields.insert(name, new),
                    Value::Array(items) => Some(std::mem::replace(items.get_mut(name.parse::<usize>().ok()?)?, new)),
                    _ => return None,
                };
            }
        }
        (broken != *object).then_some(broken)
    }

    fn other_value(&self, how: How, found: &Value) -> Option<Value> {
        Some(match (how, found) {
            (How::Wrong, Value::Bool(value)) => Value::Bool(!value),
            (How::Wrong, Value::Number(value)) => Value::from(value.as_u64()?.saturating_sub(3600)),
            (How::Wrong, Value::String(text)) => Value::String(other_text(text)),
            (How::CaseChanged, Value::String(text)) => Value::String(other_case(text)?),
            (How::Widened, Value::String(text)) => Value::String(wider(self.object, &self.field, text)?),
            (How::Emptied, Value::String(_)) if self.object == Object::Secret => Value::String(String::new()),
            _ => return None,
        })
    }
}

/// Another text of the same form: a number one lower, anything else backwards.
fn other_text(text: &str) -> String {
    let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
    match digits.parse::<u64>() {
        Ok(number) => format!("{}{}", number.saturating_sub(1), &text[digits.len()..]),
        Err(_) => format!("x{}", text.chars().rev().collect::<String>()),
    }
}

/// The same letters, lower and upper case exchanged; none where it has no letter.
fn other_case(text: &str) -> Option<String> {
    let exchange = |c: char| match c {
        'a'..='z' => c.to_ascii_uppercase(),
        'A'..='Z' => c.to_ascii_lowercase(),
        other => other,
    };
    text.chars().any(|c| c.is_ascii_alphabetic()).then(|| text.chars().map(exchange).collect())
}

/// What covers more than the documented value, where something does.
fn wider(object: Object, field: &str, text: &str) -> Option<String> {
    match object {
        Object::Role if field.starts_with("/bound_") => Some("*".to_owned()),
        Object::Policy if field == "/path" => Some(format!("{}/*", text.split('/').next()?)),
        _ => None,
    }
}

/// A Kubernetes object with its field broken, or as it is.
///
/// # Errors
/// What comes of it is no such object any more.
pub fn bend<K: Serialize + DeserializeOwned>(
    mutation: Option<&Mutation>,
    object: Object,
    made: K,
) -> Result<K, serde_json::Error> {
    let Some(mutation) = mutation.filter(|mutation| mutation.object == object) else { return Ok(made) };
    let value = serde_json::to_value(&made)?;
    match mutation.broken(&value) {
        Some(broken) => serde_json::from_value(broken),
        None => Ok(made),
    }
}

/// Every field of an object that holds a value, as JSON pointers.
#[must_use]
pub fn fields(object: &Value) -> Vec<String> {
    let mut found = Vec::new();
    walk(object, String::new(), &mut found);
    found
}

fn walk(value: &Value, at: String, found: &mut Vec<String>) {
    let escape = |name: &str| name.replace('~', "~0").replace('/', "~1");
    match value {
        Value::Object(fields) => walk_fields(fields, &at, escape, found),
        Value::Array(items) => {
            for (number, item) in items.iter().enumerate() {
                walk(item, format!("{at}/{number}"), found);
            }
        }
        Value::Null => {}
        _ => found.push(at),
    }
}

fn walk_fields(fields: &Map<String, Value>, at: &str, escape: impl Fn(&str) -> String, found: &mut Vec<String>) {
    for (name, value) in fields {
        walk(value, format!("{at}/{}", escape(name)), found);
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn broken(object: Object, field: &str, how: How, value: Value) -> Option<Value> {
        Mutation { object, field: field.to_owned(), how }.broken(&value)
    }

    #[rstest]
    #[case("/ttl", How::Wrong, json!({ "ttl": "24h" }), Some(json!({ "ttl": "23h" })))]
    #[case("/ttl", How::Missing, json!({ "ttl": "24h" }), Some(json!({})))]
    #[case("/bound_service_account_names/0", How::Widened, json!({ "bound_service_account_names": ["a"] }), Some(json!({ "bound_service_account_names": ["*"] })))]
    #[case("/bound_service_account_names/0", How::Missing, json!({ "bound_service_account_names": ["a"] }), Some(json!({ "bound_service_account_names": [] })))]
    #[case("/policies/0", How::CaseChanged, json!({ "policies": ["ab"] }), Some(json!({ "policies": ["AB"] })))]
    #[case("/not-there", How::Wrong, json!({}), None)]
    fn a_field_is_broken_in_one_way_and_the_rest_stays(
        #[case] field: &str,
        #[case] how: How,
        #[case] value: Value,
        #[case] result: Option<Value>,
    ) {
        assert_eq!(broken(Object::Role, field, how, value), result);
    }

    #[test]
    fn of_a_secrets_key_the_names_case_is_changed_and_the_value_kept() {
        let value = json!({ "data": { "Email.SMTPPassword": "v" } });
        let field = "/data/Email.SMTPPassword";
        let result = json!({ "data": { "eMAIL.smtppASSWORD": "v" } });
        assert_eq!(broken(Object::Secret, field, How::CaseChanged, value), Some(result));
    }

    #[test]
    fn every_field_with_a_value_is_found() {
        assert_eq!(
            fields(&json!({ "a": { "b": [1, "c"] }, "d": true, "e/f": 1 })),
            ["/a/b/0", "/a/b/1", "/d", "/e~1f"]
        );
    }
}
