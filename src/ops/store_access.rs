//! A role's own access to the store's buckets, as it stands in a file beside its keys.

use std::fs::File;
use std::io;

use zeroize::Zeroizing;

use super::database::read_password;

/// A role's access key and its secret.
pub struct StoreAccess {
    pub access_key: String,
    pub secret_key: Zeroizing<String>,
}

/// Reads the access key and the secret key, a line each.
///
/// # Errors
/// The system's error; a file that others may read, or that is not two lines, is refused. What
/// stands in it is never repeated.
pub fn read(file: File) -> io::Result<StoreAccess> {
    let refused = || {
        io::Error::other("a role's .store file is not an access key and its secret, a line each")
    };
    let text = read_password(file)?.ok_or_else(refused)?;
    let (access_key, secret_key) = text.split_once('\n').ok_or_else(refused)?;
    let is_word = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_graphic());
    if !is_word(access_key) || !is_word(secret_key) {
        return Err(refused());
    }
    Ok(StoreAccess { access_key: access_key.to_owned(), secret_key: secret_key.to_owned().into() })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn access_is_two_words_that_others_cannot_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("intake.store");
        let read_with = |text: &str, mode| {
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            read(File::open(&path).unwrap())
        };
        let access = read_with("AK\nsecret\n", 0o600).unwrap();
        assert_eq!((&*access.access_key, &**access.secret_key), ("AK", "secret"));
        assert!(read_with("AK\nsecret\n", 0o640).is_err());
        for text in ["", "AK", "AK\n", "\nsecret", "AK\nse cret", "AK\nsecret\nmore"] {
            let refused = read_with(text, 0o600).err().expect("refused").to_string();
            assert!(!refused.contains("AK"), "{text:?}: {refused}");
        }
    }
}
