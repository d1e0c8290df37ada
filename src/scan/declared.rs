//! What the sender's device said a file is, against what its bytes are.
//!
//! Phones often give a picture another picture's name, which is worth a note. A file that calls
//! itself a picture and is none was renamed by somebody; so was a picture that calls itself a
//! program, a script or a document.

use super::jail::FileKind;
use crate::domain::artifact::Declared;
use crate::domain::finding::{Code, Engine, Finding, Severity};

/// The finding `deceptive_name`, if something about the name is odd.
pub(super) fn deceptive_name(declared: &Declared) -> Option<Finding> {
    let odd = declared.odd?;
    let code = Code::fixed("deceptive_name");
    Some(Finding::new(Engine::Type, code, Severity::Suspicious, odd.as_str()))
}

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
        "exe" | "com" | "scr" | "pif" | "dll" | "sys" | "drv" | "ocx" | "msi" | "msp" | "mst"
        | "msu" | "msix" | "msixbundle" | "appx" | "appxbundle" | "appinstaller"
        | "application" | "cpl" | "lnk" | "gadget" | "xll" | "app" | "apk" | "xapk" | "jar"
        | "elf" | "so" | "dylib" | "appimage" | "run" | "class" | "dex" | "wasm" | "vxd"
        | "ade" | "adp" | "mde" | "pkg" | "ipa" | "deb" | "rpm" => FileKind::Executable,
        "bat" | "cmd" | "btm" | "ps1" | "psm1" | "psd1" | "ps1xml" | "ps2" | "ps2xml" | "psc1"
        | "psc2" | "vb" | "vbs" | "vbe" | "vbp" | "vbscript" | "bas" | "htc" | "js" | "jse"
        | "mjs" | "cjs" | "ws" | "wsc" | "wsf" | "wsh" | "sct" | "hta" | "sh" | "bash" | "zsh"
        | "csh" | "ksh" | "command" | "workflow" | "scpt" | "applescript" | "py" | "pyc"
        | "pyo" | "pyw" | "pyz" | "pyzw" | "pl" | "rb" | "lua" | "tcl" | "php" | "php3"
        | "php4" | "php5" | "php7" | "phtml" | "phar" | "asp" | "aspx" | "ashx" | "jsp"
        | "jspx" | "cgi" | "prg" | "reg" | "rgs" | "inf" | "ins" | "isp" | "its" | "scf"
        | "shb" | "shs" | "url" | "website" | "webloc" | "desktop" | "theme" | "themepack"
        | "deskthemepack" | "library-ms" | "search-ms" | "searchconnector-ms"
        | "settingcontent-ms" | "appref-ms" | "appcontent-ms" | "rdp" | "iqy" | "oqy" | "rqy"
        | "dqy" | "slk" | "udl" | "mcf" | "msc" | "msh" | "msh1" | "msh2" | "mshxml" | "mad"
        | "maf" | "mag" | "mam" | "maq" | "mar" | "mas" | "mat" | "mau" | "mav" | "maw" | "mda"
        | "mdb" | "mdt" | "mdw" | "mdz" | "accde" | "accdr" | "xnk" | "prf" | "pcd" | "plg"
        | "ops" | "osd" | "crt" | "cer" | "der" | "gpp" | "jnlp" | "mobileconfig" | "ovpn"
        | "autorun" | "printerexport" | "webpnp" | "grp" | "bgi" | "vsmacros" | "vsw" | "xbap"
        | "torrent" | "ini" | "cfg" | "conf" | "config" | "htaccess" | "htpasswd" => {
            FileKind::Script
        }
        "htm" | "html" | "xhtml" | "shtml" | "mht" | "mhtml" | "xml" | "xsl" | "xslt" => {
            FileKind::Html
        }
        "doc" | "docx" | "docm" | "dot" | "dotx" | "dotm" | "xls" | "xlsx" | "xlsm" | "xlsb"
        | "xlt" | "xltx" | "xltm" | "xla" | "xlam" | "ppt" | "pptx" | "pptm" | "pps" | "ppsx"
        | "ppsm" | "pot" | "potx" | "potm" | "ppa" | "ppam" | "sldm" | "pub" | "vsd" | "vsdx"
        | "accdb" | "msg" | "oft" | "pst" | "ost" => FileKind::Office,
        "rtf" | "odt" | "ods" | "odp" | "one" | "onepkg" | "chm" | "hlp" | "cnt" | "hpj"
        | "xps" | "oxps" | "eml" | "emlx" | "mbox" | "diagcab" | "diagcfg" => FileKind::Document,
        "7z" | "rar" | "gz" | "tgz" | "bz2" | "xz" | "zst" | "tar" | "iso" | "img" | "vhd"
        | "vhdx" | "vmdk" | "ova" | "dmg" | "cab" | "lzh" | "lha" | "arj" | "ace" | "z"
        | "zipx" | "cpio" | "uue" | "hqx" => FileKind::Archive,
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
        "application/javascript"
        | "text/javascript"
        | "text/vbscript"
        | "application/x-sh"
        | "application/x-bat"
        | "application/hta"
        | "application/x-httpd-php"
        | "application/x-ms-shortcut" => FileKind::Script,
        "application/x-msdownload"
        | "application/x-msdos-program"
        | "application/x-dosexec"
        | "application/x-executable"
        | "application/java-archive"
        | "application/vnd.android.package-archive"
        | "application/vnd.microsoft.portable-executable" => FileKind::Executable,
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
    fn what_mail_programs_block_is_not_taken_under_its_name() {
        let odd = Some(Severity::Suspicious);
        for ending in BLOCKED.split_whitespace() {
            for kind in [FileKind::Jpeg, FileKind::Text, FileKind::Pdf] {
                assert_eq!(weigh(&format!("a.{ending}"), "", kind), odd, "{ending}");
            }
        }
    }

    #[test]
    fn an_odd_name_is_found_whatever_the_file_is() {
        let found = |name: &str| {
            let declared = Declared::from_untrusted(Some(name), None);
            deceptive_name(&declared).map(|finding| (finding.severity, finding.detail))
        };
        assert_eq!(found("photo.jpg"), None);
        let odd = (Severity::Suspicious, "double_ending".to_owned());
        assert_eq!(found("photo.exe.jpg"), Some(odd));
    }

    /// The list of Outlook, and what came into use for attacks since.
    const BLOCKED: &str = "ade adp app application appref-ms asp aspx bas bat bgi cab cer \
        chm cmd cnt com cpl crt csh der diagcab exe gadget grp hlp hpj hta htc inf ins iso isp \
        its jar jnlp js jse ksh lnk mad maf mag mam maq mar mas mat mau mav maw mcf mda mdb mde \
        mdt mdw mdz msc msh msh1 msh2 mshxml msi msp mst msu ops osd pcd pif pl plg prf prg \
        printerexport ps1 ps1xml ps2 ps2xml psc1 psc2 psd1 psm1 pst py pyc pyo pyw pyz \
        pyzw reg scf scr sct shb shs theme url vb vbe vbp vbs vhd vhdx vsmacros vsw webpnp \
        website ws wsc wsf wsh xbap xll xnk rgs img one appx msix sys vxd search-ms library-ms \
        settingcontent-ms desktop slk iqy rdp msixbundle appinstaller";

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
