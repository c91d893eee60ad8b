// Wrong metadata of the authorization server and of the MCP server.
import { expect } from "vitest";
import type { Handler } from "../support/http-server.js";
import { sendJson } from "../support/http-server.js";
import type { AuthorizationFault } from "./fault.js";
import type { AnsweredPath, AuthorizationWorld, FaultWorld } from "./world.js";

export type Row = Pick<AuthorizationFault, "sees" | "requests"> & Partial<AuthorizationFault>;
export type Answers = (world: AuthorizationWorld) => Handler;
type Members = Readonly<Record<string, unknown>>;
type Change = Members | ((world: AuthorizationWorld) => Members);

export const failed = { sees: "discovery_failed", requests: 1 } as const;
/** Neither of the two locations has it. */
export const nowhere = { sees: "discovery_failed", requests: 2 } as const;
export const mismatched = { sees: "issuer_mismatch", requests: 2 } as const;
export const notListed = { sees: "issuer_mismatch", requests: 1 } as const;
export const insecure = { sees: "insecure_url", requests: 1 } as const;
export const unsupported = { sees: "unsupported_by_server", requests: 1 } as const;
export const otherResource = { sees: "resource_mismatch", requests: 2 } as const;
/** Both locations, four times. */
export const unavailable = { sees: "unavailable", requests: 8 } as const;
/**
 * Both locations, twice, with the second five seconds after the first; then the thirty seconds of `deadline` are over.
 */
export const late = { sees: "timeout", requests: 4 } as const;
export const well = { sees: "a token", requests: 1 } as const;

/** Returns the URLs of all requests that carried a credential. */
export function credentialsSentTo({ exchanges }: FaultWorld): readonly string[] {
  return exchanges.filter(({ method }) => method !== "GET").map(({ url }) => url);
}

/** A row with one wrong document, of the authorization server or of the MCP server. */
function published(name: string, row: Row, path: AnsweredPath, handler: Answers): AuthorizationFault {
  return {
    name,
    // Metadata is requested once an hour, so a caller with a token is not affected.
    warm: false,
    counted: path,
    ...row,
    start: (world) => (path === "metadata" ? world.issuer : world.mcp).answer(path, handler(world)),
    async check(world) {
      // There was exactly one token request, at the right place: after the failure, or in spite of it.
      expect(credentialsSentTo(world)).toEqual([world.tokenEndpoint]);
      await row.check?.(world);
    },
  };
}

export function metadata(name: string, row: Row, handler: Answers): AuthorizationFault {
  return published(`authorization server: ${name}`, row, "metadata", handler);
}

export function resourceMetadata(name: string, row: Row, handler: Answers): AuthorizationFault {
  return published(`MCP server: ${name}`, row, "resource-metadata", handler);
}

const resolved = (change: Change, world: AuthorizationWorld): Members =>
  typeof change === "function" ? change(world) : change;

/** Correct metadata of the authorization server, except for these members; `undefined` leaves one out. */
export function issuer(name: string, row: Row, change: Change): AuthorizationFault {
  return metadata(name, row, (world) => (_request, response) => {
    const good = { issuer: world.issuer.origin, token_endpoint: world.tokenEndpoint };
    sendJson(response, { ...good, ...resolved(change, world) });
  });
}

/** Correct metadata of the MCP server, except for these members. */
export function resource(name: string, row: Row, change: Change): AuthorizationFault {
  return resourceMetadata(name, row, (world) => (_request, response) => {
    const good = { resource: `${world.mcp.origin}/mcp`, authorization_servers: [world.issuer.origin] };
    sendJson(response, { ...good, ...resolved(change, world) });
  });
}

export const status =
  (code: number): Answers =>
  () =>
  (_request, response) =>
    void response.writeHead(code).end();

/** A document with this text. */
export const text =
  (make: (world: AuthorizationWorld) => string, type = "application/json"): Answers =>
  (world) =>
  (_request, response) =>
    void response.writeHead(200, { "content-type": type }).end(make(world));

/** A redirect to another origin. */
export const redirected =
  (code: number): Answers =>
  ({ mcp, issuer }) =>
  ({ url }, response) => {
    const elsewhere = url.includes("protected-resource") ? issuer : mcp;
    response.writeHead(code, { location: `${elsewhere.origin}/moved` }).end();
  };

/** Gives no answer to this request. */
function silentFirst({ issuer, mcp, ...world }: AuthorizationWorld): Handler {
  return ({ url }) => {
    for (const { origin } of [issuer, mcp]) world.stalled(`${origin}${url}`);
  };
}

/** A redirect to itself. */
export const redirectedToItself: Answers = () => (request, response) =>
  void response.writeHead(302, { location: request.url }).end();

/** Gives no answer at all. */
export const silent: Answers = (world) => () => {
  for (const { origin } of [world.issuer, world.mcp]) world.stalled(`${origin}/.well-known/`);
};

/** A wrong answer at the first location, and correct answers at the others. */
export const wrongAtFirst =
  (wrong: Answers): Answers =>
  (world) =>
  async (request, response) => {
    const isFirst = /oauth-authorization-server$|oauth-protected-resource\/mcp$/.test(request.url);
    if (isFirst) return await wrong(world)(request, response);
    sendJson(
      response,
      request.url.includes("protected-resource")
        ? { resource: `${world.mcp.origin}/mcp`, authorization_servers: [world.issuer.origin] }
        : { issuer: world.issuer.origin, token_endpoint: world.tokenEndpoint },
    );
  };

/** A JSON document of something else. */
const json =
  (value: object): Answers =>
  () =>
  (_request, response) =>
    sendJson(response, value);

/** Answers that are found in practice instead of metadata. */
export const wrongAnswers: readonly (readonly [string, Answers])[] = [
  ["204", status(204)],
  ["a page of HTML", text(({ canary }) => `<p>${canary}`, "text/html")],
  ["302 to another origin", redirected(302)],
  ["500", status(500)],
  ["no answer", silentFirst],
  ["application/octet-stream", text(() => "{}", "application/octet-stream")],
  ["JSON without the required members", json({ message: "ok" })],
  [
    "the metadata of another issuer",
    json({ issuer: "https://other.example", token_endpoint: "https://other.example/t" }),
  ],
];

/** Checks that no redirect was followed. */
export function expectNotFollowed({ exchanges }: FaultWorld): void {
  expect(exchanges.filter(({ url }) => url.endsWith("/moved"))).toEqual([]);
}

/** Checks that reading stopped soon after the limit of 1 MiB. */
export function expectReadLittle({ exchanges }: FaultWorld): void {
  const highest = Math.max(...exchanges.map(({ bytesRead }) => bytesRead));
  expect(highest).toBeGreaterThan(1_048_576);
  expect(highest).toBeLessThan(1_200_000);
}

/** Returns the `resource` of each token request so far (RFC 8707). */
export function requestedResources({ issuer }: FaultWorld): readonly (string | null)[] {
  const requests = issuer.requests.filter(({ method }) => method === "POST");
  return requests.map(({ body }) => new URLSearchParams(body).get("resource"));
}

/** Checks that a call fails without a request until this time has passed, and then returns a token. */
export async function expectRecoveryAfter(
  world: FaultWorld,
  call: () => Promise<string>,
  milliseconds: number,
): Promise<void> {
  const before = world.exchanges.length;
  await world.clock.skip(milliseconds - 1);
  await world.failure(call());
  expect(world.exchanges.length, "requests before the time of recovery").toBe(before);
  await world.clock.skip(1);
  const token = await world.until(call());
  expect(world.issued).toContain(token);
}
