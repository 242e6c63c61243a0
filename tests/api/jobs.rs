//! Slots: once, whatever happens. A toy job posts an audit event as its effect.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use mingzhang::kernel::access::{Capability, Place, Scope};
use mingzhang::kernel::money::Fen;
use mingzhang::kernel::problem::{Problem, Words};
use mingzhang::platform::audit::{self, Event};
use mingzhang::platform::db::{Reason, Sql};
use mingzhang::platform::http::Context;
use mingzhang::platform::jobs::{self, CatchUp, DueSlot, Job, Outcome, Progress, Registry, Slot, run_by_hand, sweep};
use serde_json::json;
use tokio::sync::Mutex;
use uuid::Uuid;

use crate::on_both_databases;
use crate::support::TestApp;

/// What the toy does when it runs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mood {
    Posts,
    Holds,
    Fails,
    Panics,
    /// Never comes back: the process is killed in the middle.
    Hangs,
}

struct Toy {
    street: Place,
    mood: Mutex<Mood>,
    runs: AtomicI64,
    last: Mutex<Option<Slot>>,
    started: AtomicBool,
}

impl Toy {
    fn new(street: Place, mood: Mood) -> Arc<Self> {
        Arc::new(Self { street, mood: Mutex::new(mood), runs: AtomicI64::new(0), last: Mutex::new(None), started: AtomicBool::new(false) })
    }

    fn registry(self: &Arc<Self>) -> Registry {
        let own: Arc<dyn Job> = Arc::<Self>::clone(self);
        Registry::new(vec![own])
    }
}

#[async_trait]
impl Job for Toy {
    fn name(&self) -> &'static str {
        "toy.post"
    }

    fn catch_up(&self) -> CatchUp {
        CatchUp::All
    }

    fn capability(&self) -> Capability {
        Capability::JobRun
    }

    async fn due(&self, _: &Context) -> Result<Vec<DueSlot>, Problem> {
        let due = |period: &str, at: &str| DueSlot { scope: "scheme".to_owned(), period: period.to_owned(), place: Some(self.street), subject: None, due_at: at.parse().unwrap() };
        Ok(vec![due("2017Q1", "2017-01-03T00:00:00Z"), due("2017Q2", "2017-06-20T01:00:00Z")])
    }

    async fn run(&self, context: &Context, slot: &Slot, progress: &Progress) -> Result<Outcome, Problem> {
        self.runs.fetch_add(1, Ordering::SeqCst);
        *self.last.lock().await = Some(slot.clone());
        self.started.store(true, Ordering::SeqCst);
        progress.tell(0, 1, "begun");
        let mood = *self.mood.lock().await;
        match mood {
            Mood::Fails => return Err(Problem::internal("no luck")),
            Mood::Panics => unreachable!("no luck at all"),
            Mood::Hangs => std::future::pending().await,
            Mood::Posts | Mood::Holds => {}
        }
        let tx = context.db.write(Scope::of_place(self.street)).await?;
        if mood == Mood::Holds {
            let outcome = slot.hold(&tx, "line_short", Words::new("额度不足", "The line is short")).await?;
            tx.commit().await?;
            return Ok(outcome);
        }
        post(context, slot, tx).await
    }
}

/// The effect, in the street's scope, ended by the slot's end.
async fn post(context: &Context, slot: &Slot, tx: mingzhang::platform::db::Tx) -> Result<Outcome, Problem> {
    audit::record(&tx, &slot.act(context, None), Event::new("toy.post", "toy", slot.id, slot.place.unwrap())).await?;
    let outcome = Outcome::Done { code: "posted", posted_items: 3, posted_amount: Fen(60_000), result: json!({"items": 3}) };
    slot.finish(&tx, &outcome).await?;
    tx.commit().await?;
    Ok(outcome)
}

async fn street(app: &TestApp) -> (String, Place) {
    let token = app.administrator("硚口区", "first").await;
    let district = app.get(&token, "/org-units").await.body["data"][0]["id"].clone();
    let street = app.post(&token, "/org-units", json!({"parent_id": district, "name": "韩家墩街"})).await.id();
    (token, Place::street(district.as_str().unwrap().parse().unwrap(), street.parse().unwrap()))
}

async fn effects(app: &TestApp) -> i64 {
    #[derive(sea_orm::FromQueryResult)]
    struct Count {
        n: i64,
    }
    let tx = app.context.db.read_as_system(Reason::Verify).await.unwrap();
    tx.query_one::<Count>(Sql::both("SELECT count(*) AS n FROM audit_events WHERE action = 'toy.post'"), Vec::new()).await.unwrap().unwrap().n
}

async fn change(app: &TestApp, sql: &'static str, values: Vec<sea_orm::Value>) {
    let tx = app.context.db.write_as_system(Reason::Background).await.unwrap();
    assert!(tx.execute(Sql::both(sql), values).await.unwrap() > 0);
    tx.commit().await.unwrap();
}

fn states(reports: &[jobs::SlotReport]) -> Vec<(&str, i64, String)> {
    reports.iter().map(|report| (report.state.as_str(), report.posted_items, report.posted_amount.to_string())).collect()
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

on_both_databases! {
    async fn a_slot_runs_once_although_two_sweeps_run_at_the_same_time(app: TestApp) {
        let (_, street) = street(app).await;
        let toy = Toy::new(street, Mood::Posts);
        let registry = toy.registry();
        let (one, two) = tokio::join!(sweep(&app.context, &registry), sweep(&app.context, &registry));
        let reports = [one.unwrap(), two.unwrap()].concat();
        assert_eq!(states(&reports), [("done", 3, "600.00".to_owned())]);
        assert_eq!((toy.runs.load(Ordering::SeqCst), effects(app).await), (1, 1));
        assert_eq!(sweep(&app.context, &registry).await.unwrap(), []);
        // The second quarter is made when its day has come, not before.
        app.context.clocks.set(at("2017-06-20T01:00:00Z"));
        assert_eq!(states(&sweep(&app.context, &registry).await.unwrap()), [("done", 3, "600.00".to_owned())]);
        assert_eq!(effects(app).await, 2);
    }

    async fn a_slot_whose_process_died_runs_again_and_the_old_claim_ends_nothing(app: TestApp) {
        let (token, street) = street(app).await;
        let toy = Toy::new(street, Mood::Hangs);
        let registry = toy.registry();
        tokio::select! {
            _ = sweep(&app.context, &registry) => unreachable!("it hangs"),
            () = async { while !toy.started.load(Ordering::SeqCst) { tokio::task::yield_now().await } } => {}
        }
        let old = toy.last.lock().await.clone().unwrap();
        *toy.mood.lock().await = Mood::Posts;
        // While the lease holds nobody takes it over.
        assert_eq!(sweep(&app.context, &registry).await.unwrap(), []);
        change(app, "UPDATE job_slots SET lease_until = $1", vec![at("2020-01-01T00:00:00Z").into()]).await;
        assert_eq!(states(&sweep(&app.context, &registry).await.unwrap()), [("done", 3, "600.00".to_owned())]);
        assert!(toy.last.lock().await.as_ref().unwrap().fence() > old.fence());
        let tx = app.context.db.write(Scope::of_place(street)).await.unwrap();
        let lost = post(&app.context, &old, tx).await.unwrap_err();
        assert_eq!((lost.code, effects(app).await), ("slot_lost", 1));
        let runs = app.get(&token, "/job-runs").await;
        let states: Vec<_> = runs.body["data"].as_array().unwrap().iter().map(|run| run["state"].as_str().unwrap().to_owned()).collect();
        assert_eq!(states, ["done", "lost"], "{}", runs.text);
    }

    async fn a_held_slot_is_tried_again_the_next_day_at_the_pay_hour_and_not_before(app: TestApp) {
        let (token, street) = street(app).await;
        let toy = Toy::new(street, Mood::Holds);
        let registry = toy.registry();
        let reports = sweep(&app.context, &registry).await.unwrap();
        assert_eq!((reports[0].state.as_str(), reports[0].outcome.as_deref()), ("held", Some("line_short")));
        let slots = app.get(&token, "/job-slots?state=held").await;
        assert_eq!((slots.body["data"][0]["detail"].as_str(), slots.body["data"][0]["retry_at"].as_str()), (Some("The line is short"), Some("2017-01-04T01:00:00Z")), "{}", slots.text);
        *toy.mood.lock().await = Mood::Posts;
        app.context.clocks.set(at("2017-01-04T00:59:59Z"));
        assert_eq!(sweep(&app.context, &registry).await.unwrap(), []);
        app.context.clocks.set(at("2017-01-04T01:00:00Z"));
        assert_eq!(states(&sweep(&app.context, &registry).await.unwrap()), [("done", 3, "600.00".to_owned())]);
    }

    async fn a_failing_slot_is_tried_again_after_growing_pauses_eight_times_and_people_are_told(app: TestApp) {
        let (token, street) = street(app).await;
        let toy = Toy::new(street, Mood::Fails);
        let registry = toy.registry();
        for attempt in 1..=8_u32 {
            let before = app.context.clocks.wall();
            assert_eq!(states(&sweep(&app.context, &registry).await.unwrap()), [("failed", 0, "0.00".to_owned())], "{attempt}");
            assert_eq!(sweep(&app.context, &registry).await.unwrap(), []);
            let slot = app.get(&token, "/job-slots").await.body["data"][0].clone();
            assert_eq!((slot["attempts"].as_u64(), slot["outcome"].as_str()), (Some(u64::from(attempt)), Some("internal_error")));
            if attempt < 8 {
                let pause = at(slot["retry_at"].as_str().unwrap()) - before;
                let minutes = TimeDelta::minutes(1 << (attempt - 1));
                assert!(pause > minutes - TimeDelta::seconds(5) && pause < minutes + TimeDelta::seconds(30), "{attempt}: {pause}");
                change(app, "UPDATE job_slots SET retry_at = $1", vec![at("2020-01-01T00:00:00Z").into()]).await;
                *toy.mood.lock().await = if attempt % 2 == 0 { Mood::Fails } else { Mood::Panics };
            } else {
                assert!(slot["retry_at"].is_null());
            }
        }
        assert_eq!(mingzhang::platform::notification::deliver_once(&app.context).await.unwrap(), 1);
        assert_eq!(app.get(&token, "/notifications").await.body["data"][0]["kind"], json!("job.failed"));
        *toy.mood.lock().await = Mood::Posts;
        let by_hand = run_by_hand(&app.context, &registry, "toy.post", "2017Q1", None).await.unwrap();
        assert_eq!(states(&by_hand), [("done", 3, "600.00".to_owned())]);
    }

    async fn a_done_slot_started_by_hand_posts_nothing_again(app: TestApp) {
        let (_, street) = street(app).await;
        let toy = Toy::new(street, Mood::Posts);
        let registry = toy.registry();
        let by_hand = async |period: &'static str, within: Option<Place>| run_by_hand(&app.context, &registry, "toy.post", period, within).await;
        assert_eq!(states(&by_hand("2017Q1", Some(street)).await.unwrap()), [("done", 3, "600.00".to_owned())]);
        assert_eq!(states(&by_hand("2017Q1", Some(street)).await.unwrap()), [("done", 0, "0.00".to_owned())]);
        assert_eq!(by_hand("2017Q1", Some(Place::street(street.district, Uuid::now_v7()))).await.unwrap(), []);
        assert_eq!(by_hand("2017Q2", None).await.unwrap(), [], "it is not due yet");
        assert_eq!(by_hand("2017Q5", None).await.unwrap_err().code, "invalid_period");
        assert_eq!(run_by_hand(&app.context, &registry, "toy.none", "2017Q1", None).await.unwrap_err().code, "not_found");
        assert_eq!(effects(app).await, 1);
    }

    async fn a_job_is_started_and_followed_over_http(app: TestApp) {
        let (token, street) = street(app).await;
        let toy = Toy::new(street, Mood::Posts);
        let served = app.serving(toy.registry());
        assert_eq!(served.post(&token, "/jobs/toy.none/run", json!({"period": "2017Q1"})).await.code(), (404, "not_found"));
        assert_eq!(served.post(&token, "/jobs/toy.post/run", json!({"period": "2017Q1"})).await.code(), (400, "idempotency_key_required"));
        assert_eq!(served.money(&token, "/jobs/toy.post/run", json!({"period": "Q1"}), "k0").await.code(), (422, "invalid_period"));
        let dry = served.money(&token, "/jobs/toy.post/run?dry_run=true", json!({"period": "2017Q1"}), "k0").await;
        assert_eq!((dry.status.as_u16(), effects(app).await), (200, 0), "{}", dry.text);
        let key = [("Idempotency-Key", "k1")];
        let start = async || served.send(reqwest::Method::POST, "/jobs/toy.post/run", &token, Some(json!({"period": "2017Q1"})), &key).await;
        let expected = json!({"job": "toy.post", "period": "2017Q1", "slots": [{"scope": "scheme", "state": "done", "outcome": "posted", "posted_items": 3, "posted_amount": "600.00"}]});
        assert_eq!(start().await.body, expected);
        let again = start().await;
        assert_eq!((again.replayed, again.body), (true, expected));
        let slot = served.get(&token, "/job-slots?job=toy.post&period=2017Q1").await.body["data"][0].clone();
        let read = served.get(&token, &format!("/job-slots/{}", slot["id"].as_str().unwrap())).await;
        assert_eq!((read.status.as_u16(), read.body["posted_amount"].as_str()), (200, Some("600.00")));
        let run = served.get(&token, "/job-runs").await.body["data"][0].clone();
        let events = served.get(&token, &format!("/job-runs/{}/events", run["id"].as_str().unwrap())).await;
        assert!(events.text.starts_with("event: progress\ndata: {") && events.text.contains("\"state\":\"done\""), "{}", events.text);
        let (_, stranger) = app.user(&token, "stranger", &street.street.unwrap().to_string()).await;
        assert_eq!(served.post(&stranger, "/jobs/toy.post/run", json!({"period": "2017Q1"})).await.code(), (403, "forbidden"));
        assert_eq!(served.get(&stranger, "/job-slots").await.code(), (403, "forbidden"));
    }

    async fn long_work_of_a_person_goes_on_after_the_answer_and_ends_with_its_effect(app: TestApp) {
        let (token, street) = street(app).await;
        let actor = app.context.authenticator.actor(&token).await.unwrap();
        let (go, wait) = tokio::sync::oneshot::channel::<()>();
        let run = jobs::start_ad_hoc(&app.context, &actor, "toy.import", street, move |context, own| async move {
            wait.await.map_err(Problem::internal)?;
            let tx = context.db.write(Scope::of_place(street)).await?;
            let outcome = Outcome::done("imported", json!({"rows": 2}));
            own.finish(&tx, &outcome).await?;
            tx.commit().await?;
            Ok(outcome)
        });
        let path = format!("/job-runs/{}", run.await.unwrap().id);
        assert_eq!(app.get(&token, &path).await.body["state"], json!("running"));
        go.send(()).unwrap();
        let events = app.get(&token, &format!("{path}/events")).await;
        assert!(events.text.contains("\"state\":\"done\""), "{}", events.text);
        assert_eq!(app.get(&token, &path).await.body["result"], json!({"rows": 2}));
    }

    async fn the_scheduler_sweeps_at_start_and_ends_when_told(app: TestApp) {
        let (_, street) = street(app).await;
        let toy = Toy::new(street, Mood::Posts);
        let (stop, stopped) = jobs::stop_switch();
        let all = tokio::spawn(jobs::forever(app.context.clone(), toy.registry(), stopped.clone()));
        let sealing = tokio::spawn(jobs::seal_forever(app.context.clone(), stopped));
        while !toy.started.load(Ordering::SeqCst) {
            tokio::task::yield_now().await;
        }
        stop.send(true).unwrap();
        all.await.unwrap().unwrap();
        sealing.await.unwrap();
        assert_eq!(effects(app).await, 1, "the slot that ran was finished");
    }
}

on_both_databases! {
    async fn keys_that_are_kept_no_longer_are_dropped(app: TestApp) {
        let first = app.administrator("硚口区", "first").await;
        let item = json!({"code": "F1", "name": "资料费"});
        assert_eq!(app.money(&first, "/expense-items", item.clone(), "k").await.status, 201);
        assert!(app.money(&first, "/expense-items", item, "k").await.replayed);
        let now = app.context.clocks.wall();
        let drop = async |at| mingzhang::platform::http::drop_expired(&app.context.db, at).await.unwrap();
        assert_eq!(drop(now + TimeDelta::hours(71)).await, 0);
        assert_eq!(drop(now + TimeDelta::hours(73)).await, 1);
    }
}
