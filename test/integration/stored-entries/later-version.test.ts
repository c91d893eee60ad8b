// Entries in formats that this version does not know yet: what it does with them, and what it must not do.
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parseJsonObject } from "../../../src/lib/json-object.js";
import { Secret } from "../../../src/lib/secret.js";
import { internalsOf } from "../../../src/runtime/manager-internals.js";
import { Encryption } from "../../../src/stores/encryption.js";
import { parseValue, serializeValue } from "../../../src/stores/file-entry.js";
import { rejectionOf } from "../../support/rejection-of.js";
import { callTool, isNewToken, storeKey } from "./project.js";
import { type LaterProcess, startLater } from "./upgrade.js";
import { copyOfFileStore, valuesIn } from "./versions.js";

const encryption = new Encryption(async () => [new Secret(storeKey)]);

/** Returns the content of a file in a later format, by what has another format then. */
const laterFormats: Readonly<Record<string, (name: string, file: string) => Promise<string>>> = {
  async "the text of an entry"(name, file) {
    const { value, expiresAt } = parseValue(file);
    const fields = parseJsonObject((await encryption.decrypt(name, value)) ?? "");
    return serializeValue(await encryption.encrypt(name, JSON.stringify({ ...fields, v: 2 })), expiresAt);
  },
  async "the encryption of an entry"(_name, file) {
    const { value, expiresAt } = parseValue(file);
    const jwe = parseJsonObject(value) ?? {};
    const header = parseJsonObject(Buffer.from(String(jwe["protected"]), "base64url").toString());
    const later = Buffer.from(JSON.stringify({ ...header, v: 2 })).toString("base64url");
    return serializeValue(JSON.stringify({ ...jwe, protected: later }), expiresAt);
  },
  async "the file of an entry"(_name, file) {
    return file.replace(/^mcp-auth-store 1 /, "mcp-auth-store 2 some words, ");
  },
};

/** Returns the contents of the value files of one kind of entry, by path. */
async function filesOf(folder: string, kind: string): Promise<ReadonlyMap<string, string>> {
  const names = (await readdir(folder, { recursive: true })).filter((name) => name.startsWith(`${kind}.`));
  const values = names.filter((name) => /value-\d+$/.test(name)).sort();
  const contents = values.map(async (name) => [name, await readFile(join(folder, name), "utf8")] as const);
  return new Map(await Promise.all(contents));
}

describe.each(Object.entries(laterFormats))("if a later version changes %s", (what, change) => {
  /** Starts a process whose store has only entries of a later version. */
  async function start(): Promise<LaterProcess & { readonly folder: string }> {
    const folder = await copyOfFileStore("0.1.0");
    for (const [name, content] of await valuesIn(folder)) {
      const files = (await readdir(join(folder, name))).filter((each) => each.startsWith("value-"));
      for (const file of files) await writeFile(join(folder, name, file), await change(name, content));
    }
    return { folder, ...(await startLater({ folder }, 60_000)) };
  }

  test(`${what} in another format: access tokens and metadata count as absent and are replaced`, async () => {
    const { auth, servers, folder } = await start();
    const warnings: unknown[] = [];
    auth.on("token:warning", (event) => warnings.push(event));
    expect((await auth.resolve("crm").getToken()).accessToken).toBe("test-token-101");
    expect(servers.requests.toSorted()).toEqual([
      "GET https://auth.example/.well-known/oauth-authorization-server",
      "GET https://crm.example/.well-known/oauth-protected-resource/mcp",
      "POST https://auth.example/token",
    ]);
    await auth.stop();
    const next = await startLater({ folder }, 60_000);
    expect((await next.auth.resolve("crm").getToken()).accessToken).toBe("test-token-101");
    await next.auth.resolve("crm").getToken({ forceRefresh: true });
    expect(next.servers.requests).toEqual(["POST https://auth.example/token"]);
    // The entries are not damaged, so nobody has to look for the reason.
    expect(warnings).toEqual([]);
    expect(
      (await readdir(folder, { recursive: true })).filter((name) => name.endsWith(".unreadable")),
    ).toEqual([]);
  });

  test(`${what} in another format: a refresh token is neither replaced nor ignored`, async () => {
    const { auth, servers, folder } = await start();
    const before = await filesOf(folder, "refresh");
    expect(before.size).toBe(1);
    for (const forceRefresh of [false, true]) {
      const error = await rejectionOf(auth.resolve("mail").getToken({ forceRefresh }));
      expect(error).toMatchObject({ code: "store_unavailable", retryable: false });
      expect(error.message).toMatch(
        /^Server "mail": a later version of mcp-auth-runtime wrote the refresh token in the store, and this is version \d/,
      );
    }
    await auth.stop();
    expect(servers.redeemed).toEqual([]);
    expect(await filesOf(folder, "refresh")).toEqual(before);
  });

  test(`${what} in another format: limits after refusals count as absent`, async () => {
    const { auth, servers } = await start();
    expect(await callTool(auth, "closed", "g")).toBe(401);
    // A first token, and one that replaces it.
    expect(servers.requests.filter((request) => request.startsWith("POST"))).toHaveLength(2);
  });

  test(`${what} in another format: the token that was printed last counts as unknown`, async () => {
    const { auth } = await start();
    expect(await isNewToken(auth, "test-printed-token")).toBe(true);
    expect(await isNewToken(auth, "test-printed-token")).toBe(false);
  });

  test(`${what} in another format: revoke deletes nothing, and store clear deletes the entries`, async () => {
    const { auth, servers, folder } = await start();
    const { store } = internalsOf(auth.resolve("mail"));
    const before = [await filesOf(folder, "token"), await filesOf(folder, "refresh")];
    const error = await rejectionOf(store?.revoke(new AbortController().signal) ?? Promise.resolve());
    expect(error.code).toBe("store_unavailable");
    expect(error.message).toContain("of a later version of this package");
    expect([await filesOf(folder, "token"), await filesOf(folder, "refresh")]).toEqual(before);
    // Its access token, its refresh token, its metadata and that of its issuer.
    expect(await store?.forget()).toBe(4);
    expect((await filesOf(folder, "refresh")).size).toBe(0);
    expect(servers.requests).toEqual([]);
  });
});
