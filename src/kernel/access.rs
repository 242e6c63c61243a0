//! Who acts, where, and what they may do: the words of every permission question.
//!
//! Which role holds which capability is one table in `people::identity`; nothing outside it asks for a role.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::problem::Problem;

/// A role of the field. A person holds it at a unit, from a day to a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// 区管理员: opens streets, keeps the district's reference data, approves budgets.
    DistrictAdmin,
    /// 区审计: reads everything below, changes no money.
    DistrictAuditor,
    /// 街道管理员: users, communities and settings of the street.
    StreetAdmin,
    /// 党建办经办: plans, drafts budgets, keeps schemes and beneficiaries.
    PartyOffice,
    /// 分管领导: approves, signs standing authorisations.
    StreetLeader,
    /// 财务结算中心会计: reviews, records, closes.
    Accountant,
    /// 出纳: pays what is approved, books nothing.
    Cashier,
    /// 纪检: reads everything in the street.
    Inspector,
    /// 社区书记: endorses.
    CommunitySecretary,
    /// 社区工作人员: drafts.
    CommunityStaff,
}

impl Role {
    /// Every role, in the order of the levels.
    pub const ALL: [Self; 10] = [
        Self::DistrictAdmin,
        Self::DistrictAuditor,
        Self::StreetAdmin,
        Self::PartyOffice,
        Self::StreetLeader,
        Self::Accountant,
        Self::Cashier,
        Self::Inspector,
        Self::CommunitySecretary,
        Self::CommunityStaff,
    ];

    /// The identifier in the API and the database.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::DistrictAdmin => "district_admin",
            Self::DistrictAuditor => "district_auditor",
            Self::StreetAdmin => "street_admin",
            Self::PartyOffice => "party_office",
            Self::StreetLeader => "street_leader",
            Self::Accountant => "accountant",
            Self::Cashier => "cashier",
            Self::Inspector => "inspector",
            Self::CommunitySecretary => "community_secretary",
            Self::CommunityStaff => "community_staff",
        }
    }

    /// The role with this identifier.
    #[must_use]
    pub fn of_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.code() == code)
    }
}

macro_rules! capabilities {
    ($($(#[$doc:meta])* $name:ident = $code:literal,)*) => {
        /// One thing that a person may be allowed to do at a unit.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Capability { $($(#[$doc])* $name,)* }

        impl Capability {
            /// Every capability.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The capability with this dotted name.
            #[must_use]
            pub fn of_code(code: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|capability| capability.code() == code)
            }

            /// The dotted names of every capability.
            #[must_use]
            pub fn codes() -> Vec<&'static str> {
                Self::ALL.iter().map(|capability| capability.code()).collect()
            }

            /// The dotted name in `me`, in refusals and in documents.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }
        }
    };
}

capabilities! {
    /// Read the tree of units.
    UnitRead = "unit.read",
    /// Open streets.
    StreetOpen = "street.open",
    /// Open and rename communities.
    CommunityOpen = "community.open",
    /// Read the users of one's units.
    UserRead = "user.read",
    /// Create, disable and reset users.
    UserManage = "user.manage",
    /// Grant and end roles.
    RoleGrant = "role.grant",
    /// Confirm, as a second administrator, a money role that another granted.
    RoleConfirm = "role.confirm",
    /// Read reference data (categories, items, kinds, templates).
    ReferenceRead = "reference.read",
    /// Change the district's reference data.
    ReferenceManage = "reference.manage",
    /// Read plan items and targets.
    PlanRead = "plan.read",
    /// Write plan items and targets.
    PlanWrite = "plan.write",
    /// Read activities.
    ActivityRead = "activity.read",
    /// Plan activities, record how they were held, cancel them.
    ActivityWrite = "activity.write",
    /// Read budgets, lines, receipts, adjustments and summaries.
    BudgetRead = "budget.read",
    /// Draft and submit budgets and adjustments.
    BudgetDraft = "budget.draft",
    /// Approve or return budgets, supplements and reductions.
    BudgetApprove = "budget.approve",
    /// Approve transfers between lines.
    TransferApprove = "transfer.approve",
    /// Record receipts and what the treasury takes back.
    ReceiptRecord = "receipt.record",
    /// Open a fiscal year.
    YearOpen = "year.open",
    /// Close months and years.
    PeriodClose = "period.close",
    /// Read vouchers, balances, checkpoints.
    LedgerRead = "ledger.read",
    /// Export vouchers to other software, and read such files.
    LedgerExport = "ledger.export",
    /// Import bank statements, match them with the books, undo matches: never who pays.
    BankReconcile = "bank.reconcile",
    /// Record opening balances, tax payments and account maps.
    LedgerRecord = "ledger.record",
    /// Approve opening balances.
    OpeningApprove = "opening.approve",
    /// Read schemes, enrolments, runs, bank files.
    StipendRead = "stipend.read",
    /// Keep schemes, rates, beneficiaries, enrolments; calculate and cancel runs.
    StipendPrepare = "stipend.prepare",
    /// Confirm enrolments, own rates and past start dates.
    EnrolmentConfirm = "enrolment.confirm",
    /// Confirm bank accounts and returned payments.
    BankAccountConfirm = "bank_account.confirm",
    /// Approve runs and write-offs; resume stopped runs.
    RunApprove = "run.approve",
    /// Post approved runs.
    RunPost = "run.post",
    /// Stop a run before it posts.
    RunStop = "run.stop",
    /// Sign and revoke standing authorisations.
    AuthorisationSign = "authorisation.sign",
    /// Make bank files, import results.
    BankFile = "bank_file.make",
    /// Void, as a second person, a bank file or a batch of claims that another made.
    BankFileVoid = "bank_file.void",
    /// Record money that came back from a beneficiary.
    RecoveryRecord = "recovery.record",
    /// Read claims, applications beforehand, their batches and the cashier's list.
    ClaimRead = "claim.read",
    /// Draft, submit and withdraw claims and applications beforehand; close the latter.
    ClaimPrepare = "claim.prepare",
    /// Stand for a community's claims.
    ClaimEndorse = "claim.endorse",
    /// Review claims and applications beforehand.
    ClaimReview = "claim.review",
    /// Approve claims and applications beforehand of small amounts.
    ClaimApproveSmall = "claim.approve_small",
    /// Approve claims and applications beforehand of any amount.
    ClaimApprove = "claim.approve",
    /// Return, reject, or ask for papers, where the next step is one's own.
    ClaimReturn = "claim.return",
    /// Pay approved claims, make batches, import their results.
    ClaimPay = "claim.pay",
    /// Record refunds and reversals of paid claims, confirm what the bank returned.
    ClaimRecord = "claim.record",
    /// Read papers 附件 and download them.
    AttachmentRead = "attachment.read",
    /// Add papers, and take them off a draft.
    AttachmentAdd = "attachment.add",
    /// See personal data unmasked, with a reason.
    PersonUnmask = "person.unmask",
    /// Read the audit trail.
    AuditRead = "audit.read",
    /// Read jobs and their history.
    JobRead = "job.read",
    /// Start a job by hand.
    JobRun = "job.run",
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// Where something sits: a district, one of its streets, or one of that street's communities.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The district.
    pub district: Uuid,
    /// The street; none for what is the district's own.
    pub street: Option<Uuid>,
    /// The community; none for what is the street's own.
    pub community: Option<Uuid>,
}

impl Place {
    /// The district's own level.
    #[must_use]
    pub const fn district(district: Uuid) -> Self {
        Self { district, street: None, community: None }
    }

    /// The street's own level.
    #[must_use]
    pub const fn street(district: Uuid, street: Uuid) -> Self {
        Self { district, street: Some(street), community: None }
    }

    /// A community.
    #[must_use]
    pub const fn community(district: Uuid, street: Uuid, community: Uuid) -> Self {
        Self { district, street: Some(street), community: Some(community) }
    }

    /// Whether `other` is this unit or lies below it.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        self.district == other.district && (self.street.is_none() || self.street == other.street) && (self.community.is_none() || self.community == other.community)
    }
}

/// What a transaction may see and write: a closed list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Units, users, sessions, slots, outbox; no business row.
    System,
    /// Every row of a district.
    District(Uuid),
    /// Every row of a street, and the district's reference rows.
    Street(Uuid, Uuid),
    /// A community's rows, and what it shares with its street.
    Community(Uuid, Uuid, Uuid),
    /// What is published.
    Public,
}

impl Scope {
    /// The scope that sees a place and what lies below it.
    #[must_use]
    pub const fn of_place(place: Place) -> Self {
        match (place.street, place.community) {
            (Some(street), Some(community)) => Self::Community(place.district, street, community),
            (Some(street), None) => Self::Street(place.district, street),
            (None, _) => Self::District(place.district),
        }
    }

    /// The place at the top of this scope; none for `System` and `Public`.
    #[must_use]
    pub const fn place(self) -> Option<Place> {
        match self {
            Self::District(district) => Some(Place::district(district)),
            Self::Street(district, street) => Some(Place::street(district, street)),
            Self::Community(district, street, community) => Some(Place::community(district, street, community)),
            Self::System | Self::Public => None,
        }
    }
}

/// A role held at a unit today.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// The role.
    pub role: Role,
    /// The unit it is held at.
    pub place: Place,
    /// The name of the unit.
    pub unit_name: String,
    /// Whose part is taken during leave or illness (`acting_for`), a user's id.
    pub acting_for: Option<Uuid>,
    /// What the role allows.
    pub capabilities: &'static BTreeSet<Capability>,
}

/// What a request tells of the unit that it is about. It is looked for only where something depends on it: [`Actor::acts_apart`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum About {
    /// Nothing.
    #[default]
    Unsaid,
    /// This unit.
    Unit(Place),
    /// A row that sits there.
    Row(Place),
    /// No unit: it is the same from each (the district's reference data), or it was found in none.
    NoUnit,
}

/// A request does not tell in which of several units it is meant, none of which lies above the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitUnclear {
    /// The units, each with its name.
    among: Vec<(Place, String)>,
}

impl UnitUnclear {
    /// Whether the units are communities of one street.
    fn only_communities(&self) -> bool {
        self.among.first().is_some_and(|(first, _)| self.among.iter().all(|(place, _)| place.community.is_some() && place.street == first.street))
    }

    /// How each of the units is named; nothing where one may be any street of a district.
    fn choices(&self, before: &str, separator: &str) -> String {
        let choice = |(place, name): &(Place, String)| match (place.community, place.street) {
            (Some(community), _) => Some(format!("community_id={community} ({name})")),
            (None, street) => street.map(|street| format!("street_id={street} ({name})")),
        };
        let choices: Option<Vec<String>> = self.among.iter().map(choice).collect();
        choices.filter(|choices| !choices.is_empty()).map(|choices| format!("{before}{}", choices.join(separator))).unwrap_or_default()
    }

    /// 422 where a body must name the unit: `community_required` among communities of one street, else `street_required`.
    #[must_use]
    pub fn in_body(&self) -> Problem {
        let refusal = if self.only_communities() { Problem::community_required() } else { Problem::street_required() };
        let detail = (format!("{}{}", refusal.detail.zh, self.choices("可选：", "、")), format!("{}{}", refusal.detail.en, self.choices(" One of: ", ", ")));
        refusal.detail(detail.0, detail.1)
    }
}

impl From<UnitUnclear> for Problem {
    /// 400 `invalid_parameter`: the query must name the unit, for a list that is short of the other units' rows would look like a whole one.
    fn from(unclear: UnitUnclear) -> Self {
        let name = if unclear.only_communities() { "community_id" } else { "street_id" };
        Self::new(400, "invalid_parameter", "查询参数有误", "A query parameter is wrong").detail(
            format!("您在不止一个单位任职，请用参数 {name} 指明是哪一个。{}", unclear.choices("可选：", "、")),
            format!("You act in several units: say which one with the parameter {name}.{}", unclear.choices(" One of: ", ", ")),
        )
    }
}

/// A person with a live login, as read for this one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// The user.
    pub user_id: Uuid,
    /// The user's login name.
    pub username: String,
    /// The keyed hash of the person's ID number: the same person under another account has the same.
    pub person_key: Option<String>,
    /// The login (session) that this request came with.
    pub session_id: Uuid,
    /// Whether the first password has not been changed yet: only `auth/*` and `me` answer then.
    pub must_change_password: bool,
    /// The unit the user belongs to.
    pub home: Place,
    /// The roles held today.
    pub assignments: Vec<Assignment>,
    /// The unit that this request is about.
    pub about: About,
}

impl Actor {
    /// The identity that separation of duties compares: the person where known, else the account.
    #[must_use]
    pub fn person(&self) -> String {
        self.person_key.clone().unwrap_or_else(|| self.user_id.to_string())
    }

    /// Whether the capability is held anywhere.
    #[must_use]
    pub fn holds(&self, capability: Capability) -> bool {
        self.assignments.iter().any(|a| a.capabilities.contains(&capability))
    }

    /// Whether the capability is held at this place or above it.
    #[must_use]
    pub fn may(&self, capability: Capability, place: &Place) -> bool {
        self.assignments.iter().any(|a| a.capabilities.contains(&capability) && a.place.covers(place))
    }

    /// The assignment that allows a capability at a place; it says for whom the person acts.
    #[must_use]
    pub fn assignment_for(&self, capability: Capability, place: &Place) -> Option<&Assignment> {
        self.assignments.iter().find(|a| a.capabilities.contains(&capability) && a.place.covers(place))
    }

    /// Whose part this person takes at a place by a capability (none: by any role); none for who holds it by a role of their own.
    #[must_use]
    pub fn acting_for(&self, capability: Option<Capability>, place: &Place) -> Option<Uuid> {
        let used = self.assignments.iter().filter(|a| a.place.covers(place) && capability.is_none_or(|capability| a.capabilities.contains(&capability)));
        let absent: Vec<Option<Uuid>> = used.map(|a| a.acting_for).collect();
        if absent.contains(&None) { None } else { absent.into_iter().flatten().next() }
    }

    /// Ok where the capability is held somewhere.
    ///
    /// # Errors
    /// 403 `forbidden`.
    pub fn require_anywhere(&self, capability: Capability) -> Result<(), Problem> {
        if self.holds(capability) { Ok(()) } else { Err(Problem::forbidden(capability.code())) }
    }

    /// Ok where the capability is held at the place.
    ///
    /// # Errors
    /// 403 `forbidden`.
    pub fn require_at(&self, capability: Capability, place: &Place) -> Result<(), Problem> {
        if self.may(capability, place) { Ok(()) } else { Err(Problem::forbidden(capability.code())) }
    }

    /// The widest unit among the assignments, else the home unit: where a request is begun, before it is known what it is about.
    #[must_use]
    pub fn scope(&self) -> Scope {
        Scope::of_place(widest(self.assignments.iter().map(|assignment| assignment.place)).unwrap_or(self.home))
    }

    /// The unit that this person's request concerns as a whole: the one that it is about, where the person acts there; else the widest among the assignments, else the home unit.
    #[must_use]
    pub fn seat(&self) -> Place {
        let about = match self.about {
            About::Unit(place) | About::Row(place) => Some(place),
            About::Unsaid | About::NoUnit => None,
        };
        let acts = |place: &Place| self.assignments.iter().any(|assignment| assignment.place.covers(place));
        about.filter(acts).or_else(|| widest(self.assignments.iter().map(|assignment| assignment.place))).unwrap_or(self.home)
    }

    /// Where to look for what belongs to this person whatever the role, such as tasks and notices: all units of the assignments, none within another, [`Actor::scope`] first; else the home unit.
    #[must_use]
    pub fn scopes(&self) -> Vec<Scope> {
        let mut tops: Vec<Place> = Vec::new();
        let mut places: Vec<Place> = self.assignments.iter().map(|assignment| assignment.place).collect();
        places.sort_by_key(breadth);
        for place in places {
            if !tops.iter().any(|top| top.covers(&place)) {
                tops.push(place);
            }
        }
        if tops.is_empty() {
            tops.push(self.home);
        }
        tops.into_iter().map(Scope::of_place).collect()
    }

    /// The units at which a capability is held.
    fn places(&self, capability: Capability) -> impl Iterator<Item = Place> {
        self.assignments.iter().filter(move |assignment| assignment.capabilities.contains(&capability)).map(|assignment| assignment.place)
    }

    /// Whether some capability is held at several units of which none lies above the others (an accountant of two streets): only then it matters what a request is about.
    #[must_use]
    pub fn acts_apart(&self) -> bool {
        self.assignments.len() > 1 && Capability::ALL.iter().any(|capability| widest(self.places(*capability)).is_some_and(|top| self.places(*capability).any(|place| !top.covers(&place))))
    }

    /// What a transaction sees in which this capability is used: the widest unit at which it is held, else the home unit. A role that is held above, and does not have it, widens nothing.
    /// Where it is held at several units of which none lies above the others, it is the one that the request is about; where it is about none of them, what it is about is out of reach from any.
    ///
    /// # Errors
    /// Where the request does not tell which of them it is about.
    pub fn scope_for(&self, capability: Capability) -> Result<Scope, UnitUnclear> {
        let Some(first) = widest(self.places(capability)) else {
            return Ok(Scope::of_place(self.home));
        };
        if self.places(capability).all(|place| first.covers(&place)) {
            return Ok(Scope::of_place(first));
        }
        let (named, is_row) = match self.about {
            About::Unsaid => return Err(self.unclear(capability, None)),
            About::NoUnit => return Ok(Scope::of_place(first)),
            About::Unit(named) => (named, false),
            About::Row(named) => (named, true),
        };
        let above = widest(self.places(capability).filter(|place| place.covers(&named)));
        let Some(place) = above.or_else(|| widest(self.places(capability).filter(|place| named.covers(place)))) else {
            return Ok(Scope::of_place(first));
        };
        // A row that lies above several of them is seen alike from each.
        if is_row || above.is_some() || self.places(capability).filter(|other| named.covers(other)).all(|other| place.covers(&other)) {
            return Ok(Scope::of_place(place));
        }
        Err(self.unclear(capability, Some(named)))
    }

    /// The units at which a capability is held, those within `within`, to be told.
    fn unclear(&self, capability: Capability, within: Option<Place>) -> UnitUnclear {
        let held = self.assignments.iter().filter(|assignment| assignment.capabilities.contains(&capability) && within.is_none_or(|within| within.covers(&assignment.place)));
        let mut among: Vec<(Place, String)> = Vec::new();
        for assignment in held {
            if !among.iter().any(|(place, _)| *place == assignment.place) {
                among.push((assignment.place, assignment.unit_name.clone()));
            }
        }
        UnitUnclear { among }
    }

    /// The street, or the community, at or below which a capability is held, and nowhere else.
    ///
    /// # Errors
    /// Where it is held in several streets, in several communities but not their street, or for a district.
    pub fn only_unit(&self, capability: Capability) -> Result<Place, UnitUnclear> {
        let top = widest(self.places(capability)).filter(|top| top.street.is_some() && self.places(capability).all(|place| top.covers(&place)));
        top.ok_or_else(|| self.unclear(capability, None))
    }
}

/// The district comes before its streets, a street before its communities.
const fn breadth(place: &Place) -> (bool, bool) {
    (place.street.is_some(), place.community.is_some())
}

/// The widest of these units, the first among equals.
fn widest(places: impl Iterator<Item = Place>) -> Option<Place> {
    places.min_by_key(breadth)
}

#[cfg(test)]
mod tests;
