import { parseDuration } from "../lib/duration.js";
import { type CheckContext, entries } from "./check-context.js";
import { type Json, type Path, property } from "./source-document.js";

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
  for (const [path, node] of itemsOf(store, ["sentinel", "nodes"])) {
    const text = context.text(node, path);
    if (text !== undefined && !isAddress(`redis://${text}`)) context.report(path, noSentinel);
  }
  for (const [path, node] of itemsOf(store, ["cluster"])) {
    const text = context.text(node, path);
    if (text !== undefined && !isAddress(text)) context.report(path, noNode);
  }
  const type = property(store, "type");
  if (isGiven || (store !== undefined && type !== "memory")) return;
  for (const [name, server] of entries(property(config, "servers"))) {
    if (property(property(server, "grant"), "type") !== "refresh_token") continue;
    context.report(["servers", name, "grant", "type"], notLasting);
  }
}

function itemsOf(store: Json | undefined, names: Path): readonly (readonly [Path, Json])[] {
  const list = names.reduce<Json | undefined>((inner, name) => property(inner, name), store);
  if (!Array.isArray(list)) return [];
  // `Array.isArray` makes `any[]` of it.
  return (list as readonly Json[]).map((item, index) => [["store", ...names, String(index)], item]);
}

/** The schema sees to all but the number of the port. */
function isAddress(url: string): boolean {
  return URL.canParse(url) && new URL(url).port !== "0";
}

const noPort = { hint: "A port is a number from 1 to 65535" };
const noSentinel = {
  message: 'Must be a host, with a port unless that is 26379, such as "10.0.0.5:26379"',
  ...noPort,
};
const noNode = {
  message: 'Must be the URL of a node, such as "redis://10.0.0.2:6379", without user and password',
  ...noPort,
};

const eitherOr = {
  message: "`sentinel` and `cluster` exclude each other",
  hint: "Keep the one that your Redis is run with",
};

const tooShort = { message: "A lease lasts one second at least, 1s" };

const notLasting = {
  message: "A refresh token that the server replaces would be lost with this process: the store is in memory",
  hint: 'Add "store": { "type": "file", "encryptionKey": { "env": "MCP_AUTH_STORE_KEY" } }, or one in redis',
};
