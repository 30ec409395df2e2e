//! The templates of `ci/` say what the program understands, and hand over what it writes. `scripts/check-ci` runs them.

use std::collections::BTreeSet;

use rstest::rstest;
use serde_json::Value;

use crate::support::commands::{NAME, Shell, repository};

const FILES: [&str; 4] =
    ["ci/github/action.yml", "ci/gitlab/conformance.yml", "ci/jenkins/Jenkinsfile", "ci/tekton/task.yaml"];

fn text(file: &str) -> String {
    std::fs::read_to_string(repository().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn yaml(file: &str) -> Value {
    serde_saphyr::from_str(&text(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn strings(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().map(|it| it.as_str().unwrap().to_owned()).collect()
}

fn each(list: &Value, field: &str) -> Vec<String> {
    list.as_array().unwrap().iter().filter_map(|step| step[field].as_str().map(str::to_owned)).collect()
}

/// What a template gives to a shell.
fn scripts(file: &str) -> Vec<String> {
    match file {
        "ci/github/action.yml" => each(&yaml(file)["runs"]["steps"], "run"),
        "ci/gitlab/conformance.yml" => strings(&yaml(file)["vault-conformance"]["script"]),
        "ci/tekton/task.yaml" => each(&yaml(file)["spec"]["steps"], "script"),
        _ => text(file).split("'''").skip(1).step_by(2).map(str::to_owned).collect(),
    }
}

/// The arguments that a template gives to `scripts/run`.
fn arguments(file: &str) -> String {
    let scripts = scripts(file).join("\n").replace("\\\n", " ");
    let calls = scripts.lines().filter_map(|line| line.split_once("scripts/run"));
    let calls: Vec<&str> = calls.map(|(_, rest)| rest.trim_start_matches('"')).collect();
    assert_eq!(calls.len(), 1, "{file}: {scripts}");
    calls[0].split_whitespace().collect::<Vec<_>>().join(" ")
}

fn written(file: &str) -> BTreeSet<String> {
    let arguments = arguments(file);
    let words: Vec<&str> = arguments.split(' ').collect();
    let report = |pair: &[&str]| ["--junit", "--json", "--html", "--summary"].contains(&pair[0]);
    words.windows(2).filter(|pair| report(pair)).map(|pair| pair[1].to_owned()).collect()
}

#[rstest]
fn the_program_understands_what_each_template_asks_for(
    #[values(FILES[0], FILES[1], FILES[2], FILES[3])] file: &str,
    #[values(["kind", "vault", "core", ""], ["local", "openbao", "all", "known failures.yaml"])] choice: [&str; 4],
) {
    let names = ["TESTBED", "SERVER", "PROFILE", "BASELINE"].map(|name| format!("CONFORMANCE_{name}"));
    let asked = |more: &str| {
        // Behind the arguments, `--help` makes the program do nothing else than look at them.
        let line = format!("{NAME} run {} {more} --help", arguments(file));
        Shell::new().bash(&line).envs(names.iter().zip(choice)).output().unwrap()
    };
    let right = asked("");
    assert!(right.status.success(), "{file}: {}", String::from_utf8_lossy(&right.stderr));
    assert_eq!(asked("--no-such-flag").status.code(), Some(2), "{file}");
}

#[test]
fn all_templates_ask_for_the_same() {
    for file in FILES {
        assert_eq!(arguments(file), arguments(FILES[0]), "{file}");
    }
}

#[test]
fn the_reports_that_are_written_are_those_that_are_handed_over_whatever_the_end() {
    let sorted = |files: Vec<String>| files.into_iter().collect::<BTreeSet<_>>();
    let reports = written(FILES[0]);
    assert_eq!(reports.len(), 4, "{reports:?}");

    let action = yaml(FILES[0]);
    let steps = action["runs"]["steps"].as_array().unwrap();
    let upload = steps.iter().find(|step| step["uses"].to_string().contains("upload-artifact")).unwrap();
    assert_eq!(upload["if"], "always()");
    assert_eq!(sorted(upload["with"]["path"].as_str().unwrap().lines().map(str::to_owned).collect()), reports);
    let summary = steps.iter().find(|step| step["run"].to_string().contains("GITHUB_STEP_SUMMARY")).unwrap();
    assert!(summary["if"].to_string().starts_with("\"always()"), "{summary}");
    for of in ["if", "run"] {
        assert!(reports.iter().any(|file| summary[of].to_string().contains(file)), "{summary}");
    }

    let artifacts = &yaml(FILES[1])["vault-conformance"]["artifacts"];
    assert_eq!(artifacts["when"], "always");
    let mut files = strings(&artifacts["paths"]);
    files.push(artifacts["reports"]["junit"].as_str().unwrap().to_owned());
    assert_eq!(sorted(files), reports);

    let jenkins = text(FILES[2]);
    let (_, always) = jenkins.split_once("always {").unwrap();
    let files = always.split('\'').skip(1).step_by(2).flat_map(|it| it.split(", ")).map(str::to_owned);
    assert_eq!(sorted(files.collect()), reports);
}

#[test]
fn the_example_workflow_gives_the_action_inputs_that_it_has() {
    let steps = &yaml("ci/github/workflow.yml")["jobs"]["conformance"]["steps"];
    let own = steps.as_array().unwrap().iter().find(|step| step["uses"] == "./ci/github").unwrap();
    let inputs = &yaml(FILES[0])["inputs"];
    for (name, _) in own["with"].as_object().unwrap() {
        assert!(inputs[name].is_object(), "{name}");
    }
}

/// An input that is no variable of the step that runs, or a variable that no input fills, would have no effect.
#[test]
fn every_choice_of_a_template_reaches_the_shell() {
    let inserted = |env: &Value, name: &str, value: String| assert_eq!(env[name], value.as_str(), "{env}");
    let action = yaml(FILES[0]);
    let runs = action["runs"]["steps"].as_array().unwrap().iter().find(|step| step["env"].is_object()).unwrap();
    let task = yaml(FILES[3]);
    let env = task["spec"]["steps"][0]["env"].as_array().unwrap();
    for name in ["testbed", "server", "profile", "baseline"] {
        let variable = format!("CONFORMANCE_{}", name.to_uppercase());
        assert!(action["inputs"][name].is_object(), "{name}");
        inserted(&runs["env"], &variable, format!("${{{{ inputs.{name} }}}}"));
        let own = env.iter().find(|it| it["name"] == variable.as_str()).unwrap();
        inserted(own, "value", format!("$(params.{name})"));
        assert!(task["spec"]["params"].as_array().unwrap().iter().any(|it| it["name"] == name), "{name}");
        assert!(yaml(FILES[1])["vault-conformance"]["variables"][&variable].is_string(), "{name}");
        assert!(text(FILES[2]).contains(&format!("(name: '{variable}'")), "{name}");
        assert!(arguments(FILES[0]).contains(&format!("\"${variable}\"")), "{name}");
    }
}
