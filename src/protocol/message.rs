//! The one declaration of a message, from which come its type, its defaults and both codecs.
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
//! The order of the fields is that of the wire.

/// See the head of this file.
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

        impl Default for $message {
            fn default() -> Self {
                Self {
                    $( $field: $crate::protocol::message::default_of!($type $(, $default)?), )*
                    $($( $tagged: $crate::protocol::message::default_of!($tagged_type $(, $tagged_default)?), )*)?
                }
            }
        }

        impl $crate::protocol::wire::Wire for $message {
            const KIND: $crate::protocol::schema::Kind =
                $crate::protocol::schema::Kind::Struct(<Self as $crate::protocol::schema::Message>::SCHEMA);

            #[allow(unused_mut, unused_variables)]
            fn read(reader: &mut $crate::protocol::wire::Reader) -> $crate::protocol::wire::Result<Self> {
                let version = reader.version();
                let mut message = Self::default();
                $(
                    if ($versions).contains(&version) {
                        message.$field = $crate::protocol::message::read_field!(reader, version $(, $nullable)?);
                    }
                )*
                reader.tagged_fields(|tag, reader| match tag {
                    $($(
                        $tag if ($tagged_versions).contains(&version) => {
                            message.$tagged = $crate::protocol::wire::Wire::read(reader)?;
                            Ok(true)
                        }
                    )*)?
                    _ => Ok(false),
                })?;
                Ok(message)
            }

            #[allow(unused_mut, unused_variables)]
            fn write(&self, writer: &mut $crate::protocol::wire::Writer) {
                let version = writer.version();
                $(
                    if ($versions).contains(&version) {
                        $crate::protocol::message::write_field!(writer, version, self.$field $(, $nullable)?);
                    }
                )*
                if writer.is_flexible() {
                    let mut count = 0;
                    $($(
                        let $tagged = ($tagged_versions).contains(&version)
                            && self.$tagged != $crate::protocol::message::default_of!($tagged_type $(, $tagged_default)?);
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

        impl $crate::protocol::schema::Message for $message {
            const SCHEMA: &'static $crate::protocol::schema::Struct = &$crate::protocol::schema::Struct {
                name: stringify!($message),
                fields: &[
                    $( $crate::protocol::message::field!(None, $field: $type, $versions $(, $nullable)?), )*
                    $($(
                        $crate::protocol::message::field!(Some($tag), $tagged: $tagged_type, $tagged_versions),
                    )*)?
                ],
            };
        }
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

/// What a field says of itself. Where nothing else is said, a type that may be null may be in all versions.
macro_rules! field {
    ($tag:expr, $field:ident: $type:ty, $versions:expr) => {
        $crate::protocol::message::field!($tag, $field: $type, $versions, ..)
    };
    ($tag:expr, $field:ident: $type:ty, $versions:expr, $nullable:expr) => {
        $crate::protocol::schema::Field {
            name: stringify!($field),
            tag: $tag,
            kind: <$type as $crate::protocol::wire::Wire>::KIND,
            is_in: |version| ($versions).contains(&version),
            may_be_null: |version| {
                ::std::ops::RangeBounds::<i16>::contains(&($nullable), &version)
            },
        }
    };
}

/// Reads a field; one that may be null only in some versions is read as never null in the others.
macro_rules! read_field {
    ($reader:ident, $version:ident) => {
        $crate::protocol::wire::Wire::read($reader)?
    };
    ($reader:ident, $version:ident, $nullable:expr) => {
        match ($nullable).contains(&$version) {
            true => $crate::protocol::wire::Wire::read($reader)?,
            false => Some($crate::protocol::wire::Wire::read($reader)?),
        }
    };
}

/// Writes a field; where a null can't be said, the empty value stands for it.
macro_rules! write_field {
    ($writer:ident, $version:ident, $value:expr) => {
        $crate::protocol::wire::Wire::write(&$value, $writer)
    };
    ($writer:ident, $version:ident, $value:expr, $nullable:expr) => {
        match (&$value, ($nullable).contains(&$version)) {
            (Some(value), false) => $crate::protocol::wire::Wire::write(value, $writer),
            (None, false) => $crate::protocol::message::write_empty(&$value, $writer),
            (value, true) => $crate::protocol::wire::Wire::write(value, $writer),
        }
    };
}

/// Writes the empty value of a type that can't be null in this version.
pub(super) fn write_empty<T: super::wire::Wire + Default>(
    _null: &Option<T>,
    writer: &mut super::wire::Writer,
) {
    T::default().write(writer);
}

pub(super) use {default_of, field, message, read_field, write_field};
