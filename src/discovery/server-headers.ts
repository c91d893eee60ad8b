import type { Outcome } from "../net/failure.js";

/** The `headers` that the config has for an MCP server. They go to metadata of that server's own origin, and nowhere else. */
export interface ServerHeaders {
  /** What the config says, without the values of references: with other headers a server may answer otherwise. */
  readonly id: string;
  /** Reads the references among them. Never rejects. */
  read(signal: AbortSignal): Promise<Outcome<Readonly<Record<string, string>>>>;
}
