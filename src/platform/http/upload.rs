//! Bodies that are files: `multipart/form-data` with one part `file` (and, where the operation takes them, fields beside it), or the bytes themselves. What a file is, its bytes say, never its name.

use std::io::Cursor;
use std::pin::Pin;

use actix_multipart::Multipart;
use actix_web::dev::Payload;
use actix_web::http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use actix_web::web::{self, Bytes};
use actix_web::{FromRequest, HttpRequest, HttpResponse};
use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;
use zip::ZipArchive;

use super::body::{RawBody, too_large};
use super::write::Parsed;
use super::{Body, Context, Done, Rules, Write, idempotency};
use crate::kernel::access::{Actor, Capability};
use crate::kernel::act::Act;
use crate::kernel::problem::Problem;
use crate::platform::db::{Authorised, Scoped, Tx};

/// A file is at most 20 MiB.
pub const FILE_MOST_BYTES: usize = 20 * 1024 * 1024;
/// What a multipart form may add around its file.
const FORM_MOST_BYTES: usize = 64 * 1024;
/// A file's name is kept up to this many characters.
const NAME_MOST_CHARACTERS: usize = 200;

/// What a file is, by its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// PDF (ISO 32000).
    Pdf,
    /// JPEG.
    Jpeg,
    /// PNG.
    Png,
    /// OFD (GB/T 33190), the layout file of electronic invoices.
    Ofd,
    /// An Excel workbook.
    Xlsx,
    /// A Word document.
    Docx,
    /// XML.
    Xml,
    /// Plain text: a table with delimiters, in UTF-8 or GB18030.
    Csv,
}

impl Content {
    /// What the bytes are; none where they are none of the kinds known.
    #[must_use]
    pub fn of_bytes(bytes: &[u8]) -> Option<Self> {
        let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        if bytes.starts_with(b"%PDF-") {
            Some(Self::Pdf)
        } else if bytes.starts_with(b"\xff\xd8\xff") {
            Some(Self::Jpeg)
        } else if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
            Some(Self::Png)
        } else if bytes.starts_with(b"PK\x03\x04") {
            Self::of_archive(bytes)
        } else if text.trim_ascii_start().starts_with(b"<?xml") {
            (!is_page(text)).then_some(Self::Xml)
        } else if is_text(bytes) {
            Some(Self::Csv)
        } else {
            None
        }
    }

    fn of_archive(bytes: &[u8]) -> Option<Self> {
        let archive = ZipArchive::new(Cursor::new(bytes)).ok()?;
        let has = |name: &str| archive.file_names().any(|member| member.is_ok_and(|member| member == name));
        if has("xl/workbook.xml") {
            Some(Self::Xlsx)
        } else if has("word/document.xml") {
            Some(Self::Docx)
        } else if has("OFD.xml") {
            Some(Self::Ofd)
        } else {
            None
        }
    }

    /// The media type.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Pdf => "application/pdf",
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Ofd => "application/ofd",
            Self::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            Self::Docx => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            Self::Xml => "application/xml",
            Self::Csv => "text/csv",
        }
    }

    /// The usual ending of a file's name, without the dot.
    #[must_use]
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Pdf => "pdf",
            Self::Jpeg => "jpg",
            Self::Png => "png",
            Self::Ofd => "ofd",
            Self::Xlsx => "xlsx",
            Self::Docx => "docx",
            Self::Xml => "xml",
            Self::Csv => "csv",
        }
    }
}

/// Whether XML is a page or a drawing, in which a browser would run scripts.
fn is_page(text: &[u8]) -> bool {
    let begin = text.get(..text.len().min(2048)).unwrap_or_default().to_ascii_lowercase();
    [b"<html".as_slice(), b"<svg"].iter().any(|root| begin.windows(root.len()).any(|window| window == *root))
}

/// Whether the bytes are text without control characters, in UTF-8 or GB18030.
fn is_text(bytes: &[u8]) -> bool {
    let control = bytes.iter().any(|byte| *byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r'));
    !bytes.is_empty() && !control && (std::str::from_utf8(bytes).is_ok() || !encoding_rs::GB18030.decode_without_bom_handling(bytes).1)
}

/// A file that came in, of a kind that the operation takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadedFile {
    /// Its name as the client gave it, without folders; it decides nothing.
    pub name: Option<String>,
    /// What it is.
    pub content: Content,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl UploadedFile {
    /// SHA-256 of the bytes, in hex.
    #[must_use]
    pub fn sha256(&self) -> String {
        hex::encode(Sha256::digest(&self.bytes))
    }
}

/// The form that carries a file, for the API's description: `request_body(content = FileForm, content_type = "multipart/form-data")`.
#[derive(Debug, Deserialize, ToSchema)]
pub struct FileForm {
    /// The file, at most 20 MiB.
    #[schema(value_type = String, format = Binary)]
    pub file: String,
}

/// A write whose body is a file of up to 20 MiB; otherwise as [`Write`], in the same order of refusals. The idempotency fingerprint is taken over the file, so that a form repeated with another boundary is the same request.
pub struct Upload(Write);

impl FromRequest for Upload {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let write = Write::read(request, payload, FILE_MOST_BYTES.saturating_add(FORM_MOST_BYTES));
        Box::pin(async move { Ok(Self(write.await?)) })
    }
}

impl Upload {
    /// The context of the server.
    #[must_use]
    pub fn context(&self) -> &Context {
        self.0.context()
    }

    /// The act of this request.
    #[must_use]
    pub fn act(&self, actor: &Actor) -> Act {
        self.0.act(actor)
    }

    /// Makes a new row from what is read in a file of one of the kinds in `takes`. It is read by threads that may block, before the transaction begins.
    ///
    /// # Errors
    /// As [`Write::create`]; 413 `body_too_large`, 415 `unsupported_media_type` by content, 400 `malformed_form`, 422 `missing_field`; what `read` refuses.
    pub async fn create_from_file<P: Send + 'static, R: Serialize>(
        self,
        actor: &Actor,
        capability: Capability,
        takes: &[Content],
        read: impl FnOnce(&UploadedFile) -> Result<P, Problem> + Send + 'static,
        work: impl AsyncFnOnce(&Tx, &Act, (UploadedFile, P)) -> Result<Done<R>, Problem>,
    ) -> Result<HttpResponse, Problem> {
        self.0.create_parsed(actor, capability, Rules::plain(), async |raw| read_file(raw, takes, read).await, work).await
    }

    /// As [`Upload::create_from_file`], with the fields of the form beside its file, judged as a JSON body of texts is; bytes without a form have none.
    ///
    /// # Errors
    /// As [`Upload::create_from_file`] and [`Write::create`].
    pub async fn create_from_form<B: Body, R: Serialize>(
        self,
        actor: &Actor,
        capability: Capability,
        takes: &[Content],
        work: impl AsyncFnOnce(&Tx, &Act, (UploadedFile, B)) -> Result<Done<R>, Problem>,
    ) -> Result<HttpResponse, Problem> {
        self.0.create_parsed(actor, capability, Rules::plain(), async |raw| read_file_and_fields(raw, takes).await, work).await
    }

    /// Acts on a row with what is read in a file of one of the kinds in `takes`; the row is found in the scope and authorised first.
    ///
    /// # Errors
    /// As [`Write::on`] and [`Upload::create_from_file`].
    pub async fn on_with_file<E: Scoped, P: Send + 'static, R: Serialize>(
        self,
        actor: &Actor,
        (capability, id): (Capability, &str),
        (takes, read): (&[Content], impl FnOnce(&UploadedFile) -> Result<P, Problem> + Send + 'static),
        rules: Rules<E::Model>,
        work: impl AsyncFnOnce(&Tx, &Act, Authorised<E::Model>, (UploadedFile, P)) -> Result<Done<R>, Problem>,
    ) -> Result<HttpResponse, Problem>
    where
        E::Model: Sync,
    {
        self.0.on_parsed::<E, _, R>(actor, (capability, id), rules, async |raw| read_file(raw, takes, read).await, work).await
    }
}

/// The file of a body and what is read in it, and the fingerprint of its name and bytes.
async fn read_file<P: Send + 'static>(raw: RawBody, takes: &[Content], read: impl FnOnce(&UploadedFile) -> Result<P, Problem> + Send + 'static) -> Result<Parsed<(UploadedFile, P)>, Problem> {
    let (content, file, fields) = read_parts(raw, takes).await?;
    if let Some(part) = fields.keys().next() {
        return Err(only_one_file(part));
    }
    let (file, found) = web::block(move || {
        let found = read(&file);
        (file, found)
    })
    .await
    .map_err(Problem::internal)?;
    Ok(Parsed { content, fields: None, body: (file, found?) })
}

/// The file of a body, the fields beside it, and the fingerprint of all.
async fn read_file_and_fields<B: Body>(raw: RawBody, takes: &[Content]) -> Result<Parsed<(UploadedFile, B)>, Problem> {
    let (fingerprint, file, fields) = read_parts(raw, takes).await?;
    let told = serde_json::to_string(&fields).map_err(Problem::internal)?;
    let fields = RawBody::of_fields(fields)?;
    let body = fields.parse::<B>()?;
    Ok(Parsed { content: idempotency::fingerprint(&[fingerprint.as_bytes(), told.as_bytes()]), fields: Some(fields), body: (file, body) })
}

type Fields = serde_json::Map<String, serde_json::Value>;

async fn read_parts(raw: RawBody, takes: &[Content]) -> Result<(String, UploadedFile, Fields), Problem> {
    let (content_type, bytes) = raw.into_parts()?;
    let form = content_type.filter(|kind| kind.trim_start().to_ascii_lowercase().starts_with("multipart/form-data"));
    let (name, bytes, fields) = match form {
        Some(content_type) => read_form(&content_type, bytes).await?,
        None => (None, bytes, Fields::new()),
    };
    if bytes.len() > FILE_MOST_BYTES {
        return Err(too_large());
    }
    if bytes.is_empty() {
        return Err(missing_file());
    }
    let content = Content::of_bytes(&bytes).filter(|content| takes.contains(content)).ok_or_else(|| unsupported(takes))?;
    if content == Content::Csv && name.as_deref().is_some_and(is_named_workbook) {
        return Err(no_workbook());
    }
    let fingerprint = idempotency::fingerprint(&[name.as_deref().unwrap_or_default().as_bytes(), &bytes]);
    Ok((fingerprint, UploadedFile { name, content, bytes }, fields))
}

/// Name and bytes of the part `file`, and the texts of the others.
async fn read_form(content_type: &str, bytes: Vec<u8>) -> Result<(Option<String>, Vec<u8>, Fields), Problem> {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_str(content_type).map_err(|error| malformed(&error.to_string()))?);
    let body = futures_util::stream::iter([Ok::<_, actix_web::error::PayloadError>(Bytes::from(bytes))]);
    let mut form = Multipart::new(&headers, body);
    let (mut file, mut fields) = (None, Fields::new());
    while let Some(part) = form.next().await {
        let mut part = part.map_err(|error| malformed(&error.to_string()))?;
        let field = part.name().unwrap_or_default().to_owned();
        if (field == "file" && file.is_some()) || fields.contains_key(&field) {
            return Err(only_one_file(&field));
        }
        let name = part.content_disposition().and_then(|disposition| disposition.get_filename()).and_then(plain_name);
        if field != "file" && name.is_some() {
            return Err(only_one_file(&field));
        }
        let mut content = Vec::new();
        while let Some(chunk) = part.next().await {
            content.extend_from_slice(&chunk.map_err(|error| malformed(&error.to_string()))?);
        }
        if field == "file" {
            file = Some((name, content));
        } else {
            let text = String::from_utf8(content).map_err(|error| malformed(&error.to_string()))?;
            fields.insert(field, serde_json::Value::String(text));
        }
    }
    let (name, content) = file.ok_or_else(missing_file)?;
    Ok((name, content, fields))
}

/// A file's name without folders and control characters.
fn plain_name(given: &str) -> Option<String> {
    let last = given.rsplit(['/', '\\']).next().unwrap_or_default();
    let name: String = last.chars().filter(|character| !character.is_control()).take(NAME_MOST_CHARACTERS).collect();
    let name = name.trim();
    (!name.is_empty() && name != "." && name != "..").then(|| name.to_owned())
}

/// Text under such a name is no table with delimiters that somebody meant to send: it would be refused for its columns, and nobody would know why.
fn is_named_workbook(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, extension)| extension.eq_ignore_ascii_case("xlsx"))
}

fn no_workbook() -> Problem {
    Problem::new(415, "unsupported_media_type", "文件类型不受支持", "Unsupported media type").detail(
        "文件名为 .xlsx，内容却是纯文本，不是 Excel 工作簿。请在表格软件中另存为 Excel 工作簿；如确为 CSV，请把扩展名改为 .csv。",
        "The file is named .xlsx, but holds plain text and no Excel workbook. Save it as a workbook in a spreadsheet program; if it is a CSV, name it .csv.",
    )
}

fn unsupported(takes: &[Content]) -> Problem {
    let known = takes.iter().map(|content| content.extension().to_uppercase()).collect::<Vec<_>>().join(", ");
    Problem::new(415, "unsupported_media_type", "文件类型不受支持", "Unsupported media type").detail(
        format!("按内容识别，该文件不是可接受的类型（{known}）。改扩展名没有用，请用正确的程序另存后再上传。"),
        format!("By its content the file is none of the kinds taken here ({known}). Its name does not matter: save it in one of them and send it again."),
    )
}

fn missing_file() -> Problem {
    Problem::new(422, "missing_field", "缺少文件", "The file is missing")
        .detail("请以 multipart/form-data 的 file 部分，或直接以请求内容上传一个文件。", "Send one file, as the part “file” of multipart/form-data or as the body itself.")
        .field("/file", "missing_field", "不能为空", "Must not be empty")
}

fn only_one_file(part: &str) -> Problem {
    let pointer = format!("/{}", part.replace('~', "~0").replace('/', "~1"));
    Problem::new(422, "unknown_field", "表单内容不符合格式", "The form has the wrong form").detail("表单只能有一个名为 file 的部分。", "The form has exactly one part, named “file”.").field(
        &pointer,
        "unknown_field",
        "多余的部分",
        "A part too many",
    )
}

fn malformed(what: &str) -> Problem {
    Problem::new(400, "malformed_form", "表单格式错误", "Malformed form").detail(format!("内容不是合法的 multipart/form-data：{what}"), format!("The body is not valid multipart/form-data: {what}"))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn archive(member: &str) -> Vec<u8> {
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        writer.start_file(member, zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(b"<x/>").unwrap();
        writer.finish().unwrap().into_inner()
    }

    #[test]
    fn a_file_is_what_its_bytes_say() {
        assert_eq!(Content::of_bytes(b"%PDF-1.7\n\x00\x01"), Some(Content::Pdf));
        assert_eq!(Content::of_bytes(b"\xff\xd8\xff\xe0"), Some(Content::Jpeg));
        assert_eq!(Content::of_bytes(b"\x89PNG\r\n\x1a\n\x00"), Some(Content::Png));
        assert_eq!(Content::of_bytes(&archive("xl/workbook.xml")), Some(Content::Xlsx));
        assert_eq!(Content::of_bytes(&archive("word/document.xml")), Some(Content::Docx));
        assert_eq!(Content::of_bytes(&archive("OFD.xml")), Some(Content::Ofd));
        assert_eq!(Content::of_bytes("\u{feff}<?xml version=\"1.0\"?><a/>".as_bytes()), Some(Content::Xml));
        assert_eq!(Content::of_bytes("姓名,金额\r\n".as_bytes()), Some(Content::Csv));
        assert_eq!(Content::of_bytes(&encoding_rs::GB18030.encode("姓名,金额").0), Some(Content::Csv));
    }

    #[test]
    fn bytes_of_no_known_kind_are_none() {
        assert_eq!(Content::of_bytes(b""), None);
        assert_eq!(Content::of_bytes(b"MZ\x90\x00\x03"), None);
        assert_eq!(Content::of_bytes(&archive("evil.exe")), None);
        assert_eq!(Content::of_bytes(b"<?xml version=\"1.0\"?><!DOCTYPE html><HTML xmlns=\"http://www.w3.org/1999/xhtml\"/>"), None);
        assert_eq!(Content::of_bytes(b"PK\x03\x04 and nothing else"), None);
    }

    #[test]
    fn a_name_keeps_no_folder_and_no_control_character() {
        assert_eq!(plain_name("..\\..\\a/名单\u{0}.xlsx"), Some("名单.xlsx".to_owned()));
        assert_eq!(plain_name("../.."), None);
    }
}
