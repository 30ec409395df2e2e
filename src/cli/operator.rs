//! Our stand-in for the operator as a program in a pod: for tests of
//! `--operator-manifests`, which takes the real one's place.

use super::shared::fail;
use crate::cluster::connect::own_cluster;
use crate::cluster::operator::{self, Refusals, Whose};
use crate::event::Exit;

/// Turns every Runtime of the cluster that it runs in into a Deployment, until it is ended.
pub async fn operator() -> Exit {
    let client = match own_cluster() {
        Ok(client) => client,
        Err(error) => return fail(Exit::Usage, &error.to_string()),
    };
    let ended = operator::start(client, Whose::Everybody, Refusals::default()).await;
    fail(Exit::Inconclusive, &format!("the stand-in operator has ended: {ended:?}"))
}
