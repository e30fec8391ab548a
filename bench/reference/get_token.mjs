// Asks the JavaScript client for a session's token over and over, and tells how long that took.
//
// First line in: the token; out: `ready`. Every further line: how many times; out: nanoseconds.
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const { Clerk } = createRequire(import.meta.url)('./node_modules/@clerk/clerk-js/dist/clerk.native.js');

const SESSION = 'sess_1';
let asked = 0;
let session;

for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  process.stdout.write(`${session ? await time(Number(line)) : await begin(line)}\n`);
}
process.exit(0);

async function begin(jwt) {
  globalThis.fetch = async (url) => {
    asked += 1;
    const answer = String(url).includes('/environment') ? environment() : { response: client(jwt), client: null };
    return new Response(JSON.stringify(answer), { headers: { 'content-type': 'application/json' } });
  };
  const clerk = new Clerk(`pk_live_${btoa('clerk.example.com$')}`);
  await clerk.load({ standardBrowser: false });
  const before = asked;
  session = clerk.session;
  return (await session.getToken()) === jwt && asked === before ? 'ready' : 'expected the token that it was given';
}

async function time(times) {
  const before = asked;
  const start = process.hrtime.bigint();
  for (let count = 0; count < times; count += 1) {
    await session.getToken();
  }
  return asked === before ? process.hrtime.bigint() - start : 'expected no request';
}

function client(jwt) {
  const user = { object: 'user', id: 'user_1', organization_memberships: [] };
  const token = { object: 'token', jwt };
  const known = { object: 'session', id: SESSION, status: 'active', user, public_user_data: {}, last_active_token: token };
  return { object: 'client', id: 'client_1', sessions: [known], last_active_session_id: SESSION };
}

function environment() {
  return {
    object: 'environment',
    auth_config: { object: 'auth_config', id: 'aconf_1', single_session_mode: true },
    display_config: { object: 'display_config', id: 'display_1' },
    user_settings: { attributes: {}, social: {}, sign_in: {}, sign_up: {}, password_settings: {}, actions: {} },
    organization_settings: {},
    commerce_settings: { billing: { user: {}, organization: {} } },
  };
}
