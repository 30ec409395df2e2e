//! What a testbed of processes needs on this machine, and where its programs come from.

use super::super::server::Server;
use super::super::terms::{Need, Origin};
use super::address;
use super::binaries::{CONTROLLER_MANAGER, Programs, all};

const REMEDY: &str = "`scripts/servers` gets it (it is compiled where it cannot be had); or name its folder with --bin-dir, or put it on the PATH";

/// Everything that it needs, with what is there of it.
#[must_use]
pub fn needs(programs: &Programs, server: Server) -> Vec<Need> {
    let mut needs: Vec<Need> = all(server)
        .into_iter()
        .map(|what| {
            let found = programs.find(what).map(|found| format!("{} ({})", found.path.display(), found.place));
            let found = found.ok_or_else(|| format!("{what} is nowhere that a run looks"));
            // Without, a stand-in makes the pods.
            Need { what, found, needed: what != CONTROLLER_MANAGER, remedy: REMEDY }
        })
        .collect();
    needs.push(Need {
        what: "loopback addresses",
        found: address::free(&[8200]).map(|address| format!("such as {address}")).map_err(|error| error.to_string()),
        needed: true,
        remedy: "each server has one of its own, all of 127.0.0.0/8 on the interface lo",
    });
    needs
}

/// Where its programs come from.
#[must_use]
pub fn origins(programs: &Programs, server: Server) -> Vec<Origin> {
    let origin = |part: &'static str| {
        let found = programs.find(part);
        let taken = found.as_ref().map_or("not found".to_owned(), |found| found.path.display().to_string());
        let place = found.map_or(REMEDY.to_owned(), |found| format!("from {}", found.place));
        Origin { part, taken, notes: vec![place, "replaced by --bin-dir".to_owned()] }
    };
    all(server).into_iter().map(origin).collect()
}
