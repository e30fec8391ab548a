// Made by `nostore gen next`. In middleware.js or .ts (Next.js 16: proxy.js or .ts), outside everything else:
//
//   import { auth } from "./auth";
//   import { withNoStore } from "./nostore";
//   export default withNoStore(auth);
//   export const config = { matcher: ["/((?!_next/static|_next/image|favicon.ico).*)"] };
//
// To change: SESSION_COOKIES, AUTH and PUBLIC below, or withNoStore(auth, { sessionCookies, auth, public }).

const SESSION_COOKIES = ["authjs.session-token"];
const AUTH = ["/api/auth/*"];
const PUBLIC = [];

/** What keeps a response out of caches of every kind. */
const FIELDS = [
  ["Cache-Control", "no-store, no-cache, must-revalidate, max-age=0, private"],
  ["Pragma", "no-cache"],
  ["Expires", "0"],
  ["CDN-Cache-Control", "no-store"],
  ["Netlify-CDN-Cache-Control", "no-store"],
  ["Vercel-CDN-Cache-Control", "no-store"],
  ["Cloudflare-CDN-Cache-Control", "no-store"],
  ["Surrogate-Control", "no-store"],
  ["X-Accel-Expires", "0"],
];

const PREFIX = /^__(Secure|Host)-/;

/** The name without its prefix and the number of its part. */
const base = (name) => name.trim().replace(PREFIX, "").replace(/\.\d+$/, "");

/** The names of the cookies in a `Cookie` field. */
const carried = (field) => (field ?? "").split(";").map((pair) => base(pair.split("=", 1)[0]));

/** The name of the cookie in a `Set-Cookie` line. */
const named = (line) => base(line.split("=", 1)[0]);

/** Whether a path is one of the patterns: `/about`, `/assets/*`. */
const matches = (patterns, path) =>
  patterns.some((pattern) => (pattern.endsWith("/*") ? path.startsWith(pattern.slice(0, -1)) : path === pattern));

/** Cookies of sign-in that are no session: `authjs.csrf-token` beside `authjs.session-token`. */
function isStray(name, sessions) {
  return sessions.some((session) => {
    const family = session.slice(0, session.lastIndexOf(".") + 1);
    return family !== "" && name.startsWith(family) && name !== session;
  });
}

function dropCookies(headers, isDropped) {
  const lines = headers.getSetCookie();
  const kept = lines.filter((line) => !isDropped(named(line)));
  if (kept.length === lines.length) return kept;
  headers.delete("set-cookie");
  for (const line of kept) headers.append("set-cookie", line);
  // What Next.js tells the page of this very request.
  const told = headers.has("x-middleware-set-cookie") && kept.length > 0;
  headers.delete("x-middleware-set-cookie");
  if (told) headers.set("x-middleware-set-cookie", kept.join(","));
  return kept;
}

function protect(headers) {
  for (const [name, value] of FIELDS) headers.set(name, value);
  const vary = headers.get("vary") ?? "";
  if (!/(^|[\s,])(cookie|\*)([\s,]|$)/i.test(vary)) headers.append("vary", "Cookie");
}

/**
 * Makes what `inner` answers safe for every shared cache behind which this runs.
 *
 * @param {(request: Request, ...rest: any[]) => any} inner the middleware, or the handler of a function
 * @param {{ sessionCookies?: string[], auth?: string[], public?: string[] }} [options]
 */
export function withNoStore(inner, options = {}) {
  const sessions = (options.sessionCookies ?? SESSION_COOKIES).map(base);
  const isPublic = (path) => matches(options.public ?? PUBLIC, path);
  const isSession = (name) => sessions.includes(name);
  const isAuth = (path) => matches(options.auth ?? AUTH, path) || matches(options.auth ?? AUTH, `${path}/`);

  return async function withoutStore(request, ...rest) {
    const path = new URL(request.url).pathname;
    const hasSession = carried(request.headers.get("cookie")).some(isSession) || request.headers.has("authorization");
    const answer = await inner(request, ...rest);
    // What a middleware leaves undefined goes on to the page.
    const given = answer ?? new Response(null, { headers: { "x-middleware-next": "1" } });
    const { status, statusText, body } = given;
    const headers = new Headers(given.headers);

    const isRedirect = (status >= 300 && status < 400 && status !== 304) || status === 401 || status === 403;
    const isRead = request.method === "GET" || request.method === "HEAD";
    if (isAuth(path)) {
      // Its cookies are the visitor's own: csrf-token, state, pkce.code_verifier.
      protect(headers);
    } else if (!isRedirect && isRead && isPublic(path)) {
      dropCookies(headers, (name) => isSession(name) || isStray(name, sessions));
    } else if (isRedirect || hasSession || headers.getSetCookie().map(named).some(isSession)) {
      protect(headers);
    } else if (isRead) {
      dropCookies(headers, (name) => isStray(name, sessions));
    }
    // A cookie that is left is this visitor's own.
    if (headers.has("set-cookie")) protect(headers);
    return new Response(body, { status, statusText, headers });
  };
}

export default withNoStore;
