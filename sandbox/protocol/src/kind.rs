//! What a file is, as the jail saw it from its bytes, never from its name.

use crate::code::codes;

codes! {
    /// The kind of a file by its structure.
    FileKind {
        /// Nothing that was recognised.
        Unknown = 0 => "unknown",
        Jpeg = 1 => "jpeg",
        Png = 2 => "png",
        WebP = 3 => "webp",
        Gif = 4 => "gif",
        /// Text in UTF-8, UTF-16 or a Japanese encoding, without NUL characters.
        Text = 5 => "text",
        Pdf = 6 => "pdf",
        Zip = 7 => "zip",
        Heic = 8 => "heic",
        Avif = 9 => "avif",
        Tiff = 10 => "tiff",
        Bmp = 11 => "bmp",
        /// Documents of office programs, old or new.
        Office = 12 => "office",
        /// PE, ELF, Mach-O, Java class, DEX, WebAssembly.
        Executable = 13 => "executable",
        /// Text that an interpreter runs.
        Script = 14 => "script",
        Html = 15 => "html",
        Svg = 16 => "svg",
        /// RAR, 7z, gzip, tar and the like.
        Archive = 17 => "archive",
        Video = 18 => "video",
        Audio = 19 => "audio",
        Dicom = 20 => "dicom",
        /// RTF, OLE shortcuts and other documents that are none of the above.
        Document = 21 => "document",
        Font = 22 => "font",
        /// An image format that is not decoded here (JPEG XL, JPEG 2000, PSD, ICO, camera raw).
        OtherImage = 23 => "other_image",
    }
}

impl FileKind {
    /// The media type that fits this kind, for comparison with what was declared.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::WebP => "image/webp",
            Self::Gif => "image/gif",
            Self::Text => "text/plain",
            Self::Pdf => "application/pdf",
            Self::Zip => "application/zip",
            Self::Heic => "image/heic",
            Self::Avif => "image/avif",
            Self::Tiff => "image/tiff",
            Self::Bmp => "image/bmp",
            Self::Html => "text/html",
            Self::Svg => "image/svg+xml",
            Self::Dicom => "application/dicom",
            Self::Video => "video/mp4",
            Self::Audio => "audio/mpeg",
            Self::Unknown
            | Self::Office
            | Self::Executable
            | Self::Script
            | Self::Archive
            | Self::Document
            | Self::Font
            | Self::OtherImage => "application/octet-stream",
        }
    }

    /// Whether the decoding child has a decoder for this kind. Everything else stays in quarantine.
    pub const fn is_decodable(self) -> bool {
        matches!(
            self,
            Self::Jpeg
                | Self::Png
                | Self::WebP
                | Self::Gif
                | Self::Heic
                | Self::Avif
                | Self::Tiff
                | Self::Bmp
                | Self::Text
                | Self::Pdf
        )
    }
}
