import type { McpAuthError } from "../errors/error.js";

export interface ProxyOptions<Name extends string = string> {
  /** The servers that the proxy serves. By default, all servers of the config. */
  readonly servers?: readonly Name[];
  /**
   * The address to listen on, always on loopback: `127.0.0.1:PORT` or `[::1]:PORT`; port 0 for any free one. By
   * default, that of the config, else `127.0.0.1:0`, unless there is a `socket`.
   */
  readonly listen?: string;
  /** The path of a unix socket to listen on. By default, that of the config. Callers need no token there. */
  readonly socket?: string;
  /**
   * The local token, which callers over TCP need: at least 128 random bits, of letters, digits and `-._~`. By default,
   * that of the config, else a new one.
   */
  readonly token?: string;
  /** Lets programs of other users call over TCP, if they have the local token. Only Linux can tell users apart. */
  readonly anyUser?: boolean;
  /** An address that answers `/-/live` and `/-/ready` for probes, without a token. It need not be on loopback. */
  readonly health?: string;
}

/** A running proxy. */
export interface McpProxy<Name extends string = string> {
  /**
   * Returns the URL of a server, with the local token in its path: treat it as a secret. Throws `unknown_server`, and
   * `config_invalid` if the proxy listens only on a unix socket.
   */
  url(name: Name): string;
  /**
   * Returns the servers as most hosts configure them: `{ crm: { type: "http", url } }`. The URLs are secrets. By
   * default, all servers of the proxy.
   */
  mcpServers(names?: readonly Name[]): Record<string, { readonly type: "http"; readonly url: string }>;
  /**
   * Stops listening, waits up to ten seconds for requests in progress, and ends the others. Does not stop the
   * `McpAuth`. Can be called more than once.
   */
  stop(): Promise<void>;
}

/** Options of the command, which has more than `startProxy`. */
export interface CommandOptions {
  /** Keeps the tokens and the address in the state folder. */
  readonly isCommand?: boolean;
  /** Whether the first tokens were requested. Until then, the proxy is not ready. Default: yes. */
  readonly isStarted?: () => boolean;
  /** Called with each failure to serve a request, and with `undefined` for each response of a server. */
  readonly onOutcome?: (server: string, failure: McpAuthError | undefined) => void;
  /** Called with the reason when the proxy itself refuses a request. Contains nothing of the request. */
  readonly onRefusal?: (refusal: { readonly status?: number; readonly message: string }) => void;
  /** Tells about something that does not stop the proxy. */
  readonly onWarning?: (error: McpAuthError) => void;
}
