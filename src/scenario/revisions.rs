//! The revisions of the page that are known, each with its commands, and in what two of them differ.

use std::collections::{BTreeMap, BTreeSet};

use super::block::BlockCatalogue;
use super::command::{Command, CommandCatalogue};
use super::near::near;
use crate::page::Page;

/// The one that is tested where none is named.
pub const DEFAULT: &str = "seed";

/// A revision with what it asks a reader to type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revision {
    /// Its keys and sections.
    pub page: Page,
    /// Its commands.
    pub commands: CommandCatalogue,
    /// Its blocks for several distributions; none where it has none.
    pub blocks: BlockCatalogue,
}

/// All of them, by id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revisions(pub BTreeMap<String, Revision>);

impl Revisions {
    /// The one of this id.
    ///
    /// # Errors
    /// There is none; in words, with those that there are.
    pub fn get(&self, id: &str) -> Result<&Revision, String> {
        self.0.get(id).ok_or_else(|| {
            let known = || self.0.keys().map(String::as_str);
            let meant = near(id, known());
            let meant = if meant.is_empty() { String::new() } else { format!(", did you mean {}?", meant.join(", ")) };
            format!(
                "there is no revision `{id}` of the page{meant}; they are {}",
                known().collect::<Vec<_>>().join(", ")
            )
        })
    }

    /// The keys that other revisions list, and this one does not.
    #[must_use]
    pub fn keys_beside(&self, page: &Page) -> Vec<String> {
        let all: BTreeSet<&String> = self.pages().flat_map(|page| &page.keys).map(|key| &key.name).collect();
        all.into_iter().filter(|key| !page.lists(key)).cloned().collect()
    }

    /// The page of each.
    pub fn pages(&self) -> impl Iterator<Item = &Page> {
        self.0.values().map(|revision| &revision.page)
    }
}

/// In what one revision differs from another, in words; each line begins with `+`, `-` or `~`.
#[must_use]
pub fn difference(before: &Revision, after: &Revision) -> Vec<String> {
    let (old, new) = (&before.page, &after.page);
    let mut lines = Vec::new();
    let mut field = |what: &str, old: &str, new: &str| {
        if old != new {
            lines.push(format!("~ {what} {old} → {new}"));
        }
    };
    field("url", &old.url, &new.url);
    for (old, new) in old.anchors.all().into_iter().zip(new.anchors.all()) {
        field("anchor", old, new);
    }
    let renamed = renamed(old, new);
    for key in old.keys.iter().map(|key| key.name.as_str()).filter(|key| !new.lists(key)) {
        match renamed.get(key) {
            Some(now) => lines.push(format!("~ key {key} → {now}")),
            None => lines.push(format!("- key {key}")),
        }
    }
    let names = new.keys.iter().map(|key| key.name.as_str());
    let added = names.filter(|key| !old.lists(key) && !renamed.values().any(|now| now == key));
    lines.extend(added.map(|key| format!("+ key {key}")));
    let (before_example, after_example) = (old.example(), new.example());
    lines.extend(before_example.difference(&after_example).map(|key| format!("- example {key}")));
    lines.extend(after_example.difference(&before_example).map(|key| format!("+ example {key}")));
    let unlisted = new.example_also_stores.iter().filter(|key| !old.example_also_stores.contains(key));
    lines.extend(unlisted.map(|key| format!("~ example {key} is stored, and not listed")));
    lines.extend(commands(&before.commands, &after.commands));
    lines.extend(blocks(&before.blocks, &after.blocks));
    lines
}

/// What keys of one revision are called in the other, whichever of the two says so.
fn renamed<'a>(old: &'a Page, new: &'a Page) -> BTreeMap<&'a str, &'a str> {
    let mut found = BTreeMap::new();
    for key in &new.keys {
        found.extend(key.formerly.iter().filter(|former| old.lists(former)).map(|former| (&**former, &*key.name)));
    }
    for key in &old.keys {
        found.extend(key.formerly.iter().filter(|later| new.lists(later)).map(|later| (&*key.name, &**later)));
    }
    found
}

fn commands(before: &CommandCatalogue, after: &CommandCatalogue) -> Vec<String> {
    let mut lines = Vec::new();
    for old in &before.commands {
        match after.get(&old.id) {
            None => lines.push(format!("- command {}", old.id)),
            Some(new) if new != old => lines.push(format!("~ command {}{}", old.id, typed(old, new))),
            Some(_) => {}
        }
    }
    let new = after.commands.iter().filter(|command| before.get(&command.id).is_none());
    lines.extend(new.map(|command| format!("+ command {}", command.id)));
    lines
}

fn blocks(before: &BlockCatalogue, after: &BlockCatalogue) -> Vec<String> {
    let mut lines = Vec::new();
    for old in &before.blocks {
        match after.get(old.distribution) {
            None => lines.push(format!("- block {}", old.distribution)),
            Some(new) if new != old => lines.push(format!("~ block {}", old.distribution)),
            Some(_) => {}
        }
    }
    let new = after.blocks.iter().filter(|block| before.get(block.distribution).is_none());
    lines.extend(new.map(|block| format!("+ block {}", block.distribution)));
    lines
}

fn typed(old: &Command, new: &Command) -> String {
    if old.run == new.run { String::new() } else { format!(": {} → {}", old.run.trim(), new.run.trim()) }
}
