//! The guide from an empty database to the first payment is what happens.

use crate::on_both_databases;
use crate::support::guide::run_guide;
use crate::support::{PASSWORD, TestApp};

on_both_databases! {
    async fn the_guide_of_the_first_street_leads_to_a_paid_stipend(app: TestApp) {
        app.administrator("硚口区", "first").await;
        app.administrator("硚口区", "second").await;
        let today = [("YEAR=$(date +%Y) QUARTER=$(( ($(date +%-m) + 2) / 3 ))", "YEAR=2017 QUARTER=1"), ("TODAY=$(date +%F)", "TODAY=2017-01-03")];
        let guide = include_str!("../../docs/first-street.md");
        assert!(guide.contains(&format!("MINGZHANG_FIRST_PASSWORD='{PASSWORD}'")), "the administrators of these tests have it");
        let Some((told, folder)) = run_guide(app, guide, &today).await else {
            return;
        };
        for word in ["\"street_leader\"", "\"active\"", "approved", "confirmed", "\"beneficiary_name\":\"示*\"", "\"gross\":\"879.00\"", "posted", "计提补贴发放批次"] {
            assert!(told.contains(word), "{word} is not in what the guide shows:\n{told}");
        }
        assert!(std::fs::metadata(folder.path().join("bank-file")).unwrap().len() > 50);
    }
}
