//! What the probe's pods take over from a running pod of the app, so that they stand where it stands. Pure.
//!
//! - `part`: what can be left out, and what each is called.
//! - `token`: the Service Account's token, by whatever volume the app has it.
//! - `surroundings`: labels, annotations, node, names and proxies.
//! - `trust`: authorities that are mounted where programs look for them.

mod part;
mod surroundings;
mod token;
mod trust;

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{Container, Pod, PodSpec};
use kube::ResourceExt;

use crate::cluster::inherited::Inherited;
use crate::probe::input::TOKEN_FILE;

pub use part::Part;
pub use token::Token;

/// The app's container, as the Mendix Operator names it (public).
const CONTAINER: &str = "mendix";

/// The annotation by which kubectl finds the container that is meant.
const DEFAULT_CONTAINER: &str = "kubectl.kubernetes.io/default-container";

/// In what a likeness is not the likeliest one of its pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Instead {
    /// It is the likeliest.
    Nothing,
    /// It has another token of the pod's.
    AnotherToken,
    /// It has no variables for proxies: not every program takes them.
    PastTheProxy,
}

/// One way in which pods of the app run, as far as a pod of ours can be like it.
#[derive(Debug, Clone, PartialEq)]
pub struct Likeness {
    /// The running pod.
    pub pod: String,
    /// Its Service Account.
    pub service_account: String,
    /// Its `automountServiceAccountToken`.
    pub field: Option<bool>,
    /// In what this is not the likeliest way.
    pub instead: Instead,
    /// How it has its token.
    pub token: Token,
    /// In which file of its container.
    pub token_file: String,
    /// What is taken over.
    pub inherited: Inherited,
    /// The files and folders among that in which authorities are.
    pub authorities: Vec<String>,
    /// The same in words.
    pub taken: Vec<String>,
    /// What the app's pod has and ours has not, in words.
    pub left: Vec<String>,
    /// What else it has and ours cannot have, where that may decide whether Vault is reached or trusted.
    pub apart: Vec<String>,
    /// The names of its other containers that run all the while.
    pub beside: Vec<String>,
}

impl Likeness {
    /// What is to be taken over from a pod, once for each way in which the app may go; the likeliest first.
    #[must_use]
    pub fn of(pod: &Pod, without: &BTreeSet<Part>, token_file: Option<&str>) -> Vec<Self> {
        let spec = pod.spec.clone().unwrap_or_default();
        let Some(container) = container(pod, &spec) else { return Vec::new() };
        let around = surroundings::of(pod, &spec, container, without);
        let trust =
            if without.contains(&Part::Authorities) { trust::Trust::default() } else { trust::of(&spec, container) };
        let found = token::find(&spec, container, token_file, without.contains(&Part::Token));
        let like = |found: token::Found| {
            let mut like = Self {
                pod: pod.name_any(),
                service_account: spec.service_account_name.clone().unwrap_or_else(|| "default".to_owned()),
                instead: Instead::AnotherToken,
                field: spec.automount_service_account_token,
                taken: around.taken.clone(),
                left: around.left.clone(),
                apart: around.apart.iter().chain(&trust.left).cloned().collect(),
                beside: around.beside.clone(),
                inherited: around.inherited.clone(),
                authorities: trust.paths.clone(),
                token_file: found.file,
                token: found.token,
            };
            like.taken.extend(like.token.words(&like.token_file));
            like.taken.extend(trust.taken.iter().cloned());
            for (volume, mount) in trust.volumes.iter().chain(&found.carried) {
                if !like.inherited.volumes.contains(volume) {
                    like.inherited.volumes.push(volume.clone());
                }
                like.inherited.mounts.push(mount.clone());
            }
            like
        };
        let mut all: Vec<Self> = found.into_iter().map(like).collect();
        if let Some(first) = all.first_mut() {
            first.instead = Instead::Nothing;
            let mut direct = first.clone();
            direct.inherited.env.clear();
            direct.instead = Instead::PastTheProxy;
            if direct.inherited != first.inherited {
                all.push(direct);
            }
        }
        all
    }

    /// What the probe's pod must have for its `automountServiceAccountToken`; none where that is not told by the pod.
    #[must_use]
    pub fn automount(&self) -> Option<bool> {
        match self.token {
            Token::Mounted { .. } => Some(true),
            Token::Own { .. } | Token::OfSecret | Token::Foreign(_) | Token::None => Some(false),
            Token::NotTold => None,
        }
    }

    /// Whether a pod of this one's likeness would do for that one as well.
    #[must_use]
    pub fn stands_for(&self, other: &Self) -> bool {
        let all = |it: &Self| {
            let Self { service_account, token, token_file, inherited, authorities, .. } = it.clone();
            (service_account, token, token_file, inherited, authorities)
        };
        all(self) == all(other)
    }

    /// The same for a pod of another Service Account, or of another namespace: a token of a Secret is none of its own.
    #[must_use]
    pub fn for_another_account(&self) -> (Inherited, Option<bool>, Option<&str>) {
        match self.token {
            Token::Own { .. } => (self.inherited.clone(), Some(false), Some(self.token_file.as_str())),
            Token::Mounted { .. } => (self.inherited.clone(), Some(true), Some(self.token_file.as_str())),
            Token::OfSecret => (self.without_token(), Some(true), Some(TOKEN_FILE)),
            Token::Foreign(_) | Token::None | Token::NotTold => (self.without_token(), Some(true), None),
        }
    }

    /// The same as another Service Account of its namespace: a token that a Secret brings is none of that one's.
    #[must_use]
    pub fn as_account(mut self, account: &str) -> Self {
        if self.token == Token::OfSecret && self.service_account != account {
            let words = self.token.words(&self.token_file);
            self.taken.retain(|taken| Some(taken) != words.as_ref());
            self.inherited = self.without_token();
            (self.token, self.token_file) = (Token::NotTold, TOKEN_FILE.to_owned());
        }
        account.clone_into(&mut self.service_account);
        self
    }

    /// What is taken over but for the token's volume.
    fn without_token(&self) -> Inherited {
        let mut inherited = self.inherited.clone();
        inherited.mounts.retain(|mount| !token::covers(mount, &self.token_file));
        let used: BTreeSet<&str> = inherited.mounts.iter().map(|mount| mount.name.as_str()).collect();
        inherited.volumes.retain(|volume| used.contains(volume.name.as_str()));
        inherited
    }
}

/// The container of the app itself: the one that the operator names, that an annotation names, or the first.
fn container<'a>(pod: &Pod, spec: &'a PodSpec) -> Option<&'a Container> {
    let named = |name: &str| spec.containers.iter().find(|container| container.name == name);
    let annotated = pod.annotations().get(DEFAULT_CONTAINER).and_then(|name| named(name));
    named(CONTAINER).or(annotated).or(spec.containers.first())
}

#[cfg(test)]
mod tests;
