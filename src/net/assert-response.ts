import { McpAuthError } from "../errors/error.js";

/** Throws `config_invalid` for anything but a response of the Fetch standard, before any code reads it. */
export function assertResponse(response: unknown): asserts response is Response {
  if (isResponse(response)) return;
  throw new McpAuthError(
    "config_invalid",
    "The `fetch` that was given returned something else than a Response of the Fetch standard. Return what the global " +
      "`fetch` returns.",
  );
}

/** By its members, since test runners and copies of undici have classes of their own. */
function isResponse(value: unknown): value is Response {
  if (typeof value !== "object" || value === null) return false;
  if (!("status" in value) || typeof value.status !== "number") return false;
  if (!("headers" in value) || !hasMethod(value.headers, "get")) return false;
  const body = "body" in value ? value.body : undefined;
  // node-fetch has a stream of Node there.
  return body === undefined || body === null || (hasMethod(body, "getReader") && hasMethod(body, "cancel"));
}

function hasMethod(value: unknown, name: string): boolean {
  // Any object may have a member of any name.
  return typeof value === "object" && value !== null && typeof Reflect.get(value, name) === "function";
}
