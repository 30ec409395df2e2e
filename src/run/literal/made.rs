//! What typed commands make outside the app's namespace, so that it is removed whatever comes.

use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::ClusterRoleBinding;
use kube::api::Api;
use serde::de::DeserializeOwned;

use crate::configure::site::{Operation, cluster};
use crate::configure::{Error, Site, auth};
use crate::journal::{Creating, Item, Resource};

/// One object that is about to be typed.
struct Coming {
    name: String,
    entry: Creating,
}

impl Coming {
    fn note(site: Site<'_>, resource: Resource, namespace: Option<&str>, name: &str) -> Result<Self, Error> {
        let item =
            Item::Object { resource, namespace: namespace.map(str::to_owned), name: name.to_owned(), typed: true };
        Ok(Self { name: name.to_owned(), entry: site.run.journal.creating(item)? })
    }

    /// Notes its UID. Says whether it is there.
    async fn came<K>(&self, site: Site<'_>, api: &Api<K>) -> Result<bool, Error>
    where
        K: kube::Resource<DynamicType: Default> + Clone + std::fmt::Debug + DeserializeOwned,
    {
        let found = api.get_metadata_opt(&self.name).await;
        let found = found.map_err(cluster(Operation::Read, api, &self.name))?;
        let uid = found.and_then(|object| object.metadata.uid);
        let there = uid.is_some();
        match uid {
            Some(uid) => site.run.journal.created(&self.entry, uid)?,
            None => site.run.journal.refused(&self.entry)?,
        }
        Ok(there)
    }
}

/// A token reviewer that is about to be typed. It is in the journal before: a run that is killed while it is typed has
/// made it all the same.
pub struct Reviewer {
    account: Coming,
    binding: Coming,
}

impl Reviewer {
    /// Notes both that it consists of.
    ///
    /// # Errors
    /// The journal cannot be written.
    pub fn coming(site: Site<'_>, account: &str, binding: &str) -> Result<Self, Error> {
        let namespace = Some(auth::REVIEWER_NAMESPACE);
        Ok(Self {
            account: Coming::note(site, Resource::ServiceAccount, namespace, account)?,
            binding: Coming::note(site, Resource::ClusterRoleBinding, None, binding)?,
        })
    }

    /// Notes what came of it. Says whether both are there.
    ///
    /// # Errors
    /// The API server does not answer, or the journal cannot be written.
    pub async fn came(self, site: Site<'_>) -> Result<bool, Error> {
        let kube = &site.run.testbed.kube;
        let accounts = Api::<ServiceAccount>::namespaced(kube.clone(), auth::REVIEWER_NAMESPACE);
        let made = self.account.came(site, &accounts).await?;
        Ok(self.binding.came(site, &Api::<ClusterRoleBinding>::all(kube.clone())).await? && made)
    }
}
