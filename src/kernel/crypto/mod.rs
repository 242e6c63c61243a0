//! Keys and what is done with them: tokens, encryption of personal data, keyed hashes to look it up by, signatures, cursors.
//!
//! [`KeyRing`] is given [`KeyMaterial`] and never reads a file or the environment itself. For tokens, encryption and
//! signatures it holds several keys: the first is current and used for what is new, the older ones still open what they
//! made. Whatever leaves this module says with which algorithm and key it was made, so that both can be changed.
//! The look-up key is single: its hashes are compared with each other, so changing it would part equal people.

mod encryption;
mod lookup;
mod material;
mod signing;
mod tokens;

use std::fmt;

use rand::TryRng;
use rand::rngs::SysRng;

pub use lookup::LookupKind;
pub use material::{KEY_BYTES, Key, KeyAlgorithm, KeyFault, KeyId, KeyMaterial, KeyPurpose, parse_list};
pub use signing::{PublicKey, Signature};
pub use tokens::TokenRefusal;

/// Why something could not be encrypted, decrypted, signed or verified. Says nothing of what was inside.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CryptoError {
    /// The operating system gave no random bytes.
    #[error("the operating system gave no random bytes: {0}")]
    Randomness(String),
    /// The key that made this is not in the ring.
    #[error("the key `{0}` is not among the configured ones; put it back behind the current one")]
    UnknownKey(String),
    /// The algorithm that made this is not known here.
    #[error("the algorithm `{0}` is not known to this version")]
    UnknownAlgorithm(String),
    /// It does not have the form of what this module makes.
    #[error("this is not a {0} of this system")]
    Malformed(&'static str),
    /// It was altered, or belongs to another record.
    #[error("the {0} does not match: it was altered or belongs to another record")]
    Mismatch(&'static str),
    /// The algorithm refused its input.
    #[error("the {0} could not be made: {1}")]
    Failed(&'static str, String),
}

/// Random bytes of the operating system.
///
/// # Errors
/// [`CryptoError::Randomness`] where it has none to give.
pub fn random_bytes<const N: usize>() -> Result<[u8; N], CryptoError> {
    let mut bytes = [0_u8; N];
    SysRng.try_fill_bytes(&mut bytes).map_err(|error| CryptoError::Randomness(error.to_string()))?;
    Ok(bytes)
}

/// All keys of a deployment, ready for use. Its `Debug` shows their ids alone.
pub struct KeyRing {
    tokens: tokens::TokenKeys,
    encryption: encryption::EncryptionKeys,
    lookup: lookup::LookupKeys,
    signing: signing::SigningKeys,
}

impl KeyRing {
    /// Makes the keys ready.
    ///
    /// # Errors
    /// [`KeyFault`] where a list is empty, an id stands twice, or a key is of another purpose.
    pub fn new(material: KeyMaterial) -> Result<Self, KeyFault> {
        let material = material.check()?;
        Ok(Self {
            tokens: tokens::TokenKeys::new(material.jwt),
            encryption: encryption::EncryptionKeys::new(material.encryption),
            lookup: lookup::LookupKeys::new(material.lookup),
            signing: signing::SigningKeys::new(material.signing),
        })
    }

    /// A ring of fresh random keys that are kept nowhere: for tests, measuring, and commands that store nothing.
    ///
    /// # Errors
    /// [`CryptoError::Randomness`].
    pub fn random() -> Result<Self, CryptoError> {
        Self::new(KeyMaterial::random()?).map_err(|fault| CryptoError::Failed("key ring", fault.to_string()))
    }

    /// The id of the key that makes what is new.
    #[must_use]
    pub fn current_key_id(&self, purpose: KeyPurpose) -> &KeyId {
        match purpose {
            KeyPurpose::Jwt => self.tokens.current_id(),
            KeyPurpose::Encryption => self.encryption.current_id(),
            KeyPurpose::Lookup => self.lookup.id(),
            KeyPurpose::Signing => self.signing.current_id(),
        }
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyRing")
            .field("jwt", &self.tokens.ids())
            .field("encryption", &self.encryption.ids())
            .field("lookup", &self.lookup.id())
            .field("signing", &self.signing.ids())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::unwrap_used, reason = "tests")]
    fn debug_shows_ids_and_no_material() {
        let secret = "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUI=";
        let key = |purpose, id: &str| Key::parse(purpose, 1, &format!("{id}:{secret}")).unwrap();
        let material = KeyMaterial {
            jwt: vec![key(KeyPurpose::Jwt, "j1")],
            encryption: vec![key(KeyPurpose::Encryption, "e1")],
            lookup: key(KeyPurpose::Lookup, "l1"),
            signing: vec![key(KeyPurpose::Signing, "s1")],
        };
        let before = format!("{material:?}");
        let after = format!("{:?}", KeyRing::new(material).unwrap());
        for text in [before, after] {
            assert!(text.contains("j1") && text.contains("e1") && text.contains("l1") && text.contains("s1"), "{text}");
            assert!(!text.contains("AAAA") && !text.contains("QUFB") && !text.contains("65, 65"), "{text}");
        }
    }

    #[test]
    #[expect(clippy::unwrap_used, reason = "tests")]
    fn random_bytes_differ_each_time() {
        assert_ne!(random_bytes::<32>().unwrap(), random_bytes::<32>().unwrap());
    }
}
