// Decides one JSON case per line with the reference implementation, and writes one JSON result per line.
//
// Time stands still at the case's `now`, and whatever waits between attempts does not wait. Nothing is
// reached but the case's `apiUrl`.
import { createInterface } from 'node:readline';
import { createClerkClient } from '@clerk/backend';

const MAX_CLIENTS = 2_000;

const clients = new Map();
const wait = globalThis.setTimeout;
let now = 0;

Date.now = () => now;
globalThis.setTimeout = (callback, _delay, ...rest) => wait(callback, 0, ...rest);
// What it logs is of no interest, and stdout is for results.
for (const level of ['debug', 'error', 'info', 'log', 'warn']) {
  console[level] = () => {};
}

for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  process.stdout.write(`${JSON.stringify(await decide(line))}\n`);
}

async function decide(line) {
  let id = null;
  try {
    const { id: name, now: seconds, request, options } = JSON.parse(line);
    id = name;
    now = seconds * 1_000;
    const head = new Request(request.url, { method: request.method, headers: request.headers });
    const state = await client(options ?? {}).authenticateRequest(head, perRequest(options ?? {}));
    return { id, ...told(state) };
  } catch (error) {
    const text = `${error?.name}: ${error?.message}`;
    return { id, status: 'error', reason: null, message: null, tokenType: null, headers: [], claims: null, error: text };
  }
}

function told(state) {
  return {
    status: state.status,
    reason: state.reason || null,
    message: state.message || null,
    tokenType: state.tokenType ?? null,
    headers: [...state.headers],
    claims: state.status === 'signed-in' ? claims(state) : null,
    error: null,
  };
}

// A session's claims are those of its token: the auth object hides them while the session is pending.
function claims(state) {
  if (state.tokenType === 'session_token') {
    return JSON.parse(Buffer.from(state.token.split('.')[1], 'base64url').toString());
  }
  return state.toAuth()?.claims ?? null;
}

function client(options) {
  const { publishableKey, secretKey, machineSecretKey, apiUrl } = options;
  const key = JSON.stringify([publishableKey, secretKey, machineSecretKey, apiUrl]);
  let found = clients.get(key);
  if (!found) {
    if (clients.size >= MAX_CLIENTS) {
      clients.clear();
    }
    found = createClerkClient({
      publishableKey,
      secretKey,
      machineSecretKey,
      apiUrl,
      telemetry: { disabled: true },
    });
    clients.set(key, found);
  }
  return found;
}

function perRequest(options) {
  const { apiUrl, ...rest } = options;
  return rest;
}
