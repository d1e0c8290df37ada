//! The look at a file: what it is, whether its structure holds to the end, what else is in it.
//!
//! Bytes in, a bounded list of codes and numbers out. Nothing is decoded and nothing is decided here; sizes come from
//! headers, before any memory is spent on pixels.

pub mod bmp;
mod encrypted;
pub mod foreign;
pub mod gif;
mod gif_codes;
pub mod heif;
pub mod items;
pub mod jpeg;
pub mod kind;
pub mod metadata;
pub mod notes;
pub mod pdf;
pub mod png;
pub mod segments;
pub mod tail;
pub mod text;
pub mod tiff;
pub mod webp;
mod webp_codes;
mod zlib;

use sekisho_protocol::{DecodeLimits, FileKind, FindingCode, LookReport};

pub use notes::Notes;

/// What a walk over a picture's structure found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Walk {
    pub width: u32,
    pub height: u32,
    /// Where the structure ends, if it does.
    pub end: Option<usize>,
    /// Frames of an animation, 1 for a still.
    pub frames: u32,
}

/// Looks at `file`. Rule hits are added by the caller.
pub fn look(file: &[u8], limits: &DecodeLimits) -> LookReport {
    let mut notes = Notes::new(limits);
    let kind = kind::of(file);
    let walk = match kind {
        _ if file.is_empty() => {
            notes.add(FindingCode::EmptyFile, 0, 0);
            Walk::default()
        }
        FileKind::Jpeg => jpeg::look(file, &mut notes),
        FileKind::Png => png::look(file, &mut notes),
        FileKind::WebP => plain(file, &mut notes, webp::look),
        FileKind::Gif => plain(file, &mut notes, gif::walk),
        FileKind::Heic | FileKind::Avif => plain(file, &mut notes, heif::walk),
        FileKind::Tiff => plain(file, &mut notes, tiff::walk),
        FileKind::Bmp => plain(file, &mut notes, bmp::walk),
        FileKind::Pdf => {
            pdf::look(file, limits, &mut notes);
            Walk::default()
        }
        FileKind::Text => {
            text::look(file, limits.max_text_chars, &mut notes);
            Walk::default()
        }
        _ => {
            kind::unsupported(file, kind, &mut notes);
            Walk::default()
        }
    };
    check_limits(&walk, limits, &mut notes);
    notes.count_what_was_found();
    let (findings, removed, parts) = notes.into_lists();
    LookReport {
        kind,
        width: walk.width,
        height: walk.height,
        findings,
        rule_hits: Vec::new(),
        removed,
        parts,
    }
}

/// Walks a format that may have nothing behind its end.
fn plain(file: &[u8], notes: &mut Notes, walk: impl Fn(&[u8], &mut Notes) -> Walk) -> Walk {
    let walk = walk(file, notes);
    tail::inspect(file, walk.end, notes);
    foreign::whole_file(file, notes);
    walk
}

/// Sizes against limits. A picture over one of them is not decoded.
fn check_limits(walk: &Walk, limits: &DecodeLimits, notes: &mut Notes) {
    let pixels = u64::from(walk.width) * u64::from(walk.height);
    let longer = walk.width.max(walk.height);
    if longer > limits.max_dimension {
        notes.add(FindingCode::DimensionLimit, 0, longer.into());
    }
    if pixels > limits.max_pixels {
        notes.add(FindingCode::TooManyPixels, 0, pixels);
    }
    if walk.frames > limits.max_frames {
        notes.add(FindingCode::FrameLimit, 0, walk.frames.into());
    } else if walk.frames > 1 {
        notes.add(FindingCode::FramesIgnored, 0, u64::from(walk.frames) - 1);
    }
}
