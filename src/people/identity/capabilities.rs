//! Which role holds what: the one table of rights.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use crate::kernel::access::Capability::{self, *};
use crate::kernel::access::Role;

/// What everybody who works in the street or the district reads.
const READ: &[Capability] = &[UnitRead, UserRead, ReferenceRead, PlanRead, ActivityRead, BudgetRead];
/// What those read who deal with the street's money.
const READ_MONEY: &[Capability] = &[LedgerRead, StipendRead, ClaimRead, AttachmentRead, JobRead];

/// The capabilities of a role, at the unit it is held at and below: put together once, asked for with every request.
#[must_use]
pub fn of_role(role: Role) -> &'static BTreeSet<Capability> {
    static BY_ROLE: LazyLock<BTreeMap<Role, BTreeSet<Capability>>> = LazyLock::new(|| Role::ALL.iter().map(|role| (*role, granted(*role))).collect());
    static NONE: BTreeSet<Capability> = BTreeSet::new();
    BY_ROLE.get(&role).unwrap_or(&NONE)
}

fn granted(role: Role) -> BTreeSet<Capability> {
    let groups: &[&[Capability]] = match role {
        Role::DistrictAdmin => &[READ, READ_MONEY, &[StreetOpen, CommunityOpen, UserManage, RoleGrant, RoleConfirm, ReferenceManage, BudgetApprove, AuditRead, JobRun]],
        Role::DistrictAuditor => &[READ, READ_MONEY, &[AuditRead, PersonUnmask, LedgerExport]],
        Role::StreetAdmin => &[READ, &[CommunityOpen, UserManage, RoleGrant, RoleConfirm, JobRead]],
        Role::PartyOffice => {
            &[READ, READ_MONEY, &[PlanWrite, ActivityWrite, BudgetDraft, StipendPrepare, EnrolmentConfirm, RunStop, PersonUnmask, ClaimPrepare, ClaimApproveSmall, ClaimReturn, AttachmentAdd]]
        }
        Role::StreetLeader => {
            &[READ, READ_MONEY, &[TransferApprove, OpeningApprove, EnrolmentConfirm, RunApprove, RunStop, AuthorisationSign, BankFileVoid, ClaimApproveSmall, ClaimApprove, ClaimReturn]]
        }
        Role::Accountant => &[
            READ,
            READ_MONEY,
            &[
                ReceiptRecord,
                YearOpen,
                PeriodClose,
                BankReconcile,
                LedgerRecord,
                LedgerExport,
                BankAccountConfirm,
                RunPost,
                BankFileVoid,
                RunStop,
                RecoveryRecord,
                PersonUnmask,
                JobRun,
                ClaimReview,
                ClaimReturn,
                ClaimRecord,
            ],
        ],
        Role::Cashier => &[READ, READ_MONEY, &[BankFile, BankFileVoid, ClaimPay]],
        Role::Inspector => &[READ, READ_MONEY, &[AuditRead]],
        Role::CommunitySecretary => &[READ, &[ClaimRead, ClaimEndorse, ClaimReturn, AttachmentRead]],
        Role::CommunityStaff => &[READ, &[ActivityWrite, ClaimRead, ClaimPrepare, AttachmentRead, AttachmentAdd]],
    };
    groups.iter().flat_map(|group| group.iter().copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_audits_or_inspects_changes_no_money() {
        let money = [
            BudgetDraft,
            BudgetApprove,
            TransferApprove,
            ReceiptRecord,
            LedgerRecord,
            RunApprove,
            RunPost,
            BankFile,
            AuthorisationSign,
            StipendPrepare,
            RecoveryRecord,
            ClaimPrepare,
            ClaimReview,
            ClaimApprove,
            ClaimPay,
            ClaimRecord,
        ];
        for role in [Role::DistrictAuditor, Role::Inspector, Role::StreetAdmin] {
            assert!(money.iter().all(|capability| !of_role(role).contains(capability)), "{role:?}");
        }
    }

    #[test]
    fn the_cashier_books_nothing() {
        let booking = [ReceiptRecord, LedgerRecord, RunPost, PeriodClose, YearOpen, RecoveryRecord, ClaimReview, ClaimRecord];
        assert!(booking.iter().all(|capability| !of_role(Role::Cashier).contains(capability)));
    }

    #[test]
    fn no_one_role_prepares_and_approves_the_same() {
        for role in Role::ALL {
            let held = of_role(role);
            assert!(!(held.contains(&BudgetDraft) && held.contains(&BudgetApprove)), "{role:?}");
            assert!(!(held.contains(&StipendPrepare) && held.contains(&RunApprove)), "{role:?}");
            assert!(!(held.contains(&RunApprove) && held.contains(&BankFile)), "{role:?}");
        }
    }
}
