//! The one declaration of a message, from which come its type, its defaults, both codecs and what it
//! says of itself (see `schema.rs`).
//!
//! ```text
//! message! {
//!     /// What it is.
//!     pub struct ListOffsetsPartition {
//!         /// Its number.
//!         pub partition_index: i32, [0..];
//!         /// The epoch that the client knows, -1 if none.
//!         pub current_leader_epoch: i32 = -1, [4..];
//!         /// May be null from version 2 on.
//!         pub metadata: Option<String>, [0.., null 2..];
//!     }
//!     tags {
//!         /// Sent only where it is not the default.
//!         0 pub cluster_id: Option<String>, [12..];
//!     }
//! }
//! ```
//!
//! The range is that of the versions in which a field is on the wire; elsewhere it has its default.
//! The order of the fields is that of the wire. A tagged field stands in flexible versions only, and
//! only where it is not its default, so that its default must be Kafka's.

/// See the head of this file. The names that the helpers below use are those of the block's `use`.
macro_rules! message {
    ($(
        $(#[$about:meta])*
        pub struct $message:ident {
            $(
                $(#[$doc:meta])*
                pub $field:ident: $type:ty $(= $default:expr)? , [$versions:expr $(, null $nullable:expr)?]
            );* $(;)?
        }
        $(tags {
            $(
                $(#[$tag_doc:meta])*
                $tag:literal pub $tagged:ident: $tagged_type:ty $(= $tagged_default:expr)? , [$tagged_versions:expr]
            );* $(;)?
        })?
    )*) => {$(
        $(#[$about])*
        #[derive(Debug, Clone, PartialEq)]
        pub struct $message {
            $( $(#[$doc])* pub $field: $type, )*
            $($( $(#[$tag_doc])* pub $tagged: $tagged_type, )*)?
        }

        #[allow(unused_imports, unused_mut, unused_variables, reason = "a message may have no fields")]
        const _: () = {
            use $crate::protocol::message::{default_of, field, read_field, write_field};
            use $crate::protocol::schema::{Field, Kind, Message, Struct};
            use $crate::protocol::wire::{Reader, Result, Wire, Writer};

            impl Default for $message {
                fn default() -> Self {
                    Self {
                        $( $field: default_of!($type $(, $default)?), )*
                        $($( $tagged: default_of!($tagged_type $(, $tagged_default)?), )*)?
                    }
                }
            }

            impl Wire for $message {
                const KIND: Kind = Kind::Struct(Self::SCHEMA);

                fn read(reader: &mut Reader) -> Result<Self> {
                    let version = reader.version();
                    let mut message = Self::default();
                    $(
                        if ($versions).contains(&version) {
                            message.$field = read_field!(reader, version $(, $nullable)?);
                        }
                    )*
                    reader.tagged_fields(|tag, reader| match tag {
                        $($(
                            $tag if ($tagged_versions).contains(&version) => {
                                message.$tagged = Wire::read(reader)?;
                                Ok(true)
                            }
                        )*)?
                        _ => Ok(false),
                    })?;
                    Ok(message)
                }

                fn write(&self, writer: &mut Writer) {
                    let version = writer.version();
                    $(
                        if ($versions).contains(&version) {
                            write_field!(writer, version, self.$field $(, $nullable)?);
                        }
                    )*
                    if writer.is_flexible() {
                        let mut count = 0;
                        $($(
                            let default = default_of!($tagged_type $(, $tagged_default)?);
                            let $tagged = ($tagged_versions).contains(&version) && self.$tagged != default;
                            count += u32::from($tagged);
                        )*)?
                        writer.tagged_fields(count);
                        $($(
                            if $tagged {
                                writer.tagged_field($tag, &self.$tagged);
                            }
                        )*)?
                    }
                }
            }

            impl Message for $message {
                const SCHEMA: &'static Struct = &Struct {
                    name: stringify!($message),
                    fields: &[
                        $( field!(None, $field: $type, $versions $(, $nullable)?), )*
                        $($( field!(Some($tag), $tagged: $tagged_type, $tagged_versions), )*)?
                    ],
                };
            }
        };
    )*};
}

/// A field's default: the one that is given, or that of its type.
macro_rules! default_of {
    ($type:ty) => {
        <$type>::default()
    };
    ($type:ty, $default:expr) => {{
        let default: $type = $default;
        default
    }};
}

/// What a field says of itself. A type that may be null may be so in all versions, where nothing else
/// is said.
macro_rules! field {
    ($tag:expr, $field:ident: $type:ty, $versions:expr) => {
        field!($tag, $field: $type, $versions, 0..)
    };
    ($tag:expr, $field:ident: $type:ty, $versions:expr, $nullable:expr) => {
        Field {
            name: stringify!($field),
            tag: $tag,
            kind: <$type as Wire>::KIND,
            is_in: |version| ($versions).contains(&version),
            may_be_null: |version| ($nullable).contains(&version),
        }
    };
}

/// Reads a field; one that may be null only in some versions is read as never null in the others.
macro_rules! read_field {
    ($reader:ident, $version:ident) => {
        Wire::read($reader)?
    };
    ($reader:ident, $version:ident, $nullable:expr) => {
        match ($nullable).contains(&$version) {
            true => Wire::read($reader)?,
            false => Some(Wire::read($reader)?),
        }
    };
}

/// Writes a field; where a null can't be said, the empty value stands for it.
macro_rules! write_field {
    ($writer:ident, $version:ident, $value:expr) => {
        Wire::write(&$value, $writer)
    };
    ($writer:ident, $version:ident, $value:expr, $nullable:expr) => {
        match ($nullable).contains(&$version) {
            true => Wire::write(&$value, $writer),
            false => Wire::write($value.as_ref().unwrap_or(&Default::default()), $writer),
        }
    };
}

pub(super) use {default_of, field, message, read_field, write_field};

#[cfg(test)]
#[allow(unreachable_pub, reason = "what is declared is public")]
mod tests {
    use bytes::BytesMut;

    use crate::protocol::schema::Message as _;
    use crate::protocol::wire::{DecodeError, Reader, Result, Wire as _, Writer};

    super::message! {
        /// Has everything that a message can have. It is flexible from version 2 on.
        pub struct Outer {
            /// With a default.
            pub id: i16 = -1, [0..];
            /// Null from version 1 on.
            pub name: Option<String>, [0.., null 1..];
            /// Gone after version 1.
            pub old: bool, [0..=1];
            /// A struct that may be null.
            pub inner: Option<Inner>, [1.., null 1..];
        }
        tags {
            /// With a default.
            0 pub epoch: i32 = -1, [2..];
            /// Null is its default.
            3 pub label: Option<String>, [3..];
        }

        /// Without tags of its own.
        pub struct Inner {
            /// The same in all versions.
            pub value: i8, [0..];
        }
    }

    fn written(message: &Outer, version: i16) -> Vec<u8> {
        let mut writer = Writer::new(version, version >= 2);
        message.write(&mut writer);
        writer.finish().0.to_vec()
    }

    fn read(bytes: &[u8], version: i16) -> Result<Outer> {
        let mut reader = Reader::new(BytesMut::from(bytes), version, version >= 2);
        let message = Outer::read(&mut reader)?;
        reader.finish().map(|()| message)
    }

    fn full() -> Outer {
        Outer {
            id: -2,
            name: Some("a".to_owned()),
            old: true,
            inner: Some(Inner { value: 5 }),
            epoch: 7,
            label: Some("b".to_owned()),
        }
    }

    #[test]
    fn each_version_has_its_fields() {
        let golden: [&[u8]; 4] = [
            &[0xff, 0xfe, 0, 1, b'a', 1],
            &[0xff, 0xfe, 0, 1, b'a', 1, 1, 5],
            &[0xff, 0xfe, 2, b'a', 1, 5, 0, 1, 0, 4, 0, 0, 0, 7],
            &[0xff, 0xfe, 2, b'a', 1, 5, 0, 2, 0, 4, 0, 0, 0, 7, 3, 2, 2, b'b'],
        ];
        let without = Outer { old: false, ..full() };
        let expected = [
            Outer { inner: None, epoch: -1, label: None, ..full() },
            Outer { epoch: -1, label: None, ..full() },
            Outer { label: None, ..without.clone() },
            without,
        ];
        for ((bytes, expected), version) in golden.into_iter().zip(expected).zip(0..) {
            assert_eq!(written(&full(), version), bytes, "version {version}");
            assert_eq!(read(bytes, version), Ok(expected), "version {version}");
        }
    }

    #[test]
    fn defaults_and_nulls_are_as_declared() {
        let default = Outer { id: -1, name: None, old: false, inner: None, epoch: -1, label: None };
        assert_eq!(Outer::default(), default);
        assert_eq!(written(&default, 1), [0xff, 0xff, 0xff, 0xff, 0, 0xff]);
        assert_eq!(written(&default, 3), [0xff, 0xff, 0, 0xff, 0], "no tagged field");
        assert_eq!(written(&default, 0), [0xff, 0xff, 0, 0, 0], "empty where null can't be said");
        assert_eq!(read(&[0xff, 0xff, 0xff, 0xff, 0], 0), Err(DecodeError::Null));
    }

    #[test]
    fn unknown_tags_are_skipped() {
        let unknown = [0xff, 0xff, 0, 0xff, 2, 3, 2, 2, b'b', 9, 1, 0];
        assert_eq!(read(&unknown, 2), Ok(Outer::default()), "tag 3 comes with version 3");
        let label = Some("b".to_owned());
        assert_eq!(read(&unknown, 3), Ok(Outer { label, ..Outer::default() }));
    }

    #[test]
    fn a_message_tells_what_it_is_made_of() {
        let schema = Outer::SCHEMA;
        let fields: Vec<_> = schema
            .fields
            .iter()
            .map(|field| {
                let versions = (0..4).filter(|version| (field.is_in)(*version));
                let nulls = (0..4).filter(|version| field.kind_in(*version).1);
                (field.name, field.tag, versions.collect::<Vec<_>>(), nulls.collect::<Vec<_>>())
            })
            .collect();
        assert_eq!(schema.name, "Outer");
        assert_eq!(
            fields,
            [
                ("id", None, vec![0, 1, 2, 3], vec![]),
                ("name", None, vec![0, 1, 2, 3], vec![1, 2, 3]),
                ("old", None, vec![0, 1], vec![]),
                ("inner", None, vec![1, 2, 3], vec![1, 2, 3]),
                ("epoch", Some(0), vec![2, 3], vec![]),
                ("label", Some(3), vec![3], vec![0, 1, 2, 3]),
            ]
        );
    }
}
