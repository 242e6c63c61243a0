//! `beneficiaries/import` and `enrolments/import`, with the templates to fill in.

use actix_web::http::header::CONTENT_TYPE;
use actix_web::{HttpRequest, HttpResponse, get, post};
use serde::Deserialize;
use uuid::Uuid;

use super::import::{self, Imported};
use crate::kernel::access::{Actor, Capability};
use crate::kernel::problem::{Language, Problem};
use crate::people::tenancy::street_of;
use crate::platform::http::{Content, Done, FileForm, Refusals, Routes, Upload, query, saved_as};
use crate::platform::jobs::record_done;
use crate::platform::jobs::routes::JobRun;
use crate::platform::sheet::{Column, FileFormat, RowFault, read, template};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TemplateQuery {
    #[serde(default = "xlsx")]
    format: FileFormat,
}

const fn xlsx() -> FileFormat {
    FileFormat::Xlsx
}

#[derive(Debug, Deserialize)]
struct ImportQuery {
    street_id: Option<Uuid>,
}

/// What the run keeps: how many rows, of which file, and each warning by row and column.
fn told(imported: &Imported, sha256: &str) -> serde_json::Value {
    let warning = |warning: &RowFault| serde_json::json!({"pointer": warning.pointer(), "code": warning.code, "message": {"zh": warning.words.zh, "en": warning.words.en}});
    serde_json::json!({"imported": imported.count, "sha256": sha256, "warnings": imported.warnings.iter().map(warning).collect::<Vec<_>>()})
}

fn download(request: &HttpRequest, name: &str, columns: &[Column], example: &[&str]) -> Result<HttpResponse, Problem> {
    let format = query::<TemplateQuery>(request)?.format;
    let bytes = template(columns, &[example], format)?;
    Ok(HttpResponse::Ok().insert_header((CONTENT_TYPE, format.media_type())).insert_header(saved_as(&format!("{name}.{}", format.extension()))).body(bytes))
}

/// The table of beneficiaries to fill in. `?format=xlsx|csv`.
#[utoipa::path(tag = "stipends", params(("format" = Option<FileFormat>, Query)), responses((status = 200, content_type = "application/octet-stream", body = Vec<u8>), Refusals))]
#[get("/beneficiaries/import/template")]
async fn beneficiary_template(actor: Actor, request: HttpRequest) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::StipendPrepare)?;
    download(&request, "beneficiaries", &import::BENEFICIARIES, &import::BENEFICIARY_EXAMPLE)
}

/// The table of enrolments to fill in. `?format=xlsx|csv`.
#[utoipa::path(tag = "stipends", params(("format" = Option<FileFormat>, Query)), responses((status = 200, content_type = "application/octet-stream", body = Vec<u8>), Refusals))]
#[get("/enrolments/import/template")]
async fn enrolment_template(actor: Actor, request: HttpRequest) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::StipendPrepare)?;
    download(&request, "enrolments", &import::ENROLMENTS, &import::ENROLMENT_EXAMPLE)
}

/// Imports beneficiaries from XLSX or CSV: all rows or none, every fault by row and column; card numbers whose check digit does not fit are told in `warnings` of the run's result. `?street_id=` where one acts in several; `?dry_run=true` only checks.
#[utoipa::path(tag = "stipends", params(("street_id" = Option<Uuid>, Query)), request_body(content = FileForm, content_type = "multipart/form-data"), responses((status = 202, body = JobRun), Refusals))]
#[post("/beneficiaries/import")]
async fn import_beneficiaries(actor: Actor, request: HttpRequest, upload: Upload) -> Result<HttpResponse, Problem> {
    let street = query::<ImportQuery>(&request)?.street_id;
    upload
        .create_from_file(
            &actor,
            Capability::StipendPrepare,
            &[Content::Csv, Content::Xlsx],
            |file| read(&file.bytes, &import::BENEFICIARIES),
            async |tx, act, (file, table)| {
                let street = street_of(tx, &actor, street, Capability::StipendPrepare).await?;
                let imported = import::beneficiaries(tx, act, &actor, &street, table).await?;
                let run = record_done(tx, act, "beneficiaries.import", street.place(), imported.count, told(&imported, &file.sha256())).await?;
                Ok(Done::accepted(format!("/api/v1/job-runs/{}", run.id), JobRun::of(run, Language::English)))
            },
        )
        .await
}

/// Imports enrolments from XLSX or CSV: all rows or none, every fault by row and column; `paid_through` is required. Each waits for a second person's confirmation.
#[utoipa::path(tag = "stipends", params(("street_id" = Option<Uuid>, Query)), request_body(content = FileForm, content_type = "multipart/form-data"), responses((status = 202, body = JobRun), Refusals))]
#[post("/enrolments/import")]
async fn import_enrolments(actor: Actor, request: HttpRequest, upload: Upload) -> Result<HttpResponse, Problem> {
    let street = query::<ImportQuery>(&request)?.street_id;
    upload
        .create_from_file(
            &actor,
            Capability::StipendPrepare,
            &[Content::Csv, Content::Xlsx],
            |file| read(&file.bytes, &import::ENROLMENTS),
            async |tx, act, (file, table)| {
                let street = street_of(tx, &actor, street, Capability::StipendPrepare).await?;
                let imported = import::enrolments(tx, act, &actor, &street, table).await?;
                let run = record_done(tx, act, "enrolments.import", street.place(), imported.count, told(&imported, &file.sha256())).await?;
                Ok(Done::accepted(format!("/api/v1/job-runs/{}", run.id), JobRun::of(run, Language::English)))
            },
        )
        .await
}

/// Adds the routes of this file.
pub fn routes(config: &mut Routes<'_, '_>) {
    config.service(beneficiary_template).service(enrolment_template).service(import_beneficiaries).service(import_enrolments);
}
