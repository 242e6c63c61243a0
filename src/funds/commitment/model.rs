//! The life of an application beforehand, and what it and the claims under it do to the line, without the database.

use crate::funds::budget::lines::Change;
use crate::funds::spending::chains::Chain;
use crate::kernel::access::Capability;
use crate::kernel::money::{Fen, MoneyOverflow};
use crate::people::identity::duties::Part;

/// What is done to an application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// 更改.
    Change,
    /// 提交.
    Submit,
    /// 审核.
    Review,
    /// 审批.
    Approve,
    /// 退回.
    Return,
    /// 驳回.
    Reject,
    /// 撤回.
    Withdraw,
    /// 办结.
    Close,
    /// It waited too long, or its year or its last day is over.
    Expire,
}

impl Action {
    /// The word in the path.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Change => "change",
            Self::Submit => "submit",
            Self::Review => "review",
            Self::Approve => "approve",
            Self::Return => "return",
            Self::Reject => "reject",
            Self::Withdraw => "withdraw",
            Self::Close => "close",
            Self::Expire => "expire",
        }
    }

    /// The name in the audit trail.
    #[must_use]
    pub const fn audit(self) -> &'static str {
        match self {
            Self::Change => "commitment.change",
            Self::Submit => "commitment.submit",
            Self::Review => "commitment.review",
            Self::Approve => "commitment.approve",
            Self::Return => "commitment.return",
            Self::Reject => "commitment.reject",
            Self::Withdraw => "commitment.withdraw",
            Self::Close => "commitment.close",
            Self::Expire => "commitment.expire",
        }
    }

    /// Whether it may be done in a state, with so many steps done: the review is the first step, the approvals follow it.
    #[must_use]
    pub fn allowed(self, state: &str, steps_done: i32) -> bool {
        match self {
            Self::Change | Self::Submit => state == "draft",
            Self::Review => state == "submitted" && steps_done == 0,
            Self::Approve => state == "submitted" && steps_done > 0,
            Self::Return | Self::Reject => state == "submitted",
            Self::Withdraw => matches!(state, "draft" | "submitted"),
            Self::Close => state == "approved",
            Self::Expire => matches!(state, "submitted" | "approved"),
        }
    }
}

/// What the next step takes, and which part it is; none where no step is open.
#[must_use]
pub fn next_step(state: &str, chain: Option<&Chain>, steps_done: i32) -> Option<(Capability, Part)> {
    match (state, usize::try_from(steps_done).ok()?.checked_sub(1)) {
        ("submitted", None) => Some((Capability::ClaimReview, Part::Review)),
        ("submitted", Some(approval)) => chain?.approval(approval).map(|capability| (capability, Part::Approve)),
        _ => None,
    }
}

/// Every step after the submission, in order: the accountant's review, then the approvals of the chain.
#[must_use]
pub fn all_steps(chain: &Chain) -> Vec<(Capability, Part)> {
    let approvals = (0..).map_while(|index| chain.approval(index)).map(|capability| (capability, Part::Approve));
    [(Capability::ClaimReview, Part::Review)].into_iter().chain(approvals).collect()
}

/// What a claim takes of what the application still holds: as much as there is, at most what it asks for. The rest comes from the line.
#[must_use]
pub fn taken(held: Fen, asked: Fen) -> Fen {
    held.min(asked)
}

/// An application is approved: it holds its estimate on the line.
#[must_use]
pub fn approved(amount: Fen) -> Change {
    Change { reserved: amount, committed: amount, ..Change::default() }
}

/// An application ends: what it still held is free again.
///
/// # Errors
/// [`MoneyOverflow`].
pub fn ended(held: Fen) -> Result<Change, MoneyOverflow> {
    let back = held.checked_neg()?;
    Ok(Change { reserved: back, committed: back, ..Change::default() })
}

/// A claim is submitted: a part of its amount is held on the line already, by its application, and becomes the claim's; the line holds the rest besides.
///
/// # Errors
/// [`MoneyOverflow`].
pub fn claimed(amount: Fen, from_commitment: Fen) -> Result<Change, MoneyOverflow> {
    Ok(Change { reserved: amount.checked_sub(from_commitment)?, committed: from_commitment.checked_neg()?, ..Change::default() })
}

/// A claim goes no further: what the application took back it holds again, the line is free of the rest.
///
/// # Errors
/// [`MoneyOverflow`].
pub fn released(reserved: Fen, given_back: Fen) -> Result<Change, MoneyOverflow> {
    Ok(Change { reserved: given_back.checked_sub(reserved)?, committed: given_back, ..Change::default() })
}

/// A claim's payment is reversed: it was not spent, and what the application took back it holds again.
///
/// # Errors
/// [`MoneyOverflow`].
pub fn reversed(amount: Fen, given_back: Fen) -> Result<Change, MoneyOverflow> {
    Ok(Change { reserved: given_back, committed: given_back, spent: amount.checked_neg()? })
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
    fn the_accountant_reviews_first_and_the_chain_approves_one_after_the_other() {
        let two = chain(&["claim.approve_small", "claim.approve"]);
        assert_eq!(next_step("submitted", Some(&two), 0), Some((Capability::ClaimReview, Part::Review)));
        assert_eq!(next_step("submitted", Some(&two), 1), Some((Capability::ClaimApproveSmall, Part::Approve)));
        assert_eq!(next_step("submitted", Some(&two), 2), Some((Capability::ClaimApprove, Part::Approve)));
        assert_eq!(next_step("submitted", Some(&two), 3), None);
        assert_eq!(next_step("approved", Some(&two), 3), None);
        assert_eq!(all_steps(&two).len(), 3);
    }

    #[test]
    fn nothing_is_done_to_an_application_that_has_ended() {
        let all = [Action::Change, Action::Submit, Action::Review, Action::Approve, Action::Return, Action::Reject, Action::Withdraw, Action::Close, Action::Expire];
        for state in ["closed", "expired", "rejected", "withdrawn"] {
            assert!(all.iter().all(|action| !action.allowed(state, 0) && !action.allowed(state, 2)), "{state}");
        }
        assert!(!Action::Approve.allowed("submitted", 0), "nobody approves before the review");
    }

    /// A line as the statement of `budget::lines` changes it: refused as a whole where an invariant would break.
    #[derive(Clone, Copy, Debug)]
    struct Line {
        approved: i64,
        reserved: i64,
        committed: i64,
        spent: i64,
    }

    impl Line {
        fn change(&mut self, by: Change) -> bool {
            let (reserved, committed, spent) = (self.reserved + by.reserved.0, self.committed + by.committed.0, self.spent + by.spent.0);
            let fits = reserved >= 0 && spent >= 0 && committed >= 0 && committed <= reserved && reserved + spent <= self.approved;
            if fits {
                (self.reserved, self.committed, self.spent) = (reserved, committed, spent);
            }
            fits
        }
    }

    #[derive(Clone, Debug, Default)]
    struct Application {
        open: bool,
        held: i64,
    }

    #[derive(Clone, Debug)]
    struct Claim {
        application: Option<usize>,
        amount: i64,
        from_commitment: i64,
        reserved: i64,
        paid: bool,
    }

    #[derive(Clone, Debug)]
    enum Step {
        Approve(i64),
        End(usize),
        Claim(Option<usize>, i64),
        Leave(usize),
        Pay(usize),
        Reverse(usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (1_i64..400).prop_map(Step::Approve),
            (0_usize..8).prop_map(Step::End),
            (proptest::option::of(0_usize..8), 1_i64..300).prop_map(|(application, amount)| Step::Claim(application, amount)),
            (0_usize..16).prop_map(Step::Leave),
            (0_usize..16).prop_map(Step::Pay),
            (0_usize..16).prop_map(Step::Reverse),
        ]
    }

    proptest! {
        #[test]
        fn whatever_is_approved_claimed_given_back_paid_and_closed_the_line_holds_what_documents_hold(approved_on_line in 0_i64..2_000, steps in proptest::collection::vec(step(), 0..80)) {
            let mut line = Line { approved: approved_on_line, reserved: 0, committed: 0, spent: 0 };
            let (mut applications, mut claims): (Vec<Application>, Vec<Claim>) = (Vec::new(), Vec::new());
            let give = |applications: &mut Vec<Application>, claim: &Claim| -> i64 {
                match claim.application.and_then(|index| applications.get_mut(index)).filter(|application| application.open) {
                    Some(application) => { application.held += claim.from_commitment; claim.from_commitment }
                    None => 0,
                }
            };
            for step in steps {
                match step {
                    Step::Approve(amount) => {
                        if line.change(approved(Fen(amount))) {
                            applications.push(Application { open: true, held: amount });
                        }
                    }
                    Step::End(index) => {
                        if let Some(application) = applications.get_mut(index).filter(|application| application.open) {
                            prop_assert!(line.change(ended(Fen(application.held)).unwrap()), "ending is never refused");
                            *application = Application::default();
                        }
                    }
                    Step::Claim(application, amount) => {
                        let held = match application {
                            Some(index) => match applications.get(index).filter(|application| application.open) { Some(found) => found.held, None => continue },
                            None => 0,
                        };
                        let from_commitment = taken(Fen(held), Fen(amount)).0;
                        if line.change(claimed(Fen(amount), Fen(from_commitment)).unwrap()) {
                            if let Some(found) = application.and_then(|index| applications.get_mut(index)) {
                                found.held -= from_commitment;
                            }
                            claims.push(Claim { application, amount, from_commitment, reserved: amount, paid: false });
                        } else {
                            prop_assert!(amount - from_commitment > line.approved - line.reserved - line.spent, "refused only where the rest does not fit");
                        }
                    }
                    Step::Leave(index) => {
                        if let Some(claim) = claims.get(index).filter(|claim| claim.reserved > 0).cloned() {
                            let given = give(&mut applications, &claim);
                            prop_assert!(line.change(released(Fen(claim.reserved), Fen(given)).unwrap()), "a way out is never refused");
                            claims[index] = Claim { reserved: 0, from_commitment: 0, ..claim };
                        }
                    }
                    Step::Pay(index) => {
                        if let Some(claim) = claims.get_mut(index).filter(|claim| claim.reserved > 0) {
                            let paid = line.change(Change { reserved: Fen(-claim.amount), spent: Fen(claim.amount), ..Change::default() });
                            prop_assert!(paid, "paying is never refused by the line");
                            (claim.reserved, claim.paid) = (0, true);
                        }
                    }
                    Step::Reverse(index) => {
                        if let Some(claim) = claims.get(index).filter(|claim| claim.paid).cloned() {
                            let given = give(&mut applications, &claim);
                            prop_assert!(line.change(reversed(Fen(claim.amount), Fen(given)).unwrap()), "a reversal is never refused");
                            claims[index] = Claim { paid: false, from_commitment: 0, ..claim };
                        }
                    }
                }
                prop_assert_eq!(line.committed, applications.iter().map(|application| application.held).sum::<i64>());
                prop_assert_eq!(line.reserved, line.committed + claims.iter().map(|claim| claim.reserved).sum::<i64>());
                prop_assert_eq!(line.spent, claims.iter().filter(|claim| claim.paid).map(|claim| claim.amount).sum::<i64>());
                prop_assert!(line.reserved + line.spent <= line.approved && applications.iter().all(|application| application.held >= 0));
            }
        }
    }
}
