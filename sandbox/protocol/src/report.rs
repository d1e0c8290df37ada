//! What a child leaves behind: one bounded report, written once, decoded by the worker.

use crate::finding::{Finding, FindingCode, RuleHit};
use crate::kind::FileKind;
use crate::part::Part;
use crate::removal::Removal;
use crate::wire::{Reader, WireError, Writer};
use crate::{MAX_FINDINGS, MAX_PARTS, MAX_REMOVALS, MAX_REPORT_BYTES, MAX_RULE_HITS};

/// The looking child's report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LookReport {
    pub kind: FileKind,
    /// Picture size from the header, or 0 × 0 for what has none.
    pub width: u32,
    pub height: u32,
    /// At most [`MAX_FINDINGS`].
    pub findings: Vec<Finding>,
    /// At most [`MAX_RULE_HITS`].
    pub rule_hits: Vec<RuleHit>,
    /// What a rendition will not have. At most [`MAX_REMOVALS`].
    pub removed: Vec<Removal>,
    /// The structure of the file. At most [`MAX_PARTS`].
    pub parts: Vec<Part>,
}

impl LookReport {
    /// The report as bytes. Lists beyond their bound are cut: the first findings describe a file well enough.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::default();
        out.u8(LOOK);
        out.u8(self.kind.code());
        out.u32(self.width);
        out.u32(self.height);
        out.count(self.findings.len().min(MAX_FINDINGS));
        self.findings.iter().take(MAX_FINDINGS).for_each(|finding| finding.write(&mut out));
        out.count(self.rule_hits.len().min(MAX_RULE_HITS));
        self.rule_hits.iter().take(MAX_RULE_HITS).for_each(|hit| hit.write(&mut out));
        out.count(self.removed.len().min(MAX_REMOVALS));
        self.removed.iter().take(MAX_REMOVALS).for_each(|removal| removal.write(&mut out));
        out.count(self.parts.len().min(MAX_PARTS));
        self.parts.iter().take(MAX_PARTS).for_each(|part| part.write(&mut out));
        out.into_bytes()
    }

    /// Strict decoding of what an untrusted child wrote.
    pub fn decode(untrusted: &[u8]) -> Result<Self, WireError> {
        let mut input = open(untrusted, LOOK)?;
        let report = Self {
            kind: FileKind::from_code(input.u8()?).ok_or(WireError::UnknownCode)?,
            width: input.u32()?,
            height: input.u32()?,
            findings: input.list(MAX_FINDINGS, Finding::read)?,
            rule_hits: input.list(MAX_RULE_HITS, RuleHit::read)?,
            removed: input.list(MAX_REMOVALS, Removal::read)?,
            parts: input.list(MAX_PARTS, Part::read)?,
        };
        input.finish(report)
    }
}

/// How the source stored its pixels: the encoder keeps chroma at least as fine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceCoding {
    Lossless,
    /// Luma samples for each chroma sample, horizontally and vertically (1, 2 or 4).
    Lossy {
        chroma_h: u8,
        chroma_v: u8,
    },
}

/// How the samples of a picture lie in the output memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PixelLayout {
    /// Red, green, blue: `width × height × 3` bytes, row by row without padding.
    Rgb,
    /// What JPEG stores when chroma is halved both ways: `width × height` bytes of luma, then blue and then red chroma
    /// of a quarter of that each. Both sides are even. Full range, BT.601, of sRGB.
    HalvedChroma,
}

/// What was done about the source's colour profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColourTreatment {
    /// No profile, or one that already was sRGB.
    Unchanged,
    /// Converted from the embedded profile to sRGB.
    Converted,
    /// A profile that cannot be applied (not RGB, broken); the samples were taken as sRGB.
    ProfileIgnored,
}

/// The decoding child's report. Pixels or text themselves lie in the output memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeReport {
    /// A picture in sRGB, upright.
    Image {
        width: u32,
        height: u32,
        layout: PixelLayout,
        source: SourceCoding,
        /// The EXIF orientation (1 to 8) that was undone.
        orientation: u8,
        colour: ColourTreatment,
        frames_ignored: u32,
    },
    /// This many bytes of inert UTF-8.
    Text { bytes: u64 },
    /// A clean refusal.
    Refused { code: FindingCode },
    /// One page of a document: `width × height × 3` bytes of sRGB, upright, over white.
    Page {
        width: u32,
        height: u32,
        /// Dots an inch at which it was drawn: its size on paper.
        dots: u16,
        /// How many pages the document has.
        pages: u32,
    },
}

impl DecodeReport {
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::default();
        out.u8(DECODE);
        match *self {
            Self::Image { width, height, layout, source, orientation, colour, frames_ignored } => {
                out.u8(1);
                out.u32(width);
                out.u32(height);
                out.u8(layout.code());
                source.write(&mut out);
                out.u8(orientation);
                out.u8(colour.code());
                out.u32(frames_ignored);
            }
            Self::Text { bytes } => {
                out.u8(2);
                out.u64(bytes);
            }
            Self::Refused { code } => {
                out.u8(3);
                out.u8(code.code());
            }
            Self::Page { width, height, dots, pages } => {
                out.u8(4);
                out.u32(width);
                out.u32(height);
                out.u32(dots.into());
                out.u32(pages);
            }
        }
        out.into_bytes()
    }

    /// Strict decoding of what an untrusted child wrote.
    pub fn decode(untrusted: &[u8]) -> Result<Self, WireError> {
        let mut input = open(untrusted, DECODE)?;
        let report = match input.u8()? {
            1 => Self::Image {
                width: input.u32()?,
                height: input.u32()?,
                layout: PixelLayout::from_code(input.u8()?).ok_or(WireError::UnknownCode)?,
                source: SourceCoding::read(&mut input)?,
                orientation: within(input.u8()?, 1, 8)?,
                colour: ColourTreatment::from_code(input.u8()?).ok_or(WireError::UnknownCode)?,
                frames_ignored: input.u32()?,
            },
            2 => Self::Text { bytes: input.u64()? },
            3 => Self::Refused {
                code: FindingCode::from_code(input.u8()?).ok_or(WireError::UnknownCode)?,
            },
            4 => Self::Page {
                width: input.u32()?,
                height: input.u32()?,
                dots: u16::try_from(input.u32()?).map_err(|_| WireError::OverBound)?,
                pages: input.u32()?,
            },
            _ => return Err(WireError::UnknownCode),
        };
        input.finish(report)
    }
}

impl SourceCoding {
    fn write(self, out: &mut Writer) {
        let (h, v) = match self {
            Self::Lossless => (0, 0),
            Self::Lossy { chroma_h, chroma_v } => (chroma_h, chroma_v),
        };
        out.u8(h);
        out.u8(v);
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, WireError> {
        match (input.u8()?, input.u8()?) {
            (0, 0) => Ok(Self::Lossless),
            (h, v) => Ok(Self::Lossy { chroma_h: within(h, 1, 4)?, chroma_v: within(v, 1, 4)? }),
        }
    }
}

impl PixelLayout {
    const fn code(self) -> u8 {
        match self {
            Self::Rgb => 0,
            Self::HalvedChroma => 1,
        }
    }

    const fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::Rgb),
            1 => Some(Self::HalvedChroma),
            _ => None,
        }
    }
}

impl ColourTreatment {
    const fn code(self) -> u8 {
        match self {
            Self::Unchanged => 0,
            Self::Converted => 1,
            Self::ProfileIgnored => 2,
        }
    }

    const fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::Unchanged),
            1 => Some(Self::Converted),
            2 => Some(Self::ProfileIgnored),
            _ => None,
        }
    }
}

fn open(untrusted: &[u8], tag: u8) -> Result<Reader<'_>, WireError> {
    if untrusted.len() > MAX_REPORT_BYTES {
        return Err(WireError::OverBound);
    }
    let mut input = Reader::new(untrusted);
    if input.u8()? == tag { Ok(input) } else { Err(WireError::UnknownCode) }
}

fn within(value: u8, low: u8, high: u8) -> Result<u8, WireError> {
    if (low..=high).contains(&value) { Ok(value) } else { Err(WireError::OverBound) }
}

const LOOK: u8 = 0x4C;
const DECODE: u8 = 0x44;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::removal::RemovalCode;

    fn full_look() -> LookReport {
        LookReport {
            kind: FileKind::Jpeg,
            width: 4000,
            height: 3000,
            findings: vec![
                Finding { code: FindingCode::TrailingBytes, offset: 9, value: 7 };
                MAX_FINDINGS
            ],
            rule_hits: vec![RuleHit { rule: 3, offset: u64::MAX }; MAX_RULE_HITS],
            removed: vec![Removal { code: RemovalCode::Gps, count: 4, bytes: 64 }; MAX_REMOVALS],
            parts: vec![Part::new(1, b"IDAT", 8, 8192); MAX_PARTS],
        }
    }

    fn image() -> DecodeReport {
        DecodeReport::Image {
            width: 3,
            height: 2,
            layout: PixelLayout::HalvedChroma,
            source: SourceCoding::Lossy { chroma_h: 2, chroma_v: 1 },
            orientation: 6,
            colour: ColourTreatment::Converted,
            frames_ignored: 1,
        }
    }

    fn page() -> DecodeReport {
        DecodeReport::Page { width: 3, height: 2, dots: 200, pages: 50 }
    }

    #[test]
    fn the_fullest_report_fits_its_bound() {
        let bytes = full_look().encode();
        assert!(bytes.len() <= MAX_REPORT_BYTES);
        assert_eq!(LookReport::decode(&bytes), Ok(full_look()));
    }

    #[test]
    fn one_finding_over_the_bound_is_refused() {
        let mut bytes = full_look().encode();
        let over = u32::try_from(MAX_FINDINGS + 1).unwrap().to_le_bytes();
        bytes.splice(10..14, over);
        assert_eq!(LookReport::decode(&bytes), Err(WireError::OverBound));
    }

    #[test]
    fn every_cut_and_every_addition_is_refused() {
        for bytes in [full_look().encode(), image().encode(), page().encode()] {
            for end in 0..bytes.len() {
                assert!(LookReport::decode(&bytes[..end]).is_err(), "cut at {end}");
                assert!(DecodeReport::decode(&bytes[..end]).is_err(), "cut at {end}");
            }
            let longer = [bytes.as_slice(), &[0]].concat();
            assert!(LookReport::decode(&longer).is_err());
            assert!(DecodeReport::decode(&longer).is_err());
        }
    }

    #[test]
    fn what_decodes_encodes_to_the_same_bytes() {
        for original in [image().encode(), page().encode()] {
            for place in 0..original.len() {
                for value in 0..=255u8 {
                    let mut bytes = original.clone();
                    bytes[place] = value;
                    if let Ok(report) = DecodeReport::decode(&bytes) {
                        assert_eq!(report.encode(), bytes, "byte {place} as {value}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_report_of_the_other_kind_is_refused() {
        assert_eq!(LookReport::decode(&image().encode()), Err(WireError::UnknownCode));
        assert_eq!(DecodeReport::decode(&full_look().encode()), Err(WireError::UnknownCode));
    }
}
