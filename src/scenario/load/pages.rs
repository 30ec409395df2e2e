//! The revisions of the page: `pages/ID/page.yaml`, and `commands.yaml` and `blocks.yaml` beside it or of another revision.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::check::{self, Report, kebab};
use super::place::File;
use super::problem::{PAGES, Problem, Source};
use crate::page::Page;
use crate::scenario::block::BlockCatalogue;
use crate::scenario::command::CommandCatalogue;
use crate::scenario::revisions::{DEFAULT, Revision, Revisions};

/// What was read of them.
#[derive(Default)]
pub(super) struct Pages {
    pages: BTreeMap<String, File<Page>>,
    commands: BTreeMap<String, CommandCatalogue>,
    blocks: BTreeMap<String, BlockCatalogue>,
}

impl Pages {
    /// Takes what lies in the revisions' folders out of `sources`, and checks it.
    pub fn take(sources: &mut BTreeMap<String, Source>, problems: &mut Vec<Problem>) -> Self {
        let mut found = Self::default();
        let (mut commands, mut blocks) = (BTreeMap::new(), BTreeMap::new());
        let paths: Vec<String> =
            sources.keys().filter(|path| path.starts_with(&format!("{PAGES}/"))).cloned().collect();
        for path in paths {
            let Some(source) = sources.remove(&path) else { continue };
            let parts: Vec<&str> = path.split('/').collect();
            match parts.as_slice() {
                [_, id, "page.yaml"] => match File::parse(path.clone(), source) {
                    Ok(file) => _ = found.pages.insert((*id).to_owned(), file),
                    Err(problem) => problems.push(problem),
                },
                [_, id, "commands.yaml"] => match File::<CommandCatalogue>::parse(path.clone(), source) {
                    Ok(file) => _ = commands.insert((*id).to_owned(), file),
                    Err(problem) => problems.push(problem),
                },
                [_, id, "blocks.yaml"] => match File::<BlockCatalogue>::parse(path.clone(), source) {
                    Ok(file) => _ = blocks.insert((*id).to_owned(), file),
                    Err(problem) => problems.push(problem),
                },
                _ => problems.push(source.problem(
                    1,
                    "this is no file of a revision of the page".into(),
                    "A revision is pages/ID/page.yaml, with commands.yaml and blocks.yaml beside it.".into(),
                )),
            }
        }
        for (id, file) in &found.pages {
            page(id, file, &found.pages, &commands, problems);
        }
        for (id, file) in &commands {
            let anchors = found.pages.get(id).map(|page| page.value.anchors.all().to_vec()).unwrap_or_default();
            check::commands(file, &anchors, problems);
            if !found.pages.contains_key(id) {
                problems.push(file.problem(
                    &[],
                    format!("these are commands of a revision `{id}` that is not there"),
                    "Put a page.yaml beside them.".into(),
                ));
            }
        }
        for (id, file) in &blocks {
            check::blocks(file, problems);
            if !commands.contains_key(id) {
                problems.push(file.problem(
                    &[],
                    "these are blocks of a revision that has no commands of its own".into(),
                    "Put a commands.yaml beside them, or remove them.".into(),
                ));
            }
        }
        found.blocks = blocks.into_iter().map(|(id, file)| (id, file.value)).collect();
        found.commands = commands.into_iter().map(|(id, file)| (id, file.value)).collect();
        found
    }

    /// Every anchor of every revision.
    pub fn anchors(&self) -> Vec<&str> {
        let all: BTreeSet<&str> = self.pages.values().flat_map(|page| page.value.anchors.all()).collect();
        all.into_iter().collect()
    }

    /// Every key of every revision.
    pub fn keys(&self) -> BTreeSet<&str> {
        self.pages.values().flat_map(|page| page.value.keys.iter().map(|key| key.name.as_str())).collect()
    }

    /// Every command.
    pub fn commands(&self) -> BTreeSet<&str> {
        let all = self.commands.values().flat_map(|catalogue| &catalogue.commands);
        all.map(|command| command.id.as_str()).collect()
    }

    /// Every step of every block.
    pub fn steps(&self) -> BTreeSet<&str> {
        let blocks = self.blocks.values().flat_map(|catalogue| &catalogue.blocks);
        blocks.flat_map(|block| block.steps.iter().map(|step| step.id.as_str())).collect()
    }

    /// Each with its commands; none where one has none, which was refused already.
    pub fn revisions(self) -> Option<Revisions> {
        let mut all = BTreeMap::new();
        for (id, file) in self.pages {
            let page = file.value;
            let typed = page.commands_of.as_ref().unwrap_or(&id);
            let commands = self.commands.get(typed)?.clone();
            let blocks = self.blocks.get(typed).cloned().unwrap_or_default();
            all.insert(id, Revision { page, commands, blocks });
        }
        all.contains_key(DEFAULT).then_some(Revisions(all))
    }
}

fn page(
    id: &str,
    file: &File<Page>,
    all: &BTreeMap<String, File<Page>>,
    commands: &BTreeMap<String, File<CommandCatalogue>>,
    problems: &mut Vec<Problem>,
) {
    let page = &file.value;
    let mut report = Report { file, problems };
    if page.id != id || !kebab(id) {
        report.refuse(
            &["id"],
            format!("id `{}` does not agree with the folder `{id}`", page.id),
            "Call both the same, in kebab-case.",
        );
    }
    if let Some(anchor) = page.anchors.all().into_iter().find(|anchor| !anchor.starts_with('#')) {
        report.refuse(&["anchors"], format!("`{anchor}` is no anchor"), "Anchors begin with `#`.");
    }
    match &page.commands_of {
        Some(_) if commands.contains_key(id) => report.refuse(
            &["commands-of"],
            "it has commands of its own, and takes another's",
            "Remove this line, or commands.yaml.",
        ),
        Some(other) if !commands.contains_key(other) => {
            let known = commands.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
            report.refuse(
                &["commands-of"],
                format!("revision `{other}` has no commands of its own"),
                format!("Those that have some are {known}."),
            );
        }
        None if !commands.contains_key(id) => report.refuse(
            &["id"],
            "the revision has no commands",
            "Put commands.yaml beside it, or say with `commands-of` whose it shares.",
        ),
        _ => {}
    }
    keys(&mut report, all);
}

fn keys(report: &mut Report<'_, Page>, all: &BTreeMap<String, File<Page>>) {
    let page = &report.file.value;
    if page.keys.is_empty() {
        report.refuse(&["keys"], "the revision has no key", "List the keys that it names.");
    }
    let mut seen = HashSet::new();
    for (number, key) in page.keys.iter().enumerate() {
        let number = number.to_string();
        let at = ["keys", &*number, "name"];
        if key.name.trim().is_empty() {
            report.refuse(&at, "a key has no name", "Give the exact name that the secret has.");
        } else if !seen.insert(&key.name) {
            report.refuse(&at, format!("key `{}` is listed twice", key.name), "Remove one of the two.");
        }
        for former in &key.formerly {
            let elsewhere = all.values().any(|other| other.value.lists(former));
            if page.lists(former) || !elsewhere {
                report.refuse(
                    &["keys", &number, "formerly"],
                    format!("`{former}` is no key of another revision that this one lacks"),
                    "Name what another revision calls the same credential, case included.",
                );
            }
        }
    }
    for key in &page.example_also_stores {
        if page.lists(key) {
            report.refuse(
                &["example-also-stores"],
                format!("key `{key}` is listed"),
                "Mark it `in-example` there, and remove it here.",
            );
        }
    }
}
