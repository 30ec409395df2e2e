//! Markdown in which no text of others means anything, and no more of it than its place takes.

/// A text on one line in which nothing means anything to Markdown.
#[must_use]
pub fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for sign in text.split_whitespace().collect::<Vec<_>>().join(" ").chars() {
        if matches!(sign, '\\' | '`' | '*' | '_' | '<' | '>' | '[' | ']' | '#' | '|' | '~' | '&' | '!' | '@') {
            safe.push('\\');
        }
        safe.push(sign);
    }
    safe
}

/// A text on one line as code, fenced by more back quotes than it holds in a row. A pipe would end a table's cell.
#[must_use]
pub fn code(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|");
    let fence = "`".repeat(longest(&text, '`') + 1);
    let pad = if text.starts_with('`') || text.ends_with('`') || text.is_empty() { " " } else { "" };
    format!("{fence}{pad}{text}{pad}{fence}")
}

/// Lines as a block of code, fenced by more back quotes than they hold in a row.
#[must_use]
pub fn block(lines: &[String]) -> String {
    let longest = lines.iter().map(|line| longest(line, '`')).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}sh\n{}\n{fence}\n", lines.join("\n"))
}

fn longest(text: &str, sign: char) -> usize {
    text.split(|other| other != sign).map(|row| row.chars().count()).max().unwrap_or(0)
}

/// A text that is built of pieces, each of which is taken whole or not at all.
#[derive(Debug)]
pub struct Limited {
    text: String,
    characters: usize,
    limit: usize,
    /// How many pieces did not fit.
    left_out: usize,
}

impl Limited {
    /// Of at most so many characters, less what [`Limited::end`] may need.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { text: String::new(), characters: 0, limit: limit.saturating_sub(200), left_out: 0 }
    }

    /// Takes one piece, if it fits.
    pub fn push(&mut self, piece: &str) {
        // Places count in characters, in UTF-16 units or in bytes: the bytes are never fewer.
        if self.characters + piece.len() > self.limit {
            self.left_out += 1;
            return;
        }
        self.characters += piece.len();
        self.text.push_str(piece);
    }

    /// The text, which says how much of it was left out and where that stands.
    #[must_use]
    pub fn end(mut self) -> String {
        if self.left_out > 0 {
            let left = self.left_out;
            self.text.push_str(&format!("\n\n_{left} more did not fit here; the JSON and HTML reports have all._\n"));
        }
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_says_is_text_and_stays_on_its_line() {
        assert_eq!(escaped("a\nb <script> `x` [y](z)"), "a b \\<script\\> \\`x\\` \\[y\\](z)");
        assert_eq!(code("a `b`` | c"), "```a `b`` \\| c```");
        assert_eq!(code("`"), "`` ` ``");
        assert_eq!(block(&["a ```` b".to_owned()]), "`````sh\na ```` b\n`````\n");
    }

    #[test]
    fn what_does_not_fit_is_left_out_whole_and_counted() {
        let mut text = Limited::new(230);
        for piece in ["one ", "a piece that is longer than thirty bytes ", "two"] {
            text.push(piece);
        }
        let text = text.end();
        assert!(text.starts_with("one two\n") && text.contains("1 more"), "{text}");
        assert!(text.len() <= 230);
    }
}
