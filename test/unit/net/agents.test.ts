import { createHash, X509Certificate } from "node:crypto";
import type { ServerResponse } from "node:http";
import { createRequire } from "node:module";
import type { TlsOptions } from "node:tls";
import { afterEach, beforeAll, expect, test } from "vitest";
import { Secret } from "../../../src/lib/secret.js";
import { Agents } from "../../../src/net/agents.js";
import type { TlsIdentity } from "../../../src/net/client-certificate.js";
import { createAuthority } from "../../support/certificates.js";
import { deferred } from "../../support/deferred.js";
import { type Listening, listen } from "../../support/listen.js";

type Authority = Awaited<ReturnType<typeof createAuthority>>;

let authority: Authority;
let tls: TlsOptions;
let identities: readonly TlsIdentity[];
const open: { close(): unknown }[] = [];

beforeAll(async () => {
  authority = await createAuthority();
  const { certificate, privateKey } = await authority.issue({ hosts: ["127.0.0.1"] });
  tls = { cert: certificate, key: privateKey, ca: authority.certificate, requestCert: true };
  identities = await Promise.all(["a", "b", "c"].map(identity));
});
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});

async function identity(name: string): Promise<TlsIdentity> {
  const { certificate, privateKey } = await authority.issue({ subject: `CN=${name}`, client: true });
  const { raw, validTo } = new X509Certificate(certificate);
  const thumbprint = createHash("sha256").update(raw).digest("base64url");
  const key = new Secret(privateKey);
  return { certificate, privateKey: key, passphrase: undefined, thumbprint, expiresAt: Date.parse(validTo) };
}

function agents(limit?: number): Agents {
  const authorities = [authority.certificate];
  const made = new Agents(async () => authorities, limit);
  open.push(made);
  return made;
}

async function serve(listener: (response: ServerResponse) => void): Promise<Listening> {
  const listening = await listen(() => (_request, response) => listener(response), tls);
  open.push(listening);
  return listening;
}

/** Sends a request with the certificate `identities[which]`. */
async function ask(from: Agents, which: number, origin: string): Promise<Response> {
  const lease = await from.lease({ proxy: undefined, identity: identities[which] });
  try {
    // The types of the global fetch come from another copy of undici.
    return await fetch(origin, { dispatcher: lease.agent } as unknown as RequestInit);
  } finally {
    lease.release();
  }
}

/** Waits for a condition that sockets fulfill some time later. The timeout of the test is the limit. */
async function until(done: () => boolean): Promise<void> {
  while (!done()) await new Promise((resolve) => setImmediate(resolve));
}

test("the least recently used agents are closed beyond the limit, and opened again on use", async () => {
  const server = await serve((response) => void response.end("ok"));
  const two = agents(2);
  for (const which of [0, 1, 0, 2]) await (await ask(two, which, server.origin)).text();
  expect(two.size).toBe(2);
  // The connection of 1 is closed.
  await until(() => server.connections === 2);
  expect(await (await ask(two, 1, server.origin)).text()).toBe("ok");
  await until(() => server.connections === 2);
});

test("a response in progress is read to its end while its agent is closed", async () => {
  const held = deferred<ServerResponse>();
  const slow = await serve((response) => {
    response.write("first, ");
    held.resolve(response);
  });
  const server = await serve((response) => void response.end("ok"));
  const one = agents(1);
  const response = await ask(one, 0, slow.origin);
  for (const which of [1, 2]) await (await ask(one, which, server.origin)).text();
  (await held.promise).end("last");
  expect(await response.text()).toBe("first, last");
  await until(() => slow.connections === 0);
});

test("an agent is not closed between its lease and the request", async () => {
  const server = await serve((response) => void response.end("ok"));
  const one = agents(1);
  const lease = await one.lease({ proxy: undefined, identity: identities[0] });
  await (await ask(one, 1, server.origin)).text();
  // The types of the global fetch come from another copy of undici.
  const response = await fetch(server.origin, { dispatcher: lease.agent } as unknown as RequestInit);
  lease.release();
  expect(await response.text()).toBe("ok");
  await until(() => server.connections === 1);
});

test("there are at most 32 agents by default", async () => {
  const many = agents();
  for (let i = 0; i < 40; i += 1) {
    const proxy = {
      origin: `http://proxy.example:${i + 1}`,
      authorization: undefined,
      source: "HTTPS_PROXY",
    };
    (await many.lease({ proxy, identity: undefined })).release();
  }
  expect(many.size).toBe(32);
});

test("an event stream may stay silent for a day, and a response may take a day to begin", async () => {
  // The internal timers of undici. Advancing them ends each request that undici would end after that time.
  const require = createRequire(import.meta.url);
  const timers: { tick(milliseconds: number): void } = require("undici/lib/util/timers.js");
  const stream = deferred<ServerResponse>();
  const streaming = await serve((response) => {
    response.write("first, ");
    stream.resolve(response);
  });
  const late = deferred<ServerResponse>();
  const slow = await serve((response) => late.resolve(response));
  const from = agents();
  const events = await ask(from, 0, streaming.origin);
  const answer = ask(from, 0, slow.origin);
  answer.catch(() => {});
  const [open, unanswered] = await Promise.all([stream.promise, late.promise]);
  const reader = events.body?.getReader();
  expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toBe("first, ");
  const next = reader?.read();
  next?.catch(() => {});
  // The first tick starts timers that were only set.
  timers.tick(1_000);
  timers.tick(24 * 60 * 60 * 1_000);
  unanswered.end("late");
  open.end("last");
  expect(await (await answer).text()).toBe("late");
  expect(Buffer.from((await next)?.value ?? []).toString()).toBe("last");
});

test("after retire() an agent without a request closes its connections at once", async () => {
  const server = await serve((response) => void response.end("ok"));
  const replaced = agents();
  await (await ask(replaced, 0, server.origin)).text();
  replaced.retire();
  await until(() => server.connections === 0);
  expect(replaced.size).toBe(0);
});

test("after retire() a request in progress is answered before its connection closes", async () => {
  const held = deferred<ServerResponse>();
  const server = await serve((response) => held.resolve(response));
  const replaced = agents();
  const answer = ask(replaced, 0, server.origin);
  const response = await held.promise;
  replaced.retire();
  response.end("late");
  expect(await (await answer).text()).toBe("late");
  await until(() => server.connections === 0);
});

test("after retire() a further request is sent, and its connection closes after it", async () => {
  const server = await serve((response) => void response.end("ok"));
  const replaced = agents();
  replaced.retire();
  for (const which of [0, 1]) expect(await (await ask(replaced, which, server.origin)).text()).toBe("ok");
  await until(() => server.connections === 0);
  expect(replaced.size).toBe(0);
});

test("without retire() requests of one identity share an agent, which stays open", async () => {
  const server = await serve((response) => void response.end("ok"));
  const current = agents();
  for (const which of [0, 0, 0]) await (await ask(current, which, server.origin)).text();
  expect(current.size).toBe(1);
  expect(server.connections).toBeGreaterThan(0);
});
