//! Enums whose variants have a name for users and reports.
//!
//! The names of one enum are the lines of one text and are found by number: as a table of pointers they would be twice
//! as long.

/// Declares such an enum.
macro_rules! named {
    ($(#[$doc:meta])* $vis:vis $name:ident { $($variant:ident = $text:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[allow(missing_docs)] // each variant is documented by its name
        $vis enum $name { $($variant),* }

        impl $name {
            /// All of them, in order.
            #[allow(dead_code)] // of some only the names are used
            $vis const ALL: &'static [$name] = &[$($name::$variant),*];

            /// The name, as options and reports have it.
            #[allow(dead_code)] // of some only the packed one is used
            $vis fn name(self) -> &'static [u8] {
                $crate::text::line(concat!($($text, "\n"),*).as_bytes(), self as usize)
            }

            /// The same, packed: for what is seldom printed.
            #[allow(dead_code)] // not all are
            pub(crate) fn packed(self) -> $crate::packed::Packed {
                $crate::packed::packed!(concat!($($text, "\n"),*)).line(self as usize)
            }
        }
    };
}
pub(crate) use named;
