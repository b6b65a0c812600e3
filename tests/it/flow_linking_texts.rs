//! Properties of linking: over random people, and over any text where names, emails and phone numbers
//! are expected.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use sync_domain::linking::names::{blocks_of, compared_name, score};
use sync_domain::linking::{link, lookup_of};
use sync_domain::model::{ClientId, ComparedName, LinkRule, Person};

use crate::support::linking_world::{LinkingWorld, person};

/// Few values, so that people meet.
fn someone() -> impl Strategy<Value = Person> {
    let first = prop_oneof![
        Just(""),
        Just("Anna"),
        Just("Bob"),
        Just("Robert"),
        Just("Featherstone"),
        Just("Michael"),
        Just("Micheal"),
        Just("Maria"),
        Just("Mario"),
    ];
    let last = prop_oneof![
        Just(""),
        Just("Berg"),
        Just("Featherstone"),
        Just("Fetherstone"),
        Just("Garcia"),
        Just("Garcia Lopez"),
        Just("Anna"),
        Just("Smith Jr"),
    ];
    let email = prop_oneof![3 => Just(""), 1 => Just("a@example.com"), 1 => Just("b@example.com")];
    let phone = prop_oneof![3 => Just(""), 1 => Just("+12125550101"), 1 => Just("+12125550102")];
    (first, last, email, phone)
        .prop_map(|(first, last, email, phone)| person(first, last, email, phone))
}

/// Anything that a form lets through.
fn any_person() -> impl Strategy<Value = Person> {
    let text = || proptest::option::of(prop_oneof!["\\PC{0,60}", any::<String>()]);
    (text(), text(), text(), text()).prop_map(|(first_name, last_name, email, phone)| Person {
        first_name,
        last_name,
        email,
        phone,
    })
}

fn name_of(person: &Person) -> Option<ComparedName> {
    compared_name(person.first_name.as_deref(), person.last_name.as_deref())
}

proptest! {
    #[test]
    fn link_of_the_same_findings_is_the_same(people in proptest::collection::vec(someone(), 1..12)) {
        let world = LinkingWorld::default();
        for someone in &people {
            let found = world.clients.find(&lookup_of(&world.tenant, someone).unwrap());
            let decide = || link(&world.tenant, someone, &found, || ClientId::new("new")).unwrap();
            prop_assert_eq!(decide(), decide());
            world.book(someone);
        }
    }

    #[test]
    fn link_by_name_never_joins_clients_with_other_identifiers(
        people in proptest::collection::vec(someone(), 2..20),
    ) {
        let world = LinkingWorld::default();
        let mut first_seen: Vec<(String, Person)> = Vec::new();
        for someone in &people {
            let Some((client, rule)) = world.book(someone) else { continue };
            let maker = first_seen.iter().find(|(id, _)| *id == client);
            if let (LinkRule::Name, Some((_, maker))) = (rule, maker) {
                let differ = |one: &Option<String>, two: &Option<String>| {
                    matches!((one, two), (Some(one), Some(two)) if one != two)
                };
                prop_assert!(!differ(&maker.email, &someone.email));
                prop_assert!(!differ(&maker.phone, &someone.phone));
            }
            if rule == LinkRule::Created {
                first_seen.push((client, someone.clone()));
            }
        }
    }

    /// Somebody with an identifier is found again at once, whoever else is there; somebody with
    /// nothing but a name unless that was too little to know them by.
    #[test]
    fn link_finds_the_same_client_right_after_its_write(
        people in proptest::collection::vec(someone(), 1..20),
    ) {
        let world = LinkingWorld::default();
        for someone in &people {
            let Some((client, rule)) = world.book(someone) else { continue };
            if someone.email.is_some() || someone.phone.is_some() || rule != LinkRule::Created {
                let again = world.decide(someone).unwrap();
                prop_assert_eq!(again.link.client.as_str(), client);
                prop_assert_eq!(again.write, None);
            }
        }
    }

    #[test]
    fn link_finds_a_lone_name_again(first in "[a-zäöéł]{2,12}", last in "[a-zäöéł]{2,12}") {
        let world = LinkingWorld::default();
        let someone = person(&first, &last, "", "");
        prop_assume!(name_of(&someone).is_some_and(|name| blocks_of(&name).home.is_some()));
        world.book(&someone).unwrap();
        let swapped = person(&last.to_uppercase(), &first, "", "");
        prop_assert_eq!(world.decide(&someone).unwrap().link.rule, LinkRule::Name);
        prop_assert_eq!(world.decide(&swapped).unwrap().link.rule, LinkRule::Name);
    }

    #[test]
    fn link_takes_any_text(people in proptest::collection::vec(any_person(), 1..5)) {
        let world = LinkingWorld::default();
        for someone in &people {
            if let Some((client, _)) = world.book(someone)
                && (someone.email.as_deref().is_some_and(|it| !it.trim().is_empty()))
            {
                let again = world.book(someone);
                prop_assert!(again.is_none_or(|again| again.0 == client) );
            }
        }
    }

    #[test]
    fn score_is_the_same_both_ways_and_one_for_the_same(one in any_person(), two in any_person()) {
        let (Some(one), Some(two)) = (name_of(&one), name_of(&two)) else { return Ok(()) };
        let there = score(&one, &two);
        prop_assert!((0.0..=1.0).contains(&there));
        prop_assert_eq!(there.to_bits(), score(&two, &one).to_bits());
        prop_assert_eq!(score(&one, &one).to_bits(), 1.0_f64.to_bits());
    }

    #[test]
    fn score_takes_stored_names_of_any_form(one in any::<String>(), two in any::<String>()) {
        let (one, two) = (ComparedName::new(one), ComparedName::new(two));
        prop_assert!((0.0..=1.0).contains(&score(&one, &two)));
        prop_assert!(blocks_of(&one).looked_up.len() <= 25);
    }

    /// Names that are alike meet in a block, unless the one has a word less, or a slip was made in a
    /// short form.
    #[test]
    fn names_with_a_slip_inside_meet_in_a_block(
        word in "[a-z]{6,10}", last in "[a-z]{5,10}", at in 1..5_usize,
    ) {
        let mut slipped: Vec<char> = word.chars().collect();
        slipped.swap(at, at.saturating_sub(1).max(1));
        let slipped: String = slipped.into_iter().collect();
        let name = |first: &str| compared_name(Some(first), Some(&last)).unwrap();
        let (typed, slipped) = (name(&word), name(&slipped));
        prop_assume!(score(&typed, &slipped) >= 0.9);
        let home = blocks_of(&typed).home.unwrap();
        prop_assert!(blocks_of(&slipped).looked_up.contains(&home));
    }
}

#[test]
fn link_of_a_megabyte_of_name_costs_what_a_name_costs() {
    let world = LinkingWorld::default();
    let began = Instant::now();
    for text in ["a", "\u{301}", "\u{fdfa}", "de la ", "ﬃ\u{1f}", "van-", "\u{200b}", "e\u{301} x "]
    {
        let long = text.repeat(1_000_000 / text.len());
        let someone =
            Person { first_name: Some(long.clone()), last_name: Some(long), ..Person::default() };
        world.book(&someone);
        let lookup = lookup_of(&world.tenant, &someone).unwrap();
        assert!(lookup.blocks.len() <= 25);
        let name = name_of(&someone);
        assert!(name.is_none_or(|name| name.expose().len() < 1_000));
    }
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}
