import { describe, expect, it } from "vitest";
import type { FetchFunction } from "../../../../src/net/bounded-fetch.js";
import { isForResource } from "../../../../src/secrets/identities/azure-resource.js";
import { readSecret } from "../../../../src/secrets/read-secret.js";
import { fakeClock } from "../../../support/fake-clock.js";
import { type Handler, sendJson } from "../../../support/http-server.js";
import { readFailureOf } from "../read-failure-of.js";
import { reading, readToken, startService, tokenFor } from "./service.js";

const resource = "api://auth.example";
const clientId = "11111111-2222-3333-4444-555555555555";
const reference = { azure: { resource } };
const says = (problem: string) =>
  `Server "crm": could not read the secret from the identity of this machine in Azure: ${problem}`;
const where =
  "It exists only on Azure's virtual machines and in services that run on them. Run the agent there, or use another reference.";

async function imds(handler: Handler) {
  const server = await startService(handler);
  return {
    server,
    host: new URL(server.origin).host,
    env: { AZURE_POD_IDENTITY_AUTHORITY_HOST: server.origin },
  };
}

async function answering(status: number, body: string, headers: Readonly<Record<string, string>> = {}) {
  const { env } = await imds((_request, response) => void response.writeHead(status, headers).end(body));
  return await readFailureOf(reference, reading(env));
}

const token = tokenFor(resource);
const issue: Handler = (_request, response) =>
  sendJson(response, { access_token: token, expires_in: "3599" });
/** Records the URL of the only request, and answers it with a token. */
function recording() {
  const sent: { url: URL; headers: Headers }[] = [];
  const fetchDirect: FetchFunction = async (input, init) => {
    sent.push({ url: new URL(String(input)), headers: new Headers(init?.headers) });
    return Response.json({ access_token: token });
  };
  return { sent, fetchDirect };
}

describe("a token of a virtual machine in Azure", () => {
  it("is requested from the metadata service", async () => {
    const { server, env } = await imds(issue);
    expect(await readToken(reference, env)).toBe(token);
    expect(server.requests).toMatchObject([
      {
        method: "GET",
        url: "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=api%3A%2F%2Fauth.example",
        headers: { metadata: "true" },
      },
    ]);
    expect(server.requests[0]?.headers).not.toHaveProperty("x-identity-header");
  });

  it("is requested for a user-assigned identity by its client id", async () => {
    const { server, env } = await imds(issue);
    await readToken({ azure: { resource, clientId } }, env);
    expect(new URL(server.requests[0]?.url ?? "", server.origin).searchParams.get("client_id")).toBe(
      clientId,
    );
  });

  it("is requested at 169.254.169.254, without a variable or with an empty one", async () => {
    for (const env of [
      {},
      { AZURE_POD_IDENTITY_AUTHORITY_HOST: "", IDENTITY_ENDPOINT: "", MSI_ENDPOINT: "" },
    ]) {
      const { sent, fetchDirect } = recording();
      await readSecret(reference, { server: "crm", env, fetchDirect });
      expect(sent.map(({ url }) => url.origin)).toEqual(["http://169.254.169.254"]);
    }
  });

  it.each(["http://imds.example", "http://10.0.0.1", "http://user@127.0.0.1", "x y"])(
    "is not requested in plain text at another address: %s",
    async (address) => {
      const env = { AZURE_POD_IDENTITY_AUTHORITY_HOST: address };
      expect(await readFailureOf(reference, { env, fetchDirect: unused })).toMatchObject({
        code: "secret_unavailable",
        message: says(
          "AZURE_POD_IDENTITY_AUTHORITY_HOST is neither an https URL nor an address of this machine (loopback, " +
            "169.254.0.0/16), so nothing was sent. Correct it, or remove it.",
        ),
      });
    },
  );
});

describe("a token of App Service, Functions and Container Apps", () => {
  it("is requested from IDENTITY_ENDPOINT, with the header that proves who asks", async () => {
    const server = await startService(issue);
    const env = { IDENTITY_ENDPOINT: `${server.origin}/msi/token`, IDENTITY_HEADER: "canary-header" };
    expect(await readToken({ azure: { resource, clientId } }, env)).toBe(token);
    expect(server.requests).toMatchObject([
      {
        url: `/msi/token?api-version=2019-08-01&resource=api%3A%2F%2Fauth.example&client_id=${clientId}`,
        headers: { "x-identity-header": "canary-header" },
      },
    ]);
  });

  it("is requested at the link-local address that Linux apps have", async () => {
    const { sent, fetchDirect } = recording();
    const env = { IDENTITY_ENDPOINT: "http://169.254.129.2:8081/msi/token", IDENTITY_HEADER: "h" };
    await readSecret(reference, { server: "crm", env, fetchDirect });
    expect(sent.map(({ url }) => url.origin)).toEqual(["http://169.254.129.2:8081"]);
  });

  it.each(["http://identity.example/msi", "http://172.16.0.1/msi", "ftp://127.0.0.1/msi"])(
    "is not requested at another address, which would get the header: %s",
    async (endpoint) => {
      const env = { IDENTITY_ENDPOINT: endpoint, IDENTITY_HEADER: "canary" };
      const error = await readFailureOf(reference, { env, fetchDirect: unused });
      expect(error.message).toBe(
        says(
          "IDENTITY_ENDPOINT is neither an https URL nor an address of this machine (loopback, 169.254.0.0/16), so " +
            "nothing was sent. Correct it, or remove it.",
        ),
      );
    },
  );

  it("that cannot be reached is an error that says where its variables exist", async () => {
    const server = await startService(issue);
    await server.close();
    const env = { IDENTITY_ENDPOINT: server.origin, IDENTITY_HEADER: "canary" };
    expect(await readFailureOf(reference, reading(env))).toMatchObject({
      code: "unavailable",
      retryable: true,
      message: says(
        `the identity service of the app (${new URL(server.origin).host}) could not be reached (ECONNREFUSED). ` +
          "IDENTITY_ENDPOINT and IDENTITY_HEADER exist only in App Service, Functions and Container Apps. If this is " +
          "another platform, remove them.",
      ),
    });
  });

  it("does not follow a redirect, which would take the header along", async () => {
    const server = await startService((_, response) => sendJson(response, {}, 307, { location: "/canary" }));
    const env = { IDENTITY_ENDPOINT: `${server.origin}/msi`, IDENTITY_HEADER: "canary" };
    const error = await readFailureOf(reference, reading(env));
    expect(error.message).toBe(
      says(
        "the identity service of the app answered with a redirect (307), which is not followed. Check what answers at " +
          "its address.",
      ),
    );
    expect(server.requests).toHaveLength(1);
  });
});

describe("without an identity in Azure, the error names the cause:", () => {
  it("the metadata service cannot be reached", async () => {
    const { server, host, env } = await imds(issue);
    await server.close();
    expect(await readFailureOf(reference, reading(env))).toMatchObject({
      code: "unavailable",
      retryable: true,
      message: says(`the metadata service of Azure (${host}) could not be reached (ECONNREFUSED). ${where}`),
    });
  });

  it("the metadata service does not answer within five seconds", async () => {
    const { server, host, env } = await imds(() => {});
    const clock = fakeClock();
    const failing = readFailureOf(reference, { ...reading(env), clock });
    await server.received(1);
    await clock.advance(5_000);
    expect(await failing).toMatchObject({
      code: "timeout",
      retryable: true,
      message: says(`the metadata service of Azure (${host}) did not answer within 5000 ms. ${where}`),
    });
  });

  it("the machine has no system-assigned identity", async () => {
    const body = '{"error":"invalid_request","error_description":"canary"}';
    expect(await answering(400, body)).toMatchObject({
      code: "secret_unavailable",
      retryable: false,
      message: says(
        "the metadata service of Azure answered 400. This machine has no system-assigned identity. Turn it on, or name a " +
          "user-assigned one with `clientId`.",
      ),
    });
  });

  it("the machine does not have the user-assigned identity", async () => {
    const { env } = await imds((_, response) => sendJson(response, { error: "invalid_request" }, 400));
    const error = await readFailureOf({ azure: { resource, clientId } }, reading(env));
    expect(error.message).toBe(
      says(
        "the metadata service of Azure answered 400. No identity with this `clientId` is assigned to this machine. Assign " +
          "it, or correct `clientId`.",
      ),
    );
  });

  it("the tenant does not know the resource", async () => {
    expect((await answering(400, '{"error":"invalid_resource"}')).message).toBe(
      says(
        'the metadata service of Azure answered 400. Its tenant has no application for the "resource" of the reference. ' +
          "Check it.",
      ),
    );
  });

  it.each([401, 403])("the service answers %i", async (status) => {
    const error = await answering(status, "canary");
    expect(error.retryable).toBe(false);
    expect(error.message).toBe(
      says(
        `the metadata service of Azure answered ${status}. Check the identity of this machine, and its permissions.`,
      ),
    );
  });

  it.each([404, 408, 410, 429, 500, 503])("the service is busy or being updated, with %i", async (status) => {
    expect(await answering(status, "canary", { "retry-after": "3" })).toMatchObject({
      code: "secret_unavailable",
      retryable: true,
      retryAfter: 3_000,
      message: says(`the metadata service of Azure answered ${status}. Try again later.`),
    });
  });

  it.each(["", "<html>canary</html>", "{}", "[]", '{"access_token":7}', '{"access_token":""}', token])(
    "the answer has no token: %s",
    async (body) => {
      expect((await answering(200, body)).message).toBe(
        says("the answer of the metadata service of Azure has no token."),
      );
    },
  );

  it("the answer is too large", async () => {
    expect((await answering(200, "canary".repeat(20_000))).message).toBe(
      says("the metadata service of Azure sent more than 64 KiB."),
    );
  });

  it("the token is for another resource", async () => {
    const body = JSON.stringify({ access_token: tokenFor("https://other.example") });
    expect((await answering(200, body)).message).toBe(
      says("the token is for another resource than the one in the config, so it was not used."),
    );
  });

  it.each([
    [
      { IDENTITY_ENDPOINT: "http://127.0.0.1", IDENTITY_HEADER: "canary", IDENTITY_SERVER_THUMBPRINT: "x" },
      "Service Fabric",
    ],
    [{ MSI_ENDPOINT: "http://127.0.0.1", MSI_SECRET: "canary" }, "Azure Machine Learning or Cloud Shell"],
  ])("the platform has a protocol of its own: %j", async (env, platform) => {
    expect((await readFailureOf(reference, { env, fetchDirect: unused })).message).toBe(
      says(
        `this is ${platform}, which is not supported. Use \`resolver\` with Azure's library, or \`exec\`.`,
      ),
    );
  });
});

describe("the audience of a token of Azure", () => {
  const guid = "fb60f99c-7a34-4190-8149-302f77469936";

  it.each([
    ["https://vault.azure.net", "https://vault.azure.net"],
    ["https://vault.azure.net", "https://VAULT.azure.net/"],
    ["https://management.core.windows.net//", "https://management.core.windows.net/"],
    ["api://auth.example", guid],
    ["api://AzureADTokenExchange", guid],
    [guid, "api://auth.example"],
    [guid, guid],
    ["https://vault.azure.net", `spn:${guid}`],
    ["https://vault.azure.net", undefined],
    ["https://vault.azure.net", ["https://other.example", "https://vault.azure.net"]],
    ["api://auth.example", [guid]],
  ])("for the resource %s may be %j", (asked, audience) => {
    expect(isForResource(tokenFor(audience), asked)).toBe(true);
  });

  it("is unknown if the token is not a JWT", () => {
    expect(isForResource("opaque", resource)).toBe(true);
  });

  it.each([
    ["https://vault.azure.net", "https://management.azure.com"],
    ["api://auth.example", "api://other.example"],
    ["api://auth.example", "https://auth.example"],
    ["https://vault.azure.net", ["https://other.example"]],
    ["https://vault.azure.net", []],
    ["https://vault.azure.net", 5],
    [guid, null],
  ])("for the resource %s is not %j", (asked, audience) => {
    expect(isForResource(tokenFor(audience), asked)).toBe(false);
  });
});

const unused: FetchFunction = () => Promise.reject(new Error("nothing should be sent"));
