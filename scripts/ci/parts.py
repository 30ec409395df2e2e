"""Writes what the CI templates give to a shell, each part as the program that its CI makes of it: parts.py FOLDER."""

import pathlib
import sys

from ruamel.yaml import YAML

folder = pathlib.Path(sys.argv[1])
bash = "#!/usr/bin/env bash\nset -eo pipefail\n"


def load(file):
    return YAML(typ="safe").load(pathlib.Path(file))


def write(ci, parts, head=""):
    parts = list(parts)
    if not parts:
        sys.exit(f"ci/{ci}: no part for a shell")
    for number, part in enumerate(parts, 1):
        path = folder / f"{ci}-{number}.sh"
        path.write_text(head + part)
        path.chmod(0o755)


steps = load("ci/github/action.yml")["runs"]["steps"]
write("github", (step["run"] for step in steps if "run" in step), bash)
# GitLab gives all lines to one shell.
write("gitlab", ["\n".join(load("ci/gitlab/conformance.yml")["vault-conformance"]["script"]) + "\n"], bash)
jenkins = pathlib.Path("ci/jenkins/Jenkinsfile").read_text()
# Between such quotes, Groovy joins lines that end with a backslash.
write("jenkins", (part.replace("\\\n", "") for part in jenkins.split("'''")[1::2]), "#!/bin/sh -xe\n")
write("tekton", (step["script"] for step in load("ci/tekton/task.yaml")["spec"]["steps"]))
