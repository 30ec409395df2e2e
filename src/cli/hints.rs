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

/// Flags of those other commands, hidden, so that whoever gives one is told where it belongs.
pub fn with_hints(command: Command) -> Command {
    let of = |name: &str| command.find_subcommand(name).cloned().unwrap_or_default();
    let all = PAIRS.iter().fold(command.clone(), |all, (name, other, words)| {
        all.mut_subcommand(name, |own| hinting(own, &of(other), words))
    });
    let in_a_job = |job| hinting(job, &of("check"), IN_A_JOB);
    all.mut_subcommand("print", |print| print.mut_subcommand("job", in_a_job).mut_subcommand("cronjob", in_a_job))
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
