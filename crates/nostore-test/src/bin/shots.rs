//! Makes the pictures of the documentation: `shots PATH-OF-NOSTORE FOLDER`.
//!
//! The pages are photographed as they are; the terminal's output is turned into a page first.

use std::path::Path;
use std::process::{ExitCode, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nostore_test::{Browser, WebDriver};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::main]
#[expect(clippy::print_stderr, reason = "a chore talks to whoever runs it")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [nostore, folder] = arguments.as_slice() else {
        eprintln!("expected: shots PATH-OF-NOSTORE FOLDER");
        return ExitCode::from(2);
    };
    match shots(nostore, Path::new(folder)).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("shots: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn shots(nostore: &str, folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    let driver = WebDriver::start().await;
    let camera = driver.browser().await;
    protected_site(nostore, folder, &driver, &camera).await?;
    unprotected_site(nostore, folder, &driver, &camera).await?;
    for failure in ["loop", "leak"] {
        let output =
            Command::new(nostore).args(["demo", failure]).env("CLICOLOR_FORCE", "1").output().await?;
        let text = format!("$ nostore demo {failure}\n{}", String::from_utf8_lossy(&output.stdout));
        terminal(&camera, &text, &folder.join(format!("demo-{failure}.png"))).await?;
    }
    camera.close().await;
    Ok(())
}

async fn protected_site(nostore: &str, folder: &Path, driver: &WebDriver, camera: &Browser) -> Result<()> {
    let site = Running::start(nostore, &["dev", "--cdn", "netlify"]).await?;
    let (url, alice) = (site.url(), driver.browser().await);
    alice.open(&format!("{url}/dashboard")).await;
    picture(&alice, &folder.join("sign-in.png")).await?;
    alice.fill("input[type=email][name=email]", "alice@example.com").await;
    alice.click("form:has(input[type=email][name=email]) button").await;
    alice.wait_for("#who").await;
    picture(&alice, &folder.join("dashboard.png")).await?;
    for _ in 0..2 {
        alice.open(&format!("{url}/")).await;
        alice.wait_for("#me:not(.out)").await;
    }
    picture(&alice, &folder.join("home.png")).await?;
    alice.close().await;
    terminal(camera, &site.stop("nostore dev --cdn netlify").await?, &folder.join("dev.png")).await
}

async fn unprotected_site(nostore: &str, folder: &Path, driver: &WebDriver, camera: &Browser) -> Result<()> {
    let arguments = ["dev", "--cdn", "cloudfront", "--keys", "live", "--unprotected", "leak"];
    let site = Running::start(nostore, &arguments).await?;
    let url = site.url();
    let alice = driver.browser().await;
    alice.open(&format!("{url}/dashboard")).await;
    alice.fill("input[type=email][name=email]", "alice@example.com").await;
    alice.click("form:has(input[type=email][name=email]) button").await;
    alice.wait_for("#who").await;
    let second = driver.browser().await;
    second.open(&format!("{url}/dashboard")).await;
    second.wait_for("#who").await;
    picture(&second, &folder.join("leak-second-browser.png")).await?;
    alice.close().await;
    second.close().await;
    let command = format!("nostore {}", arguments.join(" "));
    terminal(camera, &site.stop(&command).await?, &folder.join("dev-leak.png")).await
}

async fn picture(browser: &Browser, path: &Path) -> Result<()> {
    std::fs::write(path, browser.screenshot().await)?;
    Ok(())
}

/// A running `nostore dev` whose coloured output is kept.
struct Running {
    child: Child,
    output: Arc<Mutex<String>>,
    folder: std::path::PathBuf,
}

impl Running {
    async fn start(nostore: &str, arguments: &[&str]) -> Result<Self> {
        let folder = std::env::temp_dir().join(format!("nostore-shots-{}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        let mut child = Command::new(std::fs::canonicalize(nostore)?)
            .args(arguments)
            .current_dir(&folder)
            .env("CLICOLOR_FORCE", "1")
            .env("COLUMNS", "154")
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let stdout = child.stdout.take().ok_or("no standard output")?;
        let output = Arc::new(Mutex::new(String::new()));
        let (kept, (told, mut started)) = (Arc::clone(&output), tokio::sync::watch::channel(false));
        tokio::spawn(async move {
            let mut lines = BufReader::new(stdout).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                let mut text = kept.lock().unwrap_or_else(PoisonError::into_inner);
                text.push_str(&line);
                text.push('\n');
                if line.contains("Ctrl-C") {
                    told.send_replace(true);
                }
            }
        });
        tokio::time::timeout(PATIENCE, started.wait_for(|started| *started)).await??;
        Ok(Self { child, output, folder })
    }

    /// Returns the site's URL, the first one that the output names.
    fn url(&self) -> String {
        let text = self.output.lock().unwrap_or_else(PoisonError::into_inner);
        let start = text.find("http://localhost").unwrap_or_default();
        let rest = text.get(start..).unwrap_or_default();
        rest.chars().take_while(|c| c.is_ascii_alphanumeric() || ":/.".contains(*c)).collect()
    }

    /// Ends the site and returns what it printed, under the command that a person would have typed.
    async fn stop(mut self, command: &str) -> Result<String> {
        if let Some(id) = self.child.id() {
            Command::new("kill").args(["-INT", &id.to_string()]).status().await?;
        }
        tokio::time::timeout(PATIENCE, self.child.wait()).await??;
        std::fs::remove_dir_all(&self.folder)?;
        let text = self.output.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(format!("$ {command}\n{text}"))
    }
}

/// Photographs terminal output.
async fn terminal(camera: &Browser, text: &str, path: &Path) -> Result<()> {
    let lines = u32::try_from(text.lines().count())?;
    let page = format!(
        "<!doctype html><meta charset=utf-8><style>body{{margin:0;background:#12161c}}pre{{margin:0;padding:22px 26px;color:#d7dde5;\
         font:13px/1.45 'DejaVu Sans Mono',monospace;white-space:pre-wrap;overflow-wrap:anywhere}}</style><pre>{}</pre>",
        html(text)
    );
    let file = std::env::temp_dir().join(format!("nostore-terminal-{}.html", std::process::id()));
    std::fs::write(&file, page)?;
    camera.resize(1280, lines * 19 + 110 + 140).await;
    camera.open(&format!("file://{}", file.display())).await;
    picture(camera, path).await?;
    std::fs::remove_file(file)?;
    Ok(())
}

/// Turns text with SGR sequences (ECMA-48 section 8.3.117) into HTML.
fn html(text: &str) -> String {
    let mut page = String::new();
    let mut open = 0;
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once("\u{1b}[") {
        page.push_str(&escape(before));
        let Some((codes, behind)) = behind.split_once('m') else { break };
        rest = behind;
        if codes.is_empty() || codes == "0" {
            page.push_str(&"</span>".repeat(open));
            open = 0;
            continue;
        }
        let styles: Vec<&str> = codes.split(';').filter_map(style).collect();
        page.push_str(&format!("<span style=\"{}\">", styles.join(";")));
        open += 1;
    }
    page.push_str(&escape(rest));
    page
}

fn style(code: &str) -> Option<&'static str> {
    Some(match code {
        "1" => "font-weight:bold",
        "2" | "90" => "color:#8a96a5",
        "30" => "color:#12161c",
        "31" | "91" => "color:#ff7b72",
        "32" | "92" => "color:#56d39b",
        "33" | "93" => "color:#f2c14e",
        "34" | "94" => "color:#79b8ff",
        "35" | "95" => "color:#d2a8ff",
        "36" | "96" => "color:#67d5e0",
        _ => return None,
    })
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
