//! The first administrators, made from the command line: a district, and two people who confirm each other's grants.

use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait, QueryFilter};

use super::passwords::{self, Passwords};
use super::users::{self, NewUser};
use super::{role_assignment, user};
use crate::kernel::access::Role;
use crate::kernel::act::Act;
use crate::kernel::identity_number::IdentityNumber;
use crate::kernel::ids::new_id;
use crate::kernel::problem::Problem;
use crate::people::tenancy::org_unit;
use crate::platform::audit::{self, Event};
use crate::platform::db::Tx;

/// An administrator of a district to be made.
#[derive(Debug)]
pub struct FirstAdministrator {
    /// The district's name; it is opened where it does not exist.
    pub district: String,
    /// The city's name, a label.
    pub city: Option<String>,
    /// The login name.
    pub username: String,
    /// The name that colleagues see.
    pub display_name: String,
    /// The ID number; only a keyed hash of it is kept.
    pub id_number: Option<IdentityNumber>,
    /// The first password.
    pub password: String,
    /// Whether it must be changed at the first login.
    pub must_change_password: bool,
}

/// Makes an administrator of a district. Only the first two of a district are made so: from then on, administrators make each other.
///
/// # Errors
/// 409 `administrators_exist` where the district has two; 422 `weak_password`; 409 `username_taken`, `person_has_account`.
pub async fn first_administrator(tx: &Tx, act: &Act, hashes: &Passwords, new: FirstAdministrator) -> Result<user::Model, Problem> {
    passwords::check(&new.password, &[&new.username, &new.display_name])?;
    let district = district(tx, act, &new).await?;
    let held = tx.select::<role_assignment::Entity>().filter(role_assignment::Column::DistrictId.eq(district.id)).filter(role_assignment::Column::Role.eq(Role::DistrictAdmin.code()));
    if tx.all(held).await?.len() >= 2 {
        return Err(Problem::new(409, "administrators_exist", "该区已有两名管理员", "The district has two administrators").detail(
            "命令行只用于设立最初的两名区管理员；其余账号请由他们在系统中开设。",
            "The command line makes the first two administrators of a district only; they make all others in the system.",
        ));
    }
    let account = NewUser { username: new.username, display_name: new.display_name, id_number: new.id_number, first_password: new.password, must_change_password: new.must_change_password };
    let user = users::create(tx, act, hashes, district.place(), account).await?;
    let row = role_assignment::ActiveModel {
        id: Set(new_id()),
        district_id: Set(district.id),
        street_id: Set(None),
        community_id: Set(None),
        user_id: Set(user.id),
        role: Set(Role::DistrictAdmin.code().to_owned()),
        from_date: Set(act.today),
        to_date: Set(None),
        acting_for: Set(None),
        granted_by: Set(None),
        confirmed_by: Set(None),
        needs_confirmation: Set(false),
        ended_at: Set(None),
        version: Set(1),
        created_at: Set(act.at),
    };
    let row = tx.insert::<role_assignment::Entity, _>(row).await?;
    audit::record(tx, act, Event::new("role.grant", "role_assignment", row.id, row.place()).after(&row)?).await?;
    Ok(user)
}

async fn district(tx: &Tx, act: &Act, new: &FirstAdministrator) -> Result<org_unit::Model, Problem> {
    let find = tx.select::<org_unit::Entity>().filter(org_unit::Column::Level.eq("district")).filter(org_unit::Column::Name.eq(new.district.as_str()));
    if let Some(district) = tx.one(find).await? {
        return Ok(district);
    }
    let id = new_id();
    let row = org_unit::ActiveModel {
        id: Set(id),
        district_id: Set(id),
        street_id: Set(None),
        community_id: Set(None),
        parent_id: Set(None),
        level: Set("district".to_owned()),
        name: Set(new.district.clone()),
        city: Set(new.city.clone()),
        version: Set(1),
        created_at: Set(act.at),
    };
    let district = tx.insert::<org_unit::Entity, _>(row).await?;
    audit::record(tx, act, Event::new("org_unit.open", "org_unit", district.id, district.place()).after(&district)?).await?;
    Ok(district)
}
