//! Bounded little-endian encoding.
//!
//! A [`Reader`] never trusts a length before it has compared it with a named bound and with what is left, and `finish`
//! refuses bytes that nobody asked for.

/// Why a message was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WireError {
    /// The message ends early.
    Short,
    /// Bytes are left over.
    Long,
    /// A count or a length is above its bound.
    OverBound,
    /// A number that names nothing.
    UnknownCode,
    /// A string that is not UTF-8 or holds control characters.
    BadText,
}

impl std::fmt::Display for WireError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Short => "the message ends early",
            Self::Long => "the message has bytes left over",
            Self::OverBound => "a count or length is above its bound",
            Self::UnknownCode => "a number names nothing",
            Self::BadText => "a string is not clean text",
        })
    }
}

impl std::error::Error for WireError {}

/// Builds a message.
#[derive(Default)]
pub(crate) struct Writer(Vec<u8>);

impl Writer {
    pub(crate) fn u8(&mut self, value: u8) {
        self.0.push(value);
    }

    pub(crate) fn u32(&mut self, value: u32) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    pub(crate) fn u64(&mut self, value: u64) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    /// A count or length. Senders cut their lists to a bound far below `u32::MAX` first.
    pub(crate) fn count(&mut self, value: usize) {
        self.u32(u32::try_from(value).unwrap_or(u32::MAX));
    }

    pub(crate) fn bytes(&mut self, value: &[u8]) {
        self.count(value.len());
        self.0.extend_from_slice(value);
    }

    /// A string, cut to `max` bytes at a character, with control characters replaced.
    pub(crate) fn text(&mut self, value: &str, max: usize) {
        let mut clean = String::new();
        for character in value.chars() {
            let shown = if character.is_control() { ' ' } else { character };
            if clean.len() + shown.len_utf8() > max {
                break;
            }
            clean.push(shown);
        }
        self.bytes(clean.as_bytes());
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

/// Takes a message apart.
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn new(message: &'a [u8]) -> Self {
        Self(message)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, WireError> {
        self.array().map(|[byte]: [u8; 1]| byte)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, WireError> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, WireError> {
        self.array().map(u64::from_le_bytes)
    }

    pub(crate) fn count(&mut self, max: usize) -> Result<usize, WireError> {
        let count = usize::try_from(self.u32()?).map_err(|_| WireError::OverBound)?;
        if count > max { Err(WireError::OverBound) } else { Ok(count) }
    }

    pub(crate) fn bytes(&mut self, max: usize) -> Result<&'a [u8], WireError> {
        let count = self.count(max)?;
        let (head, rest) = self.0.split_at_checked(count).ok_or(WireError::Short)?;
        self.0 = rest;
        Ok(head)
    }

    pub(crate) fn text(&mut self, max: usize) -> Result<String, WireError> {
        let text = std::str::from_utf8(self.bytes(max)?).map_err(|_| WireError::BadText)?;
        if text.chars().any(char::is_control) {
            return Err(WireError::BadText);
        }
        Ok(text.to_owned())
    }

    /// A list of at most `max` entries, each read by `read`.
    pub(crate) fn list<T>(
        &mut self,
        max: usize,
        read: impl Fn(&mut Self) -> Result<T, WireError>,
    ) -> Result<Vec<T>, WireError> {
        let count = self.count(max)?;
        (0..count).map(|_| read(self)).collect()
    }

    /// The message must be used up exactly.
    pub(crate) fn finish<T>(self, value: T) -> Result<T, WireError> {
        if self.0.is_empty() { Ok(value) } else { Err(WireError::Long) }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let (head, rest) = self.0.split_first_chunk::<N>().ok_or(WireError::Short)?;
        self.0 = rest;
        Ok(*head)
    }
}
