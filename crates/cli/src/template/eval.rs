//! Rendering (Go's `text/template/exec.go`).

use super::functions::{At, Call};
use super::parse::{
    Branch, Command, Node, Operand, OperandKind, Pipe, command_source, pipe_source, source,
};
use super::{Error, Template};
use crate::value::Value;

/// What a key that a map does not have is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Missing {
    /// `<no value>`
    NoValue,
    /// An error, as the fallback of `inspect` asks.
    Error,
}

/// Times that a template may repeat things, so that none runs for ever.
const MAX_STEPS: usize = 1_000_000;

/// Renders; with an error comes what was rendered before it.
pub fn render(
    template: &Template,
    value: &Value,
    missing: Missing,
    header: bool,
) -> (String, Result<(), Error>) {
    let mut state = State {
        template,
        missing,
        header,
        out: String::new(),
        variables: vec![("$".to_owned(), value.clone())],
        steps: 0,
    };
    let rendered = state.nodes(value, &template.nodes).map(drop);
    (state.out, rendered)
}

enum Flow {
    On,
    Break,
    Continue,
}

struct State<'a> {
    template: &'a Template,
    missing: Missing,
    header: bool,
    out: String,
    variables: Vec<(String, Value)>,
    steps: usize,
}

impl State<'_> {
    fn nodes(&mut self, dot: &Value, nodes: &[Node]) -> Result<Flow, Error> {
        for node in nodes {
            match self.node(dot, node)? {
                Flow::On => {}
                flow => return Ok(flow),
            }
        }
        Ok(Flow::On)
    }

    fn node(&mut self, dot: &Value, node: &Node) -> Result<Flow, Error> {
        self.steps += 1;
        if self.steps > MAX_STEPS {
            return Err(Error(format!(
                "template: {}: repeats too often",
                self.template.name
            )));
        }
        match node {
            Node::Text(text) => self.out.push_str(text),
            Node::Action(pipe) => {
                let value = self.pipe(dot, pipe)?;
                if pipe.variables.is_empty() {
                    self.out.push_str(&printed(&value));
                }
            }
            Node::Break => return Ok(Flow::Break),
            Node::Continue => return Ok(Flow::Continue),
            Node::If(branch) => return self.branch(dot, branch, false),
            Node::With(branch) => return self.branch(dot, branch, true),
            Node::Range(branch) => self.range(dot, branch)?,
        }
        Ok(Flow::On)
    }

    fn branch(&mut self, dot: &Value, branch: &Branch, with: bool) -> Result<Flow, Error> {
        let scope = self.variables.len();
        let value = self.pipe(dot, &branch.pipe)?;
        let flow = match value.truth() {
            true if with => self.nodes(&value, &branch.then),
            true => self.nodes(dot, &branch.then),
            false => self.nodes(dot, &branch.other),
        };
        self.variables.truncate(scope);
        flow
    }

    fn range(&mut self, dot: &Value, branch: &Branch) -> Result<(), Error> {
        let scope = self.variables.len();
        let value = self.pipe_value(dot, &branch.pipe)?;
        let items: Vec<(Value, Value)> = match value {
            Value::List(items) | Value::AnyList(items) => items
                .into_iter()
                .enumerate()
                .map(|(n, item)| (Value::Int(n as i64), item))
                .collect(),
            Value::Map(map) => map
                .into_iter()
                .map(|(name, item)| (Value::Text(name), item))
                .collect(),
            Value::Int(count) => (0..count.clamp(0, MAX_STEPS as i64))
                .map(|n| (Value::Int(n), Value::Int(n)))
                .collect(),
            Value::Nil | Value::NilList | Value::NilMap => Vec::new(),
            other => {
                let context = pipe_source(&branch.pipe);
                return Err(self.error(
                    branch.pipe.at,
                    &context,
                    format!("range can't iterate over {}", other.print()),
                ));
            }
        };
        let empty = items.is_empty();
        for (key, item) in items {
            match branch.pipe.variables.as_slice() {
                [name] => self.set(name, item.clone(), branch.pipe.declares),
                [first, second] => {
                    self.set(first, key, branch.pipe.declares);
                    self.set(second, item.clone(), branch.pipe.declares);
                }
                _ => {}
            }
            let flow = self.nodes(&item, &branch.then)?;
            self.variables.truncate(scope);
            if let Flow::Break = flow {
                break;
            }
        }
        if empty {
            self.nodes(dot, &branch.other)?;
        }
        Ok(())
    }

    fn set(&mut self, name: &str, value: Value, declares: bool) {
        let known = self
            .variables
            .iter_mut()
            .rev()
            .find(|(known, _)| known == name);
        match known {
            Some((_, old)) if !declares => *old = value,
            _ => self.variables.push((name.to_owned(), value)),
        }
    }

    fn pipe(&mut self, dot: &Value, pipe: &Pipe) -> Result<Value, Error> {
        let value = self.pipe_value(dot, pipe)?;
        for name in &pipe.variables {
            self.set(name, value.clone(), pipe.declares);
        }
        Ok(value)
    }

    fn pipe_value(&mut self, dot: &Value, pipe: &Pipe) -> Result<Value, Error> {
        let mut last = None;
        for command in &pipe.commands {
            last = Some(self.command(dot, command, last)?);
        }
        Ok(last.unwrap_or(Value::Nil))
    }

    fn command(
        &mut self,
        dot: &Value,
        command: &Command,
        last: Option<Value>,
    ) -> Result<Value, Error> {
        let Some((first, rest)) = command.words.split_first() else {
            return Ok(Value::Nil);
        };
        if let OperandKind::Function(name) = &first.kind {
            return self.function(dot, name, first, command, rest, last);
        }
        if let (OperandKind::Field(names), Some(argument)) = (&first.kind, rest.first())
            && names.last().is_some_and(|name| name == "Label")
        {
            return self.label(dot, names, argument, first);
        }
        if !rest.is_empty() || last.is_some() {
            let what = source(first);
            let what = what.rsplit('.').next().unwrap_or_default();
            let message = match first.kind {
                OperandKind::Field(_) | OperandKind::Variable(..) | OperandKind::Chain(..) => {
                    format!("{what} is not a method but has arguments")
                }
                _ => format!("can't give argument to non-function {}", source(first)),
            };
            return Err(self.error(first.at, &source(first), message));
        }
        self.operand(dot, first)
    }

    /// `.Label "name"`, the one method with an argument.
    fn label(
        &mut self,
        dot: &Value,
        names: &[String],
        argument: &Operand,
        at: &Operand,
    ) -> Result<Value, Error> {
        let holder = self.chain(dot.clone(), &names[..names.len() - 1], at)?;
        let name = self.operand(dot, argument)?;
        if self.header {
            let last = name
                .print()
                .rsplit('.')
                .next()
                .unwrap_or_default()
                .replace(['-', '_'], " ");
            return Ok(Value::Text(last));
        }
        let labels = holder.field("\u{0}labels").cloned();
        match labels {
            Some(Value::Map(map)) => Ok(map
                .get(&name.print())
                .cloned()
                .unwrap_or(Value::Text(String::new()))),
            _ => Err(self.error(
                at.at,
                &source(at),
                format!("can't evaluate field Label in type {}", holder.kind()),
            )),
        }
    }

    fn function(
        &mut self,
        dot: &Value,
        name: &str,
        at: &Operand,
        command: &Command,
        words: &[Operand],
        last: Option<Value>,
    ) -> Result<Value, Error> {
        if let "and" | "or" = name {
            return self.and_or(dot, name, at, words, last);
        }
        let mut arguments = Vec::with_capacity(words.len() + 1);
        for word in words {
            arguments.push(self.operand(dot, word)?);
        }
        arguments.extend(last);
        let call = Call {
            name,
            arguments,
            header: self.header,
        };
        call.run().map_err(|failure| {
            let (position, context) = match failure.at {
                At::Name => (at.at, source(at)),
                At::Command => (at.at, command_source(command)),
                At::Argument(n) => words
                    .get(n)
                    .map_or((at.at, source(at)), |word| (word.at, source(word))),
            };
            self.error(position, &context, failure.message)
        })
    }

    /// The two functions that do not look at more than they need.
    fn and_or(
        &mut self,
        dot: &Value,
        name: &str,
        at: &Operand,
        words: &[Operand],
        last: Option<Value>,
    ) -> Result<Value, Error> {
        let mut value = None;
        for word in words {
            let this = self.operand(dot, word)?;
            if this.truth() == (name == "or") {
                return Ok(this);
            }
            value = Some(this);
        }
        let missing = || {
            self.error(
                at.at,
                name,
                format!("wrong number of args for {name}: want at least 1 got 0"),
            )
        };
        last.or(value).ok_or_else(missing)
    }

    fn operand(&mut self, dot: &Value, operand: &Operand) -> Result<Value, Error> {
        match &operand.kind {
            OperandKind::Dot => Ok(dot.clone()),
            OperandKind::Nil => Ok(Value::Nil),
            OperandKind::Constant(value, _) => Ok(value.clone()),
            OperandKind::Field(names) => self.chain(dot.clone(), names, operand),
            OperandKind::Variable(name, names) => {
                let value = self.variables.iter().rev().find(|(known, _)| known == name);
                let value = value.map_or(Value::Nil, |(_, value)| value.clone());
                self.chain(value, names, operand)
            }
            OperandKind::Chain(inner, names) => {
                let value = self.operand(dot, inner)?;
                self.chain(value, names, operand)
            }
            OperandKind::Pipe(pipe) => self.pipe(dot, pipe),
            OperandKind::Function(name) => {
                let command = Command {
                    words: vec![operand.clone()],
                };
                self.function(dot, name, operand, &command, &[], None)
            }
        }
    }

    fn chain(&mut self, mut value: Value, names: &[String], at: &Operand) -> Result<Value, Error> {
        for name in names {
            value = self.member(value, name, at)?;
        }
        Ok(value)
    }

    fn member(&mut self, value: Value, name: &str, at: &Operand) -> Result<Value, Error> {
        let found = match &value {
            Value::Map(map) => match (map.get(name), self.missing) {
                (Some(value), _) => return Ok(value.clone()),
                (None, Missing::Error) => Err(format!("map has no entry for key {name:?}")),
                (None, Missing::NoValue) => return Ok(Value::Nil),
            },
            Value::NilMap => match self.missing {
                Missing::Error => Err(format!("map has no entry for key {name:?}")),
                Missing::NoValue => return Ok(Value::Nil),
            },
            Value::Struct(this) => match value.field(name) {
                Some(value) => return Ok(value.clone()),
                None => Err(format!("can't evaluate field {name} in type {}", this.kind)),
            },
            Value::Nil => Err(format!("nil data; no entry for key {name:?}")),
            Value::NilPointer => Err(format!("nil pointer evaluating *{name}")),
            _ if self.missing == Missing::Error => Err(format!(
                "can't evaluate field {name} in type interface {{}}"
            )),
            other => Err(format!(
                "can't evaluate field {name} in type {}",
                other.kind()
            )),
        };
        found.map_err(|message| self.error(at.at, &source(at), message))
    }

    fn error(&self, at: usize, context: &str, message: impl core::fmt::Display) -> Error {
        let before = self.template.text.get(..at).unwrap_or_default();
        let line = 1 + before.matches('\n').count();
        let column = at - before.rfind('\n').map_or(0, |newline| newline + 1);
        let name = &self.template.name;
        Error(format!(
            "template: {name}:{line}:{column}: executing {name:?} at <{context}>: {message}"
        ))
    }
}

/// How an action prints a value: nothing at all is said so.
fn printed(value: &Value) -> String {
    match value {
        Value::Nil => "<no value>".to_owned(),
        other => other.print(),
    }
}
