//! `plan-items`.

use actix_web::{HttpRequest, HttpResponse, get, patch, post, web};
use rust_decimal::Decimal;
use sea_orm::sea_query::Condition;
use sea_orm::{ColumnTrait, QueryFilter, QueryOrder};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{plan_item, target, write as work};
use crate::kernel::access::{Actor, Capability};
use crate::kernel::problem::{Faults, Problem};
use crate::people::tenancy::unit_of;
use crate::platform::db::Tx;
use crate::platform::http::{Body, Context, Done, ListPage, ListRequest, Refusals, Routes, Rules, Write, ok_versioned};

/// How a target's value is compared with what was reached.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Comparison {
    /// At least the value.
    AtLeast,
    /// At most the value.
    AtMost,
    /// Exactly the value.
    Equal,
    /// Told in words.
    Text,
}

impl Comparison {
    /// The identifier in the database.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::AtLeast => "at_least",
            Self::AtMost => "at_most",
            Self::Equal => "equal",
            Self::Text => "text",
        }
    }
}

/// A target to be added.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "宣讲场次", "comparison": "at_least", "value": "12", "unit": "次"}))]
pub struct NewTarget {
    /// What is measured, at most 100 characters.
    pub name: String,
    /// How it is compared.
    pub comparison: Comparison,
    /// A decimal number, or words for `text`.
    pub value: String,
    /// The unit; may be empty for `text`.
    #[serde(default)]
    pub unit: String,
}

impl NewTarget {
    fn faults_at(&self, pointer: &str, faults: &mut Faults) {
        faults.text(&format!("{pointer}/name"), &self.name, 100);
        faults.text(&format!("{pointer}/value"), &self.value, 200);
        if !matches!(self.comparison, Comparison::Text) {
            faults.text(&format!("{pointer}/unit"), &self.unit, 20);
            if self.value.parse::<Decimal>().is_err() {
                faults.add(&format!("{pointer}/value"), "not_a_number", "须为数字", "must be a number");
            }
        }
    }
}

impl Body for NewTarget {
    fn faults(&self, faults: &mut Faults) {
        self.faults_at("", faults);
    }
}

/// A plan item to be written, with its targets.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"fiscal_year": 2017, "title": "基层党组织规范化建设", "objective": "支部组织生活规范", "milestones": ["3月 制定计划", "12月 总结"], "targets": [{"name": "主题党日", "comparison": "at_least", "value": "12", "unit": "次"}]}))]
pub struct NewPlanItem {
    /// The street; may be left out by who acts in one only.
    pub street_id: Option<Uuid>,
    /// The community, for its own item.
    pub community_id: Option<Uuid>,
    /// The year.
    pub fiscal_year: i32,
    /// The title, at most 100 characters.
    pub title: String,
    /// The objective, at most 1,000 characters.
    pub objective: String,
    /// Steps on the way.
    #[serde(default)]
    pub milestones: Vec<String>,
    /// 一社区一品牌.
    #[serde(default)]
    pub brand_project: bool,
    /// Targets; more can be added later.
    #[serde(default)]
    pub targets: Vec<NewTarget>,
}

impl Body for NewPlanItem {
    fn faults(&self, faults: &mut Faults) {
        faults.text("/title", &self.title, 100);
        faults.text("/objective", &self.objective, 1000);
        milestone_faults(&self.milestones, faults);
        if !(2000..=2999).contains(&self.fiscal_year) {
            faults.add("/fiscal_year", "out_of_range", "年度须在 2000 至 2999 之间", "must be a year from 2000 to 2999");
        }
        if self.brand_project && self.community_id.is_none() {
            faults.add("/brand_project", "community_required", "品牌项目须属于社区", "a brand project belongs to a community");
        }
        for (index, target) in self.targets.iter().enumerate() {
            target.faults_at(&format!("/targets/{index}"), faults);
        }
    }
}

fn milestone_faults(milestones: &[String], faults: &mut Faults) {
    for (index, milestone) in milestones.iter().enumerate() {
        faults.text(&format!("/milestones/{index}"), milestone, 200);
    }
}

/// A change of a plan item: what is left out stays.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"objective": "支部组织生活规范，党员参与率不低于九成"}))]
pub struct PlanItemChange {
    /// The title.
    #[schema(required = false)]
    pub title: String,
    /// The objective.
    #[schema(required = false)]
    pub objective: String,
    /// All steps.
    #[schema(required = false)]
    pub milestones: Vec<String>,
    /// 一社区一品牌.
    #[schema(required = false)]
    pub brand_project: bool,
}

impl From<&plan_item::Model> for PlanItemChange {
    fn from(row: &plan_item::Model) -> Self {
        let milestones = row.milestones.as_array().into_iter().flatten().filter_map(|step| step.as_str().map(str::to_owned)).collect();
        Self { title: row.title.clone(), objective: row.objective.clone(), milestones, brand_project: row.brand_project }
    }
}

impl Body for PlanItemChange {
    fn faults(&self, faults: &mut Faults) {
        faults.text("/title", &self.title, 100);
        faults.text("/objective", &self.objective, 1000);
        milestone_faults(&self.milestones, faults);
    }
}

/// A plan item with its targets.
#[derive(Debug, Serialize, ToSchema)]
pub struct PlanItem {
    /// The item.
    #[serde(flatten)]
    pub item: plan_item::Model,
    /// Its targets.
    pub targets: Vec<target::Model>,
}

async fn view(tx: &Tx, items: Vec<plan_item::Model>) -> Result<Vec<PlanItem>, Problem> {
    let ids = items.iter().map(|item| item.id);
    let mut targets = tx.all(tx.select::<target::Entity>().filter(target::Column::PlanItemId.is_in(ids)).order_by_asc(target::Column::Id)).await?;
    Ok(items
        .into_iter()
        .map(|item| {
            let own = targets.extract_if(.., |target| target.plan_item_id == item.id).collect();
            PlanItem { item, targets: own }
        })
        .collect())
}

/// Lists plan items. Filters: `street_id`, `community_id`, `fiscal_year`. Sort: `title`.
#[utoipa::path(tag = "plan", responses((status = 200, body = ListPage<PlanItem>), Refusals))]
#[get("/plan-items")]
async fn list_plan_items(actor: Actor, context: web::Data<Context>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::PlanRead)?;
    let list = ListRequest::parse(&request, &["street_id", "community_id", "fiscal_year"])?;
    let condition = list.equals::<Uuid>(Condition::all(), "street_id", plan_item::Column::StreetId)?;
    let condition = list.equals::<Uuid>(condition, "community_id", plan_item::Column::CommunityId)?;
    let condition = list.equals::<i32>(condition, "fiscal_year", plan_item::Column::FiscalYear)?;
    let tx = context.read(&actor, Capability::PlanRead).await?;
    let select = tx.select::<plan_item::Entity>().filter(condition);
    let columns = &["id", "street_id", "community_id", "fiscal_year", "title", "objective", "milestones", "brand_project", "targets", "version"];
    list.answer(&context, tx, select, &[("title", plan_item::Column::Title)], columns, view).await
}

/// Reads one plan item with its targets.
#[utoipa::path(tag = "plan", responses((status = 200, body = PlanItem), Refusals))]
#[get("/plan-items/{id}")]
async fn get_plan_item(actor: Actor, context: web::Data<Context>, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::PlanRead)?;
    let tx = context.read(&actor, Capability::PlanRead).await?;
    let item = tx.load_text::<plan_item::Entity>(&id).await?.into_read();
    let version = item.version;
    let shown = view(&tx, vec![item]).await?.pop().ok_or_else(Problem::not_found)?;
    Ok(ok_versioned(version, &shown))
}

/// Writes a plan item.
#[utoipa::path(tag = "plan", request_body = NewPlanItem, responses((status = 201, body = PlanItem), Refusals))]
#[post("/plan-items")]
async fn add_plan_item(actor: Actor, write: Write) -> Result<HttpResponse, Problem> {
    write
        .create(&actor, Capability::PlanWrite, Rules::plain(), async |tx, act, body: NewPlanItem| {
            let unit = unit_of(tx, &actor, body.street_id, body.community_id, Capability::PlanWrite).await?;
            let item = work::add(tx, act, &unit, body).await?;
            let location = format!("/api/v1/plan-items/{}", item.id);
            let shown = view(tx, vec![item]).await?.pop().ok_or_else(Problem::not_found)?;
            Ok(Done::created(location, Some(shown.item.version), shown))
        })
        .await
}

/// Changes a plan item.
#[utoipa::path(tag = "plan", request_body(content = PlanItemChange, content_type = "application/merge-patch+json"), responses((status = 200, body = PlanItem), Refusals))]
#[patch("/plan-items/{id}")]
async fn change_plan_item(actor: Actor, write: Write, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    write
        .patch::<plan_item::Entity, PlanItemChange, _>(
            &actor,
            Capability::PlanWrite,
            &id,
            |item| item.version,
            async |tx, act, item, body| {
                let item = work::change(tx, act, item, body).await?;
                let shown = view(tx, vec![item]).await?.pop().ok_or_else(Problem::not_found)?;
                Ok(Done::changed(shown.item.version, shown))
            },
        )
        .await
}

const TARGET_COLUMNS: &[&str] = &["id", "plan_item_id", "name", "comparison", "value", "unit", "version"];

/// The targets of a plan item.
#[utoipa::path(tag = "plan", responses((status = 200, body = ListPage<target::Model>), Refusals))]
#[get("/plan-items/{id}/targets")]
async fn list_targets(actor: Actor, context: web::Data<Context>, request: HttpRequest, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::PlanRead)?;
    let list = ListRequest::parse(&request, &[])?;
    let tx = context.read(&actor, Capability::PlanRead).await?;
    let item = tx.load_text::<plan_item::Entity>(&id).await?.into_read();
    let targets = view(&tx, vec![item]).await?.pop().map(|item| item.targets).unwrap_or_default();
    list.answer_whole(&context, TARGET_COLUMNS, targets).await
}

/// Adds a target to a plan item.
#[utoipa::path(tag = "plan", request_body = NewTarget, responses((status = 201, body = target::Model), Refusals))]
#[post("/plan-items/{id}/targets")]
async fn add_target(actor: Actor, write: Write, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    write
        .on::<plan_item::Entity, NewTarget, _>(&actor, Capability::PlanWrite, &id, Rules::plain(), async |tx, act, item, body| {
            let target = work::add_target(tx, act, item, body).await?;
            Ok(Done::created(format!("/api/v1/plan-items/{}/targets", target.plan_item_id), None, target))
        })
        .await
}

/// Adds the routes of this folder.
pub fn routes(config: &mut Routes<'_, '_>) {
    config.service(list_plan_items).service(get_plan_item).service(add_plan_item).service(change_plan_item).service(list_targets).service(add_target);
}
