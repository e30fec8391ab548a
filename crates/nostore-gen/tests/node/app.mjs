// The incident's app as a function of the Web API, with the wrapper (WRAPPER) around it, or bare. Prints its port.
import { createServer } from "node:http";

const wrapper = process.env.WRAPPER;
let copies = 0;

function handler(request) {
  const { pathname } = new URL(request.url);
  const cookie = request.headers.get("cookie") ?? "";
  const session = cookie.split("; ").find((pair) => pair.includes("session-token"));
  const copy = copies++;
  if (pathname === "/assets/tree.js") {
    return new Response(`a tree, copy ${copy}`, { headers: { "cache-control": "public, s-maxage=60", "set-cookie": "authjs.csrf-token=x" } });
  }
  const headers = new Headers({ "cache-control": "s-maxage=31536000", "netlify-cdn-cache-control": "s-maxage=31536000, durable" });
  if (pathname === "/dashboard" && !session) {
    headers.set("location", `/login?state=${copy}`);
    return new Response(null, { status: 302, headers });
  }
  if (pathname === "/login" && !cookie.includes("theme=dark")) {
    headers.append("set-cookie", "__Secure-authjs.session-token=secret-of-alice; Path=/");
  }
  if (session) headers.append("set-cookie", `${session}; Path=/`);
  return new Response(`${session ? "alice" : "nobody"}, copy ${copy}`, { headers });
}

const answer = wrapper ? (await import(wrapper)).withNoStore(handler) : handler;

const server = createServer(async (incoming, outgoing) => {
  const request = new Request(`http://site.example${incoming.url}`, { headers: incoming.headers });
  const response = await answer(request, {});
  const cookies = response.headers.getSetCookie();
  for (const [name, value] of response.headers) if (name !== "set-cookie") outgoing.setHeader(name, value);
  if (cookies.length > 0) outgoing.setHeader("set-cookie", cookies);
  const body = Buffer.from(await response.arrayBuffer());
  outgoing.writeHead(response.status, { "content-length": body.length });
  outgoing.end(body);
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
