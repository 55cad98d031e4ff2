//! CBOR to a value, and a CBOR batch to its elements.

use std::borrow::Cow;

use minicbor::data::Type;
use minicbor::decode::{Decoder, Error};

use super::MAX_BATCH;
use super::value::{MAX_DEPTH, MAX_VALUES, Parsed, Value, give_back};

/// Nesting beyond this is not followed at all; between [`MAX_DEPTH`] and this a reading is refused, its identity read.
const HARD_DEPTH: usize = 128;

/// What a message is.
pub(super) enum Message {
    /// One reading.
    One,
    /// So many elements.
    Batch(usize),
    /// More elements than a batch may have; the rest is not read.
    TooLong,
}

/// One value from the bytes of one element; what follows it is not looked at.
pub(super) fn parse(bytes: &[u8]) -> Result<Parsed<'_>, String> {
    Reader::new(&mut Decoder::new(bytes)).parsed().map_err(|error| error.to_string())
}

/// Gives each element of a message to `take`; on an error those taken before do not count.
pub(super) fn elements<'a>(payload: &'a [u8], take: &mut impl FnMut(&'a [u8], Parsed<'a>)) -> Result<Message, String> {
    let mut decoder = Decoder::new(payload);
    let message = message(&mut decoder, payload, take).map_err(|error| error.to_string())?;
    if decoder.position() == payload.len() || matches!(message, Message::TooLong) {
        Ok(message)
    } else {
        Err("bytes follow the end of the message".to_owned())
    }
}

fn message<'a>(
    decoder: &mut Decoder<'a>,
    payload: &'a [u8],
    take: &mut impl FnMut(&'a [u8], Parsed<'a>),
) -> Result<Message, Error> {
    if !matches!(decoder.datatype()?, Type::Array | Type::ArrayIndef) {
        take(payload, Reader::new(decoder).parsed()?);
        return Ok(Message::One);
    }
    let length = decoder.array()?;
    if length.is_some_and(|length| length > MAX_BATCH as u64) {
        return Ok(Message::TooLong);
    }
    let mut count = 0;
    while more(decoder, length, count)? {
        if count == MAX_BATCH {
            return Ok(Message::TooLong);
        }
        let start = decoder.position();
        let parsed = Reader::new(decoder).parsed()?;
        take(payload.get(start..decoder.position()).unwrap_or_default(), parsed);
        count += 1;
    }
    Ok(Message::Batch(count))
}

struct Reader<'d, 'a> {
    decoder: &'d mut Decoder<'a>,
    values: usize,
    problem: Option<String>,
}

impl<'d, 'a> Reader<'d, 'a> {
    fn new(decoder: &'d mut Decoder<'a>) -> Self {
        Self { decoder, values: 0, problem: None }
    }

    fn parsed(mut self) -> Result<Parsed<'a>, Error> {
        let value = self.value(0)?;
        Ok(Parsed { value, problem: self.problem })
    }

    fn value(&mut self, depth: usize) -> Result<Value<'a>, Error> {
        if depth > HARD_DEPTH {
            return Err(Error::message("nested too deep"));
        }
        if depth > MAX_DEPTH && self.problem.is_none() {
            self.problem = Some(format!("nested deeper than {MAX_DEPTH}"));
        }
        let decoder = &mut *self.decoder;
        Ok(match decoder.datatype()? {
            Type::Bool => Value::Bool(decoder.bool()?),
            Type::Null => {
                decoder.null()?;
                Value::Null
            }
            Type::Undefined => {
                decoder.undefined()?;
                Value::Null
            }
            Type::U8 | Type::U16 | Type::U32 | Type::U64 | Type::I8 | Type::I16 | Type::I32 | Type::I64 | Type::Int => {
                Value::Integer(decoder.int()?.into())
            }
            Type::F16 => Value::Float(decoder.f16()?.into()),
            Type::F32 => Value::Float(decoder.f32()?.into()),
            Type::F64 => Value::Float(decoder.f64()?),
            Type::String => match decoder.str() {
                Ok(text) => Value::Text(Cow::Borrowed(text)),
                Err(error) => not_utf8(error)?,
            },
            Type::StringIndef => self.pieces()?,
            Type::Array | Type::ArrayIndef => {
                let length = decoder.array()?;
                let mut items = Vec::new();
                let mut count = 0;
                while more(self.decoder, length, count)? {
                    let item = self.value(depth + 1)?;
                    count += 1;
                    if self.keeps() {
                        items.push(item);
                    }
                }
                Value::Array(items)
            }
            Type::Map | Type::MapIndef => {
                let length = decoder.map()?;
                // Most maps of the contract have fewer; what is claimed is not believed.
                let mut entries = Vec::with_capacity(length.map_or(8, |length| length.min(12) as usize));
                let mut count = 0;
                while more(self.decoder, length, count)? {
                    // No key of the contract is other than a text: such an entry is unknown, and so ignored.
                    let key = self.value(depth + 1)?;
                    let value = self.value(depth + 1)?;
                    count += 1;
                    if let Value::Text(key) = key
                        && self.keeps()
                    {
                        entries.push((key, value));
                    }
                }
                give_back(&mut entries);
                Value::Map(entries)
            }
            Type::Bytes => {
                decoder.bytes()?;
                Value::Other
            }
            Type::BytesIndef => {
                for piece in decoder.bytes_iter()? {
                    piece?;
                }
                Value::Other
            }
            Type::Simple => {
                decoder.simple()?;
                Value::Other
            }
            Type::Tag => {
                decoder.tag()?;
                // A tag changes what the value means (a bignum, a date); none is of the contract but at the root.
                let value = self.value(depth + 1)?;
                if depth == 0 { value } else { Value::Other }
            }
            Type::Break | Type::Unknown(_) => {
                return Err(Error::message("a break or a reserved byte where a value is due"));
            }
        })
    }

    /// A text in pieces.
    fn pieces(&mut self) -> Result<Value<'a>, Error> {
        let mut text = String::new();
        let mut utf8 = true;
        for piece in self.decoder.str_iter()? {
            match piece {
                Ok(piece) => text.push_str(piece),
                Err(error) => {
                    not_utf8(error)?;
                    utf8 = false;
                }
            }
        }
        Ok(if utf8 { Value::Text(Cow::Owned(text)) } else { Value::Other })
    }

    /// Counts one value; whether it is to be kept.
    fn keeps(&mut self) -> bool {
        self.values += 1;
        if self.values > MAX_VALUES && self.problem.is_none() {
            self.problem = Some(format!("more than {MAX_VALUES} values in one element"));
        }
        self.values <= MAX_VALUES
    }
}

/// A text that is not UTF-8 has been passed by, and is no text; any other error stays one.
fn not_utf8<'a>(error: Error) -> Result<Value<'a>, Error> {
    if error.is_end_of_input() || error.is_type_mismatch() { Err(error) } else { Ok(Value::Other) }
}

/// Whether another element follows, in a sequence of `length`, or up to its break.
fn more(decoder: &mut Decoder<'_>, length: Option<u64>, have: usize) -> Result<bool, Error> {
    match length {
        Some(length) => Ok((have as u64) < length),
        None if decoder.datatype()? == Type::Break => {
            decoder.set_position(decoder.position() + 1);
            Ok(false)
        }
        None => Ok(true),
    }
}
