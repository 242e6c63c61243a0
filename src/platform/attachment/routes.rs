//! `attachments`.

use actix_web::body::SizedStream;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::{HttpMessage, HttpRequest, HttpResponse, delete, get, post, web};
use sea_orm::sea_query::Condition;
use sea_orm::{ColumnTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{NewLink, PaperKind, Subjects, attachment, attachment_link, link, refusals, remove, store};
use crate::kernel::access::{Actor, Capability, Place};
use crate::kernel::act::{Act, Performer};
use crate::kernel::problem::{Faults, Problem};
use crate::platform::audit::{self, Event};
use crate::platform::db::{Scoped, Tx};
use crate::platform::http::{Body, Content, Context, Done, DownloadKept, ListPage, ListRequest, Nothing, Refusals, Routes, Rules, Upload, Write, ok, request_id, saved_as};

/// What is taken as a paper, by its bytes.
const TAKES: [Content; 7] = [Content::Pdf, Content::Jpeg, Content::Png, Content::Ofd, Content::Xml, Content::Xlsx, Content::Docx];

/// The fields beside the file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    street_id: Option<Uuid>,
    community_id: Option<Uuid>,
    subject_type: Option<String>,
    subject_id: Option<Uuid>,
    paper_kind: Option<PaperKind>,
}

impl Body for Fields {
    fn faults(&self, faults: &mut Faults) {
        let given = [("/subject_type", self.subject_type.is_some()), ("/subject_id", self.subject_id.is_some()), ("/paper_kind", self.paper_kind.is_some())];
        if given.iter().any(|(_, given)| *given) {
            for (pointer, _) in given.iter().filter(|(_, given)| !given) {
                faults.add(pointer, "required", "subject_type、subject_id、paper_kind 须一并给出", "subject_type, subject_id and paper_kind are given together");
            }
        }
    }
}

/// A file with what it is for; without a subject it is linked later (within two days).
#[derive(Debug, Deserialize, ToSchema)]
#[expect(dead_code, reason = "describes the form; its fields are read by name")]
pub struct NewAttachment {
    /// PDF, JPEG, PNG, OFD, XML, XLSX or DOCX, at most 20 MiB.
    #[schema(value_type = String, format = Binary)]
    file: String,
    /// The street, where no subject is named; may be left out by who acts in one only.
    street_id: Option<Uuid>,
    /// The community, where no subject is named.
    community_id: Option<Uuid>,
    /// `activity`, `commitment`, `claim` or `invoice`.
    subject_type: Option<String>,
    /// The record that it belongs to.
    subject_id: Option<Uuid>,
    /// What it is there.
    paper_kind: Option<PaperKind>,
}

/// What a paper is to be linked to.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"subject_type": "claim", "subject_id": "0190a0b0-0000-7000-8000-000000000001", "paper_kind": "sign_in_sheet"}))]
pub struct NewAttachmentLink {
    /// `activity`, `commitment`, `claim` or `invoice`.
    pub subject_type: String,
    /// The record.
    pub subject_id: Uuid,
    /// What the paper is there.
    pub paper_kind: PaperKind,
}

impl Body for NewAttachmentLink {}

/// A paper with what it is linked to.
#[derive(Debug, Serialize, ToSchema)]
pub struct Attachment {
    /// The file.
    #[serde(flatten)]
    pub attachment: attachment::Model,
    /// What it is linked to.
    pub links: Vec<attachment_link::Model>,
}

async fn views(tx: &Tx, papers: Vec<attachment::Model>) -> Result<Vec<Attachment>, Problem> {
    let of = attachment_link::Column::AttachmentId.is_in(papers.iter().map(|paper| paper.id));
    let mut links = tx.all(tx.select::<attachment_link::Entity>().filter(of).order_by_asc(attachment_link::Column::Id)).await?;
    Ok(papers.into_iter().map(|attachment| Attachment { links: links.extract_if(.., |link| link.attachment_id == attachment.id).collect(), attachment }).collect())
}

async fn view(tx: &Tx, paper: attachment::Model) -> Result<Attachment, Problem> {
    views(tx, vec![paper]).await?.pop().ok_or_else(Problem::not_found)
}

/// The link that is asked for, where the record's own rules allow it.
async fn allowed(tx: &Tx, act: &Act, subjects: &Subjects, (subject_type, subject_id, paper): (&str, Uuid, PaperKind), media_type: &str) -> Result<NewLink, Problem> {
    let subject = subjects.of(subject_type).ok_or_else(|| refusals::unknown_subject_type(subject_type))?;
    let place = subject.may_add(tx, act, subject_id, paper, media_type).await?;
    act.person()?.require_at(Capability::AttachmentAdd, &place)?;
    Ok(NewLink { subject_type: subject.subject_type(), subject_id, place, paper })
}

/// Uploads a paper, and links it where a subject is named. What it is, its bytes say, never its name (an HTML page called .pdf is refused, and so is XML with a document type or entities of its own, also within an OFD);
/// the same bytes twice in a street are one object. Kept encrypted; linked to nothing for two days, it is removed.
#[utoipa::path(tag = "attachments", request_body(content = NewAttachment, content_type = "multipart/form-data"), responses((status = 201, body = Attachment), Refusals))]
#[post("/attachments")]
async fn add_attachment(actor: Actor, upload: Upload, subjects: web::Data<Subjects>) -> Result<HttpResponse, Problem> {
    let objects = std::sync::Arc::clone(&upload.context().objects);
    upload
        .create_from_form(&actor, Capability::AttachmentAdd, &TAKES, async |tx, act, (file, fields): (_, Fields)| {
            let new = match (fields.subject_type, fields.subject_id, fields.paper_kind) {
                (Some(kind), Some(id), Some(paper)) => Some(allowed(tx, act, &subjects, (&kind, id, paper), file_type(&file)).await?),
                _ => None,
            };
            let place: Place = match &new {
                Some(new) => new.place,
                None => subjects.units.unit(tx, &actor, fields.street_id, fields.community_id).await?,
            };
            let made = super::add(tx, act, objects.as_ref(), place, file).await?;
            if let Some(new) = new {
                link(tx, act, made.id, new, "/file").await?;
            }
            Ok(Done::created(format!("/api/v1/attachments/{}", made.id), None, view(tx, made).await?))
        })
        .await
}

fn file_type(file: &crate::platform::http::UploadedFile) -> &'static str {
    file.content.media_type()
}

/// Links a paper to a record of the same unit.
#[utoipa::path(tag = "attachments", request_body = NewAttachmentLink, responses((status = 201, body = Attachment), Refusals))]
#[post("/attachments/{id}/links")]
async fn link_attachment(actor: Actor, write: Write, subjects: web::Data<Subjects>, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    write
        .on::<attachment::Entity, NewAttachmentLink, _>(&actor, Capability::AttachmentAdd, &id, Rules::plain(), async |tx, act, row, body| {
            let new = allowed(tx, act, &subjects, (&body.subject_type, body.subject_id, body.paper_kind), &row.media_type).await?;
            link(tx, act, row.id, new, "/subject_id").await?;
            Ok(Done::created(format!("/api/v1/attachments/{}", row.id), None, view(tx, row.into_inner()).await?).perhaps_so_already())
        })
        .await
}

/// Takes a paper off a record, where its rules allow it (a claim: while it is a draft).
#[utoipa::path(tag = "attachments", request_body = Nothing, responses((status = 200, body = attachment_link::Model), Refusals))]
#[delete("/attachment-links/{id}")]
async fn unlink_attachment(actor: Actor, write: Write, subjects: web::Data<Subjects>, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    write
        .on::<attachment_link::Entity, Nothing, _>(&actor, Capability::AttachmentAdd, &id, Rules::plain(), async |tx, act, row, _| Ok(Done::result(remove::unlink(tx, act, &subjects, row).await?)))
        .await
}

/// Removes a paper that is linked to nothing but drafts.
#[utoipa::path(tag = "attachments", request_body = Nothing, responses((status = 200, body = attachment::Model), Refusals))]
#[delete("/attachments/{id}")]
async fn remove_attachment(actor: Actor, write: Write, subjects: web::Data<Subjects>, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    write.on::<attachment::Entity, Nothing, _>(&actor, Capability::AttachmentAdd, &id, Rules::plain(), async |tx, act, row, _| Ok(Done::result(remove::remove(tx, act, &subjects, row).await?))).await
}

/// Lists papers. Filters: `subject_type`, `subject_id`, `paper_kind`, `street_id`, `community_id`, `sha256`, `media_type`.
#[utoipa::path(tag = "attachments", responses((status = 200, body = ListPage<Attachment>), Refusals))]
#[get("/attachments")]
async fn list_attachments(actor: Actor, context: web::Data<Context>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::AttachmentRead)?;
    let list = ListRequest::parse(&request, &["subject_type", "subject_id", "paper_kind", "street_id", "community_id", "sha256", "media_type"])?;
    let mut condition = list.equals::<Uuid>(Condition::all(), "street_id", attachment::Column::StreetId)?;
    condition = list.equals::<Uuid>(condition, "community_id", attachment::Column::CommunityId)?;
    for (name, column) in [("sha256", attachment::Column::Sha256), ("media_type", attachment::Column::MediaType)] {
        condition = list.equals::<String>(condition, name, column)?;
    }
    let by_link = list.equals::<Uuid>(Condition::all(), "subject_id", attachment_link::Column::SubjectId)?;
    let by_link = list.equals::<String>(by_link, "subject_type", attachment_link::Column::SubjectType)?;
    let by_link = list.one_of(by_link, "paper_kind", attachment_link::Column::PaperKind, &PaperKind::ALL.map(PaperKind::code))?;
    let tx = context.read(&actor, Capability::AttachmentRead).await?;
    if !by_link.is_empty() {
        let linked = tx.select::<attachment_link::Entity>().filter(by_link).select_only().column(attachment_link::Column::AttachmentId);
        condition = condition.add(attachment::Column::Id.in_subquery(linked.into_query()));
    }
    let select = tx.select::<attachment::Entity>().filter(condition);
    let columns = &["id", "street_id", "community_id", "file_name", "media_type", "size", "sha256", "uploaded_by", "created_at"];
    list.answer(&context, tx, select, &[("created_at", attachment::Column::CreatedAt)], columns, views).await
}

/// Reads what is known of a paper.
#[utoipa::path(tag = "attachments", responses((status = 200, body = Attachment), Refusals))]
#[get("/attachments/{id}")]
async fn get_attachment(actor: Actor, context: web::Data<Context>, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::AttachmentRead)?;
    let tx = context.read(&actor, Capability::AttachmentRead).await?;
    let row = tx.load_text::<attachment::Entity>(&id).await?.into_read();
    Ok(ok(&view(&tx, row).await?))
}

/// Downloads a paper, decrypted while it is sent. Of a paper that usually names people (sign-in sheet, pay list …) the audit trail keeps who had it.
#[utoipa::path(tag = "attachments", responses((status = 200, content_type = "application/octet-stream", body = Vec<u8>), Refusals))]
#[get("/attachments/{id}/content")]
async fn download_attachment(actor: Actor, context: web::Data<Context>, request: HttpRequest, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::AttachmentRead)?;
    let tx = context.read(&actor, Capability::AttachmentRead).await?;
    let row = tx.load_text::<attachment::Entity>(&id).await?.authorise(&actor, Capability::AttachmentRead)?.into_inner();
    let found = view(&tx, row).await?;
    tx.rollback().await?;
    let path = store::path_of(found.attachment.district_id, found.attachment.street_id, &found.attachment.sha256);
    let bytes = store::read(context.objects.as_ref(), std::sync::Arc::clone(&context.keys), path).await?;
    if found.links.is_empty() || found.links.iter().any(|link| PaperKind::of_code(&link.paper_kind).is_none_or(PaperKind::names_people)) {
        let act = context.act(Performer::Person(actor.clone()), request_id(&request), context.client_text(&request));
        let tx = context.write(actor.scope_for(Capability::AttachmentRead)?).await?;
        let event = Event::new("attachment.download", "attachment", found.attachment.id, attachment::Entity::place(&found.attachment)).after(&json!({"sha256": found.attachment.sha256}))?;
        audit::record(&tx, &act, event).await?;
        tx.commit().await?;
        request.extensions_mut().insert(DownloadKept);
    }
    let size = u64::try_from(found.attachment.size).map_err(Problem::internal)?;
    Ok(HttpResponse::Ok().insert_header((CONTENT_TYPE, found.attachment.media_type.clone())).insert_header(saved_as(&name_of(&found.attachment))).body(SizedStream::new(size, Box::pin(bytes))))
}

/// The name that a file came with, or the begin of its hash.
fn name_of(row: &attachment::Model) -> String {
    row.file_name.clone().unwrap_or_else(|| row.sha256.chars().take(12).collect())
}

/// Adds the routes of this folder.
pub fn routes(config: &mut Routes<'_, '_>) {
    config.service(add_attachment).service(link_attachment).service(unlink_attachment).service(remove_attachment);
    config.service(list_attachments).service(get_attachment).service(download_attachment);
}
