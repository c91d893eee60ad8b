import type { Server } from "../../config/generated/types.js";
import type { FetchFunction } from "../../net/bounded-fetch.js";
import type { RenewalReason } from "../../tokens/source.js";
import { parseDuration } from "../duration.js";
import { answerWithNothing } from "./empty-mcp-server.js";
import { type FakeFailure, tokenFailure } from "./fake-failures.js";

/** How a server of `fakeMcpAuth` behaves. */
export interface FakeServerOptions {
  /**
   * The URL of the MCP server. Requests for it are sent there, each with a fake token, unless `fetch` answers them.
   * Default: `http://<name>.localhost/mcp`, to which nothing is sent.
   */
  readonly url?: string;
  /**
   * Answers the MCP requests: a function of the test, or an MCP server inside the process. Each request has its
   * `Authorization` header. Default: without `url`, an MCP server that offers nothing, so that a client can connect.
   */
  readonly fetch?: (request: Request) => Response | Promise<Response>;
  /** The scopes that the config requests. Default: none. */
  readonly scopes?: readonly string[];
  /** The scopes that the config allows in addition, if the MCP server asks for them. Default: none. */
  readonly stepUp?: readonly string[];
  /** The lifetime of tokens, written as in the config: `"90s"`, `"1h"`. Default: `"1h"`. */
  readonly lifetime?: string;
  /** With `true`, the tokens are for users: use `for()`. */
  readonly users?: boolean;
}

/** A token request that the authorization server of the fake has received. */
export interface FakeTokenRequest {
  /** Milliseconds since the epoch, by the clock of the fake. */
  readonly at: number;
  readonly scopes: readonly string[];
  /** Why the token was requested. Known as soon as the request has ended. */
  readonly reason: RenewalReason | undefined;
  /** The user for whom it was requested: the `subjectToken` of `for()`. */
  readonly subjectToken?: string;
  /** The token that was issued. Absent if the request failed. */
  readonly accessToken?: string;
}

/** One MCP server and its authorization server, inside the process. */
export interface FakeServer {
  readonly name: string;
  /** The server as a config describes it. */
  readonly config: Server & { url: string };
  readonly requests: readonly FakeTokenRequest[];
  /** Milliseconds. No token lives longer. */
  readonly lifetime: number;
  /** Answers token requests to this URL. */
  readonly tokenEndpoint: string;
  readonly answerTokenRequest: FetchFunction;
  readonly answerMcpRequest: FetchFunction;
  /** Whether an access token was issued for this server. */
  hasIssued(token: string): boolean;
  /** The last token request has ended. */
  noteReason(reason: RenewalReason): void;
  /** From now on, the MCP server refuses all tokens that were issued so far. */
  refuseTokens(): void;
  /** What fails from now on. `undefined`: nothing. */
  setFailure(failure: FakeFailure | undefined): void;
}

interface Place {
  readonly index: number;
  /** The variables of the fake, one secret for each server. */
  readonly env: Record<string, string>;
  readonly now: () => number;
}

type RecordedRequest = { -readonly [Key in keyof FakeTokenRequest]: FakeTokenRequest[Key] };

export function fakeServer(name: string, options: FakeServerOptions, { index, env, now }: Place): FakeServer {
  const { url = `http://${name}.localhost/mcp`, scopes, stepUp, users = false } = options;
  const lifetime = parseDuration(options.lifetime ?? "1h", `The lifetime of the server "${name}"`);
  const issuer = `http://auth.localhost/${name}`;
  const variable = index === 0 ? "FAKE_SECRET" : `FAKE_SECRET_${index + 1}`;
  env[variable] = "fake-secret";
  const requests: RecordedRequest[] = [];
  /** The requests whose reason is not known yet, the oldest first. */
  let unexplained: RecordedRequest[] = [];
  const issued = new Set<string>();
  const refused = new Set<string>();
  let failure: FakeFailure | undefined;

  const answerTokenRequest: FetchFunction = async (_input, init) => {
    const sent = new URLSearchParams(String(init?.body));
    const scope = sent.get("scope") ?? "";
    const subjectToken = sent.get("subject_token");
    const request: RecordedRequest = {
      at: now(),
      scopes: scope === "" ? [] : scope.split(" "),
      reason: undefined,
      ...(subjectToken !== null && { subjectToken }),
    };
    requests.push(request);
    unexplained.push(request);
    const failed = failure && tokenFailure(failure, issuer);
    if (failed !== undefined) return failed;
    const accessToken = `fake-token-${name}-${issued.size + 1}`;
    issued.add(accessToken);
    request.accessToken = accessToken;
    return Response.json({
      access_token: accessToken,
      token_type: "Bearer",
      expires_in: lifetime / 1_000,
      ...(scope !== "" && { scope }),
      ...(subjectToken !== null && { issued_token_type: "urn:ietf:params:oauth:token-type:access_token" }),
    });
  };

  const answerMcpRequest: FetchFunction = async (input, init) => {
    const request = new Request(input, init);
    if (refused.has(bearerToken(request.headers))) return challenge(401, 'error="invalid_token"');
    if (failure === "insufficient_scope")
      return challenge(403, 'error="insufficient_scope", scope="fake:missing"');
    if (options.fetch !== undefined) return await options.fetch(request);
    return await (options.url === undefined
      ? answerWithNothing(name, request)
      : globalThis.fetch(input, init));
  };

  const tokenEndpoint = `${issuer}/token`;
  const client = {
    issuer,
    id: "fake-agent",
    secret: { env: variable },
    metadata: { tokenEndpoint },
  };
  const common = { client, ...(scopes !== undefined && { scopes: [...scopes] }) };
  return {
    name,
    config: {
      url,
      grant: users
        ? { type: "token_exchange", ...common, subject: { token: { runtime: true } } }
        : { type: "client_credentials", ...common },
      ...(stepUp !== undefined && { stepUp: [...stepUp] }),
      resourceMetadata: false,
      retry: { attempts: 1 },
    },
    requests,
    lifetime,
    tokenEndpoint,
    answerTokenRequest,
    answerMcpRequest,
    hasIssued: (token) => issued.has(token),
    noteReason(reason) {
      const [request, ...others] = unexplained;
      if (request !== undefined) request.reason = reason;
      unexplained = others;
    },
    refuseTokens() {
      for (const token of issued) refused.add(token);
    },
    setFailure(next) {
      failure = next;
      if (next === "secret_unavailable") delete env[variable];
      else env[variable] = "fake-secret";
    },
  };
}

/** Returns the token in the `Authorization` header, an empty text without one. */
export function bearerToken(headers: Headers): string {
  const [, token = ""] = /^Bearer (.+)$/.exec(headers.get("authorization") ?? "") ?? [];
  return token;
}

function challenge(status: number, parameters: string): Response {
  return new Response(null, { status, headers: { "www-authenticate": `Bearer ${parameters}` } });
}
