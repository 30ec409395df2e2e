//! One bash session, as a reader's: variables last from one command to the next.

use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout};

use super::desk::{Desk, Program, other};
use super::promised::Promised;
use super::reader::Access;
use crate::configure::{Error, Site};
use crate::process::Group;
use crate::random::random;
use crate::scenario::command::Edit;

/// How long one command may take.
pub(super) const COMMAND_LIMIT: Duration = Duration::from_secs(60);

/// Makes the change that a human makes in the editor that `kubectl edit` opens.
const EDITOR: &str = "#!/bin/sh
kubectl patch --local -f \"$1\" --type merge --patch \"$EDIT\" -o yaml > \"$1.new\" && mv \"$1.new\" \"$1\"
";

/// A running bash session.
pub struct Session {
    child: Child,
    /// bash and what it started.
    group: Group,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    /// Ends the output of one command; random, so that no command prints it by chance.
    mark: String,
    promised: Promised,
}

impl Session {
    /// Starts bash in a folder of its own, with this access to the scenario's
    /// Vault and to the cluster, and with these programs before
    /// those of the machine. Nothing of the user's own
    /// `~/.kube` or `~/.vault-token` is read or written.
    pub async fn start(site: Site<'_>, scenario: &str, programs: &[Program], access: &Access) -> Result<Self, Error> {
        let desk = Desk::set(site, scenario)?;
        desk.kubeconfig(&access.kubeconfig)?;
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders =
            std::iter::once(desk.programs(&["vault", "kubectl"], programs)?).chain(std::env::split_paths(&path));
        let path = std::env::join_paths(folders).unwrap_or(path);
        let editor = desk.home.join("editor");
        std::fs::write(&editor, EDITOR).map_err(other("write an editor"))?;
        let mut child = desk
            .bash(site, &access.token, &[])
            .env("PATH", path)
            // kubectl gives what has quotation marks to a shell, and cuts anything else at its spaces.
            .env("KUBE_EDITOR", format!("sh '{}'", editor.display().to_string().replace('\'', r"'\''")))
            .env("OPERATOR_NAMESPACE", &site.names.namespace)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(other("start bash"))?;
        let group = Group::of(&child);
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(Error::Other { what: "start bash", reason: "it has no input or output".to_owned() });
        };
        let promised = desk.promised(&["bash", "vault", "kubectl", "jq", "base64"]);
        let output = BufReader::new(output).lines();
        let mut session = Self { child, group, input, output, mark: random(16), promised };
        session.run("exec 2>&1", None).await?;
        Ok(session)
    }

    /// Runs one command and gives its exit code and the last line that it printed.
    ///
    /// # Errors
    /// It takes too long, the session ended, or a program that it was promised is gone.
    pub async fn run(&mut self, command: &str, edit: Option<&Edit>) -> Result<(i32, String), Error> {
        let mut text = String::new();
        if let Some(edit) = edit {
            text.push_str(&format!("export EDIT='{}'\n", patch(edit)));
        }
        text.push_str(&format!("{}\nprintf '\\n{} %d\\n' $?\n", command.trim_end(), self.mark));
        let talk = async {
            self.input.write_all(text.as_bytes()).await?;
            self.input.flush().await?;
            let mut last = String::new();
            while let Some(line) = self.output.next_line().await? {
                if let Some(code) = line.strip_prefix(&self.mark) {
                    return Ok((code.trim().parse().unwrap_or(-1), last));
                }
                if !line.trim().is_empty() {
                    last = line;
                }
            }
            Err(std::io::Error::other("the session ended"))
        };
        match tokio::time::timeout(COMMAND_LIMIT, talk).await {
            Ok(done) => {
                let (code, said) = done.map_err(other("type a command of the page"))?;
                self.promised.kept(code, &said)?;
                Ok((code, said))
            }
            Err(_) => Err(Error::Other {
                what: "type a command of the page",
                reason: format!("not done within {} s", COMMAND_LIMIT.as_secs()),
            }),
        }
    }

    /// Whether a variable of the session is set and not empty. Its value stays there.
    pub async fn has(&mut self, variable: &str) -> Result<bool, Error> {
        Ok(self.run(&format!("[ -n \"${variable}\" ]"), None).await?.0 == 0)
    }

    /// Ends the session.
    pub async fn end(self) {
        let Self { mut child, group, input, .. } = self;
        drop(input);
        // What does not end by itself is killed when it is dropped.
        if tokio::time::timeout(Duration::from_secs(2), child.wait()).await.is_ok() {
            group.ended();
        }
    }
}

/// A merge patch that sets one field, from its dotted name and its YAML value.
fn patch(edit: &Edit) -> Value {
    let value = match edit.value.as_str() {
        "true" => json!(true),
        "false" => json!(false),
        text => json!(text),
    };
    edit.field.rsplit('.').fold(value, |inner, name| json!({ name: inner }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edit_becomes_a_merge_patch_of_that_field_alone() {
        let edit = Edit { field: "spec.template.spec.serviceAccountName".to_owned(), value: "x".to_owned() };
        assert_eq!(patch(&edit), json!({ "spec": { "template": { "spec": { "serviceAccountName": "x" } } } }));
        let edit = Edit { field: "spec.on".to_owned(), value: "true".to_owned() };
        assert_eq!(patch(&edit), json!({ "spec": { "on": true } }));
    }
}
