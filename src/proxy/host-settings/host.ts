/** A server behind the proxy, as a host that uses the unix socket reaches it. */
export interface SocketEndpoint {
  /** What the host calls the server. */
  readonly name: string;
  readonly socket: string;
  /** Path of the request: `/crm`. */
  readonly path: string;
}

/** A server behind the proxy, as a host that uses TCP reaches it. */
export interface UrlEndpoint {
  /** What the host calls the server. */
  readonly name: string;
  readonly url: string;
  /** Absent if the token is in the path of the URL. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** Names that a host does not take as they are. */
export interface NameRule {
  /** Returns a name that the host accepts. */
  readonly rename: (server: string) => string;
  /** Why another name is used, without a period at the end. */
  readonly reason: string;
}

/** What is known of a host. */
export interface Host {
  /** The name that its makers use. */
  readonly title: string;
  readonly names?: NameRule;
  /**
   * Whether the host sends the headers of its settings with every request. Where that is not certain, the token goes
   * into the path.
   */
  readonly sendsHeaders: boolean;
  /** Returns the settings in the host's file format, with the names of the endpoints in the given order. */
  readonly print: (endpoints: readonly UrlEndpoint[]) => string;
  /** Absent for a host that cannot use a unix socket. */
  readonly printSocket?: (endpoints: readonly SocketEndpoint[]) => string;
  /** One line each: where the settings go. */
  readonly placement: readonly string[];
  /** One line each, if the settings contain the token: how it could leak, and how to keep it out of the file. */
  readonly tokenNotes: readonly string[];
  /** One line each, if the settings name the socket. */
  readonly socketNotes?: readonly string[];
}
