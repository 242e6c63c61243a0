//! Encryption of personal data, bound to the record and field that it belongs to.
//!
//! As text `a256gcm.<key id>.<base64url of nonce, ciphertext and tag>`; as bytes the algorithm (1), the length of the key
//! id, the key id, then the same. Nonces are random: a key serves some 2^32 values (NIST SP 800-38D section 8.3), far more
//! than a province has people; rotate before that.

use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, KeyInit};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::ExposeSecret;

use super::material::{Key, KeyAlgorithm, KeyId, NonEmptyKeys};
use super::{CryptoError, KeyRing, random_bytes};

const NONCE_BYTES: usize = 12;
/// The number of AES-256-GCM in ciphertexts as bytes.
const A256GCM: u8 = 1;
const WHAT: &str = "ciphertext";

/// The keys of encryption: one encrypts, all decrypt.
pub(super) struct EncryptionKeys {
    current: Key,
    older: Vec<Key>,
}

impl EncryptionKeys {
    pub(super) fn new(keys: NonEmptyKeys) -> Self {
        let (current, older) = keys.split();
        Self { current, older }
    }

    pub(super) fn current_id(&self) -> &KeyId {
        &self.current.id
    }

    pub(super) fn ids(&self) -> Vec<&KeyId> {
        self.all().map(|key| &key.id).collect()
    }

    fn all(&self) -> impl Iterator<Item = &Key> {
        std::iter::once(&self.current).chain(&self.older)
    }

    fn of_id(&self, id: &str) -> Result<&Key, CryptoError> {
        self.all().find(|key| key.id.as_str() == id).ok_or_else(|| CryptoError::UnknownKey(id.to_owned()))
    }
}

impl KeyRing {
    /// Encrypts a text with the current key. `associated` says what it belongs to (table, field, row id): decrypting
    /// needs the very same, so a ciphertext moved to another row does not open there.
    ///
    /// # Errors
    /// [`CryptoError::Randomness`], [`CryptoError::Failed`].
    pub fn encrypt_text(&self, plain: &str, associated: &[u8]) -> Result<String, CryptoError> {
        let key = &self.encryption.current;
        let sealed = seal(key, plain.as_bytes(), associated)?;
        Ok(format!("{}.{}.{}", key.algorithm, key.id, URL_SAFE_NO_PAD.encode(sealed)))
    }

    /// Decrypts what [`KeyRing::encrypt_text`] made under this or an older key.
    ///
    /// # Errors
    /// [`CryptoError::UnknownKey`], [`CryptoError::UnknownAlgorithm`], [`CryptoError::Malformed`], and
    /// [`CryptoError::Mismatch`] where it was altered or `associated` is another.
    pub fn decrypt_text(&self, ciphertext: &str, associated: &[u8]) -> Result<String, CryptoError> {
        let (algorithm, id, sealed) = parts_of_text(ciphertext)?;
        known_algorithm(algorithm)?;
        let sealed = URL_SAFE_NO_PAD.decode(sealed).ok().ok_or(CryptoError::Malformed(WHAT))?;
        let plain = open(self.encryption.of_id(id)?, &sealed, associated)?;
        String::from_utf8(plain).ok().ok_or(CryptoError::Malformed(WHAT))
    }

    /// The text under the current key, where it is under an older one; none where nothing is to do.
    ///
    /// # Errors
    /// As [`KeyRing::decrypt_text`] and [`KeyRing::encrypt_text`].
    pub fn re_encrypt_text(&self, ciphertext: &str, associated: &[u8]) -> Result<Option<String>, CryptoError> {
        let (algorithm, id, _) = parts_of_text(ciphertext)?;
        if algorithm == self.encryption.current.algorithm.code() && id == self.encryption.current.id.as_str() {
            return Ok(None);
        }
        let plain = self.decrypt_text(ciphertext, associated)?;
        self.encrypt_text(&plain, associated).map(Some)
    }

    /// Encrypts bytes with the current key; see [`KeyRing::encrypt_text`].
    ///
    /// # Errors
    /// As [`KeyRing::encrypt_text`].
    pub fn encrypt_bytes(&self, plain: &[u8], associated: &[u8]) -> Result<Vec<u8>, CryptoError> {
        let key = &self.encryption.current;
        let id = key.id.as_str().as_bytes();
        let length = u8::try_from(id.len()).ok().ok_or(CryptoError::Malformed("key id"))?;
        Ok([&[A256GCM, length], id, &seal(key, plain, associated)?].concat())
    }

    /// Decrypts what [`KeyRing::encrypt_bytes`] made under this or an older key.
    ///
    /// # Errors
    /// As [`KeyRing::decrypt_text`].
    pub fn decrypt_bytes(&self, ciphertext: &[u8], associated: &[u8]) -> Result<Vec<u8>, CryptoError> {
        let (algorithm, rest) = ciphertext.split_first().ok_or(CryptoError::Malformed(WHAT))?;
        if *algorithm != A256GCM {
            return Err(CryptoError::UnknownAlgorithm(algorithm.to_string()));
        }
        let (length, rest) = rest.split_first().ok_or(CryptoError::Malformed(WHAT))?;
        let (id, sealed) = rest.split_at_checked(usize::from(*length)).ok_or(CryptoError::Malformed(WHAT))?;
        let id = std::str::from_utf8(id).ok().and_then(KeyId::new).ok_or(CryptoError::Malformed(WHAT))?;
        open(self.encryption.of_id(id.as_str())?, sealed, associated)
    }
}

fn parts_of_text(ciphertext: &str) -> Result<(&str, &str, &str), CryptoError> {
    let mut parts = ciphertext.split('.');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(algorithm), Some(id), Some(sealed), None) if KeyId::new(id).is_some() => Ok((algorithm, id, sealed)),
        _ => Err(CryptoError::Malformed(WHAT)),
    }
}

fn known_algorithm(code: &str) -> Result<(), CryptoError> {
    match KeyAlgorithm::of_code(code) {
        Some(KeyAlgorithm::Aes256Gcm) => Ok(()),
        Some(_) => Err(CryptoError::Malformed(WHAT)),
        // Ours are lower-case letters, digits and dashes: anything else is no id of an algorithm and is not repeated.
        None if KeyId::new(code).is_some() => Err(CryptoError::UnknownAlgorithm(code.to_owned())),
        None => Err(CryptoError::Malformed(WHAT)),
    }
}

/// Algorithm and key id are authenticated too; neither holds a NUL, so no two inputs give the same bytes.
fn bound(key: &Key, associated: &[u8]) -> Vec<u8> {
    [b"mingzhang/encryption/1".as_slice(), key.algorithm.code().as_bytes(), key.id.as_str().as_bytes(), associated].join(&0)
}

fn cipher(key: &Key) -> Result<Aes256Gcm, CryptoError> {
    Aes256Gcm::new_from_slice(key.secret.expose_secret()).map_err(|error| CryptoError::Failed("cipher", error.to_string()))
}

fn seal(key: &Key, plain: &[u8], associated: &[u8]) -> Result<Vec<u8>, CryptoError> {
    let nonce = random_bytes::<NONCE_BYTES>()?;
    let payload = Payload { msg: plain, aad: &bound(key, associated) };
    let encrypted = cipher(key)?.encrypt(&nonce.into(), payload).map_err(|error| CryptoError::Failed(WHAT, error.to_string()))?;
    Ok([nonce.as_slice(), &encrypted].concat())
}

fn open(key: &Key, sealed: &[u8], associated: &[u8]) -> Result<Vec<u8>, CryptoError> {
    let (nonce, encrypted) = sealed.split_first_chunk::<NONCE_BYTES>().ok_or(CryptoError::Malformed(WHAT))?;
    let payload = Payload { msg: encrypted, aad: &bound(key, associated) };
    cipher(key)?.decrypt(&(*nonce).into(), payload).ok().ok_or(CryptoError::Mismatch(WHAT))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use proptest::prelude::*;

    use super::super::material::{KeyMaterial, KeyPurpose, parse_list};
    use super::*;

    const FIRST: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    const SECOND: &str = "HxECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

    fn ring(list: &str) -> KeyRing {
        let material = KeyMaterial { encryption: parse_list(KeyPurpose::Encryption, list).unwrap(), ..KeyMaterial::random().unwrap() };
        KeyRing::new(material).unwrap()
    }

    #[test]
    fn the_text_says_algorithm_and_key_and_differs_each_time() {
        let ring = ring(&format!("e1:{FIRST}"));
        let one = ring.encrypt_text("420106196001010018", b"beneficiaries.id_number:1").unwrap();
        let two = ring.encrypt_text("420106196001010018", b"beneficiaries.id_number:1").unwrap();
        assert!(one.starts_with("a256gcm.e1.") && one != two);
    }

    #[test]
    fn another_record_does_not_open_it() {
        let ring = ring(&format!("e1:{FIRST}"));
        let sealed = ring.encrypt_text("x", b"row 1").unwrap();
        assert_eq!(ring.decrypt_text(&sealed, b"row 1").unwrap(), "x");
        assert_eq!(ring.decrypt_text(&sealed, b"row 2"), Err(CryptoError::Mismatch(WHAT)));
    }

    #[test]
    fn after_rotation_the_old_opens_and_is_encrypted_anew_under_the_current_key() {
        let old = ring(&format!("e1:{FIRST}"));
        let both = ring(&format!("e2:{SECOND},e1:{FIRST}"));
        let new = ring(&format!("e2:{SECOND}"));
        let sealed = old.encrypt_text("x", b"r").unwrap();
        let again = both.re_encrypt_text(&sealed, b"r").unwrap().unwrap();
        assert!(again.starts_with("a256gcm.e2."));
        assert_eq!(both.re_encrypt_text(&again, b"r").unwrap(), None);
        assert_eq!(new.decrypt_text(&again, b"r").unwrap(), "x");
        assert_eq!(new.decrypt_text(&sealed, b"r"), Err(CryptoError::UnknownKey("e1".to_owned())));
        let bytes = old.encrypt_bytes(b"x", b"r").unwrap();
        assert_eq!(both.decrypt_bytes(&bytes, b"r").unwrap(), b"x");
        assert_eq!(new.decrypt_bytes(&bytes, b"r"), Err(CryptoError::UnknownKey("e1".to_owned())));
    }

    #[test]
    fn a_key_renamed_does_not_open_what_it_made_under_the_other_name() {
        let sealed = ring(&format!("e1:{FIRST}")).encrypt_text("x", b"r").unwrap();
        let renamed = sealed.replacen(".e1.", ".e9.", 1);
        assert_eq!(ring(&format!("e9:{FIRST}")).decrypt_text(&renamed, b"r"), Err(CryptoError::Mismatch(WHAT)));
    }

    #[test]
    fn an_algorithm_of_the_future_is_named() {
        let ring = ring(&format!("e1:{FIRST}"));
        assert_eq!(ring.decrypt_text("sm4gcm.e1.AAAA", b""), Err(CryptoError::UnknownAlgorithm("sm4gcm".to_owned())));
        assert_eq!(ring.decrypt_bytes(&[2, 0], b""), Err(CryptoError::UnknownAlgorithm("2".to_owned())));
        assert_eq!(ring.decrypt_text("a256gcm.e1.AAAA", b""), Err(CryptoError::Malformed(WHAT)));
        assert_eq!(ring.decrypt_text("a256gcm.e1", b""), Err(CryptoError::Malformed(WHAT)));
        assert_eq!(ring.decrypt_bytes(&[1, 9, 65], b""), Err(CryptoError::Malformed(WHAT)));
    }

    proptest! {
        #[test]
        fn what_is_encrypted_is_decrypted(plain in "\\PC{0,200}", bytes in prop::collection::vec(any::<u8>(), 0..200), associated in prop::collection::vec(any::<u8>(), 0..40)) {
            let ring = ring(&format!("e1:{FIRST}"));
            let text = ring.encrypt_text(&plain, &associated).unwrap();
            prop_assert_eq!(ring.decrypt_text(&text, &associated).unwrap(), plain);
            let sealed = ring.encrypt_bytes(&bytes, &associated).unwrap();
            prop_assert_eq!(ring.decrypt_bytes(&sealed, &associated).unwrap(), bytes);
        }

        #[test]
        fn one_changed_byte_is_noticed(plain in prop::collection::vec(any::<u8>(), 0..60), position in any::<prop::sample::Index>(), change in 1..=255_u8) {
            let ring = ring(&format!("e1:{FIRST}"));
            let mut sealed = ring.encrypt_bytes(&plain, b"r").unwrap();
            let index = position.index(sealed.len());
            sealed[index] ^= change;
            prop_assert!(ring.decrypt_bytes(&sealed, b"r").is_err());
        }

        #[test]
        fn no_bytes_make_decrypting_do_more_than_refuse(bytes in prop::collection::vec(any::<u8>(), 0..80), text in "\\PC{0,80}") {
            let ring = ring(&format!("e1:{FIRST}"));
            prop_assert!(ring.decrypt_bytes(&bytes, b"r").is_err());
            prop_assert!(ring.decrypt_text(&text, b"r").is_err());
        }
    }
}
