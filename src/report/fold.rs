//! Long lines on a terminal: broken between words, not within them.

use textwrap::core::{Word, display_width};
use textwrap::{Options, WordSeparator, WordSplitter, WrapAlgorithm};

/// Stands before a line that stays in one piece, such as a command that is to be
/// copied. Nobody else's text has it: see [`plain`](super::text::plain).
pub const WHOLE: char = '\u{1e}';

/// Every line at most so wide, as far as its words allow. What goes on is
/// indented as far as the text behind the line's label, if it has one.
///
/// What stands in backquotes is one word, and none is broken: a command or an
/// address that is longer than the window is broken by the terminal, which
/// copies it in one piece. Where there is no window, only the marks of [`WHOLE`] lines go.
#[must_use]
pub fn fold(text: &str, columns: Option<usize>) -> String {
    let Some(columns) = columns else { return text.replace(WHOLE, "") };
    text.split_inclusive('\n')
        .flat_map(|line| {
            if let Some(whole) = line.strip_prefix(WHOLE) {
                return [whole.to_owned(), String::new()];
            }
            let (line, end) = line.strip_suffix('\n').map_or((line, ""), |line| (line, "\n"));
            if display_width(line) <= columns {
                return [line.to_owned(), end.to_owned()];
            }
            let indent = " ".repeat(indent(line, columns));
            let options = Options::new(columns)
                .subsequent_indent(&indent)
                .break_words(false)
                .word_separator(WordSeparator::Custom(words))
                .word_splitter(WordSplitter::NoHyphenation)
                .wrap_algorithm(WrapAlgorithm::FirstFit);
            [textwrap::fill(line, options), end.to_owned()]
        })
        .collect()
}

/// Where the text behind a label starts: behind the last gap in the first third.
fn indent(line: &str, columns: usize) -> usize {
    let own = line.len() - line.trim_start().len();
    let gaps = line.match_indices("  ").filter(|(at, _)| *at > own).map(|(at, _)| {
        let behind = &line[at..];
        display_width(&line[..at]) + behind.len() - behind.trim_start().len()
    });
    gaps.filter(|column| *column <= columns / 3).max().unwrap_or(own + 2)
}

/// The words of a line, each with the spaces behind it. Those before the first belong to it.
fn words(line: &str) -> Box<dyn Iterator<Item = Word<'_>> + '_> {
    let mut rest = line;
    Box::new(std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let mut quoted = false;
        let mut started = false;
        let mut end = rest.len();
        let mut characters = rest.char_indices().peekable();
        while let Some((at, character)) = characters.next() {
            match character {
                // One that is never closed quotes nothing.
                '`' => quoted = !quoted && rest[at + 1..].contains('`'),
                ' ' if !quoted && started && characters.peek().is_none_or(|(_, next)| *next != ' ') => {
                    end = at + 1;
                    break;
                }
                _ => {}
            }
            started |= character != ' ';
        }
        let (word, behind) = rest.split_at(end);
        rest = behind;
        Some(Word::from(word))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_fits_stays_as_it_is() {
        let text = "ok       kind: v0.33.0\n\n  spaces at the end  \n";
        assert_eq!(fold(text, Some(40)), text);
    }

    #[test]
    fn what_goes_on_stands_below_the_text_behind_the_label() {
        let text = "  remedy     Bind the Service Account that the app runs with.\n";
        assert_eq!(
            fold(text, Some(40)),
            "  remedy     Bind the Service Account\n             that the app runs with.\n"
        );
        assert_eq!(fold("one two three four", Some(10)), "one two\n  three\n  four");
    }

    #[test]
    fn commands_and_addresses_are_not_broken() {
        let text =
            "note: `cleanup --run-id r1234` removes it; see https://docs.example/a-very-long-address-of-a-page now";
        assert_eq!(
            fold(text, Some(29)),
            "note:\n  `cleanup --run-id r1234`\n  removes it; see\n  \
             https://docs.example/a-very-long-address-of-a-page\n  now"
        );
        assert_eq!(fold("it`s not a quotation that ends", Some(20)), "it`s not a quotation\n  that ends");
    }

    #[test]
    fn a_whole_line_stays_whole_and_loses_its_mark() {
        let text = format!("do this:\n{WHOLE}    vault kv get pmp-dev/admin\n");
        for columns in [None, Some(10)] {
            assert_eq!(fold(&text, columns), "do this:\n    vault kv get pmp-dev/admin\n");
        }
    }

    #[test]
    fn colours_take_no_room() {
        let text = "\u{1b}[32mPASS        \u{1b}[0m  1.0 s  a: b";
        assert_eq!(fold(text, Some(25)), text);
    }

    #[test]
    fn nothing_is_lost_at_any_width() {
        let text = "  a  `b c` d\u{1f600}e  …  ` \u{1b}[31;1mf  g\u{1b}[0m hhhhhhhhhhhhhhhhhhhhhhhh i\n    j\n";
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        for columns in 1..60 {
            assert_eq!(words(&fold(text, Some(columns))), words(text), "{columns}");
        }
    }
}
