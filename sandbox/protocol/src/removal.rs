//! What a source holds beside its pixels, none of which its rendition has: codes and counts, never contents.

use crate::code::codes;
use crate::wire::{Reader, WireError, Writer};

codes! {
    /// Something that does not go into the rendition.
    RemovalCode {
        /// Where the picture was taken.
        Gps = 1 => "gps",
        /// Maker, model, serial numbers, lens, software.
        Device = 2 => "device",
        /// When the picture was taken, digitised or changed.
        Times = 3 => "times",
        /// Names of authors, owners and copyright holders.
        Author = 4 => "author",
        /// Descriptions, titles, comments, keywords.
        Comments = 5 => "comments",
        /// The maker's own notes inside EXIF.
        MakerNote = 6 => "maker_note",
        /// A smaller copy of the picture.
        Thumbnail = 7 => "thumbnail",
        /// EXIF as a whole; what was read of it is counted under its own codes as well.
        Exif = 8 => "exif",
        Xmp = 9 => "xmp",
        Iptc = 10 => "iptc",
        /// A colour profile, applied to the pixels where it is not sRGB.
        ColourProfile = 11 => "colour_profile",
        /// A signed account of where the picture comes from (C2PA).
        ContentCredentials = 12 => "content_credentials",
        /// Segments or chunks of applications that are none of the above.
        OtherSegments = 13 => "other_segments",
        /// Bytes after the end, those of makers among them.
        BytesAfterEnd = 14 => "bytes_after_end",
        /// Frames of an animation but the first.
        FurtherFrames = 15 => "further_frames",
        /// Further whole pictures: other exposures, gain maps, depth maps.
        FurtherPictures = 16 => "further_pictures",
        /// The short film of a motion photo.
        Film = 17 => "film",
        /// Layers of a document that are switched off.
        HiddenLayers = 18 => "hidden_layers",
        /// Words of a document's notes that open at a click.
        Notes = 19 => "notes",
    }
}

/// One line of a removal report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Removal {
    pub code: RemovalCode,
    /// How many fields, segments, frames or pictures.
    pub count: u32,
    /// How many bytes of the source they take, as far as the structure says.
    pub bytes: u64,
}

impl Removal {
    pub(crate) fn write(self, out: &mut Writer) {
        out.u8(self.code.code());
        out.u32(self.count);
        out.u64(self.bytes);
    }

    pub(crate) fn read(input: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self {
            code: RemovalCode::from_code(input.u8()?).ok_or(WireError::UnknownCode)?,
            count: input.u32()?,
            bytes: input.u64()?,
        })
    }
}
