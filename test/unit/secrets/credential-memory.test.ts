import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { SecretReference } from "../../../src/config/spec.js";
import { systemClock } from "../../../src/lib/clock.js";
import { Secret } from "../../../src/lib/secret.js";
import { CredentialMemory } from "../../../src/secrets/credential-memory.js";
import { CredentialRecorder } from "../../../src/secrets/credential-recorder.js";
import { credentialsChanged } from "../../../src/secrets/credentials-changed.js";
import {
  readClientSecret,
  readKeyContent,
  readSecret,
  type SecretContext,
} from "../../../src/secrets/read-secret.js";
import { fakeClock } from "../../support/fake-clock.js";
import { backdate } from "./backdate.js";

const reference = { env: "CRM_SECRET" };
let env: Record<string, string | undefined>;
let memory: CredentialMemory;
let folder: string;
let file: string;
beforeEach(async () => {
  env = { CRM_SECRET: "canary-one" };
  memory = new CredentialMemory();
  folder = await mkdtemp(join(tmpdir(), "memory-"));
  file = join(folder, "secret");
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Returns the recorder of a new attempt. */
const recorder = () => new CredentialRecorder(systemClock, memory, {});
const note = (reference: SecretReference, value: Secret | undefined) =>
  recorder().recordSecret(reference, value);
const context = (more: Partial<SecretContext> = {}): SecretContext => ({
  server: "crm",
  env,
  recorder: recorder(),
  ...more,
});
const failing = (one: SecretReference) => readSecret(one, context()).catch(() => undefined);

describe("the value of a reference", () => {
  it("is compared from the second time on", () => {
    const given = ["a", "a", "b", "b", "a"].map((value) => note(reference, new Secret(value)));
    expect(given).toEqual([false, false, true, false, true]);
  });

  it("is compared with the last value that could be read", () => {
    const values = [undefined, "a", undefined, "a", undefined, "b"];
    const given = values.map((value) => note(reference, value === undefined ? value : new Secret(value)));
    expect(given).toEqual([false, false, false, false, false, true]);
  });

  it("is remembered for each reference by its content, including the pointer", () => {
    note({ file, pointer: "/a" }, new Secret("a"));
    expect(note({ file, pointer: "/b" }, new Secret("b"))).toBe(false);
    expect(note({ file, pointer: "/a" }, new Secret("b"))).toBe(true);
  });

  it("is compared when it is read", async () => {
    const told: string[] = [];
    const read = () =>
      readClientSecret(
        reference,
        context({ onCredentialChange: (change) => told.push(`${change} ${env["CRM_SECRET"]}`) }),
      );
    await read();
    await read();
    env["CRM_SECRET"] = "two";
    await Promise.all([read(), read(), read()]);
    env["CRM_SECRET"] = undefined;
    await read().catch(() => undefined);
    env["CRM_SECRET"] = "two";
    await read();
    expect(told).toEqual(["secret:changed two"]);
  });

  it("that is a key in DER is compared by its bytes", async () => {
    const bytes = Buffer.from("3003020180", "hex");
    await writeFile(file, bytes);
    await readKeyContent({ file }, context());
    expect(await credentialsChanged(memory, context())).toBe(false);
    await writeFile(file, Buffer.from("3003020181", "hex"));
    expect(await credentialsChanged(memory, context())).toBe(true);
  });

  it("is remembered as a hash, for a limited number of references", () => {
    for (let count = 0; count < 1_000; count += 1) note({ env: `E${count}` }, new Secret("canary"));
    expect(note({ env: "E0" }, new Secret("other"))).toBe(false);
    expect(note({ env: "E999" }, new Secret("other"))).toBe(true);
    expect(inspect(memory, { depth: 9, showHidden: true })).not.toContain("canary");
  });
});

describe("a credential", () => {
  it("has not changed if all values are the same, or nothing was read", async () => {
    expect(await credentialsChanged(memory, context())).toBe(false);
    await writeFile(file, "in the file");
    await readSecret(reference, context());
    await readSecret({ file }, context());
    expect(await credentialsChanged(memory, context())).toBe(false);
  });

  it("has changed if a variable or a file has another value, once for each value", async () => {
    await writeFile(file, "before");
    await readSecret(reference, context());
    await readSecret({ file }, context());
    await writeFile(file, "after");
    expect(await credentialsChanged(memory, context())).toBe(true);
    // A request that fails before it reads the file would be repeated again and again.
    expect(await credentialsChanged(memory, context())).toBe(false);
    await writeFile(file, "after that");
    expect(await credentialsChanged(memory, context())).toBe(true);
    await readSecret({ file }, context());
    expect(await credentialsChanged(memory, context())).toBe(false);
    env["CRM_SECRET"] = "two";
    expect(await credentialsChanged(memory, context())).toBe(true);
  });

  it("has changed if it was missing before", async () => {
    await backdate(folder);
    await failing({ file });
    await failing({ env: "ABSENT" });
    expect(await credentialsChanged(memory, context())).toBe(false);
    await writeFile(file, "fixed");
    expect(await credentialsChanged(memory, context())).toBe(true);
    await readSecret({ file }, context());
    expect(await credentialsChanged(memory, context())).toBe(false);
    env["ABSENT"] = "here";
    expect(await credentialsChanged(memory, context())).toBe(true);
  });

  it("has changed if it was unreadable and now has its old value", async () => {
    await readSecret(reference, context());
    env["CRM_SECRET"] = "";
    await failing(reference);
    env["CRM_SECRET"] = "canary-one";
    expect(await credentialsChanged(memory, context())).toBe(true);
  });

  it("has not changed if it cannot be read now, and is read only once", async () => {
    const clock = fakeClock();
    await writeFile(file, "whole");
    await readSecret({ file }, context());
    await writeFile(file, "");
    expect(await credentialsChanged(memory, context({ clock }))).toBe(false);
    await rm(file);
    expect(await credentialsChanged(memory, context({ clock }))).toBe(false);
    expect(clock.pending).toEqual([]);
  });

  it("of a command or a function is not read", async () => {
    let calls = 0;
    const resolvers = {
      counting: () => {
        calls += 1;
        return `${calls}`;
      },
    };
    const script = `require("node:fs").appendFileSync(${JSON.stringify(file)}, "x"); console.log(Math.random())`;
    const command = { exec: [process.execPath, "-e", script], cwd: folder, timeout: 10_000 };
    const secrets = context({ resolvers, env: { ...process.env } });
    await readSecret({ resolver: "counting", ref: "a" }, secrets);
    await readSecret(command, secrets);
    expect(await credentialsChanged(memory, secrets)).toBe(false);
    expect(calls).toBe(1);
    expect((await readSecret({ file }, context())).reveal()).toBe("x");
  });

  it("does not count as missing after a read that was aborted", async () => {
    const controller = new AbortController();
    await readSecret({ resolver: "slow", ref: "a" }, context({ resolvers: { slow: () => "value" } }));
    controller.abort();
    const { signal } = controller;
    await expect(
      readSecret({ resolver: "slow", ref: "a" }, context({ signal, resolvers: { slow: () => "other" } })),
    ).rejects.toMatchObject({ code: "aborted" });
    expect(note({ resolver: "slow", ref: "a" }, new Secret("value"))).toBe(false);
  });
});

it("a bundle counts as changed if it is another object, for each spec", () => {
  const [one, two] = [{}, {}];
  const [first, second] = [{}, {}];
  expect([first, first, second, second, first].map((bundle) => recorder().recordBundle(one, bundle))).toEqual(
    [false, false, true, false, true],
  );
  expect(recorder().recordBundle(two, second)).toBe(false);
});
