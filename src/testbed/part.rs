//! What a testbed consists of, as the journal has it: each part with the name of
//! the kind of testbed that knows what it is and how it goes.

use super::error::Error;
use super::which::Which;
use super::{kind, local};
use crate::journal::Part;

/// The command that removes a part by hand.
#[must_use]
pub fn by_hand(part: &Part) -> String {
    match Which::named(&part.testbed) {
        Ok(Which::Kind) => kind::removal::by_hand(part),
        Ok(Which::Local) => local::removal::by_hand(part),
        Err(error) => format!("# {} {}: {error}", part.what, part.name),
    }
}

/// Removes parts of testbeds.
#[derive(Default)]
pub struct Remover {
    kind: kind::removal::Remover,
}

impl Remover {
    /// Whether a part can go only after all others.
    #[must_use]
    pub fn goes_last(part: &Part) -> bool {
        Which::named(&part.testbed).is_ok_and(|which| match which {
            Which::Kind => kind::removal::goes_last(part),
            Which::Local => false,
        })
    }

    /// Removes a part of a run by its id or, where none was noted, only if it is
    /// the run's. One that is gone counts as removed, so that it may be tried
    /// again at any time.
    ///
    /// # Errors
    /// It is still there.
    pub async fn remove(&self, run: &str, part: &Part, id: Option<&str>) -> Result<(), Error> {
        match Which::named(&part.testbed)? {
            Which::Kind => Ok(self.kind.remove(run, part, id).await?),
            Which::Local => Ok(local::removal::remove(part, id).await?),
        }
    }
}

/// Finds what a run left of any kind of testbed by its label alone, where its
/// journal is lost, and removes it. Gives how many things it removed.
///
/// # Errors
/// Something is still there, or could not be looked for.
pub async fn remove_labelled(run: &str) -> Result<usize, Error> {
    let processes = local::removal::remove_labelled(run).await?;
    match kind::removal::remove_labelled(run).await {
        // A run has one kind of testbed. Of one that had processes, no container is looked for.
        Err(_) if processes > 0 => Ok(processes),
        containers => Ok(processes + containers?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(testbed: &str, what: &str) -> Part {
        let [testbed, what, name] = [testbed, what, "pvc-r1"].map(str::to_owned);
        Part { testbed, what, name, of: None }
    }

    #[test]
    fn each_part_says_how_it_is_removed_by_hand_and_a_network_goes_last() {
        let told = ["container", "network", "kind cluster"].map(|what| by_hand(&part("kind", what)));
        let expected =
            ["docker rm --force --volumes pvc-r1", "docker network rm pvc-r1", "kind delete cluster --name pvc-r1"];
        assert_eq!(told, expected);
        let last = ["container", "network", "kind cluster"].map(|what| Remover::goes_last(&part("kind", what)));
        assert_eq!(last, [false, true, false]);
    }

    #[test]
    fn a_process_is_ended_by_hand_by_what_it_carries() {
        let name = format!("pvc-{}", crate::random::random(12));
        let mut process = std::process::Command::new("sleep")
            .arg("600")
            .env(crate::testbed::local::process::LABEL, &name)
            .spawn()
            .unwrap();
        let by_hand = by_hand(&Part { name, ..part("local", "process") });
        let typed = std::process::Command::new("sh").args(["-c", &by_hand]).status().unwrap();
        assert!(typed.success(), "{by_hand}");
        assert!(!process.wait().unwrap().success());
    }

    #[tokio::test]
    async fn a_part_of_a_testbed_that_this_program_does_not_have_is_still_there() {
        let error = Remover::default().remove("r1", &part("lokal", "process"), None).await.unwrap_err();
        assert_eq!(error.to_string(), "this program knows no testbed called lokal");
    }
}
