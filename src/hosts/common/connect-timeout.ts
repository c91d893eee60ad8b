import type { TokenManager } from "../../index.js";
import { internalsOf } from "../../runtime/manager-internals.js";

/** Milliseconds for the host's own requests once there is a token. */
const afterToken = 15_000;

/**
 * Returns the milliseconds that a host must allow for connecting, so that it does not give up before the manager does:
 * the first request waits for a token, for up to the `deadline` of the config.
 */
export function connectTimeout(manager: TokenManager): number {
  return internalsOf(manager).deadline + afterToken;
}
