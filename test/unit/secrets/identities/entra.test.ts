import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { allowRules } from "../../../../src/lib/allow.js";
import type { FetchFunction } from "../../../../src/net/bounded-fetch.js";
import { readSecret } from "../../../../src/secrets/read-secret.js";
import { type Handler, sendJson } from "../../../support/http-server.js";
import { temporaryFolder } from "../../../support/temporary-folder.js";
import { readFailureOf } from "../read-failure-of.js";
import { reading, readToken, startService, tokenFor } from "./service.js";

const resource = "api://auth.example";
const reference = { azure: { resource } };
const token = tokenFor(resource);
const says = (problem: string) =>
  `Server "crm": could not read the secret from the identity of this machine in Azure: ${problem}`;

async function pod(authority: string) {
  const file = join(await temporaryFolder(), "token");
  await writeFile(file, "canary.federated.token\n");
  return {
    AZURE_FEDERATED_TOKEN_FILE: file,
    AZURE_CLIENT_ID: "client-of-the-pod",
    AZURE_TENANT_ID: "tenant-1",
    AZURE_AUTHORITY_HOST: authority,
  };
}

const issue: Handler = (_request, response) =>
  sendJson(response, { access_token: token, token_type: "Bearer" });

describe("a workload identity of Azure", () => {
  it("is exchanged for a token at Entra ID, before any other source is asked", async () => {
    const server = await startService(issue);
    const env = {
      ...(await pod(`${server.origin}/`)),
      IDENTITY_ENDPOINT: "http://127.0.0.1:1",
      IDENTITY_HEADER: "canary",
    };
    expect(await readToken(reference, env)).toBe(token);
    expect(server.requests).toMatchObject([
      {
        method: "POST",
        url: "/tenant-1/oauth2/v2.0/token",
        headers: { "content-type": "application/x-www-form-urlencoded" },
        body:
          "grant_type=client_credentials&client_id=client-of-the-pod&scope=api%3A%2F%2Fauth.example%2F.default" +
          "&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer" +
          "&client_assertion=canary.federated.token",
      },
    ]);
  });

  it("is read from its file for each request, because the platform replaces it", async () => {
    const server = await startService(issue);
    const env = await pod(server.origin);
    await readToken(reference, env);
    await writeFile(env.AZURE_FEDERATED_TOKEN_FILE, "second");
    await readToken(reference, env);
    expect(new URLSearchParams(server.requests[1]?.body).get("client_assertion")).toBe("second");
  });

  it("is read although `allow` names no file, because the host's environment names it", async () => {
    const server = await startService(issue);
    const permissions = {
      commandsForbidden: () => undefined,
      allow: allowRules({ identities: ["azure"] }, "/"),
    };
    const context = { server: "crm", ...reading(await pod(server.origin)), permissions };
    expect((await readSecret(reference, context)).reveal()).toBe(token);
    const withoutIdentity = { ...permissions, allow: allowRules({ files: ["/"] }, "/") };
    await expect(readSecret(reference, { ...context, permissions: withoutIdentity })).rejects.toMatchObject({
      code: "config_invalid",
    });
    expect(server.requests).toHaveLength(1);
  });

  it("can be another identity of the pod", async () => {
    const server = await startService(issue);
    await readToken({ azure: { resource, clientId: "other" } }, await pod(server.origin));
    expect(new URLSearchParams(server.requests[0]?.body).get("client_id")).toBe("other");
  });

  it.each([
    ["https://login.microsoftonline.com/", "https://login.microsoftonline.com"],
    ["https://login.microsoftonline.us", "https://login.microsoftonline.us"],
    ["https://login.chinacloudapi.cn/", "https://login.chinacloudapi.cn"],
    ["https://login.sovcloud-identity.fr", "https://login.sovcloud-identity.fr"],
    ["", "https://login.microsoftonline.com"],
  ])("goes to Entra ID of the cloud that the environment names: %s", async (authority, origin) => {
    const urls: string[] = [];
    const send: FetchFunction = async (input) => {
      urls.push(String(input));
      return Response.json({ access_token: token });
    };
    await readSecret(reference, { server: "crm", env: await pod(authority), fetch: send });
    expect(urls).toEqual([`${origin}/tenant-1/oauth2/v2.0/token`]);
  });

  it.each([
    "https://login.example",
    "https://login.microsoftonline.com.example",
    "https://login.microsoftonline.com:8443",
    "http://login.microsoftonline.com",
    "http://169.254.169.254",
    "https://user@login.microsoftonline.com",
    "canary",
  ])("goes to no other host that a variable names: %s", async (authority) => {
    const error = await readFailureOf(reference, { env: await pod(authority), fetch: unused });
    expect(error).toMatchObject({
      code: "secret_unavailable",
      retryable: false,
      message: says(
        "AZURE_AUTHORITY_HOST is not a host of Microsoft Entra ID, so nothing was sent. Correct it, or remove it.",
      ),
    });
  });

  it("does not follow a redirect", async () => {
    const server = await startService((_, response) => sendJson(response, {}, 308, { location: "/canary" }));
    const error = await readFailureOf(reference, reading(await pod(server.origin)));
    expect(error.message).toBe(
      says(
        "Microsoft Entra ID answered with a redirect (308), which is not followed. Check what answers at its address.",
      ),
    );
    expect(server.requests).toHaveLength(1);
  });
});

describe("a workload identity that cannot be exchanged is an error that names the cause:", () => {
  it.each([
    [
      "AZURE_CLIENT_ID",
      "AZURE_FEDERATED_TOKEN_FILE is set, but AZURE_CLIENT_ID is not. Annotate the service account of the pod with " +
        "azure.workload.identity/client-id, or add `clientId` to the reference.",
    ],
    [
      "AZURE_TENANT_ID",
      "AZURE_FEDERATED_TOKEN_FILE is set, but AZURE_TENANT_ID is not set. Set it to the tenant of the identity.",
    ],
  ])("%s is not set", async (name, problem) => {
    const env = { ...(await pod("")), [name]: "" };
    expect((await readFailureOf(reference, { env, fetch: unused })).message).toBe(says(problem));
  });

  it.each(["a/../b", "x?y", "ü"])("AZURE_TENANT_ID would change the URL: %s", async (tenant) => {
    const env = { ...(await pod("")), AZURE_TENANT_ID: tenant };
    expect((await readFailureOf(reference, { env, fetch: unused })).message).toBe(
      says(
        "AZURE_FEDERATED_TOKEN_FILE is set, but AZURE_TENANT_ID is not the ID or the domain of a tenant. Set it to the " +
          "tenant of the identity.",
      ),
    );
  });

  it("the file does not exist", async () => {
    const env = { ...(await pod("")), AZURE_FEDERATED_TOKEN_FILE: "/nowhere/token" };
    const error = await readFailureOf(reference, { env, fetch: unused });
    expect(error.code).toBe("secret_unavailable");
    expect(error.message).toContain('could not read the secret from the file "/nowhere/token"');
  });

  it.each<[status: number, numbers: unknown, text: string]>([
    [
      401,
      [700213],
      "The number of its error is AADSTS700213. Add a federated credential for the service account of the pod to the " +
        "identity, or correct its issuer, subject and audience.",
    ],
    [
      400,
      [700016],
      "The number of its error is AADSTS700016. The tenant has no application with this client ID. Check AZURE_CLIENT_ID " +
        "and AZURE_TENANT_ID.",
    ],
    [
      400,
      [500011],
      'The number of its error is AADSTS500011. The tenant has no application for the "resource" of the reference. Check it.',
    ],
    [
      400,
      [90002],
      "The number of its error is AADSTS90002. The tenant does not exist. Check AZURE_TENANT_ID and AZURE_AUTHORITY_HOST.",
    ],
    [400, [-5], "Check the federated credential of the identity, AZURE_CLIENT_ID and AZURE_TENANT_ID."],
    [400, ["canary"], "Check the federated credential of the identity, AZURE_CLIENT_ID and AZURE_TENANT_ID."],
    [400, "canary", "Check the federated credential of the identity, AZURE_CLIENT_ID and AZURE_TENANT_ID."],
  ])("Entra ID answers %i with the numbers %j", async (status, numbers, text) => {
    const body = { error: "invalid_client", error_description: "canary", error_codes: numbers };
    const server = await startService((_, response) => sendJson(response, body, status));
    expect(await readFailureOf(reference, reading(await pod(server.origin)))).toMatchObject({
      code: "secret_unavailable",
      retryable: false,
      message: says(`Microsoft Entra ID answered ${status}. ${text}`),
    });
  });

  it.each([429, 503])("Entra ID is busy, with %i", async (status) => {
    const server = await startService((_, response) =>
      sendJson(response, {}, status, { "retry-after": "2" }),
    );
    expect(await readFailureOf(reference, reading(await pod(server.origin)))).toMatchObject({
      retryable: true,
      retryAfter: 2_000,
      message: says(`Microsoft Entra ID answered ${status}. Try again later.`),
    });
  });

  it("the answer has no token", async () => {
    const server = await startService((_, response) => void response.end("<html>canary</html>"));
    expect((await readFailureOf(reference, reading(await pod(server.origin)))).message).toBe(
      says("the answer of Microsoft Entra ID has no token."),
    );
  });
});

const unused: FetchFunction = () => Promise.reject(new Error("nothing should be sent"));
