// Tests of the search that the canary tests depend on: it finds canaries in every encoding and in every output.
import { channel } from "node:diagnostics_channel";
import { inspect } from "node:util";
import { expect, test } from "vitest";
import { Canaries } from "../support/canaries.js";
import { startHttpServer } from "../support/http-server.js";
import { Evidence, Watch } from "./canaries-evidence.js";

const encodings: Readonly<Record<string, (text: string) => string>> = {
  plain: (text) => text,
  JSON: (text) => JSON.stringify({ text }),
  "JSON in JSON": (text) => JSON.stringify({ text: JSON.stringify({ text }) }),
  inspect: (text) => inspect({ text }),
  "percent-encoding": (text) => encodeURIComponent(text),
  "percent-encoding in small letters": (text) =>
    encodeURIComponent(text).replaceAll(/%../g, (code) => code.toLowerCase()),
  "a form": (text) => new URLSearchParams({ text }).toString(),
  base64: (text) => Buffer.from(text).toString("base64"),
  "base64 from the second byte of a group": (text) => Buffer.from(`agent-7:${text}`).toString("base64"),
  "base64 from the third byte of a group": (text) => Buffer.from(`agent:${text}`.slice(1)).toString("base64"),
  base64url: (text) => Buffer.from(`agent:${text}`).toString("base64url"),
  "base64 in lines": (text) => Buffer.from(text).toString("base64").replaceAll(/.{20}/g, "$&\n"),
  hex: (text) => Buffer.from(text).toString("hex"),
  "hex in capitals": (text) => Buffer.from(text).toString("hex").toUpperCase(),
  "a Buffer": (text) => inspect(Buffer.from(text)),
  "a Uint8Array": (text) => inspect(new Uint8Array(Buffer.from(text))),
  "a Buffer in JSON": (text) => JSON.stringify(Buffer.from(text)),
};

test.each(Object.entries(encodings))(
  "the search finds a canary and parts of it in this encoding: %s",
  (_, encode) => {
    const canaries = new Canaries();
    const secret = canaries.fresh("secret");
    const found = canaries.find(`What came out: ${encode(secret)}, and more.`);
    expect(found.map(({ label }) => label)).toContain("secret");
    for (let at = 0; at + 20 <= secret.length; at += 1) {
      const part = encode(secret.slice(at, at + 20));
      expect(canaries.find(`${part}.`), `${at}: ${part}`).not.toEqual([]);
    }
  },
);

test("the search finds every piece of twelve characters, and no shorter piece and no other text", () => {
  const canaries = new Canaries();
  const secret = canaries.word("secret");
  for (let at = 0; at + 12 <= secret.length; at += 1) {
    const piece = secret.slice(at, at + 12);
    expect(canaries.find(`<${piece}>`)).toEqual([{ label: "secret", form: "plain", piece }]);
    for (const encoding of ["hex", "base64", "base64url"] as const) {
      expect(canaries.find(Buffer.from(`x${piece}x`).toString(encoding)), encoding).not.toEqual([]);
    }
    expect(canaries.find(`<${piece.slice(1)}>`)).toEqual([]);
  }
  const other = new Canaries();
  const text = Array.from({ length: 2_000 }, () => other.fresh("other")).join("\n");
  expect(canaries.find(text)).toEqual([]);
  expect(() => canaries.plant("short", "abc")).toThrow(RangeError);
});

test("the search finds every line of a planted key, and ignores its PEM delimiters", () => {
  const canaries = new Canaries();
  const lines = [other(60), other(60), other(30)];
  const pem = ["-----BEGIN PRIVATE KEY-----", ...lines, "-----END PRIVATE KEY-----", ""].join("\n");
  expect(canaries.plantPem("key", pem)).toBe(pem);
  expect(canaries.find('it has no "-----BEGIN PRIVATE KEY-----"')).toEqual([]);
  for (const line of lines) expect(canaries.find(`line: ${line}`)).toHaveLength(1);
  expect(canaries.find(lines.join(""))).not.toEqual([]);
});

function other(length: number): string {
  return new Canaries().word("line").repeat(2).slice(0, length);
}

class Remembering {
  static last = "";
  readonly at = 1;
}

/** Ways in which a value can contain a secret that `examine` must find. */
const hidingPlaces: Readonly<Record<string, (secret: string) => unknown>> = {
  "the message of an error": (secret) => new Error(`It is ${secret}`),
  "the stack of an error": (secret) => Object.assign(new Error("It."), { stack: `Error\n    at ${secret}` }),
  "the cause of an error": (secret) => new Error("It.", { cause: new Error("That.", { cause: { secret } }) }),
  "one of several errors": (secret) => new AggregateError([new Error("It."), new Error(secret)]),
  "a member of an error": (secret) => Object.assign(new Error("It."), { response: { body: [secret] } }),
  "a non-enumerable member": (secret) =>
    Object.defineProperty({}, "secret", { value: secret, enumerable: false }),
  "a member with a symbol key": (secret) => ({ [Symbol("secret")]: { secret } }),
  "the name of a member": (secret) => ({ [secret]: true }),
  "a symbol": (secret) => ({ kind: Symbol(secret) }),
  "a member of a function": (secret) => ({ fetch: Object.assign(() => {}, { secret }) }),
  "a bound function": (secret) => ({ fetch: Object.assign((() => {}).bind(null), { of: { secret } }) }),
  "the source of a function": (secret: string) => new Function(`return ${JSON.stringify(secret)}`),
  "a Map": (secret) => ({ cache: new Map([["key", { token: secret }]]) }),
  "the key of a Map": (secret) => new Map([[secret, 1]]),
  "a Set": (secret) => ({ set: new Set([secret]) }),
  bytes: (secret) => ({ key: new Uint8Array(Buffer.from(secret)) }),
  "a deeply nested object": (secret) => ({ a: { b: { c: { d: { e: { f: [[[secret]]] } } } } } }),
  "a circular object": (secret) => {
    const circle: Record<string, unknown> = { secret };
    return Object.assign(circle, { circle });
  },
  "a prototype": (secret) => Object.create({ secret }),
  "a class": (secret) => {
    Remembering.last = secret;
    return new Remembering();
  },
  toString: (secret: string) => ({ toString: () => secret }),
  toJSON: (secret) => ({ toJSON: () => secret }),
  "a custom inspect function": (secret) => ({ [inspect.custom]: () => secret }),
  "a member that a custom inspect function hides": (secret) => ({
    secret,
    [inspect.custom]: () => "<secret>",
  }),
};

test.each(Object.entries(hidingPlaces))("examine finds a secret in this part of a value: %s", (_, hide) => {
  const canaries = new Canaries();
  const [plain, encoded] = [canaries.fresh("plain"), canaries.fresh("encoded")];
  const evidence = new Evidence();
  evidence.examine("value", hide(plain));
  evidence.examine("value", hide(Buffer.from(encoded).toString("base64url")));
  expect(evidence.leaks(canaries).map(({ label }) => label)).toEqual(
    expect.arrayContaining(["plain", "encoded"]),
  );
  expect(evidence.leaks(new Canaries())).toEqual([]);
  Remembering.last = "";
});

/** Every output of the package. */
const sinks: Readonly<Record<string, (watch: Watch, secret: string) => unknown>> = {
  "log debug": ({ logger }, secret) => logger.debug({ event: "x", secret }, "It."),
  "log info": ({ logger }, secret) => logger.info({}, `It is ${secret}`),
  "log warn": ({ logger }, secret) => logger.warn({ error: new Error(secret) }, "It."),
  "log error": ({ logger }, secret) => logger.error({ deep: [{ secret }] }, "It."),
  "channel token:renewed": (_, secret) => channel("mcp-auth:token:renewed").publish({ secret }),
  "channel config:reloaded": (_, secret) => channel("mcp-auth:config:reloaded").publish({ added: [secret] }),
  "error of a call": (watch, secret) => watch.outcome("a call", () => Promise.reject(new Error(secret))),
  "process warning": async (_, secret) => {
    process.emitWarning(secret);
    await new Promise((resolve) => setImmediate(resolve));
  },
  output: (_, secret) => console.error("It is %s", secret),
  "output of the process": (_, secret) => process.stdout.write(Buffer.from(secret)),
  "the name of a span": ({ tracer }, secret) => tracer.startSpan(secret).end(),
  "an attribute of a span": ({ tracer }, secret) =>
    tracer.startSpan("x", { attributes: { a: secret } }).end(),
  "an event of a span": ({ tracer }, secret) => tracer.startSpan("x").addEvent("y", { a: secret }).end(),
  "the status of a span": ({ tracer }, secret) =>
    tracer.startSpan("x").setStatus({ code: 2, message: secret }).end(),
  "an exception of a span": ({ tracer }, secret) => {
    const span = tracer.startSpan("x");
    span.recordException(new Error(secret));
    span.end();
  },
  "the span of a request": async (_, secret) => {
    await using server = await startHttpServer((_request, response) => void response.end());
    await (await fetch(`${server.origin}/?${encodeURIComponent(secret)}`)).text();
  },
};

test.each(Object.entries(sinks))("Watch finds a leak in this output: %s", async (_, leak) => {
  for (const encode of [encodings["plain"], encodings["base64url"]]) {
    const canaries = new Canaries();
    const secret = canaries.fresh("secret");
    await using watch = new Watch();
    await watch.assertClean(canaries);
    await leak(watch, encode?.(secret) ?? "");
    expect((await watch.leaks(canaries)).map(({ label }) => label)).toContain("secret");
    await expect(watch.assertClean(canaries)).rejects.toThrow(/deeply equal \[\]/);
  }
});
