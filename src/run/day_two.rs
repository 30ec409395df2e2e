//! An app that lives on: it is looked at before something happens, once it has happened, and once it is mended.

use std::time::Duration;

use jiff::Timestamp;

use super::look::{ROLLOUT_LIMIT, find_out, look};
use crate::cluster::pod_rounds::round;
use crate::configure::day_two::{Fingerprints, Happened, Mended, happen, mend};
use crate::configure::{Error, Site};
use crate::probe::living::{Round, Since};
use crate::probe::observation::Observation;
use crate::scenario::configuration::Configuration;
use crate::scenario::day_two::{Meanwhile, Sees};
use crate::scenario::model::Scenario;
use crate::verdict::day_two::look as question;
use crate::verdict::end;
use crate::verdict::oracle::Oracle;
use crate::verdict::question::Question;
use crate::verdict::sighting::{Later, Lived, Seen, Sighting};

/// How long a round may take to be seen beside what is waited for, on a busy machine: the app rests in between, and its log
/// comes late.
const ROUND_LIMIT: Duration = Duration::from_secs(60);

/// After this many milliseconds an app that still does not read is not mended.
const MENDS_MS: i64 = 15_000;

/// One app, and what is known of its surroundings.
pub struct Life<'a> {
    /// Where it lives.
    pub site: Site<'a>,
    /// Its scenario.
    pub scenario: &'a Scenario,
    /// What was configured.
    pub configuration: &'a Configuration,
    /// What tells how a look ended.
    pub oracle: Oracle<'a>,
    /// The fingerprints of what was stored at first.
    pub stored: Fingerprints,
    /// The app's Service Account.
    pub account: &'a str,
    /// The auth mount's accessor.
    pub accessor: Option<&'a str>,
    /// The token reviewer's Service Account.
    pub reviewer: Option<&'a str>,
}

impl Life<'_> {
    /// Looks at it until it is mended. What is seen is its way then; where the app never read anything, its way as it was.
    ///
    /// # Errors
    /// A server refuses the event or what mends it, or the app says nothing any more.
    pub async fn live(&self, meanwhile: &Meanwhile, left: impl Fn() -> Duration) -> Result<Sighting, Error> {
        let (site, id) = (self.site, &*self.scenario.id);
        let before = self.known(look(site, id, left()).await.seen, &self.stored).await?;
        if !matches!(before.seen, Seen::Observed(_)) || !self.sees(&before, &Sees::Reads) {
            return Ok(before);
        }
        let first = self.round(left().min(ROUND_LIMIT), |_| true).await?;
        let Happened { at, fingerprints } = happen(site, self.configuration, first.granted).await?;
        let stored = fingerprints.as_ref().unwrap_or(&self.stored);

        // What does not change must be looked at late enough; what is not so after its time will not be.
        let from = at + millis(meanwhile.not_before.unwrap_or(0));
        let to = at + millis(meanwhile.within);
        let limit = Duration::from_millis(u64::try_from(to - now()).unwrap_or(0)) + ROUND_LIMIT;
        let then = self.round(left().min(limit), |round| {
            let as_said = self.sees(&of(&round.kept.observation, stored), &meanwhile.kept_token)
                && self.sees(&of(&round.anew.observation, stored), &meanwhile.new_login);
            round.began > to || (round.began >= from && as_said)
        });
        let then = then.await?;
        let kept_token = self.later(&then, &then.kept, &first.kept, at, stored).await?;
        let new_login = self.later(&then, &then.anew, &first.anew, at, stored).await?;

        let pod = site.run.apps.pod(&site.names.namespace, id);
        let (mut sighting, kept_token_mended) = match mend(site, self.configuration).await? {
            Mended::TheSame => {
                let mended = now();
                let last = self.round(left().min(ROUND_LIMIT), |round| {
                    let anew = self.sees(&of(&round.anew.observation, stored), &Sees::Reads);
                    let kept = self.sees(&of(&round.kept.observation, stored), &Sees::Reads);
                    let as_said = anew && (kept || !meanwhile.kept_token_mended);
                    round.began > mended + MENDS_MS || (round.began >= mended && as_said)
                });
                let last = last.await?;
                let kept = self.known(seen(&last.kept.observation), stored).await?;
                (self.known(seen(&last.anew.observation), stored).await?, Some(kept))
            }
            Mended::Replaced => {
                let limit = left().min(ROLLOUT_LIMIT);
                site.run.apps.replaced(&site.names.namespace, id, pod.as_deref(), limit).await?;
                (self.known(look(site, id, left()).await.seen, stored).await?, None)
            }
        };
        sighting.lived = Some(Box::new(Lived { before, kept_token, new_login, kept_token_mended }));
        Ok(sighting)
    }

    async fn round(&self, limit: Duration, wanted: impl Fn(&Round) -> bool) -> Result<Round, Error> {
        let Site { run, names, owner, .. } = self.site;
        Ok(round(&run.apps, &names.namespace, &owner.run, &owner.scenario, limit, wanted).await?)
    }

    /// Whether a look stops where it is to stop. Why it does is told later, and takes more than the look.
    fn sees(&self, sighting: &Sighting, sees: &Sees) -> bool {
        let question = question(&Question::from(self.scenario), sees);
        let observed = end::of(sighting, self.oracle.page, self.oracle.causes, &question);
        observed.complete && observed.stage == question.expected.stop()
    }

    /// What was seen, with what the servers say beside it.
    async fn known(&self, seen: Seen, stored: &Fingerprints) -> Result<Sighting, Error> {
        let mut sighting = Sighting { seen, fingerprints: stored.clone(), ..Sighting::nothing("") };
        find_out(self.site, self.account, self.accessor, self.reviewer, &mut sighting).await?;
        Ok(sighting)
    }

    async fn later(
        &self,
        round: &Round,
        then: &Since,
        first: &Since,
        at: i64,
        stored: &Fingerprints,
    ) -> Result<Later, Error> {
        Ok(Later {
            seen: self.known(seen(&then.observation), stored).await?,
            change_ms: then.until.filter(|_| then.since != first.since).map(|until| (until - at, then.since - at)),
            looked_ms: round.began - at,
        })
    }
}

fn seen(observation: &Observation) -> Seen {
    Seen::Observed(Box::new(observation.clone()))
}

fn of(observation: &Observation, stored: &Fingerprints) -> Sighting {
    Sighting { seen: seen(observation), fingerprints: stored.clone(), ..Sighting::nothing("") }
}

fn millis(seconds: u64) -> i64 {
    i64::try_from(seconds.saturating_mul(1000)).unwrap_or(i64::MAX)
}

fn now() -> i64 {
    Timestamp::now().as_millisecond()
}
