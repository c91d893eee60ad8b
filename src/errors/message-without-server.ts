import type { McpAuthError } from "./error.js";

/**
 * Returns the message of an error without the `Server "name": ` at its start, for a message that begins with something
 * else: another server that shares the failure, or the store.
 */
export function messageWithoutServer({ message, server }: McpAuthError): string {
  return server === undefined ? message : withoutServer(message, server);
}

/** The same for the message of a warning. */
export function withoutServer(message: string, server: string): string {
  const start = `Server "${server}": `;
  return message.startsWith(start) ? message.slice(start.length) : message;
}
