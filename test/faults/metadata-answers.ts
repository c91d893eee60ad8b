// What the two servers publish about themselves, with something wrong in it.
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
/** No location has it, of two. */
export const nowhere = { sees: "discovery_failed", requests: 2 } as const;
export const mismatched = { sees: "issuer_mismatch", requests: 2 } as const;
export const notListed = { sees: "issuer_mismatch", requests: 1 } as const;
export const insecure = { sees: "insecure_url", requests: 1 } as const;
export const unsupported = { sees: "unsupported_by_server", requests: 1 } as const;
export const otherResource = { sees: "resource_mismatch", requests: 2 } as const;
/** Four times both locations. */
export const unavailable = { sees: "unavailable", requests: 8 } as const;
/** Two times both locations, the second five seconds after the first, and then the thirty of `deadline` are over. */
export const late = { sees: "timeout", requests: 4 } as const;
export const well = { sees: "a token", requests: 1 } as const;

/** Requests with a credential in them: where they went. */
export function credentialsSentTo({ exchanges }: FaultWorld): readonly string[] {
  return exchanges.filter(({ method }) => method !== "GET").map(({ url }) => url);
}

/** One answer, of the authorization server or of the MCP server. */
function published(name: string, row: Row, path: AnsweredPath, handler: Answers): AuthorizationFault {
  return {
    name,
    // Metadata is asked for once an hour: a caller with a token has nothing to do with it.
    warm: false,
    counted: path,
    ...row,
    start: (world) => (path === "metadata" ? world.issuer : world.mcp).answer(path, handler(world)),
    async check(world) {
      // One token was asked for, at the right place: the one that came once all was well, or came all the same.
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

/** What the authorization server says of itself, but for these members; `undefined` leaves one out. */
export function issuer(name: string, row: Row, change: Change): AuthorizationFault {
  return metadata(name, row, (world) => (_request, response) => {
    const good = { issuer: world.issuer.origin, token_endpoint: world.tokenEndpoint };
    sendJson(response, { ...good, ...resolved(change, world) });
  });
}

/** The same of the MCP server. */
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

/** A body, whatever it is. */
export const text =
  (make: (world: AuthorizationWorld) => string, type = "application/json"): Answers =>
  (world) =>
  (_request, response) =>
    void response.writeHead(200, { "content-type": type }).end(make(world));

/** A redirect to another origin, where there is what looks like a good answer. */
export const moved =
  (code: number): Answers =>
  ({ mcp, issuer }) =>
  ({ url }, response) => {
    const elsewhere = url.includes("protected-resource") ? issuer : mcp;
    response.writeHead(code, { location: `${elsewhere.origin}/moved` }).end();
  };

/** No answer to this request. */
function silentFirst({ issuer, mcp, ...world }: AuthorizationWorld): Handler {
  return ({ url }) => {
    for (const { origin } of [issuer, mcp]) world.stalled(`${origin}${url}`);
  };
}

/** A redirect to where it comes from. */
export const circle: Answers = () => (request, response) =>
  void response.writeHead(302, { location: request.url }).end();

/** No answer at all. */
export const silent: Answers = (world) => () => {
  for (const { origin } of [world.issuer, world.mcp]) world.stalled(`${origin}/.well-known/`);
};

/** At the first location this, and at the others the good answer. */
export const atFirst =
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

/** JSON that is something else. */
const json =
  (value: object): Answers =>
  () =>
  (_request, response) =>
    sendJson(response, value);

/** What is there in place of metadata, in the field. */
export const inItsPlace: readonly (readonly [string, Answers])[] = [
  ["204", status(204)],
  ["a page of HTML", text(({ canary }) => `<p>${canary}`, "text/html")],
  ["302 to another origin", moved(302)],
  ["500", status(500)],
  ["no answer", silentFirst],
  ["application/octet-stream", text(() => "{}", "application/octet-stream")],
  ["JSON of something else", json({ message: "ok" })],
  [
    "the document of another issuer",
    json({ issuer: "https://other.example", token_endpoint: "https://other.example/t" }),
  ],
];

/** No redirect was followed. */
export function notFollowed({ exchanges }: FaultWorld): void {
  expect(exchanges.filter(({ url }) => url.endsWith("/moved"))).toEqual([]);
}

/** No more was read than is needed to know that it is too much. */
export function readLittle({ exchanges }: FaultWorld): void {
  const most = Math.max(...exchanges.map(({ bytesRead }) => bytesRead));
  expect(most).toBeGreaterThan(1_048_576);
  expect(most).toBeLessThan(1_200_000);
}

/** The `resource` of each token request so far (RFC 8707). */
export function resourcesAskedFor({ issuer }: FaultWorld): readonly (string | null)[] {
  const requests = issuer.requests.filter(({ method }) => method === "POST");
  return requests.map(({ body }) => new URLSearchParams(body).get("resource"));
}

/** A millisecond before this has passed nothing is asked, and then there is a token. */
export async function recoversAfter(
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
