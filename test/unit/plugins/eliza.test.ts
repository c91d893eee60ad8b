import { afterEach, describe, expect, test, vi } from "vitest";

// The plugin is JavaScript. These are the parts that do not import Eliza.
type ToolCall = (args: Record<string, unknown>) => Promise<object>;
interface Action {
  readonly name: string;
  readonly parameters: object;
  handler(
    runtime: object,
    message: object,
    state: object,
    options: object,
    callback?: object,
  ): Promise<object>;
}
interface McpServer {
  start(): Promise<void>;
  call(name: string, args: object): Promise<object>;
  stop(): Promise<void>;
}
interface Source {
  acquire(): Promise<object>;
  release(): Promise<void>;
}
interface Events {
  onTools(tools: readonly { name: string }[]): void;
  onFailure(error: Error): void;
}

const plugin = new URL("../../../plugins/eliza/", import.meta.url);
const {
  toolAction,
  toolActions,
}: {
  toolAction: (server: string, tool: object, call: ToolCall) => Action;
  toolActions: (
    server: string,
    tools: readonly object[],
    on: { call: (tool: string, args: object) => Promise<object>; warn: (message: string) => void },
  ) => readonly Action[];
} = await import(new URL("tool-action.js", plugin).href);
const { sharedAuth }: { sharedAuth: (create: () => Promise<object>) => Source } = await import(
  new URL("shared-auth.js", plugin).href
);
const { McpServer }: { McpServer: new (manager: object, events: Events) => McpServer } = await import(
  new URL("mcp-server.js", plugin).href
);

const echo = {
  name: "find-customer",
  inputSchema: {
    type: "object",
    properties: { text: { type: "string", description: "The name", maxLength: 9 }, tags: {} },
    required: ["text"],
  },
};
const runtime = { logger: { error: vi.fn() } };
const stateWith = (args: object) => ({ data: { crmfindcustomer: { ...args, _source: "s", _timestamp: 1 } } });

describe("an MCP tool as an action of Eliza", () => {
  test("the action is named after the server and the tool, and describes each parameter", () => {
    const { name, parameters } = toolAction("crm", echo, async () => ({}));
    expect(name).toBe("CRM_FIND_CUSTOMER");
    expect(parameters).toEqual({
      text: { type: "string", description: 'The name. JSON Schema: {"maxLength":9}', required: true },
      tags: { type: "object", description: "tags", required: false },
    });
  });

  test("the tool is called with the arguments that the model chose, and its text is the result", async () => {
    const calls: object[] = [];
    const action = toolAction("crm", echo, async (args) => {
      calls.push(args);
      return { content: [{ type: "text", text: "Ada" }], structuredContent: { id: 1 } };
    });
    const answers: object[] = [];
    const callback = async (answer: object) => answers.push(answer);
    const result = await action.handler(runtime, {}, stateWith({ text: "A" }), {}, callback);
    expect(calls).toEqual([{ text: "A" }]);
    expect(answers).toEqual([{ text: "Ada", actions: ["CRM_FIND_CUSTOMER"] }]);
    expect(result).toEqual({
      success: true,
      text: "Ada",
      data: { actionName: "CRM_FIND_CUSTOMER", structuredContent: { id: 1 } },
    });
  });

  test("without arguments, the result says which setting makes the model choose them", async () => {
    const action = toolAction("crm", echo, async () => ({}));
    await expect(action.handler(runtime, {}, { data: {} }, {})).resolves.toMatchObject({
      success: false,
      text: "CRM_FIND_CUSTOMER needs text. Set USE_MULTI_STEP=true, so that the model chooses arguments.",
    });
  });

  test("an error of the tool and an error of the request are failures with their text", async () => {
    const refuses = toolAction("crm", echo, async () => ({
      content: [{ type: "text", text: "No such customer" }],
      isError: true,
    }));
    const fails = toolAction("crm", echo, async () => {
      throw new Error('Server "crm": no token.');
    });
    const state = stateWith({ text: "A" });
    const [refused, failed] = await Promise.all([
      refuses.handler(runtime, {}, state, {}),
      fails.handler(runtime, {}, state, {}),
    ]);
    expect(refused).toMatchObject({ success: false, text: "No such customer" });
    expect(failed).toMatchObject({ success: false, text: 'Server "crm": no token.' });
  });
});

describe("the actions for the tools of a server", () => {
  test("a tool whose action would have the name of another one is logged, and gets none", async () => {
    const warnings: string[] = [];
    const tools = ["find-it", "other", "find_it"].map((name) => ({ name, inputSchema: { type: "object" } }));
    const actions = toolActions("crm", tools, {
      call: async (tool) => ({ content: [{ type: "text", text: tool }] }),
      warn: (message) => warnings.push(message),
    });
    expect(actions.map(({ name }) => name)).toEqual(["CRM_FIND_IT", "CRM_OTHER"]);
    expect(await actions[0]?.handler(runtime, {}, { data: {} }, {})).toMatchObject({ text: "find-it" });
    expect(warnings).toEqual([
      'Server "crm": the tools "find-it" and "find_it" would both be the action CRM_FIND_IT, so the agent gets only "find-it". Rename one of them on the server.',
    ]);
  });
});

describe("the tokens that the agents of Eliza share", () => {
  /** Numbers what it creates, and notes what is stopped. */
  function creations() {
    const stopped: number[] = [];
    let count = 0;
    const source = sharedAuth(async () => {
      count += 1;
      const number = count;
      return { number, stop: async () => void stopped.push(number) };
    });
    return { stopped, source };
  }

  test("are stopped after the last agent", async () => {
    const { stopped, source } = creations();
    const [first, second] = await Promise.all([source.acquire(), source.acquire()]);
    expect(first).toBe(second);
    await source.release();
    expect(stopped).toEqual([]);
    await source.release();
    expect(stopped).toEqual([1]);
  });

  test("are new ones for an agent that starts while the last one stops", async () => {
    const { stopped, source } = creations();
    await source.acquire();
    const [, next] = await Promise.all([source.release(), source.acquire()]);
    expect(next).toMatchObject({ number: 2 });
    expect(stopped).toEqual([1]);
  });

  test("stay while an agent that uses them is starting", async () => {
    const { stopped, source } = creations();
    await source.acquire();
    const starting = source.acquire();
    await source.release();
    expect(await starting).toMatchObject({ number: 1 });
    expect(stopped).toEqual([]);
  });

  test("are created again after a failure, which counts no agent", async () => {
    const stop = vi.fn(async () => {});
    const create = vi.fn(async () => ({ stop }));
    create.mockRejectedValueOnce(new Error("no config"));
    const source = sharedAuth(create);
    await expect(source.acquire()).rejects.toThrow("no config");
    await source.acquire();
    await source.release();
    expect(stop).toHaveBeenCalledTimes(1);
  });
});

describe("the connection of Eliza's plugin to an MCP server", () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  /** A server that numbers its sessions and answers 404 for all but the newest one. It has the open event streams. */
  function sessions() {
    let newest = 0;
    const streams = new Set<string>();
    return {
      streams,
      get count() {
        return newest;
      },
      end() {
        newest += 1;
      },
      async fetch(_url: unknown, init: RequestInit): Promise<Response> {
        if (init.method !== "POST") {
          const session = new Headers(init.headers).get("mcp-session-id") ?? "none";
          streams.add(session);
          init.signal?.addEventListener("abort", () => streams.delete(session));
          const headers = { "content-type": "text/event-stream" };
          return new Response(new ReadableStream(), { headers });
        }
        const { id, method } = JSON.parse(String(init.body));
        if (method === "initialize") newest += 1;
        const session = String(newest);
        const sent = new Headers(init.headers).get("mcp-session-id") ?? session;
        if (sent !== session) return new Response("no such session", { status: 404 });
        if (id === undefined) return new Response(null, { status: 202 });
        const results: Record<string, object> = {
          initialize: {
            protocolVersion: "2025-06-18",
            capabilities: { tools: {} },
            serverInfo: { name: "s", version: "1" },
          },
          "tools/list": { tools: [echo] },
          "tools/call": { content: [{ type: "text", text: session }] },
        };
        const headers = { "mcp-session-id": session };
        return Response.json({ jsonrpc: "2.0", id, result: results[method] }, { headers });
      },
    };
  }

  test("a server that cannot be reached is tried again after one second, then after two", async () => {
    vi.useFakeTimers();
    const server = sessions();
    let failures = 0;
    const fetch = async (url: unknown, init: RequestInit) => {
      if (failures < 2) throw new Error('Server "crm": not now.');
      return await server.fetch(url, init);
    };
    const seen: string[] = [];
    const connection = new McpServer(
      { name: "crm", url: "https://crm.example/mcp", fetch },
      {
        onTools: (tools) => seen.push(...tools.map(({ name }) => name)),
        onFailure: ({ message }) => {
          failures += 1;
          seen.push(message);
        },
      },
    );
    await connection.start();
    expect(seen).toEqual(['Server "crm": not now.']);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(seen).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(1_999);
    expect(seen).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(1);
    expect(seen[2]).toBe("find-customer");
    await connection.stop();
  });

  test("if the server refuses the token, the call fails with the reason why there is no other one", async () => {
    const server = sessions();
    let isRefused = false;
    const fetch = async (url: unknown, init: RequestInit) =>
      isRefused ? new Response("who are you?", { status: 401 }) : await server.fetch(url, init);
    const status = () => ({ lastError: new Error('Server "crm": not now.') });
    const connection = new McpServer(
      { name: "crm", url: "https://crm.example/mcp", fetch, status },
      { onTools: () => {}, onFailure: () => {} },
    );
    await connection.start();
    isRefused = true;
    await expect(connection.call("find-customer", { text: "A" })).rejects.toThrow('Server "crm": not now.');
    await connection.stop();
  });

  test("calls that fail because the session has ended connect once and are sent again", async () => {
    const server = sessions();
    const connection = new McpServer(
      { name: "crm", url: "https://crm.example/mcp", fetch: server.fetch },
      { onTools: () => {}, onFailure: () => {} },
    );
    await connection.start();
    server.end();
    const answers = await Promise.all([1, 2, 3].map(() => connection.call("find-customer", { text: "A" })));
    expect(answers).toMatchObject(Array(3).fill({ content: [{ type: "text", text: "3" }] }));
    expect(server.count).toBe(3);
    await connection.stop();
  });

  test("the event stream ends if the tools cannot be listed, and when the session has ended", async () => {
    vi.useFakeTimers();
    const server = sessions();
    let isBroken = true;
    const fetch = async (url: unknown, init: RequestInit) => {
      if (isBroken && String(init.body).includes("tools/list")) {
        // The event stream opens meanwhile.
        await vi.waitFor(() => expect(server.streams.size).toBe(1));
        return new Response("broken", { status: 500 });
      }
      return await server.fetch(url, init);
    };
    const failures: string[] = [];
    const connection = new McpServer(
      { name: "crm", url: "https://crm.example/mcp", fetch },
      { onTools: () => {}, onFailure: ({ message }) => failures.push(message) },
    );
    await connection.start();
    expect(failures).toHaveLength(1);
    expect([...server.streams]).toEqual([]);
    isBroken = false;
    await vi.advanceTimersByTimeAsync(1_000);
    await vi.waitFor(() => expect([...server.streams]).toEqual(["2"]));
    server.end();
    await connection.call("find-customer", { text: "A" });
    await vi.waitFor(() => expect([...server.streams]).toEqual(["4"]));
    await connection.stop();
    expect([...server.streams]).toEqual([]);
  });

  test("a call that is in progress when the session has ended is not interrupted", async () => {
    const server = sessions();
    let answer = () => {};
    const held = new Promise<void>((resolve) => {
      answer = resolve;
    });
    let isHeld = false;
    const fetch = async (url: unknown, init: RequestInit) => {
      const response = await server.fetch(url, init);
      if (String(init.body).includes("slow")) {
        isHeld = true;
        const aborted = new Promise((_, reject) =>
          init.signal?.addEventListener("abort", () => reject(new Error("aborted"))),
        );
        await Promise.race([held, aborted]);
      }
      return response;
    };
    const connection = new McpServer(
      { name: "crm", url: "https://crm.example/mcp", fetch },
      { onTools: () => {}, onFailure: () => {} },
    );
    await connection.start();
    const slow = connection.call("find-customer", { text: "slow" });
    await vi.waitFor(() => expect(isHeld).toBe(true));
    server.end();
    await connection.call("find-customer", { text: "A" });
    answer();
    await expect(slow).resolves.toMatchObject({ content: [{ type: "text" }] });
    await connection.stop();
  });

  test("a server that cannot be reached is named, with the reason of the system", async () => {
    const server = sessions();
    let isDown = true;
    const fetch = async (url: unknown, init: RequestInit) => {
      if (!isDown) return await server.fetch(url, init);
      throw new TypeError("fetch failed", { cause: Object.assign(new Error(), { code: "ECONNREFUSED" }) });
    };
    const failures: string[] = [];
    const connection = new McpServer(
      { name: "crm", url: "https://crm.example/mcp", fetch },
      { onTools: () => {}, onFailure: ({ message }) => failures.push(message) },
    );
    const reason =
      'Server "crm": could not reach the MCP server (ECONNREFUSED). Check its URL, and that it is running.';
    await connection.start();
    expect(failures).toEqual([reason]);
    await expect(connection.call("find-customer", { text: "A" })).rejects.toThrow(reason);
    isDown = false;
    await connection.call("find-customer", { text: "A" });
    isDown = true;
    await expect(connection.call("find-customer", { text: "A" })).rejects.toThrow(reason);
    await connection.stop();
  });
});
