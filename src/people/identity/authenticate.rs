//! Whose token it is, as of now: a closed account, an ended login or a lost role counts on the next request.

use std::collections::HashMap;
use std::sync::{Arc, RwLock};

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use sea_orm::FromQueryResult;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::capabilities::of_role;
use super::refusals::invalid_token;
use crate::kernel::access::{About, Actor, Assignment, Place, Role, Scope};
use crate::kernel::clock::Clocks;
use crate::kernel::crypto::KeyRing;
use crate::kernel::ids::new_id;
use crate::kernel::problem::Problem;
use crate::platform::db::{Db, Sql};
use crate::platform::http::Authenticate;

const ISSUER: &str = "mingzhang";
const AUDIENCE: &str = "mingzhang-api";
/// An access token is good for 15 minutes.
pub const ACCESS_SECONDS: i64 = 15 * 60;

/// The claims of an access token (RFC 7519 section 4.1).
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    /// The user.
    sub: Uuid,
    /// The login.
    sid: Uuid,
    iat: i64,
    exp: i64,
    jti: Uuid,
}

/// A new access token for a login.
pub(super) fn access_token(keys: &KeyRing, clocks: &Clocks, user: Uuid, session: Uuid) -> Result<String, Problem> {
    let now = clocks.wall();
    let claims = Claims { iss: ISSUER.to_owned(), aud: AUDIENCE.to_owned(), sub: user, sid: session, iat: now.timestamp(), exp: (now + TimeDelta::seconds(ACCESS_SECONDS)).timestamp(), jti: new_id() };
    keys.sign_token(&claims).map_err(Problem::internal)
}

/// Answers who a token belongs to.
#[derive(Clone)]
pub struct Authenticator {
    db: Db,
    clocks: Clocks,
    keys: Arc<KeyRing>,
    verified: Arc<RwLock<HashMap<String, Claims>>>,
    /// By login. Nothing of it is relied on before the database has said that the account's standing is what it was.
    remembered: Arc<RwLock<HashMap<Uuid, Arc<Known>>>>,
}

/// Who a login belongs to, as it was read.
struct Known {
    actor: Actor,
    standing: i64,
    /// Roles are held from a day to a day.
    today: NaiveDate,
    expires_at: DateTime<Utc>,
}

#[derive(FromQueryResult)]
struct Standing {
    standing: Option<i64>,
}

/// The standing of an account (`$1`); PostgreSQL sets the scope (`$2` to `$5`) before it looks, so that one out of its own scope has none. The first statement of a request whose login is remembered.
pub const STANDING: Sql = Sql {
    postgres: "SELECT CASE WHEN set_config('mingzhang.scope', $2, false) IS NOT NULL AND set_config('mingzhang.district', $3, false) IS NOT NULL \
        AND set_config('mingzhang.street', $4, false) IS NOT NULL AND set_config('mingzhang.community', $5, false) IS NOT NULL \
        THEN (SELECT u.standing FROM users u WHERE u.id = $1) END AS standing",
    sqlite: "SELECT standing FROM users WHERE id = $1",
};

/// The account behind a login and the roles it holds today; on PostgreSQL with the scope that was set for it.
#[derive(FromQueryResult)]
struct Account {
    standing: i64,
    expires_at: DateTime<Utc>,
    username: String,
    person_key: Option<String>,
    must_change_password: bool,
    district_id: Uuid,
    street_id: Option<Uuid>,
    community_id: Option<Uuid>,
    assignments: Option<String>,
    scope_district: Option<Uuid>,
    scope_street: Option<Uuid>,
    scope_community: Option<Uuid>,
}

#[derive(Deserialize)]
struct Held {
    id: Uuid,
    role: String,
    acting_for: Option<Uuid>,
    district_id: Uuid,
    street_id: Option<Uuid>,
    community_id: Option<Uuid>,
    name: String,
}

/// `$1` the login, `$2` the user, `$3` the real time, `$4` the business date.
const ENTER: Sql = Sql {
    postgres: "SELECT * FROM mz_enter($1, $2, $3, $4)",
    sqlite: "SELECT u.standing, s.expires_at, u.username, u.person_key, u.must_change_password, u.district_id, u.street_id, u.community_id, \
        (SELECT json_group_array(json_object('id', hex(a.id), 'role', a.role, 'acting_for', NULLIF(hex(a.acting_for), ''), 'district_id', hex(a.district_id), 'street_id', NULLIF(hex(a.street_id), ''), \
         'community_id', NULLIF(hex(a.community_id), ''), 'name', o.name)) FROM role_assignments a JOIN org_units o ON o.id = COALESCE(a.community_id, a.street_id, a.district_id) \
         WHERE a.user_id = u.id AND a.from_date <= $4 AND (a.to_date IS NULL OR a.to_date >= $4) AND a.ended_at IS NULL AND (NOT a.needs_confirmation OR a.confirmed_by IS NOT NULL)) AS assignments, \
        NULL AS scope_district, NULL AS scope_street, NULL AS scope_community \
        FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.id = $1 AND u.id = $2 AND s.ended_at IS NULL AND s.expires_at > $3 AND u.disabled_at IS NULL",
};

/// So many tokens and logins are remembered.
const REMEMBERED: usize = 10_000;

impl Authenticator {
    /// Reads accounts and roles from this database.
    #[must_use]
    pub fn new(db: Db, clocks: Clocks, keys: Arc<KeyRing>) -> Self {
        Self { db, clocks, keys, verified: Arc::default(), remembered: Arc::default() }
    }

    /// The claims of a good token. Its signature is verified once; that it has not run out, each time.
    fn claims(&self, token: &str) -> Option<Claims> {
        let now = self.clocks.wall().timestamp();
        if let Some(known) = self.verified.read().ok().and_then(|verified| verified.get(token).cloned()) {
            return Some(known).filter(|claims| claims.exp > now);
        }
        let claims = self.keys.verify_token::<Claims>(token, ISSUER, AUDIENCE).ok()?;
        if let Ok(mut verified) = self.verified.write() {
            if verified.len() >= REMEMBERED {
                verified.clear();
            }
            verified.insert(token.to_owned(), claims.clone());
        }
        Some(claims)
    }

    /// What was read of a login on this business date, where the login has not run out.
    fn known(&self, claims: &Claims, now: DateTime<Utc>, today: NaiveDate) -> Option<Arc<Known>> {
        let known = self.remembered.read().ok()?.get(&claims.sid).cloned()?;
        (known.actor.user_id == claims.sub && known.today == today && known.expires_at > now).then_some(known)
    }

    fn remember(&self, login: Uuid, known: Known) {
        if let Ok(mut remembered) = self.remembered.write() {
            if remembered.len() >= REMEMBERED {
                remembered.clear();
            }
            remembered.insert(login, Arc::new(known));
        }
    }
}

/// Who acts, of what the database told.
fn actor_of(claims: &Claims, account: Account) -> Result<Actor, Problem> {
    let mut held: Vec<Held> = account.assignments.as_deref().map(serde_json::from_str).transpose().map_err(Problem::internal)?.unwrap_or_default();
    held.sort_unstable_by_key(|held| held.id);
    Ok(Actor {
        user_id: claims.sub,
        username: account.username,
        person_key: account.person_key,
        session_id: claims.sid,
        must_change_password: account.must_change_password,
        home: Place { district: account.district_id, street: account.street_id, community: account.community_id },
        assignments: held.into_iter().filter_map(assignment).collect(),
        about: About::Unsaid,
    })
}

fn assignment(held: Held) -> Option<Assignment> {
    let role = Role::of_code(&held.role)?;
    Some(Assignment {
        role,
        place: Place { district: held.district_id, street: held.street_id, community: held.community_id },
        unit_name: held.name,
        acting_for: held.acting_for,
        capabilities: of_role(role),
    })
}

#[async_trait]
impl Authenticate for Authenticator {
    async fn actor(&self, token: &str) -> Result<Actor, Problem> {
        let claims = self.claims(token).ok_or_else(invalid_token)?;
        let (now, today) = (self.clocks.wall(), self.clocks.business_today());
        let values = vec![claims.sid.into(), claims.sub.into(), now.into(), today.into()];
        let (account, entered) = match self.known(&claims, now, today) {
            None => self.db.enter::<Account>(ENTER, values).await?,
            Some(known) => {
                let (found, entered) = self.db.enter_again::<Standing>(STANDING, claims.sub, known.actor.scope()).await?;
                if found.is_some_and(|found| found.standing == Some(known.standing)) {
                    entered.carry(known.actor.scope());
                    return Ok(known.actor.clone());
                }
                (entered.ask::<Account>(ENTER, values).await?, entered)
            }
        };
        let account = account.ok_or_else(invalid_token)?;
        let (standing, expires_at) = (account.standing, account.expires_at);
        let set = account.scope_district.map(|district| Scope::of_place(Place { district, street: account.scope_street, community: account.scope_community }));
        let actor = actor_of(&claims, account)?;
        if !self.db.is_postgres() || set == Some(actor.scope()) {
            entered.carry(actor.scope());
        }
        self.remember(claims.sid, Known { actor: actor.clone(), standing, today, expires_at });
        Ok(actor)
    }

    fn account(&self, token: &str) -> Option<Uuid> {
        self.claims(token).map(|claims| claims.sub)
    }
}
