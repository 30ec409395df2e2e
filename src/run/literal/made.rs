//! What typed commands made outside the app's namespace, so that it is removed whatever comes.

use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::ClusterRoleBinding;
use kube::api::Api;
use serde::de::DeserializeOwned;

use crate::configure::site::{Operation, cluster};
use crate::configure::{Error, Site, auth};
use crate::journal::{Item, Resource};

async fn note<K>(site: Site<'_>, api: &Api<K>, resource: Resource, name: &str) -> Result<bool, Error>
where
    K: kube::Resource<DynamicType: Default> + Clone + std::fmt::Debug + DeserializeOwned,
{
    let found = api.get_metadata_opt(name).await.map_err(cluster(Operation::Read, api, name))?;
    let Some(uid) = found.and_then(|object| object.metadata.uid) else { return Ok(false) };
    let journal = site.run.journal;
    let item = Item::Object { resource, namespace: api.namespace().map(str::to_owned), name: name.to_owned() };
    journal.created(&journal.creating(item)?, uid)?;
    Ok(true)
}

/// Notes a token reviewer and its binding in the journal, each with its UID. Says whether both are there.
///
/// # Errors
/// The API server does not answer, or the journal cannot be written.
pub async fn note_reviewer(site: Site<'_>, account: &str, binding: &str) -> Result<bool, Error> {
    let kube = &site.run.testbed.kube;
    let accounts = Api::<ServiceAccount>::namespaced(kube.clone(), auth::REVIEWER_NAMESPACE);
    let made = note(site, &accounts, Resource::ServiceAccount, account).await?;
    let bindings = Api::<ClusterRoleBinding>::all(kube.clone());
    Ok(note(site, &bindings, Resource::ClusterRoleBinding, binding).await? && made)
}
