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
  /** Connections whose session has ended, until their last call has. @type {Set<Promise<Client>>} */
  #ended = new Set();
  /** The calls in progress. @type {Set<Promise<unknown>>} */
  #sent = new Set();
  #delay = firstDelay;
  /** @type {NodeJS.Timeout | undefined} */
  #retry;
  #isStopped = false;

  /**
   * @param {Pick<import("mcp-auth-runtime").TokenManager, "name" | "url" | "fetch" | "status">} manager
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
      this.#events.onFailure(this.#asError(error));
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
      return await this.#send(connection, name, args);
    } catch (error) {
      if (statusOf(error) === 401) throw this.#manager.status().lastError ?? error;
      if (statusOf(error) !== 404) throw this.#asError(error);
    }
    // The server no longer has the session. Of several calls that failed, the first one connects.
    if (this.#connection === connection) this.#end(connection);
    try {
      return await this.#send(this.#connect(), name, args);
    } catch (error) {
      throw this.#asError(error);
    }
  }

  async stop() {
    this.#isStopped = true;
    clearTimeout(this.#retry);
    const connections = [...this.#ended, ...(this.#connection === undefined ? [] : [this.#connection])];
    await Promise.all(connections.map(close));
  }

  /** @param {Promise<Client>} connection @param {string} name @param {Record<string, unknown>} args */
  async #send(connection, name, args) {
    const sent = connection.then((client) => client.callTool({ name, arguments: args }));
    this.#sent.add(sent);
    try {
      return await sent;
    } finally {
      this.#sent.delete(sent);
    }
  }

  /**
   * Lets the next call connect. The client is closed, so that its event stream ends, when no other call waits for it.
   *
   * @param {Promise<Client>} connection
   */
  #end(connection) {
    this.#connection = undefined;
    this.#ended.add(connection);
    void Promise.allSettled(this.#sent)
      .then(() => close(connection))
      .then(() => this.#ended.delete(connection));
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
    try {
      await client.connect(new StreamableHTTPClientTransport(new URL(url), { fetch }));
      const { tools } = await client.listTools();
      if (!this.#isStopped) this.#events.onTools(tools);
      return client;
    } catch (error) {
      await client.close().catch(() => {});
      throw error;
    }
  }

  /**
   * Says which server could not be reached, where `fetch` says only that it failed.
   *
   * @param {unknown} error
   */
  #asError(error) {
    if (!(error instanceof Error)) return new Error(String(error));
    const code = error instanceof TypeError ? Object(error.cause).code : undefined;
    if (typeof code !== "string") return error;
    return new Error(
      `Server "${this.#manager.name}": could not reach the MCP server (${code}). Check its URL, and that it is running.`,
      { cause: error },
    );
  }
}

/** @param {Promise<Client>} connection */
async function close(connection) {
  await connection.then((client) => client.close()).catch(() => {});
}

/** @param {unknown} error */
function statusOf(error) {
  return error instanceof SdkHttpError ? error.data.status : undefined;
}

/** @typedef {import("@modelcontextprotocol/client").Tool} Tool */
