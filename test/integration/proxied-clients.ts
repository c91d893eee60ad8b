// Real MCP clients of a proxy, in every way that a host can reach it.
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { Client as ClientV1 } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport as TransportV1 } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import type { Transport as TransportInterfaceV1 } from "@modelcontextprotocol/sdk/shared/transport.js";
import { Agent } from "undici";
import { onTestFinished } from "vitest";
import type { Proxied } from "./proxied.js";
import { textOf } from "./stdio-bridge.js";

/** How a host reaches the proxy. */
export interface Route {
  readonly url: URL;
  readonly options: {
    readonly fetch?: (input: string | URL, init?: RequestInit) => Promise<Response>;
    readonly requestInit?: RequestInit;
  };
}

/** With the local token in the path. */
export function byPath({ url }: Pick<Proxied, "url">): Route {
  return { url: new URL(url), options: {} };
}

/** With the local token in a header. */
export function byHeader({ origin, localToken }: Proxied): Route {
  const headers = { "MCP-Auth-Proxy-Token": localToken };
  return { url: new URL(`${origin}/tools`), options: { requestInit: { headers } } };
}

/** Over the unix socket, without a token. */
export function bySocket({ socket = "" }: Proxied): Route {
  const dispatcher = new Agent({ connect: { socketPath: socket } });
  onTestFinished(() => dispatcher.destroy());
  return {
    url: new URL("http://localhost/tools"),
    options: {
      // Node's fetch accepts undici's dispatchers, but its types come from another copy of undici.
      fetch: (input, init) => fetch(input, { ...init, dispatcher } as unknown as RequestInit),
    },
  };
}

export interface Host {
  /** The methods that the tests use are the same in both SDKs, except that `callTool` of v1 has a parameter more. */
  readonly client: Omit<Client, "callTool">;
  /** Methods of all notifications that no handler of the SDK took. */
  readonly notified: readonly string[];
  call(
    name: string,
    text?: string,
    options?: { readonly signal?: AbortSignal; readonly onprogress?: () => void },
  ): Promise<unknown>;
  /** Sends DELETE for the session. */
  terminate(): Promise<void>;
}

/** Connects a client that answers `roots/list`. Closes it when the test ends. */
export async function connectProxied(sdk: "v1" | "v2", { url, options }: Route): Promise<Host> {
  const notified: string[] = [];
  const info = { name: "host", version: "1.0.0" };
  const capabilities = { capabilities: { roots: {} } };
  const roots = { roots: [{ uri: "file:///home" }] };
  if (sdk === "v1") {
    const client = new ClientV1(info, capabilities);
    client.fallbackRequestHandler = async () => roots;
    client.fallbackNotificationHandler = async ({ method }) => void notified.push(method);
    const transport = new TransportV1(url, options);
    onTestFinished(() => client.close());
    // The SDK's class does not match its own Transport type under exactOptionalPropertyTypes.
    await client.connect(transport as unknown as TransportInterfaceV1);
    return {
      client: client as unknown as Client,
      notified,
      terminate: () => transport.terminateSession(),
      call: async (name, text = "", more) =>
        textOf(await client.callTool({ name, arguments: { text } }, undefined, more)),
    };
  }
  const client = new Client(info, capabilities);
  client.fallbackRequestHandler = async () => roots;
  client.fallbackNotificationHandler = async ({ method }) => void notified.push(method);
  const transport = new StreamableHTTPClientTransport(url, options);
  onTestFinished(() => client.close());
  await client.connect(transport);
  return {
    ...{ client, notified },
    terminate: () => transport.terminateSession(),
    call: async (name, text = "", more) => textOf(await client.callTool({ name, arguments: { text } }, more)),
  };
}
