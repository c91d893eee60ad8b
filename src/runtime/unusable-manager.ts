import type { McpAuthError } from "../errors/error.js";
import type { TokenManager, TokenManagerStatus } from "./token-manager.js";

/** Stands for a server that its config leaves without an address or a client: every call says why. */
export function unusableManager(name: string, failure: McpAuthError): TokenManager {
  const fail = async (): Promise<never> => {
    throw failure;
  };
  const status: TokenManagerStatus = { server: name, state: "none", lastError: failure };
  return {
    name,
    get url(): string {
      throw failure;
    },
    fetch: fail,
    getAccessToken: fail,
    getToken: fail,
    getHeaders: fail,
    status: () => status,
  };
}
