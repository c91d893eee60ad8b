// Large inputs of the kinds that could make a parser read the same text repeatedly. With linear time, each takes a
// fraction of a second. With quadratic time, it takes a minute or more.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { interpolate } from "../../src/config/interpolate.js";
import { checkConfig } from "../../src/config/load.js";
import { parseChallenges } from "../../src/discovery/challenge.js";
import { freshFor } from "../../src/discovery/lookup-cache.js";
import { isWithinReach } from "../../src/http/reach.js";
import { readCertificate } from "../../src/keys/certificate.js";
import { readPem } from "../../src/keys/pem.js";
import { readPrivateKey } from "../../src/keys/read-private-key.js";
import { parseDuration } from "../../src/lib/duration.js";
import { jwtClaims } from "../../src/lib/jwt-claims.js";
import { Secret } from "../../src/lib/secret.js";
import { printableUrl } from "../../src/net/printable-url.js";
import { isJson, parseRetryAfter } from "../../src/net/response-headers.js";
import { grantedScopes } from "../../src/oauth/token-endpoint/token-response.js";
import { readPointer } from "../../src/secrets/pointer.js";
import { cpuSeconds, slowness } from "../support/cpu-seconds.js";
import { longest } from "./settings.js";

/** CPU seconds. Other work on the machine can make them longer, so the limit is three times what linear time needs. */
const limit = (2 + longest / 50_000) * slowness();

const filled = (pattern: string, length = longest): string =>
  pattern.repeat(Math.ceil(length / pattern.length)).slice(0, length);

async function seconds(work: () => unknown): Promise<number> {
  const started = cpuSeconds();
  await work();
  return cpuSeconds() - started;
}

/** Ignores errors. Other tests check them. */
const withoutErrors = (work: () => unknown) => () => {
  try {
    return work();
  } catch {
    return undefined;
  }
};

describe("the time to parse a long text", () => {
  const quotes = ['a="\\', 'a="b" c ', '"', '\\"', 'a="', 'a=",'];
  const texts: readonly (readonly [string, readonly string[], (text: string) => unknown])[] = [
    [
      "in a challenge",
      [...quotes, "a ", "a b/", "a =", "a,", "a=", "a b=,", " ", "=", "@", "a/", "a b==c", "a \t"],
      (text) => parseChallenges(`Bearer ${text}!`),
    ],
    ["in Retry-After", ["1", " ", "-1", "Sun, ", "Sun Nov  "], (text) => parseRetryAfter(`${text}x`, 0)],
    [
      "in Cache-Control",
      ["max-age=", ",", "=", '"', "no-cach,"],
      (text) => freshFor(new Headers({ "cache-control": text })),
    ],
    ["in a content type", ["a", "application/", ";", "a+"], isJson],
    ["in a scope list", ["a", " ", "a ", "ab\\ "], grantedScopes],
    ["in a token", ["a", ".", "a.", "-.", "e30."], jwtClaims],
    ["in a duration", ["1", "1m", " "], parseDuration],
    [
      "in a URL of a message",
      ["a", "/", "a.", "https://"],
      (text) => printableUrl(`https://a.example/${text}`),
    ],
    [
      "in a URL that is called",
      ["/..", "%2e", "%25", "/%2e%2e", "..;", "\\", "%2525"],
      (text) =>
        isWithinReach(new URL(`https://a.example/mcp/${text}`), new URL("https://a.example/mcp"), "path"),
    ],
    [
      "in PEM",
      [
        "-----BEGIN PRIVATE KEY-----\n",
        "-----BEGIN A-----\n-----END A-----\n",
        "\n",
        "\\n",
        "A",
        "Proc-Type: ",
        " \t",
      ],
      (text) => readPem(`-----BEGIN PRIVATE KEY-----\n${text}`, undefined),
    ],
    [
      "in a certificate",
      ["-----BEGIN CERTIFICATE-----\n", "-----BEGIN A-----\n-----END A-----\n", "A", "A\n"],
      (text) => readCertificate(`-----BEGIN CERTIFICATE-----\n${text}\n-----END CERTIFICATE-----\n`),
    ],
    [
      "in a JWK Set",
      ["[", '{"d":"1"},', '{"keys":['],
      (text) => readPrivateKey(new Secret(`{"keys":[${text}`), undefined),
    ],
    [
      "in a key",
      [
        "{",
        '"',
        "'",
        "\\",
        '\\"',
        '"\\',
        "\\n",
        "{\\n",
        "A",
        "A\\n",
        "-----",
        "-----BEGIN A-----",
        "data:",
        "\n",
        ": ",
      ],
      (text) => readPrivateKey(new Secret(text), undefined),
    ],
    [
      "in a string of a key in JSON",
      ["a", " ", "\\", '\\"', "a\\n", "\n"],
      (text) => readPrivateKey(new Secret(`{"kty${text}`), undefined),
    ],
    [
      "in a key in JSON",
      ["{", '"', "\\", '\\"', '"\\', "\\n", '"\n"', '"a":"\n",'],
      (text) => readPrivateKey(new Secret(`{"kty":${text}`), undefined),
    ],
    ["in JSON with a pointer", ["[", '{"a":', "[],"], (text) => readPointer(text, "/a/0/a")],
    ["in a pointer", ["/a", "/~1", "~", "/"], (text) => readPointer('{"a":{"a":1}}', text)],
    [
      "in text with variables",
      ["${", "${A", "${A:-", "${A:-$", "${A}", "$${", "${env:", "$", "${A:-}", "{", "}", "${A:-${A}"],
      (text) => interpolate({ url: text }, { A: "a" }),
    ],
  ];
  for (const [where, patterns, read] of texts) {
    for (const pattern of patterns) {
      test(`the time to parse a long text is linear ${where} that repeats ${JSON.stringify(pattern)}`, async () => {
        expect(await seconds(withoutErrors(() => read(filled(pattern))))).toBeLessThan(limit);
      });
    }
  }
});

describe("the time to load a config", () => {
  let folder = "";
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "fuzz-growth-"));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const server = '"url":"https://a.example","grant":{"client":"c"}';
  const items = (length: number, item: (index: number) => string, separator = ",") => {
    const parts: string[] = [];
    for (let size = 0, index = 0; size < length; index += 1) {
      const part = item(index);
      parts.push(part);
      size += part.length + 1;
    }
    return parts.join(separator);
  };
  const size = longest;
  const json: Readonly<Record<string, string>> = {
    "opening brackets": filled("[", size),
    "opening braces": filled('{"a":', size),
    "comment signs": filled("/*", size),
    "line comments": filled("//\n", size),
    "line ends": filled("\r", size),
    "one string": `{"servers":"${filled("a", size)}"}`,
    "one name": `{"${filled("a", size)}":1}`,
    "a string of escapes": `{"servers":"${filled("\\u0041", size - 4)}"}`,
    "unknown properties": `{"servers":{},${items(size, (index) => `"p${index}":1`)}}`,
    "empty servers": `{"servers":{${items(size, (index) => `"s${index}":{}`)}}}`,
    "servers that name undefined clients, and other clients": `{"clients":{${items(size / 2, (index) => `"c${index}":{"issuer":"https://a.example","id":"a"}`)}},"servers":{${items(size / 2, (index) => `"s${index}":{"url":"https://a.example","grant":{"client":"d${index}"}}`)}}}`,
    "servers with a variable that is not set": `{"clients":{"c":{"issuer":"https://a.example","id":"a"}},"servers":{${items(size, (index) => `"s${index}":{"url":"\${U}","grant":{"client":"c"}}`)}}}`,
    "a repeated property": `{"servers":{},${items(size, () => '"version":1')}}`,
    "unknown properties of a server": `{"servers":{"a":{${server},${items(size, (index) => `"p${index}":1`)}}}}`,
    "misspelled properties": `{"servers":{"a":{${server},${items(size, (index) => `"tiemout${index % 10}${"x".repeat(index % 3)}${index}":1`)}}}}`,
    "servers and no clients": `{"servers":{${items(size, (index) => `"s${index}":{${server}}`)}}}`,
    "different scopes": `{"servers":{"a":{"url":"https://a.example","grant":{"client":{"issuer":"https://a.example","id":"a"},"scopes":[${items(size, (index) => `"s${index}"`)}]}}}}`,
    "a repeated scope": `{"servers":{"a":{"url":"https://a.example","grant":{"client":{"issuer":"https://a.example","id":"a"},"scopes":[${items(size, () => '"s"')}]}}}}`,
    "numbers for scopes": `{"servers":{"a":{"url":"https://a.example","grant":{"client":{"issuer":"https://a.example","id":"a"},"scopes":[${items(size, String)}]}}}}`,
    "different headers": `{"defaults":{"headers":{${items(size, (index) => `"h${index}":"v"`)}}},"servers":{}}`,
    "different hosts": `{"network":{"allowInsecureHttp":[${items(size, (index) => `"h${index}"`)}]},"servers":{}}`,
    "a long pointer": `{"servers":{"a":{"url":"https://a.example","grant":{"type":"static","token":{"file":"f","pointer":"${filled("/a", size)}"}}}}}`,
    "a long URL": `{"servers":{"a":{"url":"https://a.example/${filled("a/", size)}","grant":{"client":"c"}}}}`,
    "a proxy of variables": `{"network":{"proxy":"http://${filled("${A:-", size)}@h"},"servers":{}}`,
    "a schedule": `{"servers":{"a":{${server},"refresh":{"schedule":"${filled("1,", size)}1 * * * *"}}}}`,
  };
  const yaml: Readonly<Record<string, string>> = {
    "opening brackets": filled("[", size),
    "opening braces": filled("{a: ", size),
    "nested lists": filled("- ", size),
    "maps nested by indentation": Array.from({ length: 1_400 }, (_, depth) => `${" ".repeat(depth)}a:`).join(
      "\n",
    ),
    comments: filled("#\n", size),
    anchors: items(size, (index) => `- &a${index} x`, "\n"),
    aliases: `a: &a x\nb: [${items(size, () => "*a")}]`,
    "aliases of aliases": Array.from(
      { length: 30 },
      (_, index) => `a${index}: &a${index} [${index === 0 ? "x" : `*a${index - 1}, *a${index - 1}`}]`,
    ).join("\n"),
    "question marks": filled("? ", size),
    "escapes in quotes": `a: "${filled("\\x41", size)}`,
    "different names": items(size, (index) => `p${index}: 1`, "\n"),
    "a repeated name": items(size, () => "p: 1", "\n"),
    tags: filled("!a ", size),
    tabs: filled("\t", size),
    "a block": `a: |\n${filled(" x\n", size)}`,
    documents: filled("---\n", size),
    errors: filled("a: b: c\n", size),
  };
  const notations: readonly (readonly [string, Readonly<Record<string, string>>])[] = [
    ["JSON", json],
    ["YAML", yaml],
  ];
  for (const [notation, texts] of notations) {
    for (const [what, text] of Object.entries(texts)) {
      test(`the time to load a config is linear in ${notation} with ${what}`, async () => {
        const file = join(folder, `${what.replaceAll(" ", "-")}.${notation.toLowerCase()}`);
        await writeFile(file, text, { mode: 0o644 });
        const took = await seconds(() => checkConfig({ cliPath: file, cwd: folder, env: {} }));
        expect(took).toBeLessThan(limit);
      });
    }
  }
});
