//! `statement-layouts`: the layouts of the banks' statements.

use actix_web::{HttpRequest, HttpResponse, get, post, web};
use chrono::{DateTime, Utc};
use sea_orm::ActiveValue::Set;
use sea_orm::QueryFilter;
use sea_orm::sea_query::Condition;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::refusals::code_taken;
use super::routes::{code_faults, place};
use super::{StatementLayout, statement_layout};
use crate::kernel::access::{Actor, Capability, Place};
use crate::kernel::act::Act;
use crate::kernel::ids::new_id;
use crate::kernel::problem::{Faults, Problem};
use crate::platform::audit::{self, Event};
use crate::platform::db::{Tx, is_unique_violation};
use crate::platform::http::{Body, Context, Done, ListPage, ListRequest, Refusals, Routes, Rules, Write, ok_versioned};

/// A layout as shown.
#[derive(Debug, Serialize, ToSchema)]
pub struct StatementLayoutRow {
    /// The layout.
    pub id: Uuid,
    /// The street; null where it is the district's, for all its streets.
    pub street_id: Option<Uuid>,
    /// Its code, once in a district or street.
    pub code: String,
    /// Its name.
    pub name: String,
    /// The layout.
    pub definition: StatementLayout,
    /// Counts the changes.
    pub version: i64,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

impl StatementLayoutRow {
    fn of(row: statement_layout::Model) -> Result<Self, Problem> {
        let definition = row.layout()?;
        Ok(Self { id: row.id, street_id: row.street_id, code: row.code, name: row.name, definition, version: row.version, created_at: row.created_at })
    }
}

/// A layout to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"code": "hankou_bank", "name": "汉口银行对账单", "definition": {
    "format": "csv", "encoding": "gb18030", "date_format": "YYYYMMDD", "opening_label": "期初余额", "closing_label": "期末余额", "skip_rows": ["合计"],
    "columns": [{"source": "date", "header": "交易日期"}, {"source": "serial", "header": "流水号"}, {"source": "debit", "header": "借方"}, {"source": "credit", "header": "贷方"}, {"source": "summary", "header": "摘要"}]}}))]
pub struct NewStatementLayout {
    /// The street that alone uses it; none for all streets of the district.
    #[serde(default)]
    pub street_id: Option<Uuid>,
    /// Its code: lower-case letters, digits and underscores, at most 40.
    pub code: String,
    /// Its name, at most 60 characters.
    pub name: String,
    /// The layout.
    pub definition: StatementLayout,
}

impl Body for NewStatementLayout {
    fn faults(&self, faults: &mut Faults) {
        code_faults(&self.code, faults);
        faults.text("/name", &self.name, 60);
        self.definition.faults("/definition", faults);
    }
}

const COLUMNS: &[&str] = &["id", "street_id", "code", "name", "definition", "version", "created_at"];

/// Lists the layouts of statements of the district and of one's street. Filters: `code`, `street_id` (the street's and the district's). Sort: `code`, `name`.
#[utoipa::path(tag = "bank", responses((status = 200, body = ListPage<StatementLayoutRow>), Refusals))]
#[get("/statement-layouts")]
async fn list_statement_layouts(actor: Actor, context: web::Data<Context>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::ReferenceRead)?;
    let list = ListRequest::parse(&request, &["code", "street_id"])?;
    let condition = list.equals::<String>(Condition::all(), "code", statement_layout::Column::Code)?;
    let condition = list.kept_for_street(condition, statement_layout::Column::StreetId)?;
    let tx = context.read(&actor, Capability::ReferenceRead).await?;
    let select = tx.select::<statement_layout::Entity>().filter(condition);
    let sorts = [("code", statement_layout::Column::Code), ("name", statement_layout::Column::Name)];
    list.answer(&context, tx, select, &sorts, COLUMNS, async |_, rows| rows.into_iter().map(StatementLayoutRow::of).collect()).await
}

/// Reads one layout of statements.
#[utoipa::path(tag = "bank", responses((status = 200, body = StatementLayoutRow), Refusals))]
#[get("/statement-layouts/{id}")]
async fn get_statement_layout(actor: Actor, context: web::Data<Context>, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::ReferenceRead)?;
    let tx = context.read(&actor, Capability::ReferenceRead).await?;
    let row = tx.load_text::<statement_layout::Entity>(&id).await?.into_read();
    Ok(ok_versioned(row.version, &StatementLayoutRow::of(row)?))
}

/// Makes a layout of statements, of the district or of one of its streets.
#[utoipa::path(tag = "bank", request_body = NewStatementLayout, responses((status = 201, body = StatementLayoutRow), Refusals))]
#[post("/statement-layouts")]
async fn create_statement_layout(actor: Actor, write: Write) -> Result<HttpResponse, Problem> {
    write
        .create(&actor, Capability::ReferenceManage, Rules::plain(), async |tx, act, body: NewStatementLayout| {
            let place = place(tx, &actor, body.street_id).await?;
            actor.require_at(Capability::ReferenceManage, &place)?;
            let row = create(tx, act, place, body).await?;
            Ok(Done::created(format!("/api/v1/statement-layouts/{}", row.id), Some(row.version), StatementLayoutRow::of(row)?))
        })
        .await
}

async fn create(tx: &Tx, act: &Act, place: Place, new: NewStatementLayout) -> Result<statement_layout::Model, Problem> {
    let row = statement_layout::ActiveModel {
        id: Set(new_id()),
        district_id: Set(place.district),
        street_id: Set(place.street),
        code: Set(new.code.clone()),
        name: Set(new.name.trim().to_owned()),
        definition: Set(serde_json::to_value(&new.definition).map_err(Problem::internal)?),
        version: Set(1),
        created_at: Set(act.at),
        created_by: Set(act.user_id()),
    };
    let row = tx.try_insert::<statement_layout::Entity, _>(row).await.map_err(|error| if is_unique_violation(&error) { code_taken(&new.code) } else { error.into() })?;
    audit::record(tx, act, Event::new("statement_layout.create", "statement_layout", row.id, place).after(&row)?).await?;
    Ok(row)
}

/// Adds the routes of this file.
pub fn routes(config: &mut Routes<'_, '_>) {
    config.service(list_statement_layouts).service(get_statement_layout).service(create_statement_layout);
}
