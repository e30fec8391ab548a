// An Express site with the unmodified SDK, set up by its own environment variables alone.

import { clerkClient, clerkMiddleware, getAuth } from "@clerk/express";
import express from "express";

const MACHINES = ["api_key", "m2m_token", "oauth_token"];
const CHECKS = ["permission", "role", "feature", "plan"];

const app = express();
app.use(clerkMiddleware());

app.get("/whoami", (request, response) => {
  const auth = getAuth(request);
  const name = CHECKS.find((name) => name in request.query);
  response.json({
    userId: auth.userId ?? null,
    sessionId: auth.sessionId ?? null,
    orgId: auth.orgId ?? null,
    has: name ? auth.has({ [name]: request.query[name] }) : null,
  });
});

app.get("/machine", (request, response) => {
  const { tokenType, id, subject, scopes, userId, orgId, clientId, machineId } = getAuth(request, { acceptsToken: MACHINES });
  response.json({ tokenType, id, subject, scopes, userId, orgId, clientId, machineId });
});

app.post("/sign-out", async (request, response) => {
  const { sessionId } = getAuth(request);
  const { status } = await clerkClient.sessions.revokeSession(sessionId);
  response.json({ status });
});

const server = app.listen(Number(process.env.PORT), "127.0.0.1", () => console.log("listening"));
process.on("SIGTERM", () => server.close(() => process.exit(0)));
