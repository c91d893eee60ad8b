import { expect, onTestFinished, test } from "vitest";
import type { HttpServer } from "../support/http-server.js";
import { sendJson } from "../support/http-server.js";
import { createTestRuntime, sendToken, startScriptedServer } from "./harness.js";

/** Starts an issuer that holds token requests until the test answers them. */
async function heldIssuer(names: readonly string[]) {
  const held = new Map<string, () => void>();
  let [maximumHeld, answered] = [0, 0];
  const arrivals: (() => void)[] = [];
  const server: HttpServer = await startScriptedServer((request, response) => {
    if (request.url === "/.well-known/oauth-authorization-server") {
      return sendJson(response, { issuer: server.origin, token_endpoint: `${server.origin}/token` });
    }
    if (request.url !== "/token") return sendJson(response, {}, 404);
    const name = new URL(new URLSearchParams(request.body).get("resource") ?? "").pathname.slice(1);
    held.set(name, () => {
      held.delete(name);
      answered += 1;
      sendToken(response, `t-${name}`);
    });
    maximumHeld = Math.max(maximumHeld, held.size);
    for (const arrived of arrivals.splice(0)) arrived();
  });
  const client = { issuer: server.origin, id: "agent", secret: { env: "SECRET" } };
  const config = {
    servers: Object.fromEntries(
      names.map((name) => [name, { url: `${server.origin}/${name}`, grant: { client } }]),
    ),
  };
  const auth = await createTestRuntime<string>({ config, env: { SECRET: "s" } });
  /** Resolves once this many requests wait for their response. */
  const waiting = async (count: number): Promise<void> => {
    while (held.size < count) await new Promise<void>((resolve) => arrivals.push(resolve));
  };
  /** Waits until everything that was sent so far has arrived. */
  const roundTrips = async (): Promise<void> => {
    for (let count = 0; count < 20; count += 1) await (await fetch(`${server.origin}/ping`)).text();
  };
  return { auth, held, waiting, roundTrips, maximumHeld: () => maximumHeld, answered: () => answered };
}

const names = Array.from({ length: 100 }, (_, index) => `s${index}`);

/** Answers requests until the issuer has answered this many, except those of the `kept` servers. */
async function answerUntil(
  { held, waiting, answered }: Awaited<ReturnType<typeof heldIssuer>>,
  until: number,
  kept: ReadonlySet<string> = new Set(),
): Promise<void> {
  while (answered() < until) {
    await waiting(Math.min(kept.size + 1, until - answered() + kept.size));
    for (const [name, answer] of [...held]) if (!kept.has(name)) answer();
  }
}

test("start() requests at most sixteen tokens at a time", async () => {
  const issuer = await heldIssuer(names);
  const started = issuer.auth.start();
  await issuer.waiting(16);
  await issuer.roundTrips();
  await answerUntil(issuer, 100);
  expect(await started).toEqual([]);
  expect(issuer.maximumHeld()).toBe(16);
  expect(issuer.auth.status().every(({ state }) => state === "fresh")).toBe(true);
});

test("start() gets the tokens of all other servers while one request gets no response", async () => {
  const issuer = await heldIssuer(names);
  const started = issuer.auth.start();
  await issuer.waiting(16);
  await issuer.roundTrips();
  const [hanging = ""] = issuer.held.keys();
  await answerUntil(issuer, 99, new Set([hanging]));
  expect([...issuer.held.keys()]).toEqual([hanging]);
  issuer.held.get(hanging)?.();
  expect(await started).toEqual([]);
});

test("stop() ends a pending start(), and servers whose turn had not come send no token request", async () => {
  const issuer = await heldIssuer(names);
  const started = issuer.auth.start();
  await issuer.waiting(16);
  await issuer.roundTrips();
  const stopped = issuer.auth.stop();
  for (const answer of [...issuer.held.values()]) answer();
  const failures = await started;
  await stopped;
  expect(issuer.answered()).toBe(16);
  expect(failures).toHaveLength(84);
  expect(new Set(failures.map(({ code }) => code))).toEqual(new Set(["stopped"]));
});

test("reload() requests the tokens of new servers at most sixteen at a time", async () => {
  const issuer = await heldIssuer(names);
  const given: { servers: Record<string, unknown> } = { servers: {} };
  // `reload()` reads the same object again.
  const auth = await createTestRuntime<string>({ config: given as never, env: { SECRET: "s" } });
  onTestFinished(() => auth.stop());
  await auth.start();
  const [first] = issuer.auth.servers;
  const { origin } = new URL(issuer.auth.resolve(first ?? "").url);
  const client = { issuer: origin, id: "agent", secret: { env: "SECRET" } };
  for (const name of names) given.servers[name] = { url: `${origin}/${name}`, grant: { client } };
  await auth.reload();
  await issuer.waiting(16);
  await issuer.roundTrips();
  await answerUntil(issuer, 100);
  expect(issuer.maximumHeld()).toBe(16);
});
