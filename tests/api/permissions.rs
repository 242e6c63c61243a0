//! Who may do what where: printed from the real rules and compared, so that a change of rights is a diff that a leader can read.

use std::fmt::Write as _;

use mingzhang::kernel::access::{Assignment, Capability, Place, Role, Scope};
use mingzhang::people::identity::of_role;
use uuid::Uuid;

fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

/// The place that a role sits at, in district 1, street 2, community 3.
fn own_place(role: Role) -> Place {
    match role {
        Role::DistrictAdmin | Role::DistrictAuditor => Place::district(id(1)),
        Role::CommunitySecretary | Role::CommunityStaff => Place::community(id(1), id(2), id(3)),
        _ => Place::street(id(1), id(2)),
    }
}

const COLUMNS: [&str; 6] = ["own district", "own street", "sister street", "other district", "own community", "sister community"];

fn table() -> String {
    let places =
        [Place::district(id(1)), Place::street(id(1), id(2)), Place::street(id(1), id(12)), Place::district(id(21)), Place::community(id(1), id(2), id(3)), Place::community(id(1), id(2), id(13))];
    let mut text = String::new();
    for role in Role::ALL {
        writeln!(text, "{}", role.code()).unwrap();
        let held = Assignment { role, place: own_place(role), unit_name: String::new(), acting_for: None, capabilities: of_role(role) };
        for capability in Capability::ALL {
            let may = |place: &Place| held.capabilities.contains(capability) && held.place.covers(place);
            let columns: Vec<_> = places.iter().zip(COLUMNS).filter(|(place, _)| may(place)).map(|(_, name)| name).collect();
            if !columns.is_empty() {
                writeln!(text, "  {:<22} {}", capability.code(), columns.join(", ")).unwrap();
            }
        }
    }
    text
}

#[test]
fn the_table_of_rights_is_what_was_agreed() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/api/permissions.txt");
    let now = table();
    if std::env::var_os("MINGZHANG_WRITE_PERMISSIONS").is_some() {
        std::fs::write(path, &now).unwrap();
    }
    assert_eq!(std::fs::read_to_string(path).unwrap_or_default(), now, "rights changed: look at the difference, then run the test with MINGZHANG_WRITE_PERMISSIONS=1");
}

#[test]
fn nobody_reaches_a_sister_street_or_another_district_from_a_street() {
    for line in table().lines().filter(|line| line.contains("sister street")) {
        assert!(line.contains("own district"), "{line}");
    }
    assert!(!table().contains("other district"));
    assert_eq!(Scope::of_place(own_place(Role::CommunityStaff)), Scope::Community(id(1), id(2), id(3)));
}
