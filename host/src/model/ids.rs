//! Flink's ids: 16 bytes, written as 32 lower-case hexadecimal digits.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

/// A text that is no Flink id.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{text}` is not an id: expected 32 hexadecimal digits")]
pub struct InvalidId {
    text: String,
}

macro_rules! flink_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u128);

        impl $name {
            /// The id whose 16 bytes are this number, most significant byte first.
            pub const fn from_u128(bytes: u128) -> Self {
                Self(bytes)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:032x}", self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                let digits = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
                u128::from_str_radix(text, 16)
                    .ok()
                    .filter(|_| digits)
                    .map(Self)
                    .ok_or_else(|| InvalidId { text: text.to_owned() })
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

flink_id! {
    /// One submission of a job.
    JobId
}

impl JobId {
    /// Where the id is among all ids: from 0 to 1, 1 excluded. Tells jobs apart that would do the same at the same time.
    pub fn fraction(self) -> f64 {
        f64::from((self.0 & 0xffff) as u16) / 65536.0
    }
}

flink_id! {
    /// One vertex of a job's graph; the same in every submission of the job.
    VertexId
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_32_hexadecimal_digits() {
        let text = "0a448493b4782967b150582570326227";
        assert_eq!(text.parse::<VertexId>().unwrap().to_string(), text);
        assert_eq!(text.to_uppercase().parse::<VertexId>().unwrap().to_string(), text);
        for wrong in ["", "0a", "+a448493b4782967b150582570326227", "zz448493b4782967b150582570326227"] {
            assert!(wrong.parse::<JobId>().is_err(), "{wrong}");
        }
    }
}
