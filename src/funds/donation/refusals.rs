//! What the uses of donated money refuse.

use crate::kernel::money::Fen;
use crate::kernel::problem::Problem;

/// 409: the fund does not hold so much beyond the uses that are on their way. How much it holds is the street's to see.
pub(super) fn fund_short(asked: Fen) -> Problem {
    Problem::new(409, "fund_short", "红色基金余额不足", "The donation fund holds less")
        .detail(
            format!("红色基金扣除办理中的使用后不足 {asked}；请减少金额，或待捐赠到账后再申请。"),
            format!("Beyond the uses on their way the fund holds less than {asked}: ask for less, or wait for donations."),
        )
        .field("/amount", "fund_short", "超出可用余额", "is more than the fund holds")
}
