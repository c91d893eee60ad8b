// One HTTP server that acts as every authorization server, identity provider and MCP server of the canary tests, each
// under its own name. It accepts all credentials, plants them as canaries, and puts canaries into every text that a
// server can choose.
import { randomBytes, randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { TlsOptions } from "node:tls";
import type { Canaries } from "../support/canaries.js";
import { listen } from "../support/listen.js";

export interface StageRequest {
  readonly name: string;
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
  readonly form: URLSearchParams;
  /** Number of requests to this part of this name so far, including this one. */
  readonly count: number;
}

export type Answer = (response: ServerResponse, request: StageRequest, stage: Stage) => void;
/** The audience of all ID tokens. */
export const idTokenAudience = "mcp-servers";

export type Part = "metadata" | "token" | "resource" | "mcp" | "platform";
/** Answers that replace the correct ones. */
export type Script = Readonly<Partial<Record<Part, Answer>>>;

export interface Stage extends AsyncDisposable {
  readonly origin: string;
  issuer(name: string): string;
  mcp(name: string): string;
  /** Replaces answers of `name` from now on. */
  script(name: string, script: Script): void;
  /** Refuses all access tokens of this name from now on. */
  revoke(name: string): void;
  grant(response: ServerResponse, request: StageRequest, members?: object): void;
  readonly say: Say;
  close(): Promise<void>;
}

/** Sends responses with canaries that must not appear in any output. */
export interface Say {
  prose(): string;
  json(response: ServerResponse, status: number, value: object, headers?: Record<string, string>): void;
  html(response: ServerResponse, status: number, headers?: Record<string, string>): void;
}

const paths: readonly (readonly [Part, RegExp])[] = [
  ["metadata", /^\/\.well-known\/(?:oauth-authorization-server|openid-configuration)\/as\/([^/?]+)/],
  ["metadata", /^\/as\/([^/?]+)\/\.well-known\/openid-configuration/],
  ["resource", /^\/\.well-known\/oauth-protected-resource\/mcp\/([^/?]+)/],
  ["token", /^\/as\/([^/?]+)\/token/],
  ["mcp", /^\/mcp\/([^/?]+)/],
  // The services that issue tokens for the identity of a machine: Google Cloud, App Service, Azure, Entra ID.
  ["platform", /^\/(computeMetadata|msi|metadata|tenant)\//],
];

/** Form fields of a token request that contain secrets. */
const secretFields = [
  ...["client_secret", "client_assertion", "assertion", "subject_token", "actor_token"],
  ...["refresh_token", "token"],
];

export async function startStage(canaries: Canaries, tls?: TlsOptions): Promise<Stage> {
  const scripts = new Map<string, Script>();
  const counts = new Map<string, number>();
  const good = new Map<string, string>();
  const nonce = canaries.word("nonce");

  const phrases = Array.from({ length: 30 }, () => canaries.phrase("text of a server"));
  let said = 0;

  const say: Say = {
    prose() {
      said += 1;
      return phrases[said % phrases.length] ?? "";
    },
    json(response, status, value, headers = {}) {
      const said = { "content-type": "application/json", "x-note": say.prose(), ...headers };
      response.writeHead(status, said).end(JSON.stringify({ ...value, note: say.prose() }));
    },
    html(response, status, headers = {}) {
      const said = { "content-type": "text/html", "x-note": say.prose(), ...headers };
      response
        .writeHead(status, said)
        .end(`<!doctype html><title>${say.prose()}</title><p>${say.prose()}</p>`);
    },
  };

  const usual: Required<Script> = {
    metadata(response, { name }) {
      say.json(response, 200, metadataOf(stage, name));
    },
    token: (response, request) => stage.grant(response, request),
    resource(response, { name }) {
      const servers = { authorization_servers: [stage.issuer(name)] };
      say.json(response, 200, { resource: stage.mcp(name), ...servers, resource_name: say.prose() });
    },
    mcp(response, { headers, name }) {
      const { authorization = "", dpop } = headers;
      if (good.get(authorization.replace(/^\w+ /, "")) !== name)
        return refuse(response, 401, "invalid_token");
      if (dpop !== undefined && !proofHolds(dpop, nonce)) {
        return refuse(response, 401, "use_dpop_nonce", { "dpop-nonce": nonce }, "DPoP");
      }
      return say.json(response, 200, { result: say.prose() });
    },
    platform: issueForMachine,
  };

  /** Issues a token for the audience in the query, as the service of this name does. */
  function issueForMachine(response: ServerResponse, { name, url, form }: StageRequest): void {
    const query = new URL(url, origin).searchParams;
    const audience =
      query.get("audience") ?? query.get("resource") ?? form.get("scope")?.replace(/\/\.default$/, "");
    const token = canaries.plant("token of a machine", jwt("https://platform.example", { aud: audience }));
    if (name === "computeMetadata") {
      response.writeHead(200, { "metadata-flavor": "Google", "x-note": say.prose() }).end(token);
    } else say.json(response, 200, { access_token: token, expires_in: "3599", client_id: say.prose() });
  }

  function refuse(
    response: ServerResponse,
    status: number,
    error: string,
    headers = {},
    scheme = "Bearer",
  ): void {
    const challenge = `${scheme} realm="${quoted(say.prose())}", error="${error}", error_description="${quoted(say.prose())}"`;
    say.html(response, status, { "www-authenticate": challenge, ...headers });
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const url = request.url ?? "";
    const [part, match] =
      paths.map(([part, path]) => [part, path.exec(url)] as const).find(([, found]) => found) ?? [];
    const name = match?.[1];
    if (part === undefined || name === undefined) return say.html(response, 404);
    const hasForm = part === "token" || part === "platform";
    const form = new URLSearchParams(hasForm ? Buffer.concat(chunks).toString("utf8") : "");
    remember(canaries, request.headers, form);
    const count = (counts.get(`${part} ${name}`) ?? 0) + 1;
    counts.set(`${part} ${name}`, count);
    const { method = "", headers } = request;
    (scripts.get(name)?.[part] ?? usual[part])(response, { name, method, url, headers, form, count }, stage);
  }

  const { origin, close } = await listen(() => {
    return (request, response) =>
      void answer(request, response).catch((error: unknown) => response.destroy(Object(error)));
  }, tls);

  const stage: Stage = {
    origin,
    issuer: (name) => `${origin}/as/${name}`,
    mcp: (name) => `${origin}/mcp/${name}`,
    script: (name, script) => void scripts.set(name, script),
    revoke(name) {
      for (const [token, of] of good) if (of === name) good.delete(token);
    },
    grant(response, { name, headers, form }, members = {}) {
      const { dpop } = headers;
      if (dpop !== undefined && !proofHolds(dpop, nonce)) {
        const error = { error: "use_dpop_nonce", error_description: say.prose() };
        return say.json(response, 400, error, { "dpop-nonce": nonce });
      }
      const isIdJag = form.get("requested_token_type")?.endsWith(":id-jag") === true;
      const token = canaries.plant(
        "access token",
        isIdJag || good.size % 4 === 0 ? jwt(stage.issuer(name)) : opaque(),
      );
      const idToken = canaries.plant("ID token", jwt("https://elsewhere.example", { aud: idTokenAudience }));
      for (const each of [token, idToken]) good.set(each, name.replace(/-idp$/, ""));
      say.json(response, 200, {
        access_token: token,
        token_type: isIdJag ? "N_A" : dpop === undefined ? "Bearer" : "DPoP",
        expires_in: 3_600,
        ...(form.has("subject_token") && { issued_token_type: typeOf(isIdJag ? "id-jag" : "access_token") }),
        refresh_token: canaries.plant("refresh token", opaque()),
        id_token: idToken,
        ...members,
      });
    },
    say,
    close,
    [Symbol.asyncDispose]: close,
  };
  return stage;
}

export function metadataOf(stage: Stage, name: string): Record<string, unknown> {
  const issuer = stage.issuer(name);
  return {
    issuer,
    token_endpoint: `${issuer}/token`,
    token_endpoint_auth_methods_supported: [
      ...["client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt"],
      ...["tls_client_auth", "self_signed_tls_client_auth", "none"],
    ],
    token_endpoint_auth_signing_alg_values_supported: ["ES256", "RS256", "PS256", "HS256"],
    dpop_signing_alg_values_supported: ["ES256"],
    service_documentation: `https://docs.example/?${stage.say.prose()}`,
    tls_client_certificate_bound_access_tokens: true,
  };
}

function remember(canaries: Canaries, headers: IncomingMessage["headers"], form: URLSearchParams): void {
  const { authorization = "", dpop, "proxy-authorization": proxy = "" } = headers;
  for (const [label, value] of [
    ["Authorization", authorization.replace(/^\w+ /, "")],
    ["Proxy-Authorization", proxy.replace(/^\w+ /, "")],
    ["DPoP proof", typeof dpop === "string" ? dpop : ""],
    ...secretFields.map((field) => [field, form.get(field) ?? ""] as const),
  ] as const) {
    // A planted value is also found in pieces, such as the signature of a JWT.
    if (value !== "") canaries.plant(`${label} as it was sent`, value);
  }
}

function proofHolds(proof: string | string[], nonce: string): boolean {
  const [, payload = ""] = String(proof).split(".");
  return Buffer.from(payload, "base64url").toString("utf8").includes(nonce);
}

/** Creates a text that looks like a JWT. Its signature is random. */
export function jwt(issuer: string, claims: object = {}): string {
  const iat = Math.floor(Date.now() / 1_000);
  const payload = { iss: issuer, sub: "somebody", iat, exp: iat + 3_600, jti: randomUUID(), ...claims };
  const parts = [{ alg: "ES256", typ: "at+jwt", kid: "server" }, payload];
  const encoded = parts.map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"));
  return [...encoded, randomBytes(64).toString("base64url")].join(".");
}

function opaque(): string {
  return randomBytes(32).toString("base64url");
}

function quoted(text: string): string {
  return text.replaceAll(/["\\]/g, "\\$&");
}

function typeOf(name: string): string {
  return `urn:ietf:params:oauth:token-type:${name}`;
}
