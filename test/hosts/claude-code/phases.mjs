// The phases for a headersHelper. Claude Code runs it on connecting and after a 401. While it fails, the server is
// disconnected, and stays so until a person reconnects it. It has ten seconds, so the token endpoint is not slow here.
import { phaseRunner } from "../phases.mjs";

/** @type {import("../phases.mjs").Phases} */
export async function helperTokens(host, servers, verdict) {
  const phase = phaseRunner(host, servers, verdict);
  await phase("connect and a first call", { calls: 1, tokenRequests: 1, unauthorized: 0 });
  await servers.revoke();
  const afterOne = await phase("a call after a revocation", {
    ...{ calls: 1, tokenRequests: 1, unauthorized: 1 },
  });
  await servers.revoke();
  const afterTen = await phase("ten concurrent calls after a revocation", {
    ...{ calls: 10, tokenRequests: 1, unauthorized: [1, 10] },
  });
  await servers.expire();
  const expiry = await phase("a call after expiry", { calls: 1, tokenRequests: 1, unauthorized: 1 });

  await servers.away(true);
  await phase("a call while the authorization server is away", {
    ...{ calls: 1, tokenRequests: 0, unauthorized: 0 },
  });
  await servers.revoke();
  const [failure = ""] = await host.ask(1);
  const isTold = failure.includes("rejected the credential from its headersHelper");
  verdict("a call without a token fails, and names the headersHelper", isTold, failure);
  await servers.away(false);
  const [later = ""] = await host.ask(1);
  verdict("the server stays disconnected", later.includes("is not connected"), later);

  const received = await servers.received();
  const logins = received.filter(({ request }) => /^\w+ \/(?:register|authorize|auth|reg)\b/.test(request));
  verdict("the host registers no client and starts no login", logins.length === 0, JSON.stringify(logins));
  const { tokenRequests } = await servers.counts();
  return { revocation: afterOne && afterTen, expiry, absence: false, tokenRequests };
}
