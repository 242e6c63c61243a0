//! Whether there are people enough to take a document from its submission to its end: a person holds one part, and one approval of a chain.

use std::collections::BTreeSet;

use super::duties::Part;
use super::refusals;
use crate::kernel::access::{Capability, Place};
use crate::kernel::act::Act;
use crate::kernel::problem::Problem;
use crate::platform::http::Recipients;
use crate::platform::tasks::{NextActors, actors_of};

/// Each of the steps, in order, can be done by another person than who submits (and than `excluded` says of a part); gives who could act first.
///
/// # Errors
/// 422 `no_eligible_actor`.
pub async fn require_hands(act: &Act, recipients: &dyn Recipients, place: &Place, steps: &[(Capability, Part)], excluded: impl Fn(&String, Part) -> bool) -> Result<Vec<NextActors>, Problem> {
    let preparer = act.person_key();
    let mut people: Vec<BTreeSet<String>> = Vec::with_capacity(steps.len());
    let capabilities: Vec<Capability> = steps.iter().map(|(capability, _)| *capability).collect();
    let holders_of = recipients.holders_of(&capabilities, place).await?;
    for ((capability, part), holders) in steps.iter().zip(&holders_of) {
        let holders = holders.iter().map(|holder| holder.person.clone());
        let able: BTreeSet<String> = holders.filter(|person| *person != preparer && !excluded(person, *part)).collect();
        if able.is_empty() {
            return Err(refusals::no_eligible_actor(capability.code()));
        }
        people.push(able);
    }
    let first = steps.first().ok_or_else(|| Problem::internal("a chain without steps"))?.0;
    if !enough_hands(&people) {
        return Err(refusals::no_eligible_actor(first.code()));
    }
    Ok(actors_of(holders_of.into_iter().next().unwrap_or_default(), &[preparer]))
}

/// Whether the steps can each be done by another person: a person holds one part, and one approval of a chain.
fn enough_hands(steps: &[BTreeSet<String>]) -> bool {
    fn from(steps: &[BTreeSet<String>], taken: &mut Vec<String>) -> bool {
        let Some((first, rest)) = steps.split_first() else {
            return true;
        };
        for person in first {
            if !taken.contains(person) {
                taken.push(person.clone());
                if from(rest, taken) {
                    return true;
                }
                taken.pop();
            }
        }
        false
    }
    // Steps with the fewest people first, and no more of each than there are steps: the search stays small.
    let mut sorted: Vec<BTreeSet<String>> = steps.iter().map(|people| people.iter().take(steps.len()).cloned().collect()).collect();
    sorted.sort_by_key(BTreeSet::len);
    from(&sorted, &mut Vec::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_person_for_two_steps_is_not_enough() {
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
        assert!(!enough_hands(&[set(&["a"]), set(&["a"])]));
        assert!(enough_hands(&[set(&["a", "b"]), set(&["a"])]));
        assert!(!enough_hands(&[set(&["a"]), set(&[])]));
        assert!(!enough_hands(&[set(&["a", "b"]), set(&["a", "b"]), set(&["b", "a"])]));
    }
}
