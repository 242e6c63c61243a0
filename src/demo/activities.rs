//! The activities of the year: planned, every fourth applied for beforehand, and held; the claims for activities name them.

use serde_json::json;

use super::Player;
use super::claims::{Spec, staff};
use super::year::{ACCOUNTANT, LEADER, OFFICE, Year};
use crate::kernel::money::Fen;
use crate::kernel::problem::Problem;

/// The activity of a claim, and the application it was made under.
#[derive(Default)]
pub(super) struct Planned {
    pub(super) activity: Option<String>,
    pub(super) application: Option<String>,
}

/// What kind of activity a claim's title speaks of, and what it is called.
fn kind(title: &str) -> (&'static str, &'static str) {
    match title {
        "三会一课学习资料" => ("party_class", "党课学习"),
        "主题党日场地" => ("theme_day", "主题党日"),
        "志愿服务物料" => ("volunteer_service", "社区志愿服务"),
        "社区党员大会" => ("branch_assembly", "社区党员大会"),
        "党建专项活动场地" => ("training", "党建专项培训"),
        _ => ("other", "代表接待选民"),
    }
}

/// Plans the activities of a month's claims, applies for some of them, and holds them; `first` is the day of the month on which the claims are made.
///
/// # Errors
/// 500 where a step is refused.
pub(super) async fn month(player: &Player, year: &Year, specs: &[Spec], (month, first): (u32, u32)) -> Result<Vec<Planned>, Problem> {
    let day = |before: u32| format!("2017-{month:02}-{:02}", first - before);
    player.day(&day(2))?;
    let mut planned = Vec::with_capacity(specs.len());
    for (number, spec) in specs.iter().enumerate() {
        let one = if spec.kind == "activity" { plan(player, year, spec, &day(1)).await? } else { Planned::default() };
        // The third claim of a month takes a detour; what is applied for goes straight.
        let applied = if one.activity.is_some() && number % 4 == 0 { Some(apply(player, year, spec, &one, month).await?) } else { None };
        planned.push(Planned { application: applied, ..one });
    }
    player.day(&day(0))?;
    for (number, (spec, one)) in specs.iter().zip(&planned).enumerate() {
        if let Some(activity) = &one.activity {
            let body = json!({"actual_headcount": 24 + number % 7, "minutes": format!("{}如期举行，签到表、纪要存档。", kind(spec.title).1)});
            player.step_on(&format!("{}:hold", spec.key), &who(spec), &format!("/activities/{activity}/hold"), "\"v1\"", body).await?;
        }
    }
    Ok(planned)
}

fn who(spec: &Spec) -> String {
    spec.community.map_or_else(|| OFFICE.to_owned(), |index| staff(index).0)
}

async fn plan(player: &Player, year: &Year, spec: &Spec, day: &str) -> Result<Planned, Problem> {
    let community = spec.community.and_then(|index| year.communities.get(index));
    // A community does not see the plan items of its street.
    let plan_item = if community.is_none() { year.plan_item(spec.category) } else { None };
    let (kind, name) = kind(spec.title);
    let place = if community.is_some() { "社区党员活动室" } else { "街道会议室" };
    let body = json!({"community_id": community, "plan_item_id": plan_item, "kind": kind, "title": format!("{}月{name}", spec.month), "from_date": day, "place": place, "planned_headcount": 30});
    let made = player.step(&format!("{}:activity", spec.key), &who(spec), "/activities", body).await?;
    Ok(Planned { activity: Some(made.id()), application: None })
}

/// 事前申请: by the unit, reviewed by the accountant, approved by the leader. The estimate is a little above what it will cost, while the line has room.
async fn apply(player: &Player, year: &Year, spec: &Spec, planned: &Planned, month: u32) -> Result<String, Problem> {
    let community = spec.community.and_then(|index| year.communities.get(index)).cloned();
    let line = year.line(spec.category, community.as_deref())?;
    let estimate = Fen(spec.amount.0 + if month < 10 { 5_000 } else { 0 });
    let lines = json!([{"expense_item_id": year.item(spec.item), "description": spec.title, "amount": estimate}]);
    let body = json!({"community_id": community, "budget_line_id": line, "activity_id": planned.activity, "title": format!("{}月{}", spec.month, spec.title), "valid_until": "2017-12-31",
        "lines": lines, "submit": true});
    let made = player.step(&format!("{}:apply", spec.key), &who(spec), "/commitments", body).await?;
    let path = format!("/commitments/{}", made.id());
    let reviewed = player.step_on(&format!("{}:apply:review", spec.key), ACCOUNTANT, &format!("{path}/review"), &made.etag, json!({})).await?;
    player.step_on(&format!("{}:apply:approve", spec.key), LEADER, &format!("{path}/approve"), &reviewed.etag, json!({})).await?;
    Ok(made.id())
}

/// Closes the applications of a month once their claims are paid: what was estimated too high is free again.
///
/// # Errors
/// 500 where a step is refused.
pub(super) async fn close(player: &Player, specs: &[Spec], planned: &[Planned]) -> Result<(), Problem> {
    for (spec, one) in specs.iter().zip(planned) {
        if let Some(application) = &one.application {
            // Submitted, reviewed, approved, claimed under once.
            player.step_on(&format!("{}:apply:close", spec.key), &who(spec), &format!("/commitments/{application}/close"), "\"v5\"", json!({})).await?;
        }
    }
    Ok(())
}
