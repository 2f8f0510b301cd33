//! Templates as tokens (Go's `text/template/parse/lex.go`).

/// What a token is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Text outside of actions.
    Text(String),
    /// `{{`
    Open,
    /// `}}`
    Close,
    /// `.`
    Dot,
    /// `.Name`, without the dot.
    Field(String),
    /// `$name`, with the dollar sign.
    Variable(String),
    /// A name.
    Identifier(String),
    /// A quoted text, unquoted.
    Text2(String),
    /// A number.
    Number(String),
    /// `|`
    Pipe,
    /// `(`
    LeftParen,
    /// `)`
    RightParen,
    /// `:=`
    Declare,
    /// `=`
    Assign,
    /// `,`
    Comma,
    /// White space.
    Space,
    /// What cannot be read.
    Error(String),
    /// The end.
    Eof,
}

/// A token and where it starts.
#[derive(Clone, Debug)]
pub struct Token {
    pub kind: Kind,
    pub at: usize,
    /// As it was written.
    pub source: String,
}

/// Takes a template apart. The last token is the end or an error.
pub fn lex(text: &str) -> Vec<Token> {
    let mut lexer = Lexer {
        text,
        at: 0,
        tokens: Vec::new(),
    };
    lexer.run();
    lexer.tokens
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    tokens: Vec<Token>,
}

impl Lexer<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn push(&mut self, kind: Kind, length: usize) {
        let source = self.text[self.at..self.at + length].to_owned();
        self.tokens.push(Token {
            kind,
            at: self.at,
            source,
        });
        self.at += length;
    }

    fn run(&mut self) {
        loop {
            let rest = self.rest();
            let Some(open) = rest.find("{{") else {
                let (text, length) = (rest.to_owned(), rest.len());
                if length > 0 {
                    self.push(Kind::Text(text), length);
                }
                return self.push(Kind::Eof, 0);
            };
            let trims = rest[open + 2..].starts_with("- ") || rest[open + 2..].starts_with("-\n");
            let text = if trims {
                rest[..open].trim_end()
            } else {
                &rest[..open]
            }
            .to_owned();
            if !text.is_empty() {
                self.push(Kind::Text(text), open);
            } else {
                self.at += open;
            }
            let skip = if trims { 4 } else { 2 };
            let comment = self.rest()[skip.min(self.rest().len())..].starts_with("/*");
            if comment {
                if !self.comment(skip) {
                    return;
                }
                continue;
            }
            self.push(Kind::Open, skip);
            if !self.action() {
                return;
            }
        }
    }

    fn fail(&mut self, message: impl Into<String>) -> bool {
        self.push(Kind::Error(message.into()), 0);
        false
    }

    fn comment(&mut self, skip: usize) -> bool {
        let Some(end) = self.rest()[skip..].find("*/") else {
            return self.fail("unclosed comment");
        };
        self.at += skip + end + 2;
        match self.close_length() {
            Some((length, trims)) => {
                self.at += length;
                self.trim(trims);
                true
            }
            None => self.fail("comment ends before closing delimiter"),
        }
    }

    /// The length of a closing delimiter here, and whether it trims the text after it.
    fn close_length(&self) -> Option<(usize, bool)> {
        let rest = self.rest();
        let trimming = rest
            .strip_prefix([' ', '\t', '\n', '\r'])
            .filter(|rest| rest.starts_with("-}}"));
        if trimming.is_some() {
            return Some((4, true));
        }
        rest.starts_with("}}").then_some((2, false))
    }

    fn trim(&mut self, trims: bool) {
        if trims {
            self.at = self.text.len() - self.rest().trim_start().len();
        }
    }

    /// Tokens until the closing delimiter.
    fn action(&mut self) -> bool {
        let mut parens = 0usize;
        loop {
            if let Some((length, trims)) = self.close_length() {
                if parens > 0 {
                    return self.fail("unclosed left paren");
                }
                self.push(Kind::Close, length);
                self.trim(trims);
                return true;
            }
            let Some(c) = self.rest().chars().next() else {
                return self.fail("unclosed action");
            };
            match c {
                ' ' | '\t' | '\r' | '\n' => {
                    let all = self.rest().len()
                        - self
                            .rest()
                            .trim_start_matches([' ', '\t', '\r', '\n'])
                            .len();
                    // The space that belongs to a trimming delimiter is left to it.
                    let before = self.rest()[all..].starts_with("-}}") as usize;
                    if all > before {
                        self.push(Kind::Space, all - before);
                    }
                }
                '|' => self.push(Kind::Pipe, 1),
                ',' => self.push(Kind::Comma, 1),
                '=' => self.push(Kind::Assign, 1),
                '(' => {
                    parens += 1;
                    self.push(Kind::LeftParen, 1);
                }
                ')' if parens == 0 => return self.fail("unexpected right paren"),
                ')' => {
                    parens -= 1;
                    self.push(Kind::RightParen, 1);
                }
                ':' if self.rest().starts_with(":=") => self.push(Kind::Declare, 2),
                ':' => return self.fail("expected :="),
                '"' | '`' | '\'' => {
                    if !self.quoted(c) {
                        return false;
                    }
                }
                '$' => {
                    let name = word(&self.rest()[1..]);
                    let name = format!("${name}");
                    self.push(Kind::Variable(name.clone()), name.len());
                }
                '.' if !self.rest()[1..].starts_with(|c: char| c.is_ascii_digit()) => self.field(),
                '+' | '-' | '.' | '0'..='9' => {
                    let number: String = self
                        .rest()
                        .chars()
                        .take_while(|c| c.is_ascii_alphanumeric() || "+-._".contains(*c))
                        .collect();
                    self.push(Kind::Number(number.clone()), number.len());
                }
                c if c.is_alphabetic() || c == '_' => {
                    let name = word(self.rest()).to_owned();
                    self.push(Kind::Identifier(name.clone()), name.len());
                }
                other => {
                    return self.fail(format!(
                        "unrecognized character in action: {}",
                        unicode(other)
                    ));
                }
            }
        }
    }

    fn field(&mut self) {
        let name = word(&self.rest()[1..]).to_owned();
        if name.is_empty() {
            return self.push(Kind::Dot, 1);
        }
        self.push(Kind::Field(name.clone()), 1 + name.len());
    }

    fn quoted(&mut self, quote: char) -> bool {
        let mut escaped = false;
        let body = &self.rest()[1..];
        let end = body.char_indices().find(|(_, c)| {
            let ends = *c == quote && !escaped;
            escaped = !escaped && *c == '\\' && quote != '`';
            ends
        });
        let Some((end, _)) = end.filter(|(end, _)| quote == '`' || !body[..*end].contains('\n'))
        else {
            return self.fail(match quote {
                '"' => "unterminated quoted string",
                '`' => "unterminated raw quoted string",
                _ => "unterminated character constant",
            });
        };
        let body = &body[..end];
        let kind = match quote {
            '`' => Kind::Text2(body.to_owned()),
            '"' => match unquote(body) {
                Some(text) => Kind::Text2(text),
                None => return self.fail(format!("bad string syntax: \"{body}\"")),
            },
            _ => match unquote(body).and_then(|text| text.chars().next()) {
                Some(c) => Kind::Number((c as u32).to_string()),
                None => return self.fail(format!("malformed character constant: '{body}'")),
            },
        };
        self.push(kind, end + 2);
        true
    }
}

fn word(text: &str) -> &str {
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_'));
    &text[..end.unwrap_or(text.len())]
}

fn unicode(c: char) -> String {
    format!("U+{:04X} '{c}'", c as u32)
}

/// Undoes Go's escapes (`strconv.Unquote`).
fn unquote(body: &str) -> Option<String> {
    let mut out = String::with_capacity(body.len());
    let mut chars = body.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        out.push(match chars.clone().next()? {
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            'a' => '\x07',
            'b' => '\x08',
            'f' => '\x0c',
            'v' => '\x0b',
            '\\' => '\\',
            '\'' => '\'',
            '"' => '"',
            'x' => {
                chars.next();
                out.push(code(&mut chars, 2)?);
                continue;
            }
            'u' => {
                chars.next();
                out.push(code(&mut chars, 4)?);
                continue;
            }
            'U' => {
                chars.next();
                out.push(code(&mut chars, 8)?);
                continue;
            }
            _ => return None,
        });
        chars.next();
    }
    Some(out)
}

fn code(chars: &mut core::str::Chars<'_>, digits: usize) -> Option<char> {
    let code: String = chars.by_ref().take(digits).collect();
    if code.len() != digits {
        return None;
    }
    u32::from_str_radix(&code, 16).ok().and_then(char::from_u32)
}
