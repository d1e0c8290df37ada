//! Hashing what people type: passwords, and the second secrets of links.
//!
//! A hash takes 19 MiB and a processor, and anybody may ask for one. So a process makes a few at a
//! time and the others wait their turn. Who gave up waiting takes none; one that was begun keeps its
//! turn to its end, as nothing stops its thread.

use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, Params, PasswordHasher as _, PasswordVerifier as _};
use tokio::sync::Semaphore;

use super::FlowError;
use super::seal::blocking;

/// Hashes that a process makes at once: 76 MiB, some hundred a second where there are processors.
const AT_ONCE: usize = 4;
static TURNS: Semaphore = Semaphore::const_new(AT_ONCE);

/// Argon2id in PHC form, at the strength OWASP gives for interactive sign-in (19 MiB, 2 passes).
pub(super) async fn hash(
    secret: impl AsRef<str> + Send + 'static,
    salt: [u8; 16],
) -> Result<String, FlowError> {
    let failed = || FlowError::Internal("a password could not be hashed");
    in_turn(move || {
        let hash: Result<PasswordHash, _> =
            argon2()?.hash_password_with_salt(secret.as_ref().as_bytes(), &salt);
        Ok(hash.map_err(|_| failed())?.to_string())
    })
    .await?
}

/// Whether a secret matches its hash. A hash that does not read matches nothing.
pub(super) async fn matches(
    untrusted_secret: impl AsRef<str> + Send + 'static,
    hash: String,
) -> Result<bool, FlowError> {
    in_turn(move || {
        let (Ok(argon2), Ok(hash)) = (argon2(), PasswordHash::new(&hash)) else {
            return false;
        };
        argon2.verify_password(untrusted_secret.as_ref().as_bytes(), &hash).is_ok()
    })
    .await
}

async fn in_turn<T, F>(work: F) -> Result<T, FlowError>
where
    T: Send + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    let turn =
        TURNS.acquire().await.map_err(|_| FlowError::Internal("no turn to hash is given"))?;
    blocking(move || {
        let _turn = turn;
        work()
    })
    .await
}

fn argon2() -> Result<Argon2<'static>, FlowError> {
    let failed = |_| FlowError::Internal("argon2 refused its parameters");
    let params = Params::new(19 * 1024, 2, 1, None).map_err(failed)?;
    Ok(Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    use tokio::task::JoinSet;

    use super::*;

    #[tokio::test]
    async fn of_many_asked_for_at_once_a_few_are_made_at_a_time() {
        let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let mut asked = JoinSet::new();
        for _ in 0..100 {
            let (running, most) = (Arc::clone(&running), Arc::clone(&most));
            asked.spawn(in_turn(move || {
                most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                let made: Result<PasswordHash, _> =
                    argon2().unwrap().hash_password_with_salt(b"secret", &[7; 16]);
                running.fetch_sub(1, Ordering::SeqCst);
                made.is_ok()
            }));
        }
        assert!(asked.join_all().await.into_iter().all(|made| made.unwrap()));
        assert!(most.load(Ordering::SeqCst) <= AT_ONCE, "{most:?}");
    }

    #[tokio::test]
    async fn one_that_nobody_waits_for_any_more_keeps_its_turn_to_its_end() {
        let (begun, begins) = tokio::sync::oneshot::channel();
        let (end, ends) = mpsc::channel::<()>();
        let asked = tokio::spawn(in_turn(move || {
            begun.send(()).unwrap();
            ends.recv().unwrap();
        }));
        begins.await.unwrap();
        asked.abort();
        assert!(asked.await.unwrap_err().is_cancelled());
        assert_eq!(TURNS.available_permits(), AT_ONCE - 1);
        end.send(()).unwrap();
        drop(TURNS.acquire_many(u32::try_from(AT_ONCE).unwrap()).await.unwrap());
    }

    #[tokio::test]
    async fn a_secret_matches_its_own_hash_only() {
        let hashed = hash("secret", [7; 16]).await.unwrap();
        assert!(matches("secret", hashed.clone()).await.unwrap());
        assert!(!matches("Secret", hashed).await.unwrap());
        assert!(!matches("secret", "no hash".to_owned()).await.unwrap());
    }
}
