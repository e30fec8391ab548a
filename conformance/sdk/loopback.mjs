// Preloaded into every program under test: a connection that leaves this machine ends it.

import { isIP, Socket } from "node:net";

const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|::1|::ffff:127\.\d+\.\d+\.\d+)$/;
const connect = Socket.prototype.connect;

Socket.prototype.connect = function (...given) {
  const options = Array.isArray(given[0]) ? given[0][0] : given[0];
  // Without a host it is this machine, or a path.
  const host = typeof options === "object" ? options.host : given[1];
  if (typeof host === "string" && !LOOPBACK.test(host)) {
    console.error(`expected loopback alone, found a connection to ${isIP(host) ? "the address" : "the host"} ${host}`);
    process.exit(97);
  }
  return connect.apply(this, given);
};
