//! `bank-file-templates`: the layouts of the banks' files.

use actix_web::{HttpRequest, HttpResponse, get, post, web};
use chrono::{DateTime, Utc};
use sea_orm::ActiveValue::Set;
use sea_orm::QueryFilter;
use sea_orm::sea_query::Condition;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::refusals::code_taken;
use super::{Template, bank_file_template};
use crate::kernel::access::{Actor, Capability, Place};
use crate::kernel::act::Act;
use crate::kernel::ids::new_id;
use crate::kernel::problem::{Faults, Problem};
use crate::people::tenancy::org_unit;
use crate::platform::audit::{self, Event};
use crate::platform::db::{Tx, is_unique_violation};
use crate::platform::http::{Body, Context, Done, ListPage, ListRequest, Refusals, Routes, Rules, Write, ok_versioned};

/// A template as shown.
#[derive(Debug, Serialize, ToSchema)]
pub struct BankFileTemplate {
    /// The template.
    pub id: Uuid,
    /// The street; null where it is the district's, for all its streets.
    pub street_id: Option<Uuid>,
    /// Its code, once in a district or street.
    pub code: String,
    /// Its name.
    pub name: String,
    /// The layout.
    pub definition: Template,
    /// Counts the changes.
    pub version: i64,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

impl BankFileTemplate {
    fn of(row: bank_file_template::Model) -> Result<Self, Problem> {
        let definition = row.template()?;
        Ok(Self { id: row.id, street_id: row.street_id, code: row.code, name: row.name, definition, version: row.version, created_at: row.created_at })
    }
}

/// A template to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"code": "hankou_bank", "name": "汉口银行代发", "definition": {
    "format": "csv", "extension": "txt", "encoding": "gb18030", "delimiter": "|",
    "columns": [{"source": "serial"}, {"source": "account_number", "max_length": 32}, {"source": "holder_name"}, {"source": "amount"}],
    "total": {"place": "first", "columns": ["batch_number", "count", "sum"]}}}))]
pub struct NewBankFileTemplate {
    /// The street that alone uses it; none for all streets of the district.
    #[serde(default)]
    pub street_id: Option<Uuid>,
    /// Its code: lower-case letters, digits and underscores, at most 40.
    pub code: String,
    /// Its name, at most 60 characters.
    pub name: String,
    /// The layout.
    pub definition: Template,
}

impl Body for NewBankFileTemplate {
    fn faults(&self, faults: &mut Faults) {
        code_faults(&self.code, faults);
        faults.text("/name", &self.name, 60);
        self.definition.faults("/definition", faults);
    }
}

/// A code has 1 to 40 lower-case letters, digits and underscores.
pub(super) fn code_faults(code: &str, faults: &mut Faults) {
    if !(1..=40).contains(&code.len()) || !code.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_') {
        faults.add("/code", "invalid_value", "须为 1 至 40 个小写字母、数字或下划线", "1 to 40 lower-case letters, digits and underscores");
    }
}

const COLUMNS: &[&str] = &["id", "street_id", "code", "name", "definition", "version", "created_at"];

/// Lists the templates of the district and of one's street. Filters: `code`, `street_id` (the street's and the district's). Sort: `code`, `name`.
#[utoipa::path(tag = "bank", responses((status = 200, body = ListPage<BankFileTemplate>), Refusals))]
#[get("/bank-file-templates")]
async fn list_bank_file_templates(actor: Actor, context: web::Data<Context>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::ReferenceRead)?;
    let list = ListRequest::parse(&request, &["code", "street_id"])?;
    let condition = list.equals::<String>(Condition::all(), "code", bank_file_template::Column::Code)?;
    let condition = list.kept_for_street(condition, bank_file_template::Column::StreetId)?;
    let tx = context.read(&actor, Capability::ReferenceRead).await?;
    let select = tx.select::<bank_file_template::Entity>().filter(condition);
    let sorts = [("code", bank_file_template::Column::Code), ("name", bank_file_template::Column::Name)];
    list.answer(&context, tx, select, &sorts, COLUMNS, async |_, rows| rows.into_iter().map(BankFileTemplate::of).collect()).await
}

/// Reads one template.
#[utoipa::path(tag = "bank", responses((status = 200, body = BankFileTemplate), Refusals))]
#[get("/bank-file-templates/{id}")]
async fn get_bank_file_template(actor: Actor, context: web::Data<Context>, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::ReferenceRead)?;
    let tx = context.read(&actor, Capability::ReferenceRead).await?;
    let id = Uuid::parse_str(&id).map_err(|_form| Problem::not_found())?;
    let row = tx.load::<bank_file_template::Entity>(id).await?.into_read();
    Ok(ok_versioned(row.version, &BankFileTemplate::of(row)?))
}

/// Makes a template, of the district or of one of its streets.
#[utoipa::path(tag = "bank", request_body = NewBankFileTemplate, responses((status = 201, body = BankFileTemplate), Refusals))]
#[post("/bank-file-templates")]
async fn create_bank_file_template(actor: Actor, write: Write) -> Result<HttpResponse, Problem> {
    write
        .create(&actor, Capability::ReferenceManage, Rules::plain(), async |tx, act, body: NewBankFileTemplate| {
            let place = place(tx, &actor, body.street_id).await?;
            actor.require_at(Capability::ReferenceManage, &place)?;
            let row = create(tx, act, place, body).await?;
            Ok(Done::created(format!("/api/v1/bank-file-templates/{}", row.id), Some(row.version), BankFileTemplate::of(row)?))
        })
        .await
}

/// Where a template or layout is to sit: the street, else the actor's district.
pub(super) async fn place(tx: &Tx, actor: &Actor, street: Option<Uuid>) -> Result<Place, Problem> {
    let Some(street) = street else {
        return Ok(Place::district(actor.home.district));
    };
    let unit = tx.reference::<org_unit::Entity>(street, "/street_id").await?;
    if unit.level == "street" { Ok(unit.place()) } else { Err(Problem::unknown_reference("/street_id")) }
}

async fn create(tx: &Tx, act: &Act, place: Place, new: NewBankFileTemplate) -> Result<bank_file_template::Model, Problem> {
    let row = bank_file_template::ActiveModel {
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
    let row = tx.try_insert::<bank_file_template::Entity, _>(row).await.map_err(|error| if is_unique_violation(&error) { code_taken(&new.code) } else { error.into() })?;
    audit::record(tx, act, Event::new("bank_file_template.create", "bank_file_template", row.id, place).after(&row)?).await?;
    Ok(row)
}

/// Adds the routes of this folder.
pub fn routes(config: &mut Routes<'_, '_>) {
    config.service(list_bank_file_templates).service(get_bank_file_template).service(create_bank_file_template);
}
