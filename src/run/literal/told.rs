//! What a shell says of itself: it is told by traps to say each command before it is run, with the exit code of the one
//! before, and at its end which variables hold something. bash says commands as they were typed, so no value is in that.

use std::collections::{BTreeMap, BTreeSet};

use crate::scenario::block::Shown;

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

/// The beginning of what is typed: these traps. `mark` begins each line that the shell says of itself.
#[must_use]
pub fn traps(mark: &str, variables: &BTreeSet<&str>) -> String {
    let variables: Vec<&str> = variables.iter().copied().collect();
    TRAPS.replace("{{variables}}", &variables.join(" ")).replace("{{mark}}", mark)
}

/// The end of what is typed, which a shell that a guard ended does not come to.
#[must_use]
pub fn end(mark: &str) -> String {
    format!("printf '\\n{mark} stays\\n'\nexit 0\n")
}

/// One command that was run.
struct Ran {
    command: String,
    /// None where the shell ended in it.
    code: Option<i32>,
    /// The last line that it printed.
    said: String,
}

/// What the shell said of itself.
pub struct Told {
    ran: Vec<Ran>,
    holds: BTreeSet<String>,
    /// When the tokens in variables end, in seconds since 1970.
    ends: BTreeMap<String, u64>,
    stays: bool,
    /// The shell's own exit code.
    code: Option<i32>,
}

impl Told {
    /// Reads what it printed; `code` is the exit code of the shell itself.
    #[must_use]
    pub fn read(output: &str, mark: &str, code: Option<i32>) -> Self {
        let mut told = Self { ran: Vec::new(), holds: BTreeSet::new(), ends: BTreeMap::new(), stays: false, code };
        // An interactive bash says `exit` when it ends.
        for line in output.lines().filter(|line| !matches!(line.trim(), "" | "exit")) {
            let own = line.strip_prefix(mark).map(str::trim_start);
            let (word, rest) = own.map_or(("", line), |own| own.split_once(' ').unwrap_or((own, "")));
            match word {
                "runs" => told.ran.push(Ran { command: rest.to_owned(), code: None, said: String::new() }),
                "holds" => _ = told.holds.insert(rest.to_owned()),
                "ends" => {
                    let ends = rest.split_once(' ').and_then(|(name, at)| Some((name.to_owned(), at.parse().ok()?)));
                    told.ends.extend(ends);
                }
                "stays" => told.stays = true,
                "code" => {
                    if let Some(last) = told.ran.last_mut() {
                        last.code = rest.parse().ok();
                    }
                }
                _ => {
                    if let Some(last) = told.ran.last_mut() {
                        rest.clone_into(&mut last.said);
                    }
                }
            }
        }
        told
    }

    /// Whether the shell ran anything.
    #[must_use]
    pub const fn began(&self) -> bool {
        !self.ran.is_empty()
    }

    /// How each command ended that was run, with the last line that it printed; then the shell itself.
    pub fn ended(&self) -> impl Iterator<Item = (i32, &str)> {
        let commands = self.ran.iter().map(|ran| (ran.code, &*ran.said));
        commands.chain([(self.code, "")]).map(|(code, said)| (code.unwrap_or(-1), said))
    }

    /// Whether a step came to what it is there for, and what was seen, in one sentence. `now` is in seconds since 1970.
    #[must_use]
    pub fn shows(&self, shown: &Shown, may_review: bool, now: u64) -> (bool, String) {
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
        let told = Told::read(output, "M", Some(1));
        let shows = |shown: Shown| told.shows(&shown, false, 1000);
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
        let ended: Vec<_> = told.ended().collect();
        assert_eq!(ended, [(1, ""), (2, "* it is refused"), (0, ""), (0, ""), (-1, "no cluster"), (1, "")]);
        assert!(told.began() && !Told::read("", "M", Some(127)).began());
    }
}
