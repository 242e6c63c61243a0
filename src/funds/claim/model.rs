//! The life of a claim, and the arithmetic of its refunds, without the database.

use crate::funds::spending::chains::Chain;
use crate::kernel::access::Capability;
use crate::kernel::money::Fen;
use crate::people::identity::duties::Part;

/// What is done to a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// 提交.
    Submit,
    /// 证明.
    Endorse,
    /// 审核.
    Review,
    /// 审批.
    Approve,
    /// 支付.
    Pay,
    /// 退回.
    Return,
    /// 补正.
    RequestInfo,
    /// The papers are there.
    ProvideInfo,
    /// 驳回.
    Reject,
    /// 撤回.
    Withdraw,
    /// It waited too long.
    Expire,
    /// 退款.
    Refund,
    /// 红字冲销.
    Reverse,
}

impl Action {
    /// Every action.
    #[cfg(test)]
    pub const ALL: [Self; 13] = [
        Self::Submit,
        Self::Endorse,
        Self::Review,
        Self::Approve,
        Self::Pay,
        Self::Return,
        Self::RequestInfo,
        Self::ProvideInfo,
        Self::Reject,
        Self::Withdraw,
        Self::Expire,
        Self::Refund,
        Self::Reverse,
    ];

    /// The word in the path, the audit trail and the timeline.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Submit => "submit",
            Self::Endorse => "endorse",
            Self::Review => "review",
            Self::Approve => "approve",
            Self::Pay => "pay",
            Self::Return => "return",
            Self::RequestInfo => "request_info",
            Self::ProvideInfo => "provide_info",
            Self::Reject => "reject",
            Self::Withdraw => "withdraw",
            Self::Expire => "expire",
            Self::Refund => "refund",
            Self::Reverse => "reverse",
        }
    }

    /// The states it may be done in. `community`: only a community's claim is endorsed.
    #[must_use]
    pub const fn from(self, community: bool) -> &'static [&'static str] {
        match self {
            Self::Submit => &["draft"],
            Self::Endorse => {
                if community {
                    &["submitted"]
                } else {
                    &[]
                }
            }
            Self::Review => {
                if community {
                    &["endorsed"]
                } else {
                    &["submitted"]
                }
            }
            Self::Approve => &["reviewed"],
            Self::Pay => &["approved"],
            Self::Return | Self::RequestInfo | Self::ProvideInfo | Self::Reject => &["submitted", "endorsed", "reviewed", "approved"],
            Self::Withdraw => &["draft", "submitted", "endorsed", "reviewed"],
            Self::Expire => &["submitted", "endorsed", "reviewed"],
            Self::Refund | Self::Reverse => &["paid"],
        }
    }
}

/// What the next step of a claim takes, and which part it is; none where no step is open.
#[must_use]
pub fn next_step(state: &str, community: bool, chain: Option<&Chain>, steps_done: i32) -> Option<(Capability, Part)> {
    match state {
        "submitted" if community => Some((Capability::ClaimEndorse, Part::Endorse)),
        "submitted" | "endorsed" => Some((Capability::ClaimReview, Part::Review)),
        "reviewed" => chain?.approval(usize::try_from(steps_done).ok()?).map(|capability| (capability, Part::Approve)),
        "approved" => Some((Capability::ClaimPay, Part::Pay)),
        _ => None,
    }
}

/// Every step from submission to payment, in order.
#[must_use]
pub fn all_steps(community: bool, chain: &Chain) -> Vec<(Capability, Part)> {
    let endorse = community.then_some((Capability::ClaimEndorse, Part::Endorse));
    let approvals = (0..).map_while(|index| chain.approval(index)).map(|capability| (capability, Part::Approve));
    endorse.into_iter().chain([(Capability::ClaimReview, Part::Review)]).chain(approvals).chain([(Capability::ClaimPay, Part::Pay)]).collect()
}

/// The part of a refund that is tax: the claim's tax in proportion to what has come back so far, rounded half up to the fen, less what came back before;
/// so that all refunds together give back exactly the tax.
#[must_use]
pub fn refunded_tax(amount: Fen, tax: Fen, before: Fen, refund: Fen) -> Fen {
    let part = |refunded: i64| {
        let (refunded, tax, amount) = (i128::from(refunded), i128::from(tax.0), i128::from(amount.0.max(1)));
        i64::try_from((2 * refunded * tax + amount) / (2 * amount)).unwrap_or(i64::MAX)
    };
    Fen(part(before.0.saturating_add(refund.0)).saturating_sub(part(before.0)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::funds::spending::chains::Band;

    fn chain(approvers: &[&str]) -> Chain {
        Chain { version: 1, band: Band { up_to: None, approvers: approvers.iter().map(|code| (*code).to_owned()).collect(), collective_decision: false }, expire_after_days: 60 }
    }

    #[test]
    fn a_community_claim_takes_five_hands_and_a_street_claim_four() {
        let chain = chain(&["claim.approve"]);
        assert_eq!(all_steps(true, &chain).len() + 1, 5);
        assert_eq!(all_steps(false, &chain).len() + 1, 4);
        assert_eq!(next_step("submitted", true, Some(&chain), 0), Some((Capability::ClaimEndorse, Part::Endorse)));
        assert_eq!(next_step("submitted", false, Some(&chain), 0), Some((Capability::ClaimReview, Part::Review)));
        assert_eq!(next_step("reviewed", true, Some(&chain), 0), Some((Capability::ClaimApprove, Part::Approve)));
        assert_eq!(next_step("paid", true, Some(&chain), 1), None);
    }

    #[test]
    fn nothing_is_done_to_a_claim_that_has_ended() {
        for state in ["rejected", "withdrawn", "expired", "reversed"] {
            for action in Action::ALL {
                assert!(!action.from(true).contains(&state), "{action:?} {state}");
            }
        }
    }

    proptest! {
        #[test]
        fn all_refunds_together_give_back_exactly_the_tax(amount in 2_i64..10_000_000, share in 0_i64..100, cuts in proptest::collection::vec(1_i64..1_000_000, 1..8)) {
            let tax = amount * share / 200;
            let (mut before, mut given) = (0, 0);
            for cut in cuts.iter().copied().chain([amount]) {
                let refund = cut.min(amount - before);
                if refund > 0 {
                    let part = refunded_tax(Fen(amount), Fen(tax), Fen(before), Fen(refund));
                    prop_assert!(part.0 >= 0 && part.0 <= refund);
                    given += part.0;
                    before += refund;
                }
            }
            prop_assert_eq!(before, amount);
            prop_assert_eq!(given, tax);
        }
    }
}
