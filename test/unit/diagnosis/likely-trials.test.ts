import { describe, expect, test } from "vitest";
import { loadConfig } from "../../../src/config/load.js";
import type { ServerSpec } from "../../../src/config/spec.js";
import { likelyTrials } from "../../../src/diagnosis/likely-trials.js";
import { trialInWords } from "../../../src/diagnosis/trial-in-words.js";
import { McpAuthError, type McpAuthErrorCode } from "../../../src/errors/error.js";
import { markOpenRejection, noteFindings, noteTrials } from "../../../src/errors/findings.js";
import type { Trial } from "../../../src/errors/trial.js";

const issuer = "https://auth.example";
const client = { issuer, id: "crm-agent", secret: { env: "CRM_SECRET" } };
const url = "https://crm.example/mcp";

async function specOf(grant: object = {}, more: object = {}): Promise<ServerSpec> {
  const config = { servers: { crm: { url, grant: { client, ...grant }, ...more } } };
  const entry = (await loadConfig({ config, cwd: "/etc/agent", env: {} })).servers.get("crm");
  if (entry === undefined || "failure" in entry) throw new Error("expected a server that can be used");
  return entry.spec;
}

interface Failed {
  readonly code?: McpAuthErrorCode;
  readonly ids: readonly string[];
  readonly trials?: readonly Trial[];
  readonly oauthError?: string;
  readonly details?: Record<string, unknown>;
  readonly isOpen?: boolean;
}

function errorOf({
  code = "token_request_rejected",
  ids,
  trials = [],
  oauthError,
  details,
  isOpen = false,
}: Failed): McpAuthError {
  const error = new McpAuthError(code, "It failed.", {
    ...(oauthError !== undefined && { oauthError }),
    ...(details !== undefined && { details }),
  });
  noteTrials(error, trials);
  if (isOpen) markOpenRejection(error);
  return noteFindings(error, ids);
}

/** Returns the trials in words, or the reason why there are none. */
function wordsOf(failed: Failed, spec: ServerSpec, refusedByServer = false): readonly string[] | string {
  const trials = likelyTrials(errorOf(failed), spec, { refusedByServer });
  if ("reason" in trials) return trials.reason;
  return trials.map((trial) => (trial.place === "secret" ? "the secret" : trialInWords(trial)));
}

const method = { place: "client", property: "method", value: "client_secret_post" } as const;
const otherMethod = 'the client\'s "method": "client_secret_post"';
const asAudience = [
  'the grant\'s "resource": "https://crm.example"',
  'the grant\'s "audience": "https://crm.example/mcp"',
  'the grant\'s "audience": "https://crm.example"',
  'the grant\'s "resource": "https://crm.example/mcp/"',
];

describe("likelyTrials", () => {
  test("what the findings name comes first, then guesses about a rejection that says nothing", async () => {
    const failed = { ids: ["client_secret", "parameters"], trials: [method], isOpen: true };
    expect(wordsOf(failed, await specOf())).toEqual([
      ...[otherMethod, 'the grant\'s "resource": false'],
      ...asAudience,
    ]);
  });

  test("nothing is guessed about a rejection that says what is wrong", async () => {
    const failed = {
      ids: ["client_secret", "other_secret_method"],
      trials: [method],
      oauthError: "invalid_client",
    };
    expect(wordsOf(failed, await specOf())).toEqual([otherMethod]);
  });

  test.each(["clock_differs", "entra_wrong_secret", "configured_endpoint", "published_endpoint_redirects"])(
    "nothing is guessed about a rejection with the only cause %s",
    async (id) => {
      expect(wordsOf({ ids: [id, "parameters"] }, await specOf())).toContain(
        "There is nothing to try automatically.",
      );
    },
  );

  test("each change is tried once", async () => {
    const noScopes = { place: "grant", property: "scopes", value: [] } as const;
    const failed = { ids: ["scopes_of_config"], trials: [noScopes], oauthError: "invalid_scope" };
    expect(wordsOf(failed, await specOf({ scopes: ["a"] }))).toEqual(['the grant\'s "scopes": []']);
  });

  test.each<[readonly string[], readonly string[]]>([
    [["a"], ["[]"]],
    [
      ["a", "b"],
      ['["a"]', '["b"]', "[]"],
    ],
    [["a", "b", "c", "d", "e"], ["[]"]],
  ])("of the scopes %j, fewer are tried, never others", async (scopes, tried) => {
    const failed = { ids: ["scopes_of_config"], oauthError: "invalid_scope" };
    expect(wordsOf(failed, await specOf({ scopes }))).toEqual(
      tried.map((each) => `the grant's "scopes": ${each}`),
    );
  });

  test("a request that needs a scope is tried with those that the config lets it grow to", async () => {
    const failed = { ids: ["no_scope"], oauthError: "invalid_scope" };
    expect(wordsOf(failed, await specOf({}, { stepUp: ["a"] }))).toEqual(['the grant\'s "scopes": ["a"]']);
    expect(wordsOf(failed, await specOf())).toContain("There is nothing to try automatically.");
  });

  test("a resource that the config sets is compared, byte for byte", async () => {
    const failed = { ids: ["resource_not_known"], oauthError: "invalid_target" };
    const spec = await specOf({ resource: "https://crm.example", audience: url });
    expect(wordsOf(failed, spec)).toEqual([
      'the grant\'s "resource": false',
      'the grant\'s "resource": "https://crm.example/mcp"',
      'the grant\'s "audience": "https://crm.example"',
      'the grant\'s "resource": "https://crm.example/mcp/"',
    ]);
  });

  test.each(["token_audience", "token_refused", "refused_without_challenge"])(
    "a token that the server refuses is tried for its other names: %s",
    async (id) => {
      const failed = { code: "unauthorized", ids: [id], details: { resource: url } } as const;
      expect(wordsOf(failed, await specOf(), true)).toEqual(asAudience);
    },
  );

  test.each(["refused_by_gateway_login", "resource_metadata_elsewhere", "token_issuer", "token_scopes"])(
    "no audience explains the refusal %s",
    async (id) => {
      expect(wordsOf({ code: "unauthorized", ids: [id] }, await specOf(), true)).toContain(
        "There is nothing to try automatically.",
      );
    },
  );

  test("a resource that only the server names is left aside", async () => {
    const failed = { code: "resource_mismatch", ids: ["resource_other_host"] } as const;
    expect(wordsOf(failed, await specOf())).toEqual([
      'the grant\'s "resource": "https://crm.example/mcp"',
      'the server\'s "resourceMetadata": false',
    ]);
  });

  test.each<[string, readonly string[] | string]>([
    ["issuer_trailing_slash", ['the client\'s "issuer": "https://auth.example/"']],
    ["issuer_listed_trailing_slash", ['the client\'s "issuer": "https://auth.example/"']],
    ["issuer_not_listed", ['the server\'s "resourceMetadata": false']],
    ["issuer_other_host", "There is nothing to try automatically."],
    ["issuer_listed_longer_path", "There is nothing to try automatically."],
  ])("another issuer is never tried, at most its other slash: %s", async (id, words) => {
    expect(wordsOf({ code: "issuer_mismatch", ids: [id] }, await specOf())).toEqual(words);
  });

  test("nothing is tried with a static token or a refresh token", async () => {
    const failed = { ids: ["client_secret", "parameters"], trials: [method] };
    const store = { type: "file", path: "s", encryptionKey: { env: "K" } } as const;
    const refresh = { type: "refresh_token", client, refreshToken: { env: "R" } } as const;
    const config = {
      store,
      servers: {
        a: { url, grant: refresh },
        b: { url, grant: { type: "static", token: { env: "T" } } as const },
      },
    };
    const { servers } = await loadConfig({ config, cwd: "/etc/agent", env: {} });
    const reasons = [...servers.values()].map((entry) =>
      "spec" in entry ? wordsOf(failed, entry.spec) : "",
    );
    expect(reasons).toEqual([
      expect.stringContaining("Nothing is tried with a refresh token"),
      expect.stringContaining("The token of the config is not requested"),
    ]);
  });

  test("nothing is tried after a failure that has no request", async () => {
    expect(wordsOf({ code: "secret_unavailable", ids: [] }, await specOf())).toContain(
      "There is nothing to try automatically.",
    );
  });
});
