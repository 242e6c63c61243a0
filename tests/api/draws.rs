//! What claims draw on invoices, played at random: what is drawn is always what live claims draw.

use std::collections::BTreeMap;

use mingzhang::kernel::access::{Place, Scope};
use mingzhang::platform::db::Sql;
use serde_json::json;

use crate::evidence::World;
use crate::on_both_databases;
use crate::support::TestApp;
use crate::support::dice::Dice;
use crate::support::street::ok;

/// States in which a claim keeps what it has drawn.
const LIVE: [&str; 5] = ["submitted", "endorsed", "reviewed", "approved", "paid"];

fn yuan(fen: i64) -> String {
    format!("{}.{:02}", fen / 100, fen % 100)
}

/// A claim as the play knows it.
struct Played {
    id: String,
    invoice: usize,
    fen: i64,
    state: String,
}

on_both_databases! {
    async fn whatever_happens_to_claims_what_is_drawn_on_invoices_is_what_live_claims_draw(app: TestApp) {
        let world = World::open(app).await;
        let side = &world.own;
        let totals = [10_000_i64, 3_333, 77_777];
        let mut invoices = Vec::new();
        for (index, total) in totals.iter().enumerate() {
            invoices.push(side.invoice(app, &format!("1234567{index}"), &yuan(*total)).await);
        }
        let people = [&side.street.staff, &side.secretary, &side.street.accountant, &side.street.leader, &side.street.cashier];
        let actions = ["endorse", "review", "approve", "pay", "submit", "withdraw", "return", "reject", "reverse"];
        let mut dice = Dice(20_170_320);
        let mut claims: Vec<Played> = Vec::new();
        let mut met: BTreeMap<String, usize> = BTreeMap::new();
        for _ in 0..200 {
            if dice.one_in(4) || claims.is_empty() {
                let (invoice, fen) = (usize::try_from(dice.below(3)).unwrap(), 1 + dice.int(4_000));
                let answer = side.claim(app, &invoices[invoice], &yuan(fen)).await;
                let drawn: i64 = claims.iter().filter(|claim| claim.invoice == invoice && LIVE.contains(&claim.state.as_str())).map(|claim| claim.fen).sum();
                let (fits, code) = (drawn + fen <= totals[invoice], answer.code());
                assert!(if fits { code.0 == 201 || code == (409, "line_short") } else { code == (409, "invoice_overdrawn") }, "{drawn} + {fen} of {}: {}", totals[invoice], answer.text);
                if code.0 == 201 {
                    claims.push(Played { id: answer.id(), invoice, fen, state: "submitted".to_owned() });
                }
            } else {
                let claim = usize::try_from(dice.below(u64::try_from(claims.len()).unwrap())).unwrap();
                // Mostly the next step, so that some claims get far; else anything by anybody.
                let next = match claims[claim].state.as_str() {
                    "submitted" => Some((1, 0)),
                    "endorsed" => Some((2, 1)),
                    "reviewed" => Some((3, 2)),
                    "approved" => Some((4, 3)),
                    "draft" => Some((0, 4)),
                    "paid" => Some((2, 8)),
                    _ => None,
                };
                let anything = (usize::try_from(dice.below(5)).unwrap(), usize::try_from(dice.below(9)).unwrap());
                let (who, action) = next.filter(|_| !dice.one_in(3)).unwrap_or(anything);
                let body = if ["return", "reject", "reverse"].contains(&actions[action]) { json!({"reason": "抽查"}) } else { json!({}) };
                let answer = side.step(app, people[who], &claims[claim].id, actions[action], body).await;
                if answer.status == 200 {
                    claims[claim].state = answer.body["state"].as_str().unwrap().to_owned();
                    *met.entry(format!("{} {}", actions[action], claims[claim].state)).or_default() += 1;
                }
            }
        }
        for (index, invoice) in invoices.iter().enumerate() {
            let drawn: i64 = claims.iter().filter(|claim| claim.invoice == index && LIVE.contains(&claim.state.as_str())).map(|claim| claim.fen).sum();
            assert_eq!(side.left(app, invoice).await, json!(yuan(totals[index] - drawn)), "invoice {index}");
        }
        assert!(met.keys().any(|met| met == "pay paid") && met.keys().any(|met| met == "reverse reversed") && met.len() >= 6, "the play went too little far: {met:?}");
        assert_eq!(ok(app.get(&side.street.accountant, "/ledger/verify").await, 200)["holds"], json!(true));
        // One fen changed by hand is seen.
        let place = Place::street(side.street.district.parse().unwrap(), side.street.id.parse().unwrap());
        let tx = app.context.db.write(Scope::of_place(place)).await.unwrap();
        let other = Sql::both("UPDATE invoices SET drawn = CASE WHEN drawn > 0 THEN drawn - 1 ELSE drawn + 1 END WHERE street_id = $1 AND number = '12345670'");
        assert_eq!(tx.execute(other, vec![place.street.into()]).await.unwrap(), 1);
        tx.commit().await.unwrap();
        let verified = ok(app.get(&side.street.accountant, "/ledger/verify").await, 200);
        assert!(verified["first_fault"]["what"].as_str().unwrap().contains("the invoice 12345670 says drawn"), "{verified}");
    }
}
