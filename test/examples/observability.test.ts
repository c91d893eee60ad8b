// What Prometheus says about the examples, and about the metrics of a running proxy.
import { execFile, spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { sendToken, startScriptedIssuer } from "../integration/harness.js";
import { ask, startProxied } from "../integration/proxied.js";

const folder = fileURLToPath(new URL("../../examples/observability/", import.meta.url));

test.each([
  [["check", "config", "--syntax-only", "prometheus.yml"]],
  [["check", "rules", "--lint-fatal", "alerts.yml"]],
  [["test", "rules", "alerts.test.yml"]],
])("promtool accepts %j", async (args) => {
  // It rejects with the output of a program that fails.
  const { stdout } = await promisify(execFile)("promtool", args, { cwd: folder });
  expect(stdout).toContain("SUCCESS");
});

test("promtool has nothing to say about the metrics of a proxy that has passed on a request", async () => {
  const issuer = await startScriptedIssuer((_request, response) => sendToken(response, "t1"));
  const { config, env } = issuer;
  const proxied = await startProxied({ config, env });
  await ask(proxied.url);
  const metrics = await proxied.metrics();
  expect(metrics).toContain('mcp_auth_token_renewals_total{mcp_auth_server="tools"');
  const promtool = spawn("promtool", ["check", "metrics"]);
  promtool.stdin.end(metrics);
  expect(await Promise.all([text(promtool.stdout), text(promtool.stderr)])).toEqual(["", ""]);
});

test("the example for an agent prints the span of a token, with our error code", async () => {
  const grant = { client: { issuer: "http://127.0.0.1:9", id: "agent", secret: { env: "SECRET" } } };
  const config = { servers: { crm: { url: "http://127.0.0.1:9/mcp", grant } } };
  const dist = new URL("../../dist/index.js", import.meta.url).href;
  const program = `
    const { createMcpAuth } = await import(${JSON.stringify(dist)});
    const auth = await createMcpAuth({ config: ${JSON.stringify(config)} });
    await auth.resolve("crm").getAccessToken().catch(() => {});
    process.exit();`;
  const args = ["--import", `${folder}otel-agent.mjs`, "--input-type=module", "--eval", program];
  const { stdout } = await promisify(execFile)(process.execPath, args, {
    env: { PATH: process.env["PATH"], METRICS_PORT: "0" },
  });
  expect(stdout).toContain("name: 'mcp_auth.token.acquire'");
  expect(stdout).toContain("'error.type': 'unavailable'");
});
