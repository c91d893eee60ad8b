import { McpAuthError } from "../../errors/error.js";
import { hasErrorCode } from "../../errors/expected-errors.js";
import type { FetchFunction, TokenManager } from "../../index.js";
import { hostFetch } from "../common/host-fetch.js";

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
  const optionalPackage: string = "@modelcontextprotocol/sdk/client/streamableHttp.js";
  try {
    // A variable and the comments keep bundlers from looking for this optional package.
    const { StreamableHTTPClientTransport } = await import(
      /* webpackIgnore: true */ /* turbopackIgnore: true */ optionalPackage
    );
    return StreamableHTTPClientTransport;
  } catch (error) {
    // A loader, such as that of a test runner, may wrap the error of Node.
    const reason = error instanceof Error && error.cause !== undefined ? error.cause : error;
    if (!hasErrorCode(reason, "ERR_MODULE_NOT_FOUND", "MODULE_NOT_FOUND")) throw error;
    throw new McpAuthError(
      "config_invalid",
      "The Strands transport needs the MCP SDK, which is not installed. Run: npm install @modelcontextprotocol/sdk@1",
    );
  }
}
