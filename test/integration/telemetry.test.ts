// Spans and metrics, as an SDK of OpenTelemetry records them.
import { AsyncLocalStorage, AsyncResource } from "node:async_hooks";
import { context, metrics, SpanStatusCode, trace } from "@opentelemetry/api";
import { describe, expect, onTestFinished, test } from "vitest";
import type { McpAuthConfig, McpAuthStore } from "../../src/index.js";
import { type McpAuthWithInternals, proxyInternals } from "../../src/runtime/manager-internals.js";
import { attributeNames, instruments, otherValue, spanName } from "../../src/telemetry/instruments.js";
import { prometheusName } from "../../src/telemetry/prometheus.js";
import { sendJson } from "../support/http-server.js";
import { liveClock } from "../support/live-clock.js";
import { registerOpenTelemetry } from "../support/open-telemetry.js";
import { rejectionOf } from "../support/rejection-of.js";
import { sharedMemory } from "../support/shared-memory.js";
import { createTestManager, createTestRuntime, sendToken, startScriptedIssuer } from "./harness.js";

/** Starts an issuer whose token endpoint answers as `answers` say, and with a token after that. */
async function issuerThat(...answers: readonly (number | "token")[]) {
  let count = 0;
  return await startScriptedIssuer((_request, response) => {
    const answer = answers[count] ?? "token";
    count += 1;
    if (answer === "token") sendToken(response, `t${count}`);
    else sendJson(response, { error: "invalid_client", error_description: "canary" }, answer);
  });
}

const ofTools = (issuer: string) => ({
  [attributeNames.server]: "tools",
  [attributeNames.issuer]: issuer,
  [attributeNames.grant]: "client_credentials",
});

describe("spans", () => {
  test("an acquisition is a child of the caller's span, and its requests are its children", async () => {
    await using telemetry = registerOpenTelemetry();
    const issuer = await issuerThat();
    const { manager } = await createTestManager(issuer);
    const tracer = trace.getTracer("test");
    await tracer.startActiveSpan("call", async (span) => {
      await manager.getAccessToken();
      await manager.getAccessToken();
      span.end();
    });
    const [call] = telemetry.spans("call");
    const [acquire, ...others] = telemetry.spans(spanName);
    expect(others).toEqual([]);
    expect(acquire?.parentSpanContext?.spanId).toBe(call?.spanContext().spanId);
    expect(acquire?.attributes).toEqual({
      ...ofTools(issuer.server.origin),
      [attributeNames.reason]: "demand",
    });
    expect(acquire?.status).toEqual({ code: SpanStatusCode.UNSET });
    const requests = telemetry.spans("POST");
    expect(requests).toHaveLength(1);
    expect(requests[0]?.parentSpanContext?.spanId).toBe(acquire?.spanContext().spanId);
  });

  test("a failed acquisition has our code as status and error.type, and no event", async () => {
    await using telemetry = registerOpenTelemetry();
    const { manager } = await createTestManager(await issuerThat(401));
    await rejectionOf(manager.getAccessToken());
    const [acquire] = telemetry.spans(spanName);
    expect(acquire?.status).toEqual({ code: SpanStatusCode.ERROR, message: "token_request_rejected" });
    expect(acquire?.attributes[attributeNames.code]).toBe("token_request_rejected");
    expect(acquire?.events).toEqual([]);
  });

  test("the attempts of one acquisition are in one span", async () => {
    await using telemetry = registerOpenTelemetry();
    const { clock, fetch, advance } = liveClock();
    const { manager } = await createTestManager(await issuerThat(503), { clock, fetch });
    const token = manager.getAccessToken();
    await advance(60_000);
    expect(await token).toBe("t2");
    const [acquire, ...others] = telemetry.spans(spanName);
    expect(others).toEqual([]);
    expect(acquire?.status.code).toBe(SpanStatusCode.UNSET);
    expect(telemetry.spans("POST").map(({ parentSpanContext }) => parentSpanContext?.spanId)).toEqual([
      acquire?.spanContext().spanId,
      acquire?.spanContext().spanId,
    ]);
  });

  test("a caller that joins a request has a link to its span", async () => {
    await using telemetry = registerOpenTelemetry();
    const { manager } = await createTestManager(await issuerThat());
    const tracer = trace.getTracer("test");
    const call = (name: string) =>
      tracer.startActiveSpan(name, async (span) => {
        await manager.getAccessToken();
        span.end();
      });
    await Promise.all([call("first"), call("second")]);
    const [acquire] = telemetry.spans(spanName);
    const [[first], [second]] = [telemetry.spans("first"), telemetry.spans("second")];
    expect(acquire?.parentSpanContext?.spanId).toBe(first?.spanContext().spanId);
    expect(first?.links).toEqual([]);
    expect(second?.links.map(({ context }) => context.spanId)).toEqual([acquire?.spanContext().spanId]);
  });

  test("a renewal in the background is the root of a trace, with a link to the call that found the token stale", async () => {
    await using telemetry = registerOpenTelemetry();
    const { clock, fetch, quiet } = liveClock();
    const { auth, manager } = await createTestManager(await issuerThat(), { clock, fetch });
    await manager.getAccessToken();
    const { nextRefreshAt = 0 } = auth.status()[0] ?? {};
    // Its timer does not run, as on a machine that slept, so that the next call finds a stale token.
    clock.stall(nextRefreshAt + 1 - clock.now());
    await trace.getTracer("test").startActiveSpan("late call", async (span) => {
      await manager.getAccessToken();
      span.end();
    });
    await quiet();
    const renewal = telemetry
      .spans(spanName)
      .find(({ attributes }) => attributes[attributeNames.reason] === "expiry");
    const [late] = telemetry.spans("late call");
    expect(renewal?.parentSpanContext).toBe(undefined);
    expect(renewal?.spanContext().traceId).not.toBe(late?.spanContext().traceId);
    expect(renewal?.links.map(({ context }) => context.spanId)).toEqual([late?.spanContext().spanId]);
  });

  test("an SDK that is registered after the first token gets the spans of the next one", async () => {
    const { manager } = await createTestManager(await issuerThat());
    await manager.getAccessToken();
    await using telemetry = registerOpenTelemetry();
    await manager.getAccessToken({ forceRefresh: true });
    expect(telemetry.spans(spanName)).toHaveLength(1);
    const renewals = await telemetry.points(instruments.renewals.name);
    expect(renewals.map(({ value }) => value).filter((value) => value > 0)).toEqual([1]);
  });
});

test("a renewal in the background does not run in the asynchronous context of a call", async () => {
  const storage = new AsyncLocalStorage<string>();
  const seen: (string | undefined)[] = [];
  const { clock, fetch, advance, quiet } = liveClock();
  const issuer = await startScriptedIssuer((_request, response) => sendToken(response, "t", 120));
  const { manager } = await createTestManager(issuer, {
    clock: {
      now: () => clock.now(),
      // As a real timer does, and the fake one does not.
      setTimeout: (callback, delay) => clock.setTimeout(AsyncResource.bind(callback), delay),
    },
    fetch(input, init) {
      if (String(input).endsWith("/token")) seen.push(storage.getStore());
      return fetch(input, init);
    },
  });
  await storage.run("first caller", () => manager.getAccessToken());
  // The timer renews the token.
  await advance((manager.status().nextRefreshAt ?? 0) + 1_000 - clock.now());
  expect(seen).toEqual(["first caller", undefined]);
  // A call finds the token stale.
  clock.stall((manager.status().nextRefreshAt ?? 0) + 1 - clock.now());
  await storage.run("late caller", () => manager.getAccessToken());
  await quiet();
  expect(seen).toEqual(["first caller", undefined, undefined]);
});

describe("metrics", () => {
  test("a life with failures, a wait, a refused token and a renewal is in the metrics", async () => {
    await using telemetry = registerOpenTelemetry();
    const { clock, fetch, advance } = liveClock();
    let refused = 1;
    const issuer = await startScriptedIssuer(
      (_request, response) => {
        const count = issuer.tokenRequests().length;
        if (count === 1) sendJson(response, {}, 503);
        else if (count === 3) sendJson(response, { error: "invalid_client" }, 401);
        else sendToken(response, `t${count}`);
      },
      (_request, response) => {
        sendJson(response, {}, refused > 0 ? 401 : 200, { "www-authenticate": "Bearer" });
        refused -= 1;
      },
    );
    const { manager } = await createTestManager(issuer, { clock, fetch });
    // 503, then a token. The two calls share it.
    const calls = Promise.all([manager.getAccessToken(), manager.getAccessToken()]);
    await advance(60_000);
    expect(await calls).toEqual(["t2", "t2"]);
    await rejectionOf(manager.getAccessToken({ forceRefresh: true }));
    await advance(60_000);
    await manager.fetch(issuer.url);
    const values = async (name: string) =>
      (await telemetry.points(name)).flatMap(({ attributes, value }) => {
        // Counters begin with 0 for every reason.
        if (value === 0) return [];
        const { [attributeNames.issuer]: ofIssuer, [attributeNames.grant]: grant, ...others } = attributes;
        expect([ofIssuer, grant]).toEqual([issuer.server.origin, "client_credentials"]);
        return [[others, value]];
      });
    const server = { [attributeNames.server]: "tools" };
    const [reason, code] = [attributeNames.reason, attributeNames.code];
    expect(await values(instruments.acquisitions.name)).toEqual([
      [server, 2],
      [{ ...server, [code]: "token_request_rejected" }, 1],
    ]);
    expect(await values(instruments.waits.name)).toEqual([
      [server, 3],
      [{ ...server, [code]: "token_request_rejected" }, 1],
    ]);
    expect(await values(instruments.renewals.name)).toEqual([
      [{ ...server, [reason]: "demand" }, 1],
      [{ ...server, [reason]: "rejected" }, 1],
    ]);
    expect(await values(instruments.failures.name)).toEqual([
      [{ ...server, [reason]: "demand", [code]: "unavailable" }, 1],
      [{ ...server, [reason]: "forced", [code]: "token_request_rejected" }, 1],
    ]);
    expect(await values(instruments.rejections.name)).toEqual([[server, 1]]);
    expect(await values(instruments.states.name)).toEqual([
      [{ ...server, [attributeNames.state]: "fresh" }, 1],
    ]);
    expect(await values(instruments.remainingLifetime.name)).toEqual([[server, 3_600]]);
  });

  test("a cool-down and an outage of the store are counted", async () => {
    await using telemetry = registerOpenTelemetry();
    const fails = () => Promise.reject(new Error("canary"));
    const store = sharedMemory().store({ get: fails, set: fails, withLock: fails });
    const { manager } = await createTestManager(await issuerThat(401), { store });
    await rejectionOf(manager.getAccessToken());
    expect((await telemetry.points(instruments.storeOutages.name)).map(({ value }) => value)).toEqual([1]);
    const [cooldown] = await telemetry.points(instruments.cooldowns.name);
    expect(cooldown?.attributes[attributeNames.code]).toBe("token_request_rejected");
  });

  test("nothing is kept for a server that a reload removes", async () => {
    await using telemetry = registerOpenTelemetry();
    const issuer = await issuerThat();
    const config: McpAuthConfig<string> = { servers: { ...issuer.config.servers } };
    const auth = await createTestRuntime<string>({ config, env: issuer.env });
    await auth.resolve("tools").getAccessToken();
    // Only `createMcpAuth` makes one, so it has the internals.
    const { [proxyInternals]: internals } = auth as unknown as McpAuthWithInternals;
    expect(internals.measurements.attributesOf("tools")).toMatchObject({ server: "tools" });
    config.servers = {};
    await auth.reload();
    expect(internals.measurements.attributesOf("tools")).toBeUndefined();
    expect(await telemetry.points(instruments.states.name)).toEqual([]);
  });

  test("a failure that has ended is 0, also if it has been exported before", async () => {
    await using telemetry = registerOpenTelemetry();
    const { clock, fetch, advance } = liveClock();
    const { manager } = await createTestManager(await issuerThat(401), { clock, fetch });
    const failing = async () =>
      (await telemetry.points(instruments.failing.name)).flatMap(({ attributes, value }) =>
        value === 0 ? [] : [attributes[attributeNames.code]],
      );
    await rejectionOf(manager.getAccessToken());
    expect(await failing()).toEqual(["token_request_rejected"]);
    await advance(60_000);
    await manager.getAccessToken();
    expect(await failing()).toEqual([]);
  });

  test("a store is usable again after an outage, and counters begin with 0", async () => {
    await using telemetry = registerOpenTelemetry();
    const { clock, fetch, advance } = liveClock();
    let isDown = false;
    const memory = sharedMemory().store();
    const down = () => Promise.reject(new Error("canary"));
    const store: McpAuthStore = {
      ...memory,
      get: (...call) => (isDown ? down() : memory.get(...call)),
      set: (...call) => (isDown ? down() : memory.set(...call)),
      withLock: (...call) => (isDown ? down() : memory.withLock(...call)),
    };
    const { manager } = await createTestManager(await issuerThat(), { store, clock, fetch });
    const values = async (name: string) => (await telemetry.points(name)).map(({ value }) => value);
    await manager.getAccessToken();
    expect(await values(instruments.storeUsable.name)).toEqual([1]);
    expect(await values(instruments.storeOutages.name)).toEqual([0]);
    expect(await values(instruments.rejections.name)).toEqual([0]);
    expect(await values(instruments.credentialChanges.name)).toEqual([0, 0]);
    isDown = true;
    await manager.getAccessToken({ forceRefresh: true });
    expect(await values(instruments.storeUsable.name)).toEqual([0]);
    expect(await values(instruments.storeOutages.name)).toEqual([1]);
    isDown = false;
    await advance(120_000);
    await manager.getAccessToken({ forceRefresh: true });
    expect(await values(instruments.storeUsable.name)).toEqual([1]);
  });

  test("the exporter of the SDK names metrics and labels as the proxy does, except for the unit", async () => {
    await using telemetry = registerOpenTelemetry();
    const { auth } = await createTestManager(await issuerThat());
    await auth.resolve("tools").getAccessToken();
    const text = await telemetry.prometheusText();
    for (const key of ["acquisitions", "waits", "renewals", "remainingLifetime", "states"] as const) {
      const name = prometheusName({ ...instruments[key], unit: "" });
      const suffix = instruments[key].kind === "histogram" ? "_count" : "";
      expect(text).toMatch(
        new RegExp(`^${name}${suffix}\\{mcp_auth_server="tools",mcp_auth_issuer="http:`, "m"),
      );
    }
    expect(text).toContain('mcp_auth_reason="demand"');
  });

  test("520 servers are at most 501 series of each metric, and nothing is lost", async () => {
    await using telemetry = registerOpenTelemetry();
    const client = { issuer: "https://auth.example", id: "agent", secret: { env: "SECRET" } };
    const names = Array.from({ length: 520 }, (_, index) => `s${index}`);
    const servers = Object.fromEntries(
      names.map((name) => [name, { url: `https://${name}.example/mcp`, grant: { client } }]),
    );
    const fetch = () => Promise.resolve(new Response("", { status: 400 }));
    const auth = await createTestRuntime({ config: { servers }, env: {}, fetch });
    await Promise.all(names.map((name) => rejectionOf(auth.resolve(name).getAccessToken())));
    for (const { name } of [instruments.failures, instruments.states, instruments.waits]) {
      // A state that has ended is 0.
      const points = (await telemetry.points(name)).filter(({ value }) => value > 0);
      expect(points.length, name).toBeLessThanOrEqual(501);
      expect(
        points.reduce((sum, { value }) => sum + value, 0),
        name,
      ).toBe(520);
      const others = points.filter(({ attributes }) => attributes[attributeNames.server] === otherValue);
      expect(others, name).toHaveLength(1);
    }
  });
});

describe("an SDK that does not work", () => {
  const fail = (): never => {
    throw new Error("broken");
  };

  /** Puts an object where an SDK registers itself, until the test ends. */
  function registerObject(descriptor: PropertyDescriptor): void {
    const key = Symbol.for("opentelemetry.js.api.1");
    Object.defineProperty(globalThis, key, { configurable: true, ...descriptor });
    onTestFinished(() => void Reflect.deleteProperty(globalThis, key));
  }

  test("an SDK that throws at every call fails no call", async () => {
    const broken: unknown = new Proxy(() => {}, {
      get: () => broken,
      apply: fail,
    });
    registerObject({ value: { version: "1.9.0", trace: broken, metrics: broken, context: broken } });
    const issuer = await issuerThat(401);
    const { manager } = await createTestManager(issuer);
    expect(await rejectionOf(manager.getAccessToken())).toMatchObject({ code: "token_request_rejected" });
    expect(await manager.getAccessToken({ forceRefresh: true })).toBe("t2");
    expect(issuer.tokenRequests()).toHaveLength(2);
  });

  const throwing = { configurable: true, get: fail };
  test.each<[string, PropertyDescriptor]>([
    ["is registered", { get: fail }],
    ["has traces", { value: Object.defineProperty({ metrics: {} }, "trace", throwing) }],
    ["has metrics", { value: Object.defineProperty({}, "metrics", throwing) }],
    ["has a context", { value: Object.defineProperty({ trace: {} }, "context", throwing) }],
    ["is an object", { value: 1 }],
  ])("an error while it is asked whether it %s fails no call", async (_what, descriptor) => {
    registerObject(descriptor);
    const issuer = await issuerThat("token", 401);
    const { manager } = await createTestManager(issuer);
    expect(await manager.getAccessToken()).toBe("t1");
    expect(await rejectionOf(manager.getAccessToken({ forceRefresh: true }))).toMatchObject({
      code: "token_request_rejected",
    });
  });

  test("a span that has begun is ended, and an instrument that works is used, whatever else fails", async () => {
    const calls: string[] = [];
    const span = {
      ...{ spanContext: fail, setAttribute: fail, setStatus: fail },
      end: () => void calls.push("end"),
    };
    const startSpan = () => {
      calls.push("begin");
      return span;
    };
    const createCounter = () => ({
      add(value: number) {
        if (value > 0) calls.push("add");
      },
    });
    const meter = {
      ...{ createHistogram: fail, createObservableGauge: fail, createObservableUpDownCounter: fail },
      createCounter,
    };
    const [trace, metrics] = [{ getTracer: () => ({ startSpan }) }, { getMeter: () => meter }];
    const context = { active: () => ({ getValue: () => span }), with: fail };
    registerObject({ value: { trace, metrics, context } });
    const { manager } = await createTestManager(await issuerThat());
    await Promise.all([manager.getAccessToken(), manager.getAccessToken()]);
    // The counter of the new token.
    expect(calls).toEqual(["begin", "add", "end"]);
  });

  test("an SDK of which only a part is registered is used as far as it goes", async () => {
    await using telemetry = registerOpenTelemetry();
    context.disable();
    const { manager } = await createTestManager(await issuerThat());
    await manager.getAccessToken();
    expect(telemetry.spans(spanName)).toHaveLength(1);
    metrics.disable();
    await manager.getAccessToken({ forceRefresh: true });
    expect(telemetry.spans(spanName)).toHaveLength(2);
  });
});
