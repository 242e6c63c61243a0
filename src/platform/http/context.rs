//! What every handler is given: the database, the clocks, the keys, and the two things that floors above must answer.

use std::net::IpAddr;
use std::sync::Arc;

use actix_web::HttpRequest;
use async_trait::async_trait;
use object_store::ObjectStore;
use uuid::Uuid;

use super::cors::Origins;
use super::exported::Export;
use super::limits::{RateGate, RateLimits};
use super::proxies::TrustedProxies;
use super::whereabouts::Whereabouts;
use crate::kernel::access::{Actor, Capability, Place, Role, Scope};
use crate::kernel::act::{Act, Performer, Trail};
use crate::kernel::calendar::SharedCalendar;
use crate::kernel::clock::Clocks;
use crate::kernel::crypto::KeyRing;
use crate::kernel::problem::{KeptAttempt, Problem};
use crate::platform::db::{Db, Tx};

/// Tells whose token this is. Implemented by `people::identity`.
#[async_trait]
pub trait Authenticate: Send + Sync {
    /// The actor behind an access token, as of now: a lost account or role counts at once.
    ///
    /// # Errors
    /// 401 for every token that is not good.
    async fn actor(&self, token: &str) -> Result<Actor, Problem>;

    /// Whose token it is by its signature alone, without asking whether the account is still open: to count requests.
    fn account(&self, token: &str) -> Option<Uuid>;
}

/// Keeps what no use case tells: attempts that were refused, files that were given. Implemented by `platform::audit`.
#[async_trait]
pub trait AttemptLog: Send + Sync {
    /// Keeps who tried which operation on which id, at most once per person, operation and minute.
    async fn access_refused(&self, actor: &Actor, operation: &str, id: Option<String>, code: &'static str);

    /// Keeps that a file was given.
    ///
    /// # Errors
    /// 500 where it cannot be kept: then the file is not given.
    async fn exported(&self, actor: &Actor, export: Export) -> Result<(), Problem>;
    /// Keeps a refused attempt that its refusal asks to be kept, each one.
    async fn refused(&self, act: &Act, attempt: &KeptAttempt, code: &'static str);
}

/// A person who holds a capability at a unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The user.
    pub user_id: Uuid,
    /// The person, as [`Actor::person`] tells it.
    pub person: String,
    /// The role that gives the capability.
    pub role: Role,
}

/// Tells who holds a capability at a unit. Implemented by `people::identity`.
#[async_trait]
pub trait Recipients: Send + Sync {
    /// Everybody who holds it there or above, today, with an open account; a person with two such roles stands twice.
    ///
    /// # Errors
    /// 500 where the database fails.
    async fn holders(&self, capability: Capability, place: &Place) -> Result<Vec<Holder>, Problem> {
        Ok(self.holders_of(&[capability], place).await?.pop().unwrap_or_default())
    }

    /// As [`Recipients::holders`], for several capabilities, in their order, by one look.
    ///
    /// # Errors
    /// 500 where the database fails.
    async fn holders_of(&self, capabilities: &[Capability], place: &Place) -> Result<Vec<Vec<Holder>>, Problem>;
}

/// What every handler is given.
#[derive(Clone)]
pub struct Context {
    /// The database.
    pub db: Db,
    /// The wall clock and the business clock.
    pub clocks: Clocks,
    /// The keys.
    pub keys: Arc<KeyRing>,
    /// The working days.
    pub calendar: SharedCalendar,
    /// Who a token belongs to.
    pub authenticator: Arc<dyn Authenticate>,
    /// Where refused attempts are kept.
    pub attempts: Arc<dyn AttemptLog>,
    /// Who holds a capability at a unit.
    pub recipients: Arc<dyn Recipients>,
    /// Where the rows are found that requests name.
    pub whereabouts: Arc<Whereabouts>,
    /// Where files are kept.
    pub objects: Arc<dyn ObjectStore>,
    /// How often one may ask.
    pub rates: Arc<RateGate>,
    /// Which other sites' pages may ask.
    pub origins: Origins,
    /// Which proxies are believed about whom they pass on.
    pub proxies: TrustedProxies,
}

impl Context {
    /// The same with these limits on requests; without it there are none.
    #[must_use]
    pub fn with_rate_limits(mut self, limits: RateLimits) -> Self {
        self.rates = Arc::new(RateGate::new(limits));
        self
    }

    /// The same, which pages of these other sites may ask; without it none may.
    #[must_use]
    pub fn with_origins(mut self, origins: Origins) -> Self {
        self.origins = origins;
        self
    }

    /// The same behind these proxies; without it every peer is the client.
    #[must_use]
    pub fn with_trusted_proxies(mut self, proxies: TrustedProxies) -> Self {
        self.proxies = proxies;
        self
    }

    /// The network address that a request comes from: what delays of logins, limits and the audit trail go by.
    #[must_use]
    pub fn client(&self, request: &HttpRequest) -> Option<IpAddr> {
        Some(self.proxies.client(request.peer_addr()?.ip(), request.headers()))
    }

    /// As [`Context::client`], as it is written down.
    #[must_use]
    pub fn client_text(&self, request: &HttpRequest) -> Option<String> {
        self.client(request).map(|address| address.to_string())
    }

    /// A transaction that reads what the actor may see by a capability.
    ///
    /// # Errors
    /// 400 `invalid_parameter` where who acts in several units does not say which is meant; 500 where the database fails.
    pub async fn read(&self, actor: &Actor, capability: Capability) -> Result<Tx, Problem> {
        self.db.read(actor.scope_for(capability)?).await
    }

    /// A transaction that writes where the actor may act.
    ///
    /// # Errors
    /// 500 where the database fails.
    pub async fn write(&self, scope: Scope) -> Result<Tx, Problem> {
        self.db.write(scope).await
    }

    /// One act, with both clocks read once. A job counts by what the program knows of working days, unless it says for which district it acts.
    #[must_use]
    pub fn act(&self, by: Performer, request_id: String, address: Option<String>) -> Act {
        let district = match &by {
            Performer::Person(actor) => Some(actor.home.district),
            Performer::Job { .. } => None,
        };
        Act {
            by,
            at: self.clocks.wall(),
            business_now: self.clocks.business_now(),
            today: self.clocks.business_today(),
            request_id,
            address,
            keys: Arc::clone(&self.keys),
            calendar: self.calendar.of(district),
            trail: Trail::default(),
            capability: None,
        }
    }
}
