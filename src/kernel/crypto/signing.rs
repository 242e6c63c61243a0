//! Signatures (Ed25519) on checkpoints and on what is published; they say which key made them, and anyone with the public
//! key can check them.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{SIGNATURE_LENGTH, Signer, SigningKey, VerifyingKey};
use secrecy::ExposeSecret;

use super::material::{Key, KeyAlgorithm, KeyId, NonEmptyKeys};
use super::{CryptoError, KEY_BYTES, KeyRing};

const WHAT: &str = "signature";

/// A signature with its algorithm and key; as text `ed25519.<key id>.<base64url>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// The algorithm.
    pub algorithm: KeyAlgorithm,
    /// The key that made it.
    pub key_id: KeyId,
    /// The 64 bytes of RFC 8032.
    pub bytes: [u8; SIGNATURE_LENGTH],
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.algorithm, self.key_id, URL_SAFE_NO_PAD.encode(self.bytes))
    }
}

impl FromStr for Signature {
    type Err = CryptoError;

    fn from_str(text: &str) -> Result<Self, CryptoError> {
        let mut parts = text.split('.');
        let (Some(algorithm), Some(id), Some(bytes), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
            return Err(CryptoError::Malformed(WHAT));
        };
        if algorithm != KeyAlgorithm::Ed25519.code() {
            return Err(if KeyId::new(algorithm).is_some() { CryptoError::UnknownAlgorithm(algorithm.to_owned()) } else { CryptoError::Malformed(WHAT) });
        }
        let key_id = KeyId::new(id).ok_or(CryptoError::Malformed(WHAT))?;
        let bytes = URL_SAFE_NO_PAD.decode(bytes).ok().and_then(|bytes| bytes.try_into().ok()).ok_or(CryptoError::Malformed(WHAT))?;
        Ok(Self { algorithm: KeyAlgorithm::Ed25519, key_id, bytes })
    }
}

/// The public half of a signing key, to be given to whoever checks signatures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    /// The algorithm.
    pub algorithm: KeyAlgorithm,
    /// The key's id.
    pub key_id: KeyId,
    /// The 32 bytes of RFC 8032.
    pub bytes: [u8; KEY_BYTES],
}

struct OneKey {
    id: KeyId,
    pair: SigningKey,
}

impl OneKey {
    fn new(key: Key) -> Self {
        Self { pair: SigningKey::from_bytes(key.secret.expose_secret()), id: key.id }
    }

    fn public(&self) -> VerifyingKey {
        self.pair.verifying_key()
    }
}

/// The keys of signatures: one signs, all verify.
pub(super) struct SigningKeys {
    current: OneKey,
    older: Vec<OneKey>,
}

impl SigningKeys {
    pub(super) fn new(keys: NonEmptyKeys) -> Self {
        let (current, older) = keys.split();
        Self { current: OneKey::new(current), older: older.into_iter().map(OneKey::new).collect() }
    }

    pub(super) fn current_id(&self) -> &KeyId {
        &self.current.id
    }

    pub(super) fn ids(&self) -> Vec<&KeyId> {
        self.all().map(|key| &key.id).collect()
    }

    fn all(&self) -> impl Iterator<Item = &OneKey> {
        std::iter::once(&self.current).chain(&self.older)
    }
}

impl KeyRing {
    /// Signs a message with the current key. The message must begin with what it is (such as `mingzhang/checkpoint/1`),
    /// so that a signature on one kind of thing is none on another.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> Signature {
        let key = &self.signing.current;
        Signature { algorithm: KeyAlgorithm::Ed25519, key_id: key.id.clone(), bytes: key.pair.sign(message).to_bytes() }
    }

    /// Checks a signature by the key that it names, current or older.
    ///
    /// # Errors
    /// [`CryptoError::UnknownKey`], [`CryptoError::Mismatch`].
    pub fn verify(&self, message: &[u8], signature: &Signature) -> Result<(), CryptoError> {
        self.verify_by_key_id(signature.key_id.as_str(), message, &signature.bytes)
    }

    /// Checks a signature whose key id and bytes are kept apart.
    ///
    /// # Errors
    /// [`CryptoError::UnknownKey`], [`CryptoError::Malformed`], [`CryptoError::Mismatch`].
    pub fn verify_by_key_id(&self, key_id: &str, message: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
        let key = self.signing.all().find(|key| key.id.as_str() == key_id).ok_or_else(|| CryptoError::UnknownKey(key_id.to_owned()))?;
        let signature = ed25519_dalek::Signature::from_slice(signature).ok().ok_or(CryptoError::Malformed(WHAT))?;
        key.public().verify_strict(message, &signature).ok().ok_or(CryptoError::Mismatch(WHAT))
    }

    /// The public halves of all signing keys, the current one first.
    #[must_use]
    pub fn public_keys(&self) -> Vec<PublicKey> {
        self.signing.all().map(|key| PublicKey { algorithm: KeyAlgorithm::Ed25519, key_id: key.id.clone(), bytes: key.public().to_bytes() }).collect()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use base64::engine::general_purpose::STANDARD;
    use proptest::prelude::*;

    use super::super::material::{KeyMaterial, KeyPurpose, parse_list};
    use super::*;

    const FIRST: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    const SECOND: &str = "HxECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

    fn ring(list: &str) -> KeyRing {
        let material = KeyMaterial { signing: parse_list(KeyPurpose::Signing, list).unwrap(), ..KeyMaterial::random().unwrap() };
        KeyRing::new(material).unwrap()
    }

    #[test]
    fn signing_is_ed25519_of_rfc_8032_test_1() {
        let seed = hex::decode("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60").unwrap();
        let ring = ring(&format!("s1:{}", STANDARD.encode(seed)));
        assert_eq!(hex::encode(ring.public_keys()[0].bytes), "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
        let expected = "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b";
        assert_eq!(hex::encode(ring.sign(b"").bytes), expected);
    }

    #[test]
    fn after_rotation_old_signatures_hold_as_long_as_the_key_is_kept() {
        let old = ring(&format!("s1:{FIRST}"));
        let both = ring(&format!("s2:{SECOND},s1:{FIRST}"));
        let new = ring(&format!("s2:{SECOND}"));
        let signature = old.sign(b"head");
        assert_eq!(both.verify(b"head", &signature), Ok(()));
        assert_eq!(both.sign(b"head").key_id.as_str(), "s2");
        assert_eq!(new.verify(b"head", &signature), Err(CryptoError::UnknownKey("s1".to_owned())));
        assert_eq!(both.verify_by_key_id("s2", b"head", &signature.bytes), Err(CryptoError::Mismatch(WHAT)));
        assert_eq!(both.verify_by_key_id("s1", b"head", b"short"), Err(CryptoError::Malformed(WHAT)));
    }

    #[test]
    fn texts_that_are_no_signature_are_refused() {
        assert_eq!("sm2.s1.AAAA".parse::<Signature>(), Err(CryptoError::UnknownAlgorithm("sm2".to_owned())));
        for text in ["", "ed25519", "ed25519.s1", "ed25519.s1.AAAA", "ed25519.s 1.AAAA", "ed25519.s1.AAAA.x", "é.s1.AAAA"] {
            assert_eq!(text.parse::<Signature>(), Err(CryptoError::Malformed(WHAT)), "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn a_signature_holds_for_its_own_message_alone(message in prop::collection::vec(any::<u8>(), 0..80), other in prop::collection::vec(any::<u8>(), 0..80)) {
            let ring = ring(&format!("s1:{FIRST}"));
            let signature: Signature = ring.sign(&message).to_string().parse().unwrap();
            prop_assert_eq!(ring.verify(&message, &signature), Ok(()));
            prop_assume!(message != other);
            prop_assert_eq!(ring.verify(&other, &signature), Err(CryptoError::Mismatch(WHAT)));
        }
    }
}
