//! Headless Chromium over WebDriver, each browser with a fresh profile.

use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use fantoccini::error::CmdError;
use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// Where Debian puts chromedriver; elsewhere it is looked up in `PATH`.
const DRIVERS: [&str; 2] = ["/usr/bin/chromedriver", "chromedriver"];
/// How long chromedriver may take to start, and a page to show an element.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often a condition is looked at that a browser does not report.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A command of Chromium's own protocol, without parameters.
#[derive(Debug)]
struct DevTools(&'static str);

impl WebDriverCompatibleCommand for DevTools {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/goog/cdp/execute", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(json!({ "cmd": self.0, "params": {} }).to_string()))
    }
}

/// A running chromedriver.
pub struct WebDriver {
    _child: Child,
    url: String,
}

/// A browser with a profile of its own, deleted when it closes.
pub struct Browser {
    client: Client,
    profile: std::path::PathBuf,
}

/// A tab of a browser.
#[derive(Clone, Debug)]
pub struct Tab(fantoccini::wd::WindowHandle);

/// How a navigation ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Opened {
    /// At this URL.
    At(String),
    /// Chromium gave up: too many redirects.
    Loop,
}

/// What a `fetch` from within the page saw.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// The status code.
    pub status: u64,
    /// The fields that a script may read, as a JSON object.
    pub fields: Value,
    /// The body as text.
    pub body: String,
}

impl WebDriver {
    /// Starts chromedriver on a free port.
    ///
    /// # Panics
    ///
    /// When it is not installed: the message says how to install it.
    pub async fn start() -> Self {
        let spawn = |driver: &&str| {
            let mut command = Command::new(driver);
            command.arg("--port=0").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
            command.kill_on_drop(true).spawn().ok()
        };
        let child = DRIVERS.iter().find_map(spawn);
        let Some(mut child) = child else {
            panic!("expected chromedriver: on Debian `apt-get install chromium chromium-driver`");
        };
        let Some(stdout) = child.stdout.take() else { panic!("chromedriver has no standard output") };
        let mut lines = BufReader::new(stdout).lines();
        let port = tokio::time::timeout(PATIENCE, async {
            while let Ok(Some(line)) = lines.next_line().await {
                let port =
                    line.rsplit_once("on port ").map(|(_, port)| port.trim_end_matches('.').to_owned());
                if let Some(port) = port.filter(|port| port.parse::<u16>().is_ok_and(|port| port != 0)) {
                    return port;
                }
            }
            panic!("chromedriver ended before it said its port");
        })
        .await;
        let Ok(port) = port else { panic!("chromedriver did not say its port") };
        // Whatever else it prints is read, so that it never blocks.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Self { _child: child, url: format!("http://127.0.0.1:{port}") }
    }

    /// Opens a browser with a fresh profile.
    ///
    /// # Panics
    ///
    /// When Chromium does not start.
    pub async fn browser(&self) -> Browser {
        self.started(&[]).await
    }

    /// Opens a browser with a fresh profile that says it is another one, on another device.
    ///
    /// # Panics
    ///
    /// When Chromium does not start.
    pub async fn browser_as(&self, user_agent: &str) -> Browser {
        self.started(&[format!("--user-agent={user_agent}")]).await
    }

    async fn started(&self, more: &[String]) -> Browser {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let profile = std::env::temp_dir().join(format!("nostore-chromium-{}-{number}", std::process::id()));
        let mut arguments = vec![format!("--user-data-dir={}", profile.display())];
        arguments.extend_from_slice(more);
        let common = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
            "--window-size=1180,820",
            "--hide-scrollbars",
        ];
        arguments.extend(common.map(str::to_owned));
        let mut capabilities = serde_json::Map::new();
        capabilities.insert("goog:chromeOptions".into(), json!({ "args": arguments }));
        let client =
            ClientBuilder::new(HttpConnector::new()).capabilities(capabilities).connect(&self.url).await;
        match client {
            Ok(client) => Browser { client, profile },
            Err(error) => panic!("Chromium did not start: {error}"),
        }
    }
}

impl Browser {
    /// Navigates to `url` and returns where it ended.
    ///
    /// # Panics
    ///
    /// When the navigation fails in another way than by too many redirects.
    pub async fn open(&self, url: &str) -> Opened {
        match self.client.goto(url).await {
            Ok(()) if self.shows_redirect_loop().await => Opened::Loop,
            Ok(()) => Opened::At(self.url().await),
            Err(CmdError::Standard(error)) if error.to_string().contains("ERR_TOO_MANY_REDIRECTS") => {
                Opened::Loop
            }
            Err(error) => panic!("{url}: {error}"),
        }
    }

    /// Returns the URL in the address bar.
    pub async fn url(&self) -> String {
        self.client.current_url().await.map(|url| url.to_string()).unwrap_or_default()
    }

    /// Tells whether the page says that there were too many redirects.
    async fn shows_redirect_loop(&self) -> bool {
        self.client.source().await.is_ok_and(|page| page.contains("ERR_TOO_MANY_REDIRECTS"))
    }

    /// Waits until the page says that there were too many redirects.
    ///
    /// # Panics
    ///
    /// When it shows something else to the end.
    pub async fn wait_for_redirect_loop(&self) {
        let mut look = tokio::time::interval(LOOK_EVERY);
        let shown = tokio::time::timeout(PATIENCE, async {
            while !self.shows_redirect_loop().await {
                look.tick().await;
            }
        });
        assert!(shown.await.is_ok(), "no redirect loop, but {}", self.url().await);
    }

    /// Returns the text of the first element that matches, without waiting.
    pub async fn text(&self, css: &str) -> Option<String> {
        self.client.find(Locator::Css(css)).await.ok()?.text().await.ok()
    }

    /// Waits for an element.
    ///
    /// # Panics
    ///
    /// When it does not appear.
    pub async fn wait_for(&self, css: &str) -> String {
        let found = self.client.wait().at_most(PATIENCE).for_element(Locator::Css(css)).await;
        match found {
            Ok(element) => element.text().await.unwrap_or_default(),
            Err(error) => {
                let page = self.client.source().await.unwrap_or_default();
                panic!("no {css} at {}: {error}\n{page}", self.url().await)
            }
        }
    }

    /// Types into a field.
    ///
    /// # Panics
    ///
    /// When there is no such field.
    pub async fn fill(&self, css: &str, text: &str) {
        let typed = async { self.client.find(Locator::Css(css)).await?.send_keys(text).await };
        if let Err(error) = typed.await {
            panic!("cannot type into {css} at {}: {error}", self.url().await);
        }
    }

    /// Clicks, and lets the navigation that follows run.
    ///
    /// # Panics
    ///
    /// When there is nothing to click.
    pub async fn click(&self, css: &str) {
        let clicked = async { self.client.find(Locator::Css(css)).await?.click().await };
        match clicked.await {
            Ok(()) => {}
            Err(CmdError::Standard(error)) if error.to_string().contains("ERR_TOO_MANY_REDIRECTS") => {}
            Err(error) => panic!("cannot click {css} at {}: {error}", self.url().await),
        }
    }

    /// Returns the value of a cookie of the page's host.
    pub async fn cookie(&self, name: &str) -> Option<String> {
        self.client.get_named_cookie(name).await.ok().map(|cookie| cookie.value().to_owned())
    }

    /// Sets a cookie of the page's host, for every path, as a script does.
    ///
    /// # Panics
    ///
    /// When the browser refuses.
    pub async fn set_cookie(&self, name: &str, value: &str) {
        let script = "document.cookie = `${arguments[0]}=${arguments[1]}; path=/`";
        if let Err(error) = self.client.execute(script, vec![json!(name), json!(value)]).await {
            panic!("cannot set the cookie {name}: {error}");
        }
    }

    /// Deletes one cookie of the page's host.
    ///
    /// # Panics
    ///
    /// When the browser refuses.
    pub async fn delete_cookie(&self, name: &str) {
        if let Err(error) = self.client.delete_cookie(name).await {
            panic!("cannot delete the cookie {name}: {error}");
        }
    }

    /// Waits until the page's site has no cookie with that name: until a short-lived one ran out.
    ///
    /// # Panics
    ///
    /// When it does not run out.
    pub async fn wait_until_without_cookie(&self, name: &str) {
        let mut look = tokio::time::interval(LOOK_EVERY);
        let gone = tokio::time::timeout(PATIENCE, async {
            while self.client.get_named_cookie(name).await.is_ok() {
                look.tick().await;
            }
        });
        assert!(gone.await.is_ok(), "the cookie {name} stays");
    }

    /// Deletes the cookies of the page's site.
    ///
    /// # Panics
    ///
    /// When the browser refuses.
    pub async fn delete_cookies(&self) {
        if let Err(error) = self.client.delete_all_cookies().await {
            panic!("cannot delete cookies: {error}");
        }
    }

    /// Forgets every cookie of every site and all that the browser has cached: as fresh as a new profile, and sooner there.
    ///
    /// # Panics
    ///
    /// When the browser refuses.
    pub async fn forget(&self) {
        for method in ["Network.clearBrowserCookies", "Network.clearBrowserCache"] {
            if let Err(error) = self.client.issue_cmd(DevTools(method)).await {
                panic!("{method}: {error}");
            }
        }
    }

    /// Waits until the address bar shows `url` and its page has loaded.
    ///
    /// # Panics
    ///
    /// When that does not happen.
    pub async fn wait_for_url(&self, url: &str) {
        let loaded = async {
            let url = url.parse().map_err(|_| CmdError::NotJson("not a URL".into()))?;
            self.client.wait().at_most(PATIENCE).for_url(&url).await?;
            self.client.wait().at_most(PATIENCE).for_element(Locator::Css("body")).await
        };
        if let Err(error) = loaded.await {
            panic!("not at {url} but at {}: {error}", self.url().await);
        }
    }

    /// Fetches `path` from within the page, as a script does that says nothing about caching.
    ///
    /// # Panics
    ///
    /// When the page cannot run it.
    pub async fn fetch(&self, path: &str) -> Fetched {
        let script = "const [path, done] = arguments; fetch(path).then(async r => done({ \
                      status: r.status, fields: Object.fromEntries(r.headers), body: await r.text() }), e => done({ error: String(e) }))";
        let answer = self.client.execute_async(script, vec![json!(path)]).await;
        let answer = answer.unwrap_or_else(|error| panic!("cannot fetch {path}: {error}"));
        let Some(status) = answer["status"].as_u64() else { panic!("cannot fetch {path}: {answer}") };
        let body = answer["body"].as_str().unwrap_or_default().to_owned();
        Fetched { status, fields: answer["fields"].clone(), body }
    }

    /// Opens another tab of this browser and goes there. Returns what it is called.
    ///
    /// # Panics
    ///
    /// When the browser refuses.
    pub async fn open_tab(&self) -> Tab {
        let opened = async {
            let handle = self.client.new_window(true).await?.handle;
            self.client.switch_to_window(handle.clone()).await?;
            Ok::<_, CmdError>(Tab(handle))
        };
        opened.await.unwrap_or_else(|error| panic!("no tab: {error}"))
    }

    /// Returns the tab that the browser is at.
    ///
    /// # Panics
    ///
    /// When it is at none.
    pub async fn tab(&self) -> Tab {
        Tab(self.client.window().await.unwrap_or_else(|error| panic!("no tab: {error}")))
    }

    /// Goes to a tab: what follows concerns that one.
    ///
    /// # Panics
    ///
    /// When it is gone.
    pub async fn go_to(&self, tab: &Tab) {
        if let Err(error) = self.client.switch_to_window(tab.0.clone()).await {
            panic!("no such tab: {error}");
        }
    }

    /// Closes the tab that the browser is at. Go to another one next.
    ///
    /// # Panics
    ///
    /// When the browser refuses.
    pub async fn close_tab(&self) {
        if let Err(error) = self.client.close_window().await {
            panic!("the tab stays: {error}");
        }
    }

    /// Runs the body of an asynchronous function in the page and returns what it resolves to.
    ///
    /// # Panics
    ///
    /// When it throws.
    pub async fn run(&self, script: &str, arguments: Vec<Value>) -> Value {
        let script = format!(
            "const done = arguments[arguments.length - 1]; \
             (async (...args) => {{ {script} }})(...[...arguments].slice(0, -1)) \
             .then(value => done({{ value: value ?? null }}), error => done({{ error: `${{error}} ${{error.stack}}` }}))"
        );
        let answer = self.client.execute_async(&script, arguments).await;
        let answer = answer.unwrap_or_else(|error| panic!("cannot run a script: {error}"));
        assert!(answer["error"].is_null(), "a script failed: {}", answer["error"]);
        answer["value"].clone()
    }

    /// Makes a picture of the window as PNG.
    ///
    /// # Panics
    ///
    /// When the browser refuses.
    pub async fn screenshot(&self) -> Vec<u8> {
        self.client.screenshot().await.unwrap_or_else(|error| panic!("no picture: {error}"))
    }

    /// Sets the window's size in pixels.
    pub async fn resize(&self, width: u32, height: u32) {
        // A picture of another size is still a picture.
        let _ = self.client.set_window_size(width, height).await;
    }

    /// Closes the browser and deletes its profile.
    pub async fn close(self) {
        let Self { client, profile } = self;
        // A browser that is already gone is closed.
        let _ = client.close().await;
        let _ = std::fs::remove_dir_all(profile);
    }
}
