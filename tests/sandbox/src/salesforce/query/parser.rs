//! Tokens into a query. What is no part of the subset is malformed here, whatever the real parser
//! would make of it.

use super::lexer::{Comparison, Token, tokens};
use super::malformed;
use crate::salesforce::errors::Refusal;

/// A literal in a condition.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    /// A text.
    Text(String),
    /// A number.
    Number(f64),
    /// An instant in milliseconds.
    Instant(i64),
    /// A day, `YYYY-MM-DD`.
    Day(String),
    /// True or false.
    Boolean(bool),
    /// Null.
    Null,
}

/// What rows must satisfy.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// All of them.
    All(Vec<Condition>),
    /// At least one of them.
    Any(Vec<Condition>),
    /// A field against a literal.
    Compare(String, Comparison, Literal),
    /// A field against a list.
    In(String, Vec<Literal>),
}

/// One field of `ORDER BY`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// The field.
    pub path: String,
    /// Whether the greatest comes first.
    pub is_descending: bool,
    /// Whether rows without a value come last.
    pub nulls_last: bool,
}

/// A query as it was written; its names are not looked up.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// The fields asked for.
    pub fields: Vec<String>,
    /// The object type.
    pub from: String,
    /// `WHERE`.
    pub condition: Option<Condition>,
    /// `ORDER BY`.
    pub order: Vec<Order>,
    /// `LIMIT`.
    pub limit: Option<usize>,
}

struct Parser {
    tokens: std::iter::Peekable<std::vec::IntoIter<Token>>,
}

fn unexpected(token: Option<&Token>) -> Refusal {
    match token {
        None => malformed("unexpected token: '<EOF>'"),
        Some(Token::Word(word)) => malformed(&format!("unexpected token: '{word}'")),
        Some(Token::Text(text)) => malformed(&format!("unexpected token: '{text}'")),
        Some(other) => malformed(&format!("unexpected token: {other:?}")),
    }
}

/// Words that can't be the name of a field where one is expected.
const KEYWORDS: [&str; 8] = ["select", "from", "where", "and", "or", "not", "order", "limit"];

impl Parser {
    fn is_word(&mut self, wanted: &str) -> bool {
        let is_it =
            |token: &Token| matches!(token, Token::Word(word) if word.eq_ignore_ascii_case(wanted));
        self.tokens.next_if(is_it).is_some()
    }

    fn need_word(&mut self, wanted: &str) -> Result<(), Refusal> {
        if self.is_word(wanted) { Ok(()) } else { Err(unexpected(self.tokens.peek())) }
    }

    fn name(&mut self) -> Result<String, Refusal> {
        match self.tokens.next() {
            Some(Token::Word(word)) if !KEYWORDS.contains(&word.to_lowercase().as_str()) => {
                Ok(word)
            }
            other => Err(unexpected(other.as_ref())),
        }
    }

    fn names(&mut self) -> Result<Vec<String>, Refusal> {
        let mut names = vec![self.name()?];
        while self.tokens.next_if_eq(&Token::Comma).is_some() {
            names.push(self.name()?);
        }
        Ok(names)
    }

    fn literal(&mut self) -> Result<Literal, Refusal> {
        Ok(match self.tokens.next() {
            Some(Token::Text(text)) => Literal::Text(text),
            Some(Token::Number(number)) => Literal::Number(number),
            Some(Token::Instant(at_ms)) => Literal::Instant(at_ms),
            Some(Token::Day(day)) => Literal::Day(day),
            Some(Token::Word(word)) => match word.to_lowercase().as_str() {
                "true" => Literal::Boolean(true),
                "false" => Literal::Boolean(false),
                "null" => Literal::Null,
                _ => return Err(unexpected(Some(&Token::Word(word)))),
            },
            other => return Err(unexpected(other.as_ref())),
        })
    }

    fn list(&mut self) -> Result<Vec<Literal>, Refusal> {
        if self.tokens.next_if_eq(&Token::Open).is_none() {
            return Err(unexpected(self.tokens.peek()));
        }
        let mut literals = vec![self.literal()?];
        loop {
            match self.tokens.next() {
                Some(Token::Comma) => literals.push(self.literal()?),
                Some(Token::Close) => return Ok(literals),
                other => return Err(unexpected(other.as_ref())),
            }
        }
    }

    fn operand(&mut self) -> Result<Condition, Refusal> {
        if self.tokens.next_if_eq(&Token::Open).is_some() {
            let inner = self.condition()?;
            let closed = self.tokens.next_if_eq(&Token::Close);
            return closed.map(|_| inner).ok_or_else(|| unexpected(self.tokens.peek()));
        }
        let path = self.name()?;
        if self.is_word("in") {
            return Ok(Condition::In(path, self.list()?));
        }
        match self.tokens.next() {
            Some(Token::Compare(comparison)) => {
                Ok(Condition::Compare(path, comparison, self.literal()?))
            }
            other => Err(unexpected(other.as_ref())),
        }
    }

    /// `AND` and `OR` can't stand side by side without parentheses.
    fn condition(&mut self) -> Result<Condition, Refusal> {
        let first = self.operand()?;
        for word in ["and", "or"] {
            if !self.is_word(word) {
                continue;
            }
            let mut all = vec![first, self.operand()?];
            while self.is_word(word) {
                all.push(self.operand()?);
            }
            return Ok(if word == "and" { Condition::All(all) } else { Condition::Any(all) });
        }
        Ok(first)
    }

    fn order(&mut self) -> Result<Order, Refusal> {
        let path = self.name()?;
        let is_descending = !self.is_word("asc") && self.is_word("desc");
        let mut nulls_last = false;
        if self.is_word("nulls") {
            nulls_last = self.is_word("last");
            if !nulls_last {
                self.need_word("first")?;
            }
        }
        Ok(Order { path, is_descending, nulls_last })
    }

    fn limit(&mut self) -> Result<usize, Refusal> {
        match self.tokens.next() {
            Some(Token::Number(number)) => {
                number.to_string().parse().map_err(|_| malformed("LIMIT takes a whole number"))
            }
            other => Err(unexpected(other.as_ref())),
        }
    }

    fn query(&mut self) -> Result<Query, Refusal> {
        self.need_word("select")?;
        let fields = self.names()?;
        self.need_word("from")?;
        let from = self.name()?;
        let condition = if self.is_word("where") { Some(self.condition()?) } else { None };
        let mut order = Vec::new();
        if self.is_word("order") {
            self.need_word("by")?;
            order.push(self.order()?);
            while self.tokens.next_if_eq(&Token::Comma).is_some() {
                order.push(self.order()?);
            }
        }
        let limit = if self.is_word("limit") { Some(self.limit()?) } else { None };
        match self.tokens.next() {
            None => Ok(Query { fields, from, condition, order, limit }),
            Some(token) => Err(unexpected(Some(&token))),
        }
    }
}

/// Reads a query.
pub fn parse(soql: &str) -> Result<Query, Refusal> {
    let tokens = tokens(soql)?.into_iter().peekable();
    Parser { tokens }.query()
}

#[cfg(test)]
mod tests {
    use super::{Condition, Literal, parse};
    use crate::salesforce::query::lexer::Comparison;

    #[test]
    fn whole_query_is_read() {
        let query = parse(
            "select Id, Account.Name from Contact where Email = 'a' and (IsDeleted = true or \
             AccountId in ('x','y')) order by Name desc nulls last, Id limit 5",
        )
        .unwrap();
        assert_eq!(query.fields, ["Id", "Account.Name"]);
        assert_eq!((query.from.as_str(), query.limit), ("Contact", Some(5)));
        assert!(query.order[0].is_descending && query.order[0].nulls_last);
        assert!(!query.order[1].is_descending);
        let Some(Condition::All(all)) = query.condition else { panic!("no AND") };
        let text = |text: &str| Literal::Text(text.to_owned());
        assert_eq!(all[0], Condition::Compare("Email".to_owned(), Comparison::Equal, text("a")));
        let Condition::Any(any) = &all[1] else { panic!("no OR") };
        assert_eq!(any[1], Condition::In("AccountId".to_owned(), vec![text("x"), text("y")]));
    }

    #[test]
    fn what_is_no_part_of_the_subset_is_malformed() {
        for soql in [
            "",
            "SELECT FROM Contact",
            "SELECT Id FROM",
            "SELECT Id FROM Contact WHERE",
            "SELECT Id FROM Contact WHERE A = 1 AND B = 2 OR C = 3",
            "SELECT Id FROM Contact WHERE Name LIKE 'a%'",
            "SELECT Id FROM Contact WHERE Id IN ()",
            "SELECT Id FROM Contact WHERE (Id = 'a'",
            "SELECT Id FROM Contact WHERE Id = a",
            "SELECT COUNT() FROM Contact",
            "SELECT Id FROM Contact LIMIT 1.5",
            "SELECT Id FROM Contact LIMIT -1",
            "SELECT Id FROM Contact, Account",
            "SELECT Id FROM Contact LIMIT 1 OFFSET 2",
            "DELETE FROM Contact",
        ] {
            let refused = parse(soql).unwrap_err();
            assert_eq!(refused.code(), "MALFORMED_QUERY", "{soql}");
        }
    }
}
