import type { McpAuthConfig } from "../config/define-config.js";
import type { FetchFunction } from "../net/bounded-fetch.js";

export interface DiscoverOptions {
  /** Sends all requests. By default, the global `fetch`. */
  readonly fetch?: FetchFunction;
  /** Milliseconds for each request. By default, 10,000. */
  readonly timeout?: number;
  readonly signal?: AbortSignal;
  /**
   * The `network` section of a config. Paths in `ca` are relative to the working folder. `allowInsecureHttp` applies to
   * `url` and to the URLs that the server names.
   */
  readonly network?: McpAuthConfig["network"];
}
