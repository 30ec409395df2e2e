//! What a file below `scenarios/` says.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::block::BlockCatalogue;
use super::configuration::{Base, Change, Configuration, EditedWhileRunning, Stored, Switch};
use super::day_two::{Meanwhile, NotDocumented};
use crate::page::{CauseId, Page, Reads, Stage};

/// Which runs include a scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// Service Account, binding and both auth methods as documented.
    Core,
    /// Everything.
    All,
}

/// Who decided what a scenario observes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Evidence {
    /// A real Vault, a real API server, a real kubelet.
    #[default]
    Real,
    /// A decision of our stand-in for the Mendix Operator or for the app, which are not public.
    StandIn,
    /// Real servers, and our stand-in for the kubelet: no scenario says it of itself, the testbed decides it.
    #[serde(rename = "stand-in (kubelet)")]
    StandInKubelet,
    /// A decision of the operator whose manifests somebody has. No file says so, only a run's report.
    OperatorManifests,
}

impl Evidence {
    /// As reports have it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Real => "real",
            Self::StandIn => "stand-in",
            Self::StandInKubelet => "stand-in (kubelet)",
            Self::OperatorManifests => "operator-manifests",
        }
    }
}

/// One scenario file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Scenario {
    /// `GROUP.NAME`, the same as the file's path `scenarios/GROUP/NAME.yaml`. Never reused.
    pub id: String,
    /// One sentence for people.
    pub title: String,
    /// The page's anchor whose claim this tests, such as `#configure-k8s-auth`.
    pub page: String,
    /// Which runs include it.
    pub profile: Profile,
    /// The documented starting point.
    pub base: Base,
    /// The fields in which it differs from the base.
    #[serde(default)]
    pub change: Change,
    /// The permitted scenario that differs from this denial in one field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub control: Option<String>,
    /// What must follow, by the page's words.
    pub expect: Expect,
    /// Where the page is wrong: what it claims, and what happens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known_deviation: Option<KnownDeviation>,
    /// What the page says nothing of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_documented: Option<NotDocumented>,
    /// Who decides what is observed.
    #[serde(default)]
    pub evidence: Evidence,
    /// What it is on the revision of the page that is tested.
    #[serde(skip)]
    pub on_page: OnPage,
}

/// What a revision of the page makes of a scenario.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OnPage {
    /// What the scenario needs of the page and the revision does not have, in words: then there is nothing to test.
    pub lacks: Option<String>,
    /// With the page's own example stored: those of its keys that the revision does not list.
    pub unlisted: Vec<String>,
    /// How many names the secret has at its top that hold keys of the page and are none of its keys.
    pub moved: usize,
}

impl Scenario {
    /// Where an operator of somebody's own is at work: what our stand-in for it would have decided, it decides. Our
    /// stand-ins for the app and for the command lines of distributions stay what they are.
    pub fn decided_by_operator(&mut self) {
        let configuration = self.configuration();
        let operators = configuration.operator_automount == Switch::Unset
            || configuration.edited_while_running != EditedWhileRunning::Nothing;
        if self.evidence == Evidence::StandIn && operators {
            self.evidence = Evidence::OperatorManifests;
        }
    }

    /// The folder of the file.
    #[must_use]
    pub fn group(&self) -> &str {
        self.id.split_once('.').map_or("", |(group, _)| group)
    }

    /// The file's name without its ending.
    #[must_use]
    pub fn name(&self) -> &str {
        self.id.split_once('.').map_or(&*self.id, |(_, name)| name)
    }

    /// Makes it one of that revision of the page.
    pub fn be_of(&mut self, page: &Page, blocks: &BlockCatalogue) {
        let stored = self.configuration().stored;
        for reads in [&mut self.expect.reads, &mut self.expect.keys].into_iter().flatten() {
            match reads {
                Reads::Example(keys) => {
                    *keys = page.example().into_iter().filter(|key| page.lists(key)).map(str::to_owned).collect();
                }
                Reads::Grouped(keys) => {
                    let names = page.keys.iter().map(|key| &key.name);
                    *keys = names.filter(|name| name.contains('.')).cloned().collect();
                }
                Reads::All | Reads::Keys(_) => {}
            }
        }
        let named = [&self.expect.reads, &self.expect.keys].into_iter().flatten();
        let mut keys = named.filter_map(|reads| match reads {
            Reads::Keys(keys) => Some(keys),
            Reads::All | Reads::Example(_) | Reads::Grouped(_) => None,
        });
        let key = keys.find_map(|keys| keys.iter().find(|key| !page.lists(key)));
        let block = self.configuration().auth_method.block().filter(|wanted| blocks.get(*wanted).is_none());
        let lacks = key.map(|key| format!("key {key}")).or_else(|| block.map(|it| format!("block for {it}")));
        let unlisted = if stored == Stored::PageExample { page.example_also_stores.clone() } else { Vec::new() };
        let names: BTreeSet<String> = page.keys.iter().map(|key| stored.name_of(&key.name)).collect();
        let moved = names.iter().filter(|name| !page.lists(name)).count();
        self.on_page = OnPage { lacks, unlisted, moved };
    }

    /// The base, and each field in which it is changed, by their names in scenario files and in words.
    #[must_use]
    pub fn settings(&self) -> BTreeMap<String, String> {
        let words = |value: Value| match value {
            Value::String(word) => word,
            other => other.to_string(),
        };
        // Both are made of words and booleans alone.
        let change = match serde_json::to_value(&self.change) {
            Ok(Value::Object(fields)) => fields,
            _ => serde_json::Map::new(),
        };
        let base = ("base".to_owned(), serde_json::to_value(self.base).unwrap_or_default());
        change.into_iter().chain([base]).map(|(name, value)| (name, words(value))).collect()
    }

    /// The base with the changes applied.
    #[must_use]
    pub fn configuration(&self) -> Configuration {
        self.change.apply(self.base)
    }
}

/// What must follow: either `reads`, or `stops-at` with `cause`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Expect {
    /// The keys that the app reads; every other key of the catalogue is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reads: Option<Reads>,
    /// The stage at which the way ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stops_at: Option<Stage>,
    /// Why it ends there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<CauseId>,
    /// With `stops-at: keys`: the keys that the cause concerns; every other key is read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys: Option<Reads>,
    /// How many keys the secret holds that the catalogue does not name, beside those that `stored` puts in the place of its own.
    #[serde(default)]
    pub unexpected: usize,
    /// With a block: those of its steps that come to what they are there for; no other does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block: Option<BTreeSet<String>>,
    /// With the page's commands: those that do not come to what they are there for.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub fails: BTreeSet<String>,
    /// With `enable-again`: Vault refuses the second `secrets enable`, as "fails safely" says.
    #[serde(default)]
    pub enable_again_refused: bool,
    /// With `day-two`: what the app sees once that has happened; what it reads or stops at is then that of the mended app.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meanwhile: Option<Meanwhile>,
}

/// A claim of the page that does not hold, and exactly what happens instead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct KnownDeviation {
    /// The defect's id, the same in every scenario that meets it.
    pub defect: String,
    /// What the page claims.
    pub claim: String,
    /// What happens.
    pub happens: String,
    /// The stage at which the way ends instead.
    pub stops_at: Stage,
    /// Why.
    pub cause: CauseId,
    /// The versions on which it was seen, such as `vault 1.21.0, kubernetes 1.37.2`.
    pub seen_on: Vec<String>,
}
