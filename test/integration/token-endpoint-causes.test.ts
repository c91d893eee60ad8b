// Something is wrong with the token endpoint itself: nothing is there, something else answers, or it redirects.
import { describe, expect, test } from "vitest";
import { findingsIn } from "../../src/errors/findings.js";
import { type Handler, sendJson } from "../support/http-server.js";
import { rejectionOf } from "../support/rejection-of.js";
import { field, sendPage } from "./field.js";

/** Returns the error of a request to this token endpoint, whose URL the config has or the metadata. */
async function errorOf(token: Handler, isConfigured: boolean) {
  const { manager, issuer } = await field({
    token,
    config: (place) => ({
      grant: {
        client: {
          ...{ issuer: place.issuer, id: "agent", secret: { env: "S" } },
          ...(isConfigured && { metadata: { tokenEndpoint: `${place.issuer}/token` } }),
        },
      },
    }),
  });
  const error = await rejectionOf(manager.getAccessToken());
  return { error, issuer, message: error.message.replaceAll(issuer, "ISSUER") };
}

const status = (code: number): Handler => {
  return (_request, response) => void response.writeHead(code).end();
};

describe("a token endpoint that does not exist", () => {
  test.each([404, 405])("is a mistake in the config if the config names it, after a %i", async (code) => {
    const { error, message } = await errorOf(status(code), true);
    expect(findingsIn(error)).toEqual(["configured_endpoint"]);
    expect(message).toBe(
      `Server "tools": the token endpoint of ISSUER rejected the request (${code}). There is no token endpoint at the ` +
        '"tokenEndpoint" of the client\'s "metadata" (ISSUER/token). Correct it, remove "metadata", so that the ' +
        "endpoint is discovered, or ask the operator of ISSUER for the URL.",
    );
  });

  test.each([404, 405])("is a mistake in the metadata if it was published, after a %i", async (code) => {
    const { error, message } = await errorOf(status(code), false);
    expect(findingsIn(error)).toEqual(["published_endpoint"]);
    expect(message).toContain("The metadata of ISSUER names a token endpoint that does not exist.");
  });
});

describe("something else that answers", () => {
  const answers: readonly (readonly [string, Handler])[] = [
    ["a page", (_request, response) => sendPage(response)],
    ["nothing", status(204)],
    ["JSON of another kind", (_request, response) => sendJson(response, { status: "ok" })],
  ];

  test.each(answers)("is a mistake in the config if the config names the endpoint: %s", async (_, answer) => {
    const { error, message } = await errorOf(answer, true);
    expect(error.code).toBe("token_response_invalid");
    expect(message).toContain(
      'Check the "tokenEndpoint" of the client\'s "metadata" (ISSUER/token): it may not be a token endpoint. Ask the ' +
        "operator of ISSUER for the URL.",
    );
  });

  test.each(answers)("is not the authorization server: %s", async (_, answer) => {
    const { message } = await errorOf(answer, false);
    expect(message).toContain(
      "Something else may answer for ISSUER, such as a proxy or a login page. Ask its operator for the token endpoint " +
        'that programs use, and set it as the client\'s "metadata": { "tokenEndpoint": … }.',
    );
  });
});

describe("a redirect of the token endpoint", () => {
  test.each<[string, (issuer: string) => string]>([
    ["adds a slash", () => "/token/"],
    ["leads to https", (issuer) => `${issuer.replace("http:", "https:")}/token`],
    ["leads to another host", () => "https://canary.example/token"],
    ["leads to another path, such as a login page", () => "/login?canary=1"],
    ["changes only the query", () => "/token?canary=1"],
    ["leads to itself", () => "/token"],
    ["leads to the issuer itself", (issuer) => issuer],
    ["names no target", () => ""],
    ["leads to something that is not a URL", () => "http://[canary"],
  ])("is told apart without quoting its target: it %s", async (relation, target) => {
    for (const isConfigured of [true, false]) {
      const { error, message } = await errorOf(({ headers }, response) => {
        const location = target(`http://${headers.host}`);
        response.writeHead(307, location === "" ? {} : { location }).end();
      }, isConfigured);
      expect(error).toMatchObject({ code: "token_request_rejected", retryable: false });
      expect(message).toContain(
        "the token endpoint of ISSUER redirected the request (307). A redirect is not followed, because the request " +
          `carries a credential; this one ${relation}.`,
      );
      expect(message).toContain(
        isConfigured
          ? 'Correct the "tokenEndpoint" of the client\'s "metadata": set it to the final URL (not tested), if that is one of ISSUER.'
          : 'Set the client\'s "metadata": { "tokenEndpoint": … } to the final URL (not tested), or tell the operator of ISSUER.',
      );
      expect(message).not.toContain("canary");
      expect(error.details?.["location"] ?? "").toContain(target("").includes("canary") ? "canary" : "");
    }
  });
});
