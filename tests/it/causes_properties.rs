//! Whatever is known, not known and logged: what the catalogue names is never
//! more than the evidence allows.
//!
//! When a condition holds is written here once more, from the documentation, and
//! not drawn from the catalogue's own code.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use pmp_vault_conformance::page::cause::{Cause, CauseCatalogue, Clues, Fact, Facts, Left, Signature};
use pmp_vault_conformance::page::{CauseId, Stage};
use pmp_vault_conformance::scenario::load::Catalogue;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

const OPAQUE: &str = "permission denied";
const UNHEARD_OF: &str = "something that no version said so far";

/// Everything that the end of a way could have left to go by.
#[derive(Debug, Clone)]
struct Known {
    stage: Stage,
    status: Option<u16>,
    client: String,
    log: Option<String>,
    facts: Facts,
    ruled_out: BTreeSet<CauseId>,
}

impl Known {
    fn clues(&self) -> Clues<'_> {
        let Self { stage, status, client, log, facts, .. } = self;
        Clues { stage: *stage, status: *status, client, log: log.as_deref(), facts }
    }

    /// What Vault explains to the client it does not log.
    fn line(&self) -> Option<&String> {
        self.log.as_ref().filter(|_| self.stage != Stage::Login || self.client == OPAQUE)
    }

    /// Whether the condition was seen to hold or not; none where that is not known.
    fn conditions(&self, signature: &Signature) -> Vec<Option<bool>> {
        let logged = |text: &String| match self.line() {
            Some(line) => Some(line.contains(text)),
            None => (self.client != OPAQUE).then_some(false),
        };
        let mut all = Vec::new();
        all.extend(signature.status.map(|status| Some(self.status == Some(status))));
        all.extend(signature.client.as_ref().map(|text| Some(self.client.contains(text))));
        all.extend(signature.log.as_ref().map(logged));
        all.extend(signature.log_lacks.as_ref().map(|text| logged(text).map(|there| !there)));
        all.extend(signature.fact.map(|fact| self.facts.of(fact)));
        all.extend(signature.unless.map(|fact| self.facts.of(fact).map(|holds| !holds)));
        all.extend(signature.hint.map(|fact| if self.facts.of(fact) == Some(false) { Some(false) } else { None }));
        all
    }

    fn shown(&self, signature: &Signature) -> bool {
        self.conditions(signature).iter().all(|condition| *condition == Some(true))
    }

    /// Nothing that was seen speaks against it; a line that explains nothing speaks neither for nor against.
    fn possible(&self, signature: &Signature, unexplained: bool) -> bool {
        let blind = Self { log: None, ..self.clone() };
        let known = if unexplained { &blind } else { self };
        known.conditions(signature).iter().all(|condition| *condition != Some(false))
    }
}

fn catalogue() -> &'static CauseCatalogue {
    static CATALOGUE: LazyLock<CauseCatalogue> =
        LazyLock::new(|| Catalogue::embedded().unwrap_or_else(|error| panic!("{error}")).causes);
    &CATALOGUE
}

/// The cause and its kinds: it stands for them where nothing tells them apart.
fn with_kinds<'a>(causes: &'a CauseCatalogue, cause: &'a Cause) -> impl Iterator<Item = &'a Cause> {
    causes.causes.iter().filter(|kind| kind.id == cause.id || kind.kind_of.as_ref() == Some(&cause.id))
}

fn all_facts() -> Vec<Fact> {
    let schema = schemars::schema_for!(Fact).to_value();
    let variants = schema["oneOf"].as_array().cloned().unwrap_or_default();
    variants.into_iter().map(|variant| serde_json::from_value(Value::clone(&variant["const"])).unwrap()).collect()
}

fn known() -> BoxedStrategy<Known> {
    let causes = &catalogue().causes;
    let signatures: Vec<(Stage, Signature)> = causes
        .iter()
        .flat_map(|cause| cause.signatures.iter().filter_map(|signature| Some((cause.id.stage()?, signature.clone()))))
        .collect();
    let lines: Vec<String> = signatures.iter().filter_map(|(_, signature)| signature.log.clone()).collect();
    let ids: Vec<CauseId> = causes.iter().map(|cause| cause.id.clone()).collect();
    let log = prop_oneof![
        3 => Just(None),
        3 => select(lines).prop_map(Some),
        2 => Just(Some(UNHEARD_OF.to_owned())),
    ];
    let facts = all_facts();
    let looked_at =
        proptest::collection::vec(select(vec![None, None, None, Some(false), Some(false), Some(true)]), facts.len());
    let out = proptest::collection::btree_set(select(ids), 0..12);
    // Around a signature, so that most often something fits.
    (select(signatures), log, looked_at, out, any::<[bool; 3]>())
        .prop_map(move |((stage, signature), log, looked_at, ruled_out, [opaque, own_line, own_fact])| {
            let mut known = Facts::default();
            for (fact, holds) in facts.iter().zip(looked_at) {
                known.note(*fact, holds);
            }
            if let Some(fact) = signature.fact.filter(|_| own_fact) {
                known.see(fact);
            }
            let client = signature.client.clone().unwrap_or_default();
            Known {
                stage,
                status: signature.status,
                client: if opaque || signature.log.is_some() { OPAQUE.to_owned() } else { client },
                log: if own_line { signature.log.clone() } else { log },
                facts: known,
                ruled_out,
            }
        })
        .boxed()
}

/// The signatures of what is not ruled out.
fn here<'a>(causes: &'a CauseCatalogue, known: &'a Known) -> impl Iterator<Item = (&'a Cause, &'a Signature)> {
    let possible = |cause: &&Cause| cause.id.stage() == Some(known.stage) && !known.ruled_out.contains(&cause.id);
    causes.causes.iter().filter(possible).flat_map(|cause| cause.signatures.iter().map(move |one| (cause, one)))
}

/// Whether the other holds wherever this one does. Its texts may be others: one line may have both, and a line is there
/// only where Vault told the client nothing.
fn implies(one: &Signature, other: &Signature) -> bool {
    let has = |own: bool, needed: bool| own || !needed;
    let logged = one.log.is_some();
    (other.status.is_none() || one.status == other.status)
        && has(one.client.is_some() || logged, other.client.is_some())
        && has(logged, other.log.is_some())
        && (other.log_lacks.is_none() || one.log_lacks == other.log_lacks)
        && (other.fact.is_none() || one.fact == other.fact)
        && (other.unless.is_none() || one.unless == other.unless)
        && (other.hint.is_none() || one.hint == other.hint)
}

fn not_passed_over(causes: &CauseCatalogue, known: &Known) -> Result<(), TestCaseError> {
    let Left { causes: left, unexplained } = causes.left(&known.clues(), &known.ruled_out);
    if unexplained {
        return Ok(());
    }
    let told = |one: &Signature| one.log.as_ref().zip(known.line()).is_some_and(|(text, line)| line.contains(text));
    let explained = here(causes, known).any(|(_, one)| known.possible(one, false) && told(one));
    let counts = |one: &Signature| !explained || told(one);
    let shown: Vec<&Signature> =
        here(causes, known).map(|(_, one)| one).filter(|one| known.shown(one) && counts(one)).collect();
    let conditions = |one: &Signature| known.conditions(one).len();
    let most = shown.iter().map(|one| conditions(one)).max();
    let most: Vec<&&Signature> = shown.iter().filter(|one| Some(conditions(one)) == most).collect();
    for (cause, one) in here(causes, known).filter(|(_, one)| known.possible(one, false) && counts(one)) {
        if !known.shown(one) && (most.is_empty() || most.iter().any(|seen| implies(one, seen) && !implies(seen, one))) {
            let stands_for = |other: &&Cause| {
                other.id == cause.id
                    || cause.kind_of.as_ref() == Some(&other.id)
                    || other.kind_of.as_ref() == Some(&cause.id)
            };
            prop_assert!(left.iter().any(stands_for), "{} is passed over", cause.id);
        }
    }
    Ok(())
}

/// A catalogue of a few causes with one to seven conditions each, around a refused login.
fn of_any_catalogue() -> impl Strategy<Value = (CauseCatalogue, Known)> {
    let facts = [Fact::ForeignCa, Fact::ReviewerSet, Fact::LocalTokenUsed, Fact::BoundCidrs];
    let lines = ["no such host", "EOF"];
    let given = |odds: f64, one: &'static [Fact]| proptest::option::weighted(odds, select(one));
    const FACTS: [Fact; 4] = [Fact::ForeignCa, Fact::ReviewerSet, Fact::LocalTokenUsed, Fact::BoundCidrs];
    let log = || proptest::option::weighted(0.3, select(lines.map(str::to_owned).to_vec()));
    let signature = (any::<[bool; 2]>(), log(), given(0.5, &FACTS), given(0.5, &FACTS), given(0.2, &FACTS)).prop_map(
        |([status, client], log, fact, unless, hint)| Signature {
            status: status.then_some(403),
            client: client.then(|| OPAQUE.to_owned()),
            log,
            fact,
            unless,
            hint,
            ..Signature::default()
        },
    );
    let known = proptest::collection::vec(select(vec![None, Some(false), Some(true)]), facts.len());
    (proptest::collection::vec(signature, 2..6), log(), known).prop_map(move |(signatures, log, known)| {
        let causes = signatures.into_iter().enumerate().map(|(number, signature)| {
            json!({ "id": format!("login.number-{number}"), "title": "t", "meaning": "m", "remedy": "r",
                "signatures": [signature], "seen-on": [] })
        });
        let causes = serde_json::from_value(json!({ "causes": causes.collect::<Vec<_>>() })).unwrap();
        let mut noted = Facts::default();
        for (fact, holds) in facts.iter().zip(known) {
            noted.note(*fact, holds);
        }
        let known = Known {
            stage: Stage::Login,
            status: Some(403),
            client: OPAQUE.to_owned(),
            log,
            facts: noted,
            ruled_out: BTreeSet::new(),
        };
        (causes, known)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_named_that_was_ruled_out_or_whose_fact_was_seen_not_to_be(known in known()) {
        let causes = catalogue();
        let Left { causes: left, unexplained } = causes.left(&known.clues(), &known.ruled_out);
        for cause in left {
            prop_assert!(!known.ruled_out.contains(&cause.id), "{} was ruled out", cause.id);
            let allowed = with_kinds(causes, cause)
                .filter(|kind| !known.ruled_out.contains(&kind.id))
                .any(|kind| kind.signatures.iter().any(|signature| known.possible(signature, unexplained)));
            prop_assert!(allowed, "nothing that was seen leaves {}", cause.id);
        }
    }

    #[test]
    fn one_is_certain_only_by_its_own_evidence_or_where_nothing_else_is_left(known in known()) {
        let causes = catalogue();
        let Left { causes: left, unexplained } = causes.left(&known.clues(), &known.ruled_out);
        let [cause] = left.as_slice() else { return Ok(()) };
        if unexplained {
            return Ok(());
        }
        let own = |signature: &Signature| known.shown(signature);
        let evidence = with_kinds(causes, cause).any(|kind| kind.signatures.iter().any(own));
        // Where the line is explained, whatever else is possible does not explain it.
        let told = |signature: &Signature| signature.log.as_ref().zip(known.line()).is_some_and(|(text, line)| line.contains(text));
        let explained = with_kinds(causes, cause).any(|kind| kind.signatures.iter().any(told));
        let others_out = causes
            .causes
            .iter()
            .filter(|other| other.id.stage() == Some(known.stage) && !known.ruled_out.contains(&other.id))
            .filter(|other| other.id != cause.id && other.kind_of.as_ref() != Some(&cause.id))
            .all(|other| other.signatures.iter().all(|signature| !known.possible(signature, false) || (explained && !told(signature))));
        prop_assert!(evidence || others_out, "{} is named alone by elimination, and others are left", cause.id);
    }

    #[test]
    fn what_would_be_more_particular_than_what_was_seen_is_not_passed_over(known in known()) {
        not_passed_over(catalogue(), &known)?;
    }

    #[test]
    fn nor_is_it_in_catalogues_whose_signatures_have_more_conditions((causes, known) in of_any_catalogue()) {
        not_passed_over(&causes, &known)?;
    }

    #[test]
    fn nothing_joins_what_was_seen_only_because_it_has_more_conditions((causes, known) in of_any_catalogue()) {
        let Left { causes: left, unexplained } = causes.left(&known.clues(), &known.ruled_out);
        let told = |one: &Signature| one.log.as_ref().zip(known.line()).is_some_and(|(text, line)| line.contains(text));
        let explained = here(&causes, &known).any(|(_, one)| known.possible(one, false) && told(one));
        let counts = |one: &&Signature| known.shown(one) && (!explained || told(one));
        let shown: Vec<&Signature> = here(&causes, &known).map(|(_, one)| one).filter(counts).collect();
        if unexplained || shown.is_empty() {
            return Ok(());
        }
        for cause in left.into_iter().filter(|cause| !cause.signatures.iter().any(|one| known.shown(one))) {
            let joins = cause.signatures.iter().any(|one| known.possible(one, false) && shown.iter().any(|seen| implies(one, seen)));
            prop_assert!(joins, "{} has nothing of its own, and is no kind of what was seen", cause.id);
        }
    }

    #[test]
    fn a_line_that_no_possible_cause_explains_makes_nothing_certain_and_rules_nothing_out(known in known()) {
        let causes = catalogue();
        let Left { causes: left, unexplained } = causes.left(&known.clues(), &known.ruled_out);
        let explains = |cause: &Cause| {
            let tells = |signature: &&Signature| {
                signature.log.as_ref().zip(known.line()).is_some_and(|(text, line)| line.contains(text))
            };
            cause.signatures.iter().filter(tells).any(|signature| known.possible(signature, false))
        };
        let explained = causes
            .causes
            .iter()
            .filter(|cause| cause.id.stage() == Some(known.stage) && !known.ruled_out.contains(&cause.id))
            .any(explains);
        let must = known.stage == Stage::Login && known.line().is_some() && !explained;
        prop_assert_eq!(unexplained, must);
        if unexplained {
            let blind = Known { log: None, ..known.clone() };
            prop_assert_eq!(left, causes.left(&blind.clues(), &known.ruled_out).causes);
        }
    }
}

#[test]
fn a_hint_leads_the_group_and_is_never_enough() {
    let causes = catalogue();
    let mut facts = Facts::default();
    facts.see(Fact::ForeignCa);
    let clues = Clues { stage: Stage::Login, status: Some(403), client: OPAQUE, log: None, facts: &facts };
    let left = causes.left(&clues, &BTreeSet::new());
    let ids: Vec<&str> = left.causes.iter().map(|cause| cause.id.as_str()).collect();
    let first: BTreeSet<&str> = ids.iter().take(3).copied().collect();
    let hinted = ["login.api-server-front", "login.api-server-unreachable", "login.api-server-certificate"];
    assert_eq!(first, BTreeSet::from(hinted), "{ids:?}");
    assert!(ids.len() > 3 && !left.unexplained, "{ids:?}");
}

#[test]
fn a_general_cause_says_nothing_beside_the_kind_of_it_that_was_seen() {
    let cause = |id: &str, kind_of: Option<&str>, signature: Value| {
        let kind_of = kind_of.map_or(Value::Null, Value::from);
        json!({ "id": id, "title": "t", "meaning": "m", "remedy": "r", "kind-of": kind_of, "signatures": [signature], "seen-on": [] })
    };
    // Both are shown by as many conditions, so that neither is the more particular.
    let general = cause("login.general", None, json!({ "status": 403, "client": OPAQUE }));
    let kind = cause("login.kind", Some("login.general"), json!({ "status": 403, "fact": "foreign-ca" }));
    let causes: CauseCatalogue = serde_json::from_value(json!({ "causes": [general, kind] })).unwrap();
    let named = |seen: bool| {
        let mut facts = Facts::default();
        facts.note(Fact::ForeignCa, Some(seen));
        let clues = Clues { stage: Stage::Login, status: Some(403), client: OPAQUE, log: None, facts: &facts };
        causes
            .left(&clues, &BTreeSet::new())
            .causes
            .iter()
            .map(|cause| cause.id.as_str().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(named(true), ["login.kind"]);
    assert_eq!(named(false), ["login.general"]);
}
