import { createPrivateKey, generateKeyPairSync, sign } from "node:crypto";
import { mkdir, rename, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { CertificateSpec, PrivateKeySpec, SignerKeySpec } from "../../../src/config/spec.js";
import type { McpAuthError } from "../../../src/errors/error.js";
import { loadKey, precedingKey } from "../../../src/keys/load-key.js";
import { loadTlsIdentity, precedingTlsIdentity } from "../../../src/keys/load-tls-identity.js";
import { signJwt } from "../../../src/keys/sign-jwt.js";
import type { KeyContext, Signer } from "../../../src/keys/signing-key.js";
import { CredentialMemory } from "../../../src/secrets/credential-memory.js";
import { CredentialRecorder } from "../../../src/secrets/credential-recorder.js";
import { type Authority, createAuthority, type IssuedCertificate } from "../../support/certificates.js";
import { type FakeClock, fakeClock } from "../../support/fake-clock.js";
import { rejectionOf } from "../../support/rejection-of.js";
import { temporaryFolder } from "../../support/temporary-folder.js";
import { backdate } from "../secrets/backdate.js";

const tenMinutes = 600_000;

let authority: Authority;
let old: IssuedCertificate;
let renewed: IssuedCertificate;
beforeAll(async () => {
  authority = await createAuthority();
  old = await authority.issue({ subject: "CN=old" });
  renewed = await authority.issue({ subject: "CN=renewed" });
});

let clock: FakeClock;
let env: Record<string, string>;
let context: KeyContext;
beforeEach(() => {
  clock = fakeClock(Date.now());
  env = {};
  context = { server: "billing", env, clock };
});

/** The parts of a key in environment variables, which can be changed one by one. */
const keySpec = (): PrivateKeySpec => ({ privateKey: { env: "KEY" }, certificate: { env: "CERTIFICATE" } });
const tlsSpec = (): CertificateSpec => ({ key: { env: "KEY" }, cert: { env: "CERTIFICATE" } });
const put = ({ privateKey, certificate }: Partial<IssuedCertificate>): void => {
  if (privateKey !== undefined) env["KEY"] = privateKey;
  if (certificate !== undefined) env["CERTIFICATE"] = certificate;
};

/** Returns the error that a load rejects with, and checks that it does not show a key. */
async function checkedRejectionOf(work: Promise<unknown>): Promise<McpAuthError> {
  const error = await rejectionOf(work);
  expect(JSON.stringify(error)).not.toMatch(/MII|PRIVATE KEY-----/);
  return error;
}

// A key with its certificate and a client certificate with its key behave in the same way.
describe.each(["key", "client certificate"])("a %s with one part replaced before the other", (kind) => {
  /** Returns a new spec, and a function that loads it. */
  function loader() {
    if (kind === "key") {
      const spec = keySpec();
      return {
        load: (): Promise<object> => loadKey(spec, context),
        preceding: () => precedingKey(spec, context),
      };
    }
    const spec = tlsSpec();
    return {
      load: (): Promise<object> => loadTlsIdentity(spec, context),
      preceding: () => precedingTlsIdentity(spec, context),
    };
  }

  it.each([
    ["the key", () => put({ privateKey: renewed.privateKey })],
    ["the certificate", () => put({ certificate: renewed.certificate })],
  ])(
    "is the last valid one if %s was replaced first, and the new one once both are replaced",
    async (_, change) => {
      const { load, preceding } = loader();
      put(old);
      const first = await load();
      change();
      expect(await load()).toBe(first);
      await clock.advance(tenMinutes - 1);
      expect(await load()).toBe(first);
      put(renewed);
      const second = await load();
      expect(second).not.toBe(first);
      expect(preceding()).toBe(first);
      expect(await load()).toBe(second);
    },
  );

  it("is key_invalid ten minutes later, and valid again when all parts belong together", async () => {
    const { load } = loader();
    put(old);
    const first = await load();
    put({ certificate: renewed.certificate });
    await load();
    await clock.advance(tenMinutes);
    expect(await checkedRejectionOf(load())).toMatchObject({
      code: "key_invalid",
      retryable: false,
      server: "billing",
    });
    put(old);
    expect(await load()).toBe(first);
    put({ certificate: renewed.certificate });
    // For a new change, the ten minutes start again.
    expect(await load()).toBe(first);
  });

  it("is key_invalid at once if there was no valid one before", async () => {
    const { load } = loader();
    put({ privateKey: old.privateKey, certificate: renewed.certificate });
    expect(await checkedRejectionOf(load())).toMatchObject({ code: "key_invalid" });
  });

  it("is key_invalid as soon as the last valid one has expired", async () => {
    const { load } = loader();
    put(await authority.issue({ notAfter: new Date(clock.now() + 60_000) }));
    const first = await load();
    put({ privateKey: renewed.privateKey });
    expect(await load()).toBe(first);
    await clock.advance(61_000);
    expect(await checkedRejectionOf(load())).toMatchObject({ code: "key_invalid" });
  });

  it("is key_invalid at once for a part that cannot be parsed", async () => {
    const { load } = loader();
    put(old);
    await load();
    for (const broken of [
      "canary",
      old.privateKey.slice(0, 100),
      old.privateKey.replace(/\n[^\n]{64}\n/, "\n"),
    ]) {
      env["KEY"] = broken;
      expect(await checkedRejectionOf(load())).toMatchObject({ code: "key_invalid" });
    }
    env["KEY"] = "";
    expect(await checkedRejectionOf(load())).toMatchObject({ code: "secret_unavailable" });
  });
});

describe("an encrypted key that is replaced together with its passphrase", () => {
  const encrypted = (passphrase: string, key = old.privateKey) =>
    createPrivateKey(key)
      .export({ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase })
      .toString();

  it.each(["KEY", "PASSPHRASE"])("is the last valid key until both are replaced, %s first", async (first) => {
    const spec: PrivateKeySpec = { privateKey: { env: "KEY" }, passphrase: { env: "PASSPHRASE" } };
    const load = () => loadKey(spec, context);
    Object.assign(env, { KEY: encrypted("one"), PASSPHRASE: "one" });
    const before = await load();
    const next = { KEY: encrypted("two", renewed.privateKey), PASSPHRASE: "two" };
    Object.assign(env, first === "KEY" ? { KEY: next.KEY } : { PASSPHRASE: next.PASSPHRASE });
    expect(await load()).toBe(before);
    Object.assign(env, next);
    expect((await load()).kid).not.toBe(before.kid);
  });
});

describe("the predecessor of a key", () => {
  const spec: PrivateKeySpec = { privateKey: { env: "KEY" } };
  const keys = () => {
    const own = { ...spec };
    return { load: () => loadKey(own, context), preceding: () => precedingKey(own, context) };
  };

  it("does not exist for the first key", async () => {
    const { load, preceding } = keys();
    put(old);
    expect(preceding()).toBeUndefined();
    await load();
    expect(preceding()).toBeUndefined();
  });

  it("is kept for ten minutes after the latest key was loaded, and then dropped", async () => {
    const { load, preceding } = keys();
    put(old);
    const first = await load();
    await clock.advance(3_600_000);
    put(renewed);
    await load();
    expect(preceding()).toBe(first);
    await clock.advance(tenMinutes - 1);
    expect(preceding()).toBe(first);
    await clock.advance(1);
    expect(preceding()).toBeUndefined();
    clock.jump(-60_000);
    expect(preceding()).toBeUndefined();
  });

  it("is the last key and no older one, however many loads are concurrent", async () => {
    const { load, preceding } = keys();
    put(old);
    await load();
    put(renewed);
    const second = await Promise.all(Array.from({ length: 20 }, load));
    expect(new Set(second).size).toBe(1);
    expect(preceding()?.kid).not.toBe(second[0]?.kid);
    put(await authority.issue());
    await load();
    expect(preceding()).toBe(second[0]);
  });

  it("is not the same key in another encoding", async () => {
    const { load, preceding } = keys();
    put(old);
    const first = await load();
    env["KEY"] = createPrivateKey(old.privateKey).export({ type: "sec1", format: "pem" }).toString();
    expect(await load()).toBe(first);
    expect(preceding()).toBeUndefined();
  });

  it("signs with its own key and kid", async () => {
    const { load, preceding } = keys();
    put(old);
    const first = await load();
    put(renewed);
    await load();
    const jwt = await signJwt(preceding() ?? (await load()), {
      ...{ alg: "ES256", typ: "JWT", claims: {}, server: "billing" },
    });
    const header: unknown = JSON.parse(Buffer.from(jwt.split(".")[0] ?? "", "base64url").toString());
    expect(header).toMatchObject({ kid: first.kid });
  });
});

describe("a change of a bundle", () => {
  it("is reported once for all that share a memory, and only when all parts belong together", async () => {
    const told: string[] = [];
    const memory = new CredentialMemory();
    const spec = keySpec();
    const load = (name: string) => {
      const recorder = new CredentialRecorder(clock, memory, {});
      const onCredentialChange = (change: string) => told.push(`${change} ${name}`);
      return loadKey(spec, { ...context, recorder, onCredentialChange });
    };
    put(old);
    await load("first");
    put({ privateKey: renewed.privateKey });
    await load("half");
    put(renewed);
    await load("whole");
    await load("again");
    expect(told).toEqual(["key:rotated whole"]);
  });
});

describe("files of a bundle", () => {
  async function files() {
    const folder = await temporaryFolder();
    const path = { key: join(folder, "tls.key"), cert: join(folder, "tls.crt") };
    return { folder, ...path, spec: { key: { file: path.key }, cert: { file: path.cert } } };
  }

  async function ended(work: Promise<unknown>): Promise<void> {
    let isOver = false;
    work
      .finally(() => {
        isOver = true;
      })
      .catch(() => {});
    while (!isOver) {
      const [next] = clock.pending;
      if (next === undefined) await clock.settle();
      else await clock.advance(next.dueAt - clock.now());
    }
  }

  it("that are swapped together by a link to their folder are used together", async () => {
    const { folder } = await files();
    for (const [name, issued] of [
      ["..1", old],
      ["..2", renewed],
    ] as const) {
      await mkdir(join(folder, name));
      await writeFile(join(folder, name, "tls.key"), issued.privateKey);
      await writeFile(join(folder, name, "tls.crt"), issued.certificate);
    }
    await symlink("..1", join(folder, "..data"));
    const spec = {
      key: { file: join(folder, "..data", "tls.key") },
      cert: { file: join(folder, "..data", "tls.crt") },
    };
    expect((await loadTlsIdentity(spec, context)).certificate).toBe(old.certificate);
    for (let round = 0; round < 50; round += 1) {
      const loading = loadTlsIdentity(spec, context);
      await symlink(round % 2 === 0 ? "..2" : "..1", join(folder, "..swap"));
      await rename(join(folder, "..swap"), join(folder, "..data"));
      const { certificate } = await loading;
      expect([old.certificate, renewed.certificate]).toContain(certificate);
    }
    expect((await loadTlsIdentity(spec, context)).certificate).toBe(old.certificate);
  });

  it("are read again while one of them is half-written", async () => {
    const { key, cert, spec } = await files();
    await writeFile(cert, old.certificate);
    await writeFile(key, old.privateKey.slice(0, 120));
    const loading = loadTlsIdentity(spec, context);
    while (clock.pending.length === 0) await clock.settle();
    await writeFile(key, old.privateKey.slice(120), { flag: "a" });
    await ended(loading);
    expect((await loading).certificate).toBe(old.certificate);
    expect(clock.pending).toEqual([]);
  });

  it("are read again while the second of them does not exist yet, on first startup", async () => {
    const { key, cert, spec } = await files();
    await writeFile(cert, renewed.certificate);
    await writeFile(key, old.privateKey);
    const loading = loadTlsIdentity(spec, context);
    while (clock.pending.length === 0) await clock.settle();
    await writeFile(key, renewed.privateKey);
    await ended(loading);
    expect((await loading).certificate).toBe(renewed.certificate);
  });

  it("that stay broken are a retryable error while they change, and later a permanent error", async () => {
    const { key, cert, spec } = await files();
    const own: PrivateKeySpec = { privateKey: spec.key };
    await writeFile(cert, old.certificate);
    await writeFile(key, old.privateKey.slice(0, 120));
    for (const load of [() => loadTlsIdentity(spec, context), () => loadKey(own, context)]) {
      const started = clock.now();
      const failing = checkedRejectionOf(load());
      await ended(failing);
      expect(clock.now() - started).toBeLessThanOrEqual(1_000);
      expect(await failing).toMatchObject({ code: "key_invalid", retryable: true });
    }
    await backdate(key, cert);
    for (const error of [
      await checkedRejectionOf(loadTlsIdentity(spec, context)),
      await checkedRejectionOf(loadKey(own, context)),
    ]) {
      expect(error).toMatchObject({ code: "key_invalid", retryable: false });
    }
    expect(clock.pending).toEqual([]);
  });

  it("that are complete and hold an expired certificate are not read again", async () => {
    const { key, cert, spec } = await files();
    const ended = await authority.issue({ notAfter: new Date("2021-06-01T12:00:00Z") });
    await writeFile(cert, ended.certificate);
    await writeFile(key, ended.privateKey);
    expect(await checkedRejectionOf(loadTlsIdentity(spec, context))).toMatchObject({ retryable: false });
    expect(clock.pending).toEqual([]);
  });
});

describe("a signer whose certificate is replaced before it signs with the new key", () => {
  function signer() {
    let current = old;
    const signers: Record<string, Signer> = {
      kms: ({ input }) => sign("sha256", input, { key: current.privateKey, dsaEncoding: "ieee-p1363" }),
    };
    const spec: SignerKeySpec = {
      signer: { name: "kms", format: "raw" },
      alg: "ES256",
      certificate: { env: "CERTIFICATE" },
    };
    const contextWithSigners = { ...context, signers };
    const attempt = async () => {
      const key = await loadKey(spec, contextWithSigners);
      const jwt = await signJwt(key, { alg: "ES256", typ: "JWT", claims: {}, server: "billing" });
      // The thumbprint in the header that was just signed.
      const header = JSON.parse(Buffer.from(jwt.split(".")[0] ?? "", "base64url").toString()) as {
        "x5t#S256": string;
      };
      return header["x5t#S256"];
    };
    return { attempt, moves: (issued: IssuedCertificate) => (current = issued) };
  }

  it("uses the previous certificate until the signer uses the key of the new one", async () => {
    const { attempt, moves } = signer();
    put({ certificate: old.certificate });
    const before = await attempt();
    put({ certificate: renewed.certificate });
    expect(await checkedRejectionOf(attempt())).toMatchObject({
      code: "signer_unavailable",
      retryable: true,
    });
    expect(await attempt()).toBe(before);
    expect(await attempt()).toBe(before);
    moves(renewed);
    expect(await checkedRejectionOf(attempt())).toMatchObject({
      code: "signer_unavailable",
      retryable: true,
    });
    const after = await attempt();
    expect(after).not.toBe(before);
    expect(await attempt()).toBe(after);
  });

  it("is a permanent error after ten minutes, or if it signs with neither key", async () => {
    const { attempt, moves } = signer();
    put({ certificate: old.certificate });
    await attempt();
    put({ certificate: renewed.certificate });
    await checkedRejectionOf(attempt());
    await attempt();
    await clock.advance(tenMinutes);
    expect(await checkedRejectionOf(attempt())).toMatchObject({
      code: "signer_unavailable",
      retryable: false,
    });
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    moves({ ...old, privateKey: privateKey.export({ type: "pkcs8", format: "pem" }).toString() });
    expect(await checkedRejectionOf(attempt())).toMatchObject({
      code: "signer_unavailable",
      retryable: false,
    });
  });
});
