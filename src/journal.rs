//! What a run created, for clean-up after any end, SIGKILL included.
//!
//! An item is written before it is created, and its id or UID afterwards. A
//! run holds a lock on its journal; the system frees it when the process ends,
//! however it ends, so an unlocked journal is anyone's to clean.

mod item;
#[cfg(test)]
mod tests;

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

pub use self::item::{Item, Part, Resource};
use crate::cluster::connect::ClusterChoice;

/// One line of the journal.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Line {
    /// The testbed that objects of the cluster and of Vault are on: a run's id.
    Testbed { run: String },
    /// The customer's cluster that objects are on.
    Cluster { cluster: ClusterChoice },
    /// About to be created.
    Creating { entry: u64, item: Item },
    /// Created, with its id or UID.
    Created { entry: u64, uid: String },
    /// Removed.
    Removed { entry: u64 },
    /// The testbed outlives its run, on request.
    Kept,
}

/// An item that was created, or may have been, and is not removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its number in the journal.
    pub entry: u64,
    /// What.
    pub item: Item,
    /// Its id or UID; absent where the run ended in between.
    pub uid: Option<String>,
}

/// Why a journal cannot be used.
#[derive(Debug, Error)]
pub enum Error {
    /// The file system says no.
    #[error("cannot {what} {}: {source}; see --state-dir", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// Another process is at it.
    #[error("run {run} is still going on, or another run uses its testbed (its journal is locked)")]
    Locked {
        /// Whose journal.
        run: String,
    },
    /// The run was told to end, or its time is over: it makes nothing more.
    #[error("{item} is not made any more: run {run} is ending")]
    Ending {
        /// Which run.
        run: String,
        /// What was to be made.
        item: String,
    },
    /// There is no such run.
    #[error("no run {run} is known below {}; `cleanup` without --run-id names those that are", path.display())]
    Unknown {
        /// Which.
        run: String,
        /// Where it was looked for.
        path: PathBuf,
    },
}

fn io(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Io { what, path, source }
}

/// The journal's name in the run's folder.
const FILE: &str = "journal.jsonl";

/// The folder of all runs: `STATE/runs`.
#[derive(Debug, Clone)]
pub struct Runs {
    folder: PathBuf,
}

impl Runs {
    /// The runs below a state folder; the user's own where none is given.
    #[must_use]
    pub fn new(state: Option<&Path>) -> Self {
        let state = state.map(Path::to_owned).unwrap_or_else(|| {
            let from = |variable: &str| std::env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from);
            from("XDG_STATE_HOME")
                .or_else(|| from("HOME").map(|home| home.join(".local/state")))
                .unwrap_or_else(std::env::temp_dir)
                .join("pmp-vault-conformance")
        });
        Self { folder: state.join("runs") }
    }

    /// The folder of one run.
    #[must_use]
    pub fn folder(&self, run: &str) -> PathBuf {
        self.folder.join(run)
    }

    /// Whether a run left a journal.
    #[must_use]
    pub fn has_journal(&self, run: &str) -> bool {
        self.folder(run).join(FILE).is_file()
    }

    /// The ids of all runs that left a folder.
    ///
    /// # Errors
    /// The folder is there and cannot be read.
    pub fn list(&self) -> Result<Vec<String>, Error> {
        let entries = match std::fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(io("read", &self.folder)(error)),
        };
        let mut runs: Vec<String> =
            entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
        runs.sort();
        Ok(runs)
    }
}

/// A hold on another run's kept testbed: while it is held, nobody cleans that
/// testbed away. Several runs may hold it at once.
#[derive(Debug)]
pub struct Hold {
    _lock: File,
}

impl Hold {
    /// Holds the testbed of a run.
    ///
    /// # Errors
    /// There is no such run, or it is still going on, or it is just being cleaned.
    pub fn on(runs: &Runs, run: &str) -> Result<Self, Error> {
        let path = runs.folder(run).join("lock");
        let lock = match File::open(&path) {
            Ok(lock) => lock,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(Error::Unknown { run: run.to_owned(), path: runs.folder.clone() });
            }
            Err(error) => return Err(io("open", &path)(error)),
        };
        lock.try_lock_shared().map_err(|error| match error {
            std::fs::TryLockError::WouldBlock => Error::Locked { run: run.to_owned() },
            std::fs::TryLockError::Error(source) => io("lock", &path)(source),
        })?;
        Ok(Self { _lock: lock })
    }
}

/// Something that is just being created. It is held for as long as the request
/// is under way, and until what came of it is noted.
#[derive(Debug)]
#[must_use = "whoever creates it says what came of it"]
pub struct Creating {
    entry: u64,
    /// None for what a command makes: that is ended, and its removal waits for what it began.
    _request: Option<TaskTrackerToken>,
}

/// A run's journal, locked by this process.
#[derive(Debug)]
pub struct Journal {
    /// The run's id.
    pub run: String,
    folder: PathBuf,
    state: Mutex<State>,
    /// The requests that create something and are under way.
    requests: TaskTracker,
    /// Held for as long as the run goes on.
    _lock: File,
}

#[derive(Debug)]
struct State {
    file: File,
    next: u64,
    open: Vec<Entry>,
    testbed: Option<String>,
    cluster: Option<ClusterChoice>,
    kept: bool,
}

impl Journal {
    /// Starts a new run's journal.
    ///
    /// # Errors
    /// The state folder cannot be written.
    pub fn create(runs: &Runs, run: &str) -> Result<Self, Error> {
        let folder = runs.folder(run);
        std::fs::create_dir_all(&folder).map_err(io("make", &folder))?;
        restrict(&folder)?;
        Self::at(folder, run)
    }

    /// Opens a journal that no process holds.
    ///
    /// # Errors
    /// There is none, it is held, or it cannot be read.
    pub fn open(runs: &Runs, run: &str) -> Result<Self, Error> {
        let folder = runs.folder(run);
        if !folder.is_dir() {
            return Err(Error::Unknown { run: run.to_owned(), path: runs.folder.clone() });
        }
        Self::at(folder, run)
    }

    fn at(folder: PathBuf, run: &str) -> Result<Self, Error> {
        let path = folder.join("lock");
        let lock = OpenOptions::new().create(true).append(true).open(&path).map_err(io("open", &path))?;
        lock.try_lock().map_err(|error| match error {
            std::fs::TryLockError::WouldBlock => Error::Locked { run: run.to_owned() },
            std::fs::TryLockError::Error(source) => io("lock", &path)(source),
        })?;
        let path = folder.join(FILE);
        let mut state = State {
            file: OpenOptions::new().create(true).append(true).open(&path).map_err(io("open", &path))?,
            next: 0,
            open: Vec::new(),
            testbed: None,
            cluster: None,
            kept: false,
        };
        let text = std::fs::read_to_string(&path).map_err(io("read", &path))?;
        // A line that was cut off by a power cut speaks of something that was not created yet.
        for line in text.lines().filter_map(|line| serde_json::from_str(line).ok()) {
            state.apply(line);
        }
        Ok(Self { run: run.to_owned(), folder, state: Mutex::new(state), requests: TaskTracker::new(), _lock: lock })
    }

    /// The run's folder, for its other files.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Notes which run's testbed the objects are on.
    ///
    /// # Errors
    /// The journal cannot be written.
    pub fn on_testbed(&self, run: &str) -> Result<(), Error> {
        self.write(Line::Testbed { run: run.to_owned() })
    }

    /// Notes which customer's cluster the objects are on.
    ///
    /// # Errors
    /// The journal cannot be written.
    pub fn on_cluster(&self, cluster: &ClusterChoice) -> Result<(), Error> {
        self.write(Line::Cluster { cluster: cluster.clone() })
    }

    /// The customer's cluster that the objects are on; none for a testbed of our own.
    #[must_use]
    pub fn cluster(&self) -> Option<ClusterChoice> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).cluster.clone()
    }

    /// Notes what is about to be created.
    ///
    /// # Errors
    /// The run is ending, or the journal cannot be written; the item must then not be created.
    pub fn creating(&self, item: Item) -> Result<Creating, Error> {
        let request = match item {
            Item::Object { .. } | Item::Vault { .. } => Some(self.requests.token()),
            Item::Part(_) => None,
        };
        // After the token, so that whoever ends the run waits for it or it is not made.
        if self.requests.is_closed() {
            return Err(Error::Ending { run: self.run.clone(), item: item.to_string() });
        }
        let entry = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.next += 1;
            state.next
        };
        self.write(Line::Creating { entry, item })?;
        Ok(Creating { entry, _request: request })
    }

    /// Notes the id or UID of what was created.
    ///
    /// # Errors
    /// The journal cannot be written.
    pub fn created(&self, creating: &Creating, uid: impl Into<String>) -> Result<(), Error> {
        self.write(Line::Created { entry: creating.entry, uid: uid.into() })
    }

    /// Notes that whoever made it has removed it.
    ///
    /// # Errors
    /// The journal cannot be written.
    pub fn gone(&self, creating: &Creating) -> Result<(), Error> {
        self.removed(creating.entry)
    }

    /// Notes that it was refused, and so is not there.
    ///
    /// # Errors
    /// The journal cannot be written.
    pub fn refused(&self, creating: &Creating) -> Result<(), Error> {
        self.removed(creating.entry)
    }

    /// Lets nothing more be created, and waits until what is being created is
    /// there or refused. A request that is cut off may be carried out all the
    /// same, after somebody looked and found nothing.
    pub async fn settled(&self) {
        self.requests.close();
        self.requests.wait().await;
    }

    /// Notes that it is gone.
    ///
    /// # Errors
    /// The journal cannot be written.
    pub fn removed(&self, entry: u64) -> Result<(), Error> {
        self.write(Line::Removed { entry })
    }

    /// Notes that the testbed outlives its run.
    ///
    /// # Errors
    /// The journal cannot be written.
    pub fn keep(&self) -> Result<(), Error> {
        self.write(Line::Kept)
    }

    /// Whether the testbed outlives its run.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).kept
    }

    /// The run whose testbed the objects are on; its own where none is noted.
    #[must_use]
    pub fn testbed(&self) -> Option<String> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).testbed.clone()
    }

    /// What was created and is not removed, the last first.
    #[must_use]
    pub fn open_entries(&self) -> Vec<Entry> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.open.iter().rev().cloned().collect()
    }

    /// Leaves the run without a journal, as one whose journal was lost is found.
    pub fn abandon(self) {
        let _ = std::fs::remove_file(self.folder.join(FILE));
    }

    /// Removes the run's folder, when nothing is left to clean.
    ///
    /// # Errors
    /// The folder cannot be removed.
    pub fn discard(self) -> Result<(), Error> {
        let removed = match std::fs::remove_dir_all(&self.folder) {
            // The probe's image is written on a thread that nothing stops. What it
            // began meanwhile goes as well; it begins nothing in a folder that is gone.
            Err(error) if error.kind() == std::io::ErrorKind::DirectoryNotEmpty => {
                std::fs::remove_dir_all(&self.folder)
            }
            removed => removed,
        };
        removed.map_err(io("remove", &self.folder))
    }

    fn write(&self, line: Line) -> Result<(), Error> {
        let path = self.folder.join(FILE);
        let mut text = serde_json::to_string(&line).map_err(|e| io("write", &path)(e.into()))?;
        text.push('\n');
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        // One write a line: a process that is killed leaves whole lines.
        state.file.write_all(text.as_bytes()).map_err(io("write", &path))?;
        state.apply(line);
        Ok(())
    }
}

impl State {
    fn apply(&mut self, line: Line) {
        match line {
            Line::Testbed { run } => self.testbed = Some(run),
            Line::Cluster { cluster } => self.cluster = Some(cluster),
            Line::Creating { entry, item } => {
                self.next = self.next.max(entry);
                self.open.push(Entry { entry, item, uid: None });
            }
            Line::Created { entry, uid } => {
                if let Some(found) = self.open.iter_mut().find(|open| open.entry == entry) {
                    found.uid = Some(uid);
                }
            }
            Line::Removed { entry } => self.open.retain(|open| open.entry != entry),
            Line::Kept => self.kept = true,
        }
    }
}

/// Only the user may look: a kept testbed's Vault token lies here.
fn restrict(folder: &Path) -> Result<(), Error> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700)).map_err(io("protect", folder))
}
