//! Every write, in the order of refusals: capability held nowhere, id out of reach, missing key or If-Match, the body's faults,
//! capability not held at the row's unit, a stale version; then the use case with its own rules; then commit.

use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::header::IF_MATCH;
use actix_web::{FromRequest, HttpMessage, HttpRequest, HttpResponse, web};
use async_trait::async_trait;
use serde::Serialize;
use tracing_actix_web::RequestId;
use uuid::Uuid;

use super::body::{JSON_MOST_BYTES, RawBody};
use super::idempotency::{self, Answer};
use super::list::invalid_parameter;
use super::{Body, Context, etag};
use crate::kernel::access::{About, Actor, Capability, Scope};
use crate::kernel::act::{Act, Performer};
use crate::kernel::problem::Problem;
use crate::platform::db::{Authorised, References, Scoped, Tx};

/// What a write demands of its headers.
pub struct Rules<M> {
    money: bool,
    version: Option<fn(&M) -> i64>,
}

impl<M> Rules<M> {
    /// No `If-Match`; `Idempotency-Key` is taken, not required.
    #[must_use]
    pub const fn plain() -> Self {
        Self { money: false, version: None }
    }

    /// Moves, approves, signs or changes a row: `If-Match` is required.
    #[must_use]
    pub const fn moves(version: fn(&M) -> i64) -> Self {
        Self { money: false, version: Some(version) }
    }

    /// Moves money: `Idempotency-Key` is required.
    #[must_use]
    pub const fn money(mut self) -> Self {
        self.money = true;
        self
    }
}

/// What a use case gives back to the client.
pub struct Done<R> {
    created_at: Option<String>,
    accepted: bool,
    version: Option<i64>,
    body: R,
    stored: Option<serde_json::Value>,
    no_event: bool,
    ending: Option<Box<dyn Ending>>,
}

/// The last statements of a write, when its answer is kept already: those that lock rows for which everybody waits (budget lines, years, the ledger's head). A refusal here undoes the whole.
#[async_trait]
pub trait Ending: Send {
    /// Runs them; the answer tells what they do.
    ///
    /// # Errors
    /// What stands against it.
    async fn end(self: Box<Self>, tx: &Tx, act: &Act) -> Result<(), Problem>;
}

impl<R: Serialize> Done<R> {
    /// 201 with the path of the new row.
    pub fn created(location: String, version: Option<i64>, body: R) -> Self {
        Self { created_at: Some(location), accepted: false, version, body, stored: None, no_event: false, ending: None }
    }

    /// 202 with the run of long work, and its path.
    pub fn accepted(location: String, body: R) -> Self {
        Self { created_at: Some(location), accepted: true, version: None, body, stored: None, no_event: false, ending: None }
    }

    /// 200 with the row as it is now.
    pub fn changed(version: i64, body: R) -> Self {
        Self { created_at: None, accepted: false, version: Some(version), body, stored: None, no_event: false, ending: None }
    }

    /// 200 with a result that has no version.
    pub fn result(body: R) -> Self {
        Self { created_at: None, accepted: false, version: None, body, stored: None, no_event: false, ending: None }
    }

    /// 200 with an outcome for each item of a bulk: where none succeeded nothing was written, and no audit event either.
    pub fn outcomes(body: R) -> Self {
        Self { no_event: true, ..Self::result(body) }
    }

    /// 200 with what a search found that is a POST since what it looks for must not stand in a URL: nothing is written.
    pub fn found(body: R) -> Self {
        Self { no_event: true, ..Self::result(body) }
    }

    /// It may be so already: then nothing was written, and no audit event either.
    #[must_use]
    pub fn perhaps_so_already(self) -> Self {
        Self { no_event: true, ..self }
    }

    /// Does this last.
    #[must_use]
    pub fn ending(mut self, ending: impl Ending + 'static) -> Self {
        self.ending = Some(Box::new(ending));
        self
    }

    /// Keeps another body for a replay: one without the secret that is shown once.
    #[must_use]
    pub fn replayed_as(mut self, body: serde_json::Value) -> Self {
        self.stored = Some(body);
        self
    }
}

/// What a write came to, before it is committed.
enum Effect {
    /// It is to be kept.
    Done(Answer),
    /// Nothing is to be kept: a replay or a dry run.
    None {
        /// What is told.
        answer: Answer,
        /// Whether it was told before.
        replayed: bool,
    },
}

/// A request that changes something. Its body is read, but not judged, before the handler runs.
pub struct Write {
    context: web::Data<Context>,
    request: HttpRequest,
    body: RawBody,
    dry_run: bool,
    /// `dry_run` was neither `true` nor `false`: nothing is done rather than the other of the two.
    unclear: bool,
    capability: Option<Capability>,
    key: Option<String>,
    if_match: Option<String>,
}

impl FromRequest for Write {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        Self::read(request, payload, JSON_MOST_BYTES)
    }
}

/// A body that was read.
pub(super) struct Parsed<B> {
    /// What the fingerprint of the request is taken over.
    pub content: String,
    /// The fields as they came; none of a file without fields.
    pub fields: Option<RawBody>,
    /// What the use case gets.
    pub body: B,
}

async fn parse_json<B: Body>(raw: RawBody) -> Result<Parsed<B>, Problem> {
    let body = raw.parse::<B>()?;
    Ok(Parsed { content: idempotency::fingerprint(&[raw.bytes()]), fields: Some(raw), body })
}

/// What a body refers to, before the use case takes it.
fn references_of(body: &impl Body) -> References {
    let mut references = References::default();
    body.references(&mut references);
    references
}

/// What a request says of `dry_run`.
fn dry_runs(request: &HttpRequest) -> Vec<String> {
    let pairs: Vec<(String, String)> = serde_urlencoded::from_str(request.query_string()).unwrap_or_default();
    pairs.into_iter().filter(|(name, _)| name == "dry_run").map(|(_, value)| value).collect()
}

/// Ok where no dry run is asked for: what has none must not be done for real instead.
///
/// # Errors
/// 400 `invalid_parameter`.
pub fn refuse_dry_run(request: &HttpRequest) -> Result<(), Problem> {
    if dry_runs(request).iter().all(|asked| asked == "false") { Ok(()) } else { Err(invalid_parameter("dry_run", "登录类操作没有试运行", "operations of logins have no dry run")) }
}

/// The id of a request, made by the logging middleware.
#[must_use]
pub fn request_id(request: &HttpRequest) -> String {
    request.extensions().get::<RequestId>().map(ToString::to_string).unwrap_or_default()
}

impl Write {
    /// Reads a request whose body has at most `most` bytes.
    pub(super) fn read(request: &HttpRequest, payload: &mut Payload, most: usize) -> <Self as FromRequest>::Future {
        let request = request.clone();
        let payload = web::Payload::from_request(&request, payload);
        Box::pin(async move {
            let context = request.app_data::<web::Data<Context>>().cloned().ok_or_else(|| Problem::internal("no context"))?;
            let payload = payload.await.map_err(Problem::internal)?;
            let body = RawBody::read(&request, payload, most).await?;
            let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
            let (key, if_match) = (header("idempotency-key"), header(IF_MATCH.as_str()));
            let asked = dry_runs(&request);
            let asked: Vec<&str> = asked.iter().map(String::as_str).collect();
            let (dry_run, unclear) = (asked == ["true"], !matches!(asked.as_slice(), [] | ["true" | "false"]));
            Ok(Self { context, request, body, dry_run, unclear, capability: None, key, if_match })
        })
    }

    /// The context of the server.
    #[must_use]
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// Whether nothing of it is kept.
    #[must_use]
    pub const fn is_dry_run(&self) -> bool {
        self.dry_run
    }

    /// The act of this request.
    #[must_use]
    pub fn act(&self, actor: &Actor) -> Act {
        Act { capability: self.capability, ..self.context.act(Performer::Person(actor.clone()), request_id(&self.request), self.context.client_text(&self.request)) }
    }

    /// Makes a new row. The use case asks for the capability at the unit that the body names.
    ///
    /// # Errors
    /// Every refusal, in the order of refusals.
    pub async fn create<B: Body, R: Serialize>(
        self,
        actor: &Actor,
        capability: Capability,
        rules: Rules<()>,
        work: impl AsyncFnOnce(&Tx, &Act, B) -> Result<Done<R>, Problem>,
    ) -> Result<HttpResponse, Problem> {
        self.create_parsed(actor, capability, rules, parse_json, async |tx, act, body: B| {
            let references = references_of(&body);
            references.told_at_once(tx, work(tx, act, body).await).await
        })
        .await
    }

    /// As [`Write::create`], with what reads the body: it gives the content that the fingerprint is taken over.
    pub(super) async fn create_parsed<B, R: Serialize>(
        mut self,
        actor: &Actor,
        capability: Capability,
        rules: Rules<()>,
        parse: impl AsyncFnOnce(RawBody) -> Result<Parsed<B>, Problem>,
        work: impl AsyncFnOnce(&Tx, &Act, B) -> Result<Done<R>, Problem>,
    ) -> Result<HttpResponse, Problem> {
        let raw = std::mem::take(&mut self.body);
        self.capability = Some(capability);
        let result = async {
            actor.require_anywhere(capability)?;
            self.require_headers(rules.money, false)?;
            let Parsed { content, fields, body } = parse(raw).await?;
            let tx = self.context.write(self.scope_of_new(actor, capability, fields).await?).await?;
            self.finish(tx, actor, &content, async |tx, act| work(tx, act, body).await).await
        }
        .await;
        self.keep_refusal(actor, None, result).await
    }

    /// Acts on a row, which is found in the scope and authorised before the use case sees it.
    ///
    /// # Errors
    /// Every refusal, in the order of refusals.
    pub async fn on<E: Scoped, B: Body, R: Serialize>(
        self,
        actor: &Actor,
        capability: Capability,
        id: &str,
        rules: Rules<E::Model>,
        work: impl AsyncFnOnce(&Tx, &Act, Authorised<E::Model>, B) -> Result<Done<R>, Problem>,
    ) -> Result<HttpResponse, Problem>
    where
        E::Model: Sync,
    {
        self.on_parsed::<E, B, R>(actor, (capability, id), rules, parse_json, async |tx, act, row, body: B| {
            let references = references_of(&body);
            references.told_at_once(tx, work(tx, act, row, body).await).await
        })
        .await
    }

    /// As [`Write::on`], with what reads the body: it gives the content that the fingerprint is taken over.
    pub(super) async fn on_parsed<E: Scoped, B, R: Serialize>(
        mut self,
        actor: &Actor,
        (capability, id): (Capability, &str),
        rules: Rules<E::Model>,
        parse: impl AsyncFnOnce(RawBody) -> Result<Parsed<B>, Problem>,
        work: impl AsyncFnOnce(&Tx, &Act, Authorised<E::Model>, B) -> Result<Done<R>, Problem>,
    ) -> Result<HttpResponse, Problem>
    where
        E::Model: Sync,
    {
        let raw = std::mem::take(&mut self.body);
        self.capability = Some(capability);
        let result = async {
            actor.require_anywhere(capability)?;
            // Read before the transaction, which holds locks, begins; what is wrong in it is told in its turn.
            let parsed = parse(raw).await;
            let tx = self.context.write(actor.scope_for(capability)?).await?;
            let id = Uuid::parse_str(id).map_err(|_bad| Problem::not_found())?;
            let row = if rules.version.is_some() { tx.load_locked::<E>(id).await? } else { tx.load::<E>(id).await? };
            self.require_headers(rules.money, rules.version.is_some())?;
            let Parsed { content, body, .. } = parsed?;
            let row = row.authorise(actor, capability)?;
            self.finish(tx, actor, &content, async |tx, act| {
                if let Some(version) = rules.version {
                    self.require_version(version(&row))?;
                }
                work(tx, act, row, body).await
            })
            .await
        }
        .await;
        self.keep_refusal(actor, Some(id.to_owned()), result).await
    }

    /// Runs work whose effects are transactions of their own (slots of jobs): it gets no transaction, and must itself be safe to run twice.
    /// The answer of a success is kept under the key afterwards, which is required where it may move money. The last argument tells whether this is a dry run.
    ///
    /// # Errors
    /// Every refusal, in the order of refusals.
    pub async fn long<B: Body, R: Serialize>(
        mut self,
        actor: &Actor,
        (capability, money): (Capability, bool),
        work: impl AsyncFnOnce(&Act, B, bool) -> Result<R, Problem>,
    ) -> Result<HttpResponse, Problem> {
        let raw = std::mem::take(&mut self.body);
        self.capability = Some(capability);
        let result = async {
            actor.require_anywhere(capability)?;
            self.require_headers(money, false)?;
            let Parsed { content, body, .. } = parse_json::<B>(raw).await?;
            let act = self.act(actor);
            let fingerprint = self.fingerprint(&content);
            let key = self.key.as_deref().filter(|_| !self.dry_run);
            if let Some(key) = key {
                let tx = self.context.write(actor.scope_for(capability)?).await?;
                if let Some(answer) = idempotency::find(&tx, actor.user_id, key, &fingerprint, act.at).await? {
                    return Ok(answer.response(true));
                }
            }
            let done = work(&act, body, self.dry_run).await?;
            let answer = Answer { status: 200, location: None, etag: None, body: serde_json::to_value(&done).map_err(Problem::internal)? };
            if let Some(key) = key {
                let tx = self.context.write(actor.scope_for(capability)?).await?;
                // Who came first with the same key has kept the answer; the work was safe to run twice.
                if idempotency::find(&tx, actor.user_id, key, &fingerprint, act.at).await?.is_none() {
                    idempotency::store(&tx, actor.user_id, key, fingerprint, act.at, &answer).await?;
                    tx.commit().await?;
                }
            }
            Ok(answer.response(false))
        }
        .await;
        self.keep_refusal(actor, None, result).await
    }

    fn fingerprint(&self, content: &str) -> String {
        idempotency::fingerprint(&[self.request.method().as_str().as_bytes(), self.request.uri().to_string().as_bytes(), self.if_match.as_deref().unwrap_or_default().as_bytes(), content.as_bytes()])
    }

    /// Changes fields of a row by JSON Merge Patch (RFC 7396): what the client sends is merged into the fields as they are, and the whole is judged as a body.
    /// `Merge` has exactly the fields that may be changed; a null takes an optional one away.
    ///
    /// # Errors
    /// Every refusal, in the order of refusals.
    pub async fn patch<E: Scoped, Merge, R>(
        mut self,
        actor: &Actor,
        capability: Capability,
        id: &str,
        version: fn(&E::Model) -> i64,
        work: impl AsyncFnOnce(&Tx, &Act, Authorised<E::Model>, Merge) -> Result<Done<R>, Problem>,
    ) -> Result<HttpResponse, Problem>
    where
        E::Model: Sync,
        Merge: Body + Serialize + for<'row> From<&'row E::Model>,
        R: Serialize,
    {
        let raw = std::mem::take(&mut self.body);
        self.capability = Some(capability);
        let result = async {
            actor.require_anywhere(capability)?;
            let tx = self.context.write(actor.scope_for(capability)?).await?;
            let row = tx.load_locked::<E>(Uuid::parse_str(id).map_err(|_bad| Problem::not_found())?).await?;
            self.require_headers(false, true)?;
            let content = idempotency::fingerprint(&[raw.bytes()]);
            let body = raw.parse_merged(&Merge::from(row.peek()))?;
            let row = row.authorise(actor, capability)?;
            self.finish(tx, actor, &content, async |tx, act| {
                self.require_version(version(&row))?;
                let references = references_of(&body);
                references.told_at_once(tx, work(tx, act, row, body).await).await
            })
            .await
        }
        .await;
        self.keep_refusal(actor, Some(id.to_owned()), result).await
    }

    /// Where a new row is made: of who acts in several units, the body names one, unless the address does.
    async fn scope_of_new(&self, actor: &Actor, capability: Capability, fields: Option<RawBody>) -> Result<Scope, Problem> {
        let unclear = match actor.scope_for(capability) {
            Ok(scope) => return Ok(scope),
            Err(unclear) => unclear,
        };
        let Some(fields) = fields.filter(|_| actor.about == About::Unsaid) else {
            return Err(unclear.into());
        };
        let fields: serde_json::Value = serde_json::from_slice(fields.bytes()).unwrap_or_default();
        let about = self.context.whereabouts.of_body(&self.context.db, actor, &fields).await?;
        Actor { about, ..actor.clone() }.scope_for(capability).map_err(|unclear| unclear.in_body())
    }

    fn require_headers(&self, money: bool, version: bool) -> Result<(), Problem> {
        if self.unclear {
            return Err(invalid_parameter("dry_run", "须为 true 或 false", "must be true or false"));
        }
        match &self.key {
            None if money => {
                return Err(Problem::new(400, "idempotency_key_required", "缺少 Idempotency-Key", "Idempotency-Key is missing").detail(
                    "涉及资金的请求必须带 Idempotency-Key 头（每个新请求一个新值），以防重复办理。",
                    "Requests that move money need an Idempotency-Key header, a new value for each new request, so that none acts twice.",
                ));
            }
            Some(key) if key.is_empty() || key.len() > 255 => {
                return Err(Problem::new(400, "idempotency_key_required", "Idempotency-Key 不合规", "Idempotency-Key is not usable")
                    .detail("Idempotency-Key 须为 1 至 255 个字符。", "An Idempotency-Key has 1 to 255 characters."));
            }
            _ => {}
        }
        if version && self.if_match.is_none() {
            return Err(Problem::new(428, "precondition_required", "缺少 If-Match", "If-Match is missing").detail(
                "请先读取该记录，并把其 ETag 放在 If-Match 头中，以免办理他人已修改的内容。",
                "Read the record first and send its ETag as If-Match, so that nothing that changed since is acted on.",
            ));
        }
        Ok(())
    }

    fn require_version(&self, version: i64) -> Result<(), Problem> {
        let now = etag(version);
        if self.if_match.as_deref().is_some_and(|given| given.split(',').any(|tag| tag.trim() == now)) {
            return Ok(());
        }
        Err(Problem::new(412, "precondition_failed", "记录已被修改", "The record has changed")
            .detail(format!("该记录当前版本为 {now}，与 If-Match 不符。请重新读取、核对后再办理。"), format!("The record is now at {now}, not what If-Match says. Read it again, check it, then act.")))
    }

    /// Replays a stored answer or runs the use case, keeps its answer, and commits; a dry run rolls back, and so does a refusal, before it is told: its key is free again by then.
    async fn finish<R: Serialize>(&self, tx: Tx, actor: &Actor, content: &str, work: impl AsyncFnOnce(&Tx, &Act) -> Result<Done<R>, Problem>) -> Result<HttpResponse, Problem> {
        match self.effect(&tx, actor, content, work).await {
            Ok(Effect::Done(answer)) => {
                tx.commit().await?;
                Ok(answer.response(false))
            }
            Ok(Effect::None { answer, replayed }) => {
                tx.rollback().await?;
                Ok(answer.response(replayed))
            }
            Err(problem) => {
                if let Err(failed) = tx.rollback().await {
                    tracing::warn!(%failed, "a refused write was not rolled back by itself");
                }
                Err(problem)
            }
        }
    }

    async fn effect<R: Serialize>(&self, tx: &Tx, actor: &Actor, content: &str, work: impl AsyncFnOnce(&Tx, &Act) -> Result<Done<R>, Problem>) -> Result<Effect, Problem> {
        let act = self.act(actor);
        let fingerprint = self.fingerprint(content);
        let key = self.key.as_deref().filter(|_| !self.dry_run);
        if let Some(key) = key
            && let Some(answer) = idempotency::find(tx, actor.user_id, key, &fingerprint, act.at).await?
        {
            return Ok(Effect::None { answer, replayed: true });
        }
        let done = work(tx, &act).await?;
        if act.trail.is_empty() && !done.no_event {
            return Err(Problem::internal("a write that leaves no audit event is not committed: call audit::record in its transaction"));
        }
        let answer = Answer {
            status: match &done.created_at {
                Some(_) if !self.dry_run => {
                    if done.accepted {
                        202
                    } else {
                        201
                    }
                }
                _ => 200,
            },
            // Of a row that never was there is neither a path nor a version to go on with.
            location: done.created_at.clone().filter(|_| !self.dry_run),
            etag: done.version.filter(|_| !self.dry_run || done.created_at.is_none()).map(etag),
            // A dry run keeps no audit event, so it shows no more than a replay would.
            body: match &done.stored {
                Some(stored) if self.dry_run => stored.clone(),
                _ => serde_json::to_value(&done.body).map_err(Problem::internal)?,
            },
        };
        if let Some(key) = key {
            let kept = Answer { body: done.stored.unwrap_or_else(|| answer.body.clone()), location: answer.location.clone(), etag: answer.etag.clone(), status: answer.status };
            idempotency::store(tx, actor.user_id, key, fingerprint, act.at, &kept).await?;
        }
        if let Some(ending) = done.ending {
            ending.end(tx, &act).await?;
        }
        Ok(if self.dry_run { Effect::None { answer, replayed: false } } else { Effect::Done(answer) })
    }

    /// Of a refused write only the attempt is kept: a 403, a 404 on the path's id, and what the refusal itself asks to be kept.
    async fn keep_refusal(&self, actor: &Actor, id: Option<String>, result: Result<HttpResponse, Problem>) -> Result<HttpResponse, Problem> {
        if let Err(problem) = &result
            && (problem.status == 403 || (problem.status == 404 && id.is_some()))
        {
            let operation = format!("{} {}", self.request.method(), self.request.match_pattern().unwrap_or_else(|| self.request.path().to_owned()));
            self.context.attempts.access_refused(actor, &operation, id, problem.code).await;
        }
        if let Err(problem) = &result
            && let Some(attempt) = &problem.kept
        {
            self.context.attempts.refused(&self.act(actor), attempt, problem.code).await;
        }
        result
    }
}
