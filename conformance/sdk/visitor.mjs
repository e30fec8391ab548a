// A browser without a screen: cookies by origin, navigations that follow redirects.

import { request } from "node:http";

const MOST_REDIRECTS = 20;

/** Sends one request and follows nothing. */
export function send(method, url, headers = {}, body = "") {
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { method, headers: { ...headers, "content-length": Buffer.byteLength(body) } }, (answer) => {
      let text = "";
      answer.setEncoding("utf8").on("data", (chunk) => (text += chunk));
      answer.on("end", () => resolve({ url: String(url), status: answer.statusCode, headers: answer.headers, text }));
    });
    outgoing.on("error", reject).end(body);
  });
}

/** Asks a site by `Authorization: Bearer`, as a program does. */
export const bearer = (url, token) => send("GET", url, { authorization: `Bearer ${token}`, accept: "application/json" });

export class Visitor {
  /** Names and values by origin. Sites on one host share cookies in a browser; here each has its own sign-in. */
  #jars = new Map();

  cookie(origin, start) {
    const found = [...this.#jar(origin)].find(([name]) => name.startsWith(start));
    return found?.[1];
  }

  forget(origin, start) {
    for (const name of [...this.#jar(origin).keys()].filter((name) => name.startsWith(start))) this.#jar(origin).delete(name);
  }

  header(origin) {
    return [...this.#jar(origin)].map(([name, value]) => `${name}=${value}`).join("; ");
  }

  /** One request of this visitor: a page navigation, unless the headers say otherwise. */
  async step(method, url, { headers = {}, form } = {}) {
    const { origin } = new URL(url);
    const cookie = this.header(origin);
    const sent = { accept: "text/html", "sec-fetch-dest": "document", "sec-fetch-mode": "navigate", ...headers };
    if (cookie) sent.cookie = cookie;
    if (form) Object.assign(sent, { "content-type": "application/x-www-form-urlencoded", origin });
    const answer = await send(method, url, sent, form ? new URLSearchParams(form).toString() : "");
    for (const line of answer.headers["set-cookie"] ?? []) this.#set(origin, line);
    return answer;
  }

  /** Navigates to the end. `turn` may change where a redirect leads. Answers with every hop. */
  async open(url, { method = "GET", form, turn = (location) => location } = {}) {
    const hops = [];
    while (hops.length <= MOST_REDIRECTS) {
      const answer = await this.step(method, url, { form });
      hops.push(answer);
      if (!answer.headers.location || answer.status < 300) return Object.assign(answer, { hops });
      url = turn(new URL(answer.headers.location, url).href);
      if (answer.status !== 307) [method, form] = ["GET", undefined];
    }
    throw new Error(`more than ${MOST_REDIRECTS} redirects: ${hops.slice(-4).map((hop) => hop.url)}`);
  }

  async json(url, options) {
    const answer = await this.open(url, options);
    if (answer.status !== 200) throw new Error(`${url}: ${answer.status} ${answer.text}`);
    return JSON.parse(answer.text);
  }

  /** Signs in by the identity service's page and comes back to `url`. */
  async signIn(issuer, url, email, options) {
    const { origin } = new URL(url);
    const form = { email, redirect_url: url };
    const browser = this.cookie(origin, "__clerk_db_jwt");
    if (browser) form.__clerk_db_jwt = browser;
    return this.json(`${issuer}/sign-in`, { ...options, method: "POST", form });
  }

  #jar(origin) {
    if (!this.#jars.has(origin)) this.#jars.set(origin, new Map());
    return this.#jars.get(origin);
  }

  #set(origin, line) {
    const [pair, ...attributes] = line.split(";").map((part) => part.trim());
    const [name, value] = [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)];
    const gone = attributes.some((text) => /^max-age=(0|-\d+)$/i.test(text) || /^expires=.*\b1970\b/i.test(text));
    if (gone || !value) this.#jar(origin).delete(name);
    else this.#jar(origin).set(name, value);
  }
}
