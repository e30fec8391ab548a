// A certified OpenID Provider on a free port of loopback, for the tests of the relying party.
//
// Started with a JSON object as its argument: { port, accessSeconds, client }. Says `{"origin": …}` on one line when it
// listens. Then a line in is a command, a line out its answer, `{"told": […]}`:
//   die PATH    ends, without a word, when that path is asked for
//   later SECS  goes by a clock that is that far ahead of what it was
//   logouts     tells the logout tokens that it has sent to the client since the last time
//   rotate      signs with new keys from now on
// It ends with its input. `src/bin/issuer.rs` is told the same.

import { once } from 'node:events';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import { generateKeyPairSync } from 'node:crypto';

// What it warns of (its own pages for development, the version of Node) is for operators.
console.info = () => {};
console.warn = () => {};
const { Provider } = await import('oidc-provider');

const { port, accessSeconds, client: registered } = JSON.parse(process.argv[2]);
const server = createServer().listen(port, '127.0.0.1');
await once(server, 'listening');
const origin = `http://127.0.0.1:${server.address().port}`;

// Where clients hear of logouts.
let logouts = [];
const listener = createServer(async (request, response) => {
  let body = '';
  for await (const chunk of request) body += chunk;
  logouts.push(new URLSearchParams(body).get('logout_token'));
  response.end();
}).listen(0, '127.0.0.1');
await once(listener, 'listening');

const client = {
  ...registered,
  backchannel_logout_uri: `http://127.0.0.1:${listener.address().port}/`,
  backchannel_logout_session_required: true,
  grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code'],
};

function keys() {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' });
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' });
  return { keys: [{ ...rsa, use: 'sig', alg: 'RS256' }, { ...ec, use: 'sig', alg: 'ES256' }] };
}

// What was issued outlives a change of keys.
const stored = new Map();
class Adapter {
  constructor(kind) {
    this.key = (id) => `${kind}:${id}`;
  }
  async upsert(id, payload) {
    stored.set(this.key(id), payload);
  }
  async find(id) {
    return stored.get(this.key(id));
  }
  async findByUid(uid) {
    return [...stored.values()].find((payload) => payload.uid === uid && payload.kind === 'Session');
  }
  async consume(id) {
    stored.get(this.key(id)).consumed = Math.floor(Date.now() / 1000);
  }
  async destroy(id) {
    stored.delete(this.key(id));
  }
  async revokeByGrantId(grantId) {
    for (const [key, payload] of stored) if (payload.grantId === grantId) stored.delete(key);
  }
}

function provider() {
  const made = new Provider(origin, {
    adapter: Adapter,
    clients: [client],
    jwks: keys(),
    cookies: { keys: ['nostore-test'] },
    pkce: { required: () => true },
    scopes: ['openid', 'offline_access', 'email', 'profile'],
    claims: { openid: ['sub', 'sid'], email: ['email', 'email_verified'], profile: ['name'] },
    features: { backchannelLogout: { enabled: true }, devInteractions: { enabled: true } },
    findAccount: (_, sub) => ({
      accountId: sub,
      claims: () => ({ sub, email: `${sub}@Example.com`, email_verified: true, name: sub }),
    }),
    rotateRefreshToken: true,
    ttl: { AccessToken: accessSeconds, AuthorizationCode: 60, Grant: 3600, IdToken: 60, Interaction: 600, RefreshToken: 600, Session: 600 },
    // Its own dispatcher goes nowhere near loopback, where the client of a test listens.
    fetch: (url, { dispatcher, ...options }) => fetch(url, options),
  });
  made.on('server_error', (_, error) => process.stderr.write(`${error.stack}\n`));
  made.on('backchannel.error', (_, error) => process.stderr.write(`${error.stack}\n`));
  return made.callback();
}

let ahead = 0;
const clock = Date.now;
Date.now = () => clock() + ahead;

let answer = provider();
let deadly;
server.on('request', (request, response) => {
  if (new URL(request.url, origin).pathname === deadly) process.exit();
  answer(request, response);
});
process.stdout.write(`${JSON.stringify({ origin })}\n`);

for await (const line of createInterface({ input: process.stdin })) {
  const [command, argument] = line.split(' ');
  if (command === 'die') deadly = argument;
  if (command === 'later') ahead += Number(argument) * 1000;
  if (command === 'rotate') answer = provider();
  const told = command === 'logouts' ? logouts : [];
  if (command === 'logouts') logouts = [];
  process.stdout.write(`${JSON.stringify({ told })}\n`);
}
process.exit();
