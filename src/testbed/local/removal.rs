//! The end of what the journal names of a testbed of processes.

use super::error::Error;
use super::process::{self, LABEL, Sure};
use crate::journal::Part;

/// The command that removes a part by hand.
#[must_use]
pub fn by_hand(part: &Part) -> String {
    format!("grep -lz '^{LABEL}={}$' /proc/[0-9]*/environ 2>/dev/null | cut -d/ -f3 | xargs -r kill -9", part.name)
}

/// Removes a part: the process that was noted, and whatever carries the part's name.
///
/// # Errors
/// One does not end.
pub async fn remove(part: &Part, id: Option<&str>) -> Result<(), Error> {
    let noted: Option<process::Id> = id.and_then(|id| id.parse().ok());
    let sure = if noted.is_some() { Sure::AtOnce } else { Sure::AfterAWhile };
    process::kill_all(&part.name, noted, sure, |label| label == part.name).await.map(drop)
}

/// Finds what a run left by its label alone, and removes it. Gives how many
/// processes it ended.
///
/// # Errors
/// One does not end.
pub async fn remove_labelled(run: &str) -> Result<usize, Error> {
    let own = super::names::of(run);
    let meant = |label: &str| label.strip_prefix(&own).is_some_and(|rest| rest.starts_with('-'));
    process::kill_all(&format!("the processes of run {run}"), None, Sure::AfterAWhile, meant).await
}
