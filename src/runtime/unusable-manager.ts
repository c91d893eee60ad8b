import type { McpAuthError } from "../errors/error.js";
import { hostSeam, type SeamedManager } from "./seam.js";
import type { TokenManagerStatus } from "./token-manager.js";

/** Stands for a server that its config leaves without an address or a client: every use says why. */
export function unusableManager(name: string, failure: McpAuthError): SeamedManager {
  const fail = async (): Promise<never> => {
    throw failure;
  };
  const status: TokenManagerStatus = { server: name, state: "none", lastError: failure };
  return {
    name,
    get url(): string {
      throw failure;
    },
    get clientCapabilities(): never {
      throw failure;
    },
    fetch: fail,
    getAccessToken: fail,
    getToken: fail,
    getHeaders: fail,
    for(): never {
      throw failure;
    },
    status: () => status,
    get [hostSeam](): never {
      throw failure;
    },
  };
}
