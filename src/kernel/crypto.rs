//! Keys and what is done with them. Whatever is encrypted, hashed or signed says with which algorithm and key, so that both can be changed.

use std::collections::BTreeMap;
use std::fmt;

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use ed25519_dalek::{Signature, Signer, SigningKey};
use hmac::{Hmac, Mac};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use secrecy::{ExposeSecret, SecretSlice};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::Sha256;

/// AES-256-GCM with a random 96-bit nonce.
const ENCRYPTION: &str = "aes-256-gcm";
/// Every key is 32 bytes.
pub const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 12;

/// Why something cannot be decrypted or verified. It does not say more, on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("无法解密或验证 (cannot be decrypted or verified)")]
pub struct CryptoFault;

/// A key with its id.
#[derive(Clone)]
pub struct NamedKey {
    /// The id that stands beside what was made with it.
    pub id: String,
    material: SecretSlice<u8>,
}

impl NamedKey {
    /// A key of exactly 32 bytes; none otherwise.
    #[must_use]
    pub fn new(id: &str, material: Vec<u8>) -> Option<Self> {
        (material.len() == KEY_BYTES && !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')).then(|| Self { id: id.to_owned(), material: material.into() })
    }

    /// A new random key.
    #[must_use]
    pub fn random(id: &str) -> Self {
        Self { id: id.to_owned(), material: random_bytes::<KEY_BYTES>().to_vec().into() }
    }

    /// The material, to be kept in the key store.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        self.material.expose_secret()
    }
}

impl fmt::Debug for NamedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NamedKey({})", self.id)
    }
}

/// Random bytes of the operating system.
#[must_use]
pub fn random_bytes<const N: usize>() -> [u8; N] {
    rand::random()
}

/// The keys of one kind: the first makes new things, all of them read old ones.
#[derive(Clone, Debug)]
pub struct KeyList(Vec<NamedKey>);

impl KeyList {
    /// At least one key, each id once; none otherwise.
    #[must_use]
    pub fn new(keys: Vec<NamedKey>) -> Option<Self> {
        let ids: std::collections::BTreeSet<_> = keys.iter().map(|key| key.id.as_str()).collect();
        (!keys.is_empty() && ids.len() == keys.len()).then_some(Self(keys))
    }

    /// All keys, the current one first.
    #[must_use]
    pub fn keys(&self) -> &[NamedKey] {
        &self.0
    }

    fn current(&self) -> Result<&NamedKey, CryptoFault> {
        self.0.first().ok_or(CryptoFault)
    }

    fn find(&self, id: &str) -> Result<&NamedKey, CryptoFault> {
        self.0.iter().find(|key| key.id == id).ok_or(CryptoFault)
    }
}

/// All keys of a deployment.
#[derive(Clone, Debug)]
pub struct KeyRing {
    jwt: KeyList,
    encryption: KeyList,
    lookup: NamedKey,
    signing: KeyList,
}

impl KeyRing {
    /// The keys for access tokens, encryption, look-up and signing.
    #[must_use]
    pub const fn new(jwt: KeyList, encryption: KeyList, lookup: NamedKey, signing: KeyList) -> Self {
        Self { jwt, encryption, lookup, signing }
    }

    /// A ring of new random keys, for tests.
    #[must_use]
    pub fn random() -> Self {
        let list = |id: &str| KeyList(vec![NamedKey::random(id)]);
        Self { jwt: list("jwt-1"), encryption: list("enc-1"), lookup: NamedKey::random("lookup-1"), signing: list("sign-1") }
    }

    /// Encrypts a text; `bound_to` (table, column, row) must be the same when it is read, so that a value cannot be moved to another row.
    ///
    /// # Errors
    /// [`CryptoFault`] where the text is too long for the cipher.
    pub fn encrypt(&self, bound_to: &str, text: &str) -> Result<String, CryptoFault> {
        let key = self.encryption.current()?;
        let nonce = random_bytes::<NONCE_BYTES>();
        let cipher = Aes256Gcm::new_from_slice(key.expose()).map_err(|_length| CryptoFault)?;
        let sealed = cipher.encrypt(&Nonce::from(nonce), Payload { msg: text.as_bytes(), aad: bound_to.as_bytes() }).map_err(|_aead| CryptoFault)?;
        Ok(format!("{ENCRYPTION}:{}:{}:{}", key.id, STANDARD_NO_PAD.encode(nonce), STANDARD_NO_PAD.encode(sealed)))
    }

    /// Reads what [`KeyRing::encrypt`] gave, with whichever key it names.
    ///
    /// # Errors
    /// [`CryptoFault`] where the key is unknown, the text was changed, or it belongs to another row.
    pub fn decrypt(&self, bound_to: &str, sealed: &str) -> Result<String, CryptoFault> {
        let mut parts = sealed.split(':');
        let (Some(ENCRYPTION), Some(id), Some(nonce), Some(text), None) = (parts.next(), parts.next(), parts.next(), parts.next(), parts.next()) else {
            return Err(CryptoFault);
        };
        let nonce: [u8; NONCE_BYTES] = STANDARD_NO_PAD.decode(nonce).ok().and_then(|bytes| bytes.try_into().ok()).ok_or(CryptoFault)?;
        let text = STANDARD_NO_PAD.decode(text).map_err(|_form| CryptoFault)?;
        let cipher = Aes256Gcm::new_from_slice(self.encryption.find(id)?.expose()).map_err(|_length| CryptoFault)?;
        let opened = cipher.decrypt(&Nonce::from(nonce), Payload { msg: &text, aad: bound_to.as_bytes() }).map_err(|_aead| CryptoFault)?;
        String::from_utf8(opened).map_err(|_form| CryptoFault)
    }

    /// A key for one file at rest, derived from the current encryption key and the file's salt (HMAC-SHA-256); with it the id of the key it comes from.
    ///
    /// # Errors
    /// [`CryptoFault`] where there is no key.
    pub fn file_key(&self, salt: &[u8]) -> Result<(String, [u8; KEY_BYTES]), CryptoFault> {
        let id = self.encryption.current()?.id.clone();
        let key = self.file_key_of(&id, salt)?;
        Ok((id, key))
    }

    /// As [`KeyRing::file_key`], from the key with this id.
    ///
    /// # Errors
    /// [`CryptoFault`] where the key is unknown.
    pub fn file_key_of(&self, id: &str, salt: &[u8]) -> Result<[u8; KEY_BYTES], CryptoFault> {
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(self.encryption.find(id)?.expose()).map_err(|_length| CryptoFault)?;
        mac.update(b"mingzhang file at rest");
        mac.update(salt);
        mac.finalize().into_bytes().as_slice().try_into().map_err(|_length| CryptoFault)
    }

    /// The keyed hash (HMAC-SHA-256) by which an ID or account number is found and compared; `kind` keeps the kinds apart.
    #[must_use]
    pub fn lookup_hash(&self, kind: &str, normalised: &str) -> String {
        hex::encode(self.mac(&["lookup", kind, normalised]))
    }

    /// The authentication tag of a list cursor.
    #[must_use]
    pub fn authenticate_cursor(&self, content: &[u8]) -> Vec<u8> {
        self.mac(&["cursor", &hex::encode(content)])
    }

    /// HMAC-SHA-256 over parts, each with its length before it.
    fn mac(&self, parts: &[&str]) -> Vec<u8> {
        // HMAC takes keys of every length, so there is always one.
        let Ok(mut mac) = <Hmac<Sha256> as KeyInit>::new_from_slice(self.lookup.expose()) else { return Vec::new() };
        for part in parts {
            mac.update(part.len().to_string().as_bytes());
            mac.update(b":");
            mac.update(part.as_bytes());
        }
        mac.finalize().into_bytes().to_vec()
    }

    /// Signs claims as a JWT (RFC 7519) with HS256 and the current key's `kid`.
    ///
    /// # Errors
    /// [`CryptoFault`] where the claims cannot be written.
    pub fn sign_token(&self, claims: &impl Serialize) -> Result<String, CryptoFault> {
        let key = self.jwt.current()?;
        let header = Header { kid: Some(key.id.clone()), ..Header::new(Algorithm::HS256) };
        jsonwebtoken::encode(&header, claims, &EncodingKey::from_secret(key.expose())).map_err(|_jwt| CryptoFault)
    }

    /// Verifies a JWT: HS256 only, a known `kid`, the issuer, the audience, and that it has not run out.
    ///
    /// # Errors
    /// [`CryptoFault`] for every token that is not good.
    pub fn verify_token<T: DeserializeOwned + Clone>(&self, token: &str, issuer: &str, audience: &str) -> Result<T, CryptoFault> {
        let header = jsonwebtoken::decode_header(token).map_err(|_jwt| CryptoFault)?;
        let key = self.jwt.find(&header.kid.ok_or(CryptoFault)?)?;
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_issuer(&[issuer]);
        validation.set_audience(&[audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.leeway = 0;
        let data = jsonwebtoken::decode::<T>(token, &DecodingKey::from_secret(key.expose()), &validation).map_err(|_jwt| CryptoFault)?;
        Ok(data.claims)
    }

    /// Signs with Ed25519 (RFC 8032); gives the key's id and the signature.
    ///
    /// # Errors
    /// [`CryptoFault`] where there is no key.
    pub fn sign(&self, message: &[u8]) -> Result<(String, Vec<u8>), CryptoFault> {
        let key = self.signing.current()?;
        Ok((key.id.clone(), signing_key(key)?.sign(message).to_bytes().to_vec()))
    }

    /// Verifies a signature by the key with this id.
    ///
    /// # Errors
    /// [`CryptoFault`] where it is not good.
    pub fn verify(&self, key_id: &str, message: &[u8], signature: &[u8]) -> Result<(), CryptoFault> {
        let key = signing_key(self.signing.find(key_id)?)?;
        let signature = Signature::from_slice(signature).map_err(|_form| CryptoFault)?;
        key.verifying_key().verify_strict(message, &signature).map_err(|_signature| CryptoFault)
    }

    /// The public signing keys by id, base64, for checks elsewhere.
    #[must_use]
    pub fn public_keys(&self) -> BTreeMap<String, String> {
        self.signing.keys().iter().filter_map(|key| Some((key.id.clone(), STANDARD_NO_PAD.encode(signing_key(key).ok()?.verifying_key().to_bytes())))).collect()
    }
}

fn signing_key(key: &NamedKey) -> Result<SigningKey, CryptoFault> {
    key.expose().try_into().map(|bytes: &[u8; KEY_BYTES]| SigningKey::from_bytes(bytes)).map_err(|_length| CryptoFault)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn claims(audience: &str, expires: i64) -> Value {
        json!({"iss": "mingzhang", "aud": audience, "sub": "u", "exp": expires})
    }

    const LATER: i64 = 4_000_000_000;

    fn verified(ring: &KeyRing, token: &str) -> bool {
        ring.verify_token::<Value>(token, "mingzhang", "mingzhang-api").is_ok()
    }

    #[test]
    fn a_text_is_read_back_only_for_the_row_it_was_written_for() {
        let ring = KeyRing::random();
        let sealed = ring.encrypt("beneficiaries/id_number/1", "11010519491231002X").unwrap();
        assert!(sealed.starts_with("aes-256-gcm:enc-1:") && !sealed.contains("1101"));
        assert_eq!(ring.decrypt("beneficiaries/id_number/1", &sealed).unwrap(), "11010519491231002X");
        assert_eq!(ring.decrypt("beneficiaries/id_number/2", &sealed), Err(CryptoFault));
    }

    #[test]
    fn after_rotation_old_texts_are_still_read_and_new_ones_name_the_new_key() {
        let old = KeyRing::random();
        let sealed = old.encrypt("x", "secret").unwrap();
        let mut keys = vec![NamedKey::random("enc-2")];
        keys.extend(old.encryption.keys().to_vec());
        let new = KeyRing { encryption: KeyList::new(keys).unwrap(), ..old };
        assert_eq!(new.decrypt("x", &sealed).unwrap(), "secret");
        assert!(new.encrypt("x", "secret").unwrap().starts_with("aes-256-gcm:enc-2:"));
    }

    #[test]
    fn a_forged_token_is_refused_whatever_the_forgery() {
        let ring = KeyRing::random();
        let good = ring.sign_token(&claims("mingzhang-api", LATER)).unwrap();
        assert!(verified(&ring, &good));
        assert!(!verified(&ring, &ring.sign_token(&claims("another", LATER)).unwrap()), "wrong audience");
        assert!(!verified(&ring, &ring.sign_token(&claims("mingzhang-api", 1_000_000_000)).unwrap()), "run out");
        assert!(!verified(&ring, &KeyRing::random().sign_token(&claims("mingzhang-api", LATER)).unwrap()), "another key under the same kid");
        let payload = good.split('.').nth(1).unwrap();
        let encode = base64::engine::general_purpose::URL_SAFE_NO_PAD;
        assert!(!verified(&ring, &format!("{}.{payload}.", encode.encode(r#"{"alg":"none","kid":"jwt-1"}"#))), "alg none");
        assert!(!verified(&ring, &format!("{}.{payload}.{}", encode.encode(r#"{"alg":"HS256","kid":"x"}"#), good.split('.').nth(2).unwrap())), "unknown kid");
    }

    #[test]
    fn a_signature_holds_for_its_message_only() {
        let ring = KeyRing::random();
        let (id, signature) = ring.sign(b"head").unwrap();
        assert_eq!(ring.verify(&id, b"head", &signature), Ok(()));
        assert_eq!(ring.verify(&id, b"tail", &signature), Err(CryptoFault));
        assert_eq!(ring.verify("sign-2", b"head", &signature), Err(CryptoFault));
    }

    #[test]
    fn look_up_hashes_of_different_kinds_differ() {
        let ring = KeyRing::random();
        assert_eq!(ring.lookup_hash("id_number", "1"), ring.lookup_hash("id_number", "1"));
        assert_ne!(ring.lookup_hash("id_number", "1"), ring.lookup_hash("account", "1"));
        assert_ne!(ring.lookup_hash("id_number", "1"), KeyRing::random().lookup_hash("id_number", "1"));
    }

    #[test]
    fn no_key_shows_in_debug_output() {
        let text = format!("{:?}", KeyRing::random());
        assert!(text.contains("NamedKey(jwt-1)") && text.len() < 400);
    }
}
