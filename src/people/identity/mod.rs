//! Users, logins and roles: who a token belongs to and what they may do today.

mod attempts;
mod authenticate;
mod capabilities;
pub mod duties;
pub mod entity;
mod hands;
mod login;
mod passwords;
mod reach;
mod recipients;
mod refusals;
mod reset;
mod roles;
pub mod routes;
pub mod routes_roles;
pub mod routes_users;
pub mod set_up;
mod totp;
mod users;

pub use authenticate::{Authenticator, STANDING};
pub use capabilities::of_role;
pub use entity::{role_assignment, user};
pub use hands::require_hands;
pub use passwords::Passwords;
pub use recipients::Directory;

/// Money roles that wait for their second administrator.
pub const TASKS: crate::platform::tasks::TaskSource = crate::platform::tasks::TaskSource { noun: "role_assignment", view: "v_tasks_role_assignment" };
