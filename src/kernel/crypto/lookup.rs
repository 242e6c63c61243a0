//! Keyed hashes, by which an ID or account number is found again without being readable, and cursors' authentication.

use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretBox};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use super::KeyRing;
use super::material::{KEY_BYTES, Key, KeyAlgorithm, KeyId};

/// What kind of number is hashed: equal digits of two kinds do not give equal hashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LookupKind {
    /// A citizen's ID number, 18 characters, the last one `X` in upper case.
    IdNumber,
    /// A bank account or card number, digits alone.
    BankAccount,
    /// A telephone number, digits alone.
    Phone,
}

impl LookupKind {
    const fn code(self) -> &'static str {
        match self {
            Self::IdNumber => "id_number",
            Self::BankAccount => "bank_account",
            Self::Phone => "phone",
        }
    }
}

/// One key for each use, derived from the look-up key, so that no hash of one use is one of another.
pub(super) struct LookupKeys {
    id: KeyId,
    algorithm: KeyAlgorithm,
    numbers: SecretBox<[u8; KEY_BYTES]>,
    cursors: SecretBox<[u8; KEY_BYTES]>,
}

impl LookupKeys {
    pub(super) fn new(key: Key) -> Self {
        let derived = |name: &str| SecretBox::new(Box::new(hash(key.secret.expose_secret(), &[b"mingzhang/derive/1", name.as_bytes()])));
        Self { numbers: derived("lookup"), cursors: derived("cursor"), id: key.id, algorithm: key.algorithm }
    }

    pub(super) fn id(&self) -> &KeyId {
        &self.id
    }
}

/// The key padded with zeros to a block of SHA-256: what RFC 2104 does with a short key, and it cannot fail.
fn block(key: &[u8; KEY_BYTES]) -> hmac::digest::Key<Hmac<Sha256>> {
    let mut block = hmac::digest::Key::<Hmac<Sha256>>::default();
    block.iter_mut().zip(key).for_each(|(to, from)| *to = *from);
    block
}

/// HMAC-SHA-256 over the parts, a NUL between them.
fn hash(key: &[u8; KEY_BYTES], parts: &[&[u8]]) -> [u8; KEY_BYTES] {
    let mut mac = Hmac::<Sha256>::new(&block(key));
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            mac.update(&[0]);
        }
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

impl KeyRing {
    /// The keyed hash of a number that the caller has normalised (trimmed, one spelling): equal numbers of a kind have
    /// equal hashes in this deployment, and nobody without the key can try numbers against them.
    #[must_use]
    pub fn lookup_hash(&self, kind: LookupKind, normalised: &str) -> [u8; KEY_BYTES] {
        hash(self.lookup.numbers.expose_secret(), &[kind.code().as_bytes(), normalised.as_bytes()])
    }

    /// The same as text with algorithm and key, for columns: `hmac-sha256.<key id>.<hex>`.
    #[must_use]
    pub fn lookup_text(&self, kind: LookupKind, normalised: &str) -> String {
        format!("{}.{}.{}", self.lookup.algorithm, self.lookup.id, hex::encode(self.lookup_hash(kind, normalised)))
    }

    /// What authenticates a list's cursor. The look-up key is not rotated, so cursors outlive a rotation of the others.
    #[must_use]
    pub fn authenticate_cursor(&self, content: &[u8]) -> [u8; KEY_BYTES] {
        hash(self.lookup.cursors.expose_secret(), &[content])
    }

    /// Whether the tag is the content's, compared in constant time.
    #[must_use]
    pub fn cursor_is_authentic(&self, content: &[u8], tag: &[u8]) -> bool {
        self.authenticate_cursor(content).as_slice().ct_eq(tag).into()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use proptest::prelude::*;

    use super::super::material::{KeyMaterial, KeyPurpose};
    use super::*;

    const SECRET: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

    fn ring() -> KeyRing {
        let lookup = Key::parse(KeyPurpose::Lookup, 1, &format!("l1:{SECRET}")).unwrap();
        KeyRing::new(KeyMaterial { lookup, ..KeyMaterial::random().unwrap() }).unwrap()
    }

    #[test]
    fn hashing_is_hmac_sha_256_of_rfc_4231_test_case_1() {
        let key: [u8; 32] = std::array::from_fn(|index| if index < 20 { 0x0b } else { 0 });
        let expected = "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7";
        assert_eq!(hex::encode(hash(&key, &[b"Hi There"])), expected);
    }

    #[test]
    fn the_hash_stays_the_same_from_version_to_version() {
        let text = ring().lookup_text(LookupKind::IdNumber, "420106196001010018");
        assert_eq!(text, "hmac-sha256.l1.PINNED");
    }

    #[test]
    fn kinds_and_keys_part_the_hashes() {
        let ring = ring();
        let id = ring.lookup_hash(LookupKind::IdNumber, "1");
        assert_ne!(id, ring.lookup_hash(LookupKind::BankAccount, "1"));
        assert_ne!(id, ring.lookup_hash(LookupKind::IdNumber, "2"));
        assert_ne!(id, KeyRing::random().unwrap().lookup_hash(LookupKind::IdNumber, "1"));
        assert_ne!(id, ring.authenticate_cursor(b"id_number\x001"));
    }

    proptest! {
        #[test]
        fn a_cursor_is_authentic_with_its_own_tag_alone(content in prop::collection::vec(any::<u8>(), 0..80), position in 0..32_usize, change in 1..=255_u8) {
            let ring = ring();
            let mut tag = ring.authenticate_cursor(&content);
            prop_assert!(ring.cursor_is_authentic(&content, &tag));
            tag[position] ^= change;
            prop_assert!(!ring.cursor_is_authentic(&content, &tag));
            prop_assert!(!ring.cursor_is_authentic(&content, &[]));
        }
    }
}
