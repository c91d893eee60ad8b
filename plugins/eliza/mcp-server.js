// The connection to one MCP server. It imports nothing of Eliza.
import { Client, SdkHttpError, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";

const firstDelay = 1_000;
const longestDelay = 60_000;

/**
 * Connects to a server, in the background until it succeeds, and again if the server has ended the session.
 */
export class McpServer {
  #manager;
  #events;
  /** @type {Promise<Client> | undefined} */
  #connection;
  #delay = firstDelay;
  /** @type {NodeJS.Timeout | undefined} */
  #retry;
  #isStopped = false;

  /**
   * @param {Pick<import("mcp-auth-runtime").TokenManager, "url" | "fetch" | "status">} manager
   * @param {{ onTools(tools: readonly Tool[]): void, onFailure(error: Error): void }} events
   */
  constructor(manager, events) {
    this.#manager = manager;
    this.#events = events;
  }

  /** Resolves after the first attempt, whether it succeeded or not. */
  async start() {
    try {
      await this.#connect();
    } catch (error) {
      if (this.#isStopped) return;
      this.#events.onFailure(asError(error));
      this.#retry = setTimeout(() => this.start(), this.#delay);
      this.#retry.unref();
      this.#delay = Math.min(2 * this.#delay, longestDelay);
    }
  }

  /**
   * Calls a tool. Rejects with the error of the MCP SDK, or of `manager.fetch`. If the server has refused the token, and no
   * other one could be requested, that is the reason why not.
   *
   * @param {string} name
   * @param {Record<string, unknown>} args
   */
  async call(name, args) {
    const connection = this.#connect();
    try {
      return await callTool(await connection, name, args);
    } catch (error) {
      if (statusOf(error) === 401) throw this.#manager.status().lastError ?? error;
      if (statusOf(error) !== 404) throw error;
      // The server no longer has the session. Of several calls that failed, the first one connects.
      if (this.#connection === connection) this.#connection = undefined;
      return await callTool(await this.#connect(), name, args);
    }
  }

  async stop() {
    this.#isStopped = true;
    clearTimeout(this.#retry);
    const closing = this.#connection?.then((client) => client.close());
    await closing?.catch(() => {});
  }

  #connect() {
    if (this.#connection !== undefined) return this.#connection;
    const connection = this.#open();
    this.#connection = connection;
    connection.catch(() => {
      if (this.#connection === connection) this.#connection = undefined;
    });
    return connection;
  }

  async #open() {
    const { url, fetch } = this.#manager;
    /** @type {(error: Error | null, tools: readonly Tool[] | null) => void} */
    const onChanged = (error, tools) => {
      if (tools !== null) this.#events.onTools(tools);
      else if (error !== null) this.#events.onFailure(error);
    };
    const client = new Client(
      { name: "mcp-auth-eliza", version: "0.1.0" },
      { listChanged: { tools: { onChanged } } },
    );
    await client.connect(new StreamableHTTPClientTransport(new URL(url), { fetch }));
    const { tools } = await client.listTools();
    if (!this.#isStopped) this.#events.onTools(tools);
    return client;
  }
}

/** @param {Client} client @param {string} name @param {Record<string, unknown>} args */
function callTool(client, name, args) {
  return client.callTool({ name, arguments: args });
}

/** @param {unknown} error */
function statusOf(error) {
  return error instanceof SdkHttpError ? error.data.status : undefined;
}

/** @param {unknown} error */
function asError(error) {
  return error instanceof Error ? error : new Error(String(error));
}

/** @typedef {import("@modelcontextprotocol/client").Tool} Tool */
