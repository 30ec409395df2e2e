//! One block of the page, typed into bash as a whole: comments, guards and all. What each of its steps came to is seen
//! by traps of the shell itself, which say what was run and which variables were set, but no value.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncWriteExt;

use super::desk::{Desk, Program, other};
use super::kubeconfig;
use super::made::note_reviewer;
use super::reader;
use super::session::COMMAND_LIMIT;
use crate::cluster::objects;
use crate::configure::names::{REVIEWER, REVIEWER_BINDING};
use crate::configure::{Error, Site, auth};
use crate::process::Group;
use crate::random::random;
use crate::scenario::block::{Block, CLUSTER_PLACEHOLDER, Distribution, Shown};
use crate::scenario::configuration::{Configuration, Kubeconfig, Shell};
use crate::verdict::sighting::StepOutcome;

/// What stands in for the command line of a cloud, or of OpenShift: programs that answer what the blocks ask, from the
/// testbed's cluster, and refuse everything else.
pub fn stand_in(distribution: Distribution) -> Option<Program> {
    match distribution {
        Distribution::Generic => None,
        Distribution::Openshift => Some(("oc", include_str!("../../../scripts/stand-ins/oc"))),
        Distribution::Eks => Some(("aws", include_str!("../../../scripts/stand-ins/aws"))),
        Distribution::Aks => Some(("az", include_str!("../../../scripts/stand-ins/az"))),
    }
}

/// The auth mount, as the blocks name it.
const DOCUMENTED_MOUNT: &str = "auth/kubernetes/";

/// How long a new binding takes to hold, with room.
const BINDING_HOLDS: Duration = Duration::from_secs(5);

/// Types the block, and says what became of its steps.
///
/// # Errors
/// The tools are not there, or a server does not answer.
pub async fn type_it(
    site: Site<'_>,
    scenario: &str,
    block: &Block,
    configuration: &Configuration,
) -> Result<Vec<StepOutcome>, Error> {
    let mut user = String::new();
    if configuration.kubeconfig == Kubeconfig::OrdinaryUser {
        user = reader::user(site, objects::reader_role).await?;
    }
    let whole = site.run.testbed.kubeconfig_for_commands()?;
    let desk = Desk::set(site, scenario)?;
    let written = kubeconfig::write(configuration.kubeconfig, &whole, &desk.home, &user)?;
    desk.kubeconfig(&written.text)?;

    // Names that exist once in a Vault or a cluster are the scenario's own here, so that no other waits for them.
    let reviewer = site.names.reviewer();
    let mount = format!("auth/{}/", site.names.auth_mount);
    let text = block.typed(configuration.fallback).replace(CLUSTER_PLACEHOLDER, &written.cluster);
    let text = text.replace(REVIEWER, &reviewer).replace(DOCUMENTED_MOUNT, &mount);
    let typed = type_text(site, &desk, block, configuration, &text).await?;

    let bound = note_reviewer(site, &reviewer, &REVIEWER_BINDING.replace(REVIEWER, &reviewer)).await?;
    let may_review =
        bound && auth::may_review(site.run, auth::REVIEWER_NAMESPACE, &reviewer, BINDING_HOLDS).await.is_ok();
    let now = u64::try_from(jiff::Timestamp::now().as_second()).unwrap_or_default();
    Ok(block
        .steps
        .iter()
        .map(|step| {
            let (held, text) = typed.shows(&step.shown, may_review, now);
            StepOutcome { id: step.id.clone(), held, text }
        })
        .collect())
}

async fn type_text(
    site: Site<'_>,
    desk: &Desk,
    block: &Block,
    configuration: &Configuration,
    text: &str,
) -> Result<Typed, Error> {
    let mut tools = vec!["setsid", "bash", "sh", "vault", "kubectl", "base64", "sed"];
    tools.extend(configuration.jq.then_some("jq"));
    let ours = stand_in(block.distribution);
    let programs = desk.programs(&tools, ours.as_slice())?;
    let mark = random(16);
    let text = format!("{}{text}\nprintf '\\n{mark} stays\\n'\nexit 0\n", traps(&mark, block));
    let interactive = configuration.shell == Shell::Interactive;
    let script = desk.home.join("block.sh").display().to_string();
    if !interactive {
        std::fs::write(&script, &text).map_err(other("write a block of the page"))?;
    }
    let mut child = desk
        .bash(site, &[if interactive { "-i" } else { &script }])
        .env("PATH", &programs)
        .env("STAND_IN_ISSUER", if configuration.cloud_issuer { "named" } else { "none" })
        .stdin(if interactive { Stdio::piped() } else { Stdio::null() })
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(other("start bash"))?;
    let group = Group::of(&child);
    if let Some(mut input) = child.stdin.take() {
        // A guard ends the shell before it has read everything.
        let _ = input.write_all(text.as_bytes()).await;
    }
    let Ok(done) = tokio::time::timeout(COMMAND_LIMIT, child.wait_with_output()).await else {
        return Err(Error::Other {
            what: "type a block of the page",
            reason: format!("not done within {} s", COMMAND_LIMIT.as_secs()),
        });
    };
    let done = done.map_err(other("type a block of the page"))?;
    group.ended();
    // What is told of it has the documented name again.
    let mount = format!("auth/{}/", site.names.auth_mount);
    let said = String::from_utf8_lossy(&done.stdout).replace(&mount, DOCUMENTED_MOUNT);
    Ok(Typed::read(&said, &mark, done.status.code()))
}

/// What the shell is told to say of itself: each command before it is run, with the exit code of the one before; and at
/// its end, which variables hold something. bash says commands as they were typed, so no value is in them.
fn traps(mark: &str, block: &Block) -> String {
    let variables: BTreeSet<&str> = block
        .steps
        .iter()
        .filter_map(|step| match &step.shown {
            Shown::Variable(name) | Shown::Lasts { variable: name, .. } => Some(name.as_str()),
            Shown::Ran(_) | Shown::Reviewer | Shown::ShellStays => None,
        })
        .collect();
    TRAPS.replace("{{variables}}", &variables.into_iter().collect::<Vec<_>>().join(" ")).replace("{{mark}}", mark)
}

const TRAPS: &str = r#"exec 2>&1; PS1=; PS2=; unset HISTFILE
at_step() {
  local code=$?
  printf '\n{{mark}} code %d\n{{mark}} runs %s\n' "$code" "${BASH_COMMAND//$'\n'/ }"
}
at_end() {
  trap - DEBUG
  local it claims
  for it in {{variables}}; do
    case ${!it:-} in '' | null | None) ;; *) printf '\n{{mark}} holds %s\n' "$it" ;; esac
    case ${!it:-} in eyJ*.*.*)
      claims=${!it#*.}; claims=${claims%%.*}; claims=${claims//-/+}
      printf '\n{{mark}} ends %s ' "$it"
      base64 --decode 2>/dev/null <<<"${claims//_//}" | sed -n 's/.*"exp":\([0-9]*\).*/\1/p' ;;
    esac
  done
}
trap at_end EXIT
trap at_step DEBUG
"#;

/// One command that was run.
struct Ran {
    command: String,
    /// None where the shell ended in it.
    code: Option<i32>,
    /// The last line that it printed.
    said: String,
}

/// What the shell said of itself.
struct Typed {
    ran: Vec<Ran>,
    holds: BTreeSet<String>,
    /// When the tokens in variables end, in seconds since 1970.
    ends: BTreeMap<String, u64>,
    stays: bool,
    /// The shell's own exit code.
    code: Option<i32>,
}

impl Typed {
    fn read(output: &str, mark: &str, code: Option<i32>) -> Self {
        let mut typed = Self { ran: Vec::new(), holds: BTreeSet::new(), ends: BTreeMap::new(), stays: false, code };
        // An interactive bash says `exit` when it ends.
        for line in output.lines().filter(|line| !matches!(line.trim(), "" | "exit")) {
            let own = line.strip_prefix(mark).map(str::trim_start);
            let (word, rest) = own.map_or(("", line), |own| own.split_once(' ').unwrap_or((own, "")));
            match word {
                "runs" => typed.ran.push(Ran { command: rest.to_owned(), code: None, said: String::new() }),
                "holds" => _ = typed.holds.insert(rest.to_owned()),
                "ends" => {
                    let ends = rest.split_once(' ').and_then(|(name, at)| Some((name.to_owned(), at.parse().ok()?)));
                    typed.ends.extend(ends);
                }
                "stays" => typed.stays = true,
                "code" => {
                    if let Some(last) = typed.ran.last_mut() {
                        last.code = rest.parse().ok();
                    }
                }
                _ => {
                    if let Some(last) = typed.ran.last_mut() {
                        rest.clone_into(&mut last.said);
                    }
                }
            }
        }
        typed
    }

    /// Whether a step came to what it is there for, and what was seen, in one sentence.
    fn shows(&self, shown: &Shown, may_review: bool, now: u64) -> (bool, String) {
        match shown {
            Shown::Variable(name) => {
                let holds = self.holds.contains(name);
                (holds, format!("{name} {}", if holds { "holds something" } else { "is empty" }))
            }
            Shown::Lasts { variable, hours } => {
                let Some(ends) = self.ends.get(variable) else { return (false, format!("{variable} holds no token")) };
                let lasts = ends.saturating_sub(now);
                let text = format!("{variable} ends after {} h, and {hours} h were asked for", (lasts + 60) / 3600);
                // What was typed took a moment.
                (lasts + 600 >= hours * 3600, text)
            }
            Shown::Ran(beginning) => match self.ran.iter().rev().find(|ran| ran.command.starts_with(beginning)) {
                None => (false, format!("`{beginning}…` was not run")),
                Some(Ran { code: Some(0), .. }) => (true, format!("`{beginning}…` ended with exit code 0")),
                Some(Ran { code, said, .. }) => {
                    let code = code.map_or("none".to_owned(), |code| code.to_string());
                    (false, format!("`{beginning}…` ended with exit code {code}: {said}"))
                }
            },
            Shown::Reviewer => {
                let seen = if may_review { "may review tokens" } else { "is not there, or may not review tokens" };
                (may_review, format!("the reviewer {seen}"))
            }
            Shown::ShellStays if self.stays => (true, "the shell is still there".to_owned()),
            Shown::ShellStays => {
                let code = self.code.map_or("none".to_owned(), |code| code.to_string());
                let said = self.ran.iter().rev().map(|ran| &*ran.said).find(|said| !said.is_empty());
                (false, format!("the shell ended, with exit code {code}: {}", said.unwrap_or("it said nothing")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_shell_says_of_itself_is_told_from_what_its_commands_print() {
        let output = "
M code 0
M runs X=$(false)

M code 1
M runs vault write auth/kubernetes/config issuer=\"$X\"
Error writing data
* it is refused

M code 2
M runs [ -z \"$X\" ]

M code 0
M runs echo gone

M code 0
M runs exit 1
no cluster
exit

M holds Y

M ends T 87400
";
        let typed = Typed::read(output, "M", Some(1));
        let shows = |shown: Shown| typed.shows(&shown, false, 1000);
        assert!(shows(Shown::Variable("Y".to_owned())).0 && !shows(Shown::Variable("X".to_owned())).0);
        let wrote = Shown::Ran("vault write auth/kubernetes/config issuer=".to_owned());
        assert_eq!(
            shows(wrote),
            (false, "`vault write auth/kubernetes/config issuer=…` ended with exit code 2: * it is refused".to_owned())
        );
        assert!(shows(Shown::Ran("[ -z".to_owned())).0);
        assert!(!shows(Shown::Ran("vault read".to_owned())).0);
        let lasts = |hours| shows(Shown::Lasts { variable: "T".to_owned(), hours });
        assert_eq!(lasts(8760), (false, "T ends after 24 h, and 8760 h were asked for".to_owned()));
        assert!(lasts(24).0);
        assert_eq!(shows(Shown::ShellStays), (false, "the shell ended, with exit code 1: no cluster".to_owned()));
    }
}
