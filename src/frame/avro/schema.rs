//! Reads Avro's binary encoding by the file's own schema: finds a message's body, skips the rest.
//!
//! <https://avro.apache.org/docs/1.12.0/specification/#binary-encoding>

use std::collections::BTreeMap;
use std::ops::Range;

use serde_json::Value;

/// The field of a message that holds what was sent.
const BODY: &str = "Body";

/// Deepest nesting of values; a schema may be recursive.
const MAX_DEPTH: usize = 64;

/// How many values may be visited in a block: so many, and so many for each of its bytes.
/// Values of no bytes would otherwise let a small block keep us busy for ever.
const FREE_VISITS: u64 = 1 << 16;
const VISITS_PER_BYTE: u64 = 4;

/// Why Avro bytes cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum BadAvro {
    /// The bytes end too early.
    CutOff,
    /// They make no sense; what is wrong.
    Malformed(String),
}

impl BadAvro {
    pub(super) fn into_detail(self) -> String {
        match self {
            Self::CutOff => "a block that ends inside a message".to_owned(),
            Self::Malformed(detail) => detail,
        }
    }
}

fn malformed(detail: &str) -> BadAvro {
    BadAvro::Malformed(detail.to_owned())
}

/// A type, by its place in [`Schema::types`].
type TypeId = usize;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Type {
    /// A named type whose definition is under way.
    Unknown,
    Null,
    Boolean,
    /// `int`, `long` and enums: a variable-length number.
    Number,
    /// `float`, `double` and `fixed`: so many bytes.
    Fixed(usize),
    /// `bytes` and `string`: a length and so many bytes.
    Bytes,
    Array(TypeId),
    Map(TypeId),
    Union(Vec<TypeId>),
    Record(Vec<TypeId>),
}

/// The schema of a container file whose messages have a body.
#[derive(Debug)]
pub(super) struct Schema {
    types: Vec<Type>,
    /// Types of the fields of a message.
    fields: Vec<TypeId>,
    /// Which of them is the body.
    body: usize,
}

/// Builds the list of types from the schema's JSON.
#[derive(Debug, Default)]
struct Builder {
    types: Vec<Type>,
    /// Named types by full name.
    names: BTreeMap<String, TypeId>,
}

impl Schema {
    /// Reads a schema; it must be a record with a field `Body` of bytes or text, or a union of
    /// these and null.
    pub(super) fn parse(json: &[u8]) -> Result<Self, BadAvro> {
        let value: Value = serde_json::from_slice(json)
            .map_err(|error| BadAvro::Malformed(format!("the schema is no JSON: {error}")))?;
        let mut builder = Builder::default();
        let root = builder.add(&value, "")?;
        let types = builder.types;
        let Some(Type::Record(fields)) = types.get(root).cloned() else {
            return Err(malformed("the schema is no record"));
        };
        let body = field_names(&value).position(|name| name == Some(BODY));
        let body = body.ok_or_else(|| malformed("the schema has no field Body"))?;
        let schema = Self { types, fields, body };
        let body_type = schema.fields.get(body).and_then(|&id| schema.types.get(id));
        match body_type {
            Some(Type::Bytes) => Ok(schema),
            Some(Type::Union(branches))
                if branches.iter().all(|&id| matches!(schema.types.get(id), Some(Type::Bytes | Type::Null))) =>
            {
                Ok(schema)
            }
            _ => Err(malformed("the field Body is neither bytes nor text")),
        }
    }

    /// Steps over one message and says where its body is; `None` where it is null.
    pub(super) fn message_body(&self, cursor: &mut Cursor<'_>) -> Result<Option<Range<usize>>, BadAvro> {
        let mut body = None;
        for (position, &field) in self.fields.iter().enumerate() {
            if position == self.body {
                body = self.body_range(field, cursor)?;
            } else {
                self.skip(field, cursor, 0)?;
            }
        }
        Ok(body)
    }

    fn body_range(&self, field: TypeId, cursor: &mut Cursor<'_>) -> Result<Option<Range<usize>>, BadAvro> {
        let field = match self.types.get(field) {
            Some(Type::Union(branches)) => cursor.branch(branches)?,
            _ => field,
        };
        if self.types.get(field) == Some(&Type::Null) { Ok(None) } else { cursor.bytes().map(Some) }
    }

    fn skip(&self, id: TypeId, cursor: &mut Cursor<'_>, depth: usize) -> Result<(), BadAvro> {
        if depth > MAX_DEPTH {
            return Err(malformed("values nested too deeply"));
        }
        cursor.visit()?;
        match self.types.get(id) {
            Some(Type::Null) => {}
            Some(Type::Boolean) => {
                cursor.skip(1)?;
            }
            Some(Type::Number) => {
                cursor.number()?;
            }
            Some(Type::Fixed(size)) => {
                cursor.skip(*size)?;
            }
            Some(Type::Bytes) => {
                cursor.bytes()?;
            }
            Some(Type::Array(item)) => self.skip_items(&[*item], cursor, depth)?,
            // A map is an array of a string and a value.
            Some(Type::Map(value)) => self.skip_items(&[STRING, *value], cursor, depth)?,
            Some(Type::Union(branches)) => {
                let branch = cursor.branch(branches)?;
                self.skip(branch, cursor, depth + 1)?;
            }
            Some(Type::Record(fields)) => {
                for &field in fields {
                    self.skip(field, cursor, depth + 1)?;
                }
            }
            Some(Type::Unknown) | None => return Err(malformed("a type without a definition")),
        }
        Ok(())
    }

    fn skip_items(&self, item: &[TypeId], cursor: &mut Cursor<'_>, depth: usize) -> Result<(), BadAvro> {
        loop {
            let items = cursor.collection_start()?;
            if items == 0 {
                return Ok(());
            }
            for _ in 0..items {
                for &part in item {
                    self.skip(part, cursor, depth + 1)?;
                }
            }
        }
    }
}

/// The first type of every list is the one of map keys.
const STRING: TypeId = 0;

fn field_names(record: &Value) -> impl Iterator<Item = Option<&str>> {
    let fields = record.get("fields").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    fields.iter().map(|field| field.get("name").and_then(Value::as_str))
}

impl Builder {
    fn push(&mut self, ty: Type) -> TypeId {
        if self.types.is_empty() {
            self.types.push(Type::Bytes);
        }
        self.types.push(ty);
        self.types.len() - 1
    }

    /// Adds the type that `schema` describes. `serde_json` has bounded its nesting.
    fn add(&mut self, schema: &Value, namespace: &str) -> Result<TypeId, BadAvro> {
        match schema {
            Value::String(name) => self.named(name, namespace),
            Value::Array(branches) => {
                let branches = branches.iter().map(|branch| self.add(branch, namespace)).collect::<Result<_, _>>()?;
                Ok(self.push(Type::Union(branches)))
            }
            Value::Object(_) => self.complex(schema, namespace),
            _ => Err(malformed("the schema holds something that is no type")),
        }
    }

    fn named(&mut self, name: &str, namespace: &str) -> Result<TypeId, BadAvro> {
        let simple = match name {
            "null" => Type::Null,
            "boolean" => Type::Boolean,
            "int" | "long" => Type::Number,
            "float" => Type::Fixed(4),
            "double" => Type::Fixed(8),
            "bytes" | "string" => Type::Bytes,
            _ => {
                let known = self.names.get(&full_name(name, namespace)).or_else(|| self.names.get(name));
                return known
                    .copied()
                    .ok_or_else(|| BadAvro::Malformed(format!("the schema does not define {name:?}")));
            }
        };
        Ok(self.push(simple))
    }

    fn complex(&mut self, schema: &Value, namespace: &str) -> Result<TypeId, BadAvro> {
        let member = |key: &str| schema.get(key).ok_or_else(|| malformed("the schema lacks a part of a type"));
        let kind = member("type")?;
        match kind.as_str() {
            Some("array") => {
                let item = self.add(member("items")?, namespace)?;
                Ok(self.push(Type::Array(item)))
            }
            Some("map") => {
                let value = self.add(member("values")?, namespace)?;
                Ok(self.push(Type::Map(value)))
            }
            Some("enum") => {
                let id = self.push(Type::Number);
                self.define(schema, namespace, id);
                Ok(id)
            }
            Some("fixed") => {
                let size = member("size")?.as_u64().and_then(|size| usize::try_from(size).ok());
                let id = self.push(Type::Fixed(size.ok_or_else(|| malformed("a fixed type without a size"))?));
                self.define(schema, namespace, id);
                Ok(id)
            }
            Some("record" | "error") => self.record(schema, namespace),
            // {"type": "bytes", "logicalType": …} and {"type": {…}}.
            _ => self.add(kind, namespace),
        }
    }

    fn record(&mut self, schema: &Value, namespace: &str) -> Result<TypeId, BadAvro> {
        let id = self.push(Type::Unknown);
        let namespace = self.define(schema, namespace, id);
        let fields = schema.get("fields").and_then(Value::as_array);
        let fields = fields.ok_or_else(|| malformed("a record type without fields"))?;
        let mut types = Vec::with_capacity(fields.len());
        for field in fields {
            let ty = field.get("type").ok_or_else(|| malformed("a field without a type"))?;
            types.push(self.add(ty, &namespace)?);
        }
        if let Some(slot) = self.types.get_mut(id) {
            *slot = Type::Record(types);
        }
        Ok(id)
    }

    /// Notes a named type; returns the namespace that holds inside it.
    fn define(&mut self, schema: &Value, namespace: &str, id: TypeId) -> String {
        let text = |key| schema.get(key).and_then(Value::as_str);
        let name = text("name").unwrap_or_default();
        let full = full_name(name, text("namespace").unwrap_or(namespace));
        let inside = full.rsplit_once('.').map(|(namespace, _)| namespace.to_owned()).unwrap_or_default();
        self.names.insert(full, id);
        inside
    }
}

fn full_name(name: &str, namespace: &str) -> String {
    if name.contains('.') || namespace.is_empty() { name.to_owned() } else { format!("{namespace}.{name}") }
}

/// A position in Avro bytes.
#[derive(Debug)]
pub(super) struct Cursor<'b> {
    bytes: &'b [u8],
    at: usize,
    visits: u64,
}

/// How many values may be visited in a block of `length` bytes.
pub(super) fn visits(length: usize) -> u64 {
    let length = u64::try_from(length).unwrap_or(u64::MAX);
    FREE_VISITS.saturating_add(length.saturating_mul(VISITS_PER_BYTE))
}

impl<'b> Cursor<'b> {
    pub(super) fn new(bytes: &'b [u8]) -> Self {
        Self::resume(bytes, 0, visits(bytes.len()))
    }

    /// A cursor at `at`, before a message, that may visit so many values.
    pub(super) fn resume(bytes: &'b [u8], at: usize, visits: u64) -> Self {
        Self { bytes, at, visits }
    }

    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// How many more values may be visited.
    pub(super) fn visits(&self) -> u64 {
        self.visits
    }

    fn visit(&mut self) -> Result<(), BadAvro> {
        self.visits = self.visits.checked_sub(1).ok_or_else(|| malformed("more values than bytes"))?;
        Ok(())
    }

    /// Steps over `count` bytes and says where they were.
    pub(super) fn skip(&mut self, count: usize) -> Result<Range<usize>, BadAvro> {
        let end = self.at.checked_add(count).filter(|&end| end <= self.bytes.len()).ok_or(BadAvro::CutOff)?;
        let range = self.at..end;
        self.at = end;
        Ok(range)
    }

    /// A zigzag number of variable length.
    pub(super) fn number(&mut self) -> Result<i64, BadAvro> {
        let mut bits: u64 = 0;
        for shift in (0..64).step_by(7) {
            let byte = *self.bytes.get(self.at).ok_or(BadAvro::CutOff)?;
            self.at += 1;
            bits |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok((bits >> 1).cast_signed() ^ -(bits & 1).cast_signed());
            }
        }
        Err(malformed("a number of more than ten bytes"))
    }

    /// The place of a string's or byte array's content.
    pub(super) fn bytes(&mut self) -> Result<Range<usize>, BadAvro> {
        let length = self.number()?;
        let length = usize::try_from(length).ok().ok_or_else(|| malformed("a negative length"))?;
        self.skip(length)
    }

    /// How many items the next block of an array or map has; 0 at its end.
    ///
    /// A negative count is followed by the block's size in bytes, which is not needed.
    pub(super) fn collection_start(&mut self) -> Result<u64, BadAvro> {
        let count = self.number()?;
        if count < 0 {
            self.number()?;
        }
        Ok(count.unsigned_abs())
    }

    /// The branch of a union that follows.
    fn branch(&mut self, branches: &[TypeId]) -> Result<TypeId, BadAvro> {
        let branch = usize::try_from(self.number()?).ok().and_then(|branch| branches.get(branch));
        branch.copied().ok_or_else(|| malformed("a union branch that does not exist"))
    }

    /// The count of messages and the size in bytes with which a block begins.
    pub(super) fn block_start(&mut self, max_size: usize) -> Result<(u64, usize), BadAvro> {
        let messages = self.number()?;
        let messages = u64::try_from(messages).ok().ok_or_else(|| malformed("a negative count of messages"))?;
        let size = usize::try_from(self.number()?).ok().ok_or_else(|| malformed("a negative block size"))?;
        if size > max_size {
            return Err(malformed("a block of more than 64 MiB"));
        }
        Ok((messages, size))
    }
}
