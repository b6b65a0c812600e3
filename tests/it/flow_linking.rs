//! Whose a booking is: one row or test for each case of `docs/Client_Linking.md`.

use sync_domain::keys::IdentifierKind;
use sync_domain::linking::{link, lookup_of};
use sync_domain::model::{BLOCK_MAX, ClientId, LinkRule, Person};

use crate::support::linking_world::{LinkingWorld, person};

const PHONE: &str = "+12125550101";
const PHONE_2: &str = "+12125550102";

type Typed = (&'static str, &'static str, &'static str, &'static str);

fn typed((first, last, email, phone): Typed) -> Person {
    person(first, last, email, phone)
}

/// Books both, and says how the second one was linked; `Created` where they are two clients.
fn rule_of(first: Typed, second: Typed) -> LinkRule {
    let world = LinkingWorld::default();
    assert_eq!(world.book(&typed(first)), Some(("1".to_owned(), LinkRule::Created)), "{first:?}");
    let (client, rule) = world.book(&typed(second)).unwrap();
    assert_eq!(client == "1", rule != LinkRule::Created, "{first:?} {second:?}");
    rule
}

fn assert_rules(rows: &[(Typed, Typed, LinkRule)]) {
    for (first, second, expected) in rows {
        assert_eq!(rule_of(*first, *second), *expected, "{first:?} then {second:?}");
        assert_eq!(rule_of(*second, *first), *expected, "{second:?} then {first:?}");
    }
}

#[test]
fn link_takes_the_same_email_whatever_else_differs() {
    assert_rules(&[
        (
            ("Ada", "Lovelace", "ada@example.com", ""),
            ("Ada", "Lovelace", "ADA@Example.com ", ""),
            LinkRule::Email,
        ),
        // One mailbox is one client: a family's, or one whose owner has another name by now.
        (
            ("Anna", "Berg", "berg@example.com", ""),
            ("Otto", "Berg", "berg@example.com", ""),
            LinkRule::Email,
        ),
        (
            ("Ada", "Byron", "ada@example.com", PHONE),
            ("Augusta", "King", "ada@example.com", PHONE_2),
            LinkRule::Email,
        ),
        (("", "", "ada@example.com", ""), ("Ada", "King", "ada@example.com", ""), LinkRule::Email),
    ]);
}

#[test]
fn link_takes_the_same_phone_number_however_it_is_typed() {
    for phone in ["(212) 555-0101", "212.555.0101", "+1 212 555 0101", "1-212-555-0101"] {
        let rule = rule_of(("Ada", "King", "", PHONE), ("Ada", "King", "", phone));
        assert_eq!(rule, LinkRule::Phone, "{phone}");
    }
    assert_rules(&[
        (("Ada", "King", "", PHONE), ("Otto", "Berg", "", PHONE), LinkRule::Phone),
        (("Ada", "King", "a@example.com", PHONE), ("Otto", "Berg", "", PHONE), LinkRule::Phone),
        (
            ("Ada", "King", "a@example.com", PHONE),
            ("Ada", "Kign", "b@example.com", PHONE_2),
            LinkRule::Created,
        ),
        (
            ("Ada", "Lovelace", "a@example.com", PHONE),
            ("Lovelace", "Ada", "b@example.com", PHONE),
            LinkRule::Phone,
        ),
    ]);
}

#[test]
fn link_does_not_take_what_is_no_phone_number_for_one() {
    for phone in ["555-0101", "12", "+1000", "+10000000000", "+1 212 555 0101 ext. 7", "none"] {
        let rule = rule_of(("Ada", "King", "", phone), ("Otto", "Berg", "", phone));
        assert_eq!(rule, LinkRule::Created, "{phone}");
    }
}

#[test]
fn link_keeps_those_apart_who_share_a_phone_number_and_have_mailboxes_of_their_own() {
    let world = LinkingWorld::default();
    let book = |typed: Typed| world.book(&person(typed.0, typed.1, typed.2, typed.3)).unwrap();
    let linked = |client: &str, rule| (client.to_owned(), rule);
    let (anna, tim) = ("anna@example.com", "tim@example.com");
    assert_eq!(book(("Anna", "Berg", anna, PHONE)), linked("1", LinkRule::Created));
    assert_eq!(book(("Tim", "Berg", tim, PHONE)), linked("2", LinkRule::Created));
    // Without an email the name says who of the family it is; without that, whose number it was.
    assert_eq!(book(("Tim", "Berg", "", PHONE)), linked("2", LinkRule::Phone));
    assert_eq!(book(("Anna", "Berg", "", PHONE)), linked("1", LinkRule::Phone));
    assert_eq!(book(("Tim", "", "", PHONE)), linked("1", LinkRule::Phone));
    assert_eq!(book(("", "", "", PHONE)), linked("1", LinkRule::Phone));
    assert_eq!(book(("", "", "new@example.com", PHONE)), linked("3", LinkRule::Created));
    assert_eq!(world.owner(IdentifierKind::Phone, PHONE).as_deref(), Some("1"));
}

#[test]
fn link_takes_a_name_that_is_surely_the_same_if_nothing_speaks_against_it() {
    let same = |first: (&'static str, &'static str), second: (&'static str, &'static str)| {
        let (email, phone) = ("a@example.com", PHONE);
        ((first.0, first.1, email, ""), (second.0, second.1, "", phone), LinkRule::Name)
    };
    assert_rules(&[
        same(("Ada", "Lovelace"), ("Ada", "Lovelace")),
        same(("Ada", "Lovelace"), ("lovelace", "ADA")),
        same(("Ada", "Lovelace"), ("Ada Lovelace", "")),
        same(("Ada", "Lovelace"), ("", "Lovelace, Ada")),
        same(("José", "Muñoz"), ("Jose", "Munoz")),
        same(("Jürgen", "Müller"), ("Juergen", "Mueller")),
        same(("Björn", "Ågård"), ("Bjorn", "Aagaard")),
        same(("Андрей", "Щербаков"), ("Andrei", "Shcherbakov")),
        same(("Robert", "Lovelace"), ("Bob", "Lovelace")),
        same(("William", "Lovelace"), ("Lovelace", "Bill")),
        same(("Michael", "Lovelace"), ("Micheal", "Lovelace")),
        same(("Jessica", "Featherstone"), ("Jessica", "Fetherstone")),
        same(("Sean", "O'Brien"), ("Sean", "O Brien")),
        same(("Jan", "van der Berg"), ("Jan", "Vanderberg")),
        same(("Anne-Marie", "Dubois"), ("Annemarie", "Dubois")),
        same(("Dr. Ada", "Lovelace"), ("Ada", "Lovelace PhD")),
        same(("John", "Appleseed"), ("John Michael", "Appleseed")),
        same(("John M.", "Appleseed"), ("John Michael", "Appleseed")),
        same(("Maria", "Garcia"), ("Maria", "Garcia Lopez")),
    ]);
}

#[test]
fn link_does_not_take_names_that_only_look_alike() {
    let other = |first: (&'static str, &'static str), second: (&'static str, &'static str)| {
        let (email, phone) = ("a@example.com", PHONE);
        ((first.0, first.1, email, ""), (second.0, second.1, "", phone), LinkRule::Created)
    };
    assert_rules(&[
        other(("Maria", "Garcia"), ("Mario", "Garcia")),
        other(("Maria", "Garcia"), ("Marina", "Garcia")),
        other(("Christian", "Featherstone"), ("Christina", "Featherstone")),
        other(("Jon", "Featherstone"), ("John", "Featherstone")),
        other(("Ann", "Featherstone"), ("Anna", "Featherstone")),
        other(("Wei", "Li"), ("Wei", "Lee")),
        other(("J.", "Smith"), ("John", "Smith")),
        other(("Anna", "Petersen"), ("Anna", "Peterson")),
        other(("John Michael", "Appleseed"), ("John Peter", "Appleseed")),
        other(("John", "Appleseed"), ("John", "Appleseed Jr.")),
        other(("Jean-Paul", "Dubois"), ("Jean", "Dubois")),
        other(("Maria", "Garcia Lopez"), ("Maria", "Garcia Perez")),
        other(("Thomas", "Bob"), ("Thomas", "Robert")),
        other(("Maria", ""), ("Maria", "")),
        other(("Walk", "In"), ("Walk", "In")),
        other(("王", "芳"), ("王", "方")),
    ]);
}

#[test]
fn link_never_takes_a_name_against_an_identifier() {
    assert_rules(&[
        (
            ("Ada", "Lovelace", "a@example.com", ""),
            ("Ada", "Lovelace", "b@example.com", ""),
            LinkRule::Created,
        ),
        (("Ada", "Lovelace", "", PHONE), ("Ada", "Lovelace", "", PHONE_2), LinkRule::Created),
        (
            ("Ada", "Lovelace", "a@example.com", PHONE),
            ("Ada", "Lovelace", "", PHONE_2),
            LinkRule::Created,
        ),
        (("Ada", "Lovelace", "a@example.com", ""), ("Ada", "Lovelace", "", ""), LinkRule::Name),
    ]);
}

#[test]
fn link_takes_neither_of_two_namesakes() {
    let world = LinkingWorld::default();
    let namesake = |email: &str| world.book(&person("John", "Appleseed", email, "")).unwrap();
    assert_eq!(namesake("one@example.com"), ("1".to_owned(), LinkRule::Created));
    assert_eq!(namesake("two@example.com"), ("2".to_owned(), LinkRule::Created));
    assert_eq!(namesake(""), ("3".to_owned(), LinkRule::Created));
    assert_eq!(namesake("two@example.com"), ("2".to_owned(), LinkRule::Email));
    // A better name than the others' is no tie.
    let precise = world.book(&person("Jon", "Applesead", "", "")).unwrap();
    assert_eq!(precise.1, LinkRule::Created);
    let world = LinkingWorld::default();
    world.book(&person("William", "Featherstone", "a@example.com", "")).unwrap();
    world.book(&person("Bill", "Featherstone", "b@example.com", "")).unwrap();
    let bill = world.book(&person("Bill", "Featherstone", "", "")).unwrap();
    assert_eq!(bill, ("2".to_owned(), LinkRule::Name));
}

#[test]
fn link_prefers_the_email_where_the_phone_number_is_somebody_elses() {
    let world = LinkingWorld::default();
    world.book(&person("Ada", "King", "ada@example.com", "")).unwrap();
    world.book(&person("Otto", "Berg", "", PHONE)).unwrap();
    let both = world.decide(&person("Ada", "King", "ada@example.com", PHONE)).unwrap();
    assert_eq!((both.link.client.as_str(), both.link.rule), ("1", LinkRule::Email));
    assert_eq!(both.write, None);
    assert_eq!(world.owner(IdentifierKind::Phone, PHONE).as_deref(), Some("2"));
}

#[test]
fn link_learns_what_is_free_and_nothing_twice() {
    let world = LinkingWorld::default();
    world.book(&person("Ada", "King", "ada@example.com", "")).unwrap();
    let whole = person("Ada", "King", "ada@example.com", PHONE);
    assert_eq!(world.book(&whole), Some(("1".to_owned(), LinkRule::Email)));
    assert_eq!(world.owner(IdentifierKind::Phone, PHONE).as_deref(), Some("1"));
    assert_eq!(world.decide(&whole).unwrap().write, None);
    // The number is part of what the name is held against from now on.
    let other = world.book(&person("Ada", "King", "", PHONE_2)).unwrap();
    assert_eq!(other, ("2".to_owned(), LinkRule::Created));
    // By phone, and by name.
    let second = world.book(&person("Ada", "King", "ada@example.org", PHONE)).unwrap();
    assert_eq!(second, ("1".to_owned(), LinkRule::Phone));
    assert_eq!(world.owner(IdentifierKind::Email, "ada@example.org").as_deref(), Some("1"));
    world.book(&person("Otto", "Featherstone", "", "")).unwrap();
    let named = world.book(&person("Otto", "Featherstone", "otto@example.com", "")).unwrap();
    assert_eq!(named, ("3".to_owned(), LinkRule::Name));
    assert_eq!(world.owner(IdentifierKind::Email, "otto@example.com").as_deref(), Some("3"));
}

#[test]
fn link_makes_no_client_of_nobody() {
    let world = LinkingWorld::default();
    for (first, last, phone) in [("", "", ""), ("-", "?", "call me"), ("Walk-In", "Client", "")] {
        assert_eq!(world.book(&person(first, last, "", phone)), None);
    }
    assert!(world.clients.ids().is_empty());
    let single = world.book(&person("Cher", "", "", "")).unwrap();
    assert_eq!(single, ("1".to_owned(), LinkRule::Created));
}

#[test]
fn link_forgets_the_oldest_names_of_a_full_block_and_no_identifier() {
    let world = LinkingWorld::default();
    let many = u32::try_from(BLOCK_MAX).unwrap();
    // All of one block, which has the first and last letters in its name, and none like another.
    let letter = |number: u32| char::from(b"bcdfghjklmnpqrstvwxz"[number as usize % 20]);
    let name = |number: u32| format!("A{}{}a", letter(number / 20), letter(number));
    let email = |number: u32| format!("{number}@example.com");
    for number in 0..=many {
        world.book(&person(&name(number), "Kling", &email(number), "")).unwrap();
    }
    let found = |number: u32, email: &str| world.decide(&person(&name(number), "Kling", email, ""));
    assert_eq!(found(0, "").unwrap().link.rule, LinkRule::Created);
    assert_eq!(found(1, "").unwrap().link.rule, LinkRule::Name);
    assert_eq!(found(0, &email(0)).unwrap().link.client.as_str(), "1");
    let lookup = lookup_of(&world.tenant, &person(&name(0), "Kling", "", "")).unwrap();
    let blocks = world.clients.find(&lookup).blocks;
    assert!(blocks.values().all(|block| block.entries.len() == BLOCK_MAX));
}

#[test]
fn link_lists_a_family_with_its_number_and_not_a_town() {
    let world = LinkingWorld::default();
    let letters = "abcdefghijklmnop".chars();
    for letter in letters {
        let email = format!("{letter}@example.com");
        world.book(&person(&format!("Zo{letter}"), "Quill", &email, PHONE)).unwrap();
    }
    let lookup = lookup_of(&world.tenant, &person("", "", "", PHONE)).unwrap();
    let block = world.clients.find(&lookup).blocks.into_values().next().unwrap();
    assert_eq!(block.entries.len(), 10);
    assert_eq!(block.entries[0].client.as_str(), "1");
}

#[test]
fn link_of_two_at_once_lets_one_of_them_write() {
    let world = LinkingWorld::default();
    for someone in [
        person("Ada", "King", "", ""),
        person("", "", "ada@example.com", ""),
        person("", "", "", PHONE),
    ] {
        let (one, two) = (world.decide(&someone).unwrap(), world.decide(&someone).unwrap());
        assert_eq!((one.link.rule, two.link.rule), (LinkRule::Created, LinkRule::Created));
        assert!(world.clients.apply(&one.write.unwrap()));
        assert!(!world.clients.apply(&two.write.unwrap()));
        assert_eq!(world.decide(&someone).unwrap().link.client, one.link.client);
    }
}

#[test]
fn link_keeps_tenants_apart() {
    let world = LinkingWorld::default();
    let ada = person("Ada", "King", "ada@example.com", PHONE);
    world.book(&ada).unwrap();
    let other = sync_domain::model::TenantId::parse("globex").unwrap();
    let (ours, theirs) =
        (lookup_of(&world.tenant, &ada).unwrap(), lookup_of(&other, &ada).unwrap());
    assert!(ours.identifiers.is_disjoint(&theirs.identifiers));
    assert!(ours.blocks.is_disjoint(&theirs.blocks));
    let found = world.clients.find(&theirs);
    let linked = link(&other, &ada, &found, || ClientId::new("theirs")).unwrap().unwrap();
    assert_eq!(linked.link.rule, LinkRule::Created);
}
