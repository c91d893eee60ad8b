import type { McpAuthError } from "../errors/error.js";

/** What can be said of a server, each once. */
type Subject = "own authorization" | "spelling" | "bound" | "node:http" | "no token";

/** Tells, by process warnings, what a host does that its config file cannot make up for: each once for a server. */
export class Reports {
  readonly #told = new Set<string>();

  /** The host set an `Authorization` of its own. */
  ownAuthorization(server: string): void {
    this.#tell(
      "own authorization",
      server,
      "the program sets an Authorization header of its own for this server, which was replaced by the token of the config. " +
        'Remove it from the program\'s settings for the server (often "headers", "requestInit" or an API key).',
    );
  }

  /** The URL has another form than the one that it is sent with. */
  spelling(server: string): void {
    this.#tell(
      "spelling",
      server,
      "a request whose URL only becomes this server's when it is normalized was sent without a token. Write the URL as the " +
        "config has it: no capitals in the host, no default port, no dot segments.",
    );
  }

  /** A request that was made with a copy of undici would need a proof or a certificate. */
  bound(server: string): void {
    this.#tell(
      "bound",
      server,
      "its tokens are bound to a key or a certificate, and the program calls it with a copy of undici that sends neither. Such " +
        "a program needs a proxy that authorizes its requests, or the global fetch.",
    );
  }

  /** A request was made with `node:http` or `node:https`. */
  nodeHttp(server: string): void {
    this.#tell(
      "node:http",
      server,
      "a request without authorization was made with node:http, which is not reached from here. Have the program use the global " +
        'fetch (axios: adapter: "fetch"), or pass it the headers that the manager\'s getHeaders() returns.',
    );
  }

  /** No token could be fetched ahead for a program that uses a copy of undici. */
  noToken(server: string, { code, message }: McpAuthError): void {
    const named = message.includes(`"${server}"`) ? message : `Server "${server}": ${message}`;
    this.#warn("no token", server, named, code);
  }

  #tell(subject: Subject, server: string, what: string): void {
    this.#warn(subject, server, `Server "${server}": ${what}`);
  }

  #warn(subject: Subject, server: string, message: string, code?: string): void {
    const key = `${subject} ${server}`;
    if (this.#told.has(key)) return;
    this.#told.add(key);
    process.emitWarning(message, { type: "McpAuthWarning", ...(code !== undefined && { code }) });
  }
}
