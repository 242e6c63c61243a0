//! No scope, no row; another's row does not exist; what is kept is not changed.

use mingzhang::kernel::access::Scope;
use mingzhang::people::identity::user;
use mingzhang::people::tenancy::org_unit;
use mingzhang::platform::db::{Reason, Sql};
use serde_json::json;

use crate::claims::Claims;
use crate::on_both_databases;
use crate::support::TestApp;
use crate::support::street::{Street, ok};

on_both_databases! {
    async fn a_row_of_another_district_does_not_exist(app: TestApp) {
        let own = app.administrator("硚口区", "own").await;
        let other = app.administrator("江汉区", "other").await;
        let foreign = app.get(&other, "/me").await.id();
        let random = uuid::Uuid::now_v7().to_string();
        for path in ["/users/", "/org-units/", "/role-assignments/"] {
            if path == "/role-assignments/" {
                continue;
            }
            let answers = [app.get(&own, &format!("{path}{foreign}")).await, app.get(&own, &format!("{path}{random}")).await];
            assert_eq!(answers[0].code(), (404, "not_found"), "{path}");
            assert_eq!(answers[0].body["detail"], answers[1].body["detail"]);
        }
        assert_eq!(app.get(&own, "/users?username=other").await.body["data"], json!([]));
        let districts = app.get(&own, "/org-units").await;
        assert_eq!(districts.body["data"].as_array().unwrap().len(), 1);
    }

    async fn a_scope_sees_its_own_rows_and_a_street_not_its_sister(app: TestApp) {
        let token = app.administrator("硚口区", "own").await;
        let district = app.get(&token, "/org-units").await.body["data"][0]["id"].clone();
        let mut streets = Vec::new();
        for name in ["甲街", "乙街"] {
            streets.push(app.post(&token, "/org-units", json!({"parent_id": district, "name": name})).await.id().parse::<uuid::Uuid>().unwrap());
        }
        let district: uuid::Uuid = district.as_str().unwrap().parse().unwrap();
        let tx = app.context.db.read(Scope::Street(district, streets[0])).await.unwrap();
        assert!(tx.maybe_load::<org_unit::Entity>(streets[0]).await.unwrap().is_some());
        assert!(tx.maybe_load::<org_unit::Entity>(streets[1]).await.unwrap().is_none());
        let tx = app.context.db.read(Scope::Public).await.unwrap();
        assert!(tx.maybe_load::<org_unit::Entity>(streets[0]).await.unwrap().is_none());
        assert_eq!(tx.all(tx.select::<user::Entity>()).await.unwrap(), []);
    }

    async fn a_role_held_above_shows_nothing_that_it_does_not_allow(app: TestApp) {
        let claims = Claims::open(app).await;
        let street = &claims.street;
        let (own, others) = (claims.submitted(app, true, "10.00").await, claims.submitted(app, false, "20.00").await);
        let both = street.person(app, "both", "street_admin").await;
        assert_eq!(app.get(&both, "/claims").await.code(), (403, "forbidden"));
        let user = ok(app.get(&both, "/me").await, 200)["id"].clone();
        ok(app.post(&street.first, "/role-assignments", json!({"user_id": user, "role": "community_staff", "unit_id": street.community})).await, 201);
        let seen = ok(app.get(&both, "/claims").await, 200);
        assert_eq!(seen["data"].as_array().unwrap().iter().map(|claim| claim["id"].as_str().unwrap()).collect::<Vec<_>>(), [own.as_str()]);
        ok(app.get(&both, &format!("/claims/{own}")).await, 200);
        assert_eq!(app.get(&both, &format!("/claims/{others}")).await.code(), (404, "not_found"));
        assert_eq!(app.post(&both, &format!("/claims/{others}/comments"), json!({"text": "看一看"})).await.code(), (404, "not_found"));
        assert_eq!(ok(app.get(&both, "/users").await, 200)["data"].as_array().unwrap().len(), 7, "what the street's role allows is seen as before");
    }

    async fn connections_that_two_districts_use_in_turn_show_each_its_own_rows(app: TestApp) {
        let (own, other) = (app.administrator("硚口区", "own").await, app.administrator("江汉区", "other").await);
        let name_of = async |token: &str| app.get(token, "/org-units").await.body["data"].as_array().unwrap().iter().map(|unit| unit["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
        for _ in 0..10 {
            let seen = tokio::join!(name_of(&own), name_of(&other), name_of(&own), name_of(&other), name_of(&own), name_of(&other), name_of(&own), name_of(&other));
            assert_eq!((seen.0, seen.1, seen.2, seen.3), (vec!["硚口区".to_owned()], vec!["江汉区".to_owned()], vec!["硚口区".to_owned()], vec!["江汉区".to_owned()]));
            assert_eq!((seen.4, seen.5, seen.6, seen.7), (vec!["硚口区".to_owned()], vec!["江汉区".to_owned()], vec!["硚口区".to_owned()], vec!["江汉区".to_owned()]));
        }
    }

    async fn what_a_savepoint_wrote_is_gone_when_it_is_rolled_back_or_dropped_and_stays_when_it_is_kept(app: TestApp) {
        let tx = app.context.db.write_as_system(Reason::SetUp).await.unwrap();
        let mark = async |tx: &mingzhang::platform::db::Tx, name: &str| {
            let sql = Sql { postgres: "INSERT INTO work_leases (name, owner, lease_until) VALUES ($1, 'test', now())", sqlite: "INSERT INTO work_leases (name, owner, lease_until) VALUES ($1, 'test', '2017-01-01 00:00:00+00:00')" };
            tx.execute(sql, vec![name.into()]).await.unwrap();
        };
        mark(&tx, "whole").await;
        let kept = tx.savepoint().await.unwrap();
        mark(&kept, "kept").await;
        let within = kept.savepoint().await.unwrap();
        mark(&within, "within").await;
        within.rollback().await.unwrap();
        kept.commit().await.unwrap();
        let dropped = tx.savepoint().await.unwrap();
        mark(&dropped, "dropped").await;
        drop(dropped);
        mark(&tx, "after").await;
        tx.commit().await.unwrap();
        let dropped = app.context.db.write_as_system(Reason::SetUp).await.unwrap();
        mark(&dropped, "never").await;
        drop(dropped);
        #[derive(sea_orm::FromQueryResult)]
        struct Name {
            name: String,
        }
        let tx = app.context.db.read_as_system(Reason::SetUp).await.unwrap();
        let names = tx.query::<Name>(Sql::both("SELECT name FROM work_leases WHERE owner = 'test' ORDER BY name"), Vec::new()).await.unwrap();
        assert_eq!(names.into_iter().map(|row| row.name).collect::<Vec<_>>(), ["after", "kept", "whole"]);
    }

    async fn what_reads_cannot_write(app: TestApp) {
        let tx = app.context.db.read_as_system(Reason::SetUp).await.unwrap();
        let refused = tx.try_execute(Sql::both("DELETE FROM work_leases"), Vec::new()).await.unwrap_err().to_string();
        assert!(refused.contains("read-only") || refused.contains("readonly"), "{refused}");
    }

    async fn an_audit_event_can_be_neither_changed_nor_deleted(app: TestApp) {
        app.administrator("硚口区", "own").await;
        for sql in ["UPDATE audit_events SET action = 'x'", "DELETE FROM audit_events"] {
            let tx = app.context.db.write_as_system(Reason::SetUp).await.unwrap();
            let refused = tx.try_execute(Sql::both(sql), Vec::new()).await.unwrap_err().to_string();
            assert!(refused.contains("append_only") || refused.contains("permission denied"), "{refused}");
        }
    }

    async fn a_read_without_the_capability_leaves_the_attempt_too(app: TestApp) {
        let street = Street::open(app, "硚口区", "").await;
        for _ in 0..3 {
            assert_eq!(app.get(&street.cashier, "/audit-events").await.code(), (403, "forbidden"));
        }
        let kept = ok(app.get(&street.first, "/audit-events?action=access_refused").await, 200)["data"].clone();
        let reads: Vec<_> = kept.as_array().unwrap().iter().filter(|event| event.to_string().contains("GET /api/v1/audit-events")).collect();
        assert!((1..=2).contains(&reads.len()), "{kept}");
    }

    async fn a_refused_write_leaves_the_attempt_once_a_minute_and_nothing_else(app: TestApp) {
        let own = app.administrator("硚口区", "own").await;
        for _ in 0..3 {
            let path = format!("/users/{}/disable", uuid::Uuid::now_v7());
            assert_eq!(app.act(&own, &path, "\"v1\"").await.code(), (404, "not_found"));
        }
        #[derive(sea_orm::FromQueryResult)]
        struct Count {
            n: i64,
        }
        let tx = app.context.db.read_as_system(Reason::SetUp).await.unwrap();
        let count = tx.query_one::<Count>(Sql::both("SELECT count(*) AS n FROM audit_events WHERE action = 'access_refused'"), Vec::new()).await.unwrap().unwrap();
        assert!((1..=2).contains(&count.n), "{}", count.n);
    }
}

#[actix_web::test]
async fn postgresql_shows_no_row_without_a_scope() {
    let Some(url) = crate::support::postgres::new_database().await else { return };
    use sea_orm::ConnectionTrait;
    let connection = sea_orm::Database::connect(url).await.unwrap();
    let count = |sql: &'static str| {
        let connection = &connection;
        async move { connection.query_one_raw(sea_orm::Statement::from_string(sea_orm::DbBackend::Postgres, sql)).await.unwrap().unwrap().try_get::<i64>("", "n").unwrap() }
    };
    let tables = count("SELECT count(*) AS n FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'seaql_migrations'").await;
    let guarded = count("SELECT count(*) AS n FROM pg_class c JOIN pg_namespace s ON s.oid = c.relnamespace WHERE s.nspname = 'public' AND c.relkind = 'r' AND c.relname <> 'seaql_migrations' AND c.relrowsecurity AND c.relforcerowsecurity").await;
    assert!(tables > 10 && tables == guarded, "{tables} tables, {guarded} behind forced row-level security");
    assert_eq!(count("SELECT count(*) AS n FROM org_units").await, 0);
    let open = count("SELECT count(*) AS n FROM pg_tables t WHERE t.schemaname = 'public' AND t.tablename <> 'seaql_migrations' AND NOT EXISTS (SELECT 1 FROM pg_policies p WHERE p.tablename = t.tablename AND p.policyname = 'app_scope' AND p.roles = '{mingzhang_app}')").await;
    assert_eq!(open, 0, "tables without a policy for the serving role");
    // A table whose rows nobody changes refuses the serving role by its rights already, not by its trigger alone.
    let changeable = count("SELECT count(*) AS n FROM pg_trigger g WHERE g.tgname = 'append_only' AND (has_table_privilege('mingzhang_app', g.tgrelid, 'UPDATE') OR has_table_privilege('mingzhang_app', g.tgrelid, 'DELETE') OR has_table_privilege('mingzhang_app', g.tgrelid, 'TRUNCATE'))").await;
    assert_eq!((changeable, count("SELECT count(*) AS n FROM pg_trigger WHERE tgname = 'append_only'").await > 3), (0, true));
    let plain_views = count("SELECT count(*) AS n FROM pg_class c JOIN pg_namespace s ON s.oid = c.relnamespace WHERE s.nspname = 'public' AND c.relkind = 'v' AND NOT COALESCE('security_invoker=true' = ANY(c.reloptions), false)").await;
    assert_eq!(plain_views, 0, "views that show every row");
}

#[actix_web::test]
async fn postgresql_shows_none_of_the_rows_of_a_full_database_without_a_scope_or_to_a_stranger() {
    let Some(url) = crate::support::postgres::new_database().await else { return };
    let app = TestApp::on(&url).await;
    let claims = Claims::open(&app).await;
    claims.submitted(&app, true, "10.00").await;
    use sea_orm::ConnectionTrait;
    let connection = sea_orm::Database::connect(sea_orm::ConnectOptions::new(url).max_connections(1).to_owned()).await.unwrap();
    let rows = async |sql: String| connection.query_all_raw(sea_orm::Statement::from_string(sea_orm::DbBackend::Postgres, sql)).await.unwrap();
    let names = rows("SELECT CAST(tablename AS text) AS name FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'seaql_migrations'".to_owned()).await;
    let stranger = uuid::Uuid::now_v7();
    for name in names.iter().map(|row| row.try_get::<String>("", "name").unwrap()) {
        let count = async || rows(format!("SELECT count(*) AS n FROM {name}")).await[0].try_get::<i64>("", "n").unwrap();
        assert_eq!(count().await, 0, "{name} without a scope");
    }
    connection
        .execute_unprepared(&format!(
            "SELECT set_config('mingzhang.scope', 'street', false), set_config('mingzhang.district', '{stranger}', false), set_config('mingzhang.street', '{stranger}', false)"
        ))
        .await
        .unwrap();
    for name in ["org_units", "users", "claims", "claim_lines", "budget_lines", "fiscal_years", "audit_events", "v_tasks_claim"] {
        let count = rows(format!("SELECT count(*) AS n FROM {name}")).await[0].try_get::<i64>("", "n").unwrap();
        assert_eq!(count, 0, "{name} to a street of another district");
    }
}
