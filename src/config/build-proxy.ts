import { McpAuthError } from "../errors/error.js";
import { parseListenAddress } from "../lib/listen-address.js";
import { absolute, buildReference } from "./build-reference.js";
import type { ServerMistake } from "./check-document.js";
import { formatViolation } from "./format-violation.js";
import type { Config } from "./generated/types.js";
import type { LocatedMistake } from "./source-document.js";
import type { ProxySpec } from "./spec.js";

/**
 * Builds the runtime's form of `proxy`. With a mistake in it, such as a variable without a value, only the proxy
 * fails, because no server uses it.
 */
export function buildProxy(
  proxy: Config["proxy"],
  mistakes: readonly LocatedMistake<ServerMistake>[],
  folder: string,
): ProxySpec {
  const violations = mistakes.flatMap(({ mistake, violation }) => {
    return mistake.path[0] === "proxy" ? [violation] : [];
  });
  if (violations.length > 0) {
    const message = `The proxy cannot be used: ${violations.map(formatViolation).join(" ")}`;
    return { failure: new McpAuthError("config_invalid", message, { violations }) };
  }
  const { token, listen, socket } = proxy ?? {};
  const address = listen === undefined ? undefined : parseListenAddress(listen);
  return {
    ...(token !== undefined && { token: buildReference(token, folder) }),
    ...(address !== undefined && { listen: address }),
    ...(socket !== undefined && { socket: absolute(socket, folder) }),
  };
}
