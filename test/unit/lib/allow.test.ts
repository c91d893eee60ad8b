import { mkdir, mkdtemp, open, realpath, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { allowRules } from "../../../src/lib/allow.js";

let folder: string;

beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), "allow-")));
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

const rules = (given: object) => allowRules(given, folder);

it("an empty `allow` allows nothing", async () => {
  const allow = rules({});
  expect(allow.command(["op"])).toBe(false);
  expect(allow.variable("S")).toBe(false);
  expect(allow.url("https://auth.example")).toBe(false);
  expect(allow.host("auth.example")).toBe(false);
  expect(allow.sentinel("10.0.0.5")).toBe(false);
  expect(allow.resolver("aws")).toBe(false);
  expect(allow.identity("githubActions")).toBe(false);
  expect(await allow.file(folder)).toBe(false);
});

describe("env and resolvers", () => {
  it("a name is allowed exactly, or by its prefix if the entry ends with a *", () => {
    const allow = rules({ env: ["CRM_SECRET", "ACME_*"], resolvers: ["*"], identities: ["github*"] });
    expect(["CRM_SECRET", "ACME_KEY", "ACME_"].every((name) => allow.variable(name))).toBe(true);
    expect(["CRM_SECRET2", "CRM", "ACME", "acme_KEY", ""].some((name) => allow.variable(name))).toBe(false);
    expect(allow.resolver("anything")).toBe(true);
    expect(allow.identity("githubActions")).toBe(true);
    expect(allow.identity("gcp")).toBe(false);
  });

  it("a * inside an entry is not a wildcard", () => {
    const allow = rules({ env: ["A*B"] });
    expect(allow.variable("AXB")).toBe(false);
  });
});

describe("exec", () => {
  it("a command is allowed only with exactly its arguments", () => {
    const allow = rules({ exec: [["op", "read", "op://crm/secret"]] });
    expect(allow.command(["op", "read", "op://crm/secret"])).toBe(true);
    for (const other of [
      ["op"],
      ["op", "read"],
      ["op", "read", "op://crm/secret", "-x"],
      ["op", "read op://crm/secret"],
    ]) {
      expect(allow.command(other)).toBe(false);
    }
  });
});

describe("origins", () => {
  const allow = rules.bind(undefined, {
    origins: [
      "https://auth.example",
      "http://127.0.0.1:8080/",
      "rediss://cache.example",
      "redis://10.0.0.5:26379",
    ],
  });

  it.each([
    "https://auth.example",
    "https://AUTH.example:443/oauth2/token?x#y",
    "http://127.0.0.1:8080/mcp",
    "rediss://user:password@cache.example:6379/0",
  ])("an origin in `allow` covers %s", (url) => {
    expect(allow().url(url)).toBe(true);
  });

  it.each([
    "http://auth.example",
    "https://auth.example:8443",
    "https://auth.example.evil.example",
    "https://sub.auth.example",
    "https://auth.example@evil.example",
    "http://127.0.0.1",
    "redis://cache.example",
    "rediss://cache.example:6380",
    "https:auth.example.",
    "not a url",
    "",
  ])("an origin in `allow` does not cover %s", (url) => {
    expect(allow().url(url)).toBe(false);
  });

  it("an origin covers Sentinels without their default port, and hosts over plain http", () => {
    expect(allow().sentinel("10.0.0.5")).toBe(true);
    expect(allow().sentinel("10.0.0.5:26379")).toBe(true);
    expect(allow().sentinel("10.0.0.5:26380")).toBe(false);
    expect(allow().host("127.0.0.1")).toBe(true);
    expect(allow().host("auth.example")).toBe(false);
  });
});

describe("files", () => {
  it("a file is allowed if its path or a folder above it is listed, and not if only a neighbor is", async () => {
    const allow = rules({ files: ["keys", "./ca.pem"] });
    expect(await allow.file(join(folder, "keys/agent.pem"))).toBe(true);
    expect(await allow.file(join(folder, "keys"))).toBe(true);
    expect(await allow.file(join(folder, "ca.pem"))).toBe(true);
    expect(await allow.file(join(folder, "keys2/agent.pem"))).toBe(false);
    expect(await allow.file(join(folder, "keys/../other.pem"))).toBe(false);
    expect(await allow.file(join(folder, "..keys"))).toBe(false);
  });

  it("a file is compared by its real path, with all links resolved", async () => {
    await mkdir(join(folder, "keys"));
    await mkdir(join(folder, "others"));
    await writeFile(join(folder, "others/secret"), "x");
    await symlink("../others/secret", join(folder, "keys/link"));
    await symlink("others", join(folder, "way"));
    const allow = rules({ files: ["keys"] });
    expect(await allow.file(join(folder, "keys/link"))).toBe(false);
    expect(await rules({ files: ["others"] }).file(join(folder, "keys/link"))).toBe(true);
    expect(await rules({ files: ["way"] }).file(join(folder, "others/secret"))).toBe(true);
    expect(await rules({ files: ["others"] }).file(join(folder, "way/new/file"))).toBe(true);
  });

  it("a file is refused if a different one was opened under its path", async () => {
    await mkdir(join(folder, "keys"));
    await writeFile(join(folder, "keys/a"), "allowed");
    await writeFile(join(folder, "outside"), "not allowed");
    await symlink("../outside", join(folder, "keys/link"));
    const opened = await open(join(folder, "keys/link"));
    try {
      // After the file was opened and before it is checked, the link is changed to an allowed file.
      await symlink("a", join(folder, "keys/next"));
      await rename(join(folder, "keys/next"), join(folder, "keys/link"));
      const allow = rules({ files: ["keys"] });
      expect(await allow.file(join(folder, "keys/link"))).toBe(true);
      expect(await allow.file(join(folder, "keys/link"), await opened.stat({ bigint: true }))).toBe(false);
    } finally {
      await opened.close();
    }
  });
});

it.each([
  ["a string in place of the object", "everything"],
  ["a list in place of the object", []],
  ["an unknown list", { urls: [] }],
  ["a string in place of a list", { env: "S" }],
  ["an item that is not a string", { env: [1] }],
  ["an empty item", { files: [""] }],
  ["a command that is not a list", { exec: ["op read x"] }],
  ["an empty command", { exec: [[]] }],
  ["an origin with a path", { origins: ["https://auth.example/oauth"] }],
  ["an origin with a query", { origins: ["https://auth.example?x"] }],
  ["an origin with a user", { origins: ["https://user@auth.example"] }],
  ["a host in place of an origin", { origins: ["auth.example"] }],
  ["a * in an origin", { origins: ["*"] }],
])("`allow` with %s is config_invalid", (_, given) => {
  expect(() => rules(given as object)).toThrow(expect.objectContaining({ code: "config_invalid" }));
});
