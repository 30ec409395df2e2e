//! What is refused though it has the right shape.

use std::collections::{BTreeSet, HashSet};

use super::place::File;
use super::problem::{CATALOGUE, PAGES, Problem};
use crate::page::cause::Signature;
use crate::page::{Cause, CauseCatalogue, CauseId, Names, Reads, Stage};
use crate::scenario::block::{BlockCatalogue, Shown};
use crate::scenario::command::{CommandCatalogue, Effect};
use crate::scenario::configuration::{Base, Change, Configuration, Literal};
use crate::scenario::day_two::{DayTwo, Sees};
use crate::scenario::model::{Evidence, Scenario};
use crate::scenario::near::near;

/// What a scenario may refer to. A catalogue file that was refused itself is absent.
pub(super) struct References<'a> {
    pub ids: &'a [String],
    pub scenarios: &'a [File<Scenario>],
    /// Every anchor and every key of every revision of the page.
    pub anchors: &'a [&'a str],
    pub keys: &'a BTreeSet<&'a str>,
    /// Every step of every block of every revision.
    pub steps: &'a BTreeSet<&'a str>,
    /// Every command of every revision.
    pub commands: &'a BTreeSet<&'a str>,
    pub causes: Option<&'a CauseCatalogue>,
}

/// The id that a scenario at this path has; none where no scenario may be there.
pub(super) fn id_of(path: &str) -> Option<String> {
    let (group, name) = path.strip_suffix(".yaml")?.split_once('/')?;
    (kebab(group) && kebab(name) && ![CATALOGUE, PAGES].contains(&group)).then(|| format!("{group}.{name}"))
}

pub(super) fn kebab(word: &str) -> bool {
    word.split('-')
        .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()))
}

/// A sentence that offers what may have been meant.
fn offer<'a>(word: &str, candidates: impl Iterator<Item = &'a str>, otherwise: &str) -> String {
    match near(word, candidates) {
        offered if offered.is_empty() => otherwise.into(),
        offered => format!("Did you mean {}? {otherwise}", offered.join(", ")),
    }
}

/// Collects the problems of one file.
pub(super) struct Report<'a, T> {
    pub file: &'a File<T>,
    pub problems: &'a mut Vec<Problem>,
}

impl<T> Report<'_, T> {
    pub fn refuse(&mut self, at: &[&str], message: impl Into<String>, remedy: impl Into<String>) {
        self.problems.push(self.file.problem(at, message.into(), remedy.into()));
    }

    fn anchor(&mut self, at: &[&str], page: &str, anchors: &[&str]) {
        if !anchors.contains(&page) {
            self.refuse(
                at,
                format!("`{page}` is not an anchor of the page"),
                offer(page, anchors.iter().copied(), &format!("The anchors are {}.", anchors.join(", "))),
            );
        }
    }
}

pub(super) fn causes(file: &File<CauseCatalogue>, problems: &mut Vec<Problem>) {
    let mut report = Report { file, problems };
    let mut seen = HashSet::new();
    for (number, cause) in file.value.causes.iter().enumerate() {
        let number = number.to_string();
        let at = ["causes", &number, "id"];
        if cause.id.stage().is_none() || !cause.id.as_str().split_once('.').is_some_and(|(_, name)| kebab(name)) {
            report.refuse(
                &at,
                format!("cause `{}` names no stage", cause.id),
                format!("A cause is STAGE.NAME in kebab-case; the stages are {}.", stages()),
            );
        } else if !seen.insert(&cause.id) {
            report.refuse(&at, format!("cause `{}` is there twice", cause.id), "Give each cause an id of its own.");
        }
        placeholders(&mut report, &number, cause);
        if cause.signatures.contains(&Signature::default()) {
            report.refuse(
                &["causes", &number, "signatures"],
                format!("cause `{}` has an empty signature, so it would never be seen", cause.id),
                "Give at least one of status, client, log and fact.",
            );
        }
        match (&cause.stated_by, cause.signatures.is_empty()) {
            (None, true) => report.refuse(
                &["causes", &number],
                format!("cause `{}` has neither signatures nor `stated-by`, so nothing would ever name it", cause.id),
                "Add signatures; or say in `stated-by` which check states it, and from what.",
            ),
            (Some(_), false) => report.refuse(
                &["causes", &number, "stated-by"],
                format!("cause `{}` has both signatures and `stated-by`", cause.id),
                "Keep the signatures where an end of a way shows it, else `stated-by`.",
            ),
            (Some(_), true) | (None, false) => {}
        }
    }
}

/// Every brace of a cause's texts is a placeholder's or doubled.
fn placeholders(report: &mut Report<'_, CauseCatalogue>, number: &str, cause: &Cause) {
    let texts = [("title", &cause.title), ("meaning", &cause.meaning), ("remedy", &cause.remedy)];
    let commands = cause.commands.iter().map(|line| (["causes", number, "commands", line].to_vec(), line));
    let texts = texts.map(|(field, text)| (["causes", number, field].to_vec(), text));
    for (at, text) in texts.into_iter().chain(commands) {
        for unknown in Names::unknown(text) {
            let word = unknown.trim_matches(['{', '}']);
            let remedy = format!("The placeholders are {}; double any other brace.", Names::PLACEHOLDERS.join(", "));
            report.refuse(
                &at,
                format!("`{unknown}` of cause `{}` is no placeholder", cause.id),
                offer(word, Names::PLACEHOLDERS.into_iter(), &remedy),
            );
        }
    }
}

pub(super) fn commands(file: &File<CommandCatalogue>, anchors: &[&str], problems: &mut Vec<Problem>) {
    let mut report = Report { file, problems };
    let mut seen = HashSet::new();
    for (number, command) in file.value.commands.iter().enumerate() {
        let number = number.to_string();
        let at = |field| ["commands", &*number, field];
        if !kebab(&command.id) {
            report.refuse(&at("id"), format!("`{}` is not kebab-case", command.id), "Write it as 01-some-words.");
        } else if !seen.insert(&command.id) {
            report.refuse(&at("id"), format!("command `{}` is there twice", command.id), "Give it an id of its own.");
        }
        report.anchor(&at("page"), &command.page, anchors);
        if (command.effect == Effect::PrintsValue) != command.variable.is_some() {
            report.refuse(
                &at("effect"),
                "`variable` belongs to the effect prints-value, and to no other",
                "Add the variable that the command sets, or remove it.",
            );
        }
        if command.run.contains("kubectl edit") != command.edit.is_some() {
            report.refuse(
                &at("run"),
                "`edit` belongs to `kubectl edit`, and to no other command",
                "Add what the human changes in the editor, or remove it.",
            );
        }
        if command.mended.is_some() && command.defect.is_none() {
            report.refuse(
                &at("mended"),
                "the command is mended, but has no defect",
                "Name the defect, or remove the mended text.",
            );
        }
    }
}

pub(super) fn blocks(file: &File<BlockCatalogue>, problems: &mut Vec<Problem>) {
    let mut report = Report { file, problems };
    let mut seen = HashSet::new();
    for (number, block) in file.value.blocks.iter().enumerate() {
        let number = number.to_string();
        if !seen.insert(block.distribution) {
            let message = format!("the block for {} is there twice", block.distribution);
            report.refuse(&["blocks", &number, "distribution"], message, "Remove one of the two.");
        }
        let mut steps = HashSet::new();
        for (place, step) in block.steps.iter().enumerate() {
            if !kebab(&step.id) || !steps.insert(&step.id) {
                report.refuse(
                    &["blocks", &number, "steps", &place.to_string(), "id"],
                    format!("step `{}` is there twice, or not kebab-case", step.id),
                    "Give each step of a block an id of its own, as some-words.",
                );
            }
        }
        let typed = format!("{}{}{}", block.run, block.commented.as_deref().unwrap_or_default(), block.mended);
        for (place, step) in block.steps.iter().enumerate() {
            let named = match &step.shown {
                Shown::Variable(name) | Shown::Lasts { variable: name, .. } => format!("{name}="),
                // Where a line goes on in the next one, bash says it as one.
                Shown::Ran(command) => command.rsplit(' ').next().unwrap_or_default().to_owned(),
                Shown::Reviewer | Shown::ShellStays => continue,
            };
            if !typed.contains(&named) {
                report.refuse(
                    &["blocks", &number, "steps", &place.to_string(), "shown"],
                    format!("`{named}` is nowhere in the block"),
                    "Name a variable that the block sets, or a command that it runs.",
                );
            }
        }
    }
}

pub(super) fn scenario(file: &File<Scenario>, references: &References<'_>, problems: &mut Vec<Problem>) {
    let mut report = Report { file, problems };
    let scenario = &file.value;
    identity(&mut report, references);
    report.anchor(&["page"], &scenario.page, references.anchors);
    if scenario.evidence == Evidence::OperatorManifests {
        report.refuse(
            &["evidence"],
            "which operator decides is known when a run has one",
            "Write `evidence: stand-in`: a run with --operator-manifests says in its report that the operator decided.",
        );
    }
    expectation(&mut report, references);
    day_two(&mut report, references);
    deviation(&mut report, references);
    control(&mut report, references);
}

fn identity(report: &mut Report<'_, Scenario>, references: &References<'_>) {
    let id = &report.file.value.id;
    if let Some(right) = id_of(&report.file.path).filter(|right| right != id) {
        report.refuse(
            &["id"],
            format!("id `{id}` does not agree with the file's path"),
            format!("Write `id: {right}`, or move the file to where the id says."),
        );
    }
    let twin = references.scenarios.iter().find(|other| other.value.id == *id && other.path != report.file.path);
    if let Some(twin) = twin {
        report.refuse(
            &["id"],
            format!("id `{id}` is also that of {}", twin.name()),
            "Give each scenario an id of its own.",
        );
    }
}

fn expectation(report: &mut Report<'_, Scenario>, references: &References<'_>) {
    let scenario = &report.file.value;
    let expect = &scenario.expect;
    match (&expect.reads, expect.stops_at) {
        (Some(_), Some(_)) => report.refuse(
            &["expect"],
            "`reads` and `stops-at` are both there",
            "Keep `reads` where the app gets its keys, `stops-at` with `cause` where it does not.",
        ),
        (None, None) => report.refuse(
            &["expect"],
            "neither `reads` nor `stops-at` is there",
            "Add `reads: all`, `reads: [KEY…]`, or `stops-at: STAGE` with `cause: ID`.",
        ),
        _ => {}
    }
    match (expect.stops_at, &expect.cause) {
        (Some(stage), Some(id)) => cause(report, &["expect", "cause"], stage, id, references),
        (Some(stage), None) => report.refuse(
            &["expect", "stops-at"],
            "`stops-at` has no `cause`",
            format!("Add `cause: {stage}.…`: a denial for another reason proves nothing."),
        ),
        (None, Some(_)) => report.refuse(
            &["expect", "cause"],
            "`cause` is there without `stops-at`",
            "Add `stops-at` with the cause's stage, or remove the cause.",
        ),
        (None, None) => {}
    }
    match (expect.stops_at, &expect.keys) {
        (Some(Stage::Keys), None) => report.refuse(
            &["expect", "stops-at"],
            "`stops-at: keys` has no `keys`",
            "Add `keys: all` or `keys: [KEY…]`: those that the cause concerns.",
        ),
        (Some(Stage::Keys), Some(Reads::Keys(keys))) if keys.is_empty() => report.refuse(
            &["expect", "keys"],
            "`stops-at: keys` concerns no key",
            "Add `keys: all` or `keys: [KEY…]`: those that the cause concerns.",
        ),
        (Some(Stage::Keys), Some(_)) | (_, None) => {}
        (_, Some(_)) => report.refuse(
            &["expect", "keys"],
            "`keys` is there without `stops-at: keys`",
            "Remove it, or use `reads` for the keys that the app gets.",
        ),
    }
    for (field, reads) in [("reads", &expect.reads), ("keys", &expect.keys)] {
        if let Some(Reads::Keys(names)) = reads {
            known_keys(report, field, names, references.keys);
        }
    }
    block(report, references);
    typed(report, references);
    if expect.enable_again_refused && !scenario.configuration().enable_again {
        report.refuse(
            &["expect", "enable-again-refused"],
            "nothing is enabled again",
            "Add `enable-again: true` to `change`, or remove this line.",
        );
    }
}

/// What concerns a block stands beside one, and only there.
fn block(report: &mut Report<'_, Scenario>, references: &References<'_>) {
    let scenario = &report.file.value;
    let configuration = scenario.configuration();
    let typed = configuration.auth_method.block().is_some();
    // Among the page's other commands a block is one of them, and its steps are not told apart.
    let alone = configuration.literal == Literal::No;
    if typed && configuration.literal == Literal::AsWritten {
        report.refuse(
            &["change", "literal"],
            "a block is typed, and the page's other commands as written",
            "Mend them; how the block is as written is seen without them.",
        );
    }
    match (&scenario.expect.block, typed && alone) {
        (None, true) => report.refuse(
            &["expect"],
            "a block is typed, and nothing says what comes of its steps",
            "Add `block: [STEP…]`: those that come to what they are there for.",
        ),
        (Some(_), false) => report.refuse(
            &["expect", "block"],
            "no block is typed",
            "Name a block as the auth-method, or remove this line.",
        ),
        (None, false) | (Some(_), true) => {}
    }
    for step in scenario.expect.block.iter().flatten() {
        if !references.steps.contains(step.as_str()) {
            report.refuse(
                &["expect", "block", step],
                format!("`{step}` is no step of a block"),
                offer(step, references.steps.iter().copied(), "The steps are those of pages/ID/blocks.yaml."),
            );
        }
    }
    let Change { fallback, kubeconfig, jq, shell, cloud_issuer, .. } = &scenario.change;
    let given = [
        ("fallback", fallback.is_some(), typed),
        ("kubeconfig", kubeconfig.is_some(), typed && alone),
        ("jq", jq.is_some(), typed && alone),
        ("shell", shell.is_some(), typed && alone),
        ("cloud-issuer", cloud_issuer.is_some(), typed && alone),
    ];
    for (field, ..) in given.into_iter().filter(|(_, given, heeded)| *given && !heeded) {
        report.refuse(
            &["change", field],
            format!("`{field}` is how a block is typed by itself, and none is"),
            "Name a block as the auth-method, without `literal`, or remove this line.",
        );
    }
}

/// What the app sees of an event stands beside one, and only there; and an app that is to see it has read everything.
fn day_two(report: &mut Report<'_, Scenario>, references: &References<'_>) {
    let scenario = &report.file.value;
    let configuration = scenario.configuration();
    let happens = configuration.day_two != DayTwo::Nothing;
    let Some(meanwhile) = &scenario.expect.meanwhile else {
        if happens {
            report.refuse(
                &["change", "day-two"],
                "something happens while the app lives, and nothing says what it sees",
                "Add `meanwhile` to `expect`: what it sees with the Vault token that it had, and with a new login.",
            );
        }
        return;
    };
    if !happens {
        report.refuse(
            &["expect", "meanwhile"],
            "nothing happens while the app lives",
            "Add `day-two: EVENT` to `change`, or remove this line.",
        );
    }
    if scenario.expect.reads != Some(Reads::All) {
        report.refuse(
            &["expect", "meanwhile"],
            "the app does not read all keys before and after",
            "Write `reads: all`: what it sees in between is the event's doing only where it works without.",
        );
    }
    let day_two_alone = Configuration { day_two: configuration.day_two, ..Base::Custom.configuration() };
    if happens && configuration != day_two_alone {
        report.refuse(
            &["change", "day-two"],
            "something else is changed as well",
            "Let the event alone differ from `base: custom`, so that what the app sees is its doing.",
        );
    }
    if meanwhile.not_before.is_some_and(|from| from >= meanwhile.within) {
        report.refuse(
            &["expect", "meanwhile", "not-before"],
            "it is not before `within`",
            "Both are seconds after the event; let `within` be the later one.",
        );
    }
    for (field, sees) in [("kept-token", &meanwhile.kept_token), ("new-login", &meanwhile.new_login)] {
        let Sees::StopsFor(id) = sees else { continue };
        match id.stage().filter(|stage| [Stage::Login, Stage::Read, Stage::Keys].contains(stage)) {
            Some(stage) => cause(report, &["expect", "meanwhile", field, "stops-for"], stage, id, references),
            None => report.refuse(
                &["expect", "meanwhile", field, "stops-for"],
                format!("`{id}` is no cause of login, read or keys"),
                "An app that lives on stops nowhere else.",
            ),
        }
    }
}

/// What concerns the page's commands stands beside them, and only there.
fn typed(report: &mut Report<'_, Scenario>, references: &References<'_>) {
    let scenario = &report.file.value;
    let literal = scenario.configuration().literal != Literal::No;
    for (at, given) in [
        (["expect", "fails"], !scenario.expect.fails.is_empty()),
        (["change", "reader"], scenario.change.reader.is_some()),
    ] {
        if given && !literal {
            report.refuse(
                &at,
                "none of the page's commands is typed",
                "Add `literal` to `change`, or remove this line.",
            );
        }
    }
    for id in &scenario.expect.fails {
        if !references.commands.contains(id.as_str()) {
            report.refuse(
                &["expect", "fails", id],
                format!("`{id}` is no command of the page"),
                offer(id, references.commands.iter().copied(), "The commands are those of pages/ID/commands.yaml."),
            );
        }
    }
}

fn known_keys(report: &mut Report<'_, Scenario>, field: &str, names: &BTreeSet<String>, known: &BTreeSet<&str>) {
    for name in names {
        if !known.contains(name.as_str()) {
            report.refuse(
                &["expect", field, name],
                format!("key `{name}` is in no revision of the page"),
                offer(name, known.iter().copied(), "The keys are those of pages/ID/page.yaml, case included."),
            );
        }
    }
}

fn cause(report: &mut Report<'_, Scenario>, at: &[&str], stage: Stage, id: &CauseId, references: &References<'_>) {
    if let Some(catalogue) = references.causes.filter(|catalogue| catalogue.get(id).is_none()) {
        let known = catalogue.causes.iter().map(|cause| cause.id.as_str());
        report.refuse(
            at,
            format!("cause `{id}` is not in the catalogue"),
            offer(id.as_str(), known, "The causes are those of catalogue/causes.yaml."),
        );
    } else if id.stage().is_some_and(|other| other != stage) {
        report.refuse(
            at,
            format!("cause `{id}` is not of stage {stage}"),
            format!("Take a cause `{stage}.…`, or another stage."),
        );
    }
}

fn deviation(report: &mut Report<'_, Scenario>, references: &References<'_>) {
    let scenario = &report.file.value;
    let Some(deviation) = &scenario.known_deviation else { return };
    if scenario.expect.stops_at.is_some() {
        report.refuse(
            &["known-deviation"],
            "a known deviation stands beside an expected denial",
            "`expect` says what the page claims: use `reads` there, or remove the deviation.",
        );
    }
    if !kebab(&deviation.defect) {
        report.refuse(
            &["known-deviation", "defect"],
            format!("defect `{}` is not kebab-case", deviation.defect),
            "Write it as some-words, the same in every scenario that meets it.",
        );
    }
    if deviation.seen_on.is_empty() {
        report.refuse(
            &["known-deviation", "seen-on"],
            "a known deviation was seen on no version",
            "Name the versions on which it was seen.",
        );
    }
    cause(report, &["known-deviation", "cause"], deviation.stops_at, &deviation.cause, references);
}

fn control(report: &mut Report<'_, Scenario>, references: &References<'_>) {
    let scenario = &report.file.value;
    let denial = scenario.expect.stops_at.is_some();
    let Some(id) = &scenario.control else {
        if denial {
            report.refuse(
                &["expect", "stops-at"],
                "a denial has no control",
                "Add `control: ID`: the permitted scenario that differs from it in one field.",
            );
        }
        return;
    };
    if !denial && scenario.known_deviation.is_none() {
        report.refuse(
            &["control"],
            "a permitted scenario has a control",
            "Remove it: only denials and known deviations have one.",
        );
        return;
    }
    let Some(control) = references.scenarios.iter().map(|file| &file.value).find(|other| other.id == *id) else {
        if !references.ids.contains(id) {
            let known = references.ids.iter().map(String::as_str);
            report.refuse(
                &["control"],
                format!("control `{id}` does not exist"),
                offer(id, known, "A control is the id of a permitted scenario."),
            );
        }
        return;
    };
    if control.expect.stops_at.is_some() || control.known_deviation.is_some() {
        report.refuse(
            &["control"],
            format!("control `{id}` is not permitted itself"),
            "Name a scenario whose keys are read.",
        );
    }
    let differences = scenario.configuration().differences(&control.configuration());
    if differences.len() != 1 {
        let fields = if differences.is_empty() { "no field".into() } else { differences.join(", ") };
        report.refuse(
            &["control"],
            format!("it differs from its control `{id}` in {fields}, not in one field"),
            "Name the permitted scenario that differs in one field, or add one.",
        );
    }
}

fn stages() -> String {
    Stage::ALL.map(Stage::as_str).join(", ")
}
