import type { FetchFunction, TokenManager } from "../../index.js";
import { hostFetch } from "../common/host-fetch.js";
import { loadPackage } from "../common/load-package.js";

/** `McpTransport` of `@strands-agents/sdk`: the `Transport` of the MCP SDK. Its messages are those of JSON-RPC. */
export interface StrandsTransport {
  readonly sessionId: string | undefined;
  start(): Promise<void>;
  send(message: object, options?: object): Promise<void>;
  close(): Promise<void>;
  setProtocolVersion(version: string): void;
  onclose?: (() => void) | undefined;
  onerror?: ((error: Error) => void) | undefined;
  onmessage?: ((message: unknown, extra?: unknown) => void) | undefined;
}

/** The class `StreamableHTTPClientTransport` of the MCP SDK 1. */
type TransportClass = new (url: URL, options: { readonly fetch: FetchFunction }) => StrandsTransport;

/** A Streamable HTTP transport that can be started again after it was closed. */
export class ReconnectingTransport implements StrandsTransport {
  onclose?: (() => void) | undefined;
  onerror?: ((error: Error) => void) | undefined;
  onmessage?: ((message: unknown, extra?: unknown) => void) | undefined;
  readonly #manager: TokenManager;
  readonly #fetch: FetchFunction;
  /** The transport of the current connection. The one of the MCP SDK can be started only once. */
  #current: StrandsTransport | undefined;

  constructor(manager: TokenManager) {
    this.#manager = manager;
    this.#fetch = hostFetch(manager);
  }

  get sessionId(): string | undefined {
    return this.#current?.sessionId;
  }

  async start(): Promise<void> {
    const Transport = await loadTransport();
    const current = new Transport(new URL(this.#manager.url), { fetch: this.#fetch });
    current.onclose = () => this.onclose?.();
    current.onerror = (error) => this.onerror?.(error);
    current.onmessage = (message, extra) => this.onmessage?.(message, extra);
    this.#current = current;
    await current.start();
  }

  async send(message: object, options?: object): Promise<void> {
    if (this.#current === undefined) throw new Error("Not connected");
    await this.#current.send(message, options);
  }

  async close(): Promise<void> {
    const current = this.#current;
    this.#current = undefined;
    await current?.close();
  }

  setProtocolVersion(version: string): void {
    this.#current?.setProtocolVersion(version);
  }
}

async function loadTransport(): Promise<TransportClass> {
  const module = await loadPackage(
    "@modelcontextprotocol/sdk/client/streamableHttp.js",
    "Could not connect for Strands: the MCP SDK is not installed. Run: npm install @modelcontextprotocol/sdk@1",
  );
  // The package has this export in all versions that we accept.
  return (module as { readonly StreamableHTTPClientTransport: TransportClass }).StreamableHTTPClientTransport;
}
