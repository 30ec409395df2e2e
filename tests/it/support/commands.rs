//! The command lines that the docs and the help show, and the table that says of
//! each where a test runs it, or why none does.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde::Deserialize;

/// The name by which the docs call the program.
pub const NAME: &str = "pmp-vault-conformance";

/// A command line as it stands somewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// The file, or the command whose help has it.
    pub place: String,
    /// The number of its first line there.
    pub number: usize,
    /// Which block of the file it is in.
    pub block: usize,
    /// All of it, its comment and its line breaks included.
    pub text: String,
    /// The lines that follow it as what it prints.
    pub prints: Vec<String>,
}

impl Shown {
    /// What the table calls it: one line, without its comment.
    pub fn line(&self) -> String {
        let joined = self.text.replace("\\\n", " ");
        let command = joined.split(" #").next().unwrap_or_default();
        command.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    pub fn at(&self) -> String {
        format!("{}:{}: {}", self.place, self.number, self.line())
    }
}

/// Where a line is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Where {
    /// By tests without servers.
    Here,
    /// On the testbed that stays for the tests, set up as a customer's.
    OnTheTestbed,
    /// It starts a testbed itself.
    OnItsOwnTestbed,
}

/// One line of the table. It is run, or it says why not.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Entry {
    pub line: String,
    #[serde(default)]
    pub run: Option<Where>,
    /// The exit code that it ends with.
    #[serde(default)]
    pub exit: i32,
    #[serde(default)]
    pub not_run: Option<String>,
    /// Why what it prints differs from what the docs show.
    #[serde(default)]
    pub prints_other: Option<String>,
}

pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub fn table() -> Vec<Entry> {
    let text = std::fs::read_to_string(repository().join("tests/shown-commands.yaml")).unwrap();
    serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("tests/shown-commands.yaml: {error}"))
}

/// The files for people.
pub fn files() -> Vec<String> {
    let docs = std::fs::read_dir(repository().join("docs")).unwrap();
    let mut docs: Vec<String> = docs
        .map(|entry| format!("docs/{}", entry.unwrap().file_name().to_string_lossy()))
        .filter(|name| name.ends_with(".md"))
        .collect();
    docs.sort();
    ["README.md", "CONTRIBUTING.md"].map(str::to_owned).into_iter().chain(docs).collect()
}

/// All command lines of all files, in their order.
pub fn in_files() -> Vec<Shown> {
    let read = |file: &String| std::fs::read_to_string(repository().join(file)).unwrap();
    files().iter().flat_map(|file| in_markdown(file, &read(file))).collect()
}

/// A block of code: its language, and its lines with their numbers.
type Block<'a> = (&'a str, Vec<(usize, &'a str)>);

fn blocks(text: &str) -> Vec<Block<'_>> {
    let (mut blocks, mut fence, mut indented): (Vec<Block<'_>>, bool, bool) = (Vec::new(), false, false);
    for (number, line) in (1..).zip(text.lines()) {
        if let Some(language) = line.strip_prefix("```") {
            fence = !fence;
            indented = false;
            if fence {
                blocks.push((language, Vec::new()));
            }
        } else if fence {
            blocks.last_mut().unwrap().1.push((number, line));
        } else if let Some(line) = line.strip_prefix("    ") {
            if !indented {
                blocks.push(("", Vec::new()));
            }
            indented = true;
            blocks.last_mut().unwrap().1.push((number, line));
        } else if !line.is_empty() {
            indented = false;
        }
    }
    blocks
}

/// The command lines of a file. In a block without a language those with `$ ` before them, all others being what
/// these print; all lines where none has it. In YAML and Groovy the steps of a CI job. None in what is said to be text.
pub fn in_markdown(file: &str, text: &str) -> Vec<Shown> {
    let mut all = Vec::new();
    for (block, (language, lines)) in blocks(text).into_iter().enumerate() {
        let shown = |number, text: &str| Shown {
            place: file.to_owned(),
            number,
            block,
            text: text.to_owned(),
            prints: Vec::new(),
        };
        match language {
            "text" => {}
            "yaml" | "groovy" => {
                let step = |line: &str| {
                    let (_, step) = ["script: ", "run: ", "sh '"].iter().find_map(|mark| line.split_once(mark))?;
                    step.split('\'').next().map(str::to_owned)
                };
                all.extend(lines.iter().filter_map(|(number, line)| Some(shown(*number, &step(line)?))));
            }
            "" => {
                let marked = lines.iter().any(|(_, line)| line.starts_with("$ "));
                let (mut found, mut goes_on): (Vec<Shown>, bool) = (Vec::new(), false);
                for (number, line) in lines {
                    let command = if marked { line.strip_prefix("$ ") } else { Some(line) };
                    match (goes_on, command, found.last_mut()) {
                        (true, _, Some(last)) => last.text = format!("{}\n{line}", last.text),
                        (_, Some(command), _) if !command.trim().is_empty() => found.push(shown(number, command)),
                        (_, None, Some(last)) => last.prints.push((*line).to_owned()),
                        _ => continue,
                    }
                    goes_on = line.ends_with('\\');
                }
                all.extend(found);
            }
            other => panic!("{file}: a block in `{other}`: is it text, or what people type (no language)?"),
        }
    }
    all
}

/// The lines that the table does not have, and the table's that nothing shows.
pub fn unmatched(shown: &[Shown], table: &[Entry]) -> Vec<String> {
    let unknown = shown.iter().filter(|shown| !table.iter().any(|entry| entry.line == shown.line()));
    let unknown = unknown.map(|shown| format!("{}: is not in tests/shown-commands.yaml", shown.at()));
    let gone = table.iter().filter(|entry| !shown.iter().any(|shown| shown.line() == entry.line));
    let gone = gone.map(|entry| format!("tests/shown-commands.yaml: nothing shows `{}` any more", entry.line));
    let unclear = table.iter().filter(|entry| entry.run.is_some() == entry.not_run.is_some());
    let unclear = unclear.map(|entry| format!("tests/shown-commands.yaml: `{}` is either run or not run", entry.line));
    unknown.chain(gone).chain(unclear).collect()
}

/// Lines that follow each other in one shell, each with the exit code that it must end with.
pub type Typed<'a> = Vec<(&'a Shown, &'a Entry)>;

/// The lines that are run there, by their blocks. One that stands in several places is run in each.
pub fn run_in<'a>(place: Where, shown: &'a [Shown], table: &'a [Entry]) -> Vec<Typed<'a>> {
    let mut blocks: Vec<Typed<'a>> = Vec::new();
    for shown in shown {
        let Some(entry) = table.iter().find(|entry| entry.line == shown.line() && entry.run == Some(place)) else {
            continue;
        };
        match blocks.last_mut() {
            Some(block) if block[0].0.place == shown.place && block[0].0.block == shown.block => {
                block.push((shown, entry));
            }
            _ => blocks.push(vec![(shown, entry)]),
        }
    }
    blocks
}

/// A shell in which the docs' lines can be typed as they stand: in a folder that has what the repository's has that they
/// name, with the program under its name.
pub struct Shell {
    folder: tempfile::TempDir,
}

impl Shell {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let link = |target: PathBuf, name: &str| std::os::unix::fs::symlink(target, folder.path().join(name)).unwrap();
        link(repository().join("scripts"), "scripts");
        link(repository().join("scenarios"), "scenarios");
        std::fs::create_dir(folder.path().join("bin")).unwrap();
        link(PathBuf::from(env!("CARGO_BIN_EXE_pmp-vault-conformance")), &format!("bin/{NAME}"));
        Self { folder }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Bash with this script, not started yet.
    pub fn bash(&self, script: &str) -> Command {
        let mut command = Command::new("bash");
        let path = std::env::var("PATH").unwrap_or_default();
        command.args(["-c", script]).current_dir(self.folder.path());
        command.env("PATH", format!("{}:{path}", self.path("bin").display()));
        command.env("PMP_STATE_DIR", self.path("state")).env_remove("RUST_LOG").env_remove("CI");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Types the lines of a block, one after the other. Each must end with its code and print what the docs show.
    pub fn types(&self, block: &Typed<'_>, env: &[(&str, String)]) {
        let mut script = String::from("set -o pipefail\n");
        for (number, (shown, entry)) in block.iter().enumerate() {
            let (text, exit) = (&shown.text, entry.exit);
            script.push_str(&format!(
                "{{ {text}\n}} >out-{number} 2>err-{number}; code=$?\n\
                 [ $code = {exit} ] || {{ echo \"{number} $code\"; cat out-{number} err-{number}; exit 99; }}\n"
            ));
        }
        let Output { status, stdout, stderr } =
            self.bash(&script).envs(env.iter().cloned()).output().unwrap_or_else(|error| panic!("bash: {error}"));
        let said = String::from_utf8_lossy(&stdout);
        if !status.success() {
            let (head, rest) = said.split_once('\n').unwrap_or((&said, ""));
            let (number, code) = head.split_once(' ').unwrap_or((head, ""));
            let failed = number.parse().ok().and_then(|number: usize| block.get(number));
            let at = failed.map_or_else(|| block[0].0.at(), |(shown, _)| shown.at());
            panic!("{at}\nended with {code}: {rest}{}", String::from_utf8_lossy(&stderr));
        }
        for (number, (shown, entry)) in block.iter().enumerate() {
            let out = std::fs::read_to_string(self.path(&format!("out-{number}"))).unwrap();
            let mut printed = out.lines();
            let shows = shown.prints.iter().filter(|line| entry.prints_other.is_none() && line.trim() != "[…]");
            for line in shows {
                assert!(
                    printed.any(|out| out == line),
                    "{}\ndoes not print, in this order, `{line}`: {out}",
                    shown.at()
                );
            }
        }
    }
}
