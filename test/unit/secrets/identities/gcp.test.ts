import { describe, expect, it } from "vitest";
import type { FetchFunction } from "../../../../src/net/bounded-fetch.js";
import { readSecret } from "../../../../src/secrets/read-secret.js";
import { fakeClock } from "../../../support/fake-clock.js";
import { type Handler, sendJson } from "../../../support/http-server.js";
import { readFailureOf } from "../read-failure-of.js";
import { reading, readToken, startService, tokenFor } from "./service.js";

const audience = "https://auth.example/a b";
const reference = { gcp: { audience } };
const google = { "metadata-flavor": "Google" };
const says = (problem: string) =>
  `Server "crm": could not read the secret from the identity of this machine in Google Cloud: ${problem}`;

/** Starts a metadata server, and returns it with the environment that leads to it. */
async function metadataServer(handler: Handler) {
  const server = await startService(handler);
  return {
    server,
    host: new URL(server.origin).host,
    env: { GCE_METADATA_HOST: new URL(server.origin).host },
  };
}

async function answering(status: number, body: string, headers: Readonly<Record<string, string>> = google) {
  const { env, host } = await metadataServer((_request, response) => {
    response.writeHead(status, headers).end(body);
  });
  return { error: await readFailureOf(reference, reading(env)), host };
}

describe("an ID token of Google Cloud", () => {
  it("is requested from the metadata server with the audience of the config", async () => {
    const token = tokenFor(audience);
    const { server, env } = await metadataServer(
      (_, response) => void response.writeHead(200, google).end(`${token}\n`),
    );
    expect(await readToken(reference, env)).toBe(token);
    expect(server.requests).toMatchObject([
      {
        method: "GET",
        url: "/computeMetadata/v1/instance/service-accounts/default/identity?audience=https%3A%2F%2Fauth.example%2Fa+b&format=full",
        headers: { "metadata-flavor": "Google" },
        body: "",
      },
    ]);
    expect(server.requests[0]?.headers).not.toHaveProperty("x-forwarded-for");
  });

  it("is requested at metadata.google.internal, without a variable or with an empty one", async () => {
    const urls: string[] = [];
    const fetchDirect: FetchFunction = async (input) => {
      urls.push(new URL(String(input)).origin);
      return new Response(tokenFor(audience), { headers: google });
    };
    for (const env of [{}, { GCE_METADATA_HOST: "" }]) {
      await readSecret(reference, { server: "crm", env, fetchDirect });
    }
    expect(urls).toEqual(["http://metadata.google.internal", "http://metadata.google.internal"]);
  });

  it.each<[variables: Readonly<Record<string, string>>, origin: string]>([
    [{ GCE_METADATA_HOST: "169.254.169.254" }, "http://169.254.169.254"],
    [{ GCE_METADATA_HOST: "metadata.google.internal:80" }, "http://metadata.google.internal"],
    [{ GCE_METADATA_HOST: "localhost:8080" }, "http://localhost:8080"],
    [{ GCE_METADATA_IP: "169.254.169.253" }, "http://169.254.169.253"],
    [{ GCE_METADATA_HOST: "metadata", GCE_METADATA_IP: "127.0.0.1" }, "http://metadata"],
    [{ GCE_METADATA_HOST: "https://emulator.example/x?y" }, "https://emulator.example"],
    [{ GCE_METADATA_HOST: "[fd20:ce::254]" }, "http://[fd20:ce::254]"],
  ])("is requested at the address that the environment names: %j", async (env, origin) => {
    let requested = "";
    const fetchDirect: FetchFunction = async (input) => {
      requested = new URL(String(input)).origin;
      return new Response(tokenFor(audience), { headers: google });
    };
    await readSecret(reference, { server: "crm", env, fetchDirect });
    expect(requested).toBe(origin);
  });

  it.each([
    "metadata.example",
    "http://metadata.google.internal.example",
    "http://10.0.0.1",
    "http://169.254.169.254.example",
    "http://u:p@127.0.0.1",
    "ftp://127.0.0.1",
    "http://",
    "a b",
  ])("is not requested in plain text at another address: %s", async (address) => {
    const error = await readFailureOf(reference, {
      env: { GCE_METADATA_HOST: address },
      fetchDirect: unused,
    });
    expect(error).toMatchObject({
      code: "secret_unavailable",
      retryable: false,
      message: says(
        "GCE_METADATA_HOST is neither an https URL nor an address of this machine (loopback, 169.254.0.0/16), so " +
          "nothing was sent. Correct it, or remove it.",
      ),
    });
  });
});

describe("without the metadata server of Google Cloud, the error names the cause:", () => {
  const where =
    "It exists only on Google Cloud (Compute Engine, GKE, Cloud Run, Cloud Functions). Run the agent there, or use " +
    "another reference.";

  it("its name does not exist", async () => {
    const error = await readFailureOf(reference, {
      env: {},
      fetchDirect: () =>
        Promise.reject(
          Object.assign(new TypeError("canary"), {
            cause: Object.assign(new Error(), { code: "ENOTFOUND" }),
          }),
        ),
    });
    expect(error).toMatchObject({
      code: "secret_unavailable",
      retryable: false,
      message: says(
        `its metadata server (metadata.google.internal) could not be reached (ENOTFOUND). ${where}`,
      ),
    });
  });

  it("it refuses connections, which may be temporary", async () => {
    const { server, host, env } = await metadataServer(() => {});
    await server.close();
    expect(await readFailureOf(reference, reading(env))).toMatchObject({
      code: "unavailable",
      retryable: true,
      message: says(`its metadata server (${host}) could not be reached (ECONNREFUSED). ${where}`),
    });
  });

  it("it does not answer within five seconds", async () => {
    const { server, host, env } = await metadataServer(() => {});
    const clock = fakeClock();
    const failing = readFailureOf(reference, { ...reading(env), clock });
    await server.received(1);
    await clock.advance(5_000);
    expect(await failing).toMatchObject({
      code: "timeout",
      retryable: true,
      message: says(`its metadata server (${host}) did not answer within 5000 ms. ${where}`),
    });
    expect(clock.pending).toEqual([]);
  });

  it.each([200, 404, 401])(
    "the service of another platform answers at its address, with %i",
    async (status) => {
      const { error, host } = await answering(status, tokenFor(audience), { server: "canary" });
      expect(error).toMatchObject({
        code: "secret_unavailable",
        retryable: false,
        message: says(
          `what answers at the address of its metadata server (${host}) is not that server: the header ` +
            '"Metadata-Flavor: Google" is missing. Run the agent on Google Cloud, or use another reference.',
        ),
      });
    },
  );

  it("the caller stopped waiting", async () => {
    const { server, env } = await metadataServer(() => {});
    const controller = new AbortController();
    const failing = readFailureOf(reference, { ...reading(env), signal: controller.signal });
    await server.received(1);
    controller.abort();
    expect(await failing).toMatchObject({ code: "aborted" });
  });
});

describe("a metadata server of Google Cloud that returns no token", () => {
  it.each<[status: number, advice: string]>([
    [400, 'Check the "audience" of the reference.'],
    [
      403,
      "On GKE, let the Kubernetes service account of the pod use the IAM service account (roles/iam.workloadIdentityUser).",
    ],
    [
      404,
      "This machine has no service account. Attach one; on GKE, set up Workload Identity Federation for the service account of the pod.",
    ],
    [418, "Check the service account of this machine."],
  ])("is a permanent error for the status %i, which says what to do", async (status, advice) => {
    const { error } = await answering(status, "canary");
    expect(error).toMatchObject({
      code: "secret_unavailable",
      retryable: false,
      message: says(`its metadata server answered ${status}. ${advice}`),
    });
  });

  it.each([408, 429, 500, 503])(
    "is a temporary error for the status %i, with Retry-After",
    async (status) => {
      const { error } = await answering(status, "canary", { ...google, "retry-after": "7" });
      expect(error).toMatchObject({
        code: "secret_unavailable",
        retryable: true,
        retryAfter: 7_000,
        message: says(`its metadata server answered ${status}. Try again later.`),
      });
    },
  );

  it("is an error for a redirect, which is not followed", async () => {
    const { server, env } = await metadataServer((_, response) =>
      sendJson(response, {}, 302, { ...google, location: "/canary" }),
    );
    expect(await readFailureOf(reference, reading(env))).toMatchObject({
      retryable: false,
      message: says(
        "its metadata server answered with a redirect (302), which is not followed. Check what answers at its address.",
      ),
    });
    expect(server.requests).toHaveLength(1);
  });

  it("is an error for an answer that is too large", async () => {
    const { error } = await answering(200, "canary".repeat(20_000));
    expect(error).toMatchObject({
      retryable: false,
      message: says("its metadata server sent more than 64 KiB."),
    });
  });

  it.each(["", "<!doctype html><title>canary</title>", "canary", "a.canary.c", '{"value":"canary"}'])(
    "is an error for an answer that is not a token: %s",
    async (body) => {
      const { error } = await answering(200, body);
      expect(error).toMatchObject({
        retryable: false,
        message: says("the answer of its metadata server is not a token."),
      });
    },
  );

  it.each([undefined, "canary", "https://auth.example/a b/", [audience], [audience, "canary"]])(
    "is an error for a token with the audience %j",
    async (other) => {
      const { error } = await answering(200, tokenFor(other));
      expect(error).toMatchObject({
        code: "secret_unavailable",
        retryable: false,
        message: says("the token is for another audience than the one in the config, so it was not used."),
      });
    },
  );
});

const unused: FetchFunction = () => Promise.reject(new Error("nothing should be sent"));
