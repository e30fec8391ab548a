// nostore in a page: a session's token that is always there, and the cookie `__session` that is always fresh.
//
// What is decided is decided in nostore.wasm, which lies beside this file. Here is what a page alone can do: requests,
// cookies, locks, channels, timers. No token is logged.

// Why something did not work. `code` is stable, `message` says what was expected.
export class SessionError extends Error {
  constructor(code, message) {
    super(message);
    this.name = 'SessionError';
    this.code = code;
  }
}

let compiled;

// Starts keeping a session's token fresh.
export async function startSession(options) {
  if (options === null || typeof options !== 'object') {
    throw new SessionError('options', 'expected startSession({ publishableKey, … }), found no options');
  }
  const url = options.wasm ?? new URL('./nostore.wasm', import.meta.url);
  compiled ??= compile(url).catch((error) => {
    compiled = undefined;
    throw error;
  });
  const driver = new Driver(await WebAssembly.instantiate(await compiled, {}));
  driver.start(options);
  return new Session(driver);
}

// A session of one tab.
class Session {
  #driver;

  constructor(driver) {
    this.#driver = driver;
  }

  // The identifier, while somebody is signed in.
  get id() {
    return this.#driver.peek({}).session;
  }

  // The token: at once while a good one is there. `null`: nobody is signed in.
  getToken(options = {}) {
    return this.#driver.promise('read', asked(options));
  }

  // The token that is there, without waiting and without a request.
  peek(options = {}) {
    return this.#driver.peek(asked(options)).token;
  }

  // Signs out, in every tab.
  async signOut() {
    await this.#driver.promise('signOut', {});
  }

  // Makes another organization active in the session; `null` is the personal workspace.
  async setOrganization(organization) {
    await this.#driver.promise('choose', { organization: organization ?? '' });
  }

  // Says what the instance's environment asks for.
  configure({ partitioned = false } = {}) {
    this.#driver.step({ type: 'environment', partitioned });
  }

  // Calls `listener` on 'token', 'ended' or 'degraded'. Returns what takes it off again.
  on(event, listener) {
    return this.#driver.on(event, listener);
  }

  // Ends the keeping. The user stays signed in.
  stop() {
    this.#driver.stop();
  }
}

// Does what the module says.
class Driver {
  #exports;
  #tickets = new Map();
  #fetches = new Map();
  #locks = new Map();
  #channels = new Map();
  #listeners = new Map([['token', new Set()], ['ended', new Set()], ['degraded', new Set()]]);
  #attached = [];
  #prefix;
  #ticket = 0;
  #timer;
  #broken = false;

  constructor(instance) {
    this.#exports = instance.exports;
  }

  start(options) {
    const { publishableKey, frontendApi, session, organization, cookie, poll, partitioned } = options;
    const { backgroundRefreshThreshold } = options;
    const given = { publishableKey, frontendApi, session, organization, cookie, poll, partitioned };
    this.step({
      ...given,
      backgroundRefreshThreshold,
      type: 'start',
      locks: typeof globalThis.navigator?.locks?.request === 'function',
      seed: seed(),
      page: probe(),
      cookies: cookies(),
    });
    const look = () => this.step({ type: 'looked', page: probe(), cookies: cookies() });
    for (const event of ['focus', 'blur', 'online', 'offline', 'pageshow']) {
      this.#attach(globalThis, event, look);
    }
    this.#attach(globalThis.document, 'visibilitychange', look);
    this.#attach(globalThis, 'pagehide', () => this.step({ type: 'hidden' }));
  }

  // Tells the module something and does what it answers.
  step(input) {
    const answer = this.#call(input);
    for (const action of answer.actions ?? []) {
      this.#do(action);
    }
  }

  peek(options) {
    return this.#call({ ...options, type: 'peek' });
  }

  promise(type, input) {
    const ticket = (this.#ticket = (this.#ticket % 0xfffffff) + 1);
    return new Promise((resolve, reject) => {
      this.#tickets.set(ticket, { resolve, reject });
      try {
        this.step({ ...input, type, ticket });
      } catch (error) {
        this.#tickets.delete(ticket);
        reject(error);
      }
    });
  }

  on(event, listener) {
    const listeners = this.#listeners.get(event);
    if (listeners === undefined || typeof listener !== 'function') {
      const known = [...this.#listeners.keys()].join("', '");
      throw new SessionError('options', `expected on('${known}', a function), found something else`);
    }
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  stop() {
    for (const [target, event, listener] of this.#attached.splice(0)) {
      target.removeEventListener(event, listener);
    }
    this.step({ type: 'stop' });
    this.#timer?.end();
  }

  #attach(target, event, listener) {
    if (typeof target?.addEventListener === 'function') {
      target.addEventListener(event, listener);
      this.#attached.push([target, event, listener]);
    }
  }

  #call(input) {
    if (this.#broken) {
      throw new SessionError('session-broken', 'expected a module that runs, found one that failed before');
    }
    const text = new TextEncoder().encode(JSON.stringify({ ...input, clocks: [Date.now(), performance.now()] }));
    const { memory, nostore_reserve, nostore_step, nostore_buffer } = this.#exports;
    let answer;
    try {
      const at = nostore_reserve(text.length);
      new Uint8Array(memory.buffer, at, text.length).set(text);
      const length = nostore_step();
      answer = JSON.parse(new TextDecoder().decode(new Uint8Array(memory.buffer, nostore_buffer(), length)));
    } catch {
      this.#broke();
      throw new SessionError('session-broken', 'expected a module that runs, found one that failed: start again');
    }
    if (answer.error !== undefined) {
      throw new SessionError(answer.error.code, answer.error.message);
    }
    return answer;
  }

  // What waits is told; what runs is ended.
  #broke() {
    this.#broken = true;
    this.#timer?.end();
    for (const { reject } of this.#tickets.values()) {
      reject(new SessionError('session-broken', 'expected a token, but the module failed: start again'));
    }
    this.#tickets.clear();
    this.#fetches.forEach((controller) => controller.abort());
    [...this.#locks.keys()].forEach((job) => this.#unlock(job));
    this.#close();
  }

  #do(action) {
    switch (action.do) {
      case 'cookies':
        return this.step({ type: 'cookies', cookies: cookies() });
      case 'cookie':
        document.cookie = action.line;
        return undefined;
      case 'fetch':
        return void this.#fetch(action);
      case 'abort':
        this.#fetches.get(action.job)?.abort();
        this.#fetches.delete(action.job);
        return undefined;
      case 'lock':
        return void this.#lock(action);
      case 'unlock':
        return this.#unlock(action.job);
      case 'listen':
        this.#prefix = action.prefix;
        ['tokens', 'signout'].forEach((name) => this.#channel(name));
        return undefined;
      case 'post':
        return this.#post(action);
      case 'close':
        return this.#close();
      case 'timer':
        this.#timer ??= new Timer(() => this.step({ type: 'woke' }));
        return this.#timer.set(action.after);
      case 'settle':
        return this.#settle(action);
      default:
        return this.#tell(action);
    }
  }

  #settle({ ticket, token, error }) {
    const promise = this.#tickets.get(ticket);
    this.#tickets.delete(ticket);
    if (error === undefined) {
      promise?.resolve(token);
    } else {
      promise?.reject(new SessionError(error.code, error.message));
    }
  }

  #tell({ event, token, session, error }) {
    const detail = { token, session, error: error && new SessionError(error.code, error.message) };
    for (const listener of this.#listeners.get(event) ?? []) {
      // A listener may ask for tokens itself, and may throw: neither concerns what is done here.
      queueMicrotask(() => listener(detail[{ token: 'token', ended: 'session', degraded: 'error' }[event]]));
    }
  }

  async #fetch({ job, method, url, form, timeout }) {
    const controller = new AbortController();
    this.#fetches.set(job, controller);
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      controller.abort();
    }, timeout);
    let input;
    try {
      const body = form === null ? undefined : new URLSearchParams(form);
      const init = { method, body, credentials: 'include', cache: 'no-store', signal: controller.signal };
      const response = await fetch(url, init);
      const [retryAfter, date] = ['retry-after', 'date'].map((name) => response.headers.get(name));
      input = { type: 'answered', job, status: response.status, retryAfter, date, body: await response.text() };
    } catch {
      const why = late ? 'timeout' : navigator.onLine === false ? 'offline' : 'network';
      input = { type: 'lost', job, why };
    } finally {
      clearTimeout(timer);
    }
    // A fetch that was ended is nobody's.
    if (!this.#broken && this.#fetches.get(job) === controller) {
      this.#fetches.delete(job);
      this.step(input);
    }
  }

  async #lock({ job, name }) {
    const controller = new AbortController();
    const waiting = { controller };
    const held = new Promise((release) => (waiting.release = release));
    this.#locks.set(job, waiting);
    const admit = () => {
      if (this.#broken || this.#locks.get(job) !== waiting) {
        return undefined;
      }
      this.step({ type: 'admitted', job, cookies: cookies() });
      return held;
    };
    try {
      await navigator.locks.request(name, { signal: controller.signal }, admit);
    } catch {
      // Where locks are refused, the fetch goes on without.
      if (!controller.signal.aborted) {
        admit();
      }
    }
  }

  #unlock(job) {
    const waiting = this.#locks.get(job);
    this.#locks.delete(job);
    waiting?.controller.abort();
    // A turn later: what the other tabs are told is on its way by then, and whoever gets the lock has heard.
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      waiting?.release();
    };
    port2.postMessage(null);
  }

  #channel(name) {
    if (!this.#channels.has(name) && typeof BroadcastChannel === 'function') {
      try {
        const channel = new BroadcastChannel(`${this.#prefix}:${name}`);
        channel.onmessage = ({ data }) => {
          if (typeof data === 'string') {
            this.step({ type: 'heard', channel: name, text: data });
          }
        };
        this.#channels.set(name, channel);
      } catch {
        // Alone, then.
      }
    }
    return this.#channels.get(name);
  }

  #post({ channel, text }) {
    try {
      this.#channel(channel)?.postMessage(text);
    } catch {
      // The token stays where it is; whoever hears nothing fetches one.
    }
  }

  #close() {
    this.#channels.forEach((channel) => channel.close());
    this.#channels.clear();
  }
}

// One timer. In a worker where there may be one: browsers hold up the timers of pages that nobody sees, by up to a minute.
class Timer {
  #ring;
  #worker;
  #own;
  #url;
  #due = null;

  constructor(ring) {
    this.#ring = ring;
    const source = `let own; onmessage = ({ data }) => {
      clearTimeout(own);
      if (data !== null) own = setTimeout(postMessage, data, 0);
    };`;
    try {
      this.#url = URL.createObjectURL(new Blob([source], { type: 'text/javascript' }));
      this.#worker = new Worker(this.#url);
      this.#worker.onmessage = () => this.#rang();
      this.#worker.onerror = () => this.#alone();
    } catch {
      this.#worker = undefined;
    }
  }

  // Rings once after so many milliseconds, and not when it was set to before. `null`: never.
  set(after) {
    this.#due = after === null ? null : performance.now() + after;
    if (this.#worker !== undefined) {
      return this.#worker.postMessage(after);
    }
    clearTimeout(this.#own);
    this.#own = after === null ? undefined : setTimeout(() => this.#rang(), after);
    return undefined;
  }

  end() {
    this.set(null);
    this.#worker?.terminate();
    URL.revokeObjectURL(this.#url);
  }

  #rang() {
    if (this.#due === null) {
      return;
    }
    const left = this.#due - performance.now();
    if (left > 1) {
      // It was set anew while what rang was under way.
      return void this.set(left);
    }
    this.#due = null;
    this.#ring();
  }

  // The page's policy allows no such worker.
  #alone() {
    this.#worker?.terminate();
    this.#worker = undefined;
    if (this.#due !== null) {
      this.set(Math.max(0, this.#due - performance.now()));
    }
  }
}

async function compile(url) {
  try {
    return await WebAssembly.compileStreaming(fetch(url));
  } catch {
    // A server that does not know the type application/wasm.
    const response = await fetch(url);
    if (!response.ok) {
      throw new SessionError('module', `expected nostore.wasm at ${url}, found status ${response.status}`);
    }
    return WebAssembly.compile(await response.arrayBuffer());
  }
}

function asked(options) {
  const { template, organization, skipCache, refreshIfStale, backgroundRefreshThreshold } = options ?? {};
  return { template, organization, skipCache, refreshIfStale, backgroundRefreshThreshold };
}

// What the page is to its user. What cannot be asked is left out.
function probe() {
  const ask = (question) => {
    try {
      const answer = question();
      return typeof answer === 'boolean' ? answer : null;
    } catch {
      return null;
    }
  };
  return {
    focused: ask(() => document.hasFocus()),
    visible: ask(() => (document.visibilityState === undefined ? null : document.visibilityState === 'visible')),
    framed: framed(),
    secure: globalThis.location?.protocol === 'https:',
    offline: globalThis.navigator?.onLine === false,
  };
}

// Whether another site's page is around this one.
function framed() {
  try {
    return globalThis.top !== globalThis.self && typeof globalThis.top.location.href !== 'string';
  } catch {
    return true;
  }
}

function cookies() {
  return globalThis.document?.cookie ?? '';
}

function seed() {
  const [high, low] = crypto.getRandomValues(new Uint32Array(2));
  return high * 2 ** 21 + (low >>> 11);
}
