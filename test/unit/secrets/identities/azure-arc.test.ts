import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import type { AzureReference } from "../../../../src/config/spec.js";
import { McpAuthError } from "../../../../src/errors/error.js";
import type { FetchFunction } from "../../../../src/net/bounded-fetch.js";
import { isArcMachine, readFromArc } from "../../../../src/secrets/identities/azure-arc.js";
import { type Handler, sendJson } from "../../../support/http-server.js";
import { temporaryFolder } from "../../../support/temporary-folder.js";
import { reading, startService, tokenFor } from "./service.js";

const resource = "api://auth.example";
const reference: AzureReference = { azure: { resource } };
const token = tokenFor(resource);
const keyText = "canary-content-of-a-key-file";
const says = (problem: string) =>
  `Server "crm": could not read the secret from the identity of this machine in Azure: ${problem}`;

async function arcFolders() {
  const folder = await temporaryFolder();
  const folders = { agent: join(folder, "himds"), tokens: join(folder, "tokens") };
  await mkdir(folders.tokens);
  const key = join(folders.tokens, "1234.key");
  await writeFile(key, `${keyText}\n`);
  return { folders, key, outside: folder };
}

/** Starts an agent that names this file, and issues a token to those who know its content. */
async function startAgent(file: string | undefined, answer: object = { access_token: token }) {
  const handler: Handler = ({ headers }, response) => {
    if (headers.authorization === `Basic ${keyText}`) return sendJson(response, answer);
    const challenge = file === undefined ? {} : { "www-authenticate": `Basic realm=${file}` };
    return sendJson(response, { error: "canary" }, 401, challenge);
  };
  const server = await startService(handler);
  const env = {
    IDENTITY_ENDPOINT: `${server.origin}/metadata/identity/oauth2/token`,
    IMDS_ENDPOINT: "http://localhost:1",
  };
  return { server, env };
}

const everything = { depth: null, showHidden: true };

async function failureWith(
  env: Readonly<Record<string, string>>,
  folders: Parameters<typeof readFromArc>[2],
  asked = reference,
): Promise<string> {
  const failure: unknown = await readFromArc(asked, { server: "crm", ...reading(env) }, folders).catch(
    (error: unknown) => error,
  );
  if (!(failure instanceof McpAuthError)) throw new Error("expected a McpAuthError");
  const shown = [
    failure.message,
    String(failure.stack),
    JSON.stringify(failure),
    inspect(failure, everything),
  ];
  expect(shown.join("\n")).not.toContain("canary");
  return failure.message;
}

describe("a token of a machine of Azure Arc", () => {
  it("is requested with the content of the key file that the agent names", async () => {
    const { folders, key } = await arcFolders();
    const { server, env } = await startAgent(key);
    expect(await readFromArc(reference, { server: "crm", ...reading(env) }, folders)).toBe(token);
    const url = "/metadata/identity/oauth2/token?api-version=2019-11-01&resource=api%3A%2F%2Fauth.example";
    expect(server.requests).toMatchObject([
      { url, headers: { metadata: "true" } },
      { url, headers: { metadata: "true", authorization: `Basic ${keyText}` } },
    ]);
    expect(server.requests[0]?.headers.authorization).toBeUndefined();
  });

  it("is used for a user-assigned identity only if the agent confirms it", async () => {
    const { folders, key } = await arcFolders();
    const clientId = "aaaa-bbbb";
    const asked = { azure: { resource, clientId } };
    const confirming = await startAgent(key, { access_token: token, client_id: "AAAA-BBBB" });
    expect(await readFromArc(asked, { server: "crm", ...reading(confirming.env) }, folders)).toBe(token);
    expect(confirming.server.requests[0]?.url).toContain("&client_id=aaaa-bbbb");
    for (const answer of [{}, { client_id: "cccc" }]) {
      const other = await startAgent(key, { access_token: token, ...answer });
      expect(await failureWith(other.env, folders, asked)).toBe(
        says(
          "the agent of Azure Arc does not confirm that the token is for `clientId`, so it was not used. Update the agent, " +
            "or remove `clientId` to use the identity of the machine.",
        ),
      );
    }
  });

  it.each([
    ["a file beside the folder", ({ outside }: { outside: string }) => join(outside, "secret.key")],
    ["a folder of the folder", ({ tokens }: { tokens: string }) => join(tokens, "deeper", "x.key")],
    ["a way out of the folder", ({ tokens }: { tokens: string }) => `${tokens}/../secret.key`],
    ["another extension", ({ tokens }: { tokens: string }) => join(tokens, "1234.txt")],
    ["a relative path", () => "1234.key"],
    ["a link to another file", ({ tokens }: { tokens: string }) => join(tokens, "link.key")],
    ["a folder in place of a file", ({ tokens }: { tokens: string }) => join(tokens, "folder.key")],
  ])("is not requested with another file that the agent names: %s", async (_, named) => {
    const { folders, outside } = await arcFolders();
    await writeFile(join(outside, "secret.key"), keyText);
    await mkdir(join(folders.tokens, "deeper"));
    await writeFile(join(folders.tokens, "deeper", "x.key"), keyText);
    await writeFile(join(folders.tokens, "1234.txt"), keyText);
    await symlink(join(outside, "secret.key"), join(folders.tokens, "link.key"));
    await mkdir(join(folders.tokens, "folder.key"));
    const { server, env } = await startAgent(named({ outside, tokens: folders.tokens }));
    expect(await failureWith(env, folders)).toBe(
      says("the agent of Azure Arc named a file that is not one of its key files, so it was not read."),
    );
    expect(server.requests).toHaveLength(1);
  });

  it.each([
    ["more than 4096 bytes", "canary".repeat(700), "its key file has more than 4096 bytes."],
    ["no text", "", "its key file has no key."],
    ["what a header cannot have", "canary\r\nx: y", "its key file has no key."],
  ])("is not requested with a key file that has %s", async (_, text, problem) => {
    const { folders, key } = await arcFolders();
    await writeFile(key, text);
    const { server, env } = await startAgent(key);
    expect(await failureWith(env, folders)).toBe(says(problem));
    expect(server.requests).toHaveLength(1);
  });

  it("is not available if the key file is missing, not named or not accepted", async () => {
    const { folders, key } = await arcFolders();
    const missing = await startAgent(join(folders.tokens, "canary.key"));
    expect(await failureWith(missing.env, folders)).toBe(says("its key file could not be read."));
    const unnamed = await startAgent(undefined);
    expect(await failureWith(unnamed.env, folders)).toBe(
      says("the answer of the agent of Azure Arc names no key file."),
    );
    await writeFile(key, "another-canary");
    const rejecting = await startAgent(key);
    expect(await failureWith(rejecting.env, folders)).toBe(
      says("the agent of Azure Arc rejected the content of its own key file."),
    );
  });

  it("is not used if the agent does not ask for the key file, because another program may have answered", async () => {
    const { folders } = await arcFolders();
    const server = await startService((_, response) => sendJson(response, { access_token: token }));
    const env = { IDENTITY_ENDPOINT: server.origin, IMDS_ENDPOINT: "x" };
    expect(await failureWith(env, folders)).toBe(
      says("the agent of Azure Arc did not ask for a key file, so its answer was not used."),
    );
  });

  it.each(["https://arc.example", "http://169.254.169.254", "http://arc.example"])(
    "is not requested at an address beyond this machine: %s",
    async (endpoint) => {
      const { folders } = await arcFolders();
      const env = { IDENTITY_ENDPOINT: endpoint, IMDS_ENDPOINT: "x" };
      const fetchDirect: FetchFunction = () => Promise.reject(new Error("nothing should be sent"));
      await expect(readFromArc(reference, { server: "crm", env, fetchDirect }, folders)).rejects.toThrow(
        says(
          "IDENTITY_ENDPOINT is not an address of this machine, so nothing was sent. Correct it, or remove it.",
        ),
      );
    },
  );

  it("is temporarily unavailable while the agent is busy", async () => {
    const { folders } = await arcFolders();
    const server = await startService((_, response) => sendJson(response, {}, 503));
    const env = { IDENTITY_ENDPOINT: server.origin, IMDS_ENDPOINT: "x" };
    await expect(readFromArc(reference, { server: "crm", ...reading(env) }, folders)).rejects.toMatchObject({
      retryable: true,
      message: says("the agent of Azure Arc answered 503. Try again later."),
    });
  });
});

it("a machine of Azure Arc is recognized by its variables or by the program of its agent", async () => {
  const { folders } = await arcFolders();
  expect(await isArcMachine({ IDENTITY_ENDPOINT: "x", IMDS_ENDPOINT: "y" }, folders)).toBe(true);
  expect(await isArcMachine({ IDENTITY_ENDPOINT: "x" }, folders)).toBe(false);
  expect(await isArcMachine({}, folders)).toBe(false);
  await writeFile(folders.agent, "");
  expect(await isArcMachine({}, folders)).toBe(true);
});
