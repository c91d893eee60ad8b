// An authorization server and an MCP server that check times by their own clocks, without any leeway.
import {
  type CryptoKey,
  calculateJwkThumbprint,
  decodeJwt,
  EmbeddedJWK,
  type JWTPayload,
  jwtVerify,
  type KeyObject,
} from "jose";
import type { Clock } from "../../src/lib/clock.js";
import {
  type Handler,
  type HttpServer,
  type RecordedRequest,
  sendJson,
  startHttpServer,
} from "./http-server.js";

export interface StrictServer extends AsyncDisposable {
  readonly origin: string;
  /** Milliseconds by which the server's clock is ahead of the given clock. */
  skew: number;
  /** The nonce that each proof must contain. Default: none. The server sends it if the rest of a proof is valid. */
  nonce: string | undefined;
  /** The reason of each refusal. */
  readonly refusals: readonly string[];
  /** Requests to the token endpoint or the MCP endpoint. */
  readonly calls: readonly RecordedRequest[];
  /** Called before the server checks a request to that endpoint. */
  onCall: (() => void) | undefined;
}

export interface StrictAuthorizationServer extends StrictServer {
  /** Seconds for which a cache in front of the server has kept its metadata. */
  age: number | undefined;
  /** Whether the cache sends an `Age` header. */
  saysAge: boolean;
  /** Status and code of refusals. Default: 400 with the specific code. */
  refusal: { readonly status: number; readonly error?: string };
}

/** Lifetime of a proof in seconds. */
const proofLifetime = 60;

class Refused extends Error {
  readonly error: string;

  constructor(error: string, reason: string) {
    super(reason);
    this.error = error;
  }
}

/** Checks the times of a JWT (RFC 7519 §4.1) without leeway. */
function checkTimes({ iat, nbf, exp }: JWTPayload, now: number, error: string): void {
  if (iat === undefined || exp === undefined) throw new Refused(error, "no iat or no exp");
  if (iat > now) throw new Refused(error, "issued in the future");
  if (nbf !== undefined && nbf > now) throw new Refused(error, "not valid yet");
  if (exp <= now) throw new Refused(error, "expired");
  if (exp - iat > 300) throw new Refused(error, "lifetime too long");
}

/**
 * Creates a check of the proofs that one server receives (RFC 9449 §4.3). It returns the thumbprint of the proof's key,
 * or `undefined` without a proof.
 */
function proofCheck(): (
  request: RecordedRequest,
  now: number,
  nonce: string | undefined,
) => Promise<string | undefined> {
  const seen = new Set<unknown>();
  return async ({ headers }, now, nonce) => {
    const { dpop: proof } = headers;
    if (typeof proof !== "string") return undefined;
    const { payload, protectedHeader } = await jwtVerify(proof, EmbeddedJWK, { typ: "dpop+jwt" });
    const { iat = Number.POSITIVE_INFINITY, jti } = payload;
    if (seen.has(jti)) throw new Refused("invalid_dpop_proof", "already used");
    seen.add(jti);
    if (iat > now) throw new Refused("invalid_dpop_proof", "issued in the future");
    if (iat < now - proofLifetime) throw new Refused("invalid_dpop_proof", "too old");
    if (nonce !== undefined && payload["nonce"] !== nonce) throw new Refused("use_dpop_nonce", "no nonce");
    return await calculateJwkThumbprint(protectedHeader.jwk ?? {});
  };
}

/**
 * Verifies a JWT's signature and returns its claims. jose also checks times, so it gets a date at which they are valid:
 * `checkTimes` decides by the server's clock.
 */
async function verified(jwt: string, key: CryptoKey | KeyObject | Uint8Array): Promise<JWTPayload> {
  const { iat = 0 } = decodeJwt(jwt);
  const { payload } = await jwtVerify(jwt, key, { currentDate: new Date(iat * 1_000) });
  return payload;
}

/**
 * Starts an authorization server. `key` verifies client assertions and the assertions of the JWT bearer grant. A
 * request without an assertion gets a token too. Tokens are DPoP-bound if the request has a proof.
 */
export async function startStrictAuthorizationServer(
  clock: Pick<Clock, "now">,
  key: CryptoKey | KeyObject | Uint8Array,
): Promise<StrictAuthorizationServer> {
  const refusals: string[] = [];
  const checkProof = proofCheck();
  let tokens = 0;
  const grant: Handler = async (request, response) => {
    const now = (clock.now() + strict.skew) / 1_000;
    const form = new URLSearchParams(request.body);
    try {
      const thumbprint = await checkProof(request, now, strict.nonce);
      const ofClient = form.get("client_assertion");
      if (ofClient !== null) checkTimes(await verified(ofClient, key), now, "invalid_client");
      const assertion = form.get("assertion");
      if (assertion !== null) checkTimes(await verified(assertion, key), now, "invalid_grant");
      tokens += 1;
      const token_type = thumbprint === undefined ? "Bearer" : "DPoP";
      sendJson(response, { access_token: `token-${tokens}`, token_type, expires_in: 600 });
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      refusals.push(`${error.error}: ${error.message}`);
      if (error.error === "use_dpop_nonce") response.setHeader("dpop-nonce", strict.nonce ?? "");
      const { status, error: code = error.error } = strict.refusal;
      if (code === "") response.writeHead(status).end();
      else sendJson(response, { error: code }, status);
    }
  };
  const server = await startHttpServer((request, response) => {
    const isMetadata = request.url === "/.well-known/oauth-authorization-server";
    if (request.url === "/token") strict.onCall?.();
    const age = isMetadata ? strict.age : undefined;
    response.setHeader("date", new Date(clock.now() + strict.skew - (age ?? 0) * 1_000).toUTCString());
    if (age !== undefined && strict.saysAge) response.setHeader("age", String(age));
    if (request.url === "/token") return grant(request, response);
    const { origin: issuer } = server;
    return isMetadata
      ? sendJson(response, { issuer, token_endpoint: `${issuer}/token` })
      : sendJson(response, {}, 404);
  });
  const strict: StrictAuthorizationServer = {
    ...strictServer(server, refusals),
    get calls() {
      return server.requests.filter(({ url }) => url === "/token");
    },
    age: undefined,
    saysAge: true,
    refusal: { status: 400 },
  };
  return strict;
}

/** Starts a server at `/mcp` that accepts every token, but only proofs that are valid at the time of its clock. */
export async function startStrictMcpServer(clock: Pick<Clock, "now">): Promise<StrictServer> {
  const refusals: string[] = [];
  const checkProof = proofCheck();
  const server: HttpServer = await startHttpServer(async (request, response) => {
    if (request.url === "/mcp") strict.onCall?.();
    response.setHeader("date", new Date(clock.now() + strict.skew).toUTCString());
    if (request.url !== "/mcp") return sendJson(response, {}, 404);
    try {
      await checkProof(request, (clock.now() + strict.skew) / 1_000, strict.nonce);
      return sendJson(response, {});
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      refusals.push(`${error.error}: ${error.message}`);
      if (error.error === "use_dpop_nonce") response.setHeader("dpop-nonce", strict.nonce ?? "");
      return sendJson(response, {}, 401, { "www-authenticate": `DPoP error="${error.error}"` });
    }
  });
  const strict: StrictServer = {
    ...strictServer(server, refusals),
    get calls() {
      return server.requests.filter(({ url }) => url === "/mcp");
    },
  };
  return strict;
}

function strictServer(server: HttpServer, refusals: readonly string[]): Omit<StrictServer, "calls"> {
  const { origin } = server;
  return {
    ...{ origin, refusals, skew: 0, nonce: undefined, onCall: undefined },
    [Symbol.asyncDispose]: () => server.close(),
  };
}
