//! Activities: 三会一课, 主题党日, 中心组学习, volunteer service, performances … planned by a street or a community, then held or cancelled; and the district's limits on trips,
//! which flag and do not refuse. Applications beforehand and claims name them.

pub mod entity;
mod fixed;
mod limits;
mod model;
mod papers;
pub mod refusals;
pub mod routes;
mod work;

pub use entity::{activity, activity_limit};
pub use limits::{TripCheck, trips};
pub use model::ActivityKind;
pub use papers::ActivityPapers;
pub use work::{live, of_unit};
