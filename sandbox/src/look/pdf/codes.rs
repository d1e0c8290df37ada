//! Which keys and values of a document make a reader do something.

use sekisho_protocol::FindingCode;

pub(super) fn of_key(key: &[u8]) -> Option<FindingCode> {
    Some(match key {
        b"JS" | b"JavaScript" => FindingCode::PdfScript,
        b"EmbeddedFiles" | b"Collection" => FindingCode::PdfEmbeddedFile,
        b"RichMediaContent" | b"RichMediaSettings" => FindingCode::PdfRichMedia,
        b"XFA" => FindingCode::PdfXfa,
        b"AcroForm" => FindingCode::PdfForm,
        _ => return None,
    })
}

pub(super) fn of_value(key: &[u8], value: &[u8]) -> Option<FindingCode> {
    Some(match (key, value) {
        // A PostScript object is a program for the printer.
        (b"S", b"JavaScript") | (b"Subtype" | b"Subtype2", b"PS") => FindingCode::PdfScript,
        (b"S", b"Launch") => FindingCode::PdfLaunch,
        (b"S", b"SubmitForm" | b"ImportData") => FindingCode::PdfSubmitForm,
        (b"S", b"GoToR" | b"GoToE") => FindingCode::PdfRemoteGoTo,
        (b"S", b"URI") => FindingCode::PdfLinks,
        (b"S", b"Rendition" | b"Movie" | b"Sound" | b"RichMediaExecute" | b"GoTo3DView")
        | (b"Subtype", b"RichMedia" | b"Movie" | b"Sound" | b"Screen" | b"3D") => {
            FindingCode::PdfRichMedia
        }
        (b"Subtype", b"FileAttachment") | (b"Type", b"EmbeddedFile") => {
            FindingCode::PdfEmbeddedFile
        }
        _ => return None,
    })
}

/// Keys whose values matter, wherever in the document they stand.
pub(super) const WEIGHED: [&[u8]; 6] = [b"S", b"Subtype", b"Subtype2", b"Type", b"URI", b"Base"];
/// Keys whose strings are links.
pub(super) const LINKS: [&[u8]; 2] = [b"URI", b"Base"];
