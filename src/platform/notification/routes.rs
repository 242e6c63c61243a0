//! `notifications`: one's own inbox.

use actix_web::http::header::ACCEPT_LANGUAGE;
use actix_web::{HttpRequest, HttpResponse, get, post, web};
use chrono::{DateTime, Utc};
use sea_orm::ActiveValue::{Set, Unchanged};
use sea_orm::ColumnTrait;
use sea_orm::sea_query::Condition;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::entity::notification;
use crate::kernel::access::{Actor, Capability};
use crate::kernel::problem::{Language, Problem};
use crate::platform::audit::{self, Event};
use crate::platform::http::{Context, Done, ListPage, ListRequest, Nothing, Refusals, Routes, Rules, Write};

/// A notice as shown.
#[derive(Debug, Serialize, ToSchema)]
pub struct Notification {
    /// The notice.
    pub id: Uuid,
    /// A stable code.
    pub kind: String,
    /// The words, in the language that was asked for.
    pub text: String,
    /// The kind of record.
    pub subject_type: String,
    /// The record.
    pub subject_id: Uuid,
    /// The street it is about.
    pub street_id: Option<Uuid>,
    /// When it was written.
    pub created_at: DateTime<Utc>,
    /// When it was read; null while it is unread.
    pub read_at: Option<DateTime<Utc>>,
}

fn language(request: &HttpRequest) -> Language {
    Language::of_header(request.headers().get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default())
}

impl Notification {
    fn of(row: notification::Model, language: Language) -> Self {
        let text = match language {
            Language::Chinese => row.text_zh,
            Language::English => row.text_en,
        };
        Self { id: row.id, kind: row.kind, text, subject_type: row.subject_type, subject_id: row.subject_id, street_id: row.street_id, created_at: row.created_at, read_at: row.read_at }
    }
}

const COLUMNS: &[&str] = &["id", "kind", "text", "subject_type", "subject_id", "street_id", "created_at", "read_at"];

/// Lists one's own notices, of all of one's units, the newest first. Filters: `unread` (true or false), `kind`, `street_id`.
#[utoipa::path(tag = "notifications", responses((status = 200, body = ListPage<Notification>), Refusals))]
#[get("/notifications")]
async fn list_notifications(actor: Actor, context: web::Data<Context>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let list = ListRequest::parse(&request, &["unread", "kind", "street_id"])?;
    let own = Condition::all().add(notification::Column::UserId.eq(actor.user_id));
    let own = match list.filter::<bool>("unread")? {
        Some(true) => own.add(notification::Column::ReadAt.is_null()),
        Some(false) => own.add(notification::Column::ReadAt.is_not_null()),
        None => own,
    };
    let own = list.equals::<String>(own, "kind", notification::Column::Kind)?;
    let own = list.equals::<Uuid>(own, "street_id", notification::Column::StreetId)?;
    let language = language(&request);
    let sorts = &[("created_at", notification::Column::CreatedAt)];
    list.answer_of_all::<notification::Entity, _>(&context, &actor.scopes(), own, sorts, COLUMNS, move |row| Notification::of(row, language)).await
}

/// Marks one of one's own notices as read.
#[utoipa::path(tag = "notifications", responses((status = 200, body = Notification), Refusals))]
#[post("/notifications/{id}/read")]
async fn read_notification(actor: Actor, write: Write, request: HttpRequest, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    let language = language(&request);
    write
        .on::<notification::Entity, Nothing, _>(&actor, Capability::UnitRead, &id, Rules::plain(), async |tx, act, row, _| {
            // A colleague's notice does not exist for anybody else.
            if row.user_id != actor.user_id {
                return Err(Problem::not_found());
            }
            if row.read_at.is_some() {
                return Ok(Done::changed(row.version, Notification::of(row.into_inner(), language)));
            }
            let place = row.place();
            let change = notification::ActiveModel { id: Unchanged(row.id), read_at: Set(Some(act.at)), version: Set(row.version.saturating_add(1)), ..Default::default() };
            let after = tx.update::<notification::Entity, _>(change).await?;
            audit::record(tx, act, Event::new("notification.read", "notification", after.id, place)).await?;
            Ok(Done::changed(after.version, Notification::of(after, language)))
        })
        .await
}

/// Adds the routes of this folder.
pub fn routes(config: &mut Routes<'_, '_>) {
    config.service(list_notifications).service(read_notification);
}
