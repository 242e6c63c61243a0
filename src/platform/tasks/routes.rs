//! `me/tasks`.

use std::cmp::Reverse;
use std::str::FromStr;

use actix_web::{HttpRequest, HttpResponse, get, web};
use uuid::Uuid;

use super::TaskSources;
use super::read::{self, Task, Wanted};
use crate::kernel::access::Actor;
use crate::kernel::problem::Problem;
use crate::platform::http::{Context, ListPage, ListRequest, Refusals, Routes};

/// Which tasks are asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Kind {
    /// 待办.
    #[default]
    ToDo,
    /// 已办.
    Done,
    /// 我发起.
    Started,
}

impl FromStr for Kind {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "to_do" => Ok(Self::ToDo),
            "done" => Ok(Self::Done),
            "started" => Ok(Self::Started),
            _ => Err(()),
        }
    }
}

const COLUMNS: &[&str] = &["kind", "id", "action", "title", "street_id", "community_id", "due_on", "created_at"];

/// Lists one's tasks in all of one's units, the newest first. Filters: `kind`, `street_id`. The kind is `to_do` (待办, what one can act on now; unless said), `done` (已办) or `started` (我发起, still open).
#[utoipa::path(tag = "auth", responses((status = 200, body = ListPage<Task>), Refusals))]
#[get("/me/tasks")]
async fn list_tasks(actor: Actor, context: web::Data<Context>, sources: web::Data<TaskSources>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let list = ListRequest::parse(&request, &["kind", "street_id"])?;
    let (kind, street) = (list.filter::<Kind>("kind")?.unwrap_or_default(), list.filter::<Uuid>("street_id")?);
    let fetch = async |after: Option<&[sea_orm::Value]>, limit: u64| {
        let mut tasks = Vec::new();
        // One unit after the other: who waits for a connection holds none.
        for scope in actor.scopes() {
            let tx = context.db.read(scope).await?;
            let wanted = Wanted { street, after, limit };
            tasks.extend(match kind {
                Kind::ToDo => read::to_do(&tx, &sources, &actor, wanted).await?,
                Kind::Started => read::started(&tx, &sources, &actor, wanted).await?,
                Kind::Done => read::done(&tx, &actor, wanted).await?,
            });
        }
        // A document lies in one unit, which gave its actions in their order.
        tasks.sort_by_key(|task: &Task| Reverse(task.position));
        tasks.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(tasks)
    };
    list.answer_rows(&context, COLUMNS, fetch, |task: &Task| vec![task.position.into(), task.action.clone().into()]).await
}

/// Adds the routes of this folder.
pub fn routes(config: &mut Routes<'_, '_>) {
    config.service(list_tasks);
}
