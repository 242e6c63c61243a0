//! Key material as it is written down: `id:base64` or `id:algorithm:base64`, the current key first.

use std::collections::BTreeSet;
use std::fmt;

use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::{Engine, alphabet};
use secrecy::{ExposeSecret, SecretBox, SecretString};

use super::{CryptoError, random_bytes};
use crate::kernel::problem::Words;

/// The length of every key.
pub const KEY_BYTES: usize = 32;

/// The most characters of a key id.
const LONGEST_ID: usize = 32;

const FORGIVING: GeneralPurposeConfig = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, FORGIVING);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, FORGIVING);

/// What a key is for. A key of one purpose is never used for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyPurpose {
    /// Signs access tokens.
    Jwt,
    /// Encrypts personal data.
    Encryption,
    /// Hashes ID and account numbers for look-up, and authenticates cursors.
    Lookup,
    /// Signs checkpoints of the ledger and what is published.
    Signing,
}

impl KeyPurpose {
    /// Every purpose.
    pub const ALL: [Self; 4] = [Self::Jwt, Self::Encryption, Self::Lookup, Self::Signing];

    /// The name on the command line and of the key file.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Jwt => "jwt",
            Self::Encryption => "encryption",
            Self::Lookup => "lookup",
            Self::Signing => "signing",
        }
    }

    /// The purpose with this name.
    #[must_use]
    pub fn of_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.code() == code)
    }

    /// The algorithms that may serve it; the first is taken where none is named.
    #[must_use]
    pub const fn algorithms(self) -> &'static [KeyAlgorithm] {
        match self {
            // HS256 first: issuer and verifier are the same service, and it verifies a good ten times faster.
            Self::Jwt => &[KeyAlgorithm::Hs256, KeyAlgorithm::EdDsa],
            Self::Encryption => &[KeyAlgorithm::Aes256Gcm],
            Self::Lookup => &[KeyAlgorithm::HmacSha256],
            Self::Signing => &[KeyAlgorithm::Ed25519],
        }
    }

    /// The algorithm where none is named.
    #[must_use]
    pub const fn default_algorithm(self) -> KeyAlgorithm {
        match self {
            Self::Jwt => KeyAlgorithm::Hs256,
            Self::Encryption => KeyAlgorithm::Aes256Gcm,
            Self::Lookup => KeyAlgorithm::HmacSha256,
            Self::Signing => KeyAlgorithm::Ed25519,
        }
    }

    /// Whether a new key can be put before the old ones. The look-up key cannot: its hashes would no longer meet.
    #[must_use]
    pub const fn can_rotate(self) -> bool {
        !matches!(self, Self::Lookup)
    }
}

impl fmt::Display for KeyPurpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// An algorithm, by the id that stands in what it makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyAlgorithm {
    /// JWT: HMAC with SHA-256 (RFC 7518).
    Hs256,
    /// JWT: Ed25519 (RFC 8037).
    EdDsa,
    /// Encryption: AES-256 in Galois counter mode (NIST SP 800-38D).
    Aes256Gcm,
    /// Look-up: HMAC with SHA-256 (RFC 2104).
    HmacSha256,
    /// Signatures: Ed25519 (RFC 8032).
    Ed25519,
}

impl KeyAlgorithm {
    /// Every algorithm.
    pub const ALL: [Self; 5] = [Self::Hs256, Self::EdDsa, Self::Aes256Gcm, Self::HmacSha256, Self::Ed25519];

    /// The id that stands in key lists, ciphertexts, hashes and signatures.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Hs256 => "hs256",
            Self::EdDsa => "eddsa",
            Self::Aes256Gcm => "a256gcm",
            Self::HmacSha256 => "hmac-sha256",
            Self::Ed25519 => "ed25519",
        }
    }

    /// The algorithm with this id.
    #[must_use]
    pub fn of_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.code() == code)
    }
}

impl fmt::Display for KeyAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// The name of a key: 1 to 32 letters, digits, `-` or `_`, so that it can stand between dots and colons.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(String);

impl KeyId {
    /// The id, where the text is one.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let fits = (1..=LONGEST_ID).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
        fits.then(|| Self(text.to_owned()))
    }

    /// The text of the id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What is wrong with written key material. Never repeats any of it but ids; entries are counted from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyFault {
    /// There is no key at all.
    Empty(KeyPurpose),
    /// More keys than one where only one may stand.
    NotSingle(KeyPurpose),
    /// The entry is not `id:base64` or `id:algorithm:base64`.
    Form {
        /// The entry.
        entry: usize,
    },
    /// The id has other characters than it may, or too many.
    Id {
        /// The entry.
        entry: usize,
    },
    /// The algorithm does not serve this purpose.
    Algorithm {
        /// The entry.
        entry: usize,
        /// What the key would be for.
        purpose: KeyPurpose,
    },
    /// The material is not base64.
    Base64 {
        /// The entry.
        entry: usize,
    },
    /// The material is not [`KEY_BYTES`] long.
    Length {
        /// The entry.
        entry: usize,
        /// The bytes it has.
        found: usize,
    },
    /// The material is one byte repeated: a placeholder, not a key.
    Placeholder {
        /// The entry.
        entry: usize,
    },
    /// The id stands twice.
    Twice(KeyId),
}

impl KeyFault {
    /// What is wrong and what to do, in both languages.
    #[must_use]
    pub fn words(&self) -> Words {
        let make = ("可用命令 openssl rand -base64 32 生成。", "Make one with: openssl rand -base64 32");
        match self {
            Self::Empty(purpose) => {
                Words::new(format!("没有 {purpose} 密钥；应为“标识:base64”。{}", make.0), format!("There is no {purpose} key; expected `id:base64`. {}", make.1))
            }
            Self::NotSingle(purpose) => Words::new(format!("{purpose} 只能有一个密钥，不能轮换。"), format!("There can be only one {purpose} key; it is not rotated.")),
            Self::Form { entry } => {
                Words::new(format!("第 {entry} 项应为“标识:base64”或“标识:算法:base64”。"), format!("Entry {entry} must be `id:base64` or `id:algorithm:base64`."))
            }
            Self::Id { entry } => Words::new(
                format!("第 {entry} 项的标识应为 1 至 {LONGEST_ID} 个字母、数字、“-”或“_”。"),
                format!("The id of entry {entry} must be 1 to {LONGEST_ID} letters, digits, `-` or `_`."),
            ),
            Self::Algorithm { entry, purpose } => {
                let known = purpose.algorithms().iter().map(|algorithm| algorithm.code()).collect::<Vec<_>>().join(", ");
                Words::new(format!("第 {entry} 项的算法不能用于 {purpose}；可用：{known}。"), format!("The algorithm of entry {entry} does not serve {purpose}; expected one of: {known}."))
            }
            Self::Base64 { entry } => Words::new(format!("第 {entry} 项的密钥不是 base64。{}", make.0), format!("The key of entry {entry} is not base64. {}", make.1)),
            Self::Length { entry, found } => Words::new(
                format!("第 {entry} 项的密钥应为 {KEY_BYTES} 字节，现为 {found} 字节。{}", make.0),
                format!("The key of entry {entry} must be {KEY_BYTES} bytes, not {found}. {}", make.1),
            ),
            Self::Placeholder { entry } => {
                Words::new(format!("第 {entry} 项是占位符，不是随机密钥。{}", make.0), format!("Entry {entry} is a placeholder, not a random key. {}", make.1))
            }
            Self::Twice(id) => Words::new(format!("标识“{id}”出现了两次；每个密钥的标识须不同。"), format!("The id `{id}` stands twice; each key needs its own.")),
        }
    }
}

impl fmt::Display for KeyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words().en)
    }
}

impl std::error::Error for KeyFault {}

/// One key. Its `Debug` shows id and algorithm alone.
pub struct Key {
    pub(super) id: KeyId,
    pub(super) algorithm: KeyAlgorithm,
    pub(super) secret: SecretBox<[u8; KEY_BYTES]>,
}

impl Key {
    /// A fresh random key of the purpose's default algorithm, with a random id.
    ///
    /// # Errors
    /// [`CryptoError::Randomness`].
    pub fn random(purpose: KeyPurpose) -> Result<Self, CryptoError> {
        let letter = purpose.code().chars().next().unwrap_or('k');
        let id = KeyId(format!("{letter}-{}", hex::encode(random_bytes::<4>()?)));
        Ok(Self { id, algorithm: purpose.default_algorithm(), secret: SecretBox::new(Box::new(random_bytes()?)) })
    }

    /// Reads one entry; `entry` counts from 1 and is only for the message. Base64 may be of either alphabet, padded or not.
    ///
    /// # Errors
    /// [`KeyFault`].
    pub fn parse(purpose: KeyPurpose, entry: usize, text: &str) -> Result<Self, KeyFault> {
        let (id, rest) = text.trim().split_once(':').ok_or(KeyFault::Form { entry })?;
        let (algorithm, material) = match rest.split_once(':') {
            Some((code, material)) => {
                let algorithm = KeyAlgorithm::of_code(&code.to_ascii_lowercase()).filter(|found| purpose.algorithms().contains(found));
                (algorithm.ok_or(KeyFault::Algorithm { entry, purpose })?, material)
            }
            None => (purpose.default_algorithm(), rest),
        };
        let id = KeyId::new(id).ok_or(KeyFault::Id { entry })?;
        Ok(Self { id, algorithm, secret: read_secret(entry, material)? })
    }

    /// The entry as it is written down.
    #[must_use]
    pub fn to_text(&self) -> SecretString {
        SecretString::from(format!("{}:{}:{}", self.id, self.algorithm, STANDARD.encode(self.secret.expose_secret())))
    }

    /// The key's id.
    #[must_use]
    pub const fn id(&self) -> &KeyId {
        &self.id
    }

    /// The key's algorithm.
    #[must_use]
    pub const fn algorithm(&self) -> KeyAlgorithm {
        self.algorithm
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({}, {}, [redacted])", self.id, self.algorithm)
    }
}

fn read_secret(entry: usize, material: &str) -> Result<SecretBox<[u8; KEY_BYTES]>, KeyFault> {
    let material = material.trim();
    let engine = if material.contains(['-', '_']) { URL_SAFE } else { STANDARD };
    let bytes = engine.decode(material).ok().map(SecretBox::<[u8]>::from).ok_or(KeyFault::Base64 { entry })?;
    let bytes = bytes.expose_secret();
    let secret = <[u8; KEY_BYTES]>::try_from(bytes).ok().ok_or(KeyFault::Length { entry, found: bytes.len() })?;
    if secret.iter().collect::<BTreeSet<_>>().len() == 1 {
        return Err(KeyFault::Placeholder { entry });
    }
    Ok(SecretBox::new(Box::new(secret)))
}

/// Reads a list of keys, separated by commas or lines; empty entries and lines that begin with `#` are passed over.
///
/// # Errors
/// [`KeyFault`]: the first entry that is wrong, an empty list, an id that stands twice, several look-up keys.
pub fn parse_list(purpose: KeyPurpose, text: &str) -> Result<Vec<Key>, KeyFault> {
    let entries = text.lines().map(str::trim).filter(|line| !line.starts_with('#')).flat_map(|line| line.split(',')).map(str::trim);
    let keys = entries.filter(|entry| !entry.is_empty()).zip(1..).map(|(entry, position)| Key::parse(purpose, position, entry)).collect::<Result<Vec<_>, _>>()?;
    check_list(purpose, &keys)?;
    Ok(keys)
}

fn check_list(purpose: KeyPurpose, keys: &[Key]) -> Result<(), KeyFault> {
    if keys.is_empty() {
        return Err(KeyFault::Empty(purpose));
    }
    if !purpose.can_rotate() && keys.len() > 1 {
        return Err(KeyFault::NotSingle(purpose));
    }
    let mut seen = BTreeSet::new();
    for (key, entry) in keys.iter().zip(1..) {
        if !purpose.algorithms().contains(&key.algorithm) {
            return Err(KeyFault::Algorithm { entry, purpose });
        }
        if !seen.insert(&key.id) {
            return Err(KeyFault::Twice(key.id.clone()));
        }
    }
    Ok(())
}

/// A list that was checked to hold at least one key.
pub(super) struct NonEmptyKeys {
    current: Key,
    older: Vec<Key>,
}

impl NonEmptyKeys {
    fn new(purpose: KeyPurpose, mut keys: Vec<Key>) -> Result<Self, KeyFault> {
        check_list(purpose, &keys)?;
        let older = keys.split_off(1);
        let current = keys.pop().ok_or(KeyFault::Empty(purpose))?;
        Ok(Self { current, older })
    }

    /// The current key and the older ones.
    pub(super) fn split(self) -> (Key, Vec<Key>) {
        (self.current, self.older)
    }
}

/// Material whose lists were checked.
pub(super) struct CheckedMaterial {
    pub(super) jwt: NonEmptyKeys,
    pub(super) encryption: NonEmptyKeys,
    pub(super) lookup: Key,
    pub(super) signing: NonEmptyKeys,
}

/// The keys of a deployment as read from wherever they are kept; in each list the first is current.
#[derive(Debug)]
pub struct KeyMaterial {
    /// Sign access tokens.
    pub jwt: Vec<Key>,
    /// Encrypt personal data.
    pub encryption: Vec<Key>,
    /// Hashes for look-up.
    pub lookup: Key,
    /// Sign checkpoints.
    pub signing: Vec<Key>,
}

impl KeyMaterial {
    /// Fresh random keys, one of each purpose.
    ///
    /// # Errors
    /// [`CryptoError::Randomness`].
    pub fn random() -> Result<Self, CryptoError> {
        Ok(Self {
            jwt: vec![Key::random(KeyPurpose::Jwt)?],
            encryption: vec![Key::random(KeyPurpose::Encryption)?],
            lookup: Key::random(KeyPurpose::Lookup)?,
            signing: vec![Key::random(KeyPurpose::Signing)?],
        })
    }

    pub(super) fn check(self) -> Result<CheckedMaterial, KeyFault> {
        check_list(KeyPurpose::Lookup, std::slice::from_ref(&self.lookup))?;
        Ok(CheckedMaterial {
            jwt: NonEmptyKeys::new(KeyPurpose::Jwt, self.jwt)?,
            encryption: NonEmptyKeys::new(KeyPurpose::Encryption, self.encryption)?,
            lookup: self.lookup,
            signing: NonEmptyKeys::new(KeyPurpose::Signing, self.signing)?,
        })
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GOOD: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

    fn fault(purpose: KeyPurpose, text: &str) -> KeyFault {
        parse_list(purpose, text).unwrap_err()
    }

    #[test]
    fn the_first_of_a_list_is_current_and_files_may_have_comments() {
        let keys = parse_list(KeyPurpose::Jwt, &format!("# current\nnew:eddsa:{GOOD}\n\nold:{GOOD},older:HS256:{GOOD},")).unwrap();
        let told: Vec<_> = keys.iter().map(|key| (key.id().as_str(), key.algorithm())).collect();
        assert_eq!(told, [("new", KeyAlgorithm::EdDsa), ("old", KeyAlgorithm::Hs256), ("older", KeyAlgorithm::Hs256)]);
    }

    #[test]
    fn both_alphabets_are_read_with_and_without_padding() {
        let bytes = [0xfb_u8, 0xff].repeat(16);
        for text in [STANDARD.encode(&bytes), URL_SAFE.encode(&bytes), URL_SAFE.encode(&bytes).trim_end_matches('=').to_owned()] {
            let key = Key::parse(KeyPurpose::Encryption, 1, &format!("k:{text}")).unwrap();
            assert_eq!(key.secret.expose_secret().as_slice(), bytes.as_slice());
        }
    }

    #[test]
    fn each_fault_of_a_list_is_told_with_its_entry_and_without_material() {
        let purpose = KeyPurpose::Encryption;
        assert_eq!(fault(purpose, " , "), KeyFault::Empty(purpose));
        assert_eq!(fault(purpose, &format!("a:{GOOD},oops")), KeyFault::Form { entry: 2 });
        assert_eq!(fault(purpose, &format!("a b:{GOOD}")), KeyFault::Id { entry: 1 });
        assert_eq!(fault(purpose, &format!("a:hs256:{GOOD}")), KeyFault::Algorithm { entry: 1, purpose });
        assert_eq!(fault(purpose, "a:%%%"), KeyFault::Base64 { entry: 1 });
        assert_eq!(fault(purpose, "a:AAEC"), KeyFault::Length { entry: 1, found: 3 });
        assert_eq!(fault(purpose, &format!("a:{}", STANDARD.encode([7_u8; 32]))), KeyFault::Placeholder { entry: 1 });
        assert_eq!(fault(purpose, &format!("a:{GOOD},a:{GOOD}")), KeyFault::Twice(KeyId::new("a").unwrap()));
        assert_eq!(fault(KeyPurpose::Lookup, &format!("a:{GOOD},b:{GOOD}")), KeyFault::NotSingle(KeyPurpose::Lookup));
        let words = KeyFault::Length { entry: 2, found: 3 }.words();
        assert!(words.zh.contains("第 2 项") && words.zh.contains("32 字节") && words.en.contains("32 bytes, not 3"));
    }

    #[test]
    fn names_of_purposes_and_algorithms_read_back() {
        for purpose in KeyPurpose::ALL {
            assert_eq!(KeyPurpose::of_code(purpose.code()), Some(purpose));
            assert_eq!(purpose.algorithms().first(), Some(&purpose.default_algorithm()));
        }
        for algorithm in KeyAlgorithm::ALL {
            assert_eq!(KeyAlgorithm::of_code(algorithm.code()), Some(algorithm));
        }
    }

    #[test]
    fn material_of_another_purpose_is_refused() {
        let mut material = KeyMaterial::random().unwrap();
        material.signing = vec![Key::random(KeyPurpose::Jwt).unwrap()];
        assert_eq!(material.check().err(), Some(KeyFault::Algorithm { entry: 1, purpose: KeyPurpose::Signing }));
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(bytes in proptest::array::uniform32(any::<u8>()), id in "[A-Za-z0-9_-]{1,32}") {
            prop_assume!(bytes.iter().any(|byte| *byte != bytes[0]));
            let key = Key { id: KeyId::new(&id).unwrap(), algorithm: KeyAlgorithm::EdDsa, secret: SecretBox::new(Box::new(bytes)) };
            let again = Key::parse(KeyPurpose::Jwt, 1, key.to_text().expose_secret()).unwrap();
            prop_assert_eq!(again.id(), key.id());
            prop_assert_eq!(again.algorithm(), key.algorithm());
            prop_assert_eq!(again.secret.expose_secret(), &bytes);
        }

        #[test]
        fn no_text_makes_reading_fail_otherwise_than_with_a_fault(text in "\\PC{0,80}") {
            let _ = parse_list(KeyPurpose::Jwt, &text);
        }
    }
}
