//! What a clamd must tell whose options are somebody else's.
//!
//! By default clamd answers `OK` about what is over its limits and about what it cannot open: nobody
//! scanned it, and it looks clean. No command tells its options, so it is shown files about which
//! such a clamd is silent. All are harmless, and built here, when they are shown.

use std::io::{self, Write};

use sha2::{Digest, Sha256};

use super::canary::CanaryChoice;
use crate::domain::finding::{Finding, Severity};
use crate::domain::state::Sha256Hex;
use crate::memory::{SealedMemory, SealedMemoryWriter};

/// A file about which clamd must not be silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Demand {
    /// The longest file that may come in, with a canary at its end.
    Longest,
    /// Archives in archives, more than any clamd opens: it must say that it stopped.
    Deepest,
    /// An archive that cannot be opened.
    Encrypted,
}

impl Demand {
    /// The cheapest first.
    pub(super) const ALL: [Self; 3] = [Self::Encrypted, Self::Deepest, Self::Longest];

    /// Whether this is what must be said. A file over a limit is safe if clamd says so: it is never
    /// released then.
    pub(super) fn is_met(self, finding: Option<&Finding>) -> bool {
        let Some(finding) = finding else { return false };
        let code = finding.code.as_str();
        match self {
            Self::Longest => finding.severity == Severity::Malicious || code == "limits_exceeded",
            Self::Deepest => code == "limits_exceeded",
            Self::Encrypted => code == "encrypted",
        }
    }

    /// The options without which it is not met.
    pub(super) const fn options(self) -> &'static str {
        match self {
            Self::Longest => "AlertExceedsMax, or MaxFileSize, MaxScanSize and StreamMaxLength",
            Self::Deepest => "AlertExceedsMax",
            Self::Encrypted => "AlertEncrypted",
        }
    }

    /// The file, of `longest` bytes if it is that one.
    pub(super) fn seal(
        self,
        longest: u64,
        canaries: CanaryChoice,
    ) -> io::Result<(SealedMemory, Sha256Hex)> {
        match self {
            Self::Longest => {
                let canaries: Vec<_> = canaries.canaries().iter().map(|it| it.assemble()).collect();
                let mut members = vec![Member { padding: 0, bytes: &[] }];
                members.extend(canaries.iter().map(|bytes| Member { padding: 0, bytes }));
                let mut rest = Vec::new();
                zip(&mut rest, &members, PLAIN)?;
                let padding = longest.saturating_sub(rest.len() as u64);
                if let Some(first) = members.first_mut() {
                    first.padding = padding;
                }
                seal(padding + rest.len() as u64, |out| zip(out, &members, PLAIN))
            }
            Self::Deepest => {
                let mut inner = b"nothing".to_vec();
                for _ in 0..DEEPER_THAN_ANY {
                    let mut outer = Vec::new();
                    zip(&mut outer, &[Member { padding: 0, bytes: &inner }], PLAIN)?;
                    inner = outer;
                }
                seal(inner.len() as u64, |out| out.write_all(&inner))
            }
            Self::Encrypted => {
                let member = Member { padding: 64, bytes: &[] };
                seal(SMALL, |out| zip(out, &[member], ENCRYPTED))
            }
        }
    }
}

/// A member of an archive: filling, then bytes.
#[derive(Clone, Copy)]
struct Member<'a> {
    padding: u64,
    bytes: &'a [u8],
}

/// An archive that stores its members as they are. clamd holds nothing against their checksums, which
/// are zero.
fn zip(out: &mut impl Write, members: &[Member<'_>], flags: u16) -> io::Result<()> {
    let (mut directory, mut at) = (Vec::new(), 0);
    for member in members {
        let length = narrow(member.padding + member.bytes.len() as u64)?;
        // Version, flags, stored, no time, checksum, both lengths, length of the name, no extra field.
        let mut common = Vec::new();
        common.extend(20_u16.to_le_bytes());
        common.extend(flags.to_le_bytes());
        common.extend([0; 10]);
        common.extend(length.to_le_bytes());
        common.extend(length.to_le_bytes());
        common.extend([1, 0, 0, 0]);
        out.write_all(b"PK\x03\x04")?;
        out.write_all(&common)?;
        out.write_all(b"a")?;
        fill(out, member.padding)?;
        out.write_all(member.bytes)?;
        directory.extend(b"PK\x01\x02\x14\x00");
        directory.extend(&common);
        directory.extend([0; 10]);
        directory.extend(narrow(at)?.to_le_bytes());
        directory.extend(b"a");
        at += 4 + common.len() as u64 + 1 + u64::from(length);
    }
    let count = u16::try_from(members.len()).map_err(io::Error::other)?.to_le_bytes();
    out.write_all(&directory)?;
    out.write_all(b"PK\x05\x06\0\0\0\0")?;
    out.write_all(&[count, count].concat())?;
    out.write_all(&narrow(directory.len() as u64)?.to_le_bytes())?;
    out.write_all(&narrow(at)?.to_le_bytes())?;
    out.write_all(&[0; 2])
}

/// Bytes that are no run of one value: clamd would take those for something to unpack.
fn fill(out: &mut impl Write, mut length: u64) -> io::Result<()> {
    let block: Vec<u8> = (b'a'..=b'w').cycle().take(FILLING).collect();
    while length > 0 {
        let some = usize::try_from(length).map_or(FILLING, |length| length.min(FILLING));
        out.write_all(block.get(..some).unwrap_or_default())?;
        length -= some as u64;
    }
    Ok(())
}

fn narrow(length: u64) -> io::Result<u32> {
    u32::try_from(length).map_err(io::Error::other)
}

fn seal(
    limit: u64,
    write: impl FnOnce(&mut Hashing) -> io::Result<()>,
) -> io::Result<(SealedMemory, Sha256Hex)> {
    let memory = SealedMemoryWriter::with_limit(limit)?;
    let mut out = Hashing { memory, hash: Sha256::new() };
    write(&mut out)?;
    Ok((out.memory.seal()?, Sha256Hex::of_digest(out.hash.finalize().into())))
}

/// Memory that knows the hash of what was written into it.
struct Hashing {
    memory: SealedMemoryWriter,
    hash: Sha256,
}

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.memory.write(bytes)?;
        self.hash.update(bytes.get(..written).unwrap_or_default());
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The flags of a member: as it is, and encrypted.
const PLAIN: u16 = 0;
const ENCRYPTED: u16 = 1;
/// clamd takes no `MaxRecursion` above 100.
const DEEPER_THAN_ANY: usize = 110;
const SMALL: u64 = 1024;
const FILLING: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::finding::{Code, Engine};

    #[test]
    fn the_longest_file_has_its_length_to_the_byte_and_its_canary_at_the_end() {
        for longest in [1 << 16, (1 << 16) + 1, 3_000_000] {
            let (file, _) = Demand::Longest.seal(longest, CanaryChoice::Own).unwrap();
            assert_eq!(file.len(), longest);
            let canary = CanaryChoice::Own.canaries()[0].assemble();
            let mut end = vec![0; 200];
            file.read_at(&mut end, longest - 200).unwrap();
            assert!(end.windows(canary.len()).any(|part| part == canary));
        }
    }

    #[test]
    fn each_demand_takes_its_own_answer_and_silence_is_none() {
        let said = |code, severity| Finding::new(Engine::Clamav, Code::fixed(code), severity, "");
        let found = said("signature_match", Severity::Malicious);
        let over = said("limits_exceeded", Severity::Unscannable);
        let encrypted = said("encrypted", Severity::Unscannable);
        let met = |demand: Demand| {
            [Some(&found), Some(&over), Some(&encrypted), None].map(|it| demand.is_met(it))
        };
        assert_eq!(met(Demand::Longest), [true, true, false, false]);
        assert_eq!(met(Demand::Deepest), [false, true, false, false]);
        assert_eq!(met(Demand::Encrypted), [false, false, true, false]);
    }
}
