//! Tokens of machines, which come in `Authorization` alone (sections 4.4 and 4.5 of the protocol).

use nostore_message::Secret;

use crate::context::Context;
use crate::handshake::done;
use crate::need::{Answer, Need, OpaqueTokenFailure, Step};
use crate::token::{Refusal, has_category_beside_m2m, parse_sized, verify_machine};
use crate::{Decision, Machine, Reason, Status, TokenType};

/// What the head of an OAuth access token may say (RFC 9068 section 2.1).
const ACCESS_TOKEN_TYPES: [&str; 2] = ["at+jwt", "application/at+jwt"];

/// Why a machine's token is not accepted.
struct Refused {
    code: Reason,
    message: String,
    status: Option<u16>,
}

/// Decides by a token that is of `kind`.
pub(crate) fn machine(context: &Context<'_>, text: &str, kind: TokenType) -> Step {
    let verified = match parse_sized(text) {
        Ok(jws) => signed(context, &jws, kind),
        Err(_) => opaque(context, text, kind),
    };
    let decision = match verified {
        Ok(machine) => Decision::new(Status::Machine(Box::new(machine)), None, ""),
        Err(Undecided::Need(need)) => return Step::Need(need),
        Err(Undecided::Refused(Refused { code, message, status })) => {
            let status = status.map_or_else(|| "n/a".to_owned(), |status| status.to_string());
            let message = format!("{message} (code={code}, status={status})");
            Decision::signed_out(code, message)
        }
    };
    done(decision.about(Some(kind)))
}

enum Undecided {
    Need(Need),
    Refused(Refused),
}

fn refused(code: Reason, message: impl Into<String>, status: Option<u16>) -> Undecided {
    Undecided::Refused(Refused { code, message: message.into(), status })
}

fn signed(context: &Context<'_>, jws: &nostore_jose::Jws<'_>, kind: TokenType) -> Result<Machine, Undecided> {
    let types: &[&str] = if kind == TokenType::OauthToken { &ACCESS_TOKEN_TYPES } else { &["JWT"] };
    if kind == TokenType::M2mToken && has_category_beside_m2m(jws) {
        return Err(refused(Reason::TokenInvalid, "Invalid M2M JWT category.", None));
    }
    verify_machine(context, jws, types).map_err(|refusal| match refusal {
        Refusal::Need(need) => Undecided::Need(need),
        Refusal::Token(error) => refused(Reason::TokenVerificationFailed, error.text, None),
        Refusal::Unreachable => {
            refused(Reason::TokenVerificationFailed, "The JWK Set could not be loaded.", None)
        }
    })?;
    Machine::from_claims(kind, jws.payload())
        .map_err(|error| refused(Reason::TokenVerificationFailed, error.to_string(), None))
}

fn opaque(context: &Context<'_>, text: &str, kind: TokenType) -> Result<Machine, Undecided> {
    let answer = context.facts.answers.iter().find_map(|answer| match answer {
        Answer::OpaqueToken { token, result } if token.matches(text) => Some(result),
        _ => None,
    });
    let Some(result) = answer else {
        return Err(Undecided::Need(Need::OpaqueToken { kind, token: Secret::new(text) }));
    };
    let error = match result {
        Ok(description) => {
            return Machine::from_description(kind, description)
                .map_err(|_| refused(Reason::UnexpectedError, "Unexpected error", None));
        }
        Err(error) => error,
    };
    let unknown = match kind {
        TokenType::ApiKey => "API key not found",
        TokenType::OauthToken => "OAuth token not found",
        TokenType::M2mToken | TokenType::Session => "Machine token not found",
    };
    Err(match error {
        OpaqueTokenFailure::NotFound => refused(Reason::TokenInvalid, unknown, Some(404)),
        OpaqueTokenFailure::SecretKey { message } => {
            let said = if message.is_empty() { "Invalid secret key" } else { message };
            refused(Reason::SecretKeyInvalid, said, Some(401))
        }
        OpaqueTokenFailure::Unexpected { status } => {
            // What cannot be read counts as no answer.
            let told = Some(*status).filter(|status| !matches!(status, 200..=299));
            refused(Reason::UnexpectedError, "Unexpected error", told)
        }
        OpaqueTokenFailure::Unreachable => refused(Reason::UnexpectedError, "Unexpected error", None),
    })
}
