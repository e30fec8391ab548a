//! The stream in the words of each format.
//!
//! A server behind the cache does not see what the cache answers: its log has no [`Edge::Hit`]. CloudFront's log has all.

use std::fmt::Write as _;
use std::net::IpAddr;

use super::random::mix;
use super::{Act, Edge, Hit};
use crate::time::{DAY, MONTHS, clock_of, date_of};

/// A format to write.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Written {
    /// CloudFront's standard log, with cookies.
    CloudFront,
    /// Combined, with the session's cookie as a last field in quotation marks.
    Combined,
    /// Our event file.
    Events,
    /// nginx with `escape=json`.
    NginxJson,
}

impl Written {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::CloudFront, Self::Combined, Self::Events, Self::NginxJson];

    /// What stands at the top of a file.
    #[must_use]
    pub const fn head(self) -> &'static str {
        match self {
            Self::CloudFront => {
                "#Version: 1.0\n#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status \
                 cs(Referer) cs(User-Agent) cs-uri-query cs(Cookie) x-edge-result-type x-edge-request-id x-host-header \
                 cs-protocol cs-bytes time-taken x-forwarded-for ssl-protocol ssl-cipher x-edge-response-result-type \
                 cs-protocol-version fle-status fle-encrypted-fields c-port time-to-first-byte \
                 x-edge-detailed-result-type sc-content-type sc-content-len sc-range-start sc-range-end\n"
            }
            Self::Combined | Self::Events | Self::NginxJson => "",
        }
    }
}

/// The session's cookie, as it stands in access logs.
#[must_use]
pub fn session_text(session: u32) -> String {
    let (high, low) = (mix(u64::from(session)), mix(u64::from(session) ^ 0x5e55_1011_0000_0000));
    format!("{high:016x}{low:016x}")
}

/// The session's name, as it stands in our event file.
#[must_use]
pub fn event_session_text(session: u32) -> String {
    let session = u64::from(session);
    format!("{:016x}{:06x}", mix(session ^ 0xe7e7), mix(session) & 0xff_ffff)
}

/// Appends the lines of a format that tell of this request; there may be none.
pub fn write(format: Written, hit: &Hit, out: &mut String) {
    let told = match format {
        Written::CloudFront => cloudfront(hit, out),
        Written::Events => event(hit, out),
        Written::Combined | Written::NginxJson if hit.edge == Edge::Hit => Ok(()),
        Written::Combined => combined(hit, out),
        Written::NginxJson => nginx(hit, out),
    };
    debug_assert!(told.is_ok(), "a String takes everything");
}

const fn status(hit: &Hit) -> u16 {
    match hit.act {
        Act::Anonymous | Act::Asset | Act::Refresh | Act::Use => 200,
        Act::Redirect | Act::Refused | Act::SignIn => 302,
        Act::SignOut => 303,
    }
}

const fn method(hit: &Hit) -> &'static str {
    if matches!(hit.act, Act::SignOut) { "POST" } else { "GET" }
}

/// The cookie of the request: at a sign-in there is none yet.
fn cookie(hit: &Hit) -> Option<String> {
    hit.session.filter(|_| hit.act != Act::SignIn).map(session_text)
}

fn event(hit: &Hit, out: &mut String) -> std::fmt::Result {
    if hit.edge == Edge::Hit || matches!(hit.act, Act::Anonymous | Act::Asset) {
        return Ok(());
    }
    let (date, clock) = iso(hit.at);
    let name = match hit.act {
        Act::SignIn => "sign-in",
        Act::SignOut => "sign-out",
        Act::Refresh => "refresh",
        Act::Redirect => "redirect",
        Act::Refused => "refusal",
        Act::Anonymous | Act::Asset | Act::Use => "use",
    };
    write!(out, "{{\"time\":\"{date}T{clock}.{:03}Z\",\"event\":\"{name}\"", hit.at.rem_euclid(1_000))?;
    if let Some(session) = hit.session.filter(|_| hit.act != Act::Refused) {
        write!(out, ",\"session\":\"{}\"", event_session_text(session))?;
    }
    let network = match hit.address {
        IpAddr::V4(address) => u64::from(address.to_bits()),
        IpAddr::V6(address) => (address.to_bits() >> 64) as u64,
    };
    write!(out, ",\"client\":\"{}\",\"network\":\"{:016x}\"", hit.agent.class(), mix(network))?;
    if matches!(hit.act, Act::Use | Act::Redirect | Act::Refused) {
        write!(out, ",\"path\":\"{}\"", hit.path.split('?').next().unwrap_or_default())?;
    }
    match hit.act {
        Act::SignIn => write!(out, ",\"person\":\"p{}@example.com\",\"provider\":\"google\"", hit.person)?,
        Act::Refused => write!(out, ",\"reason\":\"signed-out\"")?,
        Act::SignOut => write!(out, ",\"reason\":\"visitor\"")?,
        Act::Refresh => write!(out, ",\"outcome\":\"renewed\"")?,
        Act::Anonymous | Act::Asset | Act::Redirect | Act::Use => {}
    }
    writeln!(out, "}}")
}

fn combined(hit: &Hit, out: &mut String) -> std::fmt::Result {
    let seconds = hit.at.div_euclid(1_000);
    let (year, month, day) = date_of(seconds.div_euclid(DAY));
    let (_, clock) = iso(hit.at);
    let month = MONTHS[usize::try_from(month - 1).unwrap_or(0)];
    write!(out, "{} - - [{day:02}/{month}/{year}:{clock} +0000] ", hit.address)?;
    write!(out, "\"{} {} HTTP/1.1\" {} {} ", method(hit), hit.path, status(hit), 512 + hit.at % 9_000)?;
    writeln!(out, "\"{}\" \"{}\" \"{}\"", referer(hit), hit.agent.text(), or_dash(cookie(hit)))
}

fn nginx(hit: &Hit, out: &mut String) -> std::fmt::Result {
    let (date, clock) = iso(hit.at);
    write!(out, "{{\"time_iso8601\":\"{date}T{clock}+00:00\",\"remote_addr\":\"{}\",", hit.address)?;
    write!(out, "\"request_method\":\"{}\",\"request_uri\":\"{}\",", method(hit), hit.path)?;
    write!(out, "\"status\":\"{}\",\"body_bytes_sent\":\"{}\",", status(hit), 512 + hit.at % 9_000)?;
    let referer = if hit.referer.is_empty() { String::new() } else { referer(hit) };
    write!(out, "\"http_referer\":\"{referer}\",\"http_user_agent\":\"{}\",", hit.agent.text())?;
    writeln!(out, "\"cookie_sid\":\"{}\"}}", cookie(hit).unwrap_or_default())
}

fn cloudfront(hit: &Hit, out: &mut String) -> std::fmt::Result {
    let (date, clock) = iso(hit.at);
    let (stem, query) = hit.path.split_once('?').unwrap_or((&hit.path, "-"));
    write!(out, "{date}\t{clock}\tFRA56-P4\t{}\t{}\t", 512 + hit.at % 9_000, hit.address)?;
    write!(out, "{}\td111111abcdef8.cloudfront.net\t{stem}\t{}\t", method(hit), status(hit))?;
    write!(out, "{}\t{}\t{query}\t", referer(hit), hit.agent.text().replace(' ', "%20"))?;
    let cookie = cookie(hit).map(|cookie| format!("theme=dark;%20sid={cookie}"));
    let result = if hit.edge == Edge::Hit { "Hit" } else { "Miss" };
    let request = mix(hit.at as u64);
    write!(out, "{}\t{result}\t{request:016x}==\twww.example.com\thttps\t312\t0.041\t-\t", or_dash(cookie))?;
    write!(
        out,
        "TLSv1.3\tTLS_AES_128_GCM_SHA256\t{result}\tHTTP/2.0\t-\t-\t{}\t0.040\t",
        1_024 + request % 60_000
    )?;
    writeln!(out, "{result}\ttext/html\t-\t-\t-")
}

fn referer(hit: &Hit) -> String {
    if hit.referer.is_empty() { "-".to_owned() } else { format!("https://www.example.com{}", hit.referer) }
}

fn or_dash(text: Option<String>) -> String {
    text.unwrap_or_else(|| "-".to_owned())
}

fn iso(millis: i64) -> (String, String) {
    let seconds = millis.div_euclid(1_000);
    let (year, month, day) = date_of(seconds.div_euclid(DAY));
    let (hour, minute, second) = clock_of(seconds.rem_euclid(DAY));
    (format!("{year:04}-{month:02}-{day:02}"), format!("{hour:02}:{minute:02}:{second:02}"))
}
