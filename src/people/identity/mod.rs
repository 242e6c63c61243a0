//! Users, logins and roles: who a token belongs to and what they may do today.

mod authenticate;
mod capabilities;
pub mod duties;
pub mod entity;
mod login;
mod passwords;
mod refusals;
mod roles;
pub mod routes;
pub mod set_up;
mod totp;
mod users;

pub use authenticate::Authenticator;
pub use capabilities::of_role;
pub use entity::{role_assignment, user};
pub use passwords::Passwords;
