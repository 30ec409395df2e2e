//! Where the secret is: from its metadata, never its values.

use serde_json::Value;

use super::way::{Way, unknown};
use crate::check::case::{check, ending, warning};
use crate::check::ends::{self, End};
use crate::check::inspect::{Found, VaultSide, mount_version};
use crate::check::target::Target;
use crate::page::Stage;
use crate::page::cause::ids;
use crate::verdict::Verdict;
use crate::verdict::result::Case;

pub(super) fn case(target: &Target, vault: &VaultSide, way: Way<'_>, now: i64) -> Case {
    let id = "secret";
    let (mount, name) = (&target.secret.mount, &target.secret.name);
    let differs = |cause, text: String| way.differs(id, Stage::Read, cause, text);
    let stray = vault.stray.there().is_some();
    if vault.mount.there().is_none_or(|found| mount_version(found) != Some(2)) {
        return check(id, Verdict::Skipped, "the mount is no KV version 2");
    }
    let metadata = match &vault.secret {
        Found::There(metadata) => metadata,
        Found::Missing(_) if stray => {
            let text = format!("the secret lies at {mount}/data/data/{name}, one data/ too deep");
            return differs(ids::read::SECRET_AT_DATA_DATA, text);
        }
        Found::Missing(_) => {
            return differs(ids::read::SECRET_NOT_FOUND, format!("there is no secret at {mount}/{name}"));
        }
        found => return unknown(id, "the secret's metadata", found),
    };
    let current = metadata["current_version"].as_u64().unwrap_or_default();
    let version = &metadata["versions"][current.to_string()];
    if version["destroyed"].as_bool() == Some(true) {
        return differs(ids::read::VERSION_DESTROYED, format!("version {current} was destroyed"));
    }
    let mut written = written(current, version);
    // Whoever puts keys over others makes a new version.
    if let Some((cause, before)) = way.lacks_keys().zip(before(current, &metadata["versions"])) {
        return warning(id, cause, format!("{written}; {before}"));
    }
    let mut ends_at = None;
    match deletion(version) {
        Some(Deletion::At(at)) => match ends::of(at, now, target.ends_within) {
            End::Over => {
                return ending(at, differs(ids::read::SECRET_DELETED, format!("version {current} was deleted {at}")));
            }
            End::Soon => {
                return ending(at, warning(id, ids::read::VERSION_ENDS, format!("{written}, will be deleted {at}")));
            }
            End::Later => {
                written.push_str(&format!(", will be deleted {at}"));
                ends_at = Some(at);
            }
        },
        Some(Deletion::Unread) | None => {}
    }
    let case = match stray {
        true => warning(
            id,
            ids::read::SECRET_AT_DATA_DATA,
            format!("it is there; another lies at {mount}/data/data/{name}, where nobody looks"),
        ),
        false => check(id, Verdict::Conformant, written),
    };
    ending(ends_at, case)
}

fn written(current: u64, version: &Value) -> String {
    match version["created_time"].as_str().and_then(|time| time.parse::<jiff::Timestamp>().ok()) {
        Some(time) => format!("version {current}, written {}", time.strftime("%Y-%m-%d %H:%M UTC")),
        None => format!("version {current}"),
    }
}

/// The version before, where one is still kept.
fn before(current: u64, versions: &Value) -> Option<String> {
    let kept = |version: &&Value| {
        version.is_object() && version["destroyed"].as_bool() != Some(true) && deletion(version).is_none()
    };
    let (number, version) =
        (1..current).rev().map(|number| (number, &versions[number.to_string()])).find(|(_, version)| kept(version))?;
    Some(format!(
        "the version before it that is still kept is {}: `vault kv get -version={number}` shows whether that one has the \
         keys, and `vault kv rollback -version={number}` brings it back",
        written(number, version)
    ))
}

/// When a version is deleted: `delete_version_after` sets it for the future.
enum Deletion {
    At(jiff::Timestamp),
    /// There is one, in a form that is no time.
    Unread,
}

fn deletion(version: &Value) -> Option<Deletion> {
    let time = version["deletion_time"].as_str().filter(|time| !time.is_empty())?;
    Some(time.parse().map_or(Deletion::Unread, Deletion::At))
}
