//! What is asked of a sighting, wherever the question comes from: a scenario
//! file, or what a customer named.

use std::collections::{BTreeMap, BTreeSet};

use super::result::Observed;
use crate::page::cause::{CauseId, ids};
use crate::page::{Page, Reads, Stage};
use crate::probe::observation::{KeyObservation, KeyState, Near};
use crate::scenario::day_two::{Meanwhile, NotDocumented};
use crate::scenario::model::{Evidence, Expect, KnownDeviation, Scenario};
use crate::vault::objects::ROLE_TTL_SECONDS;

/// What must follow: the whole way, or a stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected<'a> {
    /// The way is passed; these keys are read, every other one is missing.
    Reads(&'a Reads),
    /// The way is passed; these keys are read, and any other one may be.
    ReadsAtLeast(Option<&'a Reads>),
    /// The way stops here, for this cause.
    Stops(Stage, &'a CauseId),
}

impl<'a> Expected<'a> {
    /// What a scenario file says. A loaded scenario has one of both; what has
    /// neither expects that nothing is read.
    #[must_use]
    pub fn of(expect: &'a Expect) -> Self {
        const NOTHING: &Reads = &Reads::Keys(BTreeSet::new());
        match (expect.stops_at, &expect.cause, &expect.reads) {
            (Some(stage), Some(cause), _) => Self::Stops(stage, cause),
            (_, _, Some(reads)) => Self::Reads(reads),
            _ => Self::Reads(NOTHING),
        }
    }

    /// In words.
    #[must_use]
    pub fn phrase(self, page: &Page) -> String {
        match self {
            Self::Reads(Reads::All) | Self::ReadsAtLeast(Some(Reads::All)) => "reads all keys".to_owned(),
            Self::Reads(Reads::Keys(some) | Reads::Example(some) | Reads::Grouped(some))
            | Self::ReadsAtLeast(Some(Reads::Keys(some) | Reads::Example(some) | Reads::Grouped(some))) => {
                format!("reads {} of {} keys", some.len(), page.keys.len())
            }
            Self::ReadsAtLeast(None) => "reads what is stored".to_owned(),
            Self::Stops(stage, cause) => format!("stops at {stage}: {cause}"),
        }
    }

    /// The stage at which the way must stop, where it must.
    #[must_use]
    pub fn stop(self) -> Option<Stage> {
        match self {
            Self::Reads(_) | Self::ReadsAtLeast(_) => None,
            Self::Stops(stage, _) => Some(stage),
        }
    }

    /// Whether the way ended so; its keys are another matter.
    #[must_use]
    pub fn met(self, observed: &Observed) -> bool {
        match self {
            Self::Reads(_) | Self::ReadsAtLeast(_) => observed.stage.is_none(),
            Self::Stops(stage, cause) => observed.stops_for(stage, cause),
        }
    }
}

/// Whose servers the way went to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Servers {
    /// A testbed of ours: where it fails, that is no verdict.
    Ours,
    /// A customer's: where they fail, that is what was looked for.
    Customers,
}

/// How a key must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// In this state.
    Exactly(KeyState),
    /// There or not; where it is there, with a value that the app can use.
    Optional,
}

/// What a key in that state stops the way for.
#[must_use]
pub fn fault(state: KeyState) -> Option<CauseId> {
    match state {
        KeyState::Present => None,
        KeyState::Missing => Some(ids::keys::MISSING),
        KeyState::Empty => Some(ids::keys::EMPTY),
        KeyState::NotAString => Some(ids::keys::NOT_A_STRING),
    }
}

/// In words, how many keys are missing, and where those lie that are not far.
#[must_use]
pub fn whereabouts(keys: &[KeyObservation]) -> String {
    let missing = keys.iter().filter(|key| key.state == KeyState::Missing).count();
    let mut kinds: BTreeMap<Near, usize> = BTreeMap::new();
    for near in keys.iter().filter_map(|key| key.near) {
        *kinds.entry(near).or_default() += 1;
    }
    let mut text = format!("{missing} of {} keys are missing", keys.len());
    for (near, count) in kinds {
        text.push_str(&format!("; {count} of them: {}", near.words()));
    }
    text
}

/// What is asked of a sighting.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The id of its result, `GROUP.NAME`.
    pub id: &'a str,
    /// One sentence for people.
    pub title: &'a str,
    /// The page's anchor.
    pub page: &'a str,
    /// What must follow.
    pub expected: Expected<'a>,
    /// With a stop at the keys: those that its cause concerns; none: all.
    pub concerned: Option<&'a Reads>,
    /// How many keys the secret holds that the page does not list; none: any number.
    pub unexpected: Option<usize>,
    /// Those of them that the page's own example stores.
    pub unlisted: &'a [String],
    /// Whether a second `secrets enable` must have been refused.
    pub enable_again_refused: bool,
    /// With a block: those of its steps that must come to what they are there for.
    pub block: Option<&'a BTreeSet<String>>,
    /// The page's commands that must not come to what they are there for; none: all must.
    pub fails: Option<&'a BTreeSet<String>>,
    /// Where something happens while the app lives: what it then sees.
    pub meanwhile: Option<&'a Meanwhile>,
    /// What the page says nothing of.
    pub not_documented: Option<&'a NotDocumented>,
    /// The `lease_duration` of a login, in seconds.
    pub lease: u64,
    /// Where the page is known to be wrong.
    pub deviation: Option<&'a KnownDeviation>,
    /// The permitted twin of a denial.
    pub control: Option<&'a str>,
    /// Who decides what is observed.
    pub evidence: Evidence,
    /// Whose servers they are.
    pub servers: Servers,
    /// The stage that alone is asked about, and after which the probe ends; none: the whole way.
    pub only: Option<Stage>,
}

impl<'a> Question<'a> {
    /// Of the whole way on servers of ours.
    #[must_use]
    pub fn new(id: &'a str, title: &'a str, page: &'a str, expected: Expected<'a>) -> Self {
        Self {
            id,
            title,
            page,
            expected,
            concerned: None,
            unexpected: None,
            unlisted: &[],
            enable_again_refused: false,
            block: None,
            fails: None,
            meanwhile: None,
            not_documented: None,
            lease: ROLE_TTL_SECONDS,
            deviation: None,
            control: None,
            evidence: Evidence::Real,
            servers: Servers::Ours,
            only: None,
        }
    }

    /// How the key must be; none where the way must stop before the secret.
    #[must_use]
    pub fn wants(&self, key: &str) -> Option<Wanted> {
        let state = match self.expected {
            Expected::Reads(reads) if !reads.contains(key) => KeyState::Missing,
            Expected::ReadsAtLeast(required) if !required.is_some_and(|required| required.contains(key)) => {
                return Some(Wanted::Optional);
            }
            Expected::Reads(_) | Expected::ReadsAtLeast(_) => KeyState::Present,
            Expected::Stops(Stage::Keys, cause) if self.concerned.is_none_or(|keys| keys.contains(key)) => {
                // Any other cause at the keys is one of a key that is there, such as a wrong value.
                let mut faulty = [KeyState::Missing, KeyState::Empty, KeyState::NotAString].into_iter();
                faulty.find(|state| fault(*state).as_ref() == Some(cause)).unwrap_or(KeyState::Present)
            }
            Expected::Stops(Stage::Keys | Stage::Boundary, _) => KeyState::Present,
            Expected::Stops(..) => return None,
        };
        Some(Wanted::Exactly(state))
    }

    /// Whether the keys leave nothing to go on with: what names no key of its own
    /// still asks for one that is read.
    #[must_use]
    pub fn reads_nothing(&self, keys: &[KeyObservation]) -> bool {
        matches!(self.expected, Expected::ReadsAtLeast(_)) && !keys.iter().any(|key| key.state == KeyState::Present)
    }

    /// Whether the way goes on past a key in that state.
    #[must_use]
    pub fn passes(&self, key: &str, state: KeyState) -> bool {
        let whole_way = self.expected.stop().is_none();
        match (self.wants(key), state) {
            (_, KeyState::Present) => true,
            (Some(Wanted::Exactly(KeyState::Missing)), KeyState::Missing) => whole_way,
            (Some(Wanted::Optional), KeyState::Missing | KeyState::Empty) => true,
            _ => false,
        }
    }
}

impl<'a> From<&'a Scenario> for Question<'a> {
    fn from(scenario: &'a Scenario) -> Self {
        let expect = &scenario.expect;
        Self {
            concerned: expect.keys.as_ref(),
            unexpected: Some(expect.unexpected + scenario.on_page.unlisted.len() + scenario.on_page.moved),
            unlisted: &scenario.on_page.unlisted,
            enable_again_refused: expect.enable_again_refused,
            block: expect.block.as_ref(),
            fails: Some(&expect.fails).filter(|fails| !fails.is_empty()),
            meanwhile: expect.meanwhile.as_ref(),
            not_documented: scenario.not_documented.as_ref(),
            lease: scenario.configuration().day_two.role_times(false).map_or(ROLE_TTL_SECONDS, |times| times.ttl),
            deviation: scenario.known_deviation.as_ref(),
            control: scenario.control.as_deref(),
            evidence: scenario.evidence,
            ..Self::new(&scenario.id, &scenario.title, &scenario.page, Expected::of(expect))
        }
    }
}
