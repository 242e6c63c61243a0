use std::sync::LazyLock;

use super::*;

fn actor(places: &[Place]) -> Actor {
    static READS: LazyLock<BTreeSet<Capability>> = LazyLock::new(|| BTreeSet::from([Capability::ClaimRead]));
    let held = |place: &Place| Assignment { role: Role::Accountant, place: *place, unit_name: "街".to_owned(), acting_for: None, capabilities: &READS };
    let nobody = Uuid::nil();
    Actor {
        user_id: nobody,
        username: String::new(),
        person_key: None,
        session_id: nobody,
        must_change_password: false,
        home: Place::district(id(0)),
        assignments: places.iter().map(held).collect(),
        about: About::Unsaid,
    }
}

const fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

const ONE: Place = Place::street(id(0), id(1));
const TWO: Place = Place::street(id(0), id(2));
const ONES: Place = Place::community(id(0), id(1), id(11));
const ONES_OTHER: Place = Place::community(id(0), id(1), id(12));

fn scope_of(places: &[Place], about: About) -> Result<Scope, UnitUnclear> {
    Actor { about, ..actor(places) }.scope_for(Capability::ClaimRead)
}

#[test]
fn who_acts_in_one_unit_or_in_one_above_the_others_is_asked_nothing() {
    for places in [&[][..], &[ONE], &[ONES, ONE], &[ONE, ONE], &[TWO, ONES, Place::district(id(0))]] {
        assert!(!actor(places).acts_apart(), "{places:?}");
        assert!(scope_of(places, About::Unsaid).is_ok(), "{places:?}");
        assert_eq!(scope_of(places, About::Unit(ONES_OTHER)), scope_of(places, About::Unsaid), "{places:?}");
    }
}

#[test]
fn who_acts_apart_acts_where_the_request_is_about() {
    let apart = [TWO, ONES, ONE];
    assert!(actor(&apart).acts_apart());
    assert!(scope_of(&apart, About::Unsaid).is_err());
    for (about, scope) in [(ONE, ONE), (ONES, ONE), (ONES_OTHER, ONE), (TWO, TWO), (Place::street(id(0), id(3)), TWO)] {
        assert_eq!(scope_of(&apart, About::Unit(about)), Ok(Scope::of_place(scope)));
        assert_eq!(scope_of(&apart, About::Row(about)), Ok(Scope::of_place(scope)));
    }
}

#[test]
fn a_street_does_not_tell_which_of_its_communities_is_meant_and_a_row_of_it_is_seen_from_each() {
    let apart = [ONES, ONES_OTHER];
    assert!(actor(&apart).acts_apart());
    assert_eq!(scope_of(&apart, About::Unit(ONE)).map_err(|unclear| unclear.in_body().code), Err("community_required"));
    assert_eq!(scope_of(&apart, About::Row(ONE)), Ok(Scope::of_place(ONES)));
    assert_eq!(scope_of(&apart, About::Unit(ONES_OTHER)), Ok(Scope::of_place(ONES_OTHER)));
    assert_eq!(scope_of(&[ONES, TWO], About::Unit(ONE)), Ok(Scope::of_place(ONES)));
}

#[test]
fn a_request_concerns_what_it_is_about_and_never_a_unit_in_which_its_person_does_not_act() {
    let seat = |places: &[Place], about| Actor { about, ..actor(places) }.seat();
    assert_eq!(seat(&[TWO, ONE], About::Row(ONES)), ONES);
    assert_eq!(seat(&[TWO, ONE], About::Unit(ONE)), ONE);
    assert_eq!(seat(&[TWO, ONE], About::Unit(Place::street(id(0), id(3)))), TWO);
    assert_eq!((seat(&[ONE], About::Unsaid), seat(&[], About::Unsaid)), (ONE, Place::district(id(0))));
}

#[test]
fn what_is_ones_own_is_looked_for_in_all_units_none_within_another() {
    assert_eq!(actor(&[ONES, TWO, ONE, TWO]).scopes(), [TWO, ONE].map(Scope::of_place));
    assert_eq!(actor(&[]).scopes(), [Scope::District(id(0))]);
}
