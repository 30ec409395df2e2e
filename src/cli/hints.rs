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

/// Flags of those other commands, hidden, so that whoever gives one is told where it belongs.
pub fn with_hints(command: Command) -> Command {
    let of = |name: &str| command.find_subcommand(name).cloned().unwrap_or_default();
    PAIRS.iter().fold(command.clone(), |all, (name, other, words)| {
        let (own, other) = (of(name), of(other));
        all.mut_subcommand(name, |mut hinted| {
            for flag in other.get_arguments().filter_map(Arg::get_long) {
                if own.get_arguments().any(|argument| argument.get_long() == Some(flag)) || flag == "help" {
                    continue;
                }
                let hint = UnknownArgumentValueParser::suggest(StyledStr::from(*words));
                let flag = Arg::new(format!("not-{flag}")).long(flag.to_owned()).hide(true);
                // Told of whether or not a value follows.
                let flag = flag.num_args(0..=1).require_equals(true).default_missing_value("").value_name("VALUE");
                hinted = hinted.arg(flag.value_parser(hint));
            }
            hinted
        })
    })
}
