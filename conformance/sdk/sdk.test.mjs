// Unmodified SDKs accept our identity service's sessions and handshakes, and our middleware accepts what they accept.

import assert from "node:assert/strict";
import { createPublicKey } from "node:crypto";
import { after, before, describe, test } from "node:test";

import { createClerkClient, verifyToken } from "@clerk/backend";

import { SEED, start, until } from "./programs.mjs";
import { Visitor, bearer, send } from "./visitor.mjs";

const ALICE = "alice@example.com";
const MOST_REDIRECTS = 4;
const CAROLS_BROWSER = "__clerk_db_jwt=dvb_0123456789abcdef";
const GARBAGE = ["garbage", "a.b.c", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ1c2VyX2FsaWNlIn0."];
const SITES = ["express", "axum"];

let stage;
before(async () => (stage = await start(60)), { timeout: 120_000 });
after(async () => {
  const states = stage?.running.map((program) => program.state) ?? [];
  await stage?.stop();
  for (const { runs, text } of states) assert.ok(runs, `a program ended on its own, or left this machine: ${text}`);
});

const whoami = (site, query = "") => `${stage.sites[site]}/whoami${query}`;
const token = (visitor, site) => visitor.cookie(stage.sites[site], "__session_");

async function signedIn(site, options) {
  const visitor = new Visitor();
  assert.equal((await visitor.json(whoami(site))).userId, null, "a stranger is nobody");
  const me = await visitor.signIn(stage.issuer, whoami(site), ALICE, options);
  return { visitor, me };
}

for (const site of SITES) {
  describe(site, () => {
    test("a stranger is sent round once and is nobody", async () => {
      const visitor = new Visitor();
      const answer = await visitor.open(whoami(site));
      assert.equal(JSON.parse(answer.text).userId, null);
      const handshakes = answer.hops.filter((hop) => hop.url.includes("/v1/client/handshake"));
      assert.equal(handshakes.length, 1);
      assert.match(handshakes[0].url, /format=nonce/);
      assert.ok(answer.hops.length - 1 <= MOST_REDIRECTS);
      assert.equal(answer.url, whoami(site), "at a clean address");
    });

    test("a handshake by nonce signs in", async () => {
      const seen = [];
      const { visitor, me } = await signedIn(site, { turn: (location) => (seen.push(location), location) });
      assert.equal(me.userId, "user_alice");
      assert.match(me.sessionId, /^sess_/);
      assert.ok(seen.some((url) => url.includes("__clerk_handshake_nonce=")));
      const again = await visitor.open(whoami(site));
      assert.deepEqual([again.hops.length, JSON.parse(again.text)], [1, me], "and nobody is asked again");
    });

    test("a handshake by token signs in", async () => {
      const seen = [];
      const turn = (location) => {
        const url = new URL(location);
        if (url.pathname === "/v1/client/handshake") url.searchParams.set("format", "token");
        seen.push(url.href);
        return url.href;
      };
      const { me } = await signedIn(site, { turn });
      assert.equal(me.userId, "user_alice");
      assert.ok(seen.some((url) => url.includes("__clerk_handshake=")));
    });

    test("garbage is refused", async () => {
      for (const garbage of GARBAGE) {
        const answer = await bearer(whoami(site), garbage);
        assert.equal(answer.status === 200 ? JSON.parse(answer.text).userId : null, null, garbage);
        const visitor = new Visitor();
        const headers = { cookie: `__session=${garbage}; __client_uat=1` };
        const page = await visitor.step("GET", whoami(site), { headers });
        assert.ok(page.status !== 200 || JSON.parse(page.text).userId === null, garbage);
      }
    });
  });
}

test("each site accepts by Bearer what the other one got", async () => {
  for (const from of SITES) {
    const { visitor, me } = await signedIn(from);
    for (const to of SITES) {
      const answer = await bearer(whoami(to), token(visitor, from));
      assert.deepEqual(JSON.parse(answer.text), me, `${from} to ${to}`);
    }
  }
});

test("the organization and what one may do are the same on both", async () => {
  const carol = { express: new Visitor(), axum: new Visitor() };
  for (const site of SITES) {
    const me = await carol[site].json(whoami(site, `?${CAROLS_BROWSER}`));
    assert.deepEqual([me.userId, me.sessionId, me.orgId], ["user_carol_example_com", "sess_carol", "org_acme"], site);
  }
  const asked = {
    permission: ["org:invoices:read", "invoices:read", "org:invoices:write", "org:reports:write", "org:reports:read", "org:x:read"],
    role: ["org:admin", "admin", "org:member"],
    feature: ["invoices", "org:invoices", "user:invoices", "beta", "user:beta", "org:beta", "nothing"],
    plan: ["pro", "org:pro", "user:pro", "free", "user:free", "org:free"],
  };
  const found = { true: 0, false: 0 };
  for (const [name, values] of Object.entries(asked)) {
    for (const value of values) {
      const query = `?${new URLSearchParams({ [name]: value })}`;
      const [theirs, ours] = await Promise.all(SITES.map(async (site) => (await carol[site].json(whoami(site, query))).has));
      assert.equal(ours, theirs, `${name} ${value}`);
      found[ours] += 1;
    }
  }
  assert.ok(found.true > 5 && found.false > 5, JSON.stringify(found));
});

test("the SDK verifies machines' tokens at our Backend API", async () => {
  const rows = [
    [SEED.api_keys[0].secret, { tokenType: "api_key", subject: "user_carol_example_com", scopes: ["read"] }],
    [SEED.m2m_tokens[0].token, { tokenType: "m2m_token", subject: "mch_reports" }],
    [SEED.oauth_tokens[0].access_token, { tokenType: "oauth_token", subject: "user_carol_example_com", scopes: ["profile"] }],
  ];
  for (const [secret, expected] of rows) {
    const machine = JSON.parse((await bearer(`${stage.sites.express}/machine`, secret)).text);
    for (const [name, value] of Object.entries(expected)) assert.deepEqual(machine[name], value, `${secret}: ${name}`);
    const unknown = JSON.parse((await bearer(`${stage.sites.express}/machine`, `${secret}x`)).text);
    assert.equal(unknown.subject ?? null, null, "one that nobody made");
  }
});

test("authenticateRequest by itself: key set, nonce, local key", async () => {
  const { issuer: apiUrl, publishableKey, secretKey } = stage;
  const client = createClerkClient({ apiUrl, publishableKey, secretKey, telemetry: { disabled: true } });
  const { visitor } = await signedIn("express");
  const ask = (url, cookie) =>
    client.authenticateRequest(
      new Request(url, { headers: { cookie, accept: "text/html", "sec-fetch-dest": "document" } }),
      { authorizedParties: [stage.sites.express] },
    );
  const state = await ask(whoami("express"), visitor.header(stage.sites.express));
  assert.equal(state.status, "signed-in", state.message);
  assert.equal(state.toAuth().userId, "user_alice");

  // Without its session cookie the browser is sent round; what comes back is resolved here.
  visitor.forget(stage.sites.express, "__session");
  const handshake = await ask(whoami("express"), visitor.header(stage.sites.express));
  assert.equal(handshake.status, "handshake");
  const back = (await send("GET", handshake.headers.get("location"))).headers.location;
  assert.match(back, /__clerk_handshake_nonce=/);
  const resolved = await ask(back, visitor.header(stage.sites.express));
  assert.ok(resolved.headers.getSetCookie().some((line) => line.startsWith("__session_")), resolved.message);
  const spent = await ask(back, visitor.header(stage.sites.express));
  assert.notEqual(spent.status, "signed-in", "a nonce works once");

  const held = new Visitor();
  await held.json(whoami("express"));
  await held.signIn(apiUrl, whoami("express"), ALICE);
  const { keys } = await (await fetch(`${apiUrl}/.well-known/jwks.json`)).json();
  const jwtKey = createPublicKey({ key: keys[0], format: "jwk" }).export({ type: "spki", format: "pem" });
  const claims = await verifyToken(held.cookie(stage.sites.express, "__session_"), { jwtKey });
  assert.equal(claims.sub, "user_alice");
});

describe("with tokens of one second", () => {
  let brief;
  before(async () => (brief = await start(1)), { timeout: 120_000 });
  after(async () => brief?.stop());

  for (const site of SITES) {
    test(`${site} refreshes, and notices a sign-out`, async () => {
      const origin = brief.sites[site];
      const visitor = new Visitor();
      await visitor.json(`${origin}/whoami`);
      const { userId, sessionId } = await visitor.signIn(brief.issuer, `${origin}/whoami`, ALICE);
      const first = visitor.cookie(origin, "__session_");
      const refreshed = await until("a refresh", async () => {
        const answer = await visitor.step("GET", `${origin}/whoami`);
        assert.equal(answer.status, 200, "nobody is sent round while there is a refresh token");
        assert.deepEqual(JSON.parse(answer.text).sessionId, sessionId);
        return visitor.cookie(origin, "__session_") !== first && answer;
      });
      assert.equal(JSON.parse(refreshed.text).userId, userId);

      if (site === "express") assert.equal((await visitor.json(`${origin}/sign-out`, { method: "POST" })).status, "revoked");
      else await visitor.open(`${origin}/sign-out`, { method: "POST" });
      await until("the sign-out", async () => (await visitor.json(`${origin}/whoami`)).userId === null);
    });
  }

  test("a direct refresh by authenticateRequest", async () => {
    const { issuer: apiUrl, publishableKey, secretKey, sites } = brief;
    const client = createClerkClient({ apiUrl, publishableKey, secretKey, telemetry: { disabled: true } });
    const visitor = new Visitor();
    await visitor.json(`${sites.express}/whoami`);
    await visitor.signIn(apiUrl, `${sites.express}/whoami`, ALICE);
    const cookie = visitor.header(sites.express);
    await until("a refresh", async () => {
      const headers = { cookie, accept: "text/html", "sec-fetch-dest": "document" };
      const state = await client.authenticateRequest(new Request(`${sites.express}/whoami`, { headers }));
      assert.equal(state.status, "signed-in", state.message);
      return state.headers.getSetCookie().some((line) => line.startsWith("__session_"));
    });
  });
});
