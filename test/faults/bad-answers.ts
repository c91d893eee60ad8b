// Responses of a token endpoint that misbehaves on the level of HTTP.
import type { ServerResponse } from "node:http";
import { gzipSync } from "node:zlib";
import type { RecordedRequest } from "../support/http-server.js";
import type { AuthorizationFault } from "./fault.js";
import type { AuthorizationWorld } from "./world.js";

export type Answer = (
  world: AuthorizationWorld,
  response: ServerResponse,
  request: RecordedRequest,
) => unknown;

type Row = Omit<AuthorizationFault, "start">;

/** A row in which the token endpoint gives this response to each request. */
export function answered(row: Row, answer: Answer): AuthorizationFault {
  return {
    ...row,
    start: (world) =>
      world.issuer.answer("token", (request, response) => void answer(world, response, request)),
  };
}

/** A row in which the token endpoint gives this response once, and then grants tokens. */
export function answeredOnce(row: Row, answer: Answer): AuthorizationFault {
  return {
    ...row,
    start: (world) =>
      world.issuer.answer("token", (request, response) => {
        world.issuer.answer("token", undefined);
        answer(world, response, request);
      }),
  };
}

type Headers = Readonly<Record<string, string>>;

const json = { "content-type": "application/json" };

/** A response with this status and without a body. */
export function empty(status: number, headers: Headers = {}): Answer {
  return (_world, response) => response.writeHead(status, headers).end();
}

/** An HTML page, as from a proxy or a framework. */
export function html(status: number, headers: Headers = {}): Answer {
  return ({ canary }, response) =>
    response
      .writeHead(status, { "content-type": "text/html", ...headers })
      .end(`<!doctype html><title>${canary}</title><p>Something went wrong: ${canary}</p>`);
}

/** An error response (RFC 6749 §5.2) with a description that contains the canary and a token. */
export function oauthError(error: unknown, status = 400, headers: Headers = {}): Answer {
  return ({ canary, issued }, response) => {
    const description = `Not for you, ${canary}; the last token was ${issued.at(-1)}.`;
    const body = { error, error_description: description, error_uri: `https://errors.example/${canary}` };
    response.writeHead(status, { ...json, ...headers }).end(JSON.stringify(body));
  };
}

/** A response with this body. */
export function body(
  make: (world: AuthorizationWorld) => string | Uint8Array,
  headers: Headers = json,
  status = 200,
): Answer {
  return (world, response) => response.writeHead(status, headers).end(make(world));
}

/** The body of a correct token response. */
export function grantedToken(world: AuthorizationWorld): string {
  const { lifetime } = world.issuer;
  return JSON.stringify({ access_token: world.issue(), token_type: "Bearer", expires_in: lifetime });
}

/** Writes raw bytes to the connection. */
export function raw(make: (world: AuthorizationWorld) => string): Answer {
  return (world, response) => {
    const { socket } = response;
    socket?.end(make(world), "latin1");
  };
}

/** One gigabyte of spaces, which is about one megabyte of compressed data. */
export const bomb: Buffer = Buffer.concat(
  // A gzip file may have any number of concatenated members (RFC 1952 §2.2).
  Array<Buffer>(256).fill(gzipSync(Buffer.alloc(4 * 1_048_576, " "))),
);
