//! From a reading to CBOR, as a device would send it.

use minicbor::Encoder;
use serde_json::Value;

use super::Reading;

/// Encodes one reading as CBOR with the contract's names as keys.
pub fn to_cbor(reading: &Reading) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(256);
    // A reading has text keys only, so it always becomes a value; writing to a Vec cannot fail.
    if let Ok(value) = serde_json::to_value(reading) {
        write(&mut Encoder::new(&mut bytes), &value);
    }
    bytes
}

fn write(encoder: &mut Encoder<&mut Vec<u8>>, value: &Value) {
    let _ = match value {
        Value::Null => encoder.null().map(|_| ()),
        Value::Bool(value) => encoder.bool(*value).map(|_| ()),
        Value::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
            (Some(number), _, _) => encoder.u64(number).map(|_| ()),
            (_, Some(number), _) => encoder.i64(number).map(|_| ()),
            (_, _, number) => encoder.f64(number.unwrap_or(f64::NAN)).map(|_| ()),
        },
        Value::String(text) => encoder.str(text).map(|_| ()),
        Value::Array(items) => {
            let _ = encoder.array(items.len() as u64);
            for item in items {
                write(encoder, item);
            }
            Ok(())
        }
        Value::Object(entries) => {
            let _ = encoder.map(entries.len() as u64);
            for (key, value) in entries {
                let _ = encoder.str(key);
                write(encoder, value);
            }
            Ok(())
        }
    };
}
