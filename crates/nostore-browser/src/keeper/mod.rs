//! What runs in each tab. [`Keeper::step`] takes what happened and returns what is to be done, in that order.

mod cookies;
mod session;
mod tokens;

use std::sync::Arc;

use nostore_token::{Failure, FetchId, Now, Policy, SessionToken, Skew, TokenKey};

use crate::cookie::Names;
use crate::entries::Entries;
use crate::options::Options;
use crate::page::Page;
use crate::poller::Poller;
use crate::text::Text;

/// The ticket of the poller: nobody's promise.
const POLLER: u32 = 0;

/// A reading of the page's clocks.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Clocks {
    /// Wall time, in milliseconds since 1970.
    pub wall_ms: i64,
    /// Time that never jumps, in milliseconds since any start.
    pub steady_ms: u64,
}

/// How a token is asked for.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Read {
    /// The template for its claims; empty: none.
    pub template: String,
    /// The organization, an empty one being the personal workspace; `None` is the one active in the session.
    pub organization: Option<String>,
    /// Whether to fetch one of its own, whatever there is.
    pub skip_cache: bool,
    /// Whether to wait for a fresh one where the one there is stale.
    pub refresh_if_stale: bool,
    /// A threshold of this caller's.
    pub background_threshold_ms: Option<i64>,
}

/// An answer of the Frontend API.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its field `Retry-After`.
    pub retry_after: Option<String>,
    /// Its field `Date`.
    pub date: Option<String>,
    /// Its body.
    pub body: Text,
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Lost {
    /// There is no network.
    Offline,
    /// It broke on the way.
    Network,
    /// It took too long.
    TimedOut,
}

/// What tabs tell each other.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Channel {
    /// There is another token.
    Tokens,
    /// Somebody signed out.
    SignOut,
}

/// What happened.
#[derive(Clone, Debug)]
pub enum Input {
    /// The page starts, with these cookies.
    Started {
        /// `document.cookie`.
        cookies: Text,
    },
    /// A token is asked for.
    Read {
        /// Names the promise; not 0.
        ticket: u32,
        /// How.
        read: Read,
    },
    /// The cookies that were asked for.
    Cookies(Text),
    /// A fetch was answered.
    Answered {
        /// Which.
        job: u32,
        /// How.
        answer: Answer,
    },
    /// A fetch was not.
    Lost {
        /// Which.
        job: u32,
        /// Why.
        why: Lost,
    },
    /// The lock is held.
    Admitted {
        /// By which job.
        job: u32,
        /// `document.cookie`.
        cookies: Text,
    },
    /// Another tab tells something.
    Heard {
        /// Where.
        channel: Channel,
        /// What.
        text: Text,
    },
    /// Focus, visibility or network changed, or may have.
    Looked {
        /// What the page is to its user now.
        page: Page,
        /// `document.cookie`.
        cookies: Text,
    },
    /// The timer ran out.
    Woke,
    /// The user signs out.
    SignOut {
        /// Names the promise.
        ticket: u32,
    },
    /// Another organization is to be active in the session; an empty one is the personal workspace.
    Choose {
        /// Names the promise.
        ticket: u32,
        /// Which.
        organization: String,
    },
    /// The instance's environment is known, or is another now.
    Environment {
        /// Whether cookies are partitioned.
        partitioned: bool,
    },
    /// The page is put aside: nothing may keep it from being kept.
    Hidden,
    /// The page ends the keeping.
    Stop,
}

/// What is to be done.
#[derive(Clone, Debug)]
pub enum Action {
    /// Read `document.cookie` and tell [`Input::Cookies`] at once, before the actions behind this one.
    ReadCookies,
    /// Set this cookie.
    SetCookie(Text),
    /// Send this request, with the browser's cookies.
    Fetch {
        /// Names it.
        job: u32,
        /// GET or POST.
        method: &'static str,
        /// Where.
        url: Text,
        /// A form, as its body.
        form: Option<Text>,
        /// How long it may take.
        timeout_ms: u64,
    },
    /// End that request.
    Abort(u32),
    /// Wait for this lock, and tell [`Input::Admitted`].
    Lock {
        /// Names the job.
        job: u32,
        /// The lock.
        name: String,
    },
    /// Let go of the lock of this job, or wait for it no longer.
    Unlock(u32),
    /// Hear other tabs from now on.
    Listen {
        /// What the channels' names begin with.
        prefix: String,
    },
    /// Tell other tabs.
    Post {
        /// Where.
        channel: Channel,
        /// What.
        text: Text,
    },
    /// Hear and tell nobody.
    Close,
    /// Tell [`Input::Woke`] after so many milliseconds, instead of what was asked for before.
    Timer(Option<u64>),
    /// Fulfil a promise, with a token or with none.
    Settle {
        /// Which.
        ticket: u32,
        /// How.
        outcome: Result<Option<Arc<SessionToken>>, Problem>,
    },
    /// Tell the application.
    Tell(Event),
}

/// What an application may want to know.
#[derive(Clone, Debug)]
pub enum Event {
    /// The session's own token is another one.
    Token(Arc<SessionToken>),
    /// The session is over.
    Ended {
        /// Which.
        session: String,
    },
    /// Something did not work: it is tried again, or nobody needs it now.
    Degraded(Failure),
}

/// Why a promise is not kept.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// No token came.
    #[error("{0}")]
    Failure(#[from] Failure),
    /// The keeping was ended.
    #[error("expected a session that is kept, found one that `stop()` was called on")]
    Stopped,
    /// There is nobody to do it for.
    #[error("expected a signed-in user, found none")]
    Nobody,
}

impl Problem {
    /// Returns the stable name of the problem.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Failure(failure) => failure.code(),
            Self::Stopped => "session-stopped",
            Self::Nobody => "session-nobody",
        }
    }
}

/// Whose tokens are kept.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Who {
    /// It is not known yet.
    Unknown,
    /// Nobody is signed in.
    Nobody,
    Somebody(Current),
}

/// A session, and the organization that is active in it.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Current {
    session: String,
    organization: String,
}

impl Current {
    fn key(&self) -> TokenKey {
        TokenKey::of_session(&*self.session).organization(&*self.organization)
    }

    fn is_of(&self, token: &SessionToken) -> bool {
        token.session() == Some(&*self.session)
            && token.organization().unwrap_or_default() == self.organization
    }
}

/// Something under way with the service.
#[derive(Debug)]
struct Job {
    work: Work,
    sent: Clocks,
    lock: LockState,
    /// Answered: what is left is to let go of the lock.
    done: bool,
}

#[derive(Debug)]
enum Work {
    Token {
        key: TokenKey,
        id: FetchId,
        ask: Option<nostore_token::Ask>,
        repeated: bool,
    },
    /// Who is there?
    Discover,
    /// Is this session really over?
    MakeSure(String),
    SignOut {
        ticket: u32,
        session: String,
    },
    Touch {
        ticket: u32,
        session: String,
    },
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum LockState {
    None,
    Asked,
    Held,
}

/// A question whether the session is really over.
#[derive(Clone, Copy, Debug)]
struct Doubt {
    tries: u32,
    again_ms: Option<u64>,
}

/// Keeps the tokens of one tab.
#[derive(Debug)]
pub struct Keeper {
    options: Options,
    names: Names,
    page: Page,
    skew: Skew,
    entries: Entries,
    who: Who,
    /// Sessions that are over: nobody is signed in with them again.
    ended: Vec<String>,
    /// The service took the token away: what the cookie holds of it goes, too.
    blank: bool,
    /// The site's server is to be told that nobody is signed in.
    says_signed_out: bool,
    /// The site's server believes that nobody is signed in, but the service said otherwise.
    refuted: bool,
    doubt: Option<Doubt>,
    jobs: Vec<(u32, Job)>,
    next_job: u32,
    poller: Poller,
    browser: Option<Text>,
    /// Who asked before it was known whose tokens to keep.
    unplaced: Vec<(u32, Read)>,
    listens: bool,
    stopped: bool,
    timer_ms: Option<u64>,
    actions: Vec<Action>,
}

impl Keeper {
    /// Makes the keeper of a page. Tell it [`Input::Started`] first.
    #[must_use]
    pub fn new(options: Options, page: Page) -> Self {
        Self {
            names: Names::new(&*options.suffix),
            options,
            page,
            skew: Skew::default(),
            entries: Entries::default(),
            who: Who::Unknown,
            ended: Vec::new(),
            blank: false,
            says_signed_out: false,
            refuted: false,
            doubt: None,
            jobs: Vec::new(),
            next_job: 1,
            poller: Poller::default(),
            browser: None,
            unplaced: Vec::new(),
            listens: false,
            stopped: false,
            timer_ms: None,
            actions: Vec::new(),
        }
    }

    /// Takes what happened and returns what is to be done, in order.
    pub fn step(&mut self, input: Input, clocks: Clocks) -> Vec<Action> {
        if self.stopped {
            return after_stop(&input);
        }
        self.take(input, clocks);
        self.act(clocks);
        self.set_timer(clocks);
        std::mem::take(&mut self.actions)
    }

    /// Returns the token that is there, where it has not expired. Nothing is fetched.
    #[must_use]
    pub fn peek(&self, read: &Read, clocks: Clocks) -> Option<&Arc<SessionToken>> {
        let Who::Somebody(current) = &self.who else { return None };
        let wall_ms = clocks.wall_ms.saturating_add(self.skew.offset_ms());
        let now = Now { wall_ms, steady_ms: clocks.steady_ms };
        self.entries.get(&key_of(current, read))?.slot.peek(now)
    }

    /// Returns the session whose tokens are kept.
    #[must_use]
    pub fn session(&self) -> Option<&str> {
        match &self.who {
            Who::Somebody(current) => Some(&current.session),
            Who::Unknown | Who::Nobody => None,
        }
    }

    /// Returns how many entries there are.
    #[must_use]
    pub fn entries(&self) -> usize {
        self.entries.len()
    }

    fn take(&mut self, input: Input, clocks: Clocks) {
        match input {
            Input::Started { cookies } => self.start(&cookies, clocks),
            Input::Read { ticket, read } => self.read(ticket, read, clocks),
            Input::Cookies(cookies) => self.look(&cookies, clocks),
            Input::Answered { job, answer } => self.answered(job, &answer, clocks),
            Input::Lost { job, why } => self.lost(job, why, clocks),
            Input::Admitted { job, cookies } => self.admitted(job, &cookies, clocks),
            Input::Heard { channel, text } => self.hear(channel, &text, clocks),
            Input::Looked { page, cookies } => self.looked(page, &cookies, clocks),
            Input::Woke => self.wake(clocks),
            Input::SignOut { ticket } => self.sign_out(ticket, clocks),
            Input::Choose { ticket, organization } => self.choose(ticket, &organization, clocks),
            Input::Environment { partitioned } => {
                self.options.partitioned = partitioned;
                // Both jars hold cookies of one name until they are written again.
                self.rewrite();
            }
            Input::Hidden => {
                self.listens = false;
                self.actions.push(Action::Close);
            }
            Input::Stop => self.stop(),
        }
    }

    fn start(&mut self, cookies: &str, clocks: Clocks) {
        self.listen();
        if self.options.polls {
            self.poller.start(clocks.steady_ms);
        }
        let held = self.names.read(cookies);
        self.browser.clone_from(&held.browser);
        let found = held.token().filter(|token| self.may_follow(token)).and_then(current_of);
        self.who = match (found, &self.options.session, &self.options.organization) {
            (Some(found), _, _) => Who::Somebody(found),
            (None, Some(session), Some(organization)) => {
                Who::Somebody(Current { session: session.clone(), organization: organization.clone() })
            }
            (None, None, _) if !held.somebody => Who::Nobody,
            (None, _, _) => Who::Unknown,
        };
        self.place(held, clocks);
        if self.who == Who::Unknown {
            self.discover(clocks);
        }
    }

    fn looked(&mut self, page: Page, cookies: &str, clocks: Clocks) {
        let back = self.page.offline && !page.offline;
        self.page = page;
        if !self.listens {
            self.listen();
        }
        // What is there is written before anything else happens: others look at the cookie next.
        self.look(cookies, clocks);
        let now = self.now(clocks);
        for (_, entry) in self.entries.iter_mut() {
            entry.slot.focus(page.leads(), now);
            if back {
                entry.slot.online(now);
            }
        }
        self.act(clocks);
        self.poller.looked(page, clocks.steady_ms);
        if page.is_looked_at() || page.visible == Some(true) {
            self.warm(clocks);
        }
    }

    fn wake(&mut self, clocks: Clocks) {
        self.timer_ms = None;
        let now = self.now(clocks);
        for (_, entry) in self.entries.iter_mut() {
            entry.slot.wake(now);
        }
        self.act(clocks);
        self.doubt_again(clocks);
        if self.poller.take(clocks.steady_ms) {
            self.tick(clocks);
        }
    }

    fn tick(&mut self, clocks: Clocks) {
        match self.who {
            Who::Somebody(_) => self.read(POLLER, Read::default(), clocks),
            Who::Unknown => {
                self.discover(clocks);
                self.poller.ended(self.page, true, clocks.steady_ms);
            }
            Who::Nobody => {
                if self.options.session.is_none() {
                    self.actions.push(Action::ReadCookies);
                }
                self.poller.ended(self.page, true, clocks.steady_ms);
            }
        }
    }

    /// Everything ends, whatever is under way.
    fn stop(&mut self) {
        self.stopped = true;
        self.poller.stop();
        for (job, state) in std::mem::take(&mut self.jobs) {
            self.actions.push(Action::Abort(job));
            if state.lock != LockState::None {
                self.actions.push(Action::Unlock(job));
            }
            if let Work::SignOut { ticket, .. } | Work::Touch { ticket, .. } = state.work {
                self.settle(ticket, Err(Problem::Stopped));
            }
        }
        let waiting = self.entries.iter_mut().flat_map(|(_, entry)| std::mem::take(&mut entry.waiting));
        let waiting: Vec<u32> = waiting.map(|(_, ticket)| ticket).collect();
        let unplaced = std::mem::take(&mut self.unplaced).into_iter().map(|(ticket, _)| ticket);
        for ticket in waiting.into_iter().chain(unplaced) {
            self.settle(ticket, Err(Problem::Stopped));
        }
        self.entries = Entries::default();
        self.who = Who::Nobody;
        self.actions.extend([Action::Close, Action::Timer(None)]);
    }

    fn listen(&mut self) {
        self.listens = true;
        self.actions.push(Action::Listen { prefix: self.options.prefix() });
    }

    fn post(&mut self, channel: Channel, text: Text) {
        // Whoever was put aside and is back hears again, too.
        if !self.listens {
            self.listen();
        }
        self.actions.push(Action::Post { channel, text });
    }

    fn settle(&mut self, ticket: u32, outcome: Result<Option<Arc<SessionToken>>, Problem>) {
        if ticket != POLLER {
            self.actions.push(Action::Settle { ticket, outcome });
        }
    }

    fn set_timer(&mut self, clocks: Clocks) {
        if self.stopped {
            return;
        }
        let now = self.now(clocks);
        let wakes = self.entries.iter().filter_map(|(_, entry)| entry.slot.poll_wake(now));
        let wakes = wakes.map(|wait_ms| clocks.steady_ms.saturating_add(wait_ms));
        let again = self.doubt.and_then(|doubt| doubt.again_ms);
        let at = wakes.chain(self.poller.next_ms()).chain(again).min();
        if at != self.timer_ms {
            self.timer_ms = at;
            self.actions.push(Action::Timer(at.map(|at| at.saturating_sub(clocks.steady_ms))));
        }
    }

    /// Both clocks, the wall clock as the service has it.
    fn now(&mut self, clocks: Clocks) -> Now {
        let wall_ms = self.skew.service_ms(clocks.wall_ms, clocks.steady_ms);
        Now { wall_ms, steady_ms: clocks.steady_ms }
    }

    fn policy(&self) -> Policy {
        Policy {
            asks_others: self.options.locks,
            // Tabs share the lock, and browsers do not start together.
            spreads: false,
            background_threshold_ms: self.options.background_threshold_ms,
            ..Policy::default()
        }
    }

    fn job(&mut self, work: Work, clocks: Clocks) -> u32 {
        let job = self.next_job;
        self.next_job = self.next_job.wrapping_add(1).max(1);
        self.jobs.push((job, Job { work, sent: clocks, lock: LockState::None, done: false }));
        job
    }

    fn job_of(&self, job: u32) -> Option<&Job> {
        self.jobs.iter().find(|(own, _)| *own == job).map(|(_, state)| state)
    }

    fn job_of_mut(&mut self, job: u32) -> Option<&mut Job> {
        self.jobs.iter_mut().find(|(own, _)| *own == job).map(|(_, state)| state)
    }

    fn take_job(&mut self, job: u32) -> Option<Job> {
        let at = self.jobs.iter().position(|(own, _)| *own == job)?;
        Some(self.jobs.swap_remove(at).1)
    }
}

fn key_of(current: &Current, read: &Read) -> TokenKey {
    let organization = read.organization.as_deref().unwrap_or(&current.organization);
    TokenKey::of_session(&*current.session).template(&*read.template).organization(organization)
}

fn current_of(token: &SessionToken) -> Option<Current> {
    let organization = token.organization().unwrap_or_default().to_owned();
    Some(Current { session: token.session()?.to_owned(), organization })
}

/// Tells whether a token knows more than another: where the service does not say when facts were read, the one that
/// was issued later does.
fn knows_more(token: &SessionToken, than: &SessionToken) -> bool {
    match (token.rank().origin, than.rank().origin) {
        (None, None) => token.rank().issued > than.rank().issued,
        _ => !token.rank().gives_way_to(than.rank()),
    }
}

fn after_stop(input: &Input) -> Vec<Action> {
    match input {
        Input::Read { ticket, .. } | Input::SignOut { ticket } | Input::Choose { ticket, .. } => {
            vec![Action::Settle { ticket: *ticket, outcome: Err(Problem::Stopped) }]
        }
        // A lock that was granted meanwhile is not kept.
        Input::Admitted { job, .. } => vec![Action::Unlock(*job)],
        _ => Vec::new(),
    }
}
