//! What the list of known differences says about cases that it has once said something wrong about.

use nostore_conformance::case::{Case, OneOrMany, Outcome};
use nostore_conformance::differences::{Verdict, judge, known};
use nostore_conformance::token::{Mint, Signer};

/// A token that we do not read has no category for us either: both sides say of its stand-in that it is no token.
#[test]
fn a_padded_token_of_another_category_is_a_padded_token() {
    for category in ["null", "\"cl_B7d4PD333AAA\"", "\"cl_B7d4PD111AAA\""] {
        let head = format!(r#"{{"alg":"RS256","cat":{category},"kid":"kid-a","typ":"JWT"}}"#);
        let token = Mint::new().expect("keys").token(Signer::A, &head, r#"{"sub":"user_1"}"#);
        let mut case = Case::default();
        case.request.url = "https://app.acme.example/".to_owned();
        case.request.headers = vec![("authorization".to_owned(), format!("Bearer {token}=="))];
        case.options.accepts_token = Some(OneOrMany::One("any".to_owned()));
        let reference = Outcome { status: "signed-in".to_owned(), ..Outcome::default() };
        let ours = Outcome {
            status: "signed-out".to_owned(),
            reason: Some("token-invalid".to_owned()),
            ..Outcome::default()
        };
        let verdict = judge(&known(), &case, &reference, &ours, |_| Ok(ours.clone()));
        assert_eq!(verdict, Ok(Verdict::Agreed(vec!["token-without-padding"])), "{category}");
    }
}
