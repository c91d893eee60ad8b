// Tests that a program with a proxy ends when it has nothing left to do.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { startScriptedServer } from "../integration/harness.js";
import { open, post, tokenConfig } from "../integration/proxied.js";

const dist = (name: string) => JSON.stringify(new URL(`../../dist/${name}`, import.meta.url).href);

/** Starts a program with a proxy. `url` is printed first; `body` runs after the first line on its standard input. */
async function startProgram(serverUrl: string, body = "") {
  const { config, env } = tokenConfig(serverUrl);
  const source = `
    const { createMcpAuth } = await import(${dist("index.js")});
    const { startProxy } = await import(${dist("proxy.js")});
    const auth = await createMcpAuth({ config: ${JSON.stringify(config)} });
    const proxy = await startProxy(auth);
    console.log(proxy.url("tools"));
    await new Promise((resolve) => process.stdin.once("data", resolve));
    process.stdin.destroy();
    ${body}
    console.log("end of program");
  `;
  const child = spawn(process.execPath, ["--input-type=module", "-e", source], {
    cwd: fileURLToPath(new URL("../../", import.meta.url)),
    env: { ...process.env, ...env },
    stdio: ["pipe", "pipe", "inherit"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const exited = once(child, "exit");
  const [line] = await once(child.stdout.setEncoding("utf8"), "data");
  let output = "";
  child.stdout.on("data", (chunk) => {
    output += chunk;
  });
  return {
    url: String(line).trim(),
    async end() {
      child.stdin.end("go on\n");
      const [code] = await exited;
      return { code, output };
    },
  };
}

const call = { jsonrpc: "2.0", id: 1, method: "tools/list" };
const ended = { code: 0, output: "end of program\n" };

test("a program ends by itself although its proxy was not stopped and a host keeps its connection", async () => {
  const server = await startScriptedServer((_request, response) => void response.end("{}"));
  const program = await startProgram(server.origin);
  const { Agent } = await import("node:http");
  const agent = new Agent({ keepAlive: true });
  onTestFinished(() => agent.destroy());
  expect((await post(program.url, call, { agent })).text).toBe("{}");
  expect(await program.end()).toEqual(ended);
});

test("a program ends by itself while a host still listens to the stream of a server", async () => {
  const server = await startScriptedServer((_request, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders();
  });
  const program = await startProgram(server.origin);
  const { request, response } = open(program.url);
  request.end();
  (await response).on("error", () => {});
  expect(await program.end()).toEqual(ended);
});

test("a program that stops its proxy ends by itself, and can still use the runtime", async () => {
  const server = await startScriptedServer((_request, response) => void response.end("{}"));
  const body = `await proxy.stop(); console.log(await auth.resolve("tools").getAccessToken());`;
  const program = await startProgram(server.origin, body);
  expect((await post(program.url, call)).text).toBe("{}");
  const { code, output } = await program.end();
  expect(code).toBe(0);
  expect(output).toMatch(/^\S+\nend of program\n$/);
});
