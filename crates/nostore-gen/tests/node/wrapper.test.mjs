// The rules of the wrapper, around middlewares that are made up. WRAPPER is the file under test.
import assert from "node:assert/strict";
import { test } from "node:test";

const { withNoStore } = await import(process.env.WRAPPER);

const SESSION = "__Secure-authjs.session-token";
const request = (path, headers = {}) => new Request(`https://site.example${path}`, { headers });
const next = (cookies = [], headers = {}) => {
  const response = new Response(null, { headers: { "x-middleware-next": "1", ...headers } });
  for (const cookie of cookies) response.headers.append("set-cookie", cookie);
  return response;
};

const isProtected = (response) =>
  response.headers.get("cache-control") === "no-store, no-cache, must-revalidate, max-age=0, private" &&
  response.headers.get("cdn-cache-control") === "no-store" &&
  response.headers.get("netlify-cdn-cache-control") === "no-store" &&
  response.headers.get("x-accel-expires") === "0" &&
  /cookie/i.test(response.headers.get("vary") ?? "");
const isUntouched = (response) => response.headers.get("cache-control") === null && response.headers.get("vary") === null;

async function through(inner, path, headers, options) {
  return withNoStore(inner, options)(request(path, headers), {});
}

test("a session that is carried, in every form", async () => {
  for (const cookie of [
    `${SESSION}=x`,
    "authjs.session-token=x",
    "__Host-authjs.session-token=x",
    `${SESSION}.0=x; ${SESSION}.1=y`,
    `theme=dark;${SESSION}=x`,
    `theme=dark;  ${SESSION} =x`,
  ]) {
    const response = await through(() => next(), "/", { cookie });
    assert.ok(isProtected(response), cookie);
    assert.equal(response.headers.get("x-middleware-next"), "1", "it still goes on to the page");
  }
  assert.ok(isProtected(await through(() => next(), "/", { authorization: "Bearer x" })));
});

test("what is no session", async () => {
  for (const cookie of ["theme=dark", "authjs.session-tokens=x", "xauthjs.session-token=x", "a=authjs.session-token", ""]) {
    assert.ok(isUntouched(await through(() => next(), "/", { cookie })), cookie);
  }
});

test("a session that is set or ended", async () => {
  for (const cookie of [`${SESSION}=x; Path=/`, `${SESSION}=; Max-Age=0`, `${SESSION}.1=y`, "authjs.session-token=x"]) {
    const response = await through(() => next([cookie]), "/");
    assert.ok(isProtected(response), cookie);
    assert.deepEqual(response.headers.getSetCookie(), [cookie]);
  }
});

test("redirects, 401 and 403, on public paths too", async () => {
  for (const path of ["/dashboard", "/about"]) {
    for (const status of [301, 302, 303, 307, 308]) {
      const response = await through(() => Response.redirect("https://site.example/login", status), path);
      assert.ok(isProtected(response), `${status}`);
      assert.deepEqual([response.status, response.headers.get("location")], [status, "https://site.example/login"]);
    }
    for (const status of [401, 403]) {
      assert.ok(isProtected(await through(() => new Response("no", { status }), path)), `${status}`);
    }
  }
  assert.ok(isUntouched(await through(() => new Response(null, { status: 304 }), "/dashboard")));
});

test("stray cookies of sign-in are dropped from everybody's pages, others keep the page out", async () => {
  const strays = ["__Host-authjs.csrf-token=x; Path=/", "__Secure-authjs.callback-url=%2F", "authjs.pkce.code_verifier=x"];
  const response = await through(() => next(strays, { "x-middleware-set-cookie": strays[0] }), "/");
  assert.deepEqual(response.headers.getSetCookie(), []);
  assert.equal(response.headers.get("x-middleware-set-cookie"), null);
  assert.ok(isUntouched(response));
  const other = await through(() => next([strays[0], "cart=7"]), "/");
  assert.deepEqual(other.headers.getSetCookie(), ["cart=7"]);
  assert.ok(isProtected(other));
});

test("sign-in keeps its own cookies, and is kept by nobody; so does what is no page", async () => {
  const csrf = "__Host-authjs.csrf-token=x; Path=/";
  for (const path of ["/api/auth", "/api/auth/csrf", "/api/auth/signin/google?x"]) {
    const response = await through(() => next([csrf, "authjs.state=y"]), path);
    assert.deepEqual(response.headers.getSetCookie(), [csrf, "authjs.state=y"], path);
    assert.ok(isProtected(response), path);
  }
  const form = new Request("https://site.example/cart", { method: "POST" });
  const answer = await withNoStore(() => next([csrf]))(form, {});
  assert.deepEqual(answer.headers.getSetCookie(), [csrf]);
  assert.ok(isProtected(answer));
  assert.ok(isUntouched(await through(() => next([csrf]), "/api/authors")));
});

test("public paths lose session cookies and keep their caching", async () => {
  const cookie = `${SESSION}=x`;
  for (const path of ["/about", "/assets/a.js", "/assets/b/c.js?d"]) {
    const response = await through(() => next([cookie, "authjs.csrf-token=x"], { "cache-control": "s-maxage=60" }), path, { cookie });
    assert.deepEqual(response.headers.getSetCookie(), [], path);
    assert.equal(response.headers.get("cache-control"), "s-maxage=60", path);
  }
  for (const path of ["/about/", "/aboutx", "/assets", "/assetsx/a.js"]) {
    assert.ok(isProtected(await through(() => next([cookie]), path, { cookie })), path);
  }
});

test("options stand in for the names in the file", async () => {
  const options = { sessionCookies: ["sid"], public: ["/"] };
  assert.ok(isProtected(await through(() => next(), "/x", { cookie: "sid=1" }, options)));
  assert.ok(isUntouched(await through(() => next(), "/x", { cookie: `${SESSION}=1` }, options)));
  assert.ok(isUntouched(await through(() => next(["sid=1"]), "/", { cookie: "sid=1" }, options)));
});

test("what it is given goes through: arguments, bodies, nothing at all, errors", async () => {
  const seen = [];
  const response = await withNoStore((...all) => (seen.push(...all), new Response("hello", { status: 201, statusText: "Made" })))(
    request("/"), "event", "more");
  assert.deepEqual(seen.slice(1), ["event", "more"]);
  assert.deepEqual([response.status, response.statusText, await response.text()], [201, "Made", "hello"]);
  assert.equal((await through(() => undefined, "/")).headers.get("x-middleware-next"), "1");
  assert.ok(isProtected(await through(() => undefined, "/", { cookie: `${SESSION}=x` })));
  await assert.rejects(() => through(() => { throw new Error("theirs"); }, "/"), /theirs/);
});

test("Vary is joined, and left alone where it says enough", async () => {
  const cookie = `${SESSION}=x`;
  for (const [had, has] of [["rsc", "rsc, Cookie"], ["accept, COOKIE", "accept, COOKIE"], ["*", "*"], ["x-cookie-y", "x-cookie-y, Cookie"]]) {
    assert.equal((await through(() => next([], { vary: had }), "/", { cookie })).headers.get("vary"), has);
  }
});
