//! Enumerations with stable numbers and names.
//!
//! The number crosses the wire, the name goes into findings, logs and pages. Both are written once, in one table.

/// Declares an enumeration whose variants have a stable wire number and a stable lower-case name.
macro_rules! codes {
    ($(#[$outer:meta])* $name:ident { $($(#[$inner:meta])* $variant:ident = $code:literal => $text:literal,)+ }) => {
        $(#[$outer])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$inner])* $variant,)+
        }

        impl $name {
            /// Every variant, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The number on the wire.
            pub const fn code(self) -> u8 {
                match self { $(Self::$variant => $code,)+ }
            }

            /// The stable name.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// The variant with this number, if there is one.
            pub const fn from_code(code: u8) -> Option<Self> {
                match code { $($code => Some(Self::$variant),)+ _ => None }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

pub(crate) use codes;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use crate::{Drill, FileKind, FindingCode, Layer, RemovalCode, Severity, TextEncoding};

    macro_rules! check_table {
        ($($name:ident),+) => {$({
            let codes: BTreeSet<_> = $name::ALL.iter().map(|v| v.code()).collect();
            let names: BTreeSet<_> = $name::ALL.iter().map(|v| v.as_str()).collect();
            assert_eq!(codes.len(), $name::ALL.len(), "a number of {} is used twice", stringify!($name));
            assert_eq!(names.len(), $name::ALL.len(), "a name of {} is used twice", stringify!($name));
            for value in $name::ALL {
                assert_eq!($name::from_code(value.code()), Some(*value));
            }
            assert_eq!($name::from_code(255), None);
        })+};
    }

    #[test]
    fn numbers_and_names_are_unique() {
        check_table!(Drill, FileKind, FindingCode, Layer, RemovalCode, Severity, TextEncoding);
    }
}
