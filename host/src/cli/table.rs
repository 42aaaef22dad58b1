//! Columns and paragraphs for a terminal.

use std::io::{IsTerminal, stdout};

/// Characters of a line, where nobody looks at a terminal.
const UNBOUNDED: usize = usize::MAX;

/// How many characters stand on a line of standard output.
pub(super) fn width() -> usize {
    if !stdout().is_terminal() {
        return UNBOUNDED;
    }
    ratatui::crossterm::terminal::size().map_or(UNBOUNDED, |(columns, _)| usize::from(columns).max(40))
}

/// Rows under each other, every column as wide as it needs. The last one is cut where the line ends.
pub(super) fn columns(rows: &[Vec<String>], width: usize) -> Vec<String> {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let wide =
        |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| length(cell)).max().unwrap_or(0);
    let widths: Vec<usize> = (0..count).map(wide).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths);
        let padded: Vec<String> = cells.map(|(cell, width)| format!("{cell:width$}")).collect();
        cut(padded.join("  ").trim_end(), width)
    };
    rows.iter().map(line).collect()
}

/// A text in lines of at most `width` characters, each behind `indent`.
pub(super) fn paragraph(text: &str, indent: &str, width: usize) -> Vec<String> {
    let room = width.saturating_sub(length(indent)).max(20);
    let mut lines = Vec::new();
    for given in text.lines() {
        let mut line = String::new();
        for word in given.split(' ') {
            if !line.is_empty() && length(&line) + 1 + length(word) > room {
                lines.push(format!("{indent}{line}"));
                line.clear();
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        lines.push(format!("{indent}{line}"));
    }
    lines
}

fn cut(text: &str, width: usize) -> String {
    if length(text) <= width {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(width.saturating_sub(1)).collect();
    cut.push('…');
    cut
}

fn length(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_under_each_other_and_lines_end_in_time() {
        let row = |cells: &[&str]| cells.iter().map(|cell| (*cell).to_owned()).collect();
        let rows: Vec<Vec<String>> = vec![row(&["NAME", "STATE"]), row(&["pager-of-mine", "active and well"])];
        assert_eq!(columns(&rows, 100), ["NAME           STATE", "pager-of-mine  active and well"]);
        assert_eq!(columns(&rows, 24), ["NAME           STATE", "pager-of-mine  active a…"]);
        let text = "one two three four five six\nseven";
        assert_eq!(paragraph(text, "  ", 22), ["  one two three four", "  five six", "  seven"]);
    }
}
