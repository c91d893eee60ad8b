import { describe, expect, it } from "vitest";
import { McpAuthError } from "../../../../src/errors/error.js";
import { allowRules } from "../../../../src/lib/allow.js";
import { readFromAws } from "../../../../src/secrets/identities/aws.js";
import type { StsClient } from "../../../../src/secrets/identities/aws-sdk.js";
import { deferred } from "../../../support/deferred.js";
import { fakeClock } from "../../../support/fake-clock.js";
import { tokenFor } from "./service.js";

const audience = "https://auth.example";
const reference = { aws: { audience } };
const says = (problem: string) =>
  `Server "crm": could not read the secret from the identity of this machine in AWS: ${problem}`;
const context = { server: "crm", env: {} };

type Call = StsClient["getWebIdentityToken"];

async function failureOf(call: Call, more: object = {}): Promise<McpAuthError> {
  const error: unknown = await readFromAws(reference, { ...context, ...more }, async () => ({
    getWebIdentityToken: call,
  })).catch((thrown: unknown) => thrown);
  if (!(error instanceof McpAuthError)) throw new Error("expected a McpAuthError");
  expect(error.message).not.toContain("canary");
  return error;
}

/** An error as the SDK throws it. */
function sdkError(name: string, status?: number, message = "canary"): Error {
  const error = Object.assign(new Error(message), status && { $metadata: { httpStatusCode: status } });
  error.name = name;
  return error;
}

describe("a token of AWS", () => {
  it("is requested from STS with the audience of the config, signed with RS256", async () => {
    const inputs: unknown[] = [];
    const token = tokenFor(audience);
    const value = await readFromAws(reference, context, async () => ({
      getWebIdentityToken: async (input) => {
        inputs.push(input);
        return { WebIdentityToken: token };
      },
    }));
    expect(value).toBe(token);
    expect(inputs).toEqual([{ Audience: [audience], SigningAlgorithm: "RS256" }]);
  });

  it("may have its audience in a list", async () => {
    const token = tokenFor([audience]);
    const sdk = { getWebIdentityToken: async () => ({ WebIdentityToken: token }) };
    expect(await readFromAws(reference, context, async () => sdk)).toBe(token);
  });

  it.each([undefined, "canary", [audience, "canary"], []])(
    "is not used with the audience %j",
    async (other) => {
      const error = await failureOf(async () => ({ WebIdentityToken: tokenFor(other) }));
      expect(error).toMatchObject({
        code: "secret_unavailable",
        retryable: false,
        message: says("the token is for another audience than the one in the config, so it was not used."),
      });
    },
  );

  it.each([undefined, "", "canary"])("is missing if the answer has %j", async (WebIdentityToken) => {
    const error = await failureOf(async () => ({ WebIdentityToken }));
    expect(error.message).toBe(says("the answer of AWS STS has no token."));
  });
});

describe("without a token of AWS, the error names the cause:", () => {
  it("the SDK is not installed, or too old", async () => {
    const reading = (found: "missing" | "outdated") => readFromAws(reference, context, async () => found);
    await expect(reading("missing")).rejects.toMatchObject({
      code: "secret_unavailable",
      retryable: false,
      message: says(
        'the package "@aws-sdk/client-sts" is not installed. Run: npm install @aws-sdk/client-sts',
      ),
    });
    await expect(reading("outdated")).rejects.toMatchObject({
      message: says(
        'the package "@aws-sdk/client-sts" is too old for GetWebIdentityToken. Run: npm install @aws-sdk/client-sts@latest',
      ),
    });
  });

  it.each([
    [
      sdkError("CredentialsProviderError"),
      "the AWS SDK found no credentials. Attach a role to this machine, or set AWS_PROFILE.",
    ],
    [sdkError("Error", undefined, "Region is missing"), "the AWS SDK knows no valid region. Set AWS_REGION."],
    [
      sdkError("OutboundWebIdentityFederationDisabledException", 403),
      "outbound identity federation is turned off in this AWS account. An administrator turns it on in IAM " +
        "(EnableOutboundWebIdentityFederation).",
    ],
    [
      sdkError("AccessDenied", 403),
      "AWS denied it. Allow the role `sts:GetWebIdentityToken` for this audience and RS256.",
    ],
    [sdkError("ExpiredTokenException", 403), "the AWS credentials of this machine have expired. Renew them."],
    [
      sdkError("InvalidAction", 400),
      "this endpoint of AWS STS has no GetWebIdentityToken. Set AWS_REGION to use a regional endpoint.",
    ],
    [
      sdkError("ValidationError", 400),
      "AWS STS answered 400. Run `aws sts get-web-identity-token` on this machine to see why.",
    ],
    ["canary", "the AWS SDK failed. Run `aws sts get-web-identity-token` on this machine to see why."],
  ])("the SDK throws %s", async (thrown, problem) => {
    const error = await failureOf(() => Promise.reject(thrown));
    expect(error).toMatchObject({ code: "secret_unavailable", retryable: false, message: says(problem) });
  });

  it.each([
    [sdkError("Throttling", 400), "AWS STS answered 400. Try again later."],
    [sdkError("InternalFailure", 500), "AWS STS answered 500. Try again later."],
    [sdkError("TypeError"), "AWS STS could not be reached. Check AWS_REGION and the network."],
  ])("the failure may be temporary: %s", async (thrown, problem) => {
    const error = await failureOf(() => Promise.reject(thrown));
    expect(error).toMatchObject({ retryable: true, message: says(problem) });
  });

  it("the SDK does not answer within ten seconds", async () => {
    const clock = fakeClock();
    const called = deferred();
    const failing = failureOf(
      () => {
        called.resolve();
        return new Promise(() => {});
      },
      { clock },
    );
    await called.promise;
    await clock.advance(10_000);
    expect(await failing).toMatchObject({
      retryable: true,
      message: says("AWS did not answer within 10000 ms. Check AWS_REGION and the network."),
    });
  });

  it("the caller stopped waiting, and the SDK learns it", async () => {
    const controller = new AbortController();
    const learned = deferred();
    const failing = failureOf(
      (_input, { abortSignal }) => {
        abortSignal.addEventListener("abort", () => learned.resolve());
        controller.abort();
        return new Promise(() => {});
      },
      { signal: controller.signal },
    );
    expect(await failing).toMatchObject({ code: "aborted" });
    await learned.promise;
  });

  it("`allow` does not name it", async () => {
    const permissions = {
      commandsForbidden: () => undefined,
      allow: allowRules({ identities: ["gcp"] }, "/"),
    };
    const error = await failureOf(() => Promise.reject(new Error("not called")), { permissions });
    expect(error).toMatchObject({ code: "config_invalid" });
  });
});

describe("the metadata service of AWS is not asked through a proxy", () => {
  const proxy = { NODE_USE_ENV_PROXY: "1", HTTP_PROXY: "http://user:canary@proxy.example:3128" };
  const token = tokenFor(audience);

  async function read(env: Record<string, string>, execArgv: string[] = []) {
    const calls: unknown[] = [];
    const sdk: StsClient = {
      async getWebIdentityToken(input) {
        calls.push(input);
        return { WebIdentityToken: token };
      },
    };
    const result = await readFromAws(reference, context, async () => sdk, { env, execArgv }).catch(
      (error: unknown) => error,
    );
    return { result, calls };
  }

  it.each<[string, Record<string, string>, string]>([
    ["169.254.169.254", {}, "of a machine"],
    ["169.254.170.2", { AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: "/v2" }, "of Amazon ECS"],
    ["169.254.170.23", { AWS_CONTAINER_CREDENTIALS_FULL_URI: "http://169.254.170.23/v1" }, "of Amazon EKS"],
    ["169.254.169.254", { AWS_ACCESS_KEY_ID: "id", AWS_PROFILE: "machine" }, "that a profile may name"],
    ["169.254.169.254", { NO_PROXY: ".internal" }, "that NO_PROXY does not have"],
  ])("%s with %j, %s", async (host, env) => {
    const { result, calls } = await read({ ...proxy, ...env });
    expect(result).toMatchObject({
      code: "secret_unavailable",
      retryable: false,
      message: says(
        `the AWS SDK would ask ${host} for credentials through the proxy in HTTP_PROXY, in plain text, so nothing was sent. Start the agent with ${host} in NO_PROXY.`,
      ),
    });
    expect(calls).toEqual([]);
  });

  it("also if an option of the command makes Node use the proxy", async () => {
    const { result } = await read({ http_proxy: "proxy.example:3128" }, ["--use-env-proxy"]);
    expect(result).toMatchObject({ message: expect.stringContaining("through the proxy in HTTP_PROXY") });
  });

  it.each<[string, Record<string, string>]>([
    ["Node does not use the proxy", { HTTP_PROXY: proxy.HTTP_PROXY }],
    ["only https has a proxy", { NODE_USE_ENV_PROXY: "1", HTTPS_PROXY: proxy.HTTP_PROXY }],
    ["NO_PROXY has the service", { ...proxy, NO_PROXY: "localhost,169.254.169.254" }],
    ["the environment has credentials", { ...proxy, AWS_ACCESS_KEY_ID: "id" }],
    ["the environment has a web identity", { ...proxy, AWS_WEB_IDENTITY_TOKEN_FILE: "/token" }],
  ])("and STS is asked as usual if %s", async (_when, env) => {
    expect(await read(env)).toMatchObject({ result: token, calls: [{ Audience: [audience] }] });
  });
});
