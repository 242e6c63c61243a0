//! What tasks refuse.

use crate::kernel::access::Capability;
use crate::kernel::problem::Problem;

/// 422: nobody could take the document further, so it would only lie there.
pub fn no_eligible_actor(capability: Capability) -> Problem {
    Problem::new(422, "no_eligible_actor", "没有可办理下一步的人员", "Nobody could act next").detail(
        format!("除本人外，本单位及上级没有持有权限 {capability} 的人员。请先由管理员授予并确认相应角色，再提交。"),
        format!("Besides those who already took part, nobody at this unit or above holds {capability}. Have an administrator grant and confirm the role first, then submit."),
    )
}
