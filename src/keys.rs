//! Where the keys come from: the environment on PostgreSQL, files with owner-only rights under the data folder on the embedded default.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::kernel::crypto::{KeyList, KeyRing, NamedKey};
use crate::settings::Settings;

/// A kind of key: its file, its setting, the beginning of its ids.
const KINDS: [(&str, &str, &str); 4] =
    [("jwt", "MINGZHANG_JWT_KEYS", "jwt"), ("encryption", "MINGZHANG_ENCRYPTION_KEYS", "enc"), ("lookup", "MINGZHANG_LOOKUP_KEY", "lookup"), ("signing", "MINGZHANG_SIGNING_KEYS", "sign")];

/// A text of keys: `id:base64` of 32 bytes each, separated by commas, the current one first.
fn parse(setting: &str, text: &str) -> Result<KeyList, String> {
    let wrong = || format!("{setting}: 须为 id:base64（32 字节），多个以逗号分隔，当前密钥在前 / expected id:base64 of 32 bytes, separated by commas, the current one first");
    let keys = text.trim().split(',').map(|part| {
        let (id, material) = part.trim().split_once(':')?;
        NamedKey::new(id, STANDARD.decode(material).ok()?)
    });
    keys.collect::<Option<Vec<_>>>().and_then(KeyList::new).ok_or_else(wrong)
}

fn text_of(keys: &[NamedKey]) -> String {
    keys.iter().map(|key| format!("{}:{}", key.id, STANDARD.encode(key.expose()))).collect::<Vec<_>>().join(",")
}

/// Loads the keys; on the embedded default the missing ones are made.
///
/// # Errors
/// A text that names the setting or the file and what was expected.
pub fn load(settings: &Settings) -> Result<KeyRing, String> {
    let mut lists = Vec::new();
    for (file, setting, id) in KINDS {
        lists.push(match std::env::var(setting) {
            Ok(text) => parse(setting, &text)?,
            Err(_) if settings.is_postgres() => return Err(format!("{setting}: PostgreSQL 部署须在环境变量中提供密钥 / required from the environment on PostgreSQL")),
            Err(_) => from_file(&settings.data_dir.join("keys"), file, id)?,
        });
    }
    let mut lists = lists.into_iter();
    let (Some(jwt), Some(encryption), Some(lookup), Some(signing)) = (lists.next(), lists.next(), lists.next(), lists.next()) else {
        return Err("keys".to_owned());
    };
    let lookup = lookup.keys().first().cloned().ok_or("MINGZHANG_LOOKUP_KEY")?;
    Ok(KeyRing::new(jwt, encryption, lookup, signing))
}

fn from_file(folder: &Path, name: &str, id: &str) -> Result<KeyList, String> {
    let path = folder.join(name);
    if !path.exists() {
        make(folder, &path, &text_of(&[NamedKey::random(&format!("{id}-1"))]))?;
    }
    let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    parse(&path.display().to_string(), &text)
}

/// Writes a key file that only its owner reads, whole or not at all, and never over another.
fn make(folder: &Path, path: &Path, text: &str) -> Result<(), String> {
    let fault = |error: std::io::Error| format!("{}: {error}", path.display());
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(fault)?;
    let part = path.with_extension(format!("part-{}", std::process::id()));
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part).map_err(fault)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(fault)?;
    let linked = fs::hard_link(&part, path);
    fs::remove_file(&part).map_err(fault)?;
    match linked {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(fault(error)),
        _ => Ok(()),
    }
}

/// Puts a new current key of a kind (`jwt`, `encryption`, `signing`) in front; the older ones go on reading what they made.
///
/// # Errors
/// A text; the look-up key cannot be rotated, since what it made must be found again.
pub fn rotate(settings: &Settings, kind: &str) -> Result<String, String> {
    let (file, setting, id) = KINDS.into_iter().find(|(file, ..)| *file == kind && kind != "lookup").ok_or("可轮换 / can be rotated: jwt, encryption, signing")?;
    let folder = settings.data_dir.join("keys");
    let old = match std::env::var(setting) {
        Ok(text) => parse(setting, &text)?,
        Err(_) => from_file(&folder, file, id)?,
    };
    let new = format!("{id}-{}", old.keys().len().saturating_add(1));
    let mut keys = vec![NamedKey::random(&new)];
    keys.extend(old.keys().iter().cloned());
    if std::env::var(setting).is_ok() || settings.is_postgres() {
        return Ok(format!("{setting}={}", text_of(&keys)));
    }
    let path = folder.join(file);
    let next = folder.join(format!("{file}.next"));
    make(&folder, &next, &text_of(&keys))?;
    fs::rename(&next, &path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(format!("{new}: {}", path.display()))
}
