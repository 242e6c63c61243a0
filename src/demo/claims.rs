//! The claims of the year: some two hundred, month by month, whose amounts sum to the lines; some returned, asked for papers, rejected, reversed, refunded.

use serde_json::{Value, json};

use super::activities::{self, Month};
use super::year::{ACCOUNTANT, CASHIER, LEADER, OFFICE, Year, card_number, text_of};
use super::{Player, Said, evidence};
use crate::kernel::money::Fen;
use crate::kernel::problem::Problem;

/// What the district spends on beside the eight items that ship with the program: code, name.
pub(super) const ITEMS: [(&str, &str); 3] = [("F09", "宣传费"), ("F10", "办公费"), ("F11", "会议费")];

/// Which items a category allows.
pub(super) fn allowed(category: &str) -> &'static [&'static str] {
    match category {
        "基层党组织运行经费" => &["F01", "F02", "F03", "F04", "F05", "F06", "F07", "F08", "F09", "F10", "F11"],
        "纪检小组" => &["F07", "F10", "F11"],
        "街人大工委经费" => &["F05", "F07", "F11"],
        "基层党建专项" => &["F01", "F03", "F05", "F06", "F07", "F08"],
        _ => &[],
    }
}

/// Claims of one line that sum to a share of it.
struct Group {
    category: &'static str,
    /// Of each community, or of the street itself.
    communities: bool,
    total: Fen,
    claims: i64,
    items: &'static [(&'static str, &'static str, &'static str)],
    /// All in this month; else spread over the year.
    month: Option<u32>,
}

const ADVERTISING: &[(&str, &str, &str)] = &[("F09", "公益广告制作与张贴", "procurement"), ("F09", "公益广告墙绘", "procurement"), ("F09", "公益广告灯箱", "procurement")];
const ACTIVITIES: &[(&str, &str, &str)] =
    &[("F07", "三会一课学习资料", "activity"), ("F05", "主题党日场地", "activity"), ("F10", "党员活动室用品", "procurement"), ("F08", "志愿服务物料", "activity"), ("F11", "社区党员大会", "activity")];
const SPECIAL: &[(&str, &str, &str)] = &[("F05", "党建专项活动场地", "activity"), ("F07", "党建专项读本", "procurement"), ("F08", "党建阵地布置", "procurement")];
const LECTURE: &[(&str, &str, &str)] = &[("F06", "党课讲课费（正高，2 学时）", "lecture")];
const COACH: &[(&str, &str, &str)] = &[("F01", "赴市外红色教育基地租车", "activity")];
const DISCIPLINE: &[(&str, &str, &str)] = &[("F10", "纪检小组办公用品", "procurement"), ("F07", "廉政教育资料", "procurement"), ("F11", "纪检工作会议", "other")];
const CONGRESS: &[(&str, &str, &str)] = &[("F11", "代表小组会议", "other"), ("F05", "代表接待选民场地", "activity"), ("F07", "代表履职资料", "procurement")];

/// What each community's line of 基层党组织运行经费 holds.
pub(super) const OPERATING: Fen = Fen(3_000_000);
/// What each community's line of 基层党建专项 holds.
pub(super) const SPECIAL_EACH: Fen = Fen(600_000);

/// The groups: nearly 300,000.00 of it is public-service advertising, as the source says.
const GROUPS: [Group; 9] = [
    Group { category: "基层党组织运行经费", communities: false, total: Fen(29_860_000), claims: 31, items: ADVERTISING, month: None },
    Group { category: "基层党组织运行经费", communities: false, total: Fen(380_000), claims: 2, items: ACTIVITIES, month: None },
    Group { category: "基层党组织运行经费", communities: true, total: OPERATING, claims: 20, items: ACTIVITIES, month: None },
    Group { category: "基层党建专项", communities: true, total: SPECIAL_EACH, claims: 3, items: SPECIAL, month: None },
    Group { category: "基层党建专项", communities: false, total: Fen(290_000), claims: 2, items: SPECIAL, month: None },
    Group { category: "基层党建专项", communities: false, total: Fen(230_000), claims: 1, items: LECTURE, month: Some(9) },
    Group { category: "基层党建专项", communities: false, total: Fen(180_000), claims: 1, items: COACH, month: Some(10) },
    Group { category: "纪检小组", communities: false, total: Fen(2_200_000), claims: 11, items: DISCIPLINE, month: None },
    Group { category: "街人大工委经费", communities: false, total: Fen(3_500_000), claims: 10, items: CONGRESS, month: None },
];

/// One claim to be made.
pub(super) struct Spec {
    key: String,
    pub(super) category: &'static str,
    pub(super) community: Option<usize>,
    pub(super) item: &'static str,
    pub(super) title: &'static str,
    pub(super) kind: &'static str,
    pub(super) amount: Fen,
    month: u32,
}

/// The parts of a sum: in pairs a little above and below the mean, the last one what is left.
fn split(total: Fen, parts: i64) -> Vec<Fen> {
    let mean = total.0 / parts;
    let mut amounts: Vec<i64> = (0..parts).map(|index| mean + if index % 2 == 0 { 1 } else { -1 } * ((index / 2 * 1_310) % (mean / 30 + 1))).collect();
    let others: i64 = amounts.iter().rev().skip(1).sum();
    if let Some(last) = amounts.last_mut() {
        *last = total.0 - others;
    }
    amounts.into_iter().map(Fen).collect()
}

/// Every claim of the year, spread over February to December.
pub(super) fn specs(communities: usize) -> Vec<Spec> {
    let mut specs = Vec::new();
    for (group_index, group) in GROUPS.iter().enumerate() {
        let units: Vec<Option<usize>> = if group.communities { (0..communities).map(Some).collect() } else { vec![None] };
        for community in units {
            for (index, amount) in split(group.total, group.claims).into_iter().enumerate() {
                let (item, title, kind) = group.items.get(index % group.items.len()).copied().unwrap_or(("F08", "其他", "other"));
                let spread = 2 + u32::try_from(index * 11 / usize::try_from(group.claims).unwrap_or(1)).unwrap_or(0);
                let month = group.month.unwrap_or(spread);
                let key = format!("claim:{group_index}:{}:{index}", community.map_or_else(|| "s".to_owned(), |number| number.to_string()));
                specs.push(Spec { key, category: group.category, community, item, title, kind, amount, month });
            }
        }
    }
    specs
}

/// The accounts of a community's people.
pub(super) fn staff(community: usize) -> (String, String) {
    let tail = if community == 0 { String::new() } else { format!("-{}", community + 1) };
    (format!("hjd-staff{tail}"), format!("hjd-secretary{tail}"))
}

/// Who makes a unit's documents: the community's staff, or the party office for the street's own.
pub(super) fn preparer(community: Option<usize>) -> String {
    community.map_or_else(|| OFFICE.to_owned(), |index| staff(index).0)
}

/// What a line says for its standard: quantities, grade, and for the coach that went far why it cost more.
fn measured(spec: &Spec) -> Value {
    match spec.item {
        "F05" => json!({"quantities": {"person_half_day": (spec.amount.0 + 4_999) / 5_000}}),
        "F06" => json!({"quantities": {"class_hour": 2}, "grade": "senior"}),
        "F01" => json!({"quantities": {"vehicle_day": 1}, "grade": "over_25_seats", "reason": "赴市外红色教育基地，往返 240 公里，超出市内用车标准"}),
        _ => json!({}),
    }
}

fn body(year: &Year, activities: &Month, spec: &Spec, number: u32) -> Result<Value, Problem> {
    let community = year.community(spec.community);
    let line = year.line(spec.category, community)?;
    let (activity, application) = activities.of(spec);
    let (kind, name) = if spec.item == "F06" { ("person", "教授示例".to_owned()) } else { ("supplier", format!("示例商户{:02}", number % 17 + 1)) };
    let payee = json!({"kind": kind, "name": name, "account_number": card_number(500 + number % 17), "bank_name": "示例银行"});
    // A community does not see the plan items of its street.
    let plan_item = if community.is_none() { year.plan_item(spec.category) } else { None };
    let mut first = json!({"expense_item_id": year.item(spec.item), "description": spec.title, "amount": spec.amount});
    if let (Some(fields), Value::Object(measured)) = (first.as_object_mut(), measured(spec)) {
        fields.extend(measured);
    }
    let lines = json!([first]);
    let body = json!({"community_id": community, "budget_line_id": line, "kind": spec.kind, "title": format!("{}月{}", spec.month, spec.title), "plan_item_id": plan_item,
        "activity_id": activity, "commitment_id": application, "payee": payee, "payment_method": "transfer", "lines": lines, "submit": true});
    Ok(body)
}

/// The day of the month on which its claims are made.
pub(super) const fn first_day(month: u32) -> u32 {
    match month {
        4 => 13,
        10 => 16,
        _ => 10,
    }
}

/// The days of a month's claims: made, checked, approved, paid; they keep clear of the stipends' pay days.
fn days(month: u32) -> [String; 4] {
    [0, 1, 2, 4].map(|after| format!("2017-{month:02}-{:02}", first_day(month) + after))
}

/// Makes, checks, approves and pays the claims of a month.
///
/// # Errors
/// 500 where a step is refused.
pub(super) async fn month(player: &Player, year: &Year, month: u32) -> Result<(), Problem> {
    let specs: Vec<Spec> = specs(year.communities.len()).into_iter().filter(|spec| spec.month == month).collect();
    let [made, checked, approved, paid] = days(month);
    let activities = activities::plan(player, year, &specs, month, &made).await?;
    player.day(&made)?;
    activities::hold(player, &activities, month).await?;
    let mut claims = Vec::with_capacity(specs.len());
    for (number, spec) in specs.iter().enumerate() {
        let who = preparer(spec.community);
        let body = evidence::proved(player, &who, &spec.key, month, body(year, &activities, spec, u32::try_from(number).unwrap_or(0))?).await?;
        let said = player.step(&spec.key, &who, "/claims", body).await?;
        claims.push((spec, said));
    }
    player.day(&checked)?;
    let mut reviewed = Vec::with_capacity(claims.len());
    for (index, (spec, said)) in claims.into_iter().enumerate() {
        let path = format!("/claims/{}", said.id());
        let mut said = endorse(player, spec, &path, said).await?;
        if index == 2 {
            said = detour(player, spec, &path, said, month).await?;
        }
        said = player.step_on(&format!("{}:review", spec.key), ACCOUNTANT, &format!("{path}/review"), &said.etag, json!({})).await?;
        reviewed.push(said);
    }
    player.day(&approved)?;
    let items: Vec<Value> = reviewed.iter().map(|said| json!({"id": said.id(), "version": said.body.get("version")})).collect();
    for (part, items) in items.chunks(100).enumerate() {
        let outcome = player.step(&format!("claims:approve:{month}:{part}"), LEADER, "/claims/approve", json!({"items": items})).await?;
        let refused = outcome.body.get("outcomes").and_then(Value::as_array).is_some_and(|all| all.iter().any(|one| one.get("outcome").and_then(Value::as_str) != Some("approved")));
        if refused {
            return Err(Problem::internal(format!("demo: approvals of month {month}: {}", outcome.body)));
        }
    }
    batch(player, month, &reviewed, &paid).await?;
    activities::close(player, &activities, month).await
}

async fn endorse(player: &Player, spec: &Spec, path: &str, said: Said) -> Result<Said, Problem> {
    match spec.community {
        Some(index) => player.step_on(&format!("{}:endorse", spec.key), &staff(index).1, &format!("{path}/endorse"), &said.etag, json!({})).await,
        None => Ok(said),
    }
}

/// One claim a month does not go straight: in even months it is returned and submitted again, in odd ones papers are asked for.
async fn detour(player: &Player, spec: &Spec, path: &str, said: Said, month: u32) -> Result<Said, Problem> {
    let who = preparer(spec.community);
    let step = |name: &str| format!("{}:{name}", spec.key);
    if month % 2 == 1 {
        let asked = player.step_on(&step("ask"), ACCOUNTANT, &format!("{path}/request-info"), &said.etag, json!({"reason": "请补签到表"})).await?;
        return player.step_on(&step("provide"), &who, &format!("{path}/provide-info"), &asked.etag, json!({"reason": "签到表已补"})).await;
    }
    let returned = player.step_on(&step("return"), ACCOUNTANT, &format!("{path}/return"), &said.etag, json!({"reason": "事由不清，请更正"})).await?;
    let submitted = player.step_on(&step("submit"), &who, &format!("{path}/submit"), &returned.etag, json!({})).await?;
    match spec.community {
        Some(index) => player.step_on(&step("endorse-again"), &staff(index).1, &format!("{path}/endorse"), &submitted.etag, json!({})).await,
        None => Ok(submitted),
    }
}

/// The cashier pays a month's claims in one batch, and imports the bank's result.
async fn batch(player: &Player, month: u32, claims: &[Said], day: &str) -> Result<(), Problem> {
    let template = super::year::template(player).await?;
    let ids: Vec<String> = claims.iter().map(Said::id).collect();
    let made = player.step(&format!("batch:{month}"), CASHIER, "/payment-batches", json!({"template_id": template, "claim_ids": ids})).await?;
    let path = format!("/payment-batches/{}", made.id());
    let file = player.text(CASHIER, &format!("{path}/file")).await?;
    let result = super::year::result_of(&file, &made.body, day, None)?;
    player.day(day)?;
    player.send_step(&format!("batch:{month}:result"), CASHIER, &format!("{path}/results"), &made.etag, "text/csv", result).await?;
    Ok(())
}

/// What went wrong and was put right in May: one rejected, one paid to the wrong account and reversed, one refunded in full; none of it is spent in the end.
///
/// # Errors
/// 500 where a step is refused.
pub(super) async fn mishaps(player: &Player, year: &Year) -> Result<(), Problem> {
    player.day("2017-05-18")?;
    let spec =
        |key: &str, amount: i64| Spec {
            key: format!("mishap:{key}"), category: "街人大工委经费", community: None, item: "F11", title: "代表小组会议", kind: "other", amount: Fen(amount), month: 5
        };
    let proved = async |key: &str, amount: i64, number: u32| evidence::proved(player, OFFICE, &format!("mishap:{key}"), 5, body(year, &Month::default(), &spec(key, amount), number)?).await;
    let rejected = player.step("mishap:rejected", OFFICE, "/claims", proved("rejected", 50_000, 1).await?).await?;
    player.step_on("mishap:reject", ACCOUNTANT, &format!("/claims/{}/reject", rejected.id()), &rejected.etag, json!({"reason": "与上月重复"})).await?;
    for (key, amount) in [("reversed", 80_000), ("refunded", 30_000)] {
        let made = player.step(&format!("mishap:{key}"), OFFICE, "/claims", proved(key, amount, 2).await?).await?;
        let path = format!("/claims/{}", made.id());
        let step = |name: &str| format!("mishap:{key}:{name}");
        let reviewed = player.step_on(&step("review"), ACCOUNTANT, &format!("{path}/review"), &made.etag, json!({})).await?;
        let approved = player.step_on(&step("approve"), LEADER, &format!("{path}/approve"), &reviewed.etag, json!({})).await?;
        let paid = player.step_on(&step("pay"), CASHIER, &format!("{path}/pay"), &approved.etag, json!({"bank_reference": format!("示例-{key}")})).await?;
        if key == "reversed" {
            player.step_on(&step("reverse"), ACCOUNTANT, &format!("{path}/reverse"), &paid.etag, json!({"reason": "收款账户有误"})).await?;
        } else {
            player.step_on(&step("refund"), ACCOUNTANT, &format!("{path}/refunds"), &paid.etag, json!({"amount": Fen(amount), "reason": "会议取消，全额退回"})).await?;
        }
    }
    Ok(())
}

/// What waits on the next year's first working day: a claim to be reviewed, one to be approved and one to be paid, so that accountant, leader and cashier each find something to do.
///
/// # Errors
/// 500 where a step is refused.
pub(super) async fn under_way(player: &Player, year: &Year, line: &str) -> Result<(), Problem> {
    for (number, (key, title)) in [("review", "一月办公用纸"), ("approve", "一月硒鼓"), ("pay", "一月文件盒")].into_iter().enumerate() {
        let key = format!("under-way:{key}");
        let payee = json!({"kind": "supplier", "name": "示例文具店", "account_number": card_number(520), "bank_name": "示例银行"});
        let lines = json!([{"expense_item_id": year.item("F10"), "description": title, "amount": Fen(20_000)}]);
        let body = json!({"budget_line_id": line, "kind": "procurement", "title": title, "payee": payee, "payment_method": "transfer", "lines": lines, "submit": true});
        let made = player.step(&key, OFFICE, "/claims", evidence::proved(player, OFFICE, &key, 12, body).await?).await?;
        let path = format!("/claims/{}", made.id());
        let mut etag = made.etag;
        for (who, action) in [(ACCOUNTANT, "review"), (LEADER, "approve")].into_iter().take(number) {
            etag = player.step_on(&format!("{key}:{action}"), who, &format!("{path}/{action}"), &etag, json!({})).await?.etag;
        }
    }
    Ok(())
}

/// 红色基金: what the communities raised, 35,000.00 in all, on the days they raised it; some of it used.
///
/// # Errors
/// 500 where a step is refused.
pub(super) async fn donate(player: &Player, year: &Year, number: usize, day: &str, amount: i64) -> Result<(), Problem> {
    player.day(day)?;
    let body =
        json!({"street_id": year.street, "community_id": year.communities.get(number), "date": day, "amount": Fen(amount), "purpose": "红色基金", "donor_name": format!("示例企业{}", number + 1)});
    player.step(&format!("donation:{number}"), ACCOUNTANT, "/donations", body).await?;
    if number != 1 {
        return Ok(());
    }
    let made = player.step("donation-use", OFFICE, "/donation-uses", json!({"title": "慰问困难党员", "payee_name": "示例超市", "amount": "8000.00"})).await?;
    let path = format!("/donation-uses/{}", made.id());
    let reviewed = player.step_on("donation-use:review", ACCOUNTANT, &format!("{path}/review"), &made.etag, json!({})).await?;
    let approved = player.step_on("donation-use:approve", LEADER, &format!("{path}/approve"), &reviewed.etag, json!({})).await?;
    player.step_on("donation-use:pay", CASHIER, &format!("{path}/pay"), &approved.etag, json!({})).await?;
    Ok(())
}

/// January to November are closed in order, then the year, whose final accounts are what was spent.
///
/// # Errors
/// 500 where a step is refused.
pub(super) async fn close(player: &Player, fiscal_year: i32) -> Result<(), Problem> {
    let months = player.get(ACCOUNTANT, &format!("/ledger/periods?fiscal_year={fiscal_year}&sort=month&limit=20")).await?;
    let months = months.body.get("data").and_then(Value::as_array).cloned().unwrap_or_default();
    for month in months.iter().filter(|month| !text_of(month, "month").ends_with("-12")) {
        player.step_on(&format!("close:{}", text_of(month, "month")), ACCOUNTANT, &format!("/ledger/periods/{}/close", text_of(month, "id")), "\"v1\"", json!({})).await?;
    }
    let years = player.get(ACCOUNTANT, &format!("/fiscal-years?year={fiscal_year}")).await?;
    let year = years.body.pointer("/data/0").cloned().unwrap_or_default();
    if text_of(&year, "state") == "closed" {
        return Ok(());
    }
    let path = format!("/fiscal-years/{}", text_of(&year, "id"));
    let etag = player.get(ACCOUNTANT, &path).await?.etag;
    player.step_on(&format!("close:{fiscal_year}:{etag}"), ACCOUNTANT, &format!("{path}/close"), &etag, json!({})).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_claims_sum_to_what_the_source_spent_beside_the_stipends() {
        let specs = specs(6);
        assert_eq!(specs.iter().map(|spec| spec.amount.0).sum::<i64>(), 58_240_000);
        assert!((190..=210).contains(&specs.len()), "{}", specs.len());
        assert!(specs.iter().all(|spec| spec.amount.is_positive() && spec.amount.0 <= 1_000_000 && (2..=12).contains(&spec.month)));
        assert!(specs.iter().all(|spec| allowed(spec.category).contains(&spec.item)));
        assert_eq!(specs.iter().filter(|spec| spec.item == "F09").map(|spec| spec.amount.0).sum::<i64>(), 29_860_000);
    }
}
