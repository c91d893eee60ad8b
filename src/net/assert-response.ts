import { McpAuthError } from "../errors/error.js";

/** Throws `config_invalid` for anything but a response of the Fetch standard, before any code reads it. */
export function assertResponse(response: unknown): asserts response is Response {
  if (isResponse(response)) return;
  throw new McpAuthError(
    "config_invalid",
    "The `fetch` that was given did not return a Response of the Fetch standard. Return a response like that of the global " +
      "`fetch`.",
  );
}

/** Looks at the members and not at the class, because test runners and copies of undici have their own classes. */
function isResponse(value: unknown): value is Response {
  if (typeof value !== "object" || value === null) return false;
  if (!("status" in value) || typeof value.status !== "number") return false;
  if (!("headers" in value) || !hasMethod(value.headers, "get")) return false;
  const body = "body" in value ? value.body : undefined;
  // The body of node-fetch is a stream of Node.
  return body === undefined || body === null || (hasMethod(body, "getReader") && hasMethod(body, "cancel"));
}

function hasMethod(value: unknown, name: string): boolean {
  // `Reflect.get`, because the type does not say which members the object has.
  return typeof value === "object" && value !== null && typeof Reflect.get(value, name) === "function";
}
