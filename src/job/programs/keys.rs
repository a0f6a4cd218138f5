//! Keys of windows as others see them: a JSON object, or the bytes of Kafka's own serializers.
//!
//! Source: `TimeWindowedSerializer` writes the key and the start of the window, `SessionWindowedSerializer` the key, the end
//! and the start; each 8 bytes, big-endian, milliseconds.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::job::definition::{KeySerde, WindowKind};
use crate::stream::Window;

/// Appends the key of a window.
pub(in crate::job) fn write_window_key(
    key: &[u8],
    window: Window,
    (form, kind): (KeySerde, WindowKind),
    out: &mut Vec<u8>,
) {
    match form {
        KeySerde::Plain(_) => {
            let (name, text) = match std::str::from_utf8(key) {
                Ok(text) => ("key", serde_json::Value::from(text).to_string()),
                Err(_) => ("key_b64", format!("\"{}\"", STANDARD.encode(key))),
            };
            let Window { start, end } = window;
            let text = format!(r#"{{"{name}":{text},"start":{start},"end":{end}}}"#);
            out.extend_from_slice(text.as_bytes());
        }
        KeySerde::Windowed => {
            out.extend_from_slice(key);
            if matches!(kind, WindowKind::Session { .. }) {
                out.extend_from_slice(&window.end.to_be_bytes());
            }
            out.extend_from_slice(&window.start.to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serde::Serde;

    #[test]
    fn as_json_and_as_kafkas_bytes() {
        let window = Window { start: 5, end: 0x0102 };
        let written = |form, kind| {
            let mut out = Vec::new();
            write_window_key(b"a\"b", window, (form, kind), &mut out);
            out
        };
        let (tumbling, session) =
            (WindowKind::Tumbling { size_ms: 1 }, WindowKind::Session { gap_ms: 1 });
        let json = written(KeySerde::Plain(Serde::Bytes), session);
        assert_eq!(json, br#"{"key":"a\"b","start":5,"end":258}"#);
        let mut out = Vec::new();
        write_window_key(b"\xff", window, (KeySerde::Plain(Serde::Bytes), tumbling), &mut out);
        assert_eq!(out, br#"{"key_b64":"/w==","start":5,"end":258}"#);
        assert_eq!(written(KeySerde::Windowed, tumbling), b"a\"b\0\0\0\0\0\0\0\x05");
        let bytes = b"a\"b\0\0\0\0\0\0\x01\x02\0\0\0\0\0\0\0\x05";
        assert_eq!(written(KeySerde::Windowed, session), bytes);
    }
}
