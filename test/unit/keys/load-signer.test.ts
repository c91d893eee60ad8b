import {
  constants,
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  X509Certificate,
} from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { calculateJwkThumbprint, decodeProtectedHeader, type JWK, jwtVerify } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { SignerKeySpec, SignerSpec } from "../../../src/config/spec.js";
import type { McpAuthError } from "../../../src/errors/error.js";
import { loadKey } from "../../../src/keys/load-key.js";
import { signJwt } from "../../../src/keys/sign-jwt.js";
import type { KeyContext, Signer } from "../../../src/keys/signing-key.js";
import { createPermissions, forbidCommands } from "../../../src/lib/permissions.js";
import { createAuthority, type IssuedCertificate, selfSigned } from "../../support/certificates.js";
import { deferred } from "../../support/deferred.js";
import { fakeClock } from "../../support/fake-clock.js";
import { rejectionOf } from "../../support/rejection-of.js";
import { snippets } from "../../support/snippets.js";

const canary = "canary-of-the-signer";
const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const pairs = {
  RS256: rsa,
  RS512: rsa,
  PS256: rsa,
  PS384: rsa,
  ES256: generateKeyPairSync("ec", { namedCurve: "P-256" }),
  ES384: generateKeyPairSync("ec", { namedCurve: "P-384" }),
  ES512: generateKeyPairSync("ec", { namedCurve: "P-521" }),
  EdDSA: generateKeyPairSync("ed25519"),
  Ed25519: generateKeyPairSync("ed25519"),
} as const;
type Alg = keyof typeof pairs;
const algorithms = Object.keys(pairs) as Alg[]; // The names that were just written.

function signatureOf(alg: string, key: KeyObject, input: Uint8Array, format: SignerSpec["format"]): Buffer {
  const pss = alg.startsWith("PS") && {
    padding: constants.RSA_PKCS1_PSS_PADDING,
    saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
  };
  const dsaEncoding = format === "raw" ? "ieee-p1363" : "der";
  return sign(alg.startsWith("Ed") ? null : `sha${alg.slice(2)}`, input, { key, dsaEncoding, ...pss });
}

let folder: string;
let agent: IssuedCertificate;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "signer-"));
  agent = await selfSigned();
  for (const alg of algorithms) {
    await writeFile(
      join(folder, `${alg}.pem`),
      pairs[alg].privateKey.export({ type: "pkcs8", format: "pem" }),
    );
  }
  await writeFile(join(folder, "agent.pem"), agent.privateKey);
  // Works like a user's command. Its arguments are the file of the key and the form of the signature.
  await writeFile(
    join(folder, "sign.mjs"),
    `import { constants, sign } from "node:crypto";
     import { readFileSync, writeFileSync } from "node:fs";
     const [file, dsaEncoding, copy] = process.argv.slice(2);
     const request = readFileSync(0, "utf8");
     if (copy) writeFileSync(copy, request);
     const { alg, input } = JSON.parse(request);
     const pss = alg.startsWith("PS") && {
       padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST };
     const hash = alg.startsWith("Ed") ? null : "sha" + alg.slice(2);
     const signature = sign(hash, Buffer.from(input), { key: readFileSync(file), dsaEncoding, ...pss });
     console.error("${canary}");
     console.log(signature.toString("base64url"));`,
  );
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

type Rest = Omit<SignerKeySpec, "signer" | "alg">;

/** Returns a JWT that the signer signed. */
async function signWith(
  signer: SignerSpec,
  alg: string,
  {
    rest = {},
    context = {},
    claims = { sub: "agent" },
    signal,
  }: {
    readonly rest?: Rest;
    readonly context?: Partial<KeyContext>;
    readonly claims?: Record<string, unknown>;
    readonly signal?: AbortSignal;
  } = {},
): Promise<string> {
  const key = await loadKey({ signer, alg, ...rest }, { server: "billing", env: {}, ...context });
  return await signJwt(key, { alg, typ: "test+jwt", claims, server: "billing", signal });
}

/** Returns a signer that runs a Node script. */
function run(script: string, { timeout = 20_000, format = "raw" as SignerSpec["format"] } = {}): SignerSpec {
  return { exec: [process.execPath, "-e", script, canary], cwd: folder, timeout, format };
}

function file(alg: string, format: SignerSpec["format"], ...more: string[]): SignerSpec {
  const encoding = format === "raw" ? "ieee-p1363" : "der";
  return {
    exec: [process.execPath, "sign.mjs", `${alg}.pem`, encoding, ...more],
    cwd: folder,
    timeout: 20_000,
    format,
  };
}

/** Returns the error that a signature fails with, and checks that it does not show the canary. */
async function checkedRejectionOf(work: Promise<unknown>): Promise<McpAuthError> {
  const error = await rejectionOf(work);
  expect(error.server).toBe("billing");
  expect(error.cause).toBeUndefined();
  const shown = `${error.message}${error.stack}${inspect(error, { depth: 9, showHidden: true })}${JSON.stringify(error)}`;
  expect(shown).not.toContain(canary);
  return error;
}

/** Returns the message of `signer_unavailable` without the name of the signer. */
async function problem(work: Promise<unknown>, { retryable = false } = {}): Promise<string> {
  const error = await checkedRejectionOf(work);
  expect(error).toMatchObject({ code: "signer_unavailable", retryable });
  const prefix = /^Server "billing": could not sign with the (?:command|function) "[^"]*": /;
  expect(error.message).toMatch(prefix);
  return error.message.replace(prefix, "");
}

describe("a command that signs", () => {
  const forms = algorithms.flatMap((alg) => (["raw", "der"] as const).map((format) => ({ alg, format })));
  it.each(forms)("makes $alg signatures, printed as $format", async ({ alg, format }) => {
    const jwt = await signWith(file(alg, format), alg, { rest: { kid: "mine" } });
    const { payload, protectedHeader } = await jwtVerify(jwt, pairs[alg].publicKey, { algorithms: [alg] });
    expect(payload).toEqual({ sub: "agent" });
    expect(protectedHeader).toEqual({ alg, kid: "mine", typ: "test+jwt" });
  });

  it.each([
    ["with the kid of the config", { kid: 'a "quoted" kid' }, 'a "quoted" kid'],
    ["without a kid", {}, null],
    ["without a kid if it is false", { kid: false }, null],
  ] as const)("reads alg, kid and input as one line of JSON: %s", async (_, rest, kid) => {
    const copy = join(folder, "request");
    const jwt = await signWith(file("ES256", "der", copy), "ES256", { rest });
    const input = jwt.slice(0, jwt.lastIndexOf("."));
    expect(await readFile(copy, "utf8")).toBe(`${JSON.stringify({ alg: "ES256", kid, input })}\n`);
    expect(decodeProtectedHeader(jwt).kid).toBe(kid ?? undefined);
  });

  it("docs/keys.md shows the line that the command reads", () => {
    const shown = snippets(new URL("../../../", import.meta.url), "docs/keys.md");
    const { code = "" } = shown.find(({ mark }) => mark === "signer input") ?? {};
    const request = JSON.parse(code);
    expect(Object.keys(request)).toEqual(["alg", "kid", "input"]);
    expect(JSON.stringify(request)).toBe(code);
  });

  it("signs claims in any script as UTF-8", async () => {
    const claims = { name: "Zoë 请求 🔑", nested: { list: [1, null, "é"] } };
    const jwt = await signWith(file("ES256", "raw"), "ES256", { claims });
    expect((await jwtVerify(jwt, pairs.ES256.publicKey)).payload).toEqual(claims);
  });

  it("has only the environment that the runtime passes", async () => {
    const script = `process.stdout.write(Buffer.alloc(64, process.env.KEY_ID + Object.keys(process.env).includes("PATH")).toString("base64url"))`;
    const jwt = await signWith(run(script), "EdDSA", { context: { env: { KEY_ID: "seven" } } });
    expect(Buffer.from(jwt.split(".")[2] ?? "", "base64url").toString()).toBe(
      Buffer.alloc(64, "sevenfalse").toString(),
    );
  });

  it.each([
    ["padding", "=="],
    ["a line break", "\r\n"],
  ])("may print %s after the signature", async (_, end) => {
    const script = `process.stdout.write(Buffer.alloc(64, 1).toString("base64url") + ${JSON.stringify(end)})`;
    expect(await signWith(run(script), "Ed25519")).toMatch(/\.[\w-]{86}$/);
  });

  it("signs twenty concurrent requests, each its own", async () => {
    const key = await loadKey(
      { signer: file("ES256", "der"), alg: "ES256", kid: "mine" },
      { server: "billing", env: {} },
    );
    const jwts = await Promise.all(
      Array.from({ length: 20 }, (_, jti) =>
        signJwt(key, { alg: "ES256", typ: "JWT", claims: { jti: `${jti}` }, server: "billing" }),
      ),
    );
    const payloads = await Promise.all(jwts.map((jwt) => jwtVerify(jwt, pairs.ES256.publicKey)));
    expect(payloads.map(({ payload }) => payload.jti)).toEqual(
      Array.from({ length: 20 }, (_, jti) => `${jti}`),
    );
  });
});

describe("a signing command that fails", () => {
  const print = (expression: string) => `process.stdout.write(${expression})`;

  it("is named if it does not exist, without its arguments", async () => {
    const signer: SignerSpec = {
      exec: ["./no-such-command", canary],
      cwd: folder,
      timeout: 5_000,
      format: "raw",
    };
    const error = await checkedRejectionOf(signWith(signer, "ES256"));
    expect(error.message).toBe(
      'Server "billing": could not sign with the command "./no-such-command": ' +
        "the command was not found, or its folder does not exist.",
    );
  });

  it.each([
    [
      "an exit code",
      `console.log("${canary}"); console.error("${canary}"); process.exit(7)`,
      "it ended with exit code 7.",
    ],
    ["a signal", `process.kill(process.pid, "SIGKILL")`, "it was ended by SIGKILL."],
  ])("is reported with %s", async (_, script, said) => {
    expect(await problem(signWith(run(script), "ES256"))).toBe(said);
  });

  it.each([
    ["nothing", ""],
    ["other text", JSON.stringify(`error: ${canary}`)],
    ["base64 with + and /", `Buffer.alloc(64, 0xfb).toString("base64")`],
    ["JSON", `JSON.stringify({ signature: "${canary}" })`],
    ["two lines", `"AAAA\\n" + Buffer.alloc(64).toString("base64url")`],
    ["bytes", `Buffer.alloc(64, 0xff)`],
  ])("is reported if it prints %s", async (_, printed) => {
    expect(await problem(signWith(run(print(printed || '""')), "ES256"))).toMatch(
      /^it did not print a signature in base64url/,
    );
  });

  it("is stopped when it prints too much", async () => {
    expect(await problem(signWith(run(print(`"${canary}".repeat(100_000)`)), "ES256"))).toMatch(
      /^it printed more than \d+ bytes\.$/,
    );
  });

  it("is stopped when it takes too long, which is retryable", async () => {
    const clock = fakeClock();
    const started = join(folder, "started");
    const script = `require("node:fs").writeFileSync(${JSON.stringify(started)}, ""); setInterval(() => {}, 1000)`;
    const signing = problem(signWith(run(script, { timeout: 3_000 }), "ES256", { context: { clock } }), {
      retryable: true,
    });
    await expect.poll(() => readFile(started, "utf8").catch(() => undefined)).toBe("");
    expect(clock.pending).toMatchObject([{ delay: 3_000, unrefd: true }]);
    await clock.advance(3_000);
    expect(await signing).toBe("it did not end within 3000 ms.");
  });

  it("is stopped when the caller aborts", async () => {
    const controller = new AbortController();
    const signing = checkedRejectionOf(
      signWith(run("setInterval(() => {}, 1000)"), "ES256", { signal: controller.signal }),
    );
    controller.abort(new Error(canary));
    expect(await signing).toMatchObject({
      code: "aborted",
      message: 'Server "billing": the wait for a signature was aborted.',
    });
  });

  it.each([
    ["allowExec", { permissions: createPermissions({ allowExec: false, environments: [] }) }],
    ["the environment", { env: { MCP_AUTH_ALLOW_EXEC: "0" } }],
  ])("is not started if %s forbids it", async (_, context) => {
    const mark = join(folder, "forbidden");
    const script = `require("node:fs").writeFileSync(${JSON.stringify(mark)}, "")`;
    expect(await problem(signWith(run(script), "ES256", { context }))).toBe(
      "running commands is forbidden here, by `allowExec: false` or by MCP_AUTH_ALLOW_EXEC in the environment.",
    );
    await expect(readFile(mark)).rejects.toMatchObject({ code: "ENOENT" });
  });

  it("is not started for a config that may not run commands, and the error says why", async () => {
    const allowed = createPermissions({ allowExec: true, environments: [] });
    const context = { permissions: forbidCommands(allowed, "the reason.") };
    expect(await problem(signWith(run("throw 1"), "ES256", { context }))).toBe("the reason.");
  });

  it.each([
    ["ES256", "raw", 63, /"format" to "der"/],
    ["ES384", "raw", 64, /"format" to "der"/],
    ["ES512", "raw", 128, /"format" to "der"/],
    ["ES256", "der", 64, /"format" to "raw"/],
    ["EdDSA", "raw", 63, /^it did not return a valid EdDSA signature/],
    ["RS256", "raw", 128, /^it did not return a valid RS256 signature/],
    ["PS256", "der", 5_000, /^it did not return a valid PS256 signature/],
  ] as const)(
    "is refused if its %s signature in the form %s has %s bytes",
    async (alg, format, length, said) => {
      const script = print(`Buffer.alloc(${length}, 1).toString("base64url")`);
      expect(await problem(signWith(run(script, { format }), alg))).toMatch(said);
    },
  );

  it("is told which format to set if its signature has another than the config says", async () => {
    for (const [given, declared] of [
      ["der", "raw"],
      ["raw", "der"],
    ] as const) {
      const signer: SignerSpec = { ...file("ES256", given), format: declared };
      expect(await problem(signWith(signer, "ES256"))).toContain(`set the signer's "format" to "${given}"`);
    }
  });
});

describe("a signer with a certificate", () => {
  const withCertificate = (pem: string) => ({
    rest: { certificate: { env: "CERTIFICATE" } },
    context: { env: { CERTIFICATE: pem } },
  });
  const agentSigner = (): SignerSpec => file("agent", "der");

  it("sends its thumbprint, and the thumbprint of the public key as kid", async () => {
    const jwt = await signWith(agentSigner(), "ES256", withCertificate(agent.certificate));
    const key = await loadKey(
      { signer: agentSigner(), alg: "ES256", certificate: { env: "C" } },
      { server: "billing", env: { C: agent.certificate } },
    );
    // All members of a public JWK are strings.
    const jwk = key.publicJwk as JWK;
    await jwtVerify(jwt, jwk);
    expect(decodeProtectedHeader(jwt)).toEqual({
      ...{ alg: "ES256", typ: "test+jwt", kid: await calculateJwkThumbprint(jwk) },
      "x5t#S256": key.certificateThumbprint,
    });
    expect(key).toMatchObject({ algorithms: ["ES256"], configuredAlgorithm: "ES256" });
  });

  it("sends the certificate in the ways that the config names, and the chain as soon as it changes", async () => {
    const authority = await createAuthority();
    const spec: SignerKeySpec = {
      signer: agentSigner(),
      alg: "ES256",
      kid: false,
      certificate: { env: "CERTIFICATE" },
      certificateHeaders: ["x5t", "x5c"],
    };
    const der = (pem: string) => new X509Certificate(pem).raw;
    const x5t = createHash("sha1").update(der(agent.certificate)).digest("base64url");
    for (const chain of [[agent.certificate], [agent.certificate, authority.certificate]]) {
      const key = await loadKey(spec, { server: "billing", env: { CERTIFICATE: chain.join("") } });
      const jwt = await signJwt(key, { alg: "ES256", typ: "JWT", claims: {}, server: "billing" });
      const x5c = chain.map((pem) => der(pem).toString("base64"));
      expect(decodeProtectedHeader(jwt)).toEqual({ alg: "ES256", typ: "JWT", x5t, x5c });
      await jwtVerify(jwt, createPublicKey(agent.certificate));
    }
  });

  it("keeps the kid of the config, or none", async () => {
    const { rest, context } = withCertificate(agent.certificate);
    for (const [kid, expected] of [
      ["mine", "mine"],
      [false, undefined],
    ] as const) {
      const jwt = await signWith(agentSigner(), "ES256", { rest: { ...rest, kid }, context });
      expect(decodeProtectedHeader(jwt).kid).toBe(expected);
    }
  });

  it("that signs with another key is detected before anything is sent", async () => {
    const { certificate } = await selfSigned();
    expect(await problem(signWith(agentSigner(), "ES256", withCertificate(certificate)))).toMatch(
      /^its signature does not match the key in the "certificate" for ES256\./,
    );
  });

  it("that hashes the input twice is detected", async () => {
    const kms: Signer = ({ input }) =>
      signatureOf(
        "ES256",
        createPrivateKey(agent.privateKey),
        createHash("sha256").update(input).digest(),
        "raw",
      );
    const { rest, context } = withCertificate(agent.certificate);
    const work = signWith({ name: "kms", format: "raw" }, "ES256", {
      rest,
      context: { ...context, signers: { kms } },
    });
    expect(await problem(work)).toMatch(/is hashed exactly once, by the tool or by the command\.$/);
  });

  it.each(["rsa", "ec", "ed25519"] as const)(
    "of type %s verifies each algorithm of the type",
    async (keyType) => {
      const issued = await selfSigned({ keyType });
      const key = createPrivateKey(issued.privateKey);
      const byType = {
        rsa: ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"],
        ec: ["ES256"],
        ed25519: ["EdDSA", "Ed25519"],
      };
      for (const alg of byType[keyType]) {
        const kms: Signer = (request) => signatureOf(request.alg, key, request.input, "raw");
        const { rest, context } = withCertificate(issued.certificate);
        const jwt = await signWith({ name: "kms", format: "raw" }, alg, {
          rest,
          context: { ...context, signers: { kms } },
        });
        expect(decodeProtectedHeader(jwt).alg).toBe(alg);
      }
    },
  );

  it.each([
    ["a private key", async () => (await selfSigned()).privateKey, /holds a private key and no certificate/],
    ["neither a certificate nor a key", async () => canary, /holds no certificate in PEM/],
    [
      "an expired certificate",
      async () => (await selfSigned({ notAfter: new Date("2021-01-01") })).certificate,
      /it expired at 2021/,
    ],
    [
      "a certificate for a key of another type",
      async () => (await selfSigned({ keyType: "rsa" })).certificate,
      /the "alg" of the config is "ES256"/,
    ],
  ])("that is %s is key_invalid, and the signer is not called", async (_, pem, said) => {
    const calls: unknown[] = [];
    const kms: Signer = (request) => {
      calls.push(request);
      return new Uint8Array(64);
    };
    const { rest, context } = withCertificate(await pem());
    const error = await checkedRejectionOf(
      signWith({ name: "kms", format: "raw" }, "ES256", { rest, context: { ...context, signers: { kms } } }),
    );
    expect(error).toMatchObject({ code: "key_invalid", retryable: false });
    expect(error.message).toMatch(
      /the certificate in the environment variable "CERTIFICATE" cannot be used: /,
    );
    expect(error.message).toMatch(said);
    expect(calls).toEqual([]);
  });

  it("may have a chain after the certificate", async () => {
    const authority = await createAuthority();
    const issued = await authority.issue();
    await writeFile(join(folder, "issued.pem"), issued.privateKey);
    const chain = withCertificate(`${issued.certificate}${authority.certificate}`);
    const alone = withCertificate(issued.certificate);
    const [first, second] = await Promise.all(
      [chain, alone].map((options) => signWith(file("issued", "raw"), "ES256", options)),
    );
    expect(decodeProtectedHeader(first ?? "")).toEqual(decodeProtectedHeader(second ?? ""));
  });
});

describe("a function that signs", () => {
  const named = (format: SignerSpec["format"] = "raw"): SignerSpec => ({ name: "kms", format });
  const by = (kms: Signer, more: Partial<KeyContext> = {}) => ({ context: { signers: { kms }, ...more } });

  it.each(["raw", "der"] as const)("gets alg, kid and the signing input, and returns %s", async (format) => {
    const requests: { alg: string; kid: string | undefined; input: string }[] = [];
    const kms: Signer = ({ alg, kid, input, signal }) => {
      expect(signal.aborted).toBe(false);
      requests.push({ alg, kid, input: Buffer.from(input).toString() });
      return Promise.resolve(new Uint8Array(signatureOf(alg, pairs.ES256.privateKey, input, format)));
    };
    const jwt = await signWith(named(format), "ES256", { ...by(kms), rest: { kid: "mine" } });
    await jwtVerify(jwt, pairs.ES256.publicKey);
    expect(requests).toEqual([{ alg: "ES256", kid: "mine", input: jwt.slice(0, jwt.lastIndexOf(".")) }]);
  });

  it("that was not passed is named, with the most similar name", async () => {
    const signers = { kmx: () => new Uint8Array(), other: () => new Uint8Array() };
    expect(await problem(signWith(named(), "ES256", { context: { signers } }))).toBe(
      'no function of this name was given as `signers` (only kmx, other). Did you mean "kmx"?',
    );
    expect(await problem(signWith(named(), "ES256"))).toBe(
      "no function of this name was given as `signers` (none was).",
    );
    const inherited: SignerSpec = { name: "constructor", format: "raw" };
    expect(await problem(signWith(inherited, "ES256", { context: { signers } }))).toMatch(
      /^no function of this name/,
    );
  });

  it.each([
    [
      "at once",
      () => {
        throw new Error(canary);
      },
    ],
    ["later", async () => Promise.reject(new Error(canary, { cause: { canary } }))],
    ["a value that is not an error", async () => Promise.reject(canary)],
  ] satisfies [string, Signer][])("that throws %s is reported without what it threw", async (_, kms) => {
    expect(await problem(signWith(named(), "ES256", by(kms)))).toBe(
      "it threw. Call it by itself to see the error.",
    );
  });

  it.each([
    ["a string", canary],
    ["nothing", undefined],
    ["an ArrayBuffer", new ArrayBuffer(64)],
    ["an array", [1, 2, 3]],
  ])("that returns %s is reported", async (_, value) => {
    // JavaScript code may return this.
    const kms = (() => value) as unknown as Signer;
    expect(await problem(signWith(named(), "ES256", by(kms)))).toBe("it did not return a Uint8Array.");
  });

  it("that never answers is retryable after ten seconds, and its signal is aborted", async () => {
    const clock = fakeClock();
    const called = deferred<AbortSignal>();
    const kms: Signer = ({ signal }) => {
      called.resolve(signal);
      return new Promise(() => {});
    };
    const signing = problem(signWith(named(), "ES256", by(kms, { clock })), { retryable: true });
    const signal = await called.promise;
    await clock.advance(9_999);
    expect(signal.aborted).toBe(false);
    await clock.advance(1);
    expect(await signing).toBe("it did not answer within 10000 ms.");
    expect(signal.aborted).toBe(true);
    expect(clock.pending).toEqual([]);
  });

  it("is no longer waited for when the caller aborts, and its signal is aborted", async () => {
    const called = deferred<AbortSignal>();
    const kms: Signer = ({ signal }) => {
      called.resolve(signal);
      return new Promise(() => {});
    };
    const controller = new AbortController();
    const signing = checkedRejectionOf(signWith(named(), "ES256", { ...by(kms), signal: controller.signal }));
    const signal = await called.promise;
    controller.abort(new Error(canary));
    expect(await signing).toMatchObject({ code: "aborted", retryable: false });
    expect(signal.aborted).toBe(true);
  });

  it("may be called if commands are forbidden", async () => {
    const kms: Signer = ({ alg, input }) => signatureOf(alg, pairs.EdDSA.privateKey, input, "raw");
    const jwt = await signWith(named(), "EdDSA", by(kms, { env: { MCP_AUTH_ALLOW_EXEC: "0" } }));
    await jwtVerify(jwt, pairs.EdDSA.publicKey);
  });
});
