//! Who acts, and where: the tree of units, users, logins and roles.

pub mod identity;
pub mod tenancy;
