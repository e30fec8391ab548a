//! Why a request could not be answered by the upstream.

use http::StatusCode;

use crate::measure::{seconds, size};

/// Why there is no answer from the upstream. `Display` says what was expected and what was found.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyError {
    /// The upstream closed or reset the connection before its response head was complete.
    #[error("expected a response head from {upstream}, found the connection closed")]
    Closed {
        /// The upstream's origin.
        upstream: String,
    },
    /// No connection came about in time, TLS included.
    #[error("expected a connection to {upstream} within {}, found none", seconds(*.limit_millis))]
    ConnectTimeout {
        /// The upstream's origin.
        upstream: String,
        /// The limit that passed, in milliseconds.
        limit_millis: u64,
    },
    /// What came back is not an HTTP/1.1 response.
    #[error("expected an HTTP/1.1 response from {upstream}, found something else ({detail})")]
    Garbage {
        /// The upstream's origin.
        upstream: String,
        /// What the parser stumbled over.
        detail: String,
    },
    /// The response head did not come in time.
    #[error("expected a response head from {upstream} within {}, found silence", seconds(*.limit_millis))]
    HeadTimeout {
        /// The upstream's origin.
        upstream: String,
        /// The limit that passed, in milliseconds.
        limit_millis: u64,
    },
    /// The response head is longer than allowed.
    #[error(
        "expected a response head of at most {} and {limit_lines} lines from {upstream}, found a longer one",
        size(*.limit_bytes as u64)
    )]
    HeadTooLarge {
        /// The upstream's origin.
        upstream: String,
        /// The limit in bytes.
        limit_bytes: usize,
        /// The limit in field lines.
        limit_lines: usize,
    },
    /// The request came back to the proxy that sent it.
    #[error("expected the app at {upstream}, found this proxy itself: the request goes in circles")]
    Loop {
        /// The upstream's origin.
        upstream: String,
    },
    /// Nobody listens at the upstream's address.
    #[error("expected an app at {upstream}, found nobody listening (connection refused)")]
    Refused {
        /// The upstream's origin.
        upstream: String,
    },
    /// The visitor's request cannot be forwarded as it is.
    #[error("expected a request target such as `/path`, found {found}")]
    Target {
        /// What stood there instead.
        found: &'static str,
    },
    /// The TLS handshake failed.
    #[error("expected TLS at {upstream}, found a failed handshake ({detail})")]
    Tls {
        /// The upstream's origin.
        upstream: String,
        /// What TLS said.
        detail: String,
    },
    /// The request's body is longer than allowed.
    #[error("expected a request body of at most {}, found a longer one", size(*.limit_bytes))]
    TooLong {
        /// The limit in bytes.
        limit_bytes: u64,
    },
    /// The upstream switches protocols although nobody asked.
    #[error("expected an answer in HTTP from {upstream}, found a switch of protocols that nobody asked for")]
    UnaskedUpgrade {
        /// The upstream's origin.
        upstream: String,
    },
    /// No way to the upstream: its name does not resolve, or the network says no.
    #[error("expected to reach {upstream}, found no way there ({detail})")]
    Unreachable {
        /// The upstream's origin.
        upstream: String,
        /// What the resolver or the network said.
        detail: String,
    },
    /// The visitor stopped sending the request's body.
    #[error("expected the rest of the visitor's request body, found it broken off")]
    VisitorStopped,
}

impl ProxyError {
    /// Returns the stable name of the error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Closed { .. } => "upstream-closed",
            Self::ConnectTimeout { .. } => "upstream-connect-timeout",
            Self::Garbage { .. } => "upstream-garbage",
            Self::HeadTimeout { .. } => "upstream-head-timeout",
            Self::HeadTooLarge { .. } => "upstream-head-too-large",
            Self::Loop { .. } => "proxy-loop",
            Self::Refused { .. } => "upstream-refused",
            Self::Target { .. } => "target-unsupported",
            Self::Tls { .. } => "upstream-tls",
            Self::TooLong { .. } => "request-too-long",
            Self::UnaskedUpgrade { .. } => "upstream-unasked-upgrade",
            Self::Unreachable { .. } => "upstream-unreachable",
            Self::VisitorStopped => "visitor-stopped",
        }
    }

    /// Returns the status to answer with (RFC 9110 section 15.6; 508: RFC 5842 section 7.2).
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::ConnectTimeout { .. } | Self::HeadTimeout { .. } => StatusCode::GATEWAY_TIMEOUT,
            Self::Loop { .. } => StatusCode::LOOP_DETECTED,
            Self::Target { .. } => StatusCode::NOT_IMPLEMENTED,
            Self::TooLong { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::VisitorStopped => StatusCode::BAD_REQUEST,
            _ => StatusCode::BAD_GATEWAY,
        }
    }

    /// Returns the error type for `Proxy-Status` (RFC 9209 section 2.3).
    #[must_use]
    pub const fn proxy_status(&self) -> &'static str {
        match self {
            Self::Closed { .. } => "connection_terminated",
            Self::ConnectTimeout { .. } => "connection_timeout",
            Self::Garbage { .. } => "http_protocol_error",
            Self::HeadTimeout { .. } => "http_response_timeout",
            Self::HeadTooLarge { .. } => "http_response_header_section_size",
            Self::Loop { .. } => "proxy_loop_detected",
            Self::Refused { .. } => "connection_refused",
            Self::Target { .. } | Self::TooLong { .. } | Self::VisitorStopped => "http_request_error",
            Self::Tls { .. } => "tls_protocol_error",
            Self::UnaskedUpgrade { .. } => "http_upgrade_failed",
            Self::Unreachable { .. } => "destination_ip_unroutable",
        }
    }

    /// Says how to mend it, as one clause.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Closed { .. } => {
                "look into the app's own output: it ended the connection without answering"
            }
            Self::ConnectTimeout { .. } => "check that the app is up and that no firewall drops its packets",
            Self::Garbage { .. } => {
                "check that the address is the app's HTTP port and not one for HTTPS or something else"
            }
            Self::HeadTimeout { .. } => "look into what the app is waiting for, or allow it more time",
            Self::HeadTooLarge { .. } => "let the app send fewer or shorter header fields, cookies above all",
            Self::Loop { .. } => {
                "name the app's own address as the origin, not the one this proxy listens on"
            }
            Self::Refused { .. } => "start the app there, or name the address it really listens on",
            Self::Target { .. } => "ask for a path",
            Self::Tls { .. } => {
                "check the app's certificate, or name its address with http:// if it speaks no TLS"
            }
            Self::TooLong { .. } => "send less at once, or let the proxy take longer bodies",
            Self::UnaskedUpgrade { .. } => "check that the address is the app's HTTP port",
            Self::Unreachable { .. } => "check the app's host name and the network",
            Self::VisitorStopped => "send the request again",
        }
    }
}
