import { parseDuration } from "../lib/duration.js";
import type { CheckContext } from "./check-context.js";
import { traitsOfGrant } from "./check-grant.js";
import { entries, isList, type Json, type Path, property, valueAt } from "./json.js";
import type { StoreSpec } from "./spec.js";

const minLease = 1_000;

/** Whether the content of a store of each type outlives the process. */
const isDurable: Readonly<Record<StoreSpec["type"], boolean>> = { memory: false, file: true, redis: true };

/**
 * Checks what a schema cannot express about the store, and whether a grant needs another one.
 *
 * @param isReplaced whether a store given in code replaces the one in the config
 */
export function checkStore(config: Json, isReplaced: boolean, context: CheckContext): void {
  const store = property(config, "store");
  if (property(store, "sentinel") !== undefined && property(store, "cluster") !== undefined) {
    context.report(["store", "cluster"], { atName: true, ...bothTopologies });
  }
  const lease = context.resolvedText(store, ["store"], "lease");
  if (lease !== undefined && (parseDuration(lease) ?? minLease) < minLease) {
    context.report(["store", "lease"], leaseTooShort);
  }
  for (const [path, text] of textsAt(config, ["store", "sentinel", "nodes"], context)) {
    if (!hasValidPort(`redis://${text}`)) context.report(path, notSentinel);
  }
  for (const [path, text] of textsAt(config, ["store", "cluster"], context)) {
    if (!hasValidPort(text)) context.report(path, notNode);
  }
  if (isReplaced || isDurableStore(store)) return;
  for (const [name, server] of entries(property(config, "servers"))) {
    const grant = property(server, "grant");
    if (traitsOfGrant(grant)?.needsDurableStore !== true) continue;
    context.report(["servers", name, "grant", "type"], needsDurableStore);
  }
}

/** A store of an unknown type counts as durable, because the schema reports the type. */
function isDurableStore(store: Json | undefined): boolean {
  if (store === undefined) return false;
  const type = property(store, "type");
  const known: Readonly<Record<string, boolean>> = isDurable;
  return typeof type === "string" && Object.hasOwn(known, type) ? (known[type] ?? true) : true;
}

/** Returns the strings of a list, each with its path. */
function textsAt(
  config: Json,
  path: Path,
  { resolvedText }: CheckContext,
): readonly (readonly [Path, string])[] {
  const list = valueAt(config, path);
  if (!isList(list)) return [];
  return list.flatMap((_item, index) => {
    const text = resolvedText(list, path, String(index));
    return text === undefined ? [] : [[[...path, String(index)], text] as const];
  });
}

/** Checks the port, because a pattern in the schema cannot limit a number. */
function hasValidPort(url: string): boolean {
  return URL.canParse(url) && new URL(url).port !== "0";
}

const portRange = { hint: "A port is a number from 1 to 65535" };
const notSentinel = {
  message: 'Must be a host, with a port unless that is 26379, such as "10.0.0.5:26379"',
  ...portRange,
};
const notNode = {
  message: 'Must be the URL of a node, such as "redis://10.0.0.2:6379", without user and password',
  ...portRange,
};

const bothTopologies = {
  message: "A store has `sentinel` or `cluster`, not both",
  hint: "Keep the one that your Redis uses",
};

const leaseTooShort = { message: "A lease must last at least one second, 1s" };

const needsDurableStore = {
  message:
    "The store is in memory, so a refresh token that the server replaces would be lost with this process",
  hint: 'Add "store": { "type": "file", "encryptionKey": { "env": "MCP_AUTH_STORE_KEY" } }, or one in redis',
};
