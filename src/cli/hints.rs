//! What is said of a flag that another command has: which one.

use clap::builder::{StyledStr, UnknownArgumentValueParser};
use clap::{Arg, Command};

/// A command, another that is mistaken for it, and what the other is for.
const PAIRS: [(&str, &str, &str); 4] = [
    ("run", "check", "a cluster of your own is looked at by `check`, which has this flag"),
    ("check", "run", "scenarios on a testbed of ours are run by `run`, which has this flag"),
    ("doctor", "check", "what a check of your own cluster needs is asked by `doctor check`, which has this flag"),
    ("self-test", "run", "scenarios are run by `run`, which has this flag"),
];

/// What is said of a flag that `check` has and a Job has not.
const IN_A_JOB: &str = "a Job has no token and no file of this machine, and reports in its log; `check` has this flag";

/// What is said of one that `check` has and a plugin has not.
const IN_A_PLUGIN: &str = "a plugin has no token and no file of this machine, and its reports are in Sonobuoy's results; `check` has this flag";

/// Flags of those other commands, hidden, so that whoever gives one is told where it belongs.
pub fn with_hints(command: Command) -> Command {
    let of = |name: &str| command.find_subcommand(name).cloned().unwrap_or_default();
    let all = PAIRS.iter().fold(command.clone(), |all, (name, other, words)| {
        all.mut_subcommand(name, |own| hinting(own, &of(other), words))
    });
    let inside = [("job", IN_A_JOB), ("cronjob", IN_A_JOB), ("sonobuoy-plugin", IN_A_PLUGIN)];
    all.mut_subcommand("print", |print| {
        inside
            .iter()
            .fold(print, |print, (name, words)| print.mut_subcommand(name, |own| hinting(own, &of("check"), words)))
    })
}

/// The command, with a hidden flag for each that only the other has.
fn hinting(own: Command, other: &Command, words: &'static str) -> Command {
    let flags: Vec<&str> = other.get_arguments().filter_map(Arg::get_long).collect();
    let known: Vec<String> = own.get_arguments().filter_map(Arg::get_long).map(str::to_owned).collect();
    flags.into_iter().filter(|flag| *flag != "help" && !known.iter().any(|own| own == flag)).fold(own, |own, flag| {
        let hint = UnknownArgumentValueParser::suggest(StyledStr::from(words));
        let flag = Arg::new(format!("not-{flag}")).long(flag.to_owned()).hide(true);
        // Told of whether or not a value follows.
        let flag = flag.num_args(0..=1).require_equals(true).default_missing_value("").value_name("VALUE");
        own.arg(flag.value_parser(hint))
    })
}
