//! A district to measure on: streets with their people, an open year, approved lines, money received, and beneficiaries under a monthly scheme.

use std::path::PathBuf;
use std::sync::Arc;

use chrono::{NaiveDate, TimeDelta};
use migration::{Migrator, MigratorTrait};
use sea_orm::{Database, FromQueryResult, Value};
use uuid::Uuid;

use super::postgres::{Cluster, execute};
use crate::app;
use crate::funds::ledger::model::first_previous;
use crate::funds::ledger::years::{self, Sums};
use crate::funds::ledger::{Account, Entry, Posting, VoucherKind, post};
use crate::kernel::access::{Place, Scope};
use crate::kernel::act::{Act, Performer};
use crate::kernel::clock::Clocks;
use crate::kernel::crypto::KeyRing;
use crate::kernel::ids::new_id;
use crate::kernel::money::Fen;
use crate::kernel::problem::Problem;
use crate::platform::db::{Db, DbSettings, Reason, Tx};
use crate::platform::http::Context;

/// What each person of the scheme gets a month.
pub const RATE: Fen = Fen(20_000);
/// What the year has received in each street, and what each line may spend.
const MEANS: Fen = Fen(1_000_000_000_000);
const OF_A_LINE: Fen = Fen(100_000_000_000);

/// Where databases are made.
pub enum Base {
    /// Files in a folder.
    Sqlite(PathBuf),
    /// Databases of a throw-away cluster.
    Postgres(Cluster),
}

impl Base {
    /// The name in the table of results.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "SQLite",
            Self::Postgres(_) => "PostgreSQL",
        }
    }

    /// The address of a database.
    pub fn url(&self, name: &str) -> String {
        match self {
            Self::Sqlite(folder) => format!("sqlite://{}?mode=rwc", folder.join(format!("{name}.db")).display()),
            Self::Postgres(cluster) => cluster.url("mingzhang_app", name),
        }
    }

    /// A new, migrated database.
    async fn make(&self, name: &str) -> Result<(), Problem> {
        match self {
            Self::Sqlite(_) => {
                let owner = Database::connect(self.url(name)).await?;
                Migrator::up(&owner, None).await?;
                Ok(owner.close().await?)
            }
            Self::Postgres(cluster) => cluster.new_database(name, None).await.map(|_url| ()),
        }
    }

    /// The same database once more; nobody is connected to it.
    pub async fn copy(&self, from: &str, to: &str) -> Result<(), Problem> {
        match self {
            Self::Sqlite(folder) => {
                std::fs::copy(folder.join(format!("{from}.db")), folder.join(format!("{to}.db"))).map_err(Problem::internal)?;
                Ok(())
            }
            Self::Postgres(cluster) => cluster.new_database(to, Some(from)).await.map(|_url| ()),
        }
    }

    /// Statistics as a database has them that has been in use for a while.
    pub async fn settle(&self, name: &str) -> Result<(), Problem> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(cluster) => execute(&cluster.url("postgres", name), &["VACUUM ANALYZE"]).await,
        }
    }

    /// Drops a database that is no longer needed.
    pub async fn drop(&self, name: &str) -> Result<(), Problem> {
        match self {
            Self::Sqlite(folder) => std::fs::remove_file(folder.join(format!("{name}.db"))).map_err(Problem::internal),
            Self::Postgres(cluster) => execute(&cluster.url("postgres", "postgres"), &[&format!("DROP DATABASE {name} WITH (FORCE)")]).await,
        }
    }
}

/// How much there is.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Streets.
    pub streets: usize,
    /// Beneficiaries of each street.
    pub people: usize,
    /// Lines of each street that claims are charged on.
    pub lines: usize,
}

/// A person with a login.
#[derive(Clone, Debug)]
pub struct Login {
    /// The user.
    pub user: Uuid,
    /// The login.
    pub session: Uuid,
}

/// A street and what requests about it name.
#[derive(Clone, Debug)]
pub struct Street {
    /// Where it is.
    pub place: Place,
    /// Its id.
    pub id: Uuid,
    /// Party office, leader, accountant, cashier.
    pub office: Login,
    /// The leader.
    pub leader: Login,
    /// The accountant.
    pub accountant: Login,
    /// The cashier.
    pub cashier: Login,
    /// The scheme.
    pub scheme: Uuid,
    /// The scheme's line.
    pub stipend_line: Uuid,
    /// The lines of claims.
    pub lines: Vec<Uuid>,
}

/// A loaded database, and what is in it.
#[derive(Clone, Debug)]
pub struct World {
    /// The database's name.
    pub name: String,
    /// The district.
    pub district: Uuid,
    /// Its administrator.
    pub admin: Login,
    /// The category of the claims.
    pub category: Uuid,
    /// Its expense item.
    pub item: Uuid,
    /// The category of the stipends.
    pub stipends: Uuid,
    /// The kind of scheme.
    pub kind: Uuid,
    /// The streets.
    pub streets: Vec<Street>,
}

/// Opens a database for work, with random keys; its business clock stands where it is set.
///
/// # Errors
/// 500 where the database does not answer.
pub async fn open(base: &Base, name: &str) -> Result<Context, Problem> {
    open_with(base, name, KeyRing::random()).await
}

/// As [`open`], with these keys.
///
/// # Errors
/// As [`open`].
pub async fn open_with(base: &Base, name: &str, keys: KeyRing) -> Result<Context, Problem> {
    let db = Db::connect(&DbSettings::of_url(&base.url(name))).await?;
    let start = NaiveDate::from_ymd_opt(2017, 1, 3).and_then(|day| day.and_hms_opt(1, 0, 0)).ok_or_else(|| Problem::internal("no such day"))?;
    Ok(app::context(db, Clocks::manual(start.and_utc(), chrono_tz::Asia::Shanghai), Arc::new(keys), crate::platform::attachment::in_memory()))
}

/// An access token of a login, good for the length of the bench.
///
/// # Errors
/// 500 where it cannot be signed.
pub fn token(context: &Context, login: &Login) -> Result<String, Problem> {
    let now = context.clocks.wall();
    let claims = serde_json::json!({"iss": "mingzhang", "aud": "mingzhang-api", "sub": login.user, "sid": login.session,
        "iat": now.timestamp(), "exp": (now + TimeDelta::days(1)).timestamp(), "jti": new_id()});
    context.keys.sign_token(&claims).map_err(Problem::internal)
}

#[derive(FromQueryResult)]
struct Nothing {}

/// Writes rows of one table, in few statements.
async fn put(tx: &Tx, table: &str, columns: &[&str], rows: Vec<Vec<Value>>) -> Result<(), Problem> {
    let most = 16_000_usize.checked_div(columns.len()).unwrap_or(1).min(500);
    let mut rows = rows.into_iter().peekable();
    while rows.peek().is_some() {
        let part: Vec<Vec<Value>> = rows.by_ref().take(most).collect();
        let mut next = 0_usize;
        let mut places = Vec::with_capacity(part.len());
        for row in &part {
            let marks: Vec<String> = row
                .iter()
                .map(|_value| {
                    next = next.saturating_add(1);
                    format!("${next}")
                })
                .collect();
            places.push(format!("({})", marks.join(", ")));
        }
        let text = format!("INSERT INTO {table} ({}) VALUES {}", columns.join(", "), places.join(", "));
        tx.query_composed::<Nothing>(text, part.into_iter().flatten().collect()).await?;
    }
    Ok(())
}

impl World {
    /// Makes a database of this size; nobody is connected to it afterwards.
    ///
    /// # Errors
    /// 500 where the database fails.
    pub async fn load(base: &Base, name: &str, size: Size) -> Result<Self, Problem> {
        base.make(name).await?;
        let context = open(base, name).await?;
        let world = Self::fill(&context, name, size).await?;
        context.db.close().await?;
        base.settle(name).await?;
        Ok(world)
    }

    async fn fill(context: &Context, name: &str, size: Size) -> Result<Self, Problem> {
        let act = context.act(Performer::Job { name: "bench", authorisation: None }, "bench".to_owned(), None);
        let (district, admin) = (new_id(), Login { user: new_id(), session: new_id() });
        let tx = context.db.write_as_system(Reason::SetUp).await?;
        let none: Option<Uuid> = None;
        let at = || -> Value { act.at.into() };
        put(&tx, "database_marks", &["id", "kind", "created_at"], vec![vec![new_id().into(), "test".into(), at()]]).await?;
        put(&tx, "org_units", &UNIT, vec![vec![district.into(), district.into(), none.into(), none.into(), none.into(), "district".into(), "测速区".into(), at()]]).await?;
        put_people(&tx, &act, Place::district(district), &[(admin.user, admin.session, "district_admin")]).await?;
        tx.commit().await?;
        let world = Self { name: name.to_owned(), district, admin, category: new_id(), item: new_id(), stipends: new_id(), kind: new_id(), streets: Vec::new() };
        world.references(context, &act).await?;
        let mut streets = Vec::with_capacity(size.streets);
        for number in 1..=size.streets {
            streets.push(world.street(context, &act, number, size).await?);
            if number.is_multiple_of(25) {
                super::tell(&format!("{name}: {number}/{} streets", size.streets));
            }
        }
        Ok(Self { streets, ..world })
    }

    /// What the district keeps for all.
    async fn references(&self, context: &Context, act: &Act) -> Result<(), Problem> {
        let tx = context.db.write(Scope::District(self.district)).await?;
        let (at, district): (Value, Value) = (act.at.into(), self.district.into());
        let category = ["id", "district_id", "code", "name", "earmarked", "transfer_out_allowed", "pays_individuals", "carry_over", "version", "created_at"];
        let row = |id: Uuid, code: &str, pays: bool| vec![id.into(), district.clone(), code.into(), code.into(), false.into(), true.into(), pays.into(), "returns".into(), 1_i64.into(), at.clone()];
        put(&tx, "categories", &category, vec![row(self.category, "C01", false), row(self.stipends, "C02", true)]).await?;
        let item = vec![self.item.into(), district.clone(), "F01".into(), "F01".into(), 1_i64.into(), at.clone()];
        put(&tx, "expense_items", &["id", "district_id", "code", "name", "version", "created_at"], vec![item]).await?;
        let allowed = vec![new_id().into(), district.clone(), self.category.into(), self.item.into(), true.into()];
        put(&tx, "category_items", &["id", "district_id", "category_id", "expense_item_id", "allowed"], vec![allowed]).await?;
        let kind = vec![self.kind.into(), district.clone(), "K1".into(), "K1".into(), "month".into(), 1_i64.into(), at.clone()];
        put(&tx, "scheme_kinds", &["id", "district_id", "code", "name", "frequency", "version", "created_at"], vec![kind]).await?;
        tx.commit().await
    }

    async fn street(&self, context: &Context, act: &Act, number: usize, size: Size) -> Result<Street, Problem> {
        let id = new_id();
        let place = Place::street(self.district, id);
        let login = || Login { user: new_id(), session: new_id() };
        let street = Street {
            place,
            id,
            office: login(),
            leader: login(),
            accountant: login(),
            cashier: login(),
            scheme: new_id(),
            stipend_line: new_id(),
            lines: (0..size.lines).map(|_line| new_id()).collect(),
        };
        let tx = context.db.write_as_system(Reason::SetUp).await?;
        let none: Option<Uuid> = None;
        let unit = vec![id.into(), self.district.into(), id.into(), none.into(), self.district.into(), "street".into(), format!("测速街{number}").into(), act.at.into()];
        put(&tx, "org_units", &UNIT, vec![unit]).await?;
        let people = [(&street.office, "party_office"), (&street.leader, "street_leader"), (&street.accountant, "accountant"), (&street.cashier, "cashier")];
        let people: Vec<(Uuid, Uuid, &str)> = people.into_iter().map(|(login, role)| (login.user, login.session, role)).collect();
        put_people(&tx, act, place, &people).await?;
        tx.commit().await?;
        let tx = context.db.write(Scope::of_place(place)).await?;
        self.books(&tx, act, &street).await?;
        self.scheme(&tx, act, &street, size.people).await?;
        tx.commit().await?;
        Ok(street)
    }

    /// The year, its money and its lines.
    async fn books(&self, tx: &Tx, act: &Act, street: &Street) -> Result<(), Problem> {
        let own = || -> [Value; 2] { [self.district.into(), street.id.into()] };
        let row = |id: Uuid, rest: Vec<Value>| [vec![id.into()], own().to_vec(), rest].concat();
        let year = row(new_id(), vec![2017.into(), "open".into(), 0_i64.into(), 0_i64.into(), 0_i64.into(), 0_i64.into(), 1_i64.into(), act.at.into()]);
        put(tx, "fiscal_years", &["id", "district_id", "street_id", "year", "state", "carried_in", "received", "spent", "to_return", "version", "opened_at"], vec![year]).await?;
        let months = (1..=12).map(|month| row(new_id(), vec![2017.into(), format!("2017-{month:02}").into(), "open".into(), 1_i64.into()])).collect();
        put(tx, "ledger_periods", &["id", "district_id", "street_id", "fiscal_year", "month", "state", "version"], months).await?;
        let head = [own().to_vec(), vec![0_i64.into(), first_previous(street.id).into()]].concat();
        put(tx, "ledger_heads", &["district_id", "street_id", "seq", "hash"], vec![head]).await?;
        let budget = new_id();
        let text = ["id", "district_id", "street_id", "fiscal_year", "programme", "revision", "total", "state", "prepared_by", "version", "created_at"];
        let total = Fen(OF_A_LINE.0.saturating_mul(i64::try_from(street.lines.len().saturating_add(1)).map_err(Problem::internal)?));
        let written = row(budget, vec![2017.into(), "测速".into(), 1.into(), total.into(), "approved".into(), street.office.user.into(), 1_i64.into(), act.at.into()]);
        put(tx, "budgets", &text, vec![written]).await?;
        // Lines of one budget are apart by category or community: claims' lines stand in budgets of their own.
        let line = |id: Uuid, budget: Uuid, category: Uuid| {
            row(id, vec![budget.into(), 2017.into(), category.into(), OF_A_LINE.into(), OF_A_LINE.into(), 0_i64.into(), 0_i64.into(), "approved".into(), 1_i64.into()])
        };
        let (mut budgets, mut lines) = (Vec::new(), vec![line(street.stipend_line, budget, self.stipends)]);
        for (index, id) in street.lines.iter().enumerate() {
            let budget = new_id();
            budgets.push(row(budget, vec![2017.into(), format!("测速{index}").into(), 1.into(), OF_A_LINE.into(), "approved".into(), street.office.user.into(), 1_i64.into(), act.at.into()]));
            lines.push(line(*id, budget, self.category));
        }
        put(tx, "budgets", &text, budgets).await?;
        put(tx, "budget_lines", &["id", "district_id", "street_id", "budget_id", "fiscal_year", "category_id", "amount", "approved", "reserved", "spent", "state", "version"], lines).await?;
        years::add(tx, street.id, 2017, Sums { received: MEANS, ..Sums::default() }).await?;
        let entries = vec![Entry::debit(Account::FundOnHand, MEANS), Entry::credit(Account::Appropriation, MEANS).of_category(self.category)];
        post(tx, act, Posting::new((self.district, street.id), act.today, VoucherKind::Receipt, ("receipt", new_id()), "bench", entries)).await?;
        Ok(())
    }

    /// The scheme with its rate, its authorisation and its people.
    async fn scheme(&self, tx: &Tx, act: &Act, street: &Street, people: usize) -> Result<(), Problem> {
        let own = || -> [Value; 2] { [self.district.into(), street.id.into()] };
        let row = |id: Uuid, rest: Vec<Value>| [vec![id.into()], own().to_vec(), rest].concat();
        let before = NaiveDate::from_ymd_opt(2016, 12, 1).ok_or_else(|| Problem::internal("no such day"))?;
        let author: Value = street.office.user.into();
        let person: Value = street.office.user.to_string().into();
        let words = ["month", "street", "cash", "month"].map(Value::from);
        let rules = ["whole_month", "same_month", "through_event_month", "fen", "half_up", "exempt", "2017-01"].map(Value::from);
        let columns = [
            "id",
            "district_id",
            "street_id",
            "scheme_kind_id",
            "category_id",
            "name",
            "frequency",
            "line_scope",
            "paid_from",
            "rate_basis",
            "pay_day",
            "proration",
            "start_rule",
            "end_rule",
            "rounding_unit",
            "rounding_mode",
            "tax_kind",
            "first_period",
            "active_from",
            "authored_by",
            "author_person",
            "version",
            "created_at",
        ];
        let scheme = [
            vec![self.kind.into(), self.stipends.into(), "测速补贴".into()],
            words.to_vec(),
            vec![20.into()],
            rules.to_vec(),
            vec![before.into(), author.clone(), person.clone(), 1_i64.into(), act.at.into()],
        ];
        put(tx, "stipend_schemes", &columns, vec![row(street.scheme, scheme.concat())]).await?;
        let rate = row(new_id(), vec![street.scheme.into(), "2017-01".into(), RATE.into(), author.clone(), act.at.into()]);
        put(tx, "scheme_rates", &["id", "district_id", "street_id", "scheme_id", "from_month", "amount", "authored_by", "created_at"], vec![rate]).await?;
        let signed =
            vec![street.scheme.into(), 2017.into(), OF_A_LINE.into(), OF_A_LINE.into(), i32::MAX.into(), street.leader.user.into(), street.leader.user.to_string().into(), 1_i64.into(), act.at.into()];
        let columns = ["id", "district_id", "street_id", "scheme_id", "fiscal_year", "max_per_run", "max_per_year", "max_heads", "signed_by", "signer_person", "version", "created_at"];
        put(tx, "standing_authorisations", &columns, vec![row(new_id(), signed)]).await?;
        let (mut beneficiaries, mut accounts, mut enrolments) = (Vec::with_capacity(people), Vec::with_capacity(people), Vec::with_capacity(people));
        let from = NaiveDate::from_ymd_opt(2017, 1, 1).ok_or_else(|| Problem::internal("no such day"))?;
        // As long as what is sealed and hashed really is; nobody reads it here.
        let (sealed, confirmed): (String, Value) = ("aes-256-gcm:enc-1:0123456789abcdef:0123456789abcdef0123456789abcdef".to_owned(), street.accountant.user.into());
        for _person in 0..people {
            let (beneficiary, account) = (new_id(), new_id());
            let key = |id: Uuid| -> Value { format!("{0}{0}", id.simple()).into() };
            let text = |text: &str| -> Value { text.into() };
            let person_of = vec![text(&sealed), text("测*"), text(&sealed), text("4201**********1234"), key(beneficiary), false.into(), author.clone(), 1_i64.into(), act.at.into()];
            beneficiaries.push(row(beneficiary, person_of));
            let numbers = [beneficiary.into(), text(&sealed), text("6222************789"), key(account), text("示例银行"), text(&sealed), text("测*"), text("self"), text("confirmed")];
            accounts.push(row(account, [numbers.to_vec(), vec![true.into(), author.clone(), confirmed.clone(), 1_i64.into(), act.at.into()]].concat()));
            let enrolled =
                vec![street.scheme.into(), beneficiary.into(), from.into(), "2016-12".into(), text("confirmed"), author.clone(), person.clone(), confirmed.clone(), 1_i64.into(), act.at.into()];
            enrolments.push(row(new_id(), enrolled));
        }
        let own = ["id", "district_id", "street_id"];
        let columns = ["name_sealed", "name_masked", "id_number_sealed", "id_number_masked", "person_key", "on_payroll", "authored_by", "version", "created_at"];
        put(tx, "beneficiaries", &[own.as_slice(), &columns].concat(), beneficiaries).await?;
        let columns =
            ["beneficiary_id", "number_sealed", "number_masked", "number_key", "bank_name", "holder_sealed", "holder_masked", "holder_relation", "state", "luhn_holds", "authored_by", "confirmed_by"];
        put(tx, "bank_accounts", &[own.as_slice(), &columns, &["version", "created_at"]].concat(), accounts).await?;
        let columns = ["scheme_id", "beneficiary_id", "from_date", "paid_through", "state", "authored_by", "author_person", "confirmed_by", "version", "created_at"];
        put(tx, "enrolments", &[own.as_slice(), &columns].concat(), enrolments).await
    }
}

const UNIT: [&str; 8] = ["id", "district_id", "street_id", "community_id", "parent_id", "level", "name", "created_at"];

/// Accounts with their logins and roles.
async fn put_people(tx: &Tx, act: &Act, place: Place, people: &[(Uuid, Uuid, &str)]) -> Result<(), Problem> {
    let (district, street): (Value, Value) = (place.district.into(), place.street.into());
    let users = people.iter().map(|(user, ..)| {
        let name = user.to_string();
        vec![(*user).into(), district.clone(), street.clone(), name.clone().into(), name.into(), "none".into(), false.into(), act.at.into()]
    });
    put(tx, "users", &["id", "district_id", "street_id", "username", "display_name", "password_hash", "must_change_password", "created_at"], users.collect()).await?;
    let expires = act.at + TimeDelta::days(1);
    let sessions = people.iter().map(|(user, session, _)| vec![(*session).into(), (*user).into(), act.at.into(), act.at.into(), expires.into()]);
    put(tx, "sessions", &["id", "user_id", "created_at", "last_used_at", "expires_at"], sessions.collect()).await?;
    let from = NaiveDate::from_ymd_opt(2016, 1, 1).ok_or_else(|| Problem::internal("no such day"))?;
    let roles = people.iter().map(|(user, _, role)| vec![new_id().into(), district.clone(), street.clone(), (*user).into(), (*role).into(), from.into(), false.into(), act.at.into()]);
    put(tx, "role_assignments", &["id", "district_id", "street_id", "user_id", "role", "from_date", "needs_confirmation", "created_at"], roles.collect()).await
}
