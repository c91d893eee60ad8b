import { parseDuration } from "../lib/duration.js";
import { type CheckContext, entries } from "./check-context.js";
import { type Json, property } from "./source-document.js";

const shortestLease = 1_000;

/** What a schema cannot say of the store, and of what needs one. `isGiven`: there is one in code, in its place. */
export function checkStore(config: Json, isGiven: boolean, context: CheckContext): void {
  const store = property(config, "store");
  if (property(store, "sentinel") !== undefined && property(store, "cluster") !== undefined) {
    context.report(["store", "cluster"], { atName: true, ...eitherOr });
  }
  const lease = context.text(property(store, "lease"), ["store", "lease"]);
  if (lease !== undefined && (parseDuration(lease) ?? shortestLease) < shortestLease) {
    context.report(["store", "lease"], tooShort);
  }
  const type = property(store, "type");
  if (isGiven || (store !== undefined && type !== "memory")) return;
  for (const [name, server] of entries(property(config, "servers"))) {
    if (property(property(server, "grant"), "type") !== "refresh_token") continue;
    context.report(["servers", name, "grant", "type"], notLasting);
  }
}

const eitherOr = {
  message: "`sentinel` and `cluster` exclude each other",
  hint: "Keep the one that your Redis is run with",
};

const tooShort = { message: "A lease lasts one second at least, 1s" };

const notLasting = {
  message: "A refresh token that the server replaces would be lost with this process: the store is in memory",
  hint: 'Add "store": { "type": "file", "encryptionKey": { "env": "MCP_AUTH_STORE_KEY" } }, or one in redis',
};
