//! Files at rest: AES-256-GCM in segments, so that a file is decrypted while it is sent and never whole in memory. Each file has a key of its own, derived from
//! the ring's encryption key and a random salt; a segment's nonce is its number and whether it is the last, so that none can be moved, left out or cut off.

use std::sync::Arc;

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};

use super::crypto::{CryptoFault, KEY_BYTES, KeyRing, random_bytes};

/// What stands first, before the key's id.
const FORMAT: &str = "aes-256-gcm-segments:";
/// A segment of the file.
const SEGMENT: usize = 64 * 1024;
/// A segment as it is kept: with its tag.
const SEALED_SEGMENT: usize = SEGMENT + 16;
const SALT_BYTES: usize = 32;
/// Format and key id end within this many bytes.
const MOST_HEADER: usize = 128;

fn seal_or_open(key: &[u8; KEY_BYTES], bound_to: &str, number: u32, last: bool, text: &[u8], seal: bool) -> Result<Vec<u8>, CryptoFault> {
    let cipher = Aes256Gcm::new_from_slice(key).map_err(|_length| CryptoFault)?;
    let mut nonce = [0_u8; 12];
    if let Some((flag, rest)) = nonce.split_last_mut() {
        *flag = u8::from(last);
        for (place, byte) in rest.iter_mut().zip(number.to_be_bytes()) {
            *place = byte;
        }
    }
    let payload = Payload { msg: text, aad: bound_to.as_bytes() };
    let result = if seal { cipher.encrypt(&Nonce::from(nonce), payload) } else { cipher.decrypt(&Nonce::from(nonce), payload) };
    result.map_err(|_aead| CryptoFault)
}

/// Encrypts a file; `bound_to` must be the same when it is read.
///
/// # Errors
/// [`CryptoFault`] where there is no key.
pub fn seal(ring: &KeyRing, bound_to: &str, content: &[u8]) -> Result<Vec<u8>, CryptoFault> {
    let salt = random_bytes::<SALT_BYTES>();
    let (id, key) = ring.file_key(&salt)?;
    let mut sealed = format!("{FORMAT}{id}\n").into_bytes();
    sealed.extend_from_slice(&salt);
    let mut segments = content.chunks(SEGMENT).peekable();
    let mut number = 0_u32;
    while let Some(segment) = segments.next() {
        sealed.extend(seal_or_open(&key, bound_to, number, segments.peek().is_none(), segment, true)?);
        number = number.checked_add(1).ok_or(CryptoFault)?;
    }
    Ok(sealed)
}

/// Reads what [`seal`] gave, piece by piece.
pub struct Opener {
    ring: Arc<KeyRing>,
    bound_to: String,
    key: Option<[u8; KEY_BYTES]>,
    number: u32,
    waiting: Vec<u8>,
}

impl Opener {
    /// Begins to read a file.
    #[must_use]
    pub const fn new(ring: Arc<KeyRing>, bound_to: String) -> Self {
        Self { ring, bound_to, key: None, number: 0, waiting: Vec::new() }
    }

    /// Takes the next piece as it is kept; gives what of the file is certain by now.
    ///
    /// # Errors
    /// [`CryptoFault`] where the file was changed, belongs elsewhere, or its key is unknown.
    pub fn push(&mut self, piece: &[u8]) -> Result<Vec<u8>, CryptoFault> {
        self.waiting.extend_from_slice(piece);
        let Some(key) = self.key()? else {
            return Ok(Vec::new());
        };
        let mut opened = Vec::new();
        // The last segment is known only at the end.
        while self.waiting.len() > SEALED_SEGMENT {
            let rest = self.waiting.split_off(SEALED_SEGMENT);
            let segment = std::mem::replace(&mut self.waiting, rest);
            opened.extend(seal_or_open(&key, &self.bound_to, self.number, false, &segment, false)?);
            self.number = self.number.checked_add(1).ok_or(CryptoFault)?;
        }
        Ok(opened)
    }

    /// The rest, after the last piece.
    ///
    /// # Errors
    /// As [`Opener::push`]; also where the file was cut off.
    pub fn finish(mut self) -> Result<Vec<u8>, CryptoFault> {
        let key = self.key()?.ok_or(CryptoFault)?;
        seal_or_open(&key, &self.bound_to, self.number, true, &self.waiting, false)
    }

    /// The file's key, once its header is there.
    fn key(&mut self) -> Result<Option<[u8; KEY_BYTES]>, CryptoFault> {
        if self.key.is_some() {
            return Ok(self.key);
        }
        let Some(end) = self.waiting.iter().take(MOST_HEADER).position(|byte| *byte == b'\n') else {
            return if self.waiting.len() < MOST_HEADER { Ok(None) } else { Err(CryptoFault) };
        };
        let begin = end.saturating_add(1);
        let rest = begin.saturating_add(SALT_BYTES);
        if self.waiting.len() < rest {
            return Ok(None);
        }
        let header = self.waiting.get(..end).and_then(|bytes| std::str::from_utf8(bytes).ok()).and_then(|text| text.strip_prefix(FORMAT)).ok_or(CryptoFault)?.to_owned();
        let salt = self.waiting.get(begin..rest).ok_or(CryptoFault)?.to_vec();
        self.key = Some(self.ring.file_key_of(&header, &salt)?);
        self.waiting.drain(..rest);
        Ok(self.key)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn open(ring: &Arc<KeyRing>, bound_to: &str, sealed: &[u8], piece: usize) -> Result<Vec<u8>, CryptoFault> {
        let mut opener = Opener::new(Arc::clone(ring), bound_to.to_owned());
        let mut content = Vec::new();
        for piece in sealed.chunks(piece) {
            content.extend(opener.push(piece)?);
        }
        content.extend(opener.finish()?);
        Ok(content)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn a_file_comes_back_whatever_its_length_and_pieces(length in 1_usize..200_000, piece in 1_usize..70_000) {
            let ring = Arc::new(KeyRing::random());
            let content: Vec<u8> = (0..length).map(|index| u8::try_from(index % 251).unwrap()).collect();
            let sealed = seal(&ring, "here", &content).unwrap();
            prop_assert_eq!(open(&ring, "here", &sealed, piece).unwrap(), content);
        }
    }

    #[test]
    fn a_file_that_was_changed_cut_moved_or_made_with_another_key_is_not_opened() {
        let ring = Arc::new(KeyRing::random());
        let content = vec![7_u8; 3 * SEGMENT];
        let sealed = seal(&ring, "here", &content).unwrap();
        assert!(!sealed.windows(64).any(|window| window == &content[..64]));
        assert_eq!(open(&ring, "there", &sealed, 1000), Err(CryptoFault));
        assert_eq!(open(&Arc::new(KeyRing::random()), "here", &sealed, 1000), Err(CryptoFault));
        let header = sealed.len() - 3 * SEALED_SEGMENT;
        assert_eq!(open(&ring, "here", &sealed[..header + 2 * SEALED_SEGMENT], 1000), Err(CryptoFault), "cut after a whole segment");
        let mut changed = sealed.clone();
        changed[header + 5] ^= 1;
        assert_eq!(open(&ring, "here", &changed, 1000), Err(CryptoFault));
        let mut swapped = sealed[..header].to_vec();
        swapped.extend(&sealed[header + SEALED_SEGMENT..header + 2 * SEALED_SEGMENT]);
        swapped.extend(&sealed[header..header + SEALED_SEGMENT]);
        swapped.extend(&sealed[header + 2 * SEALED_SEGMENT..]);
        assert_eq!(open(&ring, "here", &swapped, 1000), Err(CryptoFault));
        assert_eq!(open(&ring, "here", &[0; 500], 100), Err(CryptoFault));
    }
}
