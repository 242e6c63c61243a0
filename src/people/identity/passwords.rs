//! Passwords: argon2id (RFC 9106) away from the request workers, at most as many at once as there are cores.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordHasher, PasswordVerifier};
use tokio::sync::{Mutex, MutexGuard, Semaphore};

use super::refusals::weak_password;
use crate::kernel::problem::Problem;

/// The least and the most characters (NIST SP 800-63B section 3.1.1.2 asks for at least 8 and to allow 64).
const LENGTH: std::ops::RangeInclusive<usize> = 12..=128;

/// In so many queues attempts stand.
const QUEUES: u64 = 64;

/// Hashes and verifies passwords.
#[derive(Clone, Debug)]
pub struct Passwords {
    permits: Arc<Semaphore>,
    /// What an unknown user's password is compared with, so that the answer takes the same time.
    dummy: Arc<str>,
    queues: Arc<[Mutex<()>]>,
}

impl Passwords {
    /// As many at once as there are cores.
    ///
    /// # Errors
    /// 500 where the hash function fails.
    pub fn try_new() -> Result<Self, Problem> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let dummy = hash_now("no user has this password")?;
        Ok(Self { permits: Arc::new(Semaphore::new(cores)), dummy: dummy.into(), queues: (0..QUEUES).map(|_| Mutex::new(())).collect() })
    }

    /// Waits for the attempts on the same account from the same address that came before: several right ones at once do not count against each other.
    pub(super) async fn turn(&self, username: &str, address: &str) -> Option<MutexGuard<'_, ()>> {
        let mut hasher = DefaultHasher::new();
        (username, address).hash(&mut hasher);
        let queue = usize::try_from(hasher.finish() % QUEUES).unwrap_or(0);
        Some(self.queues.get(queue)?.lock().await)
    }

    async fn off_thread<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
        let _permit = self.permits.acquire().await.map_err(Problem::internal)?;
        tokio::task::spawn_blocking(work).await.map_err(Problem::internal)
    }

    /// The PHC string of a password.
    ///
    /// # Errors
    /// 500 where the hash function fails.
    pub async fn hash(&self, password: &str) -> Result<String, Problem> {
        let password = password.to_owned();
        self.off_thread(move || hash_now(&password)).await?
    }

    /// Whether a password fits a PHC string; without one it takes as long and does not fit.
    ///
    /// # Errors
    /// 500 where the worker fails.
    pub async fn verify(&self, password: &str, hash: Option<&str>) -> Result<bool, Problem> {
        let known = hash.is_some();
        let (password, hash) = (password.to_owned(), hash.unwrap_or(&self.dummy).to_owned());
        let fits = self.off_thread(move || PasswordHash::new(&hash).is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())).await?;
        Ok(fits && known)
    }
}

fn hash_now(password: &str) -> Result<String, Problem> {
    Ok(Argon2::default().hash_password(password.as_bytes()).map_err(Problem::internal)?.to_string())
}

/// Checks a new password's length and strength (zxcvbn at least 3 of 4, knowing the user's names).
///
/// # Errors
/// 422 `weak_password`.
pub fn check(password: &str, names: &[&str]) -> Result<(), Problem> {
    if !LENGTH.contains(&password.chars().count()) {
        return Err(weak_password("密码须为 12 至 128 个字符。", "A password has 12 to 128 characters."));
    }
    let lower = password.to_lowercase();
    let holds_a_name = names.iter().any(|name| name.chars().count() >= 3 && lower.contains(&name.to_lowercase()));
    if holds_a_name || u8::from(zxcvbn::zxcvbn(password, names).score()) < 3 {
        return Err(weak_password("密码过于容易猜到。请用更长、更少见的词组，不要含姓名或用户名。", "The password is too easy to guess. Use a longer, rarer phrase without your name or user name."));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_or_common_password_is_refused_and_a_phrase_is_taken() {
        assert!(check("Tr0ub4dor&3", &[]).is_err());
        assert!(check("password1234", &[]).is_err());
        assert!(check("zhangsanfeng zhangsanfeng", &["zhangsanfeng"]).is_err());
        assert!(check("correct horse battery staple", &[]).is_ok());
    }
}
