//! `completions`: what makes a shell complete the commands and flags of this program.

use clap::Command;
use clap_complete::Shell;

use super::say;
use crate::event::Exit;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The shell; its own documentation says where it reads completions
    #[arg(value_enum)]
    shell: Shell,
}

/// Prints the script of one shell.
pub fn completions(arguments: &Arguments, command: &Command) -> Exit {
    let name = command.get_name();
    // `clap_complete` offers hidden commands as well, so it does not see them.
    let mut shown = Command::new(name.to_owned())
        .version(env!("CARGO_PKG_VERSION"))
        .args(command.get_arguments())
        .subcommands(command.get_subcommands().filter(|below| !below.is_hide_set()));
    let mut script = Vec::new();
    // Its bash script looks for subcommands of a hyphened name under another one (clap_complete 4.6.11).
    let plain = name.replace('-', "_");
    let known_as = if arguments.shell == Shell::Bash { plain.as_str() } else { name };
    clap_complete::generate(arguments.shell, &mut shown, known_as, &mut script);
    let script = String::from_utf8_lossy(&script);
    say::text(format_args!("{}", script.replace(&format!("-o default {plain}"), &format!("-o default {name}"))));
    Exit::Passed
}
