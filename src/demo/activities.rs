//! The activities of the year: each month every unit that claims for one has planned it; in the last month of a quarter a community applies for the money beforehand 事前申请,
//! claims under its application, and closes it when all is paid.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::claims::{Spec, first_day, preparer};
use super::year::{ACCOUNTANT, LEADER, Year, text_of};
use super::{Player, evidence};
use crate::kernel::problem::Problem;

/// The category whose activities are applied for beforehand.
const APPLIED: &str = "基层党组织运行经费";

/// What a unit does in a month.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Occasion {
    /// What it does in town.
    InTown,
    /// A journey out of town.
    Journey,
    /// A lecture.
    Lecture,
}

/// Whose occasion it is.
pub(super) type Which = (Option<usize>, Occasion);

/// The activities of a month, and the applications under which some are claimed.
#[derive(Default)]
pub(super) struct Month {
    activities: BTreeMap<Which, String>,
    applications: BTreeMap<usize, String>,
}

/// Which activity a claim pays for; none where it pays for none.
fn which(spec: &Spec) -> Option<Which> {
    let occasion = match (spec.kind, spec.item) {
        ("lecture", _) => Occasion::Lecture,
        ("activity", "F01") => Occasion::Journey,
        ("activity", _) => Occasion::InTown,
        _ => return None,
    };
    Some((spec.community, occasion))
}

/// What kind of activity it is, what it is called and where, by the first claim for it: 三会一课 in turn, 中心组学习 of the street, volunteer service, performances, 讲党课.
fn what(spec: &Spec, (community, occasion): Which, month: u32) -> (&'static str, &'static str, &'static str) {
    match (occasion, spec.title, month) {
        (Occasion::Lecture, ..) => ("party_lecture", "专题党课", "街道会议室"),
        (Occasion::Journey, ..) => ("theme_day", "赴市外红色教育基地", "红色教育基地"),
        (_, "三会一课学习资料", _) if community.is_none() => ("study_group", "中心组学习", "街道会议室"),
        (_, "三会一课学习资料", 2) => ("branch_committee", "支部委员会", "党员活动室"),
        (_, "三会一课学习资料", 7) => ("party_class", "党课", "党员活动室"),
        (_, "三会一课学习资料", 10) => ("party_group", "党小组会", "党员活动室"),
        (_, "三会一课学习资料", _) => ("branch_assembly", "支部党员大会", "党员活动室"),
        (_, "志愿服务物料", _) => ("volunteer_service", "志愿服务", "社区广场"),
        (_, "社区党员大会", _) => ("branch_assembly", "社区党员大会", "社区会议室"),
        (_, "主题党日场地", 8) => ("performance", "主题党日文艺演出", "社区文化广场"),
        (_, "代表接待选民场地", _) => ("other", "代表接待选民", "人大代表之家"),
        _ => ("theme_day", "主题党日", "党员活动室"),
    }
}

impl Month {
    /// The activity of a claim, and the application it is made under.
    pub(super) fn of(&self, spec: &Spec) -> (Option<&String>, Option<&String>) {
        let activity = which(spec).and_then(|which| self.activities.get(&which));
        let application = spec.community.filter(|_| activity.is_some() && spec.category == APPLIED).and_then(|index| self.applications.get(&index));
        (activity, application)
    }
}

/// Plans what the month's claims pay for, and applies for it where the quarter ends.
///
/// # Errors
/// 500 where a step is refused.
pub(super) async fn plan(player: &Player, year: &Year, specs: &[Spec], number: u32, held_on: &str) -> Result<Month, Problem> {
    let mut month = Month::default();
    // An application is submitted, reviewed and approved before the day.
    let planned_on = if number.is_multiple_of(3) { first_day(number) - 5 } else { first_day(number) - 2 };
    player.day(&format!("2017-{number:02}-{planned_on:02}"))?;
    for spec in specs {
        let Some(which) = which(spec).filter(|which| !month.activities.contains_key(which)) else {
            continue;
        };
        let (kind, title, place) = what(spec, which, number);
        let body = json!({"community_id": year.community(which.0), "kind": kind, "title": format!("{number}月{title}"),
            "from_date": held_on, "place": place, "planned_headcount": 30, "outside_town": which.1 == Occasion::Journey,
            "plan_item_id": if which.0.is_none() { year.plan_item(spec.category) } else { None }});
        let planned = player.step(&key("activity", which, number), &preparer(which.0), "/activities", body).await?;
        month.activities.insert(which, planned.id());
    }
    if number.is_multiple_of(3) {
        apply(player, year, specs, number, &mut month).await?;
    }
    Ok(month)
}

fn key(what: &str, (community, occasion): Which, month: u32) -> String {
    let tail = match occasion {
        Occasion::InTown => "",
        Occasion::Journey => "-out",
        Occasion::Lecture => "-lecture",
    };
    format!("{what}:{}{tail}:{month}", community.map_or_else(|| "s".to_owned(), |index| index.to_string()))
}

/// Each community applies for its activity; the accountant reviews, the leader approves.
async fn apply(player: &Player, year: &Year, specs: &[Spec], number: u32, month: &mut Month) -> Result<(), Problem> {
    let mut submitted = Vec::new();
    for (index, _) in year.communities.iter().enumerate() {
        let of_unit: Vec<&Spec> = specs.iter().filter(|spec| spec.category == APPLIED && which(spec) == Some((Some(index), Occasion::InTown))).collect();
        let Some(activity) = month.activities.get(&(Some(index), Occasion::InTown)).filter(|_| !of_unit.is_empty()) else {
            continue;
        };
        let lines: Vec<Value> = of_unit.iter().map(|spec| json!({"expense_item_id": year.item(spec.item), "description": spec.title, "amount": spec.amount})).collect();
        let community = year.community(Some(index));
        let body = json!({"community_id": community, "budget_line_id": year.line(APPLIED, community)?, "activity_id": activity, "title": format!("{number}月活动事前申请"),
            "valid_until": format!("2017-{number:02}-28"), "lines": lines, "submit": true});
        let said = player.step(&key("application", (Some(index), Occasion::InTown), number), &preparer(Some(index)), "/commitments", body).await?;
        submitted.push((index, said));
    }
    player.day(&format!("2017-{number:02}-06"))?;
    for (index, said) in &mut submitted {
        *said = player.step_on(&key("application-review", (Some(*index), Occasion::InTown), number), ACCOUNTANT, &format!("/commitments/{}/review", said.id()), &said.etag, json!({})).await?;
    }
    player.day(&format!("2017-{number:02}-07"))?;
    for (index, said) in submitted {
        let approved = player.step_on(&key("application-approve", (Some(index), Occasion::InTown), number), LEADER, &format!("/commitments/{}/approve", said.id()), &said.etag, json!({})).await?;
        month.applications.insert(index, approved.id());
    }
    Ok(())
}

/// The day has come: who was there, and what was done.
///
/// # Errors
/// 500 where a step is refused.
pub(super) async fn hold(player: &Player, month: &Month, number: u32) -> Result<(), Problem> {
    for (which, id) in &month.activities {
        let came = 24 + i32::try_from(which.0.unwrap_or(6)).unwrap_or(0);
        let body = json!({"actual_headcount": came, "minutes": format!("集中学习并讨论社区工作，{came} 名党员签到。")});
        evidence::of_activity(player, &preparer(which.0), &key("activity", *which, number), id).await?;
        player.step_on(&key("held", *which, number), &preparer(which.0), &format!("/activities/{id}/hold"), "\"v1\"", body).await?;
    }
    Ok(())
}

/// Everything is paid: the applications are closed, and what they still hold is free again.
///
/// # Errors
/// 500 where a step is refused.
pub(super) async fn close(player: &Player, month: &Month, number: u32) -> Result<(), Problem> {
    for (index, id) in &month.applications {
        let (path, who) = (format!("/commitments/{id}"), preparer(Some(*index)));
        let now = player.get(&who, &path).await?;
        if text_of(&now.body, "state") == "approved" {
            player.step_on(&key("application-close", (Some(*index), Occasion::InTown), number), &who, &format!("{path}/close"), &now.etag, json!({})).await?;
        }
    }
    Ok(())
}
