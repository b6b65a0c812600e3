//! SOQL into tokens.

use jiff::civil::Date;

use super::malformed;
use crate::salesforce::errors::Refusal;
use crate::salesforce::values::instant_ms;

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `=`
    Equal,
    /// `!=` or `<>`
    NotEqual,
    /// `>`
    Greater,
    /// `>=`
    AtLeast,
    /// `<`
    Less,
    /// `<=`
    AtMost,
}

/// One token.
#[derive(Clone, Debug, PartialEq)]
pub enum Token {
    /// A keyword or a name, with its dots.
    Word(String),
    /// A text literal, its escapes undone.
    Text(String),
    /// A number literal.
    Number(f64),
    /// A date-time literal, in milliseconds.
    Instant(i64),
    /// A date literal, `YYYY-MM-DD`.
    Day(String),
    /// A comparison.
    Compare(Comparison),
    /// `,`
    Comma,
    /// `(`
    Open,
    /// `)`
    Close,
}

type Letters<'a> = std::iter::Peekable<std::str::Chars<'a>>;

fn text(letters: &mut Letters<'_>) -> Result<Token, Refusal> {
    let mut text = String::new();
    loop {
        match letters.next() {
            None => return Err(malformed("unexpected end of a string literal")),
            Some('\'') => return Ok(Token::Text(text)),
            Some('\n' | '\r') => {
                return Err(malformed("line breaks not allowed in string literals"));
            }
            Some('\\') => text.push(match letters.next() {
                Some('n' | 'N') => '\n',
                Some('r' | 'R') => '\r',
                Some('t' | 'T') => '\t',
                Some('b' | 'B') => '\u{8}',
                Some('f' | 'F') => '\u{c}',
                Some(same @ ('"' | '\'' | '\\')) => same,
                _ => return Err(malformed("illegal string literal: invalid escape")),
            }),
            Some(letter) => text.push(letter),
        }
    }
}

fn take_while(letters: &mut Letters<'_>, is_in: impl Fn(char) -> bool) -> String {
    std::iter::from_fn(|| letters.next_if(|letter| is_in(*letter))).collect()
}

/// Numbers, dates and date-times begin alike.
fn literal(letters: &mut Letters<'_>) -> Result<Token, Refusal> {
    let literal = take_while(letters, |c| c.is_ascii_alphanumeric() || "+-:.".contains(c));
    if let Ok(number) = literal.parse() {
        return Ok(Token::Number(number));
    }
    let is_day = literal.len() == "2026-05-01".len();
    if let Some(day) = literal.parse::<Date>().ok().filter(|_| is_day) {
        return Ok(Token::Day(day.to_string()));
    }
    let instant = instant_ms(&literal).map(Token::Instant);
    instant.ok_or_else(|| malformed(&format!("unexpected token: '{literal}'")))
}

fn comparison(first: char, letters: &mut Letters<'_>) -> Option<Comparison> {
    let mut is_next = |wanted: char| letters.next_if_eq(&wanted).is_some();
    match first {
        '=' => Some(Comparison::Equal),
        '!' => is_next('=').then_some(Comparison::NotEqual),
        '>' if is_next('=') => Some(Comparison::AtLeast),
        '>' => Some(Comparison::Greater),
        '<' if is_next('=') => Some(Comparison::AtMost),
        '<' if is_next('>') => Some(Comparison::NotEqual),
        '<' => Some(Comparison::Less),
        _ => None,
    }
}

/// Reads all tokens.
pub fn tokens(soql: &str) -> Result<Vec<Token>, Refusal> {
    let mut letters = soql.chars().peekable();
    let mut tokens = Vec::new();
    while let Some(first) = letters.peek().copied() {
        let token = match first {
            blank if blank.is_whitespace() => {
                letters.next();
                continue;
            }
            '\'' => {
                letters.next();
                text(&mut letters)?
            }
            digit if digit.is_ascii_digit() || digit == '-' || digit == '+' => {
                literal(&mut letters)?
            }
            letter if letter.is_ascii_alphabetic() || letter == '_' => {
                let is_in = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
                Token::Word(take_while(&mut letters, is_in))
            }
            sign => {
                letters.next();
                match sign {
                    ',' => Token::Comma,
                    '(' => Token::Open,
                    ')' => Token::Close,
                    _ => comparison(sign, &mut letters)
                        .map(Token::Compare)
                        .ok_or_else(|| malformed(&format!("unexpected token: '{sign}'")))?,
                }
            }
        };
        tokens.push(token);
    }
    Ok(tokens)
}

#[cfg(test)]
mod tests {
    use super::{Comparison, Token, tokens};

    #[test]
    fn literals_are_told_apart_and_escapes_undone() {
        let read =
            tokens(r"'O\'Neil \\ \n' -1.5 2026-05-01 2026-05-01T00:00:01Z <>a.b__c").unwrap();
        assert_eq!(
            read,
            [
                Token::Text("O'Neil \\ \n".to_owned()),
                Token::Number(-1.5),
                Token::Day("2026-05-01".to_owned()),
                Token::Instant(1_777_593_601_000),
                Token::Compare(Comparison::NotEqual),
                Token::Word("a.b__c".to_owned()),
            ]
        );
    }

    #[test]
    fn broken_literals_and_strange_signs_are_malformed() {
        for soql in ["'open", r"'\x'", "2026-13-01", "12ab", "a ; b", "a ! b", "'a\nb'", "\"x\""] {
            let refused = tokens(soql).unwrap_err();
            assert_eq!(refused.code(), "MALFORMED_QUERY", "{soql}");
        }
    }
}
