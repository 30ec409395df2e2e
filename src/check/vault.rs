//! A client for a customer's Vault. Every request that it makes is noted in the
//! run's ledger.

use crate::check::target::{Target, VaultAccess};
use crate::ledger::{HARNESS, Ledger};
use crate::vault::client::{Client as Vault, Error as VaultError, Proxy, Roots};

/// A client for Vault with the token of the second depth.
///
/// # Errors
/// The certificate authorities given cannot be used.
pub fn client(target: &Target, access: &VaultAccess, ledger: &Ledger) -> Result<Vault, VaultError> {
    let roots = target.ca.as_ref().map_or(Roots::Public, |pem| Roots::Pem(pem.clone().into_bytes()));
    let client = Vault::through(&access.address, Some(access.token.clone()), &roots, Proxy::OfEnvironment)?;
    Ok(client.in_namespace(target.vault_namespace.as_deref()).noted(ledger, HARNESS))
}
