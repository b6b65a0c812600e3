//! Usual forms of first names: short forms, and spellings of one name that came in from another
//! alphabet.
//!
//! Each form leads to one name. Left out is what is short for several (Alex, Chris, Sam, Ted, Charlie)
//! or is a name in its own right as often (Jack, Harry, Kim, Jon, Lisa): a wrong guess mixes two
//! people, none makes one client too many.

use std::collections::HashMap;
use std::sync::LazyLock;

/// A name, then its forms.
const FORMS: &str = "
abdullah: abdallah abdulla
abigail: abby abbie
abraham: abe
ahmed: ahmad
alexander: aleksandr alexandr aleksander oleksandr
alan: allan
aleksey: alexey aleksei alexei oleksiy
amanda: mandy
andrey: andrei
andrew: andy
angela: angie
anthony: tony
arthur: art
barbara: barb barbie
benjamin: ben benny benji
bradley: brad
brian: bryan
catherine: katherine katharine kathryn cathryn kate katie katy kathy cathy kathie
charles: chuck
christina: tina chrissy kristina
christopher: kit topher
constance: connie
cynthia: cindy
daniel: dan danny
david: dave davey
deborah: debra deb debbie debby
dmitry: dmitri dmitriy dimitri dimitry dmytro
donald: donny
dorothy: dot dottie
douglas: doug
edward: ed eddie eddy
elizabeth: elisabeth liz lizzie lizzy betty betsy libby
eric: erik
ernest: ernie
eugene: gene
evgeny: yevgeny evgeni evgeniy yevgeniy
francisco: paco
frederick: fred freddie freddy frederic
gabriel: gabe
gerald: gerry
georgios: giorgos yorgos
gertrude: trudy
gregory: greg gregg
harold: hal
henry: hank
herbert: herb
hussein: hussain husain hossein
ioannis: yannis giannis yiannis
jacob: jake jakob
jacqueline: jackie
james: jim jimmy jimmie
jeffrey: jeff
jennifer: jen jenn jenny jennie
jessica: jess
jonathan: jonathon johnathan
jose: pepe
joseph: joe joey
joshua: josh
judith: judy judi
julia: yulia yuliya iuliia
kenneth: ken kenny
kimberly: kimmy kimberley
lawrence: larry laurence
leila: layla laila leyla
leonard: len lenny
margaret: maggie meg peggy marge margie
martin: marty
matthew: matt mathew
michael: mike mikey mick
mitchell: mitch
mohammed: mohamed muhammad mohammad muhammed mohamad mohd
natalia: natalya nataliya
nicholas: nick nicky nicolas
nikolai: nikolay
norman: norm
oliver: ollie
pamela: pam
patricia: patty patti trish tricia
peter: pete
philip: phillip phil
rachel: rachael
randall: randy
raymond: ray
rebecca: becky becca rebekah
richard: rick ricky rich richie dick
robert: rob robbie bob bobby
ronald: ron
russell: russ
samantha: sammi
sandra: sandy
sarah: sara
sergey: sergei sergiy serhiy
stanley: stan
stephen: steven steve stevie
stuart: stewart stu
susan: sue susie suzy suzie
tatiana: tatyana tetiana
theresa: teresa tess
thomas: tom tommy
timothy: tim timmy
victor: vic viktor
victoria: vicky vicki vickie viktoria
vincent: vince vinny
virginia: ginny
walter: walt
wesley: wes
william: bill billy will willy willie
yekaterina: ekaterina katya
yuri: yury yuriy iurii
yusuf: youssef yousef yusef yousuf
zachary: zach zack zac zachery
";

static FULL_BY_FORM: LazyLock<HashMap<&'static str, &'static str>> = LazyLock::new(|| {
    let rows = FORMS.lines().filter_map(|line| line.split_once(": "));
    rows.flat_map(|(full, forms)| forms.split_whitespace().map(move |form| (form, full))).collect()
});

/// The name of which the word is a form; the word itself if it is none.
pub(super) fn full_form(word: &str) -> &str {
    FULL_BY_FORM.get(word).copied().unwrap_or(word)
}

#[cfg(test)]
mod tests {
    use super::{FORMS, FULL_BY_FORM};

    #[test]
    fn every_form_leads_to_one_name_that_is_no_form_itself() {
        let rows: Vec<_> = FORMS.lines().filter_map(|line| line.split_once(": ")).collect();
        let forms: usize = rows.iter().map(|(_, forms)| forms.split_whitespace().count()).sum();
        assert_eq!(forms, FULL_BY_FORM.len());
        assert!(rows.iter().all(|(full, _)| !FULL_BY_FORM.contains_key(full)));
        assert!(rows.len() > 80, "{}", rows.len());
    }
}
