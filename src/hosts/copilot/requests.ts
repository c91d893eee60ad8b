import type { McpAuth } from "../../index.js";

/** What the runtime of Copilot asked for one server of a session. */
export interface ServerRequests {
  /** The token that it got last. */
  token?: string;
  /** The number of requests without an answer yet. */
  open: number;
  /** The number of requests that were answered without a token. */
  cancelled: number;
}

/** Sessions end without notice, so only this many servers of sessions are remembered. */
const limit = 1_000;

const requestsOf = new WeakMap<McpAuth, Map<string, ServerRequests>>();

/** Returns the record of one server of a session, which the handler and `connected()` share. */
export function serverRequests(auth: McpAuth, sessionId: string, server: string): ServerRequests {
  const records = requestsOf.get(auth) ?? new Map<string, ServerRequests>();
  requestsOf.set(auth, records);
  const key = `${sessionId} ${server}`;
  const record = records.get(key) ?? { open: 0, cancelled: 0 };
  // A `Map` keeps the order in which its keys were added.
  records.delete(key);
  records.set(key, record);
  const [oldest] = records.keys();
  if (oldest !== undefined && records.size > limit) records.delete(oldest);
  return record;
}
