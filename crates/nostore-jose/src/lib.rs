//! JWS and JWK Sets: strict compact parsing, RS256 verification and signing.
