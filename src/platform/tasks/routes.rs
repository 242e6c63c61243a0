//! `me/tasks`.

use std::str::FromStr;

use actix_web::{HttpRequest, HttpResponse, get, web};

use super::TaskSources;
use super::read::{self, Task};
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

/// Lists one's tasks, the newest first. Filter: `kind`: `to_do` (待办, what one can act on now; unless said), `done` (已办) or `started` (我发起, still open).
#[utoipa::path(tag = "auth", responses((status = 200, body = ListPage<Task>), Refusals))]
#[get("/me/tasks")]
async fn list_tasks(actor: Actor, context: web::Data<Context>, sources: web::Data<TaskSources>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let list = ListRequest::parse(&request, &["kind"])?;
    let kind = list.filter::<Kind>("kind")?.unwrap_or_default();
    let tx = context.read_own(&actor).await?;
    let fetch = async |after: Option<&[sea_orm::Value]>, limit: u64| match kind {
        Kind::ToDo => read::to_do(&tx, &sources, &actor, after, limit).await,
        Kind::Started => read::started(&tx, &sources, &actor, after, limit).await,
        Kind::Done => read::done(&tx, &actor, after, limit).await,
    };
    list.answer_rows(&context, COLUMNS, fetch, |task: &Task| vec![task.position.into(), task.action.clone().into()]).await
}

/// Adds the routes of this folder.
pub fn routes(config: &mut Routes<'_, '_>) {
    config.service(list_tasks);
}
