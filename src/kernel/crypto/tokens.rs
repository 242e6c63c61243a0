//! Signed tokens (JWT, RFC 7519): the signature and the key. What the claims must say is the caller's rule.

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, decode_header, encode};
use secrecy::ExposeSecret;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::material::{Key, KeyAlgorithm, KeyId, NonEmptyKeys};
use super::{CryptoError, KEY_BYTES, KeyRing};

/// The type of an access token in its header (RFC 9068), so that no other signed text passes for one.
const TOKEN_TYPE: &str = "at+jwt";

/// Longer texts are not looked at; ours have about 500 characters.
const LONGEST_TOKEN: usize = 4096;

/// PKCS #8 before the seed of an Ed25519 key (RFC 8410 section 7).
const ED25519_PKCS8: [u8; 16] = [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// Why a token is not one of ours. For the log; outside, every one of them is the same 401.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenRefusal {
    /// It has not the form of our tokens, or names no algorithm that we know (`none` among them).
    #[error("the token is malformed")]
    Malformed,
    /// It names no key, or one that is not in the ring.
    #[error("the token names no key of ours")]
    UnknownKey,
    /// Its algorithm is not its key's.
    #[error("the token's algorithm is not its key's")]
    WrongAlgorithm,
    /// The signature is not its key's.
    #[error("the token's signature is wrong")]
    BadSignature,
}

struct TokenKey {
    id: KeyId,
    algorithm: Algorithm,
    sign: EncodingKey,
    verify: DecodingKey,
}

impl TokenKey {
    fn new(key: Key) -> Self {
        let secret = key.secret.expose_secret();
        let (algorithm, sign, verify) = match key.algorithm {
            KeyAlgorithm::EdDsa => ed25519_keys(secret),
            _ => (Algorithm::HS256, EncodingKey::from_secret(secret), DecodingKey::from_secret(secret)),
        };
        Self { id: key.id, algorithm, sign, verify }
    }
}

fn ed25519_keys(seed: &[u8; KEY_BYTES]) -> (Algorithm, EncodingKey, DecodingKey) {
    let private = [ED25519_PKCS8.as_slice(), seed.as_slice()].concat();
    let public = ed25519_dalek::SigningKey::from_bytes(seed).verifying_key().to_bytes();
    (Algorithm::EdDSA, EncodingKey::from_ed_der(&private), DecodingKey::from_ed_der(&public))
}

/// The keys of tokens: one signs, all verify.
pub(super) struct TokenKeys {
    current: TokenKey,
    older: Vec<TokenKey>,
}

impl TokenKeys {
    /// From a list that was checked not to be empty.
    pub(super) fn new(keys: NonEmptyKeys) -> Self {
        let (current, older) = keys.split();
        Self { current: TokenKey::new(current), older: older.into_iter().map(TokenKey::new).collect() }
    }

    pub(super) fn current_id(&self) -> &KeyId {
        &self.current.id
    }

    pub(super) fn ids(&self) -> Vec<&KeyId> {
        self.all().map(|key| &key.id).collect()
    }

    fn all(&self) -> impl Iterator<Item = &TokenKey> {
        std::iter::once(&self.current).chain(&self.older)
    }

    fn of_id(&self, id: &str) -> Option<&TokenKey> {
        self.all().find(|key| key.id.as_str() == id)
    }
}

impl KeyRing {
    /// Signs claims with the current key, whose id stands in the header.
    ///
    /// # Errors
    /// [`CryptoError::Failed`] where the claims are no JSON object.
    pub fn sign_token<C: Serialize>(&self, claims: &C) -> Result<String, CryptoError> {
        let key = &self.tokens.current;
        let mut header = Header::new(key.algorithm);
        header.typ = Some(TOKEN_TYPE.to_owned());
        header.kid = Some(key.id.to_string());
        encode(&header, claims, &key.sign).map_err(|error| CryptoError::Failed("token", error.to_string()))
    }

    /// The claims of a token that a key of this ring signed with that key's own algorithm.
    /// Time, issuer and audience are **not** looked at here.
    ///
    /// # Errors
    /// [`TokenRefusal`].
    pub fn open_token<C: DeserializeOwned>(&self, token: &str) -> Result<C, TokenRefusal> {
        if token.len() > LONGEST_TOKEN {
            return Err(TokenRefusal::Malformed);
        }
        let header = decode_header(token).ok().ok_or(TokenRefusal::Malformed)?;
        // An extension that must be understood (RFC 7515 section 4.1.11) is one that we do not.
        if header.typ.as_deref() != Some(TOKEN_TYPE) || header.crit.is_some() {
            return Err(TokenRefusal::Malformed);
        }
        let key = header.kid.as_deref().and_then(|id| self.tokens.of_id(id)).ok_or(TokenRefusal::UnknownKey)?;
        if header.alg != key.algorithm {
            return Err(TokenRefusal::WrongAlgorithm);
        }
        decode::<C>(token, &key.verify, &signature_alone(key.algorithm)).map(|opened| opened.claims).map_err(|error| refusal(&error))
    }
}

/// The library would compare with the system's clock; our clock is handed in, so the claims are checked by the caller.
fn signature_alone(algorithm: Algorithm) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    validation
}

fn refusal(error: &jsonwebtoken::errors::Error) -> TokenRefusal {
    match error.kind() {
        jsonwebtoken::errors::ErrorKind::InvalidSignature => TokenRefusal::BadSignature,
        _ => TokenRefusal::Malformed,
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use proptest::prelude::*;
    use serde::Deserialize;

    use super::super::material::{KeyMaterial, KeyPurpose, parse_list};
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Claims {
        sub: String,
    }

    const FIRST: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    const SECOND: &str = "HxECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

    fn ring(jwt: &str) -> KeyRing {
        let material = KeyMaterial { jwt: parse_list(KeyPurpose::Jwt, jwt).unwrap(), ..KeyMaterial::random().unwrap() };
        KeyRing::new(material).unwrap()
    }

    fn claims() -> Claims {
        Claims { sub: "someone".to_owned() }
    }

    fn forged(header: &str) -> String {
        format!("{}.{}.", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(r#"{"sub":"someone"}"#))
    }

    #[test]
    fn both_algorithms_sign_and_verify() {
        for list in [format!("a:{FIRST}"), format!("a:eddsa:{FIRST}")] {
            let ring = ring(&list);
            let token = ring.sign_token(&claims()).unwrap();
            assert_eq!(ring.open_token::<Claims>(&token), Ok(claims()));
        }
    }

    #[test]
    fn the_eddsa_signature_is_that_of_rfc_8032() {
        let ring = ring(&format!("a:eddsa:{FIRST}"));
        let token = ring.sign_token(&claims()).unwrap();
        let (message, signature) = token.rsplit_once('.').unwrap();
        let seed: [u8; 32] = std::array::from_fn(|index| u8::try_from(index).unwrap());
        let signature = ed25519_dalek::Signature::from_slice(&URL_SAFE_NO_PAD.decode(signature).unwrap()).unwrap();
        let public = ed25519_dalek::SigningKey::from_bytes(&seed).verifying_key();
        assert!(public.verify_strict(message.as_bytes(), &signature).is_ok());
    }

    #[test]
    fn an_older_key_still_verifies_and_a_removed_one_does_not() {
        let old = ring(&format!("old:{FIRST}"));
        let both = ring(&format!("new:{SECOND},old:{FIRST}"));
        let new = ring(&format!("new:{SECOND}"));
        let token = old.sign_token(&claims()).unwrap();
        assert_eq!(both.open_token::<Claims>(&token), Ok(claims()));
        assert_eq!(new.open_token::<Claims>(&token), Err(TokenRefusal::UnknownKey));
        assert_eq!(new.open_token::<Claims>(&both.sign_token(&claims()).unwrap()), Ok(claims()));
    }

    #[test]
    fn a_token_without_algorithm_or_of_an_unknown_key_is_refused() {
        let ring = ring(&format!("a:{FIRST}"));
        let refused = |header: &str| ring.open_token::<Claims>(&forged(header)).unwrap_err();
        assert_eq!(refused(r#"{"alg":"none","typ":"at+jwt","kid":"a"}"#), TokenRefusal::Malformed);
        assert_eq!(refused(r#"{"alg":"HS256","typ":"at+jwt","kid":"b"}"#), TokenRefusal::UnknownKey);
        assert_eq!(refused(r#"{"alg":"HS256","typ":"at+jwt"}"#), TokenRefusal::UnknownKey);
        assert_eq!(refused(r#"{"alg":"EdDSA","typ":"at+jwt","kid":"a"}"#), TokenRefusal::WrongAlgorithm);
        assert_eq!(refused(r#"{"alg":"HS256","typ":"JWT","kid":"a"}"#), TokenRefusal::Malformed);
        assert_eq!(refused(r#"{"alg":"HS256","typ":"at+jwt","kid":"a","crit":["x"],"x":1}"#), TokenRefusal::Malformed);
        assert_eq!(refused(r#"{"alg":"HS256","typ":"at+jwt","kid":"a"}"#), TokenRefusal::BadSignature);
    }

    #[test]
    fn a_public_key_taken_as_a_shared_secret_signs_nothing() {
        let ring = ring(&format!("a:eddsa:{FIRST}"));
        let seed: [u8; 32] = std::array::from_fn(|index| u8::try_from(index).unwrap());
        let public = ed25519_dalek::SigningKey::from_bytes(&seed).verifying_key().to_bytes();
        let mut header = Header::new(Algorithm::HS256);
        header.typ = Some(TOKEN_TYPE.to_owned());
        header.kid = Some("a".to_owned());
        let token = encode(&header, &claims(), &EncodingKey::from_secret(&public)).unwrap();
        assert_eq!(ring.open_token::<Claims>(&token), Err(TokenRefusal::WrongAlgorithm));
    }

    #[test]
    fn the_same_id_with_another_key_is_a_bad_signature() {
        let token = ring(&format!("a:{SECOND}")).sign_token(&claims()).unwrap();
        assert_eq!(ring(&format!("a:{FIRST}")).open_token::<Claims>(&token), Err(TokenRefusal::BadSignature));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]
        #[test]
        fn a_token_changed_in_one_character_is_refused(position in any::<prop::sample::Index>(), other in "[A-Za-z0-9_.-]") {
            let ring = ring(&format!("a:{FIRST}"));
            let token = ring.sign_token(&claims()).unwrap();
            let mut characters: Vec<char> = token.chars().collect();
            let index = position.index(characters.len());
            let other = other.chars().next().unwrap();
            prop_assume!(characters[index] != other);
            characters[index] = other;
            let changed: String = characters.into_iter().collect();
            prop_assert!(ring.open_token::<Claims>(&changed).is_err());
        }

        #[test]
        fn no_text_passes_for_a_token(text in "\\PC{0,200}") {
            prop_assert!(ring(&format!("a:{FIRST}")).open_token::<Claims>(&text).is_err());
        }
    }
}
