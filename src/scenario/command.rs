//! The page's commands as a reader types them (`scenarios/pages/ID/commands.yaml`).
//!
//! A driver runs them in one bash session, so that variables last, with
//! `VAULT_ADDR`, `VAULT_TOKEN`, `KUBECONFIG`, `OPERATOR_NAMESPACE` and a
//! `KUBE_EDITOR` that makes the command's [`Edit`]. A command's outcome is its
//! own exit status together with its [`Effect`]: several commands of the page
//! end with success and do something else.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::configuration::{Base, Literal};

/// Where a command's text has the `KEY="VALUE"` list of the credentials.
pub const KEYS_PLACEHOLDER: &str = "{{keys}}";

/// One of the two examples of `#configure-k8s-auth`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Example {
    /// The custom Service Account.
    A,
    /// The `default` Service Account.
    B,
}

impl From<Base> for Example {
    fn from(base: Base) -> Self {
        match base {
            Base::Custom => Self::A,
            Base::Default => Self::B,
        }
    }
}

/// One of the two ways to configure the auth mount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Method 1.
    Issuer,
    /// Method 2, which the page keeps for clusters that name no issuer.
    Reviewer,
}

/// What a command achieves, as it is checked afterwards through the APIs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// The mount is a KV engine of version 2.
    #[serde(rename = "kv-mount-is-version-2")]
    KvMountIsVersion2,
    /// The secret is at the API path that the app reads.
    SecretAtDocumentedPath,
    /// The auth method is enabled.
    AuthMountExists,
    /// The command's `variable` is set and not empty.
    PrintsValue,
    /// A login with the app's token gets past the TokenReview.
    LoginPossible,
    /// The policy grants `read` on the API path.
    PolicyGrantsRead,
    /// The role binds the example's Service Account and the app's namespace.
    RoleBindsExample,
    /// `OperatorConfiguration` has automount on.
    OperatorAutomountOn,
    /// The custom Service Account exists.
    ServiceAccountExists,
    /// The Runtime names the custom Service Account.
    RuntimeNamesServiceAccount,
    /// The reviewer exists and is bound to `system:auth-delegator`.
    ReviewerExists,
}

/// What a human changes in the editor that `kubectl edit` opens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Edit {
    /// The field, its parts joined with dots.
    pub field: String,
    /// The value, as it is typed into the YAML.
    pub value: String,
}

/// One command of the page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Command {
    /// Its place and a word, such as `02-kv-put`. Never reused.
    pub id: String,
    /// The page's anchor.
    pub page: String,
    /// In which examples it stands.
    pub examples: Vec<Example>,
    /// The method that it belongs to, where it belongs to one only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<Method>,
    /// Whether it is a part of the page's blocks for several distributions, which are typed as one there.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub in_block: bool,
    /// What is typed.
    pub run: String,
    /// With `kubectl edit`: the change made in the editor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edit: Option<Edit>,
    /// What is typed instead, where the command does not do what the page says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mended: Option<String>,
    /// What the page says that it achieves.
    pub claim: String,
    /// How that is checked.
    pub effect: Effect,
    /// With `prints-value`: the variable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variable: Option<String>,
    /// The known defect, where it does not do what the page says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub defect: Option<String>,
}

impl Command {
    /// What is typed in a scenario; none where this command is not.
    ///
    /// As written, method 1 is taken, because the page keeps method 2 for
    /// clusters that name no issuer. Mended, method 2 is.
    #[must_use]
    pub fn typed(&self, example: Example, literal: Literal) -> Option<&str> {
        if !self.examples.contains(&example) {
            return None;
        }
        match (literal, self.method) {
            (Literal::AsWritten, None | Some(Method::Issuer)) => Some(&self.run),
            (Literal::Mended, None | Some(Method::Reviewer)) => Some(self.mended.as_ref().unwrap_or(&self.run)),
            _ => None,
        }
    }
}

/// Every command (`scenarios/pages/ID/commands.yaml`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct CommandCatalogue {
    /// In the page's order.
    pub commands: Vec<Command>,
}

impl CommandCatalogue {
    /// The command with this id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Command> {
        self.commands.iter().find(|command| command.id == id)
    }

    /// What a scenario types, in order.
    pub fn typed(&self, example: Example, literal: Literal) -> impl Iterator<Item = (&Command, &str)> {
        self.commands.iter().filter_map(move |command| Some((command, command.typed(example, literal)?)))
    }
}
