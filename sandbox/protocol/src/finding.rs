//! What the looking child may say about a file: a code, where, and one number.

use crate::code::codes;
use crate::wire::{Reader, WireError, Writer};

codes! {
    /// Something the jail observed. What it means for a release is decided by policy, never here.
    FindingCode {
        EmptyFile = 1 => "empty_file",
        UnsupportedType = 2 => "unsupported_type",
        Encrypted = 3 => "encrypted",
        /// The structure ends before it says it does.
        Truncated = 4 => "truncated",
        /// The structure contradicts itself or the decoder refused it.
        Malformed = 5 => "malformed",
        /// Bytes after the end of the structure. Value: how many.
        TrailingBytes = 6 => "trailing_bytes",
        /// Bytes before the structure begins. Value: how many.
        PrependedBytes = 7 => "prepended_bytes",
        /// Another format begins inside or behind this one. Value: its [`crate::FileKind`] number.
        SecondFormat = 8 => "second_format",
        /// More pixels than allowed. Value: how many.
        TooManyPixels = 9 => "too_many_pixels",
        /// A side is longer than allowed. Value: the longer side.
        DimensionLimit = 10 => "dimension_limit",
        /// More frames than allowed. Value: how many.
        FrameLimit = 11 => "frame_limit",
        /// More segments, chunks or blocks than any honest file has.
        ExpansionLimit = 12 => "expansion_limit",
        /// A header is longer than its format has it. Value: how much.
        OverlongHeader = 13 => "overlong_header",
        /// Two headers say different things about the same picture.
        LyingHeader = 14 => "lying_header",
        /// Decoding it takes more memory than a child may have. Value: 0.
        MemoryLimit = 15 => "memory_limit",
        /// The picture that is kept is none that viewers of animations show. Value: 0.
        HiddenPicture = 16 => "hidden_picture",
        /// No encoding that is known here reads it to its end.
        NotUtf8 = 20 => "not_utf8",
        /// More characters than allowed. Value: how many.
        TextLimit = 21 => "text_limit",
        /// Zero-width and other invisible characters. Value: how many.
        InvisibleCharacters = 22 => "invisible_characters",
        /// Characters that reverse the direction of reading. Value: how many.
        BidiOverride = 23 => "bidi_override",
        /// Control characters. Value: how many.
        ControlCharacters = 24 => "control_characters",
        /// A link that runs, embeds or opens something: `javascript:`, `data:`, `file:` and the like, however spelled.
        ActiveLink = 25 => "active_link",
        /// HTML, XML or script markup in text.
        Markup = 26 => "markup",
        /// A link whose host is not what it looks like.
        DeceptiveLink = 27 => "deceptive_link",
        /// An escape that commands a terminal. Value: how many, or 0 where it is written out.
        TerminalEscape = 28 => "terminal_escape",
        /// Something that a spreadsheet would run.
        Formula = 29 => "formula",
        /// A line that pretends to be a log's, or what a logger would act on.
        LogInjection = 30 => "log_injection",
        /// The text is in another encoding than UTF-8. Harmless. Value: its [`TextEncoding`] number.
        TextEncoding = 31 => "text_encoding",
        /// Further pictures of a multi-picture JPEG behind the first. Harmless, dropped by decoding.
        MultiPicture = 40 => "multi_picture",
        /// The video of a motion photo behind the picture. Harmless, dropped by decoding.
        MotionPhoto = 41 => "motion_photo",
        /// A maker's own trailer behind the picture. Harmless, dropped by decoding.
        MakerTrailer = 42 => "maker_trailer",
        /// Zeros or a few blanks behind the end. Harmless, dropped by decoding.
        Padding = 43 => "padding",
        /// More frames than the one that is kept. Value: how many are dropped.
        FramesIgnored = 44 => "frames_ignored",
        /// Active content of a document: scripts.
        PdfScript = 80 => "pdf_script",
        /// Starts a program or opens another file.
        PdfLaunch = 81 => "pdf_launch",
        /// Files inside a document.
        PdfEmbeddedFile = 82 => "pdf_embedded_file",
        /// Video, sound, three-dimensional or Flash content.
        PdfRichMedia = 83 => "pdf_rich_media",
        /// A form that its reader builds from XML and script; its pages may show something else.
        PdfXfa = 84 => "pdf_xfa",
        /// Sends what is in a form somewhere, or takes it from there.
        PdfSubmitForm = 85 => "pdf_submit_form",
        /// Goes to a place in another file.
        PdfRemoteGoTo = 86 => "pdf_remote_goto",
        /// Does something by itself when the document is opened, other than going to a page.
        PdfAutoAction = 87 => "pdf_auto_action",
        /// A name that matters, written with escapes, as nobody does who has nothing to hide.
        PdfHiddenName = 88 => "pdf_hidden_name",
        /// The table of objects is not where it should be. Readers repair that, and only pixels go on.
        PdfBrokenTable = 89 => "pdf_broken_table",
        /// More pages than allowed. Value: how many.
        PageLimit = 90 => "page_limit",
        /// More objects than allowed. Value: how many.
        ObjectLimit = 91 => "object_limit",
        /// Text in a font that is neither in the document nor here: it would be missing.
        FontMissing = 92 => "font_missing",
        /// A picture or font on a page that could not be drawn: it would be missing.
        PageIncomplete = 93 => "page_incomplete",
        /// Links of a document. Value: how many. Harmless, dropped by decoding.
        PdfLinks = 94 => "pdf_links",
        /// Fields to fill in. Harmless, drawn as they are filled in.
        PdfForm = 95 => "pdf_form",
        /// Earlier versions of a document inside it. Value: how many. Harmless, dropped by decoding.
        PdfRevisions = 96 => "pdf_revisions",
        /// A part of it lies in another file, which a reader would fetch.
        PdfOutsidePart = 97 => "pdf_outside_part",
        /// Encrypted with an empty password, so that every reader opens it. Harmless, drawn as readers show it.
        PdfEmptyPassword = 98 => "pdf_empty_password",
        /// Asks its reader to print it when it is opened. Harmless, dropped by decoding.
        PdfPrintsItself = 99 => "pdf_prints_itself",
        /// The list of findings was full; there were more.
        MoreFindings = 60 => "more_findings",
    }
}

codes! {
    /// The encoding of a text.
    TextEncoding {
        Utf8 = 1 => "utf-8",
        Utf16Le = 2 => "utf-16le",
        Utf16Be = 3 => "utf-16be",
        ShiftJis = 4 => "shift_jis",
        EucJp = 5 => "euc-jp",
        Iso2022Jp = 6 => "iso-2022-jp",
    }
}

impl FindingCode {
    /// Known and harmless in real photos and documents: worth a note, not a review.
    pub const fn is_harmless(self) -> bool {
        matches!(
            self,
            Self::MultiPicture
                | Self::MotionPhoto
                | Self::MakerTrailer
                | Self::Padding
                | Self::FramesIgnored
                | Self::TextEncoding
                | Self::PdfLinks
                | Self::PdfForm
                | Self::PdfRevisions
                | Self::PdfBrokenTable
                | Self::PdfEmptyPassword
                | Self::PdfPrintsItself
        )
    }
}

/// One observation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finding {
    pub code: FindingCode,
    /// Where in the file, in bytes from its start.
    pub offset: u64,
    /// The number that [`FindingCode`] documents for this code, otherwise 0.
    pub value: u64,
}

impl Finding {
    pub(crate) fn write(self, out: &mut Writer) {
        out.u8(self.code.code());
        out.u64(self.offset);
        out.u64(self.value);
    }

    pub(crate) fn read(input: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self {
            code: FindingCode::from_code(input.u8()?).ok_or(WireError::UnknownCode)?,
            offset: input.u64()?,
            value: input.u64()?,
        })
    }
}

/// A YARA rule that matched, by its place in [`crate::Ready::rules`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuleHit {
    pub rule: u32,
    /// Where its first pattern matched, in bytes from the start; 0 if the rule has none.
    pub offset: u64,
}

impl RuleHit {
    pub(crate) fn write(self, out: &mut Writer) {
        out.u32(self.rule);
        out.u64(self.offset);
    }

    pub(crate) fn read(input: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self { rule: input.u32()?, offset: input.u64()? })
    }
}
