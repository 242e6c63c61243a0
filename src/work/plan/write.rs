//! Writing plan items and their targets.

use sea_orm::ActiveValue::{Set, Unchanged};
use uuid::Uuid;

use super::routes::{NewPlanItem, NewTarget, PlanItemChange};
use super::{plan_item, target};
use crate::kernel::act::Act;
use crate::kernel::ids::new_id;
use crate::kernel::problem::{Faults, Problem};
use crate::people::tenancy::org_unit;
use crate::platform::audit::{self, Event};
use crate::platform::db::{Authorised, Scoped, Sql, Tx, is_unique_violation};

fn brand_project_taken() -> Problem {
    Problem::new(409, "brand_project_taken", "该社区本年度已有品牌项目", "The community has its brand project")
        .detail("一社区一品牌：请先取消原品牌项目的标记。", "One brand project per community and year: take the mark from the other one first.")
}

fn target_exists(name: &str) -> Problem {
    Problem::new(409, "target_exists", "目标已存在", "The target exists").detail(format!("该项目下已有目标“{name}”。"), format!("The plan item already has a target “{name}”.")).field(
        "/name",
        "target_exists",
        "名称重复",
        "is taken",
    )
}

/// Writes a plan item of a unit.
///
/// # Errors
/// 409 `brand_project_taken`.
pub async fn add(tx: &Tx, act: &Act, unit: &Authorised<org_unit::Model>, new: NewPlanItem) -> Result<plan_item::Model, Problem> {
    let street = unit.street_id.ok_or_else(|| Problem::unknown_reference("/street_id"))?;
    let row = plan_item::ActiveModel {
        id: Set(new_id()),
        district_id: Set(unit.district_id),
        street_id: Set(street),
        community_id: Set(unit.community_id),
        fiscal_year: Set(new.fiscal_year),
        title: Set(new.title),
        objective: Set(new.objective),
        milestones: Set(serde_json::to_value(&new.milestones).map_err(Problem::internal)?),
        brand_project: Set(new.brand_project),
        version: Set(1),
        created_at: Set(act.at),
        created_by: Set(act.user_id()),
    };
    let item = tx.try_insert::<plan_item::Entity, _>(row).await.map_err(|error| if is_unique_violation(&error) { brand_project_taken() } else { error.into() })?;
    audit::record(tx, act, Event::new("plan_item.add", "plan_item", item.id, plan_item::Entity::place(&item)).after(&item)?).await?;
    for new in new.targets {
        insert_target(tx, act, &item, new).await?;
    }
    Ok(item)
}

/// Changes a plan item; what the change leaves out stays.
///
/// # Errors
/// 409 `brand_project_taken`.
pub async fn change(tx: &Tx, act: &Act, item: Authorised<plan_item::Model>, change: PlanItemChange) -> Result<plan_item::Model, Problem> {
    let before = item.into_inner();
    let mut faults = Faults::none();
    if change.brand_project && before.community_id.is_none() {
        faults.add("/brand_project", "community_required", "品牌项目须属于社区", "a brand project belongs to a community");
    }
    faults.into_result()?;
    if change.brand_project && !before.brand_project && has_brand(tx, &before).await? {
        return Err(brand_project_taken());
    }
    let row = plan_item::ActiveModel {
        id: Unchanged(before.id),
        title: Set(change.title),
        objective: Set(change.objective),
        milestones: Set(serde_json::to_value(change.milestones).map_err(Problem::internal)?),
        brand_project: Set(change.brand_project),
        version: Set(before.version.saturating_add(1)),
        ..Default::default()
    };
    let after = tx.update::<plan_item::Entity, _>(row).await?;
    audit::record(tx, act, Event::new("plan_item.change", "plan_item", after.id, plan_item::Entity::place(&after)).before(&before)?.after(&after)?).await?;
    Ok(after)
}

async fn has_brand(tx: &Tx, item: &plan_item::Model) -> Result<bool, Problem> {
    use sea_orm::{ColumnTrait, QueryFilter};
    let Some(community) = item.community_id else {
        return Ok(false);
    };
    let column = plan_item::Column::CommunityId.eq(community);
    let others = tx.select::<plan_item::Entity>().filter(column).filter(plan_item::Column::FiscalYear.eq(item.fiscal_year)).filter(plan_item::Column::BrandProject.eq(true));
    Ok(tx.count(others).await? > 0)
}

/// Adds a target to a plan item.
///
/// # Errors
/// 409 `target_exists`.
pub async fn add_target(tx: &Tx, act: &Act, item: Authorised<plan_item::Model>, new: NewTarget) -> Result<target::Model, Problem> {
    // The plan item is read with its targets: its version says that they have changed.
    tx.execute(Sql::both("UPDATE plan_items SET version = version + 1 WHERE district_id = $1 AND street_id = $2 AND id = $3"), vec![item.district_id.into(), item.street_id.into(), item.id.into()])
        .await?;
    let target = insert_target(tx, act, &item, new).await?;
    audit::record(tx, act, Event::new("target.add", "target", target.id, target::Entity::place(&target)).after(&target)?).await?;
    Ok(target)
}

async fn insert_target(tx: &Tx, act: &Act, item: &plan_item::Model, new: NewTarget) -> Result<target::Model, Problem> {
    let name = new.name.clone();
    let row = target::ActiveModel {
        id: Set(Uuid::now_v7()),
        district_id: Set(item.district_id),
        street_id: Set(item.street_id),
        community_id: Set(item.community_id),
        plan_item_id: Set(item.id),
        name: Set(new.name),
        comparison: Set(new.comparison.code().to_owned()),
        value: Set(new.value),
        unit: Set(new.unit),
        version: Set(1),
        created_at: Set(act.at),
        created_by: Set(act.user_id()),
    };
    tx.try_insert::<target::Entity, _>(row).await.map_err(|error| if is_unique_violation(&error) { target_exists(&name) } else { error.into() })
}
