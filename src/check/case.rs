//! The cases of a check of a customer's own, in a word each.

use jiff::Timestamp;

use crate::page::CauseId;
use crate::probe::observation::Answer;
use crate::verdict::Verdict;
use crate::verdict::result::{Case, Subject};

pub(super) fn check(id: &str, verdict: Verdict, message: impl Into<String>) -> Case {
    Case::new(Subject::Check(id.to_owned()), verdict, message)
}

pub(super) fn failed(id: &str, cause: CauseId, message: impl Into<String>) -> Case {
    Case { cause: Some(cause), ..check(id, Verdict::Nonconformant, message) }
}

pub(super) fn warning(id: &str, cause: CauseId, message: impl Into<String>) -> Case {
    Case { cause: Some(cause), warning: true, ..check(id, Verdict::Conformant, message) }
}

/// The case of something that ends then, where it does.
pub(super) fn ending(at: impl Into<Option<Timestamp>>, case: Case) -> Case {
    Case { ends: at.into().map(|at| at.to_string()), ..case }
}

pub(super) fn words(answer: &Answer) -> String {
    match answer.status {
        Some(status) => format!("HTTP {status} {}", answer.text).trim().to_owned(),
        None => answer.text.clone(),
    }
}
