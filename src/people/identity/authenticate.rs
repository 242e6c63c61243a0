//! Whose token it is, as of now: a closed account, an ended login or a lost role counts on the next request.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::TimeDelta;
use sea_orm::FromQueryResult;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::capabilities::of_role;
use super::refusals::invalid_token;
use crate::kernel::access::{Actor, Assignment, Place, Role};
use crate::kernel::clock::Clocks;
use crate::kernel::crypto::KeyRing;
use crate::kernel::ids::new_id;
use crate::kernel::problem::Problem;
use crate::platform::db::{Db, Reason, Sql, Tx};
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
}

#[derive(FromQueryResult)]
struct Account {
    username: String,
    person_key: Option<String>,
    must_change_password: bool,
    district_id: Uuid,
    street_id: Option<Uuid>,
    community_id: Option<Uuid>,
}

#[derive(FromQueryResult)]
struct Held {
    role: String,
    acting_for: Option<Uuid>,
    district_id: Uuid,
    street_id: Option<Uuid>,
    community_id: Option<Uuid>,
    name: String,
}

impl Authenticator {
    /// Reads accounts and roles from this database.
    #[must_use]
    pub const fn new(db: Db, clocks: Clocks, keys: Arc<KeyRing>) -> Self {
        Self { db, clocks, keys }
    }

    async fn read(&self, tx: &Tx, user_id: Uuid, session_id: Uuid) -> Result<Actor, Problem> {
        let account = Sql::both(
            "SELECT u.username, u.person_key, u.must_change_password, u.district_id, u.street_id, u.community_id FROM sessions s JOIN users u ON u.id = s.user_id \
             WHERE s.id = $1 AND u.id = $2 AND s.ended_at IS NULL AND s.expires_at > $3 AND u.disabled_at IS NULL",
        );
        let account = tx.query_one::<Account>(account, vec![session_id.into(), user_id.into(), self.clocks.wall().into()]).await?.ok_or_else(invalid_token)?;
        let held = Sql::both(
            "SELECT a.role, a.acting_for, a.district_id, a.street_id, a.community_id, o.name FROM role_assignments a JOIN org_units o ON o.id = COALESCE(a.community_id, a.street_id, a.district_id) \
             WHERE a.user_id = $1 AND a.from_date <= $2 AND (a.to_date IS NULL OR a.to_date >= $2) AND a.ended_at IS NULL AND (NOT a.needs_confirmation OR a.confirmed_by IS NOT NULL) ORDER BY a.id",
        );
        let held = tx.query::<Held>(held, vec![user_id.into(), self.clocks.business_today().into()]).await?;
        Ok(Actor {
            user_id,
            username: account.username,
            person_key: account.person_key,
            session_id,
            must_change_password: account.must_change_password,
            home: Place { district: account.district_id, street: account.street_id, community: account.community_id },
            assignments: held.into_iter().filter_map(assignment).collect(),
        })
    }
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
        let claims = self.keys.verify_token::<Claims>(token, ISSUER, AUDIENCE).map_err(|_not_good| invalid_token())?;
        let tx = self.db.read_as_system(Reason::Authenticate).await?;
        self.read(&tx, claims.sub, claims.sid).await
    }

    fn account(&self, token: &str) -> Option<Uuid> {
        self.keys.verify_token::<Claims>(token, ISSUER, AUDIENCE).ok().map(|claims| claims.sub)
    }
}
