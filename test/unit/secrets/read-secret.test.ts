import { execFileSync } from "node:child_process";
import { chmod, mkdtemp, rename, rm, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { SecretReference } from "../../../src/config/spec.js";
import type { McpAuthError } from "../../../src/errors/error.js";
import { Secret } from "../../../src/lib/secret.js";
import { readSecret } from "../../../src/secrets/read-secret.js";
import { rejectionOf } from "../../support/rejection-of.js";
import { backdate } from "./backdate.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "secrets-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const read = (reference: SecretReference, env: Record<string, string | undefined> = {}) =>
  readSecret(reference, { server: "crm", env });

/** Returns the error of a read, and checks that it is `secret_unavailable`. */
async function readError(
  reference: SecretReference,
  env: Record<string, string | undefined> = {},
): Promise<McpAuthError> {
  await backdate(folder);
  const error = await rejectionOf(read(reference, env));
  expect(error).toMatchObject({ code: "secret_unavailable", server: "crm", retryable: false });
  expect(error.cause).toBeUndefined();
  return error;
}

async function written(content: string | Uint8Array): Promise<{ file: string }> {
  const file = join(folder, "secret");
  await writeFile(file, content);
  await backdate(file);
  return { file };
}

describe("an environment variable", () => {
  it("is returned in a type that does not show its value", async () => {
    const secret = await read({ env: "CRM_SECRET" }, { CRM_SECRET: "p:%+ ä" });
    expect(secret).toBeInstanceOf(Secret);
    expect(secret.reveal()).toBe("p:%+ ä");
    expect(`${secret} ${JSON.stringify(secret)} ${inspect({ secret })}`).not.toContain("p:%");
  });

  it.each([
    ["a\n", "a"],
    ["a\r\n", "a"],
    ["a\n\n", "a\n"],
    [" a ", " a "],
    ["a\r", "a\r"],
  ])("loses one trailing newline and nothing else: %j", async (value, expected) => {
    expect((await read({ env: "S" }, { S: value })).reveal()).toBe(expected);
  });

  it.each<[string, NodeJS.ProcessEnv]>([
    ["is not set", {}],
    ["is undefined", { S: undefined }],
  ])("that %s is named in the error", async (_, env) => {
    expect((await readError({ env: "S" }, env)).message).toBe(
      'Server "crm": S is not set. Set it, or load a file that has it with node --env-file=FILE.',
    );
  });

  it.each(["", "\n", "\r\n"])("that is empty is named in the error: %j", async (value) => {
    expect((await readError({ env: "S" }, { S: value })).message).toContain(
      "S is set, but empty. Give it a value.",
    );
  });

  it("with the name of an inherited property is not set", async () => {
    expect((await readError({ env: "constructor" })).message).toContain("constructor is not set");
  });
});

describe("a file", () => {
  it("is returned without the newline and the byte order mark that editors add", async () => {
    expect((await read(await written("\u{feff}pässword\r\n"))).reveal()).toBe("pässword");
  });

  it("is read again each time, so that a rotated secret is used", async () => {
    const reference = await written("old\n");
    expect((await read(reference)).reveal()).toBe("old");
    await writeFile(`${reference.file}.new`, "new\n");
    await rename(`${reference.file}.new`, reference.file);
    expect((await read(reference)).reveal()).toBe("new");
  });

  it("is followed through symbolic links, as mounted secrets are", async () => {
    const reference = await written("mounted");
    await symlink(reference.file, join(folder, "link"));
    expect((await read({ file: join(folder, "link") })).reveal()).toBe("mounted");
  });

  it("of exactly 1 MiB is read and one byte more is refused", async () => {
    expect((await read(await written("x".repeat(1_048_576)))).reveal()).toHaveLength(1_048_576);
    expect((await readError(await written("x".repeat(1_048_577)))).message).toContain(
      "it is larger than 1 MiB.",
    );
  });

  it("that is missing is named in the error", async () => {
    const file = join(folder, "nowhere");
    expect((await readError({ file })).message).toBe(
      `Server "crm": could not read the secret from the file "${file}": it does not exist. Create it, or correct its path.`,
    );
  });

  it.each(["", "\n"])("that is empty is refused: %j", async (content) => {
    expect((await readError(await written(content))).message).toContain("it is empty.");
  });

  it("that is a directory is refused", async () => {
    expect((await readError({ file: folder })).message).toContain("it is a directory.");
  });

  it("that is a FIFO is refused without waiting for a writer", async () => {
    const file = join(folder, "fifo");
    execFileSync("mkfifo", [file]);
    expect((await readError({ file })).message).toContain("it is not a regular file.");
  });

  it("that is a socket or a device is refused", async () => {
    const file = join(folder, "socket");
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(file, resolve));
    expect((await readError({ file })).message).toContain("it is not a regular file.");
    await new Promise((resolve) => server.close(resolve));
    expect((await readError({ file: "/dev/null" })).message).toContain("it is not a regular file.");
  });

  it("that this process may not read is refused", async () => {
    const reference = await written("secret");
    await chmod(reference.file, 0o000);
    // The superuser can read every file.
    if (process.getuid?.() === 0) expect((await read(reference)).reveal()).toBe("secret");
    else expect((await readError(reference)).message).toContain("this process may not read it.");
  });

  it("with circular links is refused", async () => {
    await symlink(join(folder, "b"), join(folder, "a"));
    await symlink(join(folder, "a"), join(folder, "b"));
    expect((await readError({ file: join(folder, "a") })).message).toContain("lead in a circle");
  });

  it("that is not text is refused without showing it", async () => {
    const error = await readError(await written(Buffer.from([0x63, 0x61, 0x6e, 0x61, 0x72, 0x79, 0xff])));
    expect(error.message).toContain("it is not text in UTF-8.");
    expect(inspect(error)).not.toContain("canary");
  });

  it("in UTF-16 is refused with the reason", async () => {
    const little = Buffer.from("\u{feff}canary", "utf16le");
    for (const bytes of [little, Buffer.from(little).swap16()]) {
      const error = await readError(await written(bytes));
      expect(error.message).toContain("it is UTF-16, as PowerShell writes files with >. Save it as UTF-8.");
    }
  });

  it.each([
    '"quoted"',
    "'quoted'",
    "a\\nb",
    Buffer.from("a secret that happens to be in base64, and long").toString("base64"),
    "-----BEGIN PRIVATE KEY-----\\nAAAA\\n-----END PRIVATE KEY-----",
    '{"private_key":"x"}',
    " ",
  ])("that is not read as a key is used exactly as it is: %j", async (value) => {
    expect((await read(await written(value))).reveal()).toBe(value);
    expect((await read({ env: "S" }, { S: value })).reveal()).toBe(value);
  });

  it("with a relative path is refused, because it would depend on the working directory", async () => {
    expect((await readError({ file: "secrets/agent.pem" })).message).toContain("the path is not absolute.");
  });
});
