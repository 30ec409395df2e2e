//! The secrets engine's mount.

use super::way::{Way, unknown};
use crate::check::case::check;
use crate::check::inspect::{Found, VaultSide, mount_version};
use crate::check::target::Target;
use crate::page::Stage;
use crate::page::cause::ids;
use crate::verdict::Verdict;
use crate::verdict::result::Case;

pub(super) fn case(target: &Target, vault: &VaultSide, way: Way<'_>) -> Case {
    let id = "mount";
    let mount = &target.secret.mount;
    let differs = |cause, text| way.differs(id, Stage::Read, cause, text);
    match &vault.mount {
        Found::There(found) => match mount_version(found) {
            Some(2) => check(id, Verdict::Conformant, ""),
            Some(version) => differs(ids::read::KV_VERSION_1, format!("{mount} is KV version {version}")),
            None => differs(
                ids::read::OTHER_ENGINE,
                format!("{mount} is no KV engine but `{}`", found["type"].as_str().unwrap_or_default()),
            ),
        },
        Found::Missing(_) => differs(ids::read::MOUNT_MISSING, format!("nothing is mounted at {mount}")),
        found => unknown(id, "the mount", found),
    }
}
