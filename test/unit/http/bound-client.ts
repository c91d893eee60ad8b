import { createHash } from "node:crypto";
import { calculateJwkThumbprint, EmbeddedJWK, type JWTPayload, jwtVerify } from "jose";
import { createDpop, type DpopSigner } from "../../../src/dpop/dpop.js";
import { Nonces } from "../../../src/dpop/nonces.js";
import { McpAuthError } from "../../../src/errors/error.js";
import { createAuthorizedFetch } from "../../../src/http/authorized-fetch.js";
import type { Authorizer } from "../../../src/http/authorizer.js";
import type { Binding } from "../../../src/oauth/issued-token.js";
import { Token } from "../../../src/tokens/token.js";
import { fakeClock } from "../../support/fake-clock.js";
import type { RecordedRequest } from "../../support/http-server.js";

const clock = fakeClock();

/** A key that tokens can be bound to. */
export async function newDpopSigner(): Promise<DpopSigner> {
  const dpop = createDpop({ clock });
  return await dpop.signerFor({ issuer: "https://auth.example" }, { server: "crm", env: {} });
}

function tokenNamed(accessToken: string, binding?: Binding): Token {
  return new Token({
    accessToken,
    tokenType: binding?.dpopSigner === undefined ? "Bearer" : "DPoP",
    requestedAt: 0,
    expiresAt: 1,
    scopes: [],
    issuer: undefined,
    resource: "r",
    binding,
  });
}

export interface StepUpRequest {
  readonly scopes: readonly string[];
  readonly token: string;
}

/** Returns the outcome of a step-up: the name of the token, or the code of the error. */
export type StepUpAnswer = (request: StepUpRequest) => string | undefined;

export interface ClientOptions {
  readonly binding?: Binding;
  readonly stepUp?: StepUpAnswer;
  readonly fetch?: Authorizer["fetch"];
  readonly headers?: Readonly<Record<string, string>>;
  /** Path and query of the server's URL. By default, `/mcp`. */
  readonly path?: string;
}

/** Creates an authorized fetch with the tokens `t1`, `t2` and so on. Each refusal moves on to the next one. */
export function client(origin: string, options: ClientOptions = {}) {
  const { binding, stepUp, headers = {}, path = "/mcp" } = options;
  const nonces = new Nonces();
  const rejected: string[] = [];
  const stepUps: StepUpRequest[] = [];
  let accepted = 0;
  const fetch = createAuthorizedFetch({
    name: "crm",
    url: new URL(path, origin),
    reach: "origin",
    fetch: options.fetch ?? ((input, init) => globalThis.fetch(input, init)),
    nonces,
    token: async () => tokenNamed(`t${rejected.length + 1}`, binding),
    headers: async () => headers,
    noteAccepted() {
      accepted += 1;
    },
    noteChallenge: () => {},
    async replace({ token }) {
      rejected.push(token.accessToken);
      const next = tokenNamed(`t${rejected.length + 1}`, binding);
      return { kind: "resend", token: next, replacement: { failed: () => {} } };
    },
    replaceForOthers: ({ token }) => void rejected.push(token.accessToken),
    explainRefusal: async () => {},
    async stepUp(scopes, token) {
      stepUps.push({ scopes, token: token.accessToken });
      const answer = stepUp?.({ scopes, token: token.accessToken });
      if (answer === "insufficient_scope" || answer === "stopped") throw new McpAuthError(answer, answer);
      return answer === undefined ? undefined : tokenNamed(answer, binding);
    },
  });
  return { fetch, nonces, rejected, stepUps, accepted: () => accepted };
}

/**
 * Checks a proof as a resource server does (RFC 9449 §4.3 and §7.1). Throws an error if a check fails or a `jti` repeats.
 */
export function proofVerifier(thumbprint: string) {
  const used = new Set<unknown>();
  return async (request: RecordedRequest, origin: string): Promise<JWTPayload> => {
    const { authorization = "", dpop } = request.headers;
    if (typeof dpop !== "string") throw new Error("not one proof");
    const { payload, protectedHeader } = await jwtVerify(dpop, EmbeddedJWK, {
      typ: "dpop+jwt",
      algorithms: ["ES256"],
      currentDate: new Date(clock.now()),
      maxTokenAge: 60,
    });
    const { jwk } = protectedHeader;
    if (jwk === undefined || (await calculateJwkThumbprint(jwk)) !== thumbprint) throw new Error("wrong key");
    if (!authorization.startsWith("DPoP ")) throw new Error("wrong scheme");
    const ath = createHash("sha256").update(authorization.slice("DPoP ".length)).digest("base64url");
    if (payload["ath"] !== ath) throw new Error("wrong ath");
    if (payload["htm"] !== request.method) throw new Error("wrong htm");
    if (payload["htu"] !== origin + request.url.replace(/\?.*/, "")) throw new Error("wrong htu");
    if (used.has(payload.jti)) throw new Error("jti used before");
    used.add(payload.jti);
    return payload;
  };
}
