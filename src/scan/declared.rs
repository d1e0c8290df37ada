//! What the sender's device said a file is, against what its bytes are.
//!
//! Phones often give a picture another picture's name, which is worth a note. A file that calls
//! itself a picture and is none was renamed by somebody; so was a picture that calls itself a
//! program, a script or a document.

use super::jail::FileKind;
use crate::domain::artifact::Declared;
use crate::domain::finding::{Code, Engine, Finding, Severity};

/// The finding `type_mismatch`, if name or media type name another kind than the bytes have. What
/// is claimed in words that are not known here is no claim.
pub(super) fn mismatch(declared: &Declared, kind: FileKind) -> Option<Finding> {
    let extension = declared.extension.as_deref();
    let media_type = declared.media_type.as_deref();
    let claims = [extension.and_then(claim_of_extension), media_type.and_then(claim_of_media_type)];
    let worst = claims
        .into_iter()
        .flatten()
        .filter_map(|claim| Some((weight(claim, kind)?, claim)))
        .max_by_key(|(weight, _)| *weight);
    let (weight, claim) = worst?;
    let detail = format!("{} named as {}", kind.as_str(), claim.as_str());
    let code = Code::fixed("type_mismatch");
    Some(Finding::new(Engine::Type, code, weight, &detail))
}

fn weight(claim: FileKind, kind: FileKind) -> Option<Severity> {
    if claim == kind {
        None
    } else if is_picture(claim) && is_picture(kind) {
        Some(Severity::Info)
    } else {
        Some(Severity::Suspicious)
    }
}

fn claim_of_extension(extension: &str) -> Option<FileKind> {
    Some(match extension {
        "jpg" | "jpeg" | "jpe" | "jfif" => FileKind::Jpeg,
        "png" => FileKind::Png,
        "webp" => FileKind::WebP,
        "gif" => FileKind::Gif,
        "heic" | "heif" => FileKind::Heic,
        "avif" => FileKind::Avif,
        "tif" | "tiff" => FileKind::Tiff,
        "bmp" => FileKind::Bmp,
        "jxl" | "jp2" | "ico" | "psd" | "dng" | "nef" | "arw" | "cr2" | "cr3" | "raf" | "orf"
        | "rw2" => FileKind::OtherImage,
        "svg" => FileKind::Svg,
        "pdf" => FileKind::Pdf,
        "zip" => FileKind::Zip,
        "txt" => FileKind::Text,
        "dcm" => FileKind::Dicom,
        // What a double-click would start or open elsewhere, whatever the bytes are.
        "exe" | "com" | "scr" | "pif" | "dll" | "msi" | "cpl" | "lnk" | "app" | "apk" | "jar"
        | "elf" | "so" | "dylib" => FileKind::Executable,
        "bat" | "cmd" | "ps1" | "psm1" | "vbs" | "vbe" | "js" | "jse" | "mjs" | "wsf" | "wsh"
        | "hta" | "sh" | "py" | "pl" | "rb" | "php" | "reg" | "scf" | "url" | "command" => {
            FileKind::Script
        }
        "htm" | "html" | "xhtml" | "mht" | "mhtml" | "xml" => FileKind::Html,
        "doc" | "docx" | "docm" | "dot" | "dotm" | "xls" | "xlsx" | "xlsm" | "xlsb" | "ppt"
        | "pptx" | "pptm" | "ppsx" => FileKind::Office,
        "rtf" | "odt" | "ods" | "odp" | "one" | "chm" => FileKind::Document,
        "7z" | "rar" | "gz" | "tgz" | "tar" | "iso" | "img" | "cab" | "lzh" => FileKind::Archive,
        _ => return None,
    })
}

fn claim_of_media_type(media_type: &str) -> Option<FileKind> {
    Some(match media_type {
        "image/jpeg" | "image/jpg" | "image/pjpeg" => FileKind::Jpeg,
        "image/png" => FileKind::Png,
        "image/webp" => FileKind::WebP,
        "image/gif" => FileKind::Gif,
        "image/heic" | "image/heif" => FileKind::Heic,
        "image/avif" => FileKind::Avif,
        "image/tiff" => FileKind::Tiff,
        "image/bmp" | "image/x-ms-bmp" => FileKind::Bmp,
        "image/svg+xml" => FileKind::Svg,
        "application/pdf" => FileKind::Pdf,
        "application/zip" => FileKind::Zip,
        "text/plain" => FileKind::Text,
        "application/dicom" => FileKind::Dicom,
        "text/html" | "application/xhtml+xml" => FileKind::Html,
        "application/javascript" | "text/javascript" | "application/x-sh" => FileKind::Script,
        "application/x-msdownload" | "application/vnd.microsoft.portable-executable" => {
            FileKind::Executable
        }
        other if other.starts_with("image/") => FileKind::OtherImage,
        _ => return None,
    })
}

const fn is_picture(kind: FileKind) -> bool {
    matches!(
        kind,
        FileKind::Jpeg
            | FileKind::Png
            | FileKind::WebP
            | FileKind::Gif
            | FileKind::Heic
            | FileKind::Avif
            | FileKind::Tiff
            | FileKind::Bmp
            | FileKind::OtherImage
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weigh(name: &str, media_type: &str, kind: FileKind) -> Option<Severity> {
        let declared = Declared::from_untrusted(Some(name), Some(media_type));
        mismatch(&declared, kind).map(|finding| finding.severity)
    }

    #[test]
    fn what_is_what_it_says_is_no_finding() {
        assert_eq!(weigh("a.JPG", "image/jpeg", FileKind::Jpeg), None);
        assert_eq!(weigh("a.bin", "application/octet-stream", FileKind::Png), None);
        assert_eq!(weigh("noname", "", FileKind::Executable), None);
    }

    #[test]
    fn another_picture_is_a_note() {
        let note = Some(Severity::Info);
        assert_eq!(weigh("a.jpg", "image/jpeg", FileKind::WebP), note);
        assert_eq!(weigh("a.heic", "", FileKind::Jpeg), note);
        assert_eq!(weigh("a", "image/x-unheard-of", FileKind::Png), note);
    }

    #[test]
    fn a_picture_that_is_none_is_suspicious_whichever_claim_says_so() {
        let odd = Some(Severity::Suspicious);
        for kind in
            [FileKind::Executable, FileKind::Zip, FileKind::Svg, FileKind::Text, FileKind::Unknown]
        {
            assert_eq!(weigh("a.jpg", "", kind), odd);
            assert_eq!(weigh("a", "image/png", kind), odd);
        }
        for name in ["a.jpg.exe", "a.bat", "a.HTML", "a.docx", "a.7z", "a.pdf", "a.svg"] {
            assert_eq!(weigh(name, "image/jpeg", FileKind::Jpeg), odd, "{name}");
        }
        assert_eq!(weigh("a.txt", "image/jpeg", FileKind::Text), odd);
        assert_eq!(weigh("a.txt", "text/plain", FileKind::Jpeg), odd);
    }
}
