//! Listening: a default port that is taken moves on, an explicit one is an error.

use std::net::SocketAddr;

use tokio::net::TcpListener;

use crate::error::Failed;

/// How many ports behind a default one are tried.
const TRIES: u16 = 50;

/// Listens on `explicit`, or on `default` or one of the ports behind it.
///
/// # Errors
///
/// Says which address is taken and by which flag another one is chosen.
pub(crate) async fn listen(
    explicit: Option<SocketAddr>,
    default: &str,
    flag: &str,
) -> Result<(TcpListener, SocketAddr), Failed> {
    let listener = match explicit {
        Some(address) => TcpListener::bind(address).await.map_err(|error| refused(address, flag, &error))?,
        None => first_free(default, flag).await?,
    };
    let address = listener
        .local_addr()
        .map_err(|error| Failed::new("the listening socket has no address").because(&error))?;
    Ok((listener, address))
}

async fn first_free(default: &str, flag: &str) -> Result<TcpListener, Failed> {
    let first: SocketAddr =
        default.parse().map_err(|_| Failed::new(format!("`{default}` is not an address")))?;
    for step in 0..TRIES {
        let mut address = first;
        address.set_port(first.port().saturating_add(step));
        match TcpListener::bind(address).await {
            Ok(listener) => return Ok(listener),
            Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {}
            Err(error) => return Err(refused(address, flag, &error)),
        }
    }
    let last = first.port().saturating_add(TRIES - 1);
    Err(Failed::new(format!(
        "expected a free port from {} to {last} on {}, but all are taken",
        first.port(),
        first.ip()
    ))
    .hint(format!("name one with `{flag} {}:PORT`", first.ip())))
}

fn refused(address: SocketAddr, flag: &str, error: &std::io::Error) -> Failed {
    let failed = match error.kind() {
        std::io::ErrorKind::AddrInUse => Failed::new(format!("{address} is taken by another program")),
        std::io::ErrorKind::PermissionDenied => {
            Failed::new(format!("this user may not listen on {address}")).because(error)
        }
        _ => Failed::new(format!("cannot listen on {address}")).because(error),
    };
    failed.hint(format!("choose another address with `{flag}`, or leave the flag out to take a free port"))
}
