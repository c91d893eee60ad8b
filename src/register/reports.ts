import type { McpAuthError } from "../errors/error.js";
import { ownAuthorizationWarning } from "../lib/own-authorization.js";

/** The subjects of warnings. There is one warning per subject and server. */
type Subject = "own authorization" | "spelling" | "bound" | "node:http" | "no token";

/** Emits process warnings about behavior of the program that the config cannot correct, each once per server. */
export class Reports {
  readonly #warned = new Set<string>();

  /** The program sets its own `Authorization` header. */
  ownAuthorization(server: string): void {
    this.#warn("own authorization", server, ownAuthorizationWarning(server));
  }

  /** The URL of a request becomes the server's URL only when it is normalized. */
  spelling(server: string): void {
    this.#warnAbout(
      "spelling",
      server,
      "a request whose URL only becomes this server's when it is normalized was sent without a token. Write the URL as the " +
        "config has it: no capitals in the host, no default port, no dot segments.",
    );
  }

  /** A request that was made with a copy of undici needs a proof or a certificate. */
  bound(server: string): void {
    this.#warnAbout(
      "bound",
      server,
      "its tokens are bound to a key or a certificate, and the program calls it with a copy of undici that sends neither. Such " +
        "a program needs a proxy that authorizes its requests, or the global fetch.",
    );
  }

  /** A request was made with `node:http` or `node:https`. */
  nodeHttp(server: string): void {
    this.#warnAbout(
      "node:http",
      server,
      "a request without authorization was made with node:http, which cannot be authorized here. Have the program use the global " +
        'fetch (axios: adapter: "fetch"), or pass it the headers that the manager\'s getHeaders() returns.',
    );
  }

  /** The token request for a program that uses a copy of undici failed. */
  noToken(server: string, { code, message }: McpAuthError): void {
    const text = message.includes(`"${server}"`) ? message : `Server "${server}": ${message}`;
    this.#warn("no token", server, text, code);
  }

  #warnAbout(subject: Subject, server: string, text: string): void {
    this.#warn(subject, server, `Server "${server}": ${text}`);
  }

  #warn(subject: Subject, server: string, message: string, code?: string): void {
    const key = `${subject} ${server}`;
    if (this.#warned.has(key)) return;
    this.#warned.add(key);
    process.emitWarning(message, { type: "McpAuthWarning", ...(code !== undefined && { code }) });
  }
}
