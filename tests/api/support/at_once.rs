//! Two requests that meet: on PostgreSQL both come as far as a lock, and only then go on.

use mingzhang::kernel::access::{Place, Scope};
use mingzhang::platform::db::{Sql, Tx};
use sea_orm::FromQueryResult;

use super::street::Street;
use super::{Answer, TestApp};

#[derive(FromQueryResult)]
struct Waiting {
    n: i64,
}

/// Returns when so many connections wait for a lock.
pub async fn waiting_for_a_lock(app: &TestApp, scope: Scope, so_many: i64) {
    let count = Sql::both("SELECT count(*) AS n FROM pg_locks WHERE NOT granted AND pid IN (SELECT pid FROM pg_stat_activity WHERE datname = current_database())");
    loop {
        let looking = app.context.db.read(scope).await.unwrap();
        if looking.query_one::<Waiting>(count, Vec::new()).await.unwrap().unwrap().n >= so_many {
            return;
        }
        tokio::task::yield_now().await;
    }
}

/// Holds what a transaction has locked until two others wait for a lock, then lets go of it.
pub async fn let_go_when_two_wait(app: &TestApp, held: Tx, scope: Scope) {
    waiting_for_a_lock(app, scope, 2).await;
    held.rollback().await.unwrap();
}

/// Sends two requests of a street that both come as far as a lock on the rows which `lock` (`$1` the street) takes. On SQLite the second waits for the one writer anyway.
pub async fn both(app: &TestApp, street: &Street, lock: &'static str, one: impl Future<Output = Answer>, other: impl Future<Output = Answer>) -> (Answer, Answer) {
    let (id, district): (uuid::Uuid, uuid::Uuid) = (street.id.parse().unwrap(), street.district.parse().unwrap());
    let scope = Scope::of_place(Place::street(district, id));
    if !app.context.db.is_postgres() {
        return tokio::join!(one, other);
    }
    let held = app.context.db.write(scope).await.unwrap();
    held.execute(Sql::both(lock), vec![id.into()]).await.unwrap();
    let (one, other, ()) = tokio::join!(one, other, let_go_when_two_wait(app, held, scope));
    (one, other)
}
