//! Everything that a check of a customer's cluster and Vault saw.

use jiff::Timestamp;

use crate::check::app::App;
use crate::check::inspect::Inspection;
use crate::page::Stage;
use crate::probe::observation::Observation;
use crate::verdict::result::Timings;
use crate::verdict::sighting::Seen;

/// What came of one probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probed {
    /// The observation, or why there is none.
    pub seen: Seen,
    /// From the pod's creation to its observation, in milliseconds.
    pub observe_ms: u64,
    /// When the API server made the pod, by its own clock.
    pub made: Option<Timestamp>,
}

impl Probed {
    /// There is no observation, and why.
    #[must_use]
    pub fn nothing(reason: impl Into<String>) -> Self {
        Self { seen: Seen::Nothing(reason.into()), observe_ms: 0, made: None }
    }

    /// The observation, where there is one.
    pub(super) fn observation(&self) -> Option<&Observation> {
        match &self.seen {
            Seen::Observed(observation) => Some(observation),
            _ => None,
        }
    }

    /// Whether Vault let its token in.
    pub(super) fn let_in(&self) -> bool {
        let login = self.observation().and_then(|observation| observation.login.as_ref());
        login.is_some_and(|login| login.answer.status == Some(200))
    }

    /// How many milliseconds a stage took: the pod until the probe began, then what the probe says of its requests.
    pub(super) fn stage_millis(&self, stage: Stage) -> Option<u64> {
        let observation = self.observation()?;
        let asked = observation.asked.as_ref()?;
        match stage {
            Stage::Pod => Some(self.observe_ms.saturating_sub(observation.millis)),
            Stage::Login => asked.login_millis,
            Stage::Read => asked.read_millis,
            Stage::Boundary => asked.boundary_millis,
            // A file that is opened, and an answer that is looked at.
            Stage::Token | Stage::Keys => None,
        }
    }

    pub(super) fn timings(&self) -> Timings {
        Timings { observe_ms: self.observe_ms, total_ms: self.observe_ms, ..Timings::default() }
    }
}

/// Everything that was seen.
#[derive(Debug, Clone)]
pub struct Sighted {
    /// What the app has.
    pub app: App,
    /// With more rights than the app's.
    pub inspection: Inspection,
    /// The app's twin.
    pub twin: Probed,
    /// The Service Account without rights.
    pub fresh: Probed,
    /// The pod of another namespace, where one is named.
    pub other: Option<Probed>,
    /// The twins of the app's pods that run in another way, in the order of [`App::other_kinds`].
    pub kinds: Vec<Probed>,
    /// The app's twin in each other way, in the order of [`App::other_ways`]; none where the first was let in.
    pub ways: Vec<Probed>,
}

impl Sighted {
    /// Every probe.
    pub fn probes(&self) -> impl Iterator<Item = &Probed> {
        [&self.twin, &self.fresh].into_iter().chain(&self.other).chain(&self.kinds).chain(&self.ways)
    }

    /// How far the KV mount goes, as Vault said it to the app's token or to the one given.
    #[must_use]
    pub fn mount(&self) -> Option<&str> {
        let asked = self.twin.observation().and_then(|observation| observation.asked.as_ref());
        let by_given = self.inspection.vault.as_ref().and_then(|vault| vault.mount_path.as_deref());
        asked.and_then(|asked| asked.mount_path.as_deref()).or(by_given)
    }
}
