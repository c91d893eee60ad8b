import { type Json, property } from "../../config/json.js";
import { printable, quoted } from "../../lib/printable.js";
import { listed } from "../discovery/describe.js";
import type { PlannedServer } from "./plan.js";

/** Says which client a server will use, with what, and what its token requests ask for. */
export function describePlanned({ name, client, method, isUnlisted, scopes }: PlannedServer): string {
  const authenticates = isUnlisted
    ? "Will not authenticate, because the authorization server lists no method for that: ask its operator"
    : `Will authenticate with ${method ?? "the method of that client"}`;
  return `  ${name}: ${describeClient(client)}\n    ${authenticates}, and ask for ${describeScopes(scopes)}`;
}

function describeClient(client: Json): string {
  if (typeof client === "string") return `the client ${quoted(client)} of the config`;
  return `client id ${describeId(property(client, "id"))}, ${describeCredential(client)}`;
}

function describeId(id: Json | undefined): string {
  const text = String(id ?? "");
  const [, variable] = /^\$\{(\w+)\}$/.exec(text) ?? [];
  return variable === undefined ? printable(text) : `from ${variable}`;
}

function describeCredential(client: Json): string {
  const secret = property(property(client, "secret"), "env");
  if (secret !== undefined) return `secret from ${String(secret)}`;
  const key = property(property(property(client, "key"), "privateKey"), "file");
  if (key !== undefined) return `private key in ${printable(String(key))}`;
  return `certificate in ${printable(String(property(property(property(client, "certificate"), "cert"), "file") ?? ""))}`;
}

function describeScopes(scopes: readonly string[]): string {
  if (scopes.length === 0) return "no scope (the server names none)";
  return `the ${scopes.length === 1 ? "scope" : "scopes"} ${listed(scopes)} (from the server)`;
}
