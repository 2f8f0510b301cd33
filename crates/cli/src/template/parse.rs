//! Templates as trees (Go's `text/template/parse/parse.go`).

use super::Error;
use super::functions;
use super::lex::{Kind, Token, lex};
use crate::value::Value;

/// A part of a template.
#[derive(Clone, Debug)]
pub enum Node {
    /// Text as it is.
    Text(String),
    /// A pipeline whose value is printed, unless it declares a variable.
    Action(Pipe),
    /// `if` and `with`; the latter sets the dot.
    If(Branch),
    /// `with`
    With(Branch),
    /// `range`
    Range(Branch),
    /// `break`
    Break,
    /// `continue`
    Continue,
}

/// A pipeline with what is done when it is true and when not.
#[derive(Clone, Debug)]
pub struct Branch {
    pub pipe: Pipe,
    pub then: Vec<Node>,
    pub other: Vec<Node>,
}

/// A pipeline.
#[derive(Clone, Debug)]
pub struct Pipe {
    /// Variables that it sets; whether it declares them.
    pub variables: Vec<String>,
    pub declares: bool,
    pub commands: Vec<Command>,
    pub at: usize,
}

/// A command: a function with arguments, or one operand.
#[derive(Clone, Debug)]
pub struct Command {
    pub words: Vec<Operand>,
}

/// An operand.
#[derive(Clone, Debug)]
pub struct Operand {
    pub kind: OperandKind,
    pub at: usize,
}

/// What an operand is.
#[derive(Clone, Debug)]
pub enum OperandKind {
    /// `.`
    Dot,
    /// `nil`
    Nil,
    /// `.A.B`
    Field(Vec<String>),
    /// `$x.A.B`
    Variable(String, Vec<String>),
    /// `(…).A.B`
    Chain(Box<Operand>, Vec<String>),
    /// A function's name.
    Function(String),
    /// A pipeline in parentheses.
    Pipe(Box<Pipe>),
    /// A constant with its source.
    Constant(Value, String),
}

/// How deep things may be nested.
const MAX_DEPTH: usize = 100;

/// Parses a template.
pub fn parse(name: &str, text: &str) -> Result<Vec<Node>, Error> {
    let mut parser = Parser {
        name,
        text,
        tokens: lex(text),
        at: 0,
        variables: vec!["$".to_owned()],
        depth: 0,
        loops: 0,
    };
    let (nodes, end) = parser.list()?;
    match end {
        End::Eof => Ok(nodes),
        End::Closed => Err(parser.error("unexpected {{end}}")),
        End::Else(_) => Err(parser.error("unexpected {{else}}")),
    }
}

/// What a list of nodes ended with.
enum End {
    Eof,
    Closed,
    /// `else`, with the position of an `if` or `with` after it.
    Else(Option<&'static str>),
}

struct Parser<'a> {
    name: &'a str,
    text: &'a str,
    tokens: Vec<Token>,
    at: usize,
    variables: Vec<String>,
    depth: usize,
    loops: usize,
}

impl Parser<'_> {
    fn peek(&self) -> &Token {
        &self.tokens[self.at.min(self.tokens.len() - 1)]
    }

    fn next(&mut self) -> Token {
        let token = self.peek().clone();
        self.at = (self.at + 1).min(self.tokens.len());
        token
    }

    fn skip_space(&mut self) {
        while self.peek().kind == Kind::Space {
            self.next();
        }
    }

    fn next_non_space(&mut self) -> Token {
        self.skip_space();
        self.next()
    }

    fn error(&self, message: impl core::fmt::Display) -> Error {
        let at = self.tokens[self.at.saturating_sub(1).min(self.tokens.len() - 1)].at;
        let line = 1 + self.text[..at].matches('\n').count();
        Error(format!("template: {}:{line}: {message}", self.name))
    }

    fn unexpected(&self, token: &Token, context: &str) -> Error {
        match &token.kind {
            Kind::Error(message) => self.error(message),
            Kind::Eof => self.error("unexpected EOF"),
            _ => self.error(format!("unexpected {} in {context}", describe(token))),
        }
    }

    fn deeper<T>(&mut self, parse: impl FnOnce(&mut Self) -> Result<T, Error>) -> Result<T, Error> {
        if self.depth >= MAX_DEPTH {
            return Err(self.error("nested too deeply"));
        }
        self.depth += 1;
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    fn list(&mut self) -> Result<(Vec<Node>, End), Error> {
        let mut nodes = Vec::new();
        loop {
            let token = self.next();
            match token.kind {
                Kind::Eof => return Ok((nodes, End::Eof)),
                Kind::Text(text) => nodes.push(Node::Text(text)),
                Kind::Open => match self.action()? {
                    Parsed::Node(node) => nodes.push(node),
                    Parsed::End(end) => return Ok((nodes, end)),
                },
                _ => return Err(self.unexpected(&token, "input")),
            }
        }
    }

    fn action(&mut self) -> Result<Parsed, Error> {
        self.skip_space();
        let token = self.peek().clone();
        if let Kind::Identifier(word) = &token.kind {
            match word.as_str() {
                "if" => {
                    return self
                        .control("if")
                        .map(|branch| Parsed::Node(Node::If(branch)));
                }
                "with" => {
                    return self
                        .control("with")
                        .map(|branch| Parsed::Node(Node::With(branch)));
                }
                "range" => {
                    return self
                        .control("range")
                        .map(|branch| Parsed::Node(Node::Range(branch)));
                }
                "end" => {
                    self.next();
                    self.expect_close("end")?;
                    return Ok(Parsed::End(End::Closed));
                }
                "else" => return self.else_control(),
                "break" | "continue" => return self.leave_loop(word),
                "define" | "template" | "block" => {
                    self.next();
                    return Err(self.error(format!("{{{{{word}}}}} is not supported")));
                }
                _ => {}
            }
        }
        let pipe = self.pipeline("command", false)?;
        Ok(Parsed::Node(Node::Action(pipe)))
    }

    fn leave_loop(&mut self, word: &str) -> Result<Parsed, Error> {
        self.next();
        self.expect_close(&format!("{{{{{word}}}}}"))?;
        if self.loops == 0 {
            return Err(self.error(format!("{{{{{word}}}}} outside {{{{range}}}}")));
        }
        Ok(Parsed::Node(if word == "break" {
            Node::Break
        } else {
            Node::Continue
        }))
    }

    fn else_control(&mut self) -> Result<Parsed, Error> {
        self.next();
        self.skip_space();
        if let Kind::Identifier(word) = &self.peek().kind {
            let again = match word.as_str() {
                "if" => "if",
                "with" => "with",
                _ => return Err(self.unexpected(&self.peek().clone(), "else")),
            };
            return Ok(Parsed::End(End::Else(Some(again))));
        }
        self.expect_close("else")?;
        Ok(Parsed::End(End::Else(None)))
    }

    fn expect_close(&mut self, context: &str) -> Result<(), Error> {
        let token = self.next_non_space();
        match token.kind {
            Kind::Close => Ok(()),
            _ => Err(self.unexpected(&token, context)),
        }
    }

    fn control(&mut self, word: &'static str) -> Result<Branch, Error> {
        self.deeper(|this| this.control_here(word))
    }

    fn control_here(&mut self, word: &'static str) -> Result<Branch, Error> {
        self.next();
        let scope = self.variables.len();
        let pipe = self.pipeline(word, word == "range")?;
        self.loops += (word == "range") as usize;
        let then = self.list();
        self.loops -= (word == "range") as usize;
        let (then, end) = then?;
        let mut other = Vec::new();
        match end {
            End::Closed => {}
            End::Eof => return Err(self.error("unexpected EOF")),
            End::Else(Some(again)) if again == word => {
                let branch = self.control(again)?;
                other.push(if again == "if" {
                    Node::If(branch)
                } else {
                    Node::With(branch)
                });
            }
            End::Else(Some(_)) => return Err(self.unexpected(&self.peek().clone(), "else")),
            End::Else(None) => {
                let (nodes, end) = self.list()?;
                other = nodes;
                match end {
                    End::Closed => {}
                    End::Eof => return Err(self.error("unexpected EOF")),
                    End::Else(_) => return Err(self.error("expected end; found {{else}}")),
                }
            }
        }
        self.variables.truncate(scope);
        Ok(Branch { pipe, then, other })
    }

    /// A pipeline and its closing delimiter.
    fn pipeline(&mut self, context: &str, range: bool) -> Result<Pipe, Error> {
        self.skip_space();
        let at = self.peek().at;
        let (variables, declares) = self.declarations(range)?;
        let commands = self.commands(context, &Kind::Close)?;
        if declares {
            self.variables.extend(variables.iter().cloned());
        }
        Ok(Pipe {
            variables,
            declares,
            commands,
            at,
        })
    }

    fn declarations(&mut self, range: bool) -> Result<(Vec<String>, bool), Error> {
        let start = self.at;
        let mut names = Vec::new();
        loop {
            self.skip_space();
            let Kind::Variable(name) = self.peek().kind.clone() else {
                break;
            };
            self.next();
            self.skip_space();
            names.push(name);
            match self.peek().kind {
                Kind::Declare => {
                    self.next();
                    return Ok((names, true));
                }
                Kind::Assign => {
                    self.next();
                    return Ok((names, false));
                }
                Kind::Comma if range && names.len() < 2 => {
                    self.next();
                }
                _ => break,
            }
        }
        self.at = start;
        Ok((Vec::new(), false))
    }

    fn commands(&mut self, context: &str, end: &Kind) -> Result<Vec<Command>, Error> {
        let mut commands = Vec::new();
        loop {
            self.skip_space();
            let token = self.peek().clone();
            if token.kind == *end {
                self.next();
                if commands.is_empty() {
                    return Err(self.error(format!("missing value for {context}")));
                }
                return Ok(commands);
            }
            let (command, more) = self.command()?;
            if !commands.is_empty() && !callable(&command) {
                let stage = commands.len() + 1;
                return Err(self.error(format!("non executable command in pipeline stage {stage}")));
            }
            commands.push(command);
            if more {
                self.skip_space();
                if self.peek().kind == *end {
                    self.next();
                    return Err(self.error(format!("missing value for {context}")));
                }
            }
        }
    }

    /// One command; whether a `|` follows it.
    fn command(&mut self) -> Result<(Command, bool), Error> {
        let mut words = Vec::new();
        loop {
            self.skip_space();
            words.extend(self.operand()?);
            let token = self.peek().clone();
            match token.kind {
                Kind::Space => continue,
                Kind::Close | Kind::RightParen => break,
                Kind::Pipe => {
                    self.next();
                    if words.is_empty() {
                        return Err(self.error("empty command"));
                    }
                    return Ok((Command { words }, true));
                }
                _ => {
                    self.next();
                    return Err(self.unexpected(&token, "operand"));
                }
            }
        }
        if words.is_empty() {
            return Err(self.error("empty command"));
        }
        Ok((Command { words }, false))
    }

    fn operand(&mut self) -> Result<Option<Operand>, Error> {
        let token = self.peek().clone();
        let Some(kind) = self.term(&token)? else {
            return Ok(None);
        };
        let mut operand = Operand { kind, at: token.at };
        let first_field = self.peek().at;
        let mut fields = Vec::new();
        while let Kind::Field(name) = self.peek().kind.clone() {
            self.next();
            fields.push(name);
        }
        if fields.is_empty() {
            return Ok(Some(operand));
        }
        // Go gives a longer chain the position of its second field.
        operand = match operand.kind {
            OperandKind::Field(mut names) => {
                names.extend(fields);
                Operand {
                    kind: OperandKind::Field(names),
                    at: first_field,
                }
            }
            OperandKind::Variable(name, mut names) => {
                names.extend(fields);
                Operand {
                    kind: OperandKind::Variable(name, names),
                    at: first_field,
                }
            }
            OperandKind::Constant(_, text) => {
                return Err(self.error(format!("unexpected . after term {text:?}")));
            }
            OperandKind::Dot | OperandKind::Nil => {
                let text = source(&operand);
                return Err(self.error(format!("unexpected . after term {text:?}")));
            }
            kind => {
                let inner = Operand {
                    kind,
                    at: operand.at,
                };
                Operand {
                    kind: OperandKind::Chain(Box::new(inner), fields),
                    at: first_field,
                }
            }
        };
        Ok(Some(operand))
    }

    fn term(&mut self, token: &Token) -> Result<Option<OperandKind>, Error> {
        let kind = match &token.kind {
            Kind::Dot => OperandKind::Dot,
            Kind::Field(name) => OperandKind::Field(vec![name.clone()]),
            Kind::Variable(name) => {
                if !self.variables.contains(name) {
                    self.next();
                    return Err(self.error(format!("undefined variable {name:?}")));
                }
                OperandKind::Variable(name.clone(), Vec::new())
            }
            Kind::Identifier(name) => match name.as_str() {
                "nil" => OperandKind::Nil,
                "true" | "false" => {
                    OperandKind::Constant(Value::Bool(name == "true"), name.clone())
                }
                _ if functions::exists(name) => OperandKind::Function(name.clone()),
                _ => {
                    self.next();
                    return Err(self.error(format!("function {name:?} not defined")));
                }
            },
            Kind::Text2(text) => {
                OperandKind::Constant(Value::Text(text.clone()), token.source.clone())
            }
            Kind::Number(number) => match integer(number) {
                Some(value) => OperandKind::Constant(Value::Int(value), token.source.clone()),
                None => {
                    self.next();
                    return Err(self.error(format!("bad number syntax: {:?}", token.source)));
                }
            },
            Kind::LeftParen => {
                self.next();
                let at = self.peek().at;
                let commands =
                    self.deeper(|this| this.commands("parenthesized pipeline", &Kind::RightParen))?;
                let pipe = Pipe {
                    variables: Vec::new(),
                    declares: false,
                    commands,
                    at,
                };
                return Ok(Some(OperandKind::Pipe(Box::new(pipe))));
            }
            _ => return Ok(None),
        };
        self.next();
        Ok(Some(kind))
    }
}

enum Parsed {
    Node(Node),
    End(End),
}

fn callable(command: &Command) -> bool {
    !matches!(
        command.words[0].kind,
        OperandKind::Dot | OperandKind::Nil | OperandKind::Constant(..)
    )
}

fn integer(text: &str) -> Option<i64> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let digits = digits.replace('_', "");
    let value = match digits.get(..2) {
        Some("0x" | "0X") => i64::from_str_radix(&digits[2..], 16).ok()?,
        Some("0b" | "0B") => i64::from_str_radix(&digits[2..], 2).ok()?,
        Some("0o" | "0O") => i64::from_str_radix(&digits[2..], 8).ok()?,
        _ => digits.parse().ok()?,
    };
    Some(sign * value)
}

fn describe(token: &Token) -> String {
    match &token.kind {
        Kind::Identifier(word)
            if ["if", "else", "end", "range", "with"].contains(&word.as_str()) =>
        {
            format!("<{word}>")
        }
        Kind::Close => "\"}}\"".to_owned(),
        _ => format!("{:?}", token.source),
    }
}

/// An operand as errors show it.
pub fn source(operand: &Operand) -> String {
    let dotted = |names: &[String]| {
        names
            .iter()
            .map(|name| format!(".{name}"))
            .collect::<String>()
    };
    match &operand.kind {
        OperandKind::Dot => ".".to_owned(),
        OperandKind::Nil => "nil".to_owned(),
        OperandKind::Field(names) => dotted(names),
        OperandKind::Variable(name, names) => format!("{name}{}", dotted(names)),
        OperandKind::Chain(inner, names) => format!(
            "({}){}",
            source(inner).trim_matches(['(', ')']),
            dotted(names)
        ),
        OperandKind::Function(name) => name.clone(),
        OperandKind::Pipe(pipe) => format!("({})", pipe_source(pipe)),
        OperandKind::Constant(_, text) => text.clone(),
    }
}

/// A pipeline as errors show it.
pub fn pipe_source(pipe: &Pipe) -> String {
    let commands: Vec<_> = pipe.commands.iter().map(command_source).collect();
    commands.join(" | ")
}

/// A command as errors show it.
pub fn command_source(command: &Command) -> String {
    command
        .words
        .iter()
        .map(source)
        .collect::<Vec<_>>()
        .join(" ")
}

/// Whether any node uses a field of the dot, or of the top value, by name.
pub fn uses_field(nodes: &[Node], name: &str) -> bool {
    nodes.iter().any(|node| match node {
        Node::Text(_) | Node::Break | Node::Continue => false,
        Node::Action(pipe) => pipe_uses(pipe, name),
        Node::If(branch) | Node::With(branch) | Node::Range(branch) => {
            pipe_uses(&branch.pipe, name)
                || uses_field(&branch.then, name)
                || uses_field(&branch.other, name)
        }
    })
}

fn pipe_uses(pipe: &Pipe, name: &str) -> bool {
    pipe.commands
        .iter()
        .flat_map(|command| &command.words)
        .any(|word| operand_uses(word, name))
}

fn operand_uses(operand: &Operand, name: &str) -> bool {
    match &operand.kind {
        OperandKind::Field(names) | OperandKind::Variable(_, names) => {
            names.first().is_some_and(|first| first == name)
        }
        OperandKind::Chain(inner, _) => operand_uses(inner, name),
        OperandKind::Pipe(pipe) => pipe_uses(pipe, name),
        _ => false,
    }
}
