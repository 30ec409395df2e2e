//! Reads `scenarios/**/*.yaml`, and refuses what is not sound. Every problem of
//! every file is reported at once, with file, line and remedy.
//!
//! - [`place`]: YAML into types, and on which line each value stands.
//! - [`problem`]: what is wrong, where, and how to mend it.
//! - [`pages`]: the revisions of the page.
//! - [`check`]: what the types alone cannot refuse.

mod check;
mod pages;
mod place;
mod problem;

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use rust_embed::RustEmbed;
use serde::de::DeserializeOwned;

use super::block::BlockCatalogue;
use super::command::CommandCatalogue;
use super::defect::DefectCatalogue;
use crate::page::{CauseCatalogue, Page};
use crate::scenario::model::Scenario;
use crate::scenario::revisions::{DEFAULT, Revision, Revisions};
use crate::scenario::self_test::SelfTestCatalogue;
use pages::Pages;
use place::File;
use problem::{CATALOGUE, PAGES, Source};
pub use problem::{LoadError, Problem};

/// The groups, in the order in which they are listed and run.
pub const GROUPS: [&str; 10] =
    ["service-account", "binding", "auth", "block", "secret", "names", "runtime", "url", "literal", "day-two"];

/// The scenarios that the harness carries with it.
#[derive(RustEmbed)]
#[folder = "scenarios/"]
#[include = "*.yaml"]
struct Embedded;

/// Every scenario, and what scenarios refer to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Catalogue {
    /// By group in the order of [`GROUPS`], then by name.
    pub scenarios: Vec<Scenario>,
    /// The revision of the page that is tested.
    pub page: Page,
    /// The causes.
    pub causes: CauseCatalogue,
    /// Its commands.
    pub commands: CommandCatalogue,
    /// Its blocks for several distributions.
    pub blocks: BlockCatalogue,
    /// Every revision.
    pub revisions: Revisions,
    /// What is to be changed of the page.
    pub defects: DefectCatalogue,
    /// What the self-test knows beforehand.
    pub self_test: SelfTestCatalogue,
}

impl Catalogue {
    /// What the harness carries with it.
    ///
    /// # Errors
    /// Everything that is wrong with the files.
    pub fn embedded() -> Result<Self, LoadError> {
        let mut problems = Vec::new();
        let sources = embedded_sources(&mut problems);
        Self::from_sources(sources, problems)
    }

    /// The files below `dir`. A catalogue file that is not there is taken from
    /// what the harness carries with it.
    ///
    /// # Errors
    /// Everything that is wrong with the files.
    pub fn from_dir(dir: &Path) -> Result<Self, LoadError> {
        let mut problems = Vec::new();
        let mut sources = BTreeMap::new();
        if let Err(problem) = read_folder(dir, "", &mut sources, &mut problems) {
            problems.push(problem);
        }
        if sources.is_empty() && problems.is_empty() {
            problems.push(Problem {
                file: dir.display().to_string(),
                line: None,
                snippet: None,
                message: "there is no scenario file".into(),
                remedy: "Put scenarios there as GROUP/NAME.yaml, or name another folder with --scenarios.".into(),
            });
        }
        for (path, source) in embedded_sources(&mut problems) {
            if [CATALOGUE, PAGES].iter().any(|folder| path.starts_with(&format!("{folder}/"))) {
                sources.entry(path).or_insert(source);
            }
        }
        Self::from_sources(sources, problems)
    }

    /// The same of another revision of the page.
    ///
    /// # Errors
    /// There is no such revision; in words.
    pub fn on_page(mut self, id: &str) -> Result<Self, String> {
        let Revision { page, commands, blocks } = self.revisions.get(id)?.clone();
        self.scenarios.iter_mut().for_each(|scenario| scenario.be_of(&page, &blocks));
        Ok(Self { page, commands, blocks, ..self })
    }

    /// The scenario with this id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Scenario> {
        self.scenarios.iter().find(|scenario| scenario.id == id)
    }

    fn from_sources(mut sources: BTreeMap<String, Source>, mut problems: Vec<Problem>) -> Result<Self, LoadError> {
        let pages = Pages::take(&mut sources, &mut problems);
        let causes = catalogue_file::<CauseCatalogue>("causes.yaml", &mut sources, &mut problems);
        let defects = catalogue_file::<DefectCatalogue>("defects.yaml", &mut sources, &mut problems);
        let self_test = catalogue_file::<SelfTestCatalogue>("self-test.yaml", &mut sources, &mut problems);
        if let Some(file) = &causes {
            check::causes(file, &mut problems);
        }

        // A file that does not parse still has its id, so that scenarios which
        // name it as their control are not reported too.
        let mut ids = Vec::new();
        let mut scenarios = Vec::new();
        for (path, source) in sources {
            match check::id_of(&path) {
                Some(id) => ids.push(id),
                None => {
                    problems.push(source.problem(
                        1,
                        "this is neither a scenario nor a catalogue file".into(),
                        "Scenarios are GROUP/NAME.yaml in kebab-case; the catalogue is catalogue/causes.yaml, defects.yaml and self-test.yaml; revisions of the page are pages/ID/page.yaml.".into(),
                    ));
                    continue;
                }
            }
            match File::<Scenario>::parse(path, source) {
                Ok(file) => scenarios.push(file),
                Err(problem) => problems.push(problem),
            }
        }
        let references = check::References {
            ids: &ids,
            scenarios: &scenarios,
            anchors: &pages.anchors(),
            keys: &pages.keys(),
            steps: &pages.steps(),
            commands: &pages.commands(),
            causes: causes.as_ref().map(|file| &file.value),
        };
        for file in &scenarios {
            check::scenario(file, &references, &mut problems);
        }

        match (pages.revisions(), causes, defects, self_test) {
            (Some(revisions), Some(causes), Some(defects), Some(self_test)) if problems.is_empty() => {
                let mut scenarios: Vec<Scenario> = scenarios.into_iter().map(|file| file.value).collect();
                scenarios.sort_by_cached_key(|scenario| {
                    let group = scenario.group().to_owned();
                    let place = GROUPS.iter().position(|known| *known == group).unwrap_or(GROUPS.len());
                    (place, group, scenario.name().to_owned())
                });
                let Revision { page, commands, blocks } = revisions.0[DEFAULT].clone();
                scenarios.iter_mut().for_each(|scenario| scenario.be_of(&page, &blocks));
                let (causes, defects, self_test) = (causes.value, defects.value, self_test.value);
                Ok(Self { scenarios, page, commands, blocks, revisions, causes, defects, self_test })
            }
            _ => {
                problems.sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
                Err(LoadError { problems })
            }
        }
    }
}

fn catalogue_file<T: DeserializeOwned>(
    name: &str,
    sources: &mut BTreeMap<String, Source>,
    problems: &mut Vec<Problem>,
) -> Option<File<T>> {
    let path = format!("{CATALOGUE}/{name}");
    let source = sources.remove(&path)?;
    File::parse(path, source).map_err(|problem| problems.push(problem)).ok()
}

fn embedded_sources(problems: &mut Vec<Problem>) -> BTreeMap<String, Source> {
    let mut sources = BTreeMap::new();
    for path in Embedded::iter() {
        let Some(content) = Embedded::get(&path) else { continue };
        let file = format!("scenarios/{path}");
        take(path.into_owned(), file, content.data.into_owned(), &mut sources, problems);
    }
    sources
}

fn take(
    path: String,
    file: String,
    bytes: Vec<u8>,
    sources: &mut BTreeMap<String, Source>,
    problems: &mut Vec<Problem>,
) {
    match String::from_utf8(bytes) {
        Ok(text) => {
            sources.insert(path, Source { file, text });
        }
        Err(error) => {
            let good = error.utf8_error().valid_up_to();
            let line = error.as_bytes()[..good].iter().filter(|byte| **byte == b'\n').count() + 1;
            problems.push(Problem {
                file,
                line: Some(line),
                snippet: None,
                message: "this line is not UTF-8".into(),
                remedy: "Save the file as UTF-8.".into(),
            });
        }
    }
}

fn unreadable(path: &Path, error: &io::Error) -> Problem {
    Problem {
        file: path.display().to_string(),
        line: None,
        snippet: None,
        message: format!("it cannot be read: {error}"),
        remedy: "Check that it is there and that you may read it.".into(),
    }
}

/// Reads every YAML file below `dir`. Hidden entries, and files of other kinds, are passed over.
fn read_folder(
    dir: &Path,
    prefix: &str,
    sources: &mut BTreeMap<String, Source>,
    problems: &mut Vec<Problem>,
) -> Result<(), Problem> {
    let entries = std::fs::read_dir(dir).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    for entry in entries.map_err(|error| unreadable(dir, &error))? {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with('.') {
            continue;
        }
        let relative = format!("{prefix}{name}");
        let read = if path.is_dir() {
            read_folder(&path, &format!("{relative}/"), sources, problems)
        } else if name.ends_with(".yml") {
            Err(Problem {
                file: path.display().to_string(),
                line: Some(1),
                snippet: None,
                message: "files with this ending are not read".into(),
                remedy: format!("Rename it to {}.yaml.", name.trim_end_matches(".yml")),
            })
        } else if name.ends_with(".yaml") {
            std::fs::read(&path)
                .map(|bytes| take(relative, path.display().to_string(), bytes, sources, problems))
                .map_err(|error| unreadable(&path, &error))
        } else {
            Ok(())
        };
        if let Err(problem) = read {
            problems.push(problem);
        }
    }
    Ok(())
}
