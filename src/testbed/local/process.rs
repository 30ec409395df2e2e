//! Processes that outlive the harness, and their end.
//!
//! A process is known by its id together with the time of its start, because
//! ids are given again. Until that is in the journal, and for what it starts
//! itself, it is known by a variable in its environment ([`LABEL`]), as a
//! container is by its label.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::str::FromStr;
use std::time::Duration;

use rustix::fd::OwnedFd;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::super::terms::Held;
use super::error::{Error, file};
use crate::vault::log::LogBook;
use crate::wait::{self, Look};

/// The variable that says which part of a testbed a process belongs to.
pub const LABEL: &str = "PMP_VAULT_CONFORMANCE_PART";

/// How long a process that was killed may take to be gone; where a disk hangs, it waits for that.
const END_LIMIT: Duration = Duration::from_secs(30);

/// How often nothing must be found where a start was cut off, and how long between.
const QUIET_LOOKS: usize = 4;
const QUIET_INTERVAL: Duration = Duration::from_millis(150);

/// How often to look whether a process that somebody else has started runs.
const END_INTERVAL: Duration = Duration::from_millis(200);

/// The exit code that a shell gives to what SIGKILL ended.
const KILLED: i32 = 137;

/// How often to look whether a log has grown.
const LOG_INTERVAL: Duration = Duration::from_millis(50);

/// One process among all that ever had its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Id {
    pid: i32,
    /// In ticks since the machine started (`proc_pid_stat(5)`, field 22).
    started: u64,
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.pid, self.started)
    }
}

impl FromStr for Id {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (pid, started) = text.split_once('@').unwrap_or((text, ""));
        Ok(Self { pid: pid.parse()?, started: started.parse()? })
    }
}

impl Id {
    /// The process that has this id now, unless it has ended.
    fn of(pid: i32) -> Option<Self> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The command's name is in parentheses, and may have some of its own.
        let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
        let state = fields.next()?;
        (!matches!(state, "Z" | "X")).then_some(Self { pid, started: fields.nth(18)?.parse().ok()? })
    }

    /// Whether it runs.
    fn runs(self) -> bool {
        Self::of(self.pid) == Some(self)
    }

    /// A hold on this process and no other, while it runs.
    fn hold(self) -> Option<OwnedFd> {
        let held = pidfd_open(Pid::from_raw(self.pid)?, PidfdFlags::NONBLOCK).ok()?;
        self.runs().then_some(held)
    }

    /// Sends a signal, unless it has ended.
    fn signal(self, signal: Signal) {
        if let Some(held) = self.hold() {
            // It may have ended at this moment.
            let _ = pidfd_send_signal(held, signal);
        }
    }

    /// Comes back when it has ended, looked at that often.
    async fn ended(self, interval: Duration) {
        while self.runs() {
            tokio::time::sleep(interval).await;
        }
    }
}

/// A process of a testbed.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Process {
    /// Its name in the journal.
    pub name: String,
    /// Where what it prints goes.
    pub log: PathBuf,
    /// `PID@START`.
    pub id: String,
    /// Its exit code, once it has one, where this process started it.
    #[serde(skip)]
    exit: Option<watch::Receiver<Option<i32>>>,
}

/// What is to be started.
#[derive(Debug)]
pub struct Start<'a> {
    /// Its name in the journal.
    pub name: &'a str,
    /// The program.
    pub program: &'a Path,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Its environment, beside the label and the PATH: nothing of the user's own.
    pub environment: Vec<(String, String)>,
    /// The folder that it works in, and its home.
    pub folder: &'a Path,
    /// Where what it prints goes.
    pub log: PathBuf,
}

impl Start<'_> {
    /// Starts it, apart from the terminal of the harness: a Ctrl-C there is the harness's to handle.
    ///
    /// # Errors
    /// The program or its log cannot be opened.
    pub fn go(self) -> Result<Process, Error> {
        let output = OpenOptions::new().create(true).append(true).mode(0o600).open(&self.log);
        let output = output.map_err(file("write", &self.log))?;
        let errors = output.try_clone().map_err(file("write", &self.log))?;
        let mut started = tokio::process::Command::new(self.program)
            .args(self.arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.folder)
            .env(LABEL, self.name)
            .envs(self.environment)
            .current_dir(self.folder)
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .spawn()
            .map_err(|source| Error::Start { program: self.program.to_owned(), source })?;
        let id = started.id().and_then(|pid| Id::of(pid.cast_signed()));
        // One that has ended already is told by whoever waits for it.
        let id = id.map_or_else(|| "0@0".to_owned(), |id| id.to_string());
        let (sender, exit) = watch::channel(None);
        tokio::spawn(async move {
            let status = started.wait().await.ok().and_then(|status| status.code());
            // As a shell has it where a signal ended it.
            sender.send_replace(Some(status.unwrap_or(KILLED)));
        });
        Ok(Process { name: self.name.to_owned(), log: self.log, id, exit: Some(exit) })
    }
}

impl Process {
    fn known(&self) -> Option<Id> {
        self.id.parse().ok()
    }

    /// Whether it runs.
    #[must_use]
    pub fn runs(&self) -> bool {
        self.known().is_some_and(Id::runs)
    }

    /// Comes back when it has ended, with its exit code where that can be known.
    pub async fn end(&self) -> Option<i32> {
        if let Some(mut exit) = self.exit.clone() {
            return exit.wait_for(Option::is_some).await.ok().and_then(|exit| *exit);
        }
        if let Some(id) = self.known() {
            id.ended(END_INTERVAL).await;
        }
        None
    }

    /// Comes back when it has ended, with the end of its log.
    pub async fn ended(&self) -> String {
        self.end().await;
        format!("its process {} has ended; {}", self.name, self.last_words())
    }

    /// The end of its log, in words.
    #[must_use]
    pub fn last_words(&self) -> String {
        let text = end_of(&self.log, 16_384).unwrap_or_default();
        // A Go program that panics says why before it says where, and where goes on for a screen.
        let lines = text.lines().take_while(|line| !line.starts_with("goroutine "));
        let lines: Vec<&str> = lines.map(str::trim).filter(|line| !line.is_empty()).collect();
        match &lines[lines.len().saturating_sub(5)..] {
            [] => "it printed nothing".to_owned(),
            last => format!("the end of its log: {}", last.join(" | ")),
        }
    }

    /// Kills it.
    pub fn kill(&self) {
        if let Some(id) = self.known() {
            id.signal(Signal::KILL);
        }
    }

    /// Holds it where it is, or lets it go on.
    pub fn hold(&self, held: Held) {
        let signal = match held {
            Held::Still => Signal::STOP,
            Held::GoesOn => Signal::CONT,
        };
        if let Some(id) = self.known() {
            id.signal(signal);
        }
    }

    /// Asks it to end, and kills it where it has not after that time.
    pub async fn terminate(&self, grace: Duration) {
        let Some(id) = self.known() else { return };
        id.signal(Signal::TERM);
        if tokio::time::timeout(grace, self.end()).await.is_err() {
            id.signal(Signal::KILL);
            self.end().await;
        }
    }

    /// Gives what it prints to a log book: all of it, or what comes from now on.
    pub fn follow(&self, book: LogBook, from_start: bool) {
        let (path, id) = (self.log.clone(), self.known());
        let mut at = if from_start { 0 } else { std::fs::metadata(&path).map_or(0, |file| file.len()) };
        tokio::spawn(async move {
            let mut rest = String::new();
            loop {
                let more = read_from(&path, at).unwrap_or_default();
                at += more.len() as u64;
                rest.push_str(&String::from_utf8_lossy(&more));
                while let Some(end) = rest.find('\n') {
                    book.take(&rest[..end]);
                    rest.drain(..=end);
                }
                if more.is_empty() && !id.is_some_and(Id::runs) {
                    return;
                }
                tokio::time::sleep(LOG_INTERVAL).await;
            }
        });
    }
}

/// What a file has behind that many bytes.
///
/// # Errors
/// It cannot be read.
pub fn read_from(path: &Path, at: u64) -> std::io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(at))?;
    let mut more = Vec::new();
    file.read_to_end(&mut more)?;
    Ok(more)
}

fn end_of(path: &Path, bytes: u64) -> std::io::Result<String> {
    let length = std::fs::metadata(path)?.len();
    Ok(String::from_utf8_lossy(&read_from(path, length.saturating_sub(bytes))?).into_owned())
}

/// The processes whose label is one that is meant.
fn labelled(meant: impl Fn(&str) -> bool) -> Vec<Id> {
    let Ok(all) = std::fs::read_dir("/proc") else { return Vec::new() };
    let pids = all.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.filter_map(Id::of)
        .filter(|id| {
            // Those of other users cannot be read, and are none of ours.
            let environment = std::fs::read(format!("/proc/{}/environ", id.pid)).unwrap_or_default();
            let label = format!("{LABEL}=");
            let mut variables = environment.split(|byte| *byte == 0).filter_map(|text| std::str::from_utf8(text).ok());
            variables.any(|variable| variable.strip_prefix(&label).is_some_and(&meant)) && id.runs()
        })
        .collect()
}

/// How it is known that nothing more comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sure {
    /// Whoever started processes has told of each, or starts none any more.
    AtOnce,
    /// It was cut off: a process shows its label only when its program is loaded, which a busy machine takes its time for.
    AfterAWhile,
}

/// Kills the process that was noted and whatever has such a label, until there is none. Gives how many there were.
///
/// # Errors
/// One does not end.
pub async fn kill_all(name: &str, noted: Option<Id>, sure: Sure, meant: impl Fn(&str) -> bool) -> Result<usize, Error> {
    let (killed, quiet) = (std::cell::Cell::new(0), std::cell::Cell::new(0));
    let (looks, interval) = match sure {
        Sure::AtOnce => (1, Duration::from_millis(5)),
        Sure::AfterAWhile => (QUIET_LOOKS, QUIET_INTERVAL),
    };
    let subject = format!("end of {name}");
    let ended = wait::until(&subject, END_LIMIT, interval, || async {
        let mut left = labelled(&meant);
        left.extend(noted.filter(|id| id.runs() && !left.contains(id)));
        if left.is_empty() {
            quiet.set(quiet.get() + 1);
            return if quiet.get() < looks { Look::NotYet("nothing yet".to_owned()) } else { Look::Done(()) };
        }
        quiet.set(0);
        killed.set(killed.get() + left.len());
        left.iter().for_each(|id| id.signal(Signal::KILL));
        for id in left {
            // What does not end is seen by the next look.
            let _ = tokio::time::timeout(Duration::from_secs(2), id.ended(Duration::from_millis(5))).await;
        }
        Look::NotYet("it was killed, and has not ended".to_owned())
    })
    .await;
    ended.map_err(|error| Error::Stays { name: name.to_owned(), reason: error.to_string() })?;
    Ok(killed.get())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sleeper(folder: &Path, name: &str, script: &str) -> Process {
        let log = folder.join("log");
        let arguments = vec!["-c".to_owned(), script.to_owned()];
        Start { name, program: Path::new("/bin/sh"), arguments, environment: Vec::new(), folder, log }.go().unwrap()
    }

    #[tokio::test]
    async fn a_process_ends_with_all_that_it_started_and_no_other_does() {
        let folder = tempfile::tempdir().unwrap();
        let mine = format!("pvc-{}", crate::random::random(12));
        let one = sleeper(folder.path(), &mine, "sleep 600 & sleep 600 & wait");
        let other = sleeper(folder.path(), &format!("{mine}-2"), "sleep 600 & wait");
        let started = || labelled(|label| label == mine).len() == 3;
        wait::until("three processes", END_LIMIT, LOG_INTERVAL, || async {
            if started() { Look::Done(()) } else { Look::NotYet(String::new()) }
        })
        .await
        .unwrap();
        kill_all(&mine, None, Sure::AfterAWhile, |label| label == mine).await.unwrap();
        assert!(!one.runs() && labelled(|label| label == mine).is_empty());
        assert!(other.runs());
        kill_all("other", other.known(), Sure::AtOnce, |label| label == format!("{mine}-2")).await.unwrap();
        assert!(!other.runs());
    }

    #[tokio::test]
    async fn a_process_that_is_held_is_still_until_it_goes_on_and_is_killed_even_so() {
        let folder = tempfile::tempdir().unwrap();
        let name = format!("pvc-{}", crate::random::random(12));
        let process = sleeper(folder.path(), &name, "while :; do echo more; sleep 0.01; done");
        let written = || std::fs::metadata(&process.log).unwrap().len();
        let writes = async |than: u64| {
            wait::until("more in the log", END_LIMIT, LOG_INTERVAL, || async {
                if written() > than { Look::Done(()) } else { Look::NotYet(format!("{} bytes", written())) }
            })
            .await
        };
        writes(0).await.unwrap();
        process.hold(Held::Still);
        // What it was just writing may still come.
        tokio::time::sleep(LOG_INTERVAL).await;
        let still = written();
        tokio::time::sleep(4 * LOG_INTERVAL).await;
        assert_eq!(written(), still);
        process.hold(Held::GoesOn);
        writes(still).await.unwrap();
        process.hold(Held::Still);
        kill_all(&name, None, Sure::AtOnce, |label| label == name).await.unwrap();
        assert!(!process.runs());
    }

    #[tokio::test]
    async fn another_process_with_the_same_id_is_another() {
        let folder = tempfile::tempdir().unwrap();
        let name = format!("pvc-{}", crate::random::random(12));
        let process = sleeper(folder.path(), &name, "exec sleep 600");
        let id: Id = process.id.parse().unwrap();
        let earlier = Id { started: id.started - 1, ..id };
        kill_all("earlier", Some(earlier), Sure::AtOnce, |_| false).await.unwrap();
        assert!(process.runs(), "a process that has the id now was taken for one that had it");
        process.kill();
        process.end().await;
        assert!(!process.runs());
    }

    #[tokio::test]
    async fn the_last_words_of_a_process_are_told_and_its_whole_lines_followed() {
        let folder = tempfile::tempdir().unwrap();
        let name = format!("pvc-{}", crate::random::random(12));
        let process = sleeper(folder.path(), &name, "echo one; echo two >&2; exit 3");
        assert!(process.ended().await.ends_with("has ended; the end of its log: one | two"));
        let why =
            "echo 'panic: no space left'; echo; echo 'goroutine 1 [running]:'; for i in 1 2 3 4 5 6; do echo at; done";
        let panicking = sleeper(folder.path(), &name, why);
        assert!(panicking.ended().await.ends_with("one | two | panic: no space left"));
    }
}
