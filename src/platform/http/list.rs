//! Lists: keyset pages with bound cursors, named filters, and the same rows as CSV or XLSX.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

use actix_web::http::header::ACCEPT;
use actix_web::{HttpMessage, HttpRequest, HttpResponse};
use futures_util::StreamExt;
use futures_util::stream;
use sea_orm::sea_query::{Condition, Expr, ExprTrait};
use sea_orm::{ColumnTrait, EntityTrait, ModelTrait, Order, QueryFilter, QueryOrder, QuerySelect, Select};
use serde::Serialize;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;
use uuid::Uuid;

use super::query::pairs;
use super::{Context, cursor, export};
use crate::kernel::access::{Actor, Assignment, Scope};
use crate::kernel::problem::Problem;
use crate::platform::db::{Scoped, Tx};

/// A page has 50 rows unless the client says otherwise.
const DEFAULT_LIMIT: u64 = 50;
/// A page has at most 200 rows.
const MOST_LIMIT: u64 = 200;
/// What every list takes besides its own filters.
const COMMON: [&str; 5] = ["limit", "cursor", "sort", "columns", "dry_run"];

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct ListPage<T> {
    /// The rows.
    pub data: Vec<T>,
    /// The cursor of the next page; null on the last one.
    pub next_cursor: Option<String>,
}

/// A field that a list can be sorted by.
pub type SortColumn<E> = (&'static str, <E as EntityTrait>::Column);

/// What a client asked of a list.
#[derive(Debug)]
pub struct ListRequest {
    path: String,
    accept: String,
    limit: u64,
    cursor: Option<String>,
    sort: Option<String>,
    columns: Option<Vec<String>>,
    filters: BTreeMap<String, String>,
}

pub(super) fn invalid_parameter(name: &str, zh: &str, en: &str) -> Problem {
    Problem::new(400, "invalid_parameter", "查询参数有误", "A query parameter is wrong").detail(format!("参数 {name}：{zh}"), format!("Parameter {name}: {en}"))
}

/// Whether a parameter names one of the units of who acts in several, to say which is meant. It is no filter: what is seen then is that unit's.
fn names_own_unit(request: &HttpRequest, name: &str, text: &str) -> bool {
    let own = |held: &Assignment| match name {
        "street_id" => held.place.street.filter(|_| held.place.community.is_none()),
        "community_id" => held.place.community,
        _ => None,
    };
    let extensions = request.extensions();
    let actor = extensions.get::<Actor>().filter(|actor| matches!(name, "street_id" | "community_id") && actor.acts_apart());
    actor.is_some_and(|actor| Uuid::parse_str(text).is_ok_and(|id| actor.assignments.iter().any(|held| own(held) == Some(id))))
}

pub(super) fn given_twice(name: &str) -> Problem {
    invalid_parameter(name, "只能出现一次", "must stand there once")
}

fn unknown_parameter(name: &str, known: &str) -> Problem {
    Problem::new(400, "unknown_parameter", "未知的查询参数", "Unknown query parameter")
        .detail(format!("参数 {name} 未知。可用的筛选：{known}"), format!("The parameter {name} is unknown. Filters here: {known}"))
}

impl ListRequest {
    /// Reads the query; `filters` are the names that this list knows.
    ///
    /// # Errors
    /// 400 `unknown_parameter` or `invalid_parameter`.
    pub fn parse(request: &HttpRequest, filters: &[&str]) -> Result<Self, Problem> {
        let mut given = BTreeMap::new();
        for (name, text) in pairs(request)? {
            if !COMMON.contains(&name.as_str()) && !filters.contains(&name.as_str()) && !names_own_unit(request, &name, &text) {
                return Err(unknown_parameter(&name, &filters.join(", ")));
            }
            if text.contains('\0') {
                return Err(invalid_parameter(&name, "不能含有 NUL 字符", "must not hold the character NUL"));
            }
            if given.insert(name.clone(), text).is_some() {
                return Err(given_twice(&name));
            }
        }
        let limit = match given.remove("limit") {
            None => DEFAULT_LIMIT,
            Some(text) => text.parse().ok().filter(|limit| (1..=MOST_LIMIT).contains(limit)).ok_or_else(|| invalid_parameter("limit", "须为 1 至 200", "must be 1 to 200"))?,
        };
        Ok(Self {
            path: request.path().to_owned(),
            accept: request.headers().get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned(),
            limit,
            cursor: given.remove("cursor"),
            sort: given.remove("sort"),
            columns: given.remove("columns").map(|text| text.split(',').map(str::to_owned).collect()),
            filters: given,
        })
    }

    /// The value of a filter, as its type.
    ///
    /// # Errors
    /// 400 `invalid_parameter` where it is none.
    pub fn filter<T: FromStr>(&self, name: &'static str) -> Result<Option<T>, Problem> {
        self.filters.get(name).map(|text| text.parse::<T>().map_err(|_not_one| invalid_parameter(name, &format!("“{text}”格式不对"), &format!("“{text}” has the wrong form")))).transpose()
    }

    /// A column equals a filter's value, where it was given.
    ///
    /// # Errors
    /// As [`ListRequest::filter`].
    pub fn equals<T: FromStr + Into<sea_orm::Value>>(&self, condition: Condition, name: &'static str, column: impl ColumnTrait) -> Result<Condition, Problem> {
        Ok(match self.filter::<T>(name)? {
            Some(value) => condition.add(column.eq(value)),
            None => condition,
        })
    }

    /// A column equals a filter's value, which must be one of the codes it can have.
    ///
    /// # Errors
    /// 400 `invalid_parameter` with those it can have: an empty list would say that there are no such rows.
    pub fn one_of(&self, condition: Condition, name: &'static str, column: impl ColumnTrait, known: &[&str]) -> Result<Condition, Problem> {
        let Some(text) = self.filters.get(name) else {
            return Ok(condition);
        };
        if !known.contains(&text.as_str()) {
            let known = known.join(", ");
            return Err(invalid_parameter(name, &format!("没有“{text}”，可用：{known}"), &format!("there is no “{text}”; known: {known}")));
        }
        Ok(condition.add(column.eq(text.as_str())))
    }

    /// A column of text equals a filter's value, as its type writes it.
    ///
    /// # Errors
    /// As [`ListRequest::filter`].
    pub fn parsed<T: FromStr + Display>(&self, condition: Condition, name: &'static str, column: impl ColumnTrait) -> Result<Condition, Problem> {
        Ok(match self.filter::<T>(name)? {
            Some(value) => condition.add(column.eq(value.to_string())),
            None => condition,
        })
    }

    /// Of rows that a district or a street keeps for all below it, what the street of the filter `street_id` has: its own and the district's.
    ///
    /// # Errors
    /// As [`ListRequest::filter`].
    pub fn kept_for_street(&self, condition: Condition, column: impl ColumnTrait) -> Result<Condition, Problem> {
        Ok(match self.filter::<Uuid>("street_id")? {
            Some(street) => condition.add(Condition::any().add(column.is_null()).add(column.eq(street))),
            None => condition,
        })
    }

    fn order<E: Scoped>(&self, sorts: &[SortColumn<E>]) -> Result<Vec<(E::Column, Order)>, Problem>
    where
        E::Column: Copy,
    {
        let mut order = Vec::new();
        for part in self.sort.iter().flat_map(|text| text.split(',')) {
            let (name, direction) = part.strip_prefix('-').map_or((part, Order::Asc), |name| (name, Order::Desc));
            let column = sorts.iter().find(|(known, _)| *known == name).ok_or_else(|| {
                let known = sorts.iter().map(|(known, _)| *known).collect::<Vec<_>>().join(", ");
                invalid_parameter("sort", &format!("不能按“{name}”排序，可用：{known}"), &format!("cannot sort by “{name}”; known: {known}"))
            })?;
            order.push((column.1, direction));
        }
        // The newest first unless asked otherwise: ids are UUIDv7. The id also decides between equal rows.
        order.push((E::id_column(), if self.sort.is_some() { Order::Asc } else { Order::Desc }));
        Ok(order)
    }

    /// What a cursor is bound to: path, filters and sort.
    fn bound(&self) -> String {
        let text = format!("{}?{:?}&sort={:?}", self.path, self.filters, self.sort);
        hex::encode(Sha256::digest(text.as_bytes()))
    }

    /// Answers with rows of a statement written by hand, in the one order it has: `fetch` gives at most so many rows after the last one's `key`.
    ///
    /// # Errors
    /// As [`ListRequest::answer`]; 400 where a sort is asked for.
    pub async fn answer_rows<V: Serialize>(
        &self,
        context: &Context,
        columns: &'static [&'static str],
        fetch: impl AsyncFn(Option<&[sea_orm::Value]>, u64) -> Result<Vec<V>, Problem>,
        key: impl Fn(&V) -> Vec<sea_orm::Value>,
    ) -> Result<HttpResponse, Problem> {
        self.refuse_sort()?;
        self.answer_fetched(context, columns, fetch, key).await
    }

    /// Answers with the rows of several scopes that fulfil a condition, where no row lies in two: each scope is read by itself, one after the other, and the page is the first of all their rows.
    ///
    /// # Errors
    /// As [`ListRequest::answer`].
    pub async fn answer_of_all<E, V>(
        &self,
        context: &Context,
        scopes: &[Scope],
        condition: Condition,
        sorts: &[SortColumn<E>],
        columns: &'static [&'static str],
        view: impl Fn(E::Model) -> V + 'static,
    ) -> Result<HttpResponse, Problem>
    where
        E: Scoped,
        E::Column: Copy,
        E::Model: ModelTrait<Entity = E>,
        V: Serialize + 'static,
    {
        if let [only] = scopes {
            let tx = context.db.read(*only).await?;
            let select = tx.select::<E>().filter(condition);
            return self.answer(context, tx, select, sorts, columns, async move |_: &Tx, rows: Vec<E::Model>| Ok(rows.into_iter().map(&view).collect())).await;
        }
        let order = self.order::<E>(sorts)?;
        let fetch = async |after: Option<&[sea_orm::Value]>, limit: u64| {
            let mut rows = Vec::new();
            for scope in scopes {
                let tx = context.db.read(*scope).await?;
                rows.extend(tx.all(keyset(tx.select::<E>().filter(condition.clone()), &order, after).limit(limit)).await?);
            }
            rows.sort_by(|one, other| compare(one, other, &order));
            rows.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
            Ok(rows.into_iter().map(|row| Keyed { key: order.iter().map(|(column, _)| row.get(*column)).collect(), shown: view(row) }).collect())
        };
        self.answer_fetched(context, columns, fetch, |row: &Keyed<V>| row.key.clone()).await
    }

    async fn answer_fetched<V: Serialize>(
        &self,
        context: &Context,
        columns: &'static [&'static str],
        fetch: impl AsyncFn(Option<&[sea_orm::Value]>, u64) -> Result<Vec<V>, Problem>,
        key: impl Fn(&V) -> Vec<sea_orm::Value>,
    ) -> Result<HttpResponse, Problem> {
        let chosen = export::columns(columns, self.columns.as_deref())?;
        if let Some(format) = export::Format::of_accept(&self.accept) {
            let mut pages = Vec::new();
            let mut after: Option<Vec<sea_orm::Value>> = None;
            loop {
                let rows = fetch(after.as_deref(), MOST_LIMIT).await?;
                let full = u64::try_from(rows.len()).is_ok_and(|n| n == MOST_LIMIT);
                after = rows.last().map(&key);
                pages.push(in_json(rows));
                if !full {
                    return export::answer(format, chosen, stream::iter(pages).boxed_local()).await;
                }
            }
        }
        let bound = self.bound();
        let after = self.cursor.as_deref().map(|text| cursor::open(&context.keys, &bound, text)).transpose()?;
        let mut data = fetch(after.as_deref(), self.limit.saturating_add(1)).await?;
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let more = data.len() > limit;
        data.truncate(limit);
        let next_cursor = data.last().filter(|_| more).map(|row| cursor::seal(&context.keys, &bound, key(row))).transpose()?;
        Ok(super::ok(&ListPage { data, next_cursor }))
    }

    /// Answers with rows that are few and in memory already, in the order they have.
    ///
    /// # Errors
    /// As [`ListRequest::answer`]; 400 where a sort is asked for.
    pub async fn answer_whole<V: Serialize>(&self, context: &Context, columns: &'static [&'static str], rows: Vec<V>) -> Result<HttpResponse, Problem> {
        self.refuse_sort()?;
        let chosen = export::columns(columns, self.columns.as_deref())?;
        if let Some(format) = export::Format::of_accept(&self.accept) {
            return export::answer(format, chosen, stream::iter([in_json(rows)]).boxed_local()).await;
        }
        let bound = self.bound();
        let after = self.cursor.as_deref().map(|text| cursor::open(&context.keys, &bound, text)).transpose()?;
        let first = match after.as_deref() {
            Some([sea_orm::Value::BigInt(Some(first)), ..]) => *first,
            _ => 0,
        };
        let end = first.saturating_add(i64::try_from(self.limit).unwrap_or(i64::MAX));
        let more = i64::try_from(rows.len()).is_ok_and(|all| all > end);
        let next_cursor = if more { Some(cursor::seal(&context.keys, &bound, vec![end.into()])?) } else { None };
        let data: Vec<V> = rows.into_iter().skip(usize::try_from(first).unwrap_or(0)).take(usize::try_from(self.limit).unwrap_or(usize::MAX)).collect();
        Ok(super::ok(&ListPage { data, next_cursor }))
    }

    fn refuse_sort(&self) -> Result<(), Problem> {
        if self.sort.is_some() { Err(invalid_parameter("sort", "此列表只有一种顺序", "this list has one order only")) } else { Ok(()) }
    }

    /// Answers with a page, or with all rows as CSV or XLSX.
    ///
    /// # Errors
    /// 400 for a wrong cursor, sort or column; 422 where a sheet cannot hold the rows.
    pub async fn answer<E, V>(
        &self,
        context: &Context,
        tx: Tx,
        select: Select<E>,
        sorts: &[SortColumn<E>],
        columns: &'static [&'static str],
        view: impl AsyncFn(&Tx, Vec<E::Model>) -> Result<Vec<V>, Problem> + 'static,
    ) -> Result<HttpResponse, Problem>
    where
        E: Scoped,
        E::Column: Copy,
        E::Model: ModelTrait<Entity = E>,
        V: Serialize + 'static,
    {
        let order = self.order::<E>(sorts)?;
        let format = export::Format::of_accept(&self.accept);
        let chosen = export::columns(columns, self.columns.as_deref())?;
        if let Some(format) = format {
            let all = AllRows { context: context.clone(), scope: tx.scope(), select, order, view, after: None };
            drop(tx);
            return export::answer(format, chosen, stream::try_unfold(Some(all), AllRows::next).boxed_local()).await;
        }
        let bound = self.bound();
        let after = self.cursor.as_deref().map(|text| cursor::open(&context.keys, &bound, text)).transpose()?;
        let mut rows = tx.all(keyset(select, &order, after.as_deref()).limit(self.limit.saturating_add(1))).await?;
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next_cursor = match rows.last().filter(|_| more) {
            Some(row) => Some(cursor::seal(&context.keys, &bound, order.iter().map(|(column, _)| row.get(*column)).collect())?),
            None => None,
        };
        let data = view(&tx, rows).await?;
        Ok(super::ok(&ListPage { data, next_cursor }))
    }
}

/// All rows of a list that are still to come. Each page is a read of its own: who takes a file slowly keeps no connection from others.
struct AllRows<E: Scoped, F> {
    context: Context,
    scope: Scope,
    select: Select<E>,
    order: Vec<(E::Column, Order)>,
    view: F,
    after: Option<Vec<sea_orm::Value>>,
}

impl<E, F> AllRows<E, F>
where
    E: Scoped,
    E::Column: Copy,
    E::Model: ModelTrait<Entity = E>,
{
    async fn next<V>(rest: Option<Self>) -> Result<Option<(Vec<serde_json::Value>, Option<Self>)>, Problem>
    where
        V: Serialize,
        F: AsyncFn(&Tx, Vec<E::Model>) -> Result<Vec<V>, Problem>,
    {
        let Some(mut rest) = rest else {
            return Ok(None);
        };
        let tx = rest.context.db.read(rest.scope).await?;
        let rows = tx.all(keyset(rest.select.clone(), &rest.order, rest.after.as_deref()).limit(MOST_LIMIT)).await?;
        let full = u64::try_from(rows.len()).is_ok_and(|n| n == MOST_LIMIT);
        rest.after = rows.last().map(|row| rest.order.iter().map(|(column, _)| row.get(*column)).collect());
        let shown = in_json((rest.view)(&tx, rows).await?)?;
        Ok(Some((shown, full.then_some(rest))))
    }
}

/// A row as shown, with what its place in the list is told by.
#[derive(Serialize)]
struct Keyed<V> {
    #[serde(skip)]
    key: Vec<sea_orm::Value>,
    #[serde(flatten)]
    shown: V,
}

/// Which of two rows comes first in this order.
fn compare<M: ModelTrait>(one: &M, other: &M, order: &[(<M::Entity as EntityTrait>::Column, Order)]) -> Ordering
where
    <M::Entity as EntityTrait>::Column: Copy,
{
    let each = order.iter().map(|(column, direction)| {
        let ascending = cursor::compare(one.get(*column), other.get(*column));
        if matches!(direction, Order::Desc) { ascending.reverse() } else { ascending }
    });
    each.fold(Ordering::Equal, Ordering::then)
}

fn in_json<V: Serialize>(rows: Vec<V>) -> Result<Vec<serde_json::Value>, Problem> {
    rows.into_iter().map(|row| serde_json::to_value(row).map_err(Problem::internal)).collect()
}

/// The rows after `after` in this order.
fn keyset<E: Scoped>(select: Select<E>, order: &[(E::Column, Order)], after: Option<&[sea_orm::Value]>) -> Select<E>
where
    E::Column: Copy,
{
    let mut select = select;
    if let Some(values) = after {
        let mut any = Condition::any();
        for (index, (column, direction)) in order.iter().enumerate() {
            let mut all = Condition::all();
            for ((earlier, _), value) in order.iter().zip(values).take(index) {
                all = all.add(Expr::col(earlier.as_column_ref()).eq(value.clone()));
            }
            if let Some(value) = values.get(index) {
                let expression = Expr::col(column.as_column_ref());
                all = all.add(if matches!(direction, Order::Desc) { expression.lt(value.clone()) } else { expression.gt(value.clone()) });
            }
            any = any.add(all);
        }
        select = select.filter(any);
    }
    for (column, direction) in order {
        select = select.order_by(*column, direction.clone());
    }
    select
}
