//! The page's blocks for four distributions, each typed into bash as one (`scenarios/pages/ID/blocks.yaml`).

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where a block has the cluster's name in the kubeconfig.
pub const CLUSTER_PLACEHOLDER: &str = "{{cluster}}";

/// Whose command lines a block uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Distribution {
    /// `kubectl` alone.
    Generic,
    /// `oc`.
    Openshift,
    /// `aws` and `kubectl`.
    Eks,
    /// `az` and `kubectl`.
    Aks,
}

impl Distribution {
    /// The command line of its own that its block uses, for which the harness has a stand-in.
    #[must_use]
    pub fn command_line(self) -> Option<&'static str> {
        match self {
            Self::Generic => None,
            Self::Openshift => Some("oc"),
            Self::Eks => Some("aws"),
            Self::Aks => Some("az"),
        }
    }
}

impl fmt::Display for Distribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Generic => "generic",
            Self::Openshift => "openshift",
            Self::Eks => "eks",
            Self::Aks => "aks",
        })
    }
}

/// What a reader of a block makes of method 2, which the page has as a comment in it, or not at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Fallback {
    /// Nothing.
    AsWritten,
    /// The comment signs are taken away, as the page suggests.
    Uncommented,
    /// It is there, and nothing keeps it from being run: the page as it ought to be.
    Mended,
}

/// How it is seen whether a step of a block came to what it is there for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Shown {
    /// This variable of the shell holds something when the shell ends: not nothing, `null` or `None`.
    Variable(String),
    /// The token in this variable lasts as long as it was asked for.
    Lasts {
        /// The variable.
        variable: String,
        /// How many hours were asked for.
        hours: u64,
    },
    /// A command that begins so was run, and ended with exit code 0.
    Ran(String),
    /// The reviewer's Service Account may review tokens.
    Reviewer,
    /// The shell is still there when the block is over; a script ends with exit code 0.
    ShellStays,
}

/// One thing that a block is to achieve.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Step {
    /// The same for the same thing in every block, such as `issuer`. Never reused.
    pub id: String,
    /// How that is seen.
    pub shown: Shown,
}

/// One block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Block {
    /// Whose it is.
    pub distribution: Distribution,
    /// What is typed; `{{cluster}}` is the cluster's name in the kubeconfig.
    pub run: String,
    /// What stands behind it as a comment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commented: Option<String>,
    /// What stands behind it where the page is mended.
    pub mended: String,
    /// In its order.
    pub steps: Vec<Step>,
}

impl Block {
    /// What a reader types, the cluster's name not yet filled in.
    #[must_use]
    pub fn typed(&self, fallback: Fallback) -> String {
        let behind = match fallback {
            Fallback::Mended => self.mended.clone(),
            Fallback::Uncommented => self.commented.clone().unwrap_or_default(),
            Fallback::AsWritten => self
                .commented
                .iter()
                .flat_map(|text| text.lines())
                .map(|line| format!("{}\n", format!("# {line}").trim_end()))
                .collect(),
        };
        format!("{}\n{behind}", self.run)
    }
}

/// The file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct BlockCatalogue {
    /// At most one for each distribution.
    pub blocks: Vec<Block>,
}

impl BlockCatalogue {
    /// The one of a distribution.
    #[must_use]
    pub fn get(&self, distribution: Distribution) -> Option<&Block> {
        self.blocks.iter().find(|block| block.distribution == distribution)
    }
}
