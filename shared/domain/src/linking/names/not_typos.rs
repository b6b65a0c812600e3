//! Names that are one or two letters away from another well-known one. Between two of them nobody can
//! tell a slip from another person: Marina is not a mistyped Maria, nor Petersen a mistyped Peterson.

use std::collections::HashSet;
use std::sync::LazyLock;

const FIRST_NAMES: &str = "
adrian adrien aidan aiden alana alina amina amira amita anika anisha anita ankita anusha ariana
arianna ayumi braden brayden brian carina carla carlos carmen caroline carolyn christian christina
christine ciara clara claudia corina damian daniel daniela danielle darius darren denise dennis
diana eileen elaine elena eliane elina elisa eliza ellen emilia emily erica erin fabian fabien
fabio flavio frances francis gabriel gabriela gabriele gavin george georgia gerard giorgio hailey
hakan haley hamad hamed hamid hardy harley harry haruka haruna hasan hassan hayden hayley helena
helene henry irena irene jacob jaden jadon jamal james jamie jamil jared jarrod jason jayden
jeanne jemma jenna jesse jessie joan joanna joanne johan johann johanna john jonas jordan jovan
juan julia julian juliana juliane kaden kamal kamil karen karin karina katarina katrina kayden
keely kelly kerry kevin kiara klara kristian kristin kristina laura lauren leona leonie leroy
lewis liana liliana logan loren louis louisa louise lucia luisa mahesh malia marcel marcela
marcella marco marcus maria mariam marian mariana marianne marie marilyn marina mario marion
marisa marissa marita marius marla marlene marta martha martin martina mary matteo mattheus
matthew maurice melina michael michal michel michele michelle mikael milana milena miriam mukesh
naresh natalia natalie nathan nilesh nitesh oliver olivia olivier pablo paola paolo patrice
patricia patrick paula paulo percy perry pierre rafael rafal rajesh rakesh ramesh rashad rashid
regina reina renata renate ritesh robert roberta roberto robin rosana rosanna salem salim salma
samar samina samir samira sarita savita selena selim selina selma serena shannon sharon simeon
simon simone sofia sonia stefan stefanie stephan stephanie sumita sunita suresh susan susana
susanna susanne takashi takeshi tamara thomas tobias tracey tracy valentin valentina valeria
valerie vanessa verena veronica
";

const LAST_NAMES: &str = "
andersen anderson andersson baker barker barnes barton becker benton bernard bernhard bolton
burnes burton buxton carlsen carlson carter carver chang cheng ching chong christensen christenson
chung davidson davison dawson dickson dodson dubois dupuis eriksen erikson evans evens ferrari
ferraro fischer fisher forster foster garcia gerard girard giraud gracia griffin griffith hansen
hanson hansson harris harrison hoffman huang hudson huffman huston hwang jansen janson jensen
jenson johansen johanson johns johnson johnston jonas jones karlsen karlson keller kessler koller
larsen larson larsson lawson lawton lefebvre lefevre liang luong macdonald maier manson marin
marlin marsh martens martin martins mason mayer mayers mcdonald mehra mehta meier menendez meyer
meyers millar miller molina moller monroe moore moran moreno morgan morris morrison morton muller
myers nelson nielsen nilsen nilson nilsson norris novak nowak olsen olson olsson ortega ortiz
owens parker patel patil perkins petersen peterson petersson porter potter price prince ramirez
ramos reyes robinson robison rodgers rogers romeo romero russell salazar salva sanders saunders
schmid schmidt schmitt schultz schulz schulze shelton silva silvia simmonds simmons simons skelton
snyder sorensen sorenson stephens stevens stewart strong stuart swanson swenson tanner taylor
thomas thompson thomson tucker turner tyler varma vaughan verma walker waller walter walton warner
warren watson weaver webber weber weller weston wheeler wilkins willis wilson zhang zheng zhong
zhuang
";

static KNOWN: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| FIRST_NAMES.split_whitespace().chain(LAST_NAMES.split_whitespace()).collect());

/// Whether a word is one of these names.
pub(super) fn is_known_name(word: &str) -> bool {
    KNOWN.contains(word)
}
