//! Text that a spreadsheet would run: a formula at the start of a line or of a cell.
//!
//! Patients write "-3 度", "+81 90...", "@山田先生" and "=> good"; only what calls, links or computes is a formula.

use super::Place;
use super::around::is_line_end;
use super::fold::narrow;

/// Formulas. What acts is the sign they begin with.
pub(super) fn formulas(text: &str) -> Vec<Place> {
    let mut places = Vec::new();
    let mut line_start = 0;
    for line in text.split(is_line_end) {
        let mut cell_start = line_start;
        for cell in line.split('\t') {
            places.extend(formula_at(cell, cell_start));
            cell_start += cell.len() + 1;
        }
        for (separator, _) in line.match_indices([',', ';']) {
            let start = separator + 1;
            let cell = line.get(start..).unwrap_or_default();
            if calls(&plain(cell.trim_start_matches(QUOTES))) {
                places.extend(formula_at(cell, line_start + start));
            }
        }
        let end = text.get(line_start + line.len()..).and_then(|rest| rest.chars().next());
        line_start += line.len() + end.map_or(0, char::len_utf8);
    }
    places
}

fn formula_at(cell: &str, offset: usize) -> Option<Place> {
    let bare = cell.trim_start_matches(QUOTES);
    let start = offset + cell.len() - bare.len();
    is_formula(&plain(bare)).then_some(Place::at(start))
}

/// The first characters in capital, narrow letters.
fn plain(cell: &str) -> String {
    cell.chars().take(MAX_CELL).map(|character| narrow(character).to_ascii_uppercase()).collect()
}

fn is_formula(cell: &str) -> bool {
    match cell.bytes().next() {
        Some(b'=') => calls(cell) || computes(cell),
        Some(b'+' | b'-' | b'@') => calls(cell),
        _ => false,
    }
}

/// What calls or reaches out is a formula behind a comma as well, where much may be between equals signs.
fn calls(cell: &str) -> bool {
    is_call_or_exchange(cell) || is_outside(cell) || cell.starts_with('=') && is_call(cell)
}

/// A cell of another file, wherever it lies: `+'https://host/[book.xlsx]Sheet1'!A1`.
fn is_outside(cell: &str) -> bool {
    let name = cell.trim_start_matches(['=', '+', '-', '@', ' ', '(']);
    let quoted = name.strip_prefix('\'').filter(|_| name.len() < cell.len());
    quoted.and_then(|name| name.split_once("'!")).is_some_and(|(_, place)| {
        place.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '$')
    })
}

/// A function that reaches out, or a data exchange (`cmd|' /C calc'!A0`).
fn is_call_or_exchange(cell: &str) -> bool {
    if !cell.starts_with(['=', '+', '-', '@']) {
        return false;
    }
    let known = FUNCTIONS.iter().any(|name| {
        let called = |(at, _): (usize, &str)| {
            let after = cell.get(at + name.len()..).unwrap_or_default();
            let alone = !cell.get(..at).unwrap_or_default().ends_with(char::is_alphanumeric);
            // A spreadsheet takes a blank there, and so does a list that begins with a stroke.
            let after = if cell.starts_with('=') { after.trim_start_matches(' ') } else { after };
            alone && after.starts_with('(')
        };
        cell.match_indices(name).any(called)
    });
    let exchange = cell
        .split_once('|')
        .is_some_and(|(program, topic)| is_name_at_end(program) && topic.contains('!'));
    known || exchange
}

/// `=NAME(`: whatever the function, no patient writes it.
fn is_call(cell: &str) -> bool {
    let name = cell.trim_start_matches(['=', '+', '-', '@', ' ', '(']);
    let end = name.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '_')));
    end.is_some_and(|end| end >= 2 && name.get(end..).is_some_and(|rest| rest.starts_with('(')))
}

/// `=1+1`, `=A1`, `=Sheet!B2`, `="a"&"b"`: something is worked out.
fn computes(cell: &str) -> bool {
    let body = cell.strip_prefix('=').unwrap_or_default().trim_end();
    let operand =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '$' | '.' | '"' | '\'' | '(' | ')');
    let letters = body.bytes().take_while(u8::is_ascii_alphabetic).count();
    let digits = body.bytes().skip(letters).take_while(u8::is_ascii_digit).count();
    let reference = (1..=3).contains(&letters) && digits > 0 && letters + digits == body.len();
    let worked_out = body.char_indices().any(|(at, sign)| {
        let (before, after) = (body.get(..at), body.get(at + sign.len_utf8()..));
        matches!(sign, '+' | '-' | '*' | '/' | '^' | '&' | '!')
            && before.is_some_and(|text| text.ends_with(operand) && text.chars().all(in_formula))
            && after.is_some_and(|text| text.starts_with(operand))
    });
    reference || worked_out
}

fn in_formula(character: char) -> bool {
    character.is_ascii_graphic()
}

fn is_name_at_end(program: &str) -> bool {
    program.bytes().rev().take_while(u8::is_ascii_alphanumeric).count() >= 2
}

/// What may stand before a formula without keeping a spreadsheet from seeing it.
const QUOTES: [char; 6] = [' ', '"', '\'', '\u{3000}', '\u{FEFF}', '\u{A0}'];
const FUNCTIONS: [&str; 28] = [
    "HYPERLINK",
    "IMPORTXML",
    "IMPORTDATA",
    "IMPORTFEED",
    "IMPORTHTML",
    "IMPORTRANGE",
    "WEBSERVICE",
    "FILTERXML",
    "ENCODEURL",
    "IMAGE",
    "CALL",
    "EXEC",
    "REGISTER",
    "REGISTER.ID",
    "RTD",
    "DDE",
    "DDEAUTO",
    "EVALUATE",
    "INDIRECT",
    "CONCATENATE",
    "SUM",
    "MSEXCEL",
    "CMD",
    "GOOGLEFINANCE",
    "FORMULA",
    "QUERY",
    "SHELL",
    "LAUNCH",
];
const MAX_CELL: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_reaches_into_another_file_is_a_formula_behind_every_sign() {
        for text in [
            "+'https://evil.example/[book.xlsx]S'!A1",
            "-'https://evil.example/[book.xlsx]S'!$A$1",
            "@'C:\\[a.xls]S'!A1",
            "山田,='\\\\evil.example\\[a.xls]S'!A1",
            "山田,=SHELL(\"x\")",
            "山田;\"=SHELL(\"\"x\"\")\"",
            "腰痛\u{2028}=SHELL(\"x\")",
            "= HYPERLINK (\"https://evil.example/\")",
            "+SHELL(\"x\")",
            "-1+LAUNCH(\"x\")",
            "腰痛\u{B}=1+1",
        ] {
            assert_eq!(formulas(text).len(), 1, "{text}");
        }
        let text = "a\u{2028}b,=SHELL(\"x\")";
        assert_eq!(formulas(text), [Place::at(text.find('=').unwrap())]);
    }

    #[test]
    fn quotation_marks_and_values_are_none() {
        for text in [
            "-'はい'!",
            "'はい'!A",
            "+ 'A'!と言われた",
            "-3,-2,=良い,=37.5",
            "体重,=(笑)",
            "=fine (thanks)",
            "- shell (貝) を食べました",
            "@'山田'さん",
        ] {
            assert_eq!(formulas(text), [], "{text}");
        }
    }
}
