import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { Registration } from "./registration.js";
import { subscriber } from "./subscriber.js";

/** The members of Node's `ClientRequest` that are used here. */
interface NodeRequest {
  readonly protocol: string;
  readonly path: string;
  getHeader(name: string): unknown;
}

/**
 * Warns about requests to a server of the config that are made with `node:http` or `node:https` without authorization.
 * The channel announces them when they are sent, so they cannot be authorized.
 */
export function reportNodeHttpRequests(registration: Registration): () => void {
  const onStart = subscriber((message) => {
    const request = requestOf(message);
    if (request === undefined) return;
    const host = request.getHeader("host");
    if (typeof host !== "string") return;
    const match = registration.servers.find(`${request.protocol}//${host}${request.path}`);
    if (match === undefined || request.getHeader("authorization") !== undefined) return;
    registration.reports.nodeHttp(match.server.name);
  });
  subscribe("http.client.request.start", onStart);
  return () => void unsubscribe("http.client.request.start", onStart);
}

function requestOf(message: unknown): NodeRequest | undefined {
  const request: unknown = Reflect.get(Object(message), "request");
  if (typeof request !== "object" || request === null) return undefined;
  const { protocol, path, getHeader } = request as Partial<Record<keyof NodeRequest, unknown>>;
  const isRequest =
    typeof protocol === "string" && typeof path === "string" && typeof getHeader === "function";
  // Each member was checked.
  return isRequest ? (request as NodeRequest) : undefined;
}
