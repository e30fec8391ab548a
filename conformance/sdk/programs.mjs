// Starts the programs: our identity service, an Express site with the SDK, an axum site with our middleware.

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const PATIENCE_MS = 60_000;
const CLOSED_PROXY = "http://127.0.0.1:1";
const here = (name) => fileURLToPath(new URL(name, import.meta.url));

export const SEED = {
  users: [{ email: "carol@example.com", features: ["beta"], plan: "free" }],
  organizations: [
    {
      id: "org_acme", slug: "acme", name: "Acme", plan: "pro", features: ["invoices", "reports"],
      members: [{ user: "carol@example.com", role: "org:admin", permissions: ["org:invoices:read", "org:reports:write"] }],
    },
  ],
  machines: [{ id: "mch_reports", secret_key: "ak_reports_0123456789" }],
  api_keys: [{ name: "ci", secret: "ak_ci_0123456789", subject: "carol@example.com", scopes: ["read"] }],
  m2m_tokens: [{ name: "nightly", token: "mt_0123456789", subject: "mch_reports" }],
  oauth_tokens: [{ name: "app", access_token: "oat_0123456789", client_id: "app", subject: "carol@example.com", scopes: ["profile"] }],
  sessions: [{ id: "sess_carol", user: "carol@example.com", organization: "acme", client: "0123456789abcdef" }],
};

/** Waits until `look` answers with something; a failure in it counts as not yet. */
export async function until(what, look) {
  const end = Date.now() + PATIENCE_MS;
  let last;
  while (Date.now() < end) {
    try {
      const found = await look();
      if (found) return found;
    } catch (error) {
      last = error;
    }
    await new Promise((resume) => setTimeout(resume, 100));
  }
  throw new Error(`${what} did not happen`, { cause: last });
}

/** Starts everything with tokens that live for so many seconds. */
export async function start(tokenSecs) {
  const [issuerPort, expressPort, axumPort] = await freePorts(3);
  const folder = mkdtempSync(join(tmpdir(), "nostore-sdk-"));
  const sites = { express: `http://localhost:${expressPort}`, axum: `http://localhost:${axumPort}` };
  const running = [];
  const stop = async () => {
    await Promise.all(running.map((program) => program.end()));
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const seed = join(folder, "seed.json");
    writeFileSync(seed, JSON.stringify(SEED));
    const origins = Object.values(sites).flatMap((site) => ["--allow-origin", site]);
    const service = new Program(needed("NOSTORE"), [
      "issuer", "--listen", `127.0.0.1:${issuerPort}`, "--data", join(folder, "data"), "--seed", seed,
      "--token-lifetime", String(tokenSecs), ...origins,
    ]);
    running.push(service);
    const [, publishableKey, secretKey] = await service.says(/(pk_test_\S+)\s+(sk_test_\S+)/);
    const issuer = `http://127.0.0.1:${issuerPort}`;
    const express = new Program(process.execPath, ["--import", here("loopback.mjs"), here("express.mjs")], {
      PORT: String(expressPort), CLERK_PUBLISHABLE_KEY: publishableKey, CLERK_SECRET_KEY: secretKey, CLERK_API_URL: issuer,
      CLERK_TELEMETRY_DISABLED: "1", HTTP_PROXY: CLOSED_PROXY, HTTPS_PROXY: CLOSED_PROXY, NO_PROXY: "127.0.0.1,localhost",
    });
    const axum = new Program(needed("NOSTORE_WHOAMI"), [], {
      PORT: String(axumPort), NOSTORE_PUBLISHABLE_KEY: publishableKey, NOSTORE_SECRET_KEY: secretKey,
      NOSTORE_API_URL: issuer, NOSTORE_PUBLIC_URL: sites.axum,
    });
    running.push(express, axum);
    await express.says(/listening/);
    await until("the axum site", () => fetch(`${sites.axum}/whoami`));
    return { issuer, sites, publishableKey, secretKey, running, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

class Program {
  #child;
  #text = "";
  #ended;

  constructor(program, args, variables = {}) {
    const environment = { PATH: process.env.PATH, NO_COLOR: "1", ...variables };
    this.#child = spawn(program, args, { env: environment, stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream.setEncoding("utf8").on("data", (text) => (this.#text += text));
    }
    this.#ended = new Promise((resolve) => this.#child.on("error", resolve).on("close", resolve));
  }

  /** Waits until it has said something. */
  says(pattern) {
    return until(`${pattern} from ${this.#child.spawnfile}`, () => {
      if (this.#child.exitCode !== null) throw new Error(this.#text);
      return pattern.exec(this.#text);
    });
  }

  /** What it has said so far, and whether it still runs. */
  get state() {
    return { text: this.#text, runs: this.#child.exitCode === null };
  }

  async end() {
    this.#child.kill("SIGTERM");
    const patience = setTimeout(() => this.#child.kill("SIGKILL"), 5_000);
    await this.#ended;
    clearTimeout(patience);
  }
}

function needed(variable) {
  const value = process.env[variable];
  if (!value) throw new Error(`expected the path of a program in ${variable}: run \`cargo xtask sdk\``);
  return value;
}

/** Ports that were free a moment ago. */
async function freePorts(count) {
  const servers = await Promise.all(
    Array.from({ length: count }, () => new Promise((ready) => {
      const server = createServer().listen(0, "127.0.0.1", () => ready(server));
    })),
  );
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => new Promise((closed) => server.close(closed))));
  return ports;
}
