//! What must hold of the service's own reading for any bytes at all.

use sekisho::domain::artifact::Declared;

/// The name cleaner: what a device says of a file becomes a short, plain claim.
pub fn name(data: &[u8]) {
    let said = String::from_utf8_lossy(data);
    let (name, media_type) = said.split_once('\n').unwrap_or((&said, ""));
    let declared = Declared::from_untrusted(Some(name), Some(media_type));
    let plain =
        |text: &String| text.len() <= 128 && text.bytes().all(|byte| byte.is_ascii_graphic());
    assert!(declared.extension.as_ref().is_none_or(plain), "{declared:?}");
    assert!(declared.media_type.as_ref().is_none_or(plain), "{declared:?}");
}
