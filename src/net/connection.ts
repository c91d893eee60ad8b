// What is known about the connection of a request, for messages about its failure. It is kept beside the request's
// signal and its error, because a `fetch` passes on nothing else.

/** How a proxy is named: its host and port, and where it was configured, such as `HTTPS_PROXY`. */
export interface NamedProxy {
  readonly host: string;
  readonly source: string;
}

/** The state of the file that NODE_EXTRA_CA_CERTS names. Node warns about a file that it cannot use, and continues. */
export type ExtraAuthorities =
  /** The variable is not set. */
  | "unset"
  | "missing"
  | "unreadable"
  | "no_certificate"
  /** It was set after the start of the process, when Node had already read it. */
  | "too_late"
  | "read";

export interface Connection {
  readonly url: URL;
  readonly proxy: NamedProxy | undefined;
  /** Returns a variable with a proxy that is not used for this URL, such as `ALL_PROXY`. */
  readonly unusedProxy?: () => string | undefined;
  /** Whether the config has `network.ca`. */
  readonly hasAuthorities: boolean;
  readonly extraAuthorities?: ExtraAuthorities;
  /** Returns whether the request waits for a connection. Absent if `fetch` opens it and we cannot see that. */
  readonly isConnecting?: () => boolean;
}

const connections = new WeakMap<object, Connection>();
const connectErrors = new WeakSet<object>();

/** @param about the signal of a request, or the error that it rejected with */
export function noteConnection(about: unknown, connection: Connection): void {
  if (typeof about === "object" && about !== null) connections.set(about, connection);
}

export function connectionOf(about: unknown): Connection | undefined {
  return typeof about === "object" && about !== null ? connections.get(about) : undefined;
}

/** Notes that an error ended the attempt to connect, so that nothing was sent. */
export function noteConnectError(error: Error): void {
  connectErrors.add(error);
}

export function isConnectError(error: unknown): boolean {
  return typeof error === "object" && error !== null && connectErrors.has(error);
}
