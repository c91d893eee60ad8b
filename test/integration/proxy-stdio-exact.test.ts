// Numbers that JavaScript cannot hold go through the stdio bridge as they were written.
import { once } from "node:events";
import { expect, test } from "vitest";
import { deferred } from "../support/deferred.js";
import { startScriptedServer } from "./harness.js";
import { modernRequest, plainManager, type RunningBridge, startBridge, toolCall } from "./stdio-bridge.js";

const large = "12345678901234567890";

/** Writes lines of a host, ends the input, and returns the lines that the bridge wrote. */
async function exchanged(bridge: RunningBridge, lines: readonly string[]): Promise<string[]> {
  let written = "";
  bridge.output.on("data", (chunk) => {
    written += chunk;
  });
  bridge.input.end(lines.map((line) => `${line}\n`).join(""));
  await bridge.ended;
  return written.trim().split("\n");
}

/** Answers every request with one text of JSON. */
async function answering(json: string): Promise<RunningBridge> {
  const server = await startScriptedServer((_request, response) => {
    response.writeHead(200, { "content-type": "application/json" }).end(json);
  });
  return startBridge(plainManager(server.origin));
}

test("our own errors have the id of the host's request, also if two ids are the same to JavaScript", async () => {
  const server = await startScriptedServer((_request, response) => void response.writeHead(500).end());
  const ids = ["9007199254740993", "9007199254740992", "1e400", "-1e400"];
  const lines = ids.map((id) => `{"jsonrpc":"2.0","id":${id},"method":"ping"}`);
  const answers = await exchanged(startBridge(plainManager(server.origin)), [
    `[${lines.join()}]`,
    `{"jsonrpc":"2.0","id":${large}}`,
  ]);
  const written = answers.map((line) => /"id":(.*?),"error"/.exec(line)?.[1]);
  expect(written.toSorted()).toEqual([...ids, large].toSorted());
});

test("a batch of the server is passed on line by line without a change", async () => {
  const answer = `{"jsonrpc":"2.0","id":${large},"result":{"n":[1.0,1e400,${large}]}}`;
  const bridge = await answering(`[${answer}]`);
  expect(await exchanged(bridge, [`{"jsonrpc":"2.0","id":${large},"method":"x"}`])).toEqual([answer]);
});

test("a list without a tool that is wrong has no other change", async () => {
  const good = `{"name":"good","inputSchema":{"maximum":${large}}}`;
  const bad = '{"name":"bad","inputSchema":{"type":"array","x-mcp-header":"List"}}';
  const list = (tools: string) => `{"jsonrpc":"2.0","id":${large},"result":{"tools":[${tools}],"ttlMs":1.0}}`;
  const request = JSON.stringify(modernRequest(1, "tools/list")).replace('"id":1,', `"id":${large},`);
  expect(await exchanged(await answering(list(`${bad}, ${good}`)), [request])).toEqual([list(good)]);
});

test("a request is canceled by its exact id", async () => {
  const closed = deferred();
  const server = await startScriptedServer(async (_request, response) => {
    await once(response, "close");
    closed.resolve();
  });
  const bridge = startBridge(plainManager(server.origin));
  bridge.input.write(`${JSON.stringify(modernRequest(1, "ping")).replace('"id":1,', `"id":${large},`)}\n`);
  await server.received(1);
  const params = `{"requestId":${large}}`;
  bridge.input.write(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":${params}}\n`);
  await closed.promise;
});

test("an answer with `null` as its error is a result", async () => {
  const bridge = await answering('{"jsonrpc":"2.0","id":1,"result":{"n":1.0},"error":null}');
  const answers = await exchanged(bridge, [JSON.stringify(toolCall(1, "x"))]);
  expect(answers).toEqual(['{"jsonrpc":"2.0","id":1,"result":{"n":1.0}}']);
});
